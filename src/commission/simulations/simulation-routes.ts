// Rehearsals over HTTP: asking for one, looking at it, listing what would be otherwise, cancelling.

import { Readable } from 'node:stream';

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { decimalOf, isCurrency } from '../../core/money.ts';
import type { App } from '../../platform/http/app.ts';
import { STREAM_TIMEOUT_MS } from '../../platform/http/bodies.ts';
import { bodyExamples, callerId, time } from '../../platform/http/fields.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { stringifyJson } from '../../platform/http/json.ts';
import { cursorNumber, decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { checkAllButBody, faultsOf, problems } from '../../platform/http/problem.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import { csvRow } from '../../platform/lines/csv-row.ts';
import { readCampaigns } from '../campaigns/campaign-store.ts';
import { readMerchants } from '../facts/facts-store.ts';
import { readRules } from '../rules/rule-cache.ts';
import { applyChanges, changeSchema, readChange } from './changes.ts';
import { currenciesOf, readEnds } from './recorded-store.ts';
import { changedOrder, showChangedOrder, showSimulation, simulationAnswer } from './simulation-answer.ts';
import { listChangedOrders } from './simulation-order-store.ts';
import { addSimulation, cancelSimulation, countUnfinished, findSimulation, type Simulation } from './simulation-store.ts';

const CHANGES_MAX = 20;
/** Those that run, and those that wait for them. */
const UNFINISHED_MAX = 20;
const ROWS_PER_CHUNK = 2000;

const tags = ['rules'];
const READERS = ['operator', 'finance', 'risk'] as const;

const EXAMPLE = {
  changes: [
    {
      name: '12 % for bottles',
      scope: { merchant_id: 'm1', product_id: 'p1' },
      plan: { rate_ppm: 120_000, split: [{ to: 'promoter', share_ppm: 1_000_000 }] },
    },
  ],
  from: '2026-06-01T00:00:00+08:00',
  to: '2026-07-01T00:00:00+08:00',
  merchant_id: 'm1',
  currency: 'CNY',
};

const period = {
  from: time.meta({ description: 'The orders that were attributed at or after this time.' }),
  to: time.meta({ description: 'And before this one.' }),
  merchant_id: callerId.nullish().meta({ description: 'Of one merchant only.' }),
  currency: z
    .string()
    .refine(isCurrency, 'is no currency of ISO 4217')
    .nullish()
    .meta({ description: 'Of which the sums are; where it is left out, the only one that the orders have.' }),
};
const changeList = <Item extends z.ZodType>(item: Item) => z.array(item).min(1).max(CHANGES_MAX);

const body = z.strictObject({ changes: changeList(changeSchema), ...period }).meta(bodyExamples(EXAMPLE));
/** Each change is then read by itself, as a publication is. */
const bodyRead = z.strictObject({ changes: changeList(z.unknown()), ...period });

const path = z.object({ simulation_id: z.uuid().meta({ description: 'The rehearsal, by an id of ours.' }) });
const place = z.tuple([cursorNumber]);

interface SimulationRoutesDeps {
  db: Kysely<DB>;
  levelsMax: number;
  nudge: (kind: 'simulations') => void;
}

/** The routes under /v1/rule-simulations. */
export function simulationRoutes(app: App, deps: SimulationRoutesDeps): void {
  askingRoute(app, deps);
  cancellingRoute(app, deps);
  readingRoutes(app, deps);
}

const asking = {
  operationId: 'ruleSimulations.make',
  tags,
  summary: 'Rehearse changes of rules or of a policy over the orders of a period',
  description:
    'Every order is decided by the award itself, as if the changes had been in force at its attribution time; a time that a change ' +
    'states counts where it lies inside the period. Whom an order is attributed to stays as it was recorded unless a policy is changed, ' +
    'and so does a rule that the changes do not choose otherwise: without an effective change, `after` is `before`. Commission is all ' +
    'shares, the platform’s too. Nothing that money depends on is written. What is found is kept for thirty days.',
  body,
  response: {
    202: simulationAnswer,
    ...problems(
      'conflict',
      'currency_needed',
      'invalid_plan',
      'not_found',
      'referral_levels_exceeded',
      'rule_conflict',
      'rule_ended',
      'unknown_merchant',
      'unprocessable',
    ),
  },
};

function askingRoute(app: App, { db, levelsMax, nudge }: SimulationRoutesDeps): void {
  app.post('/v1/rule-simulations', {
    config: { scopes: ['admin', 'auditor'], roles: [...READERS] },
    schema: asking,
    validatorCompiler: checkAllButBody,
    handler: async (request, reply) => {
      const asked = readBody(request.body);
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const query = await understand(trx, asked, levelsMax, now);
        const simulation = await addSimulation(trx, uuidv7(now.getTime()), query, { actor: request.actor, now });
        const shown = showSimulation(simulation);
        const subject = { subjectKind: 'rule_simulation', subjectId: simulation.simulationId, before: null, after: shown.query };
        await recordChange(trx, { actor: request.actor, now, action: 'rule_simulation_asked', ...subject });
        return { status: 202, body: shown };
      });
      nudge('simulations');
    },
  });
}

