// How a re-rating is asked for, and how it looks to the world. Amounts are integers of minor units.

import { z } from 'zod';

import { isCurrency } from '../../core/money.ts';
import { ROLES } from '../../core/party.ts';
import { bodyExamples, callerId, time, words } from '../../platform/http/fields.ts';
import { EXCLUSIONS } from '../simulations/recorded-store.ts';
import { lineSide } from '../simulations/simulation-answer.ts';
import type { RehearsedLine } from '../simulations/simulated-order.ts';
import type { AskedReRating } from './deciding.ts';
import { TOLD_LINES_MAX, TOLD_SUMS_MAX, type PreviewResult } from './preview-result.ts';
import { ORDER_STATES, type ListedReRatedOrder, type OrderState } from './re-rating-order-store.ts';
import { RE_RATING_STATES, type ReRating } from './re-rating-store.ts';

const RULES_MAX = 100;
const REASON_LENGTH_MAX = 1000;
/** Orders that were left out, of which an answer tells the first ones. */
export const LEFT_OUT_TOLD_MAX = 100;

export const reRatingBody = z
  .strictObject({
    rule_ids: z.array(callerId).min(1).max(RULES_MAX).nullish().meta({
      description: 'Only lines that one of these rules pays, or would pay now.',
    }),
    merchant_id: callerId.nullish().meta({ description: 'Only orders of this merchant; it or `rule_ids` is needed.' }),
    from: time.meta({ description: 'Orders that were attributed at or after this time.' }),
    to: time.meta({ description: 'And before this one.' }),
    reason: words(REASON_LENGTH_MAX).meta({ description: 'Why, for whoever approves it and for the audit log.' }),
    lowers: z
      .boolean()
      .default(false)
      .meta({ description: 'Promoters may get less by it. Without it only what lowers nobody is approved.' }),
    currency: z
      .string()
      .refine(isCurrency, 'is no currency of ISO 4217')
      .nullish()
      .meta({ description: 'Of the orders; where it is left out, the only one that they have.' }),
  })
  .refine((body) => body.rule_ids != null || body.merchant_id != null, { path: ['rule_ids'], error: 'or merchant_id is needed' })
  .meta(
    bodyExamples({
      merchant_id: 'm1',
      from: '2026-06-01T00:00:00+08:00',
      to: '2026-07-01T00:00:00+08:00',
      reason: 'The rate of June was published too late.',
      lowers: true,
      currency: 'CNY',
    }),
  );

/** The path of one re-rating. */
export const reRatingPath = z.object({ re_rating_id: z.uuid().meta({ description: 'The re-rating, by an id of ours.' }) });

/** The question in our words. */
export const readAsked = (body: z.output<typeof reRatingBody>): AskedReRating => ({
  ruleIds: body.rule_ids == null ? null : [...new Set(body.rule_ids)],
  merchantId: body.merchant_id ?? null,
  from: body.from,
  to: body.to,
  reason: body.reason,
  lowers: body.lowers,
  currency: body.currency ?? null,
});

export const approvalBody = z
  .strictObject({
    content_hash: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits')
      .meta({ description: 'Of what was looked at.' }),
  })
  .meta(bodyExamples({ content_hash: '5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef' }));

const names = { merchant_id: z.string(), source_id: z.string(), order_id: z.string() };
const both = {
  before: z.bigint().meta({ description: 'As it is booked.' }),
  after: z.bigint().meta({ description: 'By the rules as they stood when it was previewed.' }),
};
const moved = z.bigint().meta({ description: 'By how much the shares of all who earn on it differ, more or less, in all.' });
const count = (of: string) => z.int().meta({ description: of });

const reRatedLines = z.array(
  z.object({
    line_id: z.string(),
    former_rule_id: z.string().meta({ description: 'The rule that pays the line before.' }),
    former_version: z.int().meta({ description: 'Its version.' }),
    rule_id: z.string(),
    version: z.int(),
  }),
);

export const reRatedOrderAnswer = z
  .object({
    ...names,
    attribution_at: z.date().nullable(),
    revision: z.int().meta({ description: 'The award that was looked at.' }),
    ...both,
    moved,
    lines: reRatedLines.meta({ description: 'The lines that get another rule.' }),
    state: z.enum(ORDER_STATES).meta({
      description:
        '`changed_meanwhile`: its award has moved on since the preview, so that it was left out. `failed`: it could not be booked.',
    }),
    booked_revision: z.int().nullable().meta({ description: 'The award by which it was booked; null while it was not.' }),
    error: z.string().nullable(),
  })
  .meta({ id: 'ReRatedOrder' });

