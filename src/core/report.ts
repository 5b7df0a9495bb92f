// The canonical report: what a storefront or an adapter says of an order, as it stands on the wire and as the core reads it.
// A report may be partial: what is absent or null says nothing.
import { z } from 'zod';
import { isCurrency } from './money.ts';

export const ORDER_STATUSES = ['created', 'paid', 'completed'] as const;
export const REFUND_STATUSES = ['open', 'succeeded', 'failed'] as const;
export const PARENT_KINDS = ['split', 'gift'] as const;

export type OrderStatus = (typeof ORDER_STATUSES)[number];
export type RefundStatus = (typeof REFUND_STATUSES)[number];
export type ParentKind = (typeof PARENT_KINDS)[number];

const ID_LENGTH_MAX = 128;
const TOKEN_LENGTH_MAX = 2048;
const IDENTITY_LENGTH_MAX = 512;
const REASON_LENGTH_MAX = 1000;
const LINES_MAX = 1000;
const REFUNDS_MAX = 1000;
const COUPON_CODES_MAX = 50;
const IDENTITIES_MAX = 20;
const EARLIEST = Date.UTC(2000);
const LATEST = Date.UTC(2101);

// Lone surrogates and NUL have no place in the database's text; other control characters only make two ids look like one.
const NO_CONTROL = /^[^\p{Cc}\p{Cs}]*$/u;
const STORABLE = /^[^\0\p{Cs}]*$/u;

const label = (lengthMax: number) => z.string().max(lengthMax).regex(NO_CONTROL, 'must not contain control characters');

/** Text, or a whole number that is read as its decimal text: order systems send the same id in both forms. */
const textOrInteger = (text: z.ZodString, error: string) => z.union([text, z.int()], { error }).transform(String);

const id = textOrInteger(label(ID_LENGTH_MAX).min(1), `must be a text of 1 to ${ID_LENGTH_MAX} characters or a whole number`);

const time = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time with its offset' }).refine(
  (text) => {
    const at = Date.parse(text);
    return at >= EARLIEST && at < LATEST;
  },
  { error: 'must lie between the years 2000 and 2100' },
);

const amount = z.int().min(0).meta({ description: 'Minor units of the currency.' });

const buyer = z
  .record(
    label(64).min(1),
    textOrInteger(label(IDENTITY_LENGTH_MAX), `must be a text of at most ${IDENTITY_LENGTH_MAX} characters or a whole number`).nullish(),
  )
  .refine((identities) => Object.keys(identities).length <= IDENTITIES_MAX, { error: `must have at most ${IDENTITIES_MAX} identities` })
  .meta({
    description: 'What the buyer is known by: `{type: value}`. Kept only as keyed hashes.',
    example: { openid: 'o1' },
    maxProperties: IDENTITIES_MAX,
  });

const line = z.strictObject({
  line_id: id,
  product_id: id.nullish(),
  category: label(128).nullish().meta({ description: 'Goes before the category of the product.' }),
  quantity: z.int().min(0).nullish().meta({ description: '0 removes the line; a line that never states it counts 1.' }),
  paid_amount: amount.nullish().meta({ description: 'What the buyer paid for the line after discounts, without freight and tax.' }),
  platform_commission: amount.nullish().meta({ description: 'What the platform pays for the line, where a rule splits that.' }),
});

const refund = z.strictObject({
  refund_id: id,
  line_id: id.nullish().meta({ description: 'Absent: spread over what the lines still have left.' }),
  amount: amount.nullish().meta({ description: 'A refund that never states it counts 0.' }),
  status: z.enum(REFUND_STATUSES).nullish().meta({ description: '`open` holds its line, `succeeded` (the default) counts.' }),
  refunded_at: time.nullish(),
});

/** Adds a fault at each id that an earlier item of the list already has. */
function refuseDoubles<Key extends string>(key: Key) {
  return (items: Record<Key, string>[], context: z.RefinementCtx) => {
    const seen = new Set<string>();
    for (const [index, item] of items.entries()) {
      if (seen.has(item[key])) context.addIssue({ code: 'custom', path: [index, key], message: 'stands twice in one report' });
      seen.add(item[key]);
    }
  };
}