type Asked = Omit<z.output<typeof bodyRead>, 'changes'> & { changes: ReturnType<typeof readChange>[] };

function readBody(value: unknown): Asked {
  const read = bodyRead.safeParse(value);
  if (!read.success) {
    const errors = faultsOf(read.error);
    throw new DomainError('malformed_request', `The rehearsal is wrong at ${errors[0]!.path || 'its beginning'}: ${errors[0]!.message}.`, {
      errors,
    });
  }
  return { ...read.data, changes: read.data.changes.map(readChange) };
}

/** The merchant that a change names by itself. */
function merchantOf(change: Asked['changes'][number]): string | null {
  if ('campaign' in change) return change.campaign.merchant_id;
  return 'attribution' in change ? change.merchant_id : null;
}

/** Refuses what could not be rehearsed, before anybody waits for it. */
async function understand(
  trx: Transaction<DB>,
  { changes, from, to, merchant_id: merchant, currency }: Asked,
  levelsMax: number,
  now: Date,
) {
  if (to <= from) {
    throw new DomainError('unprocessable', 'to must lie after from.', { errors: [{ path: 'to', message: 'must lie after from' }] });
  }
  if ((await countUnfinished(trx)) >= UNFINISHED_MAX) {
    throw new DomainError('conflict', `${UNFINISHED_MAX} rehearsals run or wait already: cancel one, or wait.`);
  }
  const merchantId = merchant ?? null;
  const named = [merchantId, ...changes.map(merchantOf)].filter((id) => id !== null);
  const known = await readMerchants(trx, named);
  const unknown = named.find((id) => !known.has(id));
  if (unknown !== undefined) throw new DomainError('unknown_merchant', `There is no merchant ${unknown}.`);
  const standing = {
    versions: await readRules(trx),
    ends: await readEnds(trx),
    campaigns: await readCampaigns(trx),
    period: { from, to },
    levelsMax,
    now,
  };
  applyChanges(changes, standing);
  const asIs = JSON.parse(stringifyJson(changes)) as unknown[];
  return { changes: asIs, from, to, merchantId, currency: currency ?? (await onlyCurrency(trx, { from, to, merchantId })) };
}

async function onlyCurrency(trx: Transaction<DB>, query: Parameters<typeof currenciesOf>[1]): Promise<string> {
  const [only, other] = await currenciesOf(trx, query);
  if (only !== undefined && other === undefined) return only;
  const found = only === undefined ? 'No order of the period has one' : `The orders have several, such as ${only} and ${other}`;
  const errors = [{ path: 'currency', message: 'is needed' }];
  throw new DomainError('currency_needed', `${found}: say in which currency the sums are to be.`, { errors });
}

const noSimulation = (simulationId: string): DomainError => new DomainError('not_found', `There is no rehearsal ${simulationId}.`);

function cancellingRoute(app: App, { db }: SimulationRoutesDeps): void {
  app.delete('/v1/rule-simulations/:simulation_id', {
    config: { scopes: ['admin', 'auditor'], roles: [...READERS] },
    schema: {
      operationId: 'ruleSimulations.cancel',
      tags,
      summary: 'Cancel a rehearsal',
      description: 'It ends within seconds. One that has ended stays as it is.',
      params: path,
      response: { 204: z.undefined(), ...problems('not_found', 'simulation_finished') },
    },
    handler: async ({ params: { simulation_id: simulationId }, actor }, reply) => {
      await inTransaction(db, async ({ trx, now }) => {
        if ((await findSimulation(trx, simulationId)) === null) throw noSimulation(simulationId);
        if (!(await cancelSimulation(trx, simulationId, now))) {
          throw new DomainError('simulation_finished', 'The rehearsal has ended before.');
        }
        const subject = {
          subjectKind: 'rule_simulation',
          subjectId: simulationId,
          before: { state: 'running' },
          after: { state: 'cancelled' },
        };
        await recordChange(trx, { actor, now, action: 'rule_simulation_cancelled', ...subject });
      });
      return reply.code(204).send();
    },
  });
}