const found = {
  orders: count('Orders that were looked at.'),
  lines: z.int(),
  changed_orders: count('Orders that get another rule.'),
  excluded: z.array(z.object({ reason: z.enum(EXCLUSIONS), orders: z.int() })).meta({
    description: 'Orders of the period that are in no sum: they wait for an award, are in another currency, or moved on meanwhile.',
  }),
  lines_without_rule: count('Lines for which there is no rule any more: they keep the one that they have.'),
  commission_before: z.bigint().meta({ description: 'All shares as they are booked, the platform’s too.' }),
  commission_after: z.bigint().meta({ description: 'All shares by the rules as they stood.' }),
  lowered: z
    .object({
      orders: count('Orders of which a promoter gets less.'),
      promoters: count('Promoters who get less in all of one merchant.'),
      amount: z.bigint().meta({ description: 'How much less those get.' }),
    })
    .meta({ description: 'What promoters lose; it needs `lowers`.' }),
  by_promoter: z
    .array(z.object({ promoter_id: z.string().nullable().meta({ description: 'Null: the platform.' }), ...both }))
    .meta({ description: `Of the orders that get another rule; those who gain or lose most first, at most ${TOLD_SUMS_MAX}.` }),
  by_role: z.array(z.object({ role: z.enum(ROLES), ...both })).meta({ description: 'Of all orders, by what the shares are had as.' }),
  debts: z
    .array(
      z.object({
        promoter_id: z.string(),
        merchant_id: z.string(),
        available: z.bigint().meta({ description: 'What is available of this merchant now.' }),
        difference: z.bigint().meta({ description: 'What is taken from it.' }),
        after: z.bigint().meta({ description: 'What is left: below zero, so it is a debt.' }),
      }),
    )
    .meta({ description: `Debts that it would make or raise, the greatest first, at most ${TOLD_SUMS_MAX}.` }),
  debts_count: count('How many debts there are.'),
  debts_amount: z.bigint().meta({ description: 'What they come to in all.' }),
  more: z
    .object({ by_promoter: count('Further promoters.'), debts: count('Further debts.') })
    .meta({ description: 'How many there are beyond those that are told.' }),
  most_changed: z
    .array(
      z.object({
        ...names,
        ...both,
        moved,
        lines: z.array(z.object({ line_id: z.string(), before: lineSide, after: lineSide })),
        lines_more: count(`Lines after the first ${TOLD_LINES_MAX}, which are not told.`),
      }),
    )
    .meta({ description: 'The twenty orders that change most, with both arithmetics.' }),
};

export const reRatingAnswer = z
  .object({
    re_rating_id: z.string(),
    state: z.enum(RE_RATING_STATES).meta({
      description:
        '`running`: it is previewed, or waits for it. `ready`: it waits for a second person. `approved`: it is executed, or waits for it.',
    }),
    query: z
      .object({
        rule_ids: z.array(z.string()).nullable().meta({ description: 'The rules; null: whichever.' }),
        merchant_id: z.string().nullable(),
        from: z.date(),
        to: z.date(),
        currency: z.string(),
        reason: z.string(),
        lowers: z.boolean().meta({ description: 'That promoters may get less by it.' }),
      })
      .meta({ description: 'As it was understood.' }),
    made_at: z.date(),
    made_by: z.string().meta({ description: 'The key of who asked for it.' }),
    started_at: z.date().nullable().meta({ description: 'When its preview was begun; null while it waits.' }),
    progress: z
      .object({
        orders: z.bigint().meta({ description: 'Orders that were looked at.' }),
        of: z.bigint().nullable().meta({ description: 'How many there are to look at; null until they are listed.' }),
      })
      .meta({ description: 'How far the preview has come.' }),
    previewed_at: z.date().nullable().meta({ description: 'When the preview was done; null before that.' }),
    book_revision: z.bigint().nullable().meta({ description: 'The revision of the rules by which it was previewed.' }),
    content_hash: z.string().nullable().meta({ description: 'What is approved, in hexadecimal digits; null before the preview.' }),
    approved_at: z.date().nullable(),
    approved_by: z.string().nullable(),
    approved_alone: z.boolean().nullable().meta({ description: 'That nobody else could have approved it; null while it is not approved.' }),
    executed_at: z.date().nullable().meta({ description: 'When nothing was left to be booked; null before that.' }),
    cancelled_at: z.date().nullable().meta({ description: 'When it was cancelled; null where it was not.' }),
    cancelled_by: z.string().nullable().meta({ description: 'The key that cancelled it; null where nobody did.' }),
    error: z.string().nullable(),
    execution: z
      .object({
        waiting: count('Orders that wait to be booked.'),
        booked: count('Orders that were booked.'),
        changed_meanwhile: count('Orders that were left out, because their awards have moved on since the preview.'),
        failed: count('Orders that could not be booked.'),
      })
      .nullable()
      .meta({ description: 'What became of the orders; null before the approval, and in lists.' }),
    changed_meanwhile: z
      .array(z.object(names))
      .nullable()
      .meta({
        description: `The first ${LEFT_OUT_TOLD_MAX} orders that were left out; null before the approval, and in lists.`,
      }),
    ...z.object(found).partial().shape,
  })
  .meta({ id: 'ReRating' });

