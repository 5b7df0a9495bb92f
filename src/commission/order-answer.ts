// How an order looks to the world: its lines with what they earn, its totals, and why.
import { z } from 'zod';
import { viewOrder, type OrderLine } from '../core/order.ts';
import type { Actor } from '../platform/actor.ts';
import type { StandingDecision } from './award-store.ts';
import type { ExplainedLine } from './explanation.ts';
import type { OrderDelivery, OrderTransfer, ShownOrder } from './order-store.ts';

export const DECISIONS = [
  'attributed',
  'unattributed',
  'no_rule',
  'not_commissionable',
  'duplicate_order',
  'parent_earns',
  'void',
  'pending',
] as const;

const share = z.object({
  role: z.string(),
  level: z.int().optional(),
  promoter_id: z.string().nullable().meta({ description: 'Null: the platform.' }),
  amount: z.int().meta({ description: 'Net, in minor units.' }),
});
const line = z.object({
  line_id: z.string(),
  product_id: z.string().nullable(),
  quantity: z.int(),
  paid_amount: z.bigint(),
  refunded_amount: z.bigint(),
  decision: z.enum(DECISIONS),
  evidence: z.string().nullable(),
  promoter_id: z.string().nullable().meta({ description: 'Who won the line; of several winners the heaviest.' }),
  rule_id: z.string().nullable(),
  rule_version: z.int().nullable(),
  pool: z.bigint(),
  shares: z.array(share),
});
export const orderSchema = z
  .object({
    source_id: z.string(),
    order_id: z.string(),
    merchant_id: z.string(),
    status: z.enum(['created', 'paid', 'completed']),
    void: z.union([z.literal(false), z.object({ reason: z.string() })]),
    currency: z.string().nullable().meta({ description: 'Null while reports disagree.' }),
    created_at: z.date().nullable(),
    paid_at: z.date().nullable(),
    completed_at: z.date().nullable(),
    attribution_at: z.date().nullable(),
    award: z.enum(['none', 'estimated', 'confirmed', 'released', 'void']),
    releases_at: z.date().nullable().meta({ description: 'When the hold ends; null while that is open, and after the release.' }),
    released_at: z.date().nullable(),
    lines: z.array(line),
    totals: z.array(z.object({ promoter_id: z.string().nullable(), amount: z.int() })),
  })
  .meta({ id: 'Order' });

export const explanationSchema = z
  .object({
    order: orderSchema,
    deliveries: z.array(
      z.object({ delivery_id: z.uuid(), source_id: z.string(), origin: z.string(), state: z.string(), received_at: z.date() }),
    ),
    lines: z.array(
      z.object({
        line_id: z.string(),
        decision: z.enum(DECISIONS),
        reason: z.string().nullable(),
        attribution_at: z.string().nullable(),
        evidence: z
          .array(z.record(z.string(), z.unknown()))
          .meta({ description: 'Every evidence considered: it won, or the reason why it lost.' }),
        winners: z
          .array(z.record(z.string(), z.unknown()))
          .meta({ description: 'Each winner with the chain above and the parties around.' }),
        rules: z.array(z.record(z.string(), z.unknown())).meta({ description: 'The rules that matched, and why one won.' }),
        arithmetic: z.array(z.record(z.string(), z.unknown())).meta({ description: 'Every number, step by step.' }),
      }),
    ),
    transfers: z.array(
      z.object({
        transfer_id: z.bigint(),
        revision: z.int(),
        kind: z.string(),
        line_id: z.string(),
        role: z.string(),
        level: z.int().optional(),
        promoter_id: z.string().nullable(),
        from: z.string(),
        to: z.string(),
        amount: z.bigint(),
        currency: z.string(),
        booked_at: z.date(),
      }),
    ),
  })
  .meta({ id: 'Explanation' });

/** A promoter's key sees the promoter's own money only. */
function isSeenBy(actor: Actor, promoterId: string | null): boolean {
  return actor.promoterId === null || actor.promoterId === promoterId;
}

/** An order as this key may see it. */
export function showOrder(found: ShownOrder, actor: Actor): z.output<typeof orderSchema> {
  const seen = viewOrder(found.merged);
  const decided = new Map(found.lines.map((one) => [one.line_id, one]));
  const lines = seen.lines.map((one) => {
    const decision = decided.get(one.lineId);
    return decision === undefined ? undecided(one) : showLine(decision, actor);
  });
  return {
    source_id: found.source_id,
    order_id: found.order_id,
    merchant_id: found.merchant_id,
    status: seen.status,
    void: seen.void ?? false,
    currency: seen.currencyConflict ? null : (seen.currency ?? found.award_currency),
    created_at: toDate(seen.createdAt),
    paid_at: toDate(seen.paidAt),
    completed_at: toDate(seen.completedAt),
    attribution_at: toDate(seen.attributionAt),
    award: found.award ?? 'none',
    releases_at: found.releases_at,
    released_at: found.released_at,
    lines,
    totals: totalsOf(lines),
  };
}

const toDate = (at: number | null) => (at === null ? null : new Date(at));

function showLine(decision: StandingDecision, actor: Actor) {
  const { line_id, product_id, quantity, evidence, promoter_id, rule_id, rule_version } = decision;
  return {
    line_id,
    product_id,
    quantity,
    paid_amount: decision.paid_amount,
    refunded_amount: decision.refunded_amount,
    decision: decision.decision,
    evidence,
    promoter_id,
    rule_id,
    rule_version,
    pool: decision.pool,
    shares: decision.shares
      .filter((one) => isSeenBy(actor, one.promoter_id))
      .map(({ level, ...one }) => (level === null ? one : { ...one, level })),
  };
}

/** A line that no award has looked at yet. */
function undecided({ lineId, productId, quantity, paidAmount }: OrderLine) {
  return {
    line_id: lineId,
    product_id: productId,
    quantity,
    paid_amount: paidAmount,
    refunded_amount: 0n,
    decision: 'pending' as const,
    evidence: null,
    promoter_id: null,
    rule_id: null,
    rule_version: null,
    pool: 0n,
    shares: [],
  };
}

function totalsOf(lines: readonly { shares: readonly { promoter_id: string | null; amount: number }[] }[]) {
  const totals = new Map<string | null, number>();
  for (const { shares } of lines) for (const one of shares) totals.set(one.promoter_id, (totals.get(one.promoter_id) ?? 0) + one.amount);
  return [...totals].map(([promoter_id, amount]) => ({ promoter_id, amount }));
}

/** An order with everything that led to what it earns, as this key may see it. */
export function showExplanation(
  found: ShownOrder,
  { deliveries, transfers }: { deliveries: OrderDelivery[]; transfers: OrderTransfer[] },
  actor: Actor,
): z.output<typeof explanationSchema> {
  return {
    order: showOrder(found, actor),
    deliveries,
    lines: found.lines.map((one) => explainDecision(one, actor)),
    transfers: transfers
      .filter((transfer) => isSeenBy(actor, transfer.promoter_id))
      .map(({ level, ...transfer }) => (level === null ? transfer : { ...transfer, level })),
  };
}

/** Why a line was decided so; of the arithmetic a promoter sees what is its own, and what is nobody's. */
function explainDecision({ line_id, decision, explanation }: StandingDecision, actor: Actor) {
  const explained = JSON.parse(explanation) as ExplainedLine;
  const arithmetic = explained.arithmetic.filter(({ promoter_id: id }) => id === undefined || isSeenBy(actor, id as string | null));
  return { line_id, decision, ...explained, arithmetic };
}
