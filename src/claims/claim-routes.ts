// Claims over HTTP: a promoter makes them, an operator decides them, and everybody concerned reads
// them.
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { DomainError } from '../core/errors.ts';
import { mayActAs, mayActFor, type Actor } from '../platform/keys/actor.ts';
import { recordChange } from '../platform/keys/audit-log.ts';
import { bodyExamples, callerId, words } from '../platform/http/fields.ts';
import type { App } from '../platform/http/app.ts';
import { answerOnce } from '../platform/http/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../platform/http/paging.ts';
import { problems } from '../platform/http/problem.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { claimSchema, showClaims } from './claim-answer.ts';
import { CLAIM_STATES, CLAIMS_PER_DAY, DECIDE_WITHIN_HOURS, type ClaimDeps } from './claim.ts';
import { isMiss, makeClaim } from './making.ts';
import { auditedOf, decideClaim } from './ruling.ts';
import { findClaim, listClaims, noteMiss } from './claim-store.ts';

const tags = ['claims'];
const readers = ['admin', 'storefront', 'merchant', 'promoter', 'auditor'] as const;
const place = z.object({ claim_id: z.uuid() });
const EVIDENCE_LENGTH_MAX = 4000;
const REASON_LENGTH_MAX = 1000;

/** The promoter's words may have lines; other control characters have no place in them. */
const evidence = z
  .string()
  .trim()
  .min(1)
  .max(EVIDENCE_LENGTH_MAX)
  .regex(/^(?:[^\p{Cc}\p{Cs}]|[\n\r\t])*$/u, 'must not contain control characters');

const newClaim = z
  .strictObject({
    promoter_id: callerId.nullish().meta({ description: 'Needed of an operator; a promoter claims for itself.' }),
    merchant_id: callerId.nullish().meta({ description: 'Needed where the order has not arrived yet, or several merchants have it.' }),
    source_id: callerId.nullish().meta({ description: 'Any source of the merchant when absent; without a merchant `rest`.' }),
    order_id: callerId,
    line_id: callerId.nullish().meta({ description: 'The whole order when absent.' }),
    evidence: evidence.meta({ description: 'Why it is this promoter’s: who bought, when, after which share.' }),
  })
  .meta(
    bodyExamples({ promoter_id: 'alice', merchant_id: 'm1', order_id: '1002', evidence: 'My sister bought it, by the link in our group.' }),
  );

const decision = z
  .strictObject({ decision: z.enum(['approve', 'reject']), reason: words(REASON_LENGTH_MAX) })
  .meta(bodyExamples({ decision: 'reject', reason: 'The buyer had no link of yours before the payment.' }));

interface ClaimRoutesDeps extends ClaimDeps {
  db: Kysely<DB>;
  /** There may be orders to award. Called after the commit. */
  nudge: (kind: 'awards') => void;
}

/** The routes under /v1/claims. */
export function claimRoutes(app: App, deps: ClaimRoutesDeps): void {
  makingRoute(app, deps);
  decidingRoute(app, deps);
  readingRoutes(app, deps.db);
}

function makingRoute(app: App, deps: ClaimRoutesDeps): void {
  app.post('/v1/claims', {
    config: { scopes: ['promoter'], roles: ['operator', 'risk'] },
    schema: {
      operationId: 'claims.make',
      tags,
      summary: 'Claim an order: "this one is mine"',
      description:
        'The order is awarded anew with everything that is known by now. Where that credits the promoter the claim is settled; else an ' +
        `operator has ${DECIDE_WITHIN_HOURS} hours. An order that has not arrived, or has not been paid, is waited for. A promoter may make ` +
        `${CLAIMS_PER_DAY} claims in 24 hours, and has one undecided claim to an order at a time.`,
      body: newClaim,
      response: {
        201: claimSchema,
        ...problems(
          'suspended',
          'ambiguous_order',
          'claim_exists',
          'unknown_promoter',
          'unknown_merchant',
          'unknown_source',
          'unknown_order',
          'unknown_line',
          'already_credited',
          'claim_too_late',
          'order_not_claimable',
          'claim_limit',
        ),
      },
    },
    handler: async (request, reply) => {
      const { actor, body } = request;
      const promoterId = body.promoter_id ?? actor.promoterId;
      if (promoterId === null) {
        throw new DomainError('malformed_request', 'Say whose claim it is.', {
          errors: [{ path: 'promoter_id', message: 'must be given' }],
        });
      }
      mayActAs(actor, promoterId);
      await answerOnce(request, reply, deps.db, async ({ trx, now }) => {
        const wish = {
          promoterId,
          merchantId: body.merchant_id ?? null,
          sourceId: body.source_id ?? null,
          orderId: body.order_id,
          lineId: body.line_id ?? null,
          evidence: body.evidence,
        };
        const claim = await makeClaim(trx, wish, { keyId: actor.keyId, now }, deps).catch(async (error: unknown) => {
          // By a connection of its own, since what the refused claim did is undone.
          if (actor.promoterId !== null && isMiss(error)) await noteMiss(deps.db, actor.promoterId);
          throw error;
        });
        if (actor.scope === 'admin') {
          const subject = { subjectKind: 'claim', subjectId: claim.claimId, before: null, after: auditedOf(claim) };
          await recordChange(trx, { actor, now, action: 'claim_made', ...subject });
        }
        return { status: 201, body: (await showClaims(trx, [claim], actor))[0] };
      });
      deps.nudge('awards');
    },
  });
}