type Answer = z.output<typeof reRatingAnswer>;

/** What became of the orders of one that was approved. */
export interface ShownExecution {
  counts: Record<OrderState, number>;
  changed: readonly ListedReRatedOrder[];
}

export function showReRating(one: ReRating, execution: ShownExecution | null): Answer {
  const { ruleIds, merchantId, from, to, currency, reason, lowers } = one;
  return {
    re_rating_id: one.reRatingId,
    state: one.state,
    query: { rule_ids: ruleIds, merchant_id: merchantId, from, to, currency, reason, lowers },
    made_at: one.madeAt,
    made_by: one.madeBy,
    started_at: one.startedAt,
    progress: { orders: one.ordersDone, of: one.ordersOf },
    previewed_at: one.previewedAt,
    book_revision: one.bookRevision,
    content_hash: one.contentHash?.toString('hex') ?? null,
    approved_at: one.approvedAt,
    approved_by: one.approvedBy,
    approved_alone: one.approvedAlone,
    executed_at: one.executedAt,
    cancelled_at: one.cancelledAt,
    cancelled_by: one.cancelledBy,
    error: one.error,
    execution: execution && execution.counts,
    changed_meanwhile: execution && execution.changed.map(nameOf),
    ...(one.result !== null && showResult(one.result)),
  };
}

const nameOf = ({ merchantId, sourceId, orderId }: ListedReRatedOrder) => ({
  merchant_id: merchantId,
  source_id: sourceId,
  order_id: orderId,
});

const amounts = ({ before, after }: { before: string; after: string }) => ({ before: BigInt(before), after: BigInt(after) });
const showSide = (line: RehearsedLine) => ({ ...line, commission: BigInt(line.commission) });

function showResult(result: PreviewResult): z.output<z.ZodObject<typeof found>> {
  const { before, after, lowered, by_promoter, by_role, debts, debts_amount, most_changed, ...counts } = result;
  return {
    ...counts,
    commission_before: BigInt(before),
    commission_after: BigInt(after),
    lowered: { ...lowered, amount: BigInt(lowered.amount) },
    by_promoter: by_promoter.map((sum) => ({ promoter_id: sum.promoter_id, ...amounts(sum) })),
    by_role: by_role.map((sum) => ({ role: sum.role, ...amounts(sum) })),
    debts: debts.map((debt) => ({
      promoter_id: debt.promoter_id,
      merchant_id: debt.merchant_id,
      available: BigInt(debt.available),
      difference: BigInt(debt.difference),
      after: BigInt(debt.after),
    })),
    debts_amount: BigInt(debts_amount),
    most_changed: most_changed.map((order) => ({
      ...order,
      ...amounts(order),
      moved: BigInt(order.moved),
      lines: order.lines.map((line) => ({ ...line, before: showSide(line.before), after: showSide(line.after) })),
    })),
  };
}

export const showReRatedOrder = (order: ListedReRatedOrder): z.output<typeof reRatedOrderAnswer> => ({
  ...nameOf(order),
  attribution_at: order.attributionAt,
  revision: order.revision,
  before: order.before,
  after: order.after,
  moved: order.moved,
  lines: order.lines.map(({ line_id, former_rule_id, former_version, rule_id, version }) => {
    return { line_id, former_rule_id, former_version, rule_id, version };
  }),
  state: order.state,
  booked_revision: order.bookedRevision,
  error: order.error,
});
