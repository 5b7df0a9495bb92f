// How an order looks to the world: its lines with what they earn, its totals, and why.
import { z } from 'zod';
import {
  EXPLAINED_KINDS,
  shownBoost,
  toldExplanation,
  type ExplainedLine,
  type ExplainedReRating,
  type ExplainedStep,
  type ToldLine,
} from '../../core/explanation.ts';
import { viewOrder, type OrderLine } from '../../core/order.ts';
import { ACCOUNT_KINDS, TRANSFER_KINDS } from '../../core/posting.ts';
import { ORDER_STATUSES } from '../../core/report.ts';
import { ROLES } from '../../core/party.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import type { LineHold } from '../award/standing-award.ts';
import { DECISION_KINDS } from '../award/decision.ts';
import type { ShownDecision } from '../award/decision-store.ts';
import { explainBoost, readExplanations } from '../award/explanation-text.ts';
import type { PinnedBoost } from '../award/pin.ts';
import { lineState } from '../award/award-header.ts';
import { DELIVERY_ORIGINS, DELIVERY_STATES, type OrderDelivery, type OrderTransfer, type ShownOrder } from './order-view-store.ts';

const AWARD_STATES = ['none', 'estimated', 'confirmed', 'released', 'void'] as const;

const share = z.object({
  role: z.enum(ROLES),
  level: z.int().optional(),
  promoter_id: z.string().nullable().meta({ description: 'Null: the platform.' }),
  amount: z.int().meta({ description: 'Net, in minor units.' }),
  campaign_id: z.string().optional().meta({ description: 'Of a boost: out of whose budget it is.' }),
});
const line = z.object({
  line_id: z.string(),
  product_id: z.string().nullable(),
  quantity: z.int(),
  paid_amount: z.bigint(),
  refunded_amount: z.bigint(),
  award: z.enum(AWARD_STATES).meta({ description: 'Void: nothing is left of the line.' }),
  completed_at: z.date().nullable(),
  settled_at: z.date().nullable(),
  releases_at: z.date().nullable().meta({ description: 'When the hold ends; null while that is open, and after the release.' }),
  released_at: z.date().nullable(),
  decision: z.enum(DECISION_KINDS),
  evidence: z.enum(EXPLAINED_KINDS).nullable(),
  promoter_id: z
    .string()
    .nullable()
    .meta({ description: 'Who won the line; of several winners the heaviest. A promoter reads `another promoter` of others.' }),
  rule_id: z.string().nullable(),
  rule_version: z.int().nullable(),
  pool: z.bigint(),
  boost: shownBoost
    .optional()
    .meta({ description: 'What a campaign pays beside the pool; absent where none wanted to when it was decided.' }),
  shares: z.array(share),
});
/** The order that is the example of a report, as the example of a rule splits it. */
const ORDER_EXAMPLE = {
  source_id: 'rest',
  order_id: '1001',
  merchant_id: 'm1',
  status: 'paid',
  void: false,
  currency: 'CNY',
  created_at: null,
  paid_at: '2026-06-01T10:05:20.000Z',
  completed_at: null,
  attribution_at: '2026-06-01T10:05:20.000Z',
  award: 'estimated',
  releases_at: null,
  released_at: null,
  lines: [
    {
      line_id: '1',
      product_id: 'p1',
      quantity: 1,
      paid_amount: 29_900,
      refunded_amount: 0,
      award: 'estimated',
      completed_at: null,
      settled_at: null,
      releases_at: null,
      released_at: null,
      decision: 'attributed',
      evidence: 'link_code',
      promoter_id: 'bob',
      rule_id: '0197294e-aa90-70cd-8d43-8208ba188421',
      rule_version: 1,
      pool: 2990,
      shares: [
        { role: 'agency', amount: 897, promoter_id: 'a1' },
        { role: 'promoter', amount: 1884, promoter_id: 'bob' },
        { role: 'upline', level: 1, amount: 209, promoter_id: 'alice' },
      ],
    },
  ],
  totals: [
    { promoter_id: 'a1', amount: 897 },
    { promoter_id: 'bob', amount: 1884 },
    { promoter_id: 'alice', amount: 209 },
  ],
};

export const orderSchema = z
  .object({
    source_id: z.string(),
    order_id: z.string(),
    merchant_id: z.string(),
    status: z.enum(ORDER_STATUSES),
    void: z.union([z.literal(false), z.object({ reason: z.string() })]),
    currency: z.string().nullable().meta({ description: 'Null while reports disagree.' }),
    created_at: z.date().nullable(),
    paid_at: z.date().nullable(),
    completed_at: z.date().nullable(),
    attribution_at: z.date().nullable(),
    award: z.enum(AWARD_STATES).meta({ description: 'The least advanced of the lines that earn.' }),
    releases_at: z.date().nullable().meta({ description: 'When the next hold of a line ends; null while that is open.' }),
    released_at: z.date().nullable().meta({ description: 'When the last line that earns was released.' }),
    lines: z.array(line),
    totals: z.array(z.object({ promoter_id: z.string().nullable(), amount: z.int() })),
  })
  .meta({ id: 'Order', examples: [ORDER_EXAMPLE] });

