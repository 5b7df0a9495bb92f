// Loading in bulk: files of lines, each a full version as its PUT or POST takes it, in
// transactions of some hundred lines.

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import type { Actor } from '../platform/keys/actor.ts';
import { streamScope } from '../platform/http/bodies.ts';
import { inTransaction } from '../platform/postgres/database.ts';
import { callerId } from '../platform/http/fields.ts';
import type { App } from '../platform/http/app.ts';
import { fileOf, importAnswer, importLines, lineReader, type LineOutcome } from '../platform/lines/line-import.ts';
import { NDJSON_TYPES } from '../platform/lines/ndjson.ts';
import { answerStreamOnce } from '../platform/http/streamed-request.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { LinkCache } from './links/link-cache.ts';
import { linkLine, linkWish } from './links/link-body.ts';
import { makeLinks } from './links/link-store.ts';
import type { MerchantMade, Nudge, PromotersChanged } from './listeners.ts';
import { merchantBody, merchantTerms, productBody, productTerms } from './merchants/merchant-body.ts';
import { applyMerchant } from './merchants/merchant-routes.ts';
import { putProduct, type VersionOrigin } from './merchants/merchant-store.ts';
import { applyPromoter, promoterBody, promoterTerms } from './promoters/promoter-routes.ts';

interface ImportDeps {
  db: Kysely<DB>;
  links: LinkCache;
  merchantMade: MerchantMade;
  /** Whether what changes earnings is drafted, and approved by a second person. */
  reviewRequired: boolean;
  promotersChanged: PromotersChanged;
  nudge: Nudge;
}

const LINES_PER_COMMIT = 100;

/**
 * How lines of a kind are read and stored. `store` answers for each line in order; what it refuses
 * it must not have begun to write.
 */
interface Loader<Line> {
  schema: z.ZodType<Line>;
  /** A file of two lines, for the document. */
  example: readonly [object, object];
  store: (given: { trx: Transaction<DB>; deps: ImportDeps; actor: Actor; now: Date }, lines: Line[]) => Promise<LineOutcome[]>;
}

const merchants: Loader<z.output<typeof merchantBody> & { merchant_id: string }> = {
  schema: merchantBody.extend({ merchant_id: callerId }),
  example: [
    { merchant_id: 'm1', name: 'Demo shop', currency: 'CNY', landing_hosts: ['shop.example.com'] },
    { merchant_id: 'm2', name: 'Second shop', currency: 'USD', landing_hosts: ['second.example.com'] },
  ],
  store: ({ trx, deps, actor, now }, lines) =>
    oneByOne(lines, ({ merchant_id, ...line }) => applyMerchant(trx, deps, merchant_id, merchantTerms(line), originOf(line, actor, now))),
};

const products: Loader<z.output<typeof productBody> & { merchant_id: string; product_id: string }> = {
  schema: productBody.extend({ merchant_id: callerId, product_id: callerId }),
  example: [
    { merchant_id: 'm1', product_id: 'p1', title: 'Stroller', category: 'baby', landing_url: 'https://shop.example.com/p1' },
    { merchant_id: 'm1', product_id: 'p2', title: 'Bottle', category: 'baby', landing_url: 'https://shop.example.com/p2' },
  ],
  store: ({ trx, actor, now }, lines) =>
    oneByOne(lines, (line) =>
      putProduct(trx, { merchantId: line.merchant_id, productId: line.product_id }, productTerms(line), originOf(line, actor, now)),
    ),
};

const promoters: Loader<z.output<typeof promoterBody> & { promoter_id: string }> = {
  schema: promoterBody.extend({ promoter_id: callerId }),
  example: [
    { promoter_id: 'a1', name: 'Agency One', kind: 'agency' },
    { promoter_id: 'alice', name: 'Alice', kind: 'person', agency_id: 'a1' },
  ],
  store: async ({ trx, deps, actor, now }, lines) => {
    const changed: string[] = [];
    const collect = { promotersChanged: async (_: unknown, promoterIds: readonly string[]) => void changed.push(...promoterIds) };
    const outcomes = await oneByOne(lines, (line) =>
      applyPromoter(trx, collect, line.promoter_id, promoterTerms(line), originOf(line, actor, now)),
    );
    await deps.promotersChanged(trx, changed, now);
    return outcomes;
  },
};

const links: Loader<z.output<typeof linkLine>> = {
  schema: linkLine,
  example: [
    { code: 'spring-bob', promoter_id: 'bob', merchant_id: 'm1', product_id: 'p1', scene: 'group' },
    { code: 'spring-alice', promoter_id: 'alice', merchant_id: 'm1', product_id: 'p1', scene: 'moments' },
  ],
  store: async ({ trx, actor, now }, lines) => {
    const results = await makeLinks(trx, lines.map(linkWish), { actor, now });
    return results.map((result) => (result instanceof DomainError ? result : null));
  },
};

function originOf(line: { effective_from?: Date | null | undefined }, actor: Actor, now: Date): VersionOrigin {
  return { actor, now, effectiveFrom: line.effective_from ?? null };
}

async function oneByOne<Line>(lines: Line[], state: (line: Line) => Promise<unknown>): Promise<LineOutcome[]> {
  const outcomes: LineOutcome[] = [];
  for (const line of lines) {
    try {
      await state(line);
      outcomes.push(null);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      outcomes.push(error);
    }
  }
  return outcomes;
}

/** POST /v1/imports/{merchants|products|promoters|links}. */
export function importRoutes(app: App, deps: ImportDeps): void {
  void app.register(async (scope) => {
    streamScope(scope, NDJSON_TYPES);
    importRoute(scope, deps, 'merchants', merchants);
    importRoute(scope, deps, 'products', products);
    importRoute(scope, deps, 'promoters', promoters);
    importRoute(scope, deps, 'links', links);
  });
}

function importRoute<Line>(app: App, deps: ImportDeps, kind: string, loader: Loader<Line>): void {
  app.post(`/v1/imports/${kind}`, {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: `imports.${kind}`,
      tags: ['imports'],
      summary: `Load ${kind} from a file of JSON lines`,
      description: [
        `Each line is what stating one takes, with its ids. Lines are stored as they come, ${LINES_PER_COMMIT} at a time; a bad one is refused`,
        'alone. A file that was cut off can be sent again: what is stored already is not stored twice; of links, those that name their code.',
      ].join(' '),
      sends: fileOf(loader.example),
      response: { 200: importAnswer },
    },
    handler: async (request, reply) => {
      const { actor } = request;
      const store = (lines: Line[]) => inTransaction(deps.db, ({ trx, now }) => loader.store({ trx, deps, actor, now }, lines));
      const lines = { read: lineReader(loader.schema), store, linesPerCommit: LINES_PER_COMMIT };
      await answerStreamOnce(request, reply, deps.db, async (stream) => ({ status: 200, body: await importLines(stream, lines) }));
      deps.links.forget();
      deps.nudge('deliveries');
      deps.nudge('awards');
    },
  });
}
