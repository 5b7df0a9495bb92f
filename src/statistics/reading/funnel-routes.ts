// The funnel over HTTP: of the links that were made, how many were left at each step to the money.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { PPM_WHOLE } from '../../core/money.ts';
import type { App } from '../../platform/http/app.ts';
import { problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readFunnel, STEPS, type Funnel } from './funnel-store.ts';
import { boundFilters } from './plan.ts';
import { KEY_OF, type Group, type KeyFilter } from './query.ts';
import { boundsOf, spanQuery, understandFilters, understandSpan } from './query-fields.ts';
import { inSnapshot, latestClock, readSnapshot } from './snapshot-store.ts';
import { showFilter, watermark } from './statistics-answers.ts';

const funnelFields = spanQuery.omit({ source_id: true, level: true });
const { from: _from, to: _to, time_zone: _timeZone, currency: _currency, ...filterFields } = funnelFields.shape;

const stepAnswer = z.object({
  step: z.enum(STEPS),
  links: z.bigint().meta({ description: 'Links that came to this step or further.' }),
  left_ppm: z
    .bigint()
    .nullable()
    .meta({ description: 'Of those at the step before, the share that did not come here, in parts per million.' }),
  facts: z.bigint().meta({ description: 'The links, clicks without bots, or orders of this step.' }),
});

const funnelAnswer = z
  .object({
    query: z
      .object({ from: z.date(), to: z.date(), time_zone: z.string(), currency: z.string().nullable(), ...filterFields })
      .meta({ description: 'What was asked, as it was understood.' }),
    watermark,
    data: z.array(stepAnswer),
  })
  .meta({ id: 'Funnel' });

/** GET /v1/funnel. */
export function funnelRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/funnel', {
    config: { scopes: ['admin', 'auditor', 'storefront', 'promoter'] },
    schema: {
      operationId: 'statistics.funnel',
      tags: ['statistics'],
      summary: 'Of the links made in a time, how many were clicked, brought orders, and paid',
      description:
        'With all that came of them until now. A link has come to `confirmed` and `released` by the commission of an order that was won by ' +
        'it. A storefront of one merchant is told of that merchant, a promoter of its own links.',
      querystring: funnelFields,
      response: { 200: funnelAnswer, ...problems('unprocessable') },
    },
    handler: async ({ query: fields, actor }) => {
      const span = understandSpan(fields, await latestClock(db));
      const asked = boundFilters({ filters: understandFilters(fields, actor), bounds: boundsOf(actor) });
      const currency = fields.currency ?? null;
      const { below, funnel } = await inSnapshot(db, async (trx) => {
        const snapshot = await readSnapshot(trx);
        return { below: snapshot.watermark, funnel: await readFunnel(trx, snapshot, { ...span, filters: asked, currency }) };
      });
      const filters = (Object.entries(asked) as [Group, KeyFilter][]).map(([group, filter]) => [KEY_OF[group], showFilter(filter)]);
      const query = { ...span, time_zone: fields.time_zone, currency, ...(Object.fromEntries(filters) as Record<string, string>) };
      return { query, watermark: String(below), data: showFunnel(funnel) };
    },
  });
}

function showFunnel(funnel: Funnel): z.input<typeof stepAnswer>[] {
  return STEPS.map((step, place) => {
    const before = place === 0 ? 0n : funnel[STEPS[place - 1]!].links;
    const left = before === 0n ? null : ((before - funnel[step].links) * BigInt(PPM_WHOLE)) / before;
    return { step, links: funnel[step].links, left_ppm: left, facts: funnel[step].facts };
  });
}