export const explanationSchema = z
  .object({
    order: orderSchema,
    deliveries: z.array(
      z.object({
        delivery_id: z.uuid(),
        source_id: z.string(),
        origin: z.enum(DELIVERY_ORIGINS),
        state: z.enum(DELIVERY_STATES),
        received_at: z.date(),
      }),
    ),
    lines: z.array(
      z.object({
        line_id: z.string(),
        decision: z.enum(DECISION_KINDS),
        ...toldExplanation,
      }),
    ),
    evidence_more: z.int().meta({ description: 'Pieces of evidence that were reported after those that count.' }),
    next_cursor: z.string().nullable().meta({ description: 'Where the explanation of the lines goes on.' }),
    transfers: z.array(
      z.object({
        transfer_id: z.string(),
        revision: z.int(),
        kind: z.enum(TRANSFER_KINDS),
        line_id: z.string(),
        role: z.enum(ROLES),
        level: z.int().optional(),
        promoter_id: z.string().nullable(),
        from: z.enum(ACCOUNT_KINDS),
        to: z.enum(ACCOUNT_KINDS),
        amount: z.bigint(),
        currency: z.string(),
        booked_at: z.date(),
        re_rating_id: z.string().optional().meta({ description: 'The re-rating that booked it; absent where none did.' }),
      }),
    ),
  })
  .meta({ id: 'Explanation' });

/** What a promoter reads in place of somebody else's id. */
const ANOTHER = 'another promoter';

/** A promoter's key sees the promoter's own money only. */
function isSeenBy(actor: Actor, promoterId: string | null): boolean {
  return actor.promoterId === null || actor.promoterId === promoterId;
}

const nameFor = (actor: Actor, promoterId: string | null) => (promoterId === null || isSeenBy(actor, promoterId) ? promoterId : ANOTHER);