function decidingRoute(app: App, deps: ClaimRoutesDeps): void {
  app.post('/v1/claims/:claim_id/decision', {
    config: { scopes: ['admin'], roles: ['operator', 'risk'] },
    schema: {
      operationId: 'claims.decide',
      tags,
      summary: 'Approve or reject a claim, once',
      description:
        'An approved claim is evidence that goes before all other, also after the release: the order is awarded anew at once, whoever had ' +
        'earned it is booked back, and nothing that is told later moves it.',
      params: place,
      body: decision,
      response: {
        200: claimSchema,
        ...problems('not_found', 'claim_decided', 'claim_waiting', 'claimed_by_another', 'promoter_suspended', 'order_not_claimable'),
      },
    },
    handler: async (request, reply) => {
      const { actor, body, params } = request;
      await answerOnce(request, reply, deps.db, async ({ trx, now }) => {
        const claim = await decideClaim(trx, params.claim_id, body, { actor, now }, deps);
        return { status: 200, body: (await showClaims(trx, [claim], actor))[0] };
      });
      deps.nudge('awards');
    },
  });
}

function readingRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/claims', {
    config: { scopes: [...readers] },
    schema: {
      operationId: 'claims.list',
      tags,
      summary: 'Claims, the newest first',
      description: 'A key that is bound to a merchant or a promoter lists claims of that one only.',
      querystring: pageQuery.extend({
        state: z.enum(CLAIM_STATES).optional(),
        promoter_id: callerId.optional(),
        merchant_id: callerId.optional(),
      }),
      response: { 200: pageOf(claimSchema) },
    },
    handler: async ({ query, actor }) => {
      const merchantId = query.merchant_id ?? actor.merchantId;
      if (merchantId !== null) mayActFor(actor, merchantId);
      const promoterId = query.promoter_id ?? actor.promoterId;
      if (promoterId !== null) mayActAs(actor, promoterId);
      const before = query.cursor === undefined ? null : decodeCursor(query.cursor, z.tuple([z.uuid()]))[0];
      const claims = await listClaims(db, { state: query.state ?? null, promoterId, merchantId }, before, query.limit + 1);
      const page = toPage(
        claims,
        query.limit,
        (claim) => claim,
        (claim) => [claim.claimId],
      );
      return { ...page, data: await showClaims(db, page.data, actor) };
    },
  });

  app.get('/v1/claims/:claim_id', {
    config: { scopes: [...readers] },
    schema: {
      operationId: 'claims.get',
      tags,
      summary: 'One claim: what was found, what was decided, and the order before and after',
      description: "A promoter's key reads its own claims, and in them nothing of other promoters.",
      params: place,
      response: { 200: claimSchema, ...problems('not_found') },
    },
    handler: async ({ params, actor }) => (await showClaims(db, [await findOne(db, params.claim_id, actor)], actor))[0]!,
  });
}

/** The claim, where this key may see it. */
async function findOne(db: Kysely<DB>, claimId: string, actor: Actor) {
  const claim = await findClaim(db, claimId);
  const isSeen =
    claim !== null &&
    (actor.merchantId === null || actor.merchantId === claim.merchantId) &&
    (actor.promoterId === null || actor.promoterId === claim.promoterId);
  if (!isSeen) throw new DomainError('not_found', 'There is no such claim.');
  return claim;
}
