// Before identities are merged or parted: which orders that would move, and from whom to whom.
import { z } from 'zod';
import type { Transaction } from 'kysely';
import { EXPLAINED_KINDS } from '../../core/explanation.ts';
import { ROLES } from '../../core/party.ts';
import type { App } from '../../platform/http/app.ts';
import { callerId } from '../../platform/http/fields.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { buyerOf, identityLinkThatCounts, takeBack } from '../../promotion/buyers/buyer-store.ts';
import { identityLinkParams } from '../../promotion/buyers/identity-routes.ts';
import { identitiesLinked, identityBody, readIdentityLink, linkIdentities } from '../../promotion/buyers/identity-link.ts';
import type { AwardDeps } from '../award/award.ts';
import { markDueByIdentities } from '../award/due-store.ts';
import { DECISION_KINDS } from '../award/decision.ts';
import { previewChange, PREVIEWED_MAX, type Preview, type PreviewedLine } from './preview.ts';

type Deps = Omit<AwardDeps, 'accounts'>;

const standing = z
  .object({
    decision: z.enum(DECISION_KINDS),
    evidence: z.enum(EXPLAINED_KINDS).nullable(),
    promoter_id: callerId.nullable(),
    shares: z.array(z.object({ role: z.enum(ROLES), level: z.int().optional(), promoter_id: callerId.nullable(), amount: z.int() })),
  })
  .nullable()
  .meta({ description: 'Null where there is no decision of the line.' });

const answer = z.object({
  orders: z.array(
    z.object({
      source_id: callerId,
      order_id: z.string(),
      currency: z.string().nullable(),
      lines: z
        .array(z.object({ line_id: z.string(), before: standing, after: standing }))
        .meta({ description: 'The lines that would be decided otherwise, or be split otherwise.' }),
    }),
  ),
  complete: z
    .boolean()
    .meta({ description: `False when the buyers have more open orders than the latest ${PREVIEWED_MAX}, which are looked at.` }),
});

function onEvidence(trx: Transaction<DB>, _merchantId: string, identities: readonly string[], now: Date): Promise<void> {
  return markDueByIdentities(trx, identities, now);
}

/**
 * POST /v1/identities/previews and /v1/identities/{statement_id}/reversal/previews. They change
 * nothing.
 */
export function identityPreviewRoutes(app: App, deps: Deps): void {
  const { db, tokenKeys, identityKey } = deps;

  app.post('/v1/identities/previews', {
    config: { scopes: ['storefront'], roles: ['operator'] },
    schema: {
      operationId: 'identities.preview',
      tags: ['links'],
      summary: 'Which orders would move if these identities were one buyer',
      description: 'Takes what stating them takes, and changes nothing.',
      body: identityBody,
      response: { 200: answer, ...problems('unknown_merchant', 'unprocessable') },
    },
    handler: async (request, reply) => {
      const { keyId } = request.actor;
      const asked = readIdentityLink(request.body, request.actor, tokenKeys);
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const identities = await buyerOf(trx, await identitiesLinked(trx, asked, identityKey));
        const change = () => linkIdentities(trx, { identityKey, onEvidence }, asked, { keyId, now });
        return { status: 200, body: showPreview(await previewChange(trx, { identities, change, now, deps })) };
      });
    },
  });

  app.post('/v1/identities/:statement_id/reversal/previews', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'identities.previewReversal',
      tags: ['links'],
      summary: 'Which orders would move if a statement about a buyer were taken back',
      description: 'Changes nothing.',
      params: identityLinkParams,
      response: { 200: answer, ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      const { actor } = request;
      const statementId = BigInt(request.params.statement_id);
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const identities = await buyerOf(trx, (await identityLinkThatCounts(trx, statementId)).identities);
        const change = async () => {
          const { merchantId, buyer } = await takeBack(trx, statementId, { actor, now });
          await onEvidence(trx, merchantId, buyer, now);
        };
        return { status: 200, body: showPreview(await previewChange(trx, { identities, change, now, deps })) };
      });
    },
  });
}

function showPreview({ orders, complete }: Preview): z.output<typeof answer> {
  return {
    orders: orders.map(({ lines, ...order }) => ({
      ...order,
      lines: lines.map(({ line_id, before, after }) => ({ line_id, before: showStanding(before), after: showStanding(after) })),
    })),
    complete,
  };
}

function showStanding(given: PreviewedLine | null): z.output<typeof standing> {
  if (given === null) return null;
  return { ...given, shares: given.shares.map(({ level, ...share }) => (level === null ? share : { ...share, level })) };
}