/** An order as this key may see it. */
export function showOrder(found: ShownOrder, actor: Actor): z.output<typeof orderSchema> {
  const seen = viewOrder(found.merged);
  const decided = new Map(found.lines.map((one) => [one.line_id, one]));
  const holds = new Map(found.holds.map((hold) => [hold.lineId, hold]));
  const lines = seen.lines.map((one) => showLine(one, decided.get(one.lineId), holds.get(one.lineId), actor));
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

/** A line as it was decided; one that no award has looked at yet is pending. */
function showLine(line: OrderLine, decision: ShownDecision | undefined, hold: LineHold | undefined, actor: Actor) {
  const { lineId, productId, quantity, paidAmount, completedAt, settledAt } = line;
  const isReleased = hold?.releasedAt != null;
  const times = {
    completed_at: toDate(completedAt),
    settled_at: toDate(settledAt),
    releases_at: isReleased ? null : (hold?.endsAt ?? null),
    released_at: hold?.releasedAt ?? null,
  };
  if (decision === undefined) {
    const told = { line_id: lineId, product_id: productId, quantity, paid_amount: paidAmount, refunded_amount: 0n };
    const undecided = { decision: 'pending' as const, evidence: null, promoter_id: null, rule_id: null, rule_version: null };
    return { ...told, award: 'none' as const, ...times, ...undecided, pool: 0n, shares: [] };
  }
  const amounts = { paidAmount: decision.paid_amount, refundedAmount: decision.refunded_amount };
  const shares = decision.shares.filter((one) => isSeenBy(actor, one.promoter_id));
  const isOwn = actor.promoterId === null || shares.length > 0 || decision.promoter_id === actor.promoterId;
  return {
    line_id: decision.line_id,
    product_id: decision.product_id,
    quantity: decision.quantity,
    paid_amount: decision.paid_amount,
    refunded_amount: decision.refunded_amount,
    award: lineState({ decision: decision.decision, ...amounts }, completedAt, isReleased),
    ...times,
    decision: decision.decision,
    evidence: isOwn ? decision.evidence : null,
    promoter_id: nameFor(actor, decision.promoter_id),
    rule_id: isOwn ? decision.rule_id : null,
    rule_version: isOwn ? decision.rule_version : null,
    pool: decision.pool,
    ...(isOwn && decision.boost !== null && { boost: ownBoost(decision.boost, actor) }),
    shares: shares.map(({ level, ...one }) => (level === null ? one : { ...one, level })),
  };
}

/** A promoter reads its own parts of a boost. */
function ownBoost(boost: PinnedBoost, actor: Actor) {
  return explainBoost({ ...boost, parts: boost.parts.filter((part) => isSeenBy(actor, part.promoter_id)) });
}

function totalsOf(lines: readonly { shares: readonly { promoter_id: string | null; amount: number }[] }[]) {
  const totals = new Map<string | null, number>();
  for (const { shares } of lines) for (const one of shares) totals.set(one.promoter_id, (totals.get(one.promoter_id) ?? 0) + one.amount);
  return [...totals].map(([promoter_id, amount]) => ({ promoter_id, amount }));
}

/** What explains some lines of an order beside the order itself. */
interface Explaining {
  deliveries: OrderDelivery[];
  transfers: OrderTransfer[];
  /** Of the lines to be explained, by line. */
  explanations: ReadonlyMap<string, string>;
  /** What all lines share. */
  shared: string | null;
  nextCursor: string | null;
}

/** An order with what led to what these lines of it earn, as this key may see it. */
export function showExplanation(
  found: ShownOrder,
  { deliveries, transfers, explanations, shared, nextCursor }: Explaining,
  actor: Actor,
): z.output<typeof explanationSchema> {
  const { lineOf, evidenceMore } = readExplanations(shared);
  return {
    order: showOrder(found, actor),
    // Who reported what, and when, is the merchant's business.
    deliveries: actor.promoterId === null ? deliveries : [],
    lines: found.lines.flatMap(({ line_id, decision }) => {
      const text = explanations.get(line_id);
      if (text === undefined) return [];
      const explained = lineOf(text);
      return [{ line_id, decision, ...(actor.promoterId === null ? explained : ownPart(explained, actor)) }];
    }),
    evidence_more: evidenceMore,
    next_cursor: nextCursor,
    transfers: transfers.map(({ level, transfer_id, re_rating_id: reRatingId, ...transfer }) => ({
      transfer_id: String(transfer_id),
      ...transfer,
      ...(level !== null && { level }),
      ...(reRatingId !== null && { re_rating_id: reRatingId }),
    })),
  };
}

/**
 * What a promoter may read of why a line was decided so: its own evidence, weight, shares and
 * claim, and that there was another promoter. By what others came, who stands above them, which
 * rules there are and what operators wrote of them is their business.
 */
function ownPart(explained: ExplainedLine, actor: Actor): ToldLine {
  const isOwn = (one: { promoter_id: string | null }) => one.promoter_id === actor.promoterId;
  return {
    attribution_at: explained.attribution_at,
    reason: explained.reason,
    evidence: explained.evidence.map((one) => {
      const { kind, promoter_id: promoterId, won, reason, ruling } = one;
      if (!isOwn(one)) return { kind, won, reason, promoter_id: promoterId === null ? null : ANOTHER };
      return ruling === undefined ? one : { ...one, ruling: { reason: ruling.reason } };
    }),
    winners: explained.winners.map((one) => ({ promoter_id: isOwn(one) ? one.promoter_id : ANOTHER, weight_ppm: one.weight_ppm })),
    rules: [],
    ...ownCampaign(explained, actor),
    arithmetic: explained.arithmetic.flatMap((step) => ownStep(step, actor)),
    ...(explained.re_rating !== undefined && { re_rating: ownReRating(explained.re_rating, actor) }),
  };
}

const ownReRating = ({ re_rating_id, former }: ExplainedReRating, actor: Actor): ExplainedReRating => ({
  re_rating_id,
  former: { ...former, arithmetic: former.arithmetic.flatMap((step) => ownStep(step, actor)) },
});

/** A winner reads of the one campaign that was to pay the line; others are none of its business. */
function ownCampaign({ winners, campaigns = [], boost }: ExplainedLine, { promoterId }: Actor): Pick<ToldLine, 'campaigns' | 'boost'> {
  if (boost === undefined || !winners.some((one) => one.promoter_id === promoterId)) return {};
  const own = campaigns.filter((one) => one.campaign_id === boost.campaign_id);
  return winners.length === 1 ? { campaigns: own, boost } : { campaigns: own };
}

/**
 * A step that is the promoter's own or nobody's; parties that a plan names by their account are
 * others.
 */
function ownStep(step: ExplainedStep, actor: Actor): ExplainedStep[] {
  switch (step.step) {
    case 'winner':
    case 'boost_part':
      return isSeenBy(actor, step.promoter_id) ? [step] : [];
    case 'share':
      return isSeenBy(actor, step.promoter_id) ? [{ ...step, payer: unnamed(step.payer) }] : [];
    case 'absent':
      return step.account === undefined ? [{ ...step, payer: unnamed(step.payer), kept_by: unnamed(step.kept_by) }] : [];
    default:
      return [step];
  }
}

/** A node of the plan that names a promoter is another to everybody else. */
function unnamed<Name extends string | undefined>(node: Name): Name | typeof ANOTHER {
  return node?.startsWith('promoter:') ? ANOTHER : node;
}