export const canonicalReport = z
  .strictObject({
    merchant_id: id,
    order_id: id,
    source_id: id
      .nullish()
      .meta({ description: 'Another source than `rest`: adds evidence to the order of that source and nothing else.' }),
    status: z.enum(ORDER_STATUSES).nullish().meta({ description: 'Only rises. Without its time it takes `observed_at`.' }),
    void: z
      .union([z.literal(false), z.strictObject({ reason: z.string().max(REASON_LENGTH_MAX).regex(STORABLE) })], {
        error: 'must be false or {"reason": …}',
      })
      .nullish(),
    currency: z
      .string()
      .refine(isCurrency, { error: 'must be an upper-case ISO 4217 code' })
      .nullish()
      .meta({ description: 'ISO 4217.', example: 'CNY' }),
    observed_at: time.nullish().meta({ description: 'When the sender knew this; by default when it arrived. Orders the reports.' }),
    created_at: time.nullish(),
    deposit_paid_at: time.nullish(),
    paid_at: time.nullish(),
    completed_at: time.nullish(),
    settled_at: time.nullish(),
    buyer: buyer.nullish(),
    click_token: label(TOKEN_LENGTH_MAX).nullish().meta({ description: 'The `fy_click` of the landing URL.' }),
    link_code: label(128).nullish(),
    coupon_codes: z.array(label(128)).max(COUPON_CODES_MAX).nullish(),
    promoter_id: id.nullish().meta({ description: 'The promoter that the order system itself names.' }),
    talent_id: id.nullish(),
    scene: label(64).nullish(),
    parent: z.strictObject({ order_id: id, kind: z.enum(PARENT_KINDS) }).nullish(),
    lines: z.array(line).max(LINES_MAX).superRefine(refuseDoubles('line_id')).nullish(),
    refunds: z.array(refund).max(REFUNDS_MAX).superRefine(refuseDoubles('refund_id')).nullish(),
  })
  .meta({ title: 'Canonical report', description: 'What is known of an order. May be partial: what is absent or null says nothing.' });

export type CanonicalReport = z.output<typeof canonicalReport>;

export interface ReportLine {
  lineId: string;
  productId: string | null;
  category: string | null;
  quantity: number | null;
  paidAmount: number | null;
  platformCommission: number | null;
}

export interface ReportRefund {
  refundId: string;
  lineId: string | null;
  amount: number | null;
  status: RefundStatus | null;
  refundedAt: number | null;
}

/** A report as the core reads it: null says nothing, times are epoch milliseconds, amounts minor units (safe integers). */
export interface Report {
  merchantId: string;
  orderId: string;
  sourceId: string | null;
  status: OrderStatus | null;
  void: false | { reason: string } | null;
  currency: string | null;
  observedAt: number;
  createdAt: number | null;
  depositPaidAt: number | null;
  paidAt: number | null;
  completedAt: number | null;
  settledAt: number | null;
  /** Keyed hashes, made by the caller: a raw identity never enters the state of an order. */
  identities: readonly string[];
  clickToken: string | null;
  linkCode: string | null;
  couponCodes: readonly string[];
  promoterId: string | null;
  talentId: string | null;
  scene: string | null;
  parent: { orderId: string; kind: ParentKind } | null;
  lines: readonly ReportLine[];
  refunds: readonly ReportRefund[];
}

const instant = (text: string | null | undefined): number | null => (text ? Date.parse(text) : null);

// Storefronts send an empty text where a cookie or a field was absent; an order must not be refused for it.
const said = (text: string | null | undefined): string | null => text || null;

/** The buyer's identities that a report states, raw, for the caller to hash. */
export function statedIdentities(parsed: CanonicalReport): { type: string; value: string }[] {
  return Object.entries(parsed.buyer ?? {}).flatMap(([type, value]) => (value ? [{ type, value }] : []));
}

/**
 * The domain form of a parsed report. `receivedAt` (the delivery's, so that a replay reads the same) stands in for an absent
 * `observed_at`; `identities` are the hashes of `statedIdentities`.
 */
export function readReport(parsed: CanonicalReport, delivery: { receivedAt: Date; identities: readonly string[] }): Report {
  return {
    merchantId: parsed.merchant_id,
    orderId: parsed.order_id,
    sourceId: parsed.source_id ?? null,
    status: parsed.status ?? null,
    void: parsed.void ?? null,
    currency: parsed.currency ?? null,
    observedAt: instant(parsed.observed_at) ?? delivery.receivedAt.getTime(),
    createdAt: instant(parsed.created_at),
    depositPaidAt: instant(parsed.deposit_paid_at),
    paidAt: instant(parsed.paid_at),
    completedAt: instant(parsed.completed_at),
    settledAt: instant(parsed.settled_at),
    identities: delivery.identities,
    clickToken: said(parsed.click_token),
    linkCode: said(parsed.link_code),
    couponCodes: (parsed.coupon_codes ?? []).filter((code) => code !== ''),
    promoterId: parsed.promoter_id ?? null,
    talentId: parsed.talent_id ?? null,
    scene: said(parsed.scene),
    parent: parsed.parent ? { orderId: parsed.parent.order_id, kind: parsed.parent.kind } : null,
    lines: (parsed.lines ?? []).map(readLine),
    refunds: (parsed.refunds ?? []).map(readRefund),
  };
}

function readLine(parsed: z.output<typeof line>): ReportLine {
  return {
    lineId: parsed.line_id,
    productId: parsed.product_id ?? null,
    category: said(parsed.category),
    quantity: parsed.quantity ?? null,
    paidAmount: parsed.paid_amount ?? null,
    platformCommission: parsed.platform_commission ?? null,
  };
}

function readRefund(parsed: z.output<typeof refund>): ReportRefund {
  return {
    refundId: parsed.refund_id,
    lineId: parsed.line_id ?? null,
    amount: parsed.amount ?? null,
    status: parsed.status ?? null,
    refundedAt: instant(parsed.refunded_at),
  };
}