function readingRoutes(app: App, { db }: SimulationRoutesDeps): void {
  app.get('/v1/rule-simulations/:simulation_id', {
    config: { scopes: ['admin', 'auditor'] },
    schema: {
      operationId: 'ruleSimulations.get',
      tags,
      summary: 'One rehearsal: how far it has come, and what it found',
      description: 'The sums and orders are there once its state is `done`.',
      params: path,
      response: { 200: simulationAnswer, ...problems('not_found') },
    },
    handler: async ({ params: { simulation_id: simulationId } }) => {
      const found = await findSimulation(db, simulationId);
      if (found === null) throw noSimulation(simulationId);
      return showSimulation(found);
    },
  });

  app.get('/v1/rule-simulations/:simulation_id/orders', {
    config: { scopes: ['admin', 'auditor'] },
    schema: {
      operationId: 'ruleSimulations.orders',
      tags,
      summary: 'Every order that would earn otherwise',
      description: 'In the order in which they came to us.',
      params: path,
      querystring: pageQuery,
      response: { 200: pageOf(changedOrder), ...problems('not_found', 'simulation_unfinished') },
    },
    handler: async ({ params: { simulation_id: simulationId }, query: { limit, cursor } }) => {
      const run = await findDone(db, simulationId);
      const after = cursor === undefined ? 0n : BigInt(decodeCursor(cursor, place)[0]);
      const orders = await listChangedOrders(db, run, { after, limit: limit + 1 });
      return toPage(orders, limit, showChangedOrder, (order) => [order.orderKey]);
    },
  });

  app.get('/v1/rule-simulations/:simulation_id/orders.csv', {
    config: { scopes: ['admin', 'auditor'] },
    // As long as its reader reads: one who stops is cut off by the idle time-out of his connection.
    handlerTimeout: STREAM_TIMEOUT_MS,
    schema: {
      operationId: 'ruleSimulations.ordersCsv',
      tags,
      summary: 'The same as CSV, in decimals of the currency',
      description: 'It ends with a row of the sums: a file without one was cut off.',
      params: path,
      answerHeaders: { 200: { 'Content-Disposition': 'Names the file.' } },
      response: {
        200: { description: 'The orders.', content: { 'text/csv': { schema: z.unknown().meta({ type: 'string' }) } } },
        ...problems('not_found', 'simulation_unfinished'),
      },
    },
    handler: async ({ params: { simulation_id: simulationId } }, reply) => {
      const simulation = await findDone(db, simulationId);
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="rehearsal-${simulationId}.csv"`)
        .send(Readable.from(orderRows(db, simulation)));
    },
  });
}

async function findDone(db: Kysely<DB>, simulationId: string): Promise<Simulation> {
  const simulation = await findSimulation(db, simulationId);
  if (simulation === null) throw noSimulation(simulationId);
  if (simulation.state === 'done') return simulation;
  throw new DomainError('simulation_unfinished', `The rehearsal is ${simulation.state}, and has no result.`);
}

const COLUMNS = ['record', 'merchant_id', 'source_id', 'order_id', 'attribution_at', 'currency', 'before', 'after', 'difference', 'moved'];

async function* orderRows(db: Kysely<DB>, simulation: Simulation): AsyncGenerator<string> {
  const { currency } = simulation;
  const totals = { before: 0n, after: 0n, moved: 0n };
  const amountsOf = ({ before, after, moved }: typeof totals) =>
    [before, after, after - before, moved].map((amount) => decimalOf(amount, currency));
  // Spreadsheets take a file for UTF-8 by its byte order mark.
  yield `\uFEFF${csvRow(COLUMNS)}`;
  for (let after = 0n; ;) {
    const orders = await listChangedOrders(db, simulation, { after, limit: ROWS_PER_CHUNK });
    let chunk = '';
    for (const order of orders) {
      const { merchantId, sourceId, orderId, attributionAt } = order;
      chunk += csvRow(['order', merchantId, sourceId, orderId, attributionAt?.toISOString() ?? null, currency, ...amountsOf(order)]);
      for (const sum of ['before', 'after', 'moved'] as const) totals[sum] += order[sum];
    }
    yield chunk;
    if (orders.length < ROWS_PER_CHUNK) break;
    after = orders.at(-1)!.orderKey;
  }
  yield csvRow(['total', null, null, null, null, currency, ...amountsOf(totals)]);
}
