// How a claim looks to the world: what was found, what was decided, and the lines before and after.
// A promoter reads of its own only.
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { DECISION_KINDS } from '../commission/award/decision.ts';
import { EXPLAINED_KINDS } from '../core/explanation.ts';
import { ROLES } from '../core/party.ts';
import type { Actor } from '../platform/keys/actor.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { CLAIM_STATES, type Claim } from './claim.ts';
import { claimContextSchema, type ClaimContext } from './claim-context.ts';
import { readClaimedLines, type ClaimedLine } from './claimed-line-store.ts';

const line = z.object({
  line_id: z.string(),
  decision: z.enum(DECISION_KINDS),
  evidence: z.enum(EXPLAINED_KINDS).nullable(),
  promoter_id: z.string().nullable().meta({ description: 'Who won the line. A promoter reads null for anybody else.' }),
  shares: z.array(z.object({ role: z.enum(ROLES), level: z.int().optional(), promoter_id: z.string().nullable(), amount: z.int() })),
});

export const claimSchema = z
  .object({
    claim_id: z.uuid(),
    promoter_id: z.string(),
    merchant_id: z.string(),
    source_id: z.string().nullable().meta({ description: 'Null while the claim waits for its order from any source.' }),
    order_id: z.string(),
    line_id: z.string().nullable().meta({ description: 'Null: the whole order.' }),
    evidence: z.string().meta({ description: 'The promoter’s own words.' }),
    state: z.enum(CLAIM_STATES).meta({
      description:
        '`waiting` for the order or its payment; `open` for an operator; `settled`: everything that is known by now credits the promoter by the ' +
        'rules of attribution, and better evidence may still move it; `approved`: evidence for good; `rejected`.',
    }),
    made_at: z.date(),
    due_at: z.date().meta({ description: 'By when an operator has to see to it.' }),
    gathered: claimContextSchema.nullable().meta({ description: 'What was known when the claim was taken up; null while it waits.' }),
    decided_at: z.date().nullable(),
    decided_by: z.uuid().nullable().meta({ description: 'The key of the operator; null where it is settled.' }),
    reason: z.string().nullable(),
    before: z.array(line).nullable().meta({ description: 'The claimed lines before it was settled or approved; null where it was not.' }),
    after: z.array(line).nullable(),
  })
  .meta({
    id: 'Claim',
    examples: [
      {
        claim_id: '01972951-e493-7383-983d-bf4785787aca',
        promoter_id: 'alice',
        merchant_id: 'm1',
        source_id: null,
        order_id: '1002',
        line_id: null,
        evidence: 'My sister bought it, by the link in our group.',
        state: 'waiting',
        made_at: '2026-06-01T12:00:00.000Z',
        due_at: '2026-06-04T12:00:00.000Z',
        gathered: null,
        decided_at: null,
        decided_by: null,
        reason: null,
        before: null,
        after: null,
      },
    ],
  });

/** Claims as this key may see them. */
export async function showClaims(db: Kysely<DB>, claims: readonly Claim[], actor: Actor): Promise<z.output<typeof claimSchema>[]> {
  const lines = await readClaimedLines(
    db,
    claims.map((claim) => claim.claimId),
  );
  return claims.map((claim) => ({
    claim_id: claim.claimId,
    promoter_id: claim.promoterId,
    merchant_id: claim.merchantId,
    source_id: claim.sourceId,
    order_id: claim.orderId,
    line_id: claim.lineId,
    evidence: claim.evidence,
    state: claim.state,
    made_at: claim.madeAt,
    due_at: claim.dueAt,
    gathered: claim.gathered && showGathered(claim.gathered, actor),
    decided_at: claim.decidedAt,
    decided_by: claim.decidedBy,
    reason: claim.reason,
    before: claim.revisionBefore === null ? null : showLines(lines.get(claim.claimId)?.before ?? [], actor),
    after: claim.revisionAfter === null ? null : showLines(lines.get(claim.claimId)?.after ?? [], actor),
  }));
}

function showLines(lines: readonly ClaimedLine[], actor: Actor) {
  return lines.map(({ line_id, decision, evidence, promoter_id, shares }) => ({
    line_id,
    decision,
    evidence,
    promoter_id: seenBy(actor, promoter_id),
    shares: shares
      .filter((share) => actor.promoterId === null || share.promoter_id === actor.promoterId)
      .map(({ level, ...share }) => (level === null ? share : { ...share, level })),
  }));
}

function seenBy(actor: Actor, promoterId: string | null): string | null {
  return actor.promoterId === null || actor.promoterId === promoterId ? promoterId : null;
}

function showGathered(gathered: ClaimContext, actor: Actor): ClaimContext {
  if (actor.promoterId === null) return gathered;
  return {
    ...gathered,
    lines: gathered.lines.map((one) => ({ ...one, winners: one.winners.filter((id) => id === actor.promoterId) })),
    others: gathered.others.map((one) => ({ ...one, promoter_id: seenBy(actor, one.promoter_id) })),
  };
}
