// The canonical report: what a storefront or an adapter says of an order, as it stands on the wire
// and as the core reads it. A report may be partial: what is absent or null says nothing.
import { z } from 'zod';
import { isCurrency } from './money.ts';

export const ORDER_STATUSES = ['created', 'paid', 'completed'] as const;
export const REFUND_STATUSES = ['open', 'succeeded', 'failed'] as const;
export const DISPUTE_STATES = ['open', 'closed'] as const;
export const PARENT_KINDS = ['split', 'gift'] as const;
/** The lists that a report may state in full. */
export const WHOLE_LISTS = ['lines', 'refunds', 'evidence'] as const;

export type OrderStatus = (typeof ORDER_STATUSES)[number];
export type RefundStatus = (typeof REFUND_STATUSES)[number];
export type DisputeState = (typeof DISPUTE_STATES)[number];
export type WholeList = (typeof WHOLE_LISTS)[number];
export type ParentKind = (typeof PARENT_KINDS)[number];

const ID_LENGTH_MAX = 128;
const TOKEN_LENGTH_MAX = 2048;
/**
 * No token of ours is longer; what is longer cannot be read anyway, and keeps its beginning for
 * people to see.
 */
const TOKEN_LENGTH_KEPT = 512;
const IDENTITY_LENGTH_MAX = 512;
const REASON_LENGTH_MAX = 1000;
const LINES_MAX = 1000;
const REFUNDS_MAX = 1000;
const DISPUTES_MAX = 1000;
const QUANTITY_MAX = 2 ** 31 - 1;
const COUPON_CODES_MAX = 50;
const IDENTITIES_MAX = 20;
/**
 * The greatest amount of a line and of an order, in minor units: sums over very many orders stay
 * exact numbers.
 */
export const AMOUNT_MAX = 10 ** 13;
const EARLIEST = Date.UTC(2000);
const LATEST = Date.UTC(2101);

// Lone surrogates and NUL have no place in the database's text; other control characters only make
// two ids look like one.
const NO_CONTROL = /^[^\p{Cc}\p{Cs}]*$/u;
const STORABLE = /^[^\0\p{Cs}]*$/u;

const label = (lengthMax: number) => z.string().max(lengthMax).regex(NO_CONTROL, 'must not contain control characters');

/**
 * Text, or a whole number that is read as its decimal text: order systems send the same id in both
 * forms. The document asks for text, since a client may have rounded a long number before it is
 * sent.
 */
const textOrInteger = (text: z.ZodString, error: string) => z.union([text, z.int()], { error }).meta({ type: 'string' }).transform(String);

const id = textOrInteger(label(ID_LENGTH_MAX).min(1), `must be a text of 1 to ${ID_LENGTH_MAX} characters or a whole number`);

const time = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time with its offset' }).refine(
  (text) => {
    const at = Date.parse(text);
    return at >= EARLIEST && at < LATEST;
  },
  { error: 'must lie between the years 2000 and 2100' },
);

const amount = z.int().min(0).max(AMOUNT_MAX).meta({ description: 'Minor units of the currency.' });

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

const couponCodes = z.array(label(128)).max(COUPON_CODES_MAX);

const holdUntil = time.nullish().meta({
  description: 'Until when the after-sale wait lasts at least, as its sender plans it; the latest word counts.',
});

const line = z.strictObject({
  line_id: id,
  product_id: id.nullish(),
  category: label(128).nullish().meta({ description: 'Goes before the category of the product.' }),
  quantity: z.int().min(0).max(QUANTITY_MAX).nullish().meta({ description: '0 removes the line; a line that never states it counts 1.' }),
  paid_amount: amount.nullish().meta({ description: 'What the buyer paid for the line after discounts, without freight and tax.' }),
  platform_commission: amount.nullish().meta({ description: 'What the platform pays for the line, where a rule splits that.' }),
  promoter_id: id
    .nullish()
    .meta({ description: 'Of this line; a line that names evidence of a kind takes none of that kind from the order.' }),
  link_code: label(128).nullish(),
  click_token: label(TOKEN_LENGTH_MAX).nullish(),
  coupon_codes: couponCodes.nullish().meta({ description: 'An empty list says nothing.' }),
  talent_id: id.nullish(),
  scene: label(64).nullish(),
  completed_at: time.nullish().meta({ description: "Goes before the order's." }),
  settled_at: time.nullish().meta({ description: "Goes before the order's." }),
  hold_until: holdUntil,
  not_commissionable: z
    .union([z.literal(false), label(64).min(1)], { error: 'must be false or why nothing is earned on the line' })
    .nullish()
    .meta({ description: 'Why nothing is earned on the line, as `tip` or `gift_card`; false takes it back.' }),
});

const refund = z.strictObject({
  refund_id: id,
  line_id: id.nullish().meta({ description: 'Absent: spread over what the lines still have left.' }),
  amount: amount.nullish().meta({ description: 'A refund that never states it counts 0.' }),
  status: z.enum(REFUND_STATUSES).nullish().meta({ description: '`open` holds its line, `succeeded` (the default) counts.' }),
  reason: z.string().max(REASON_LENGTH_MAX).regex(STORABLE).nullish(),
  refunded_at: time.nullish(),
});

const dispute = z.strictObject({
  dispute_id: id,
  line_id: id.nullish().meta({ description: 'Absent: of the whole order.' }),
  kind: label(64).nullish(),
  state: z.enum(DISPUTE_STATES).nullish().meta({ description: '`open` (the default) holds its line; `closed` is for good.' }),
});

/** Adds a fault where the lines come to more than an order may. */
function refuseTooMuch(lines: readonly { paid_amount?: number | null | undefined }[], context: z.RefinementCtx): void {
  const sum = lines.reduce((total, { paid_amount: paid }) => total + (paid ?? 0), 0);
  if (sum > AMOUNT_MAX) context.addIssue({ code: 'custom', message: `must not come to more than ${AMOUNT_MAX} in all` });
}

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
    hold_until: holdUntil,
    test: z.boolean().nullish().meta({ description: 'An order that was made to try something out: nothing is earned on it.' }),
    sample: z.boolean().nullish().meta({ description: 'A sample: nothing is earned on it.' }),
    whole: z
      .union([z.boolean(), z.array(z.enum(WHOLE_LISTS)).max(WHOLE_LISTS.length)], {
        error: 'must be true or a list of lines, refunds, evidence',
      })
      .nullish()
      .meta({ description: 'The lists that this report states in full: what a later whole report does not list is gone.' }),
    buyer: buyer.nullish(),
    click_token: label(TOKEN_LENGTH_MAX).nullish().meta({ description: 'The `fy_click` of the landing URL.' }),
    link_code: label(128).nullish(),
    coupon_codes: couponCodes.nullish(),
    promoter_id: id.nullish().meta({ description: 'The promoter that the order system itself names.' }),
    talent_id: id.nullish(),
    scene: label(64).nullish(),
    parent: z.strictObject({ order_id: id, kind: z.enum(PARENT_KINDS) }).nullish(),
    lines: z.array(line).max(LINES_MAX).superRefine(refuseDoubles('line_id')).superRefine(refuseTooMuch).nullish(),
    refunds: z.array(refund).max(REFUNDS_MAX).superRefine(refuseDoubles('refund_id')).nullish(),
    disputes: z.array(dispute).max(DISPUTES_MAX).superRefine(refuseDoubles('dispute_id')).nullish(),
  })
  .meta({
    title: 'Canonical report',
    description: 'What is known of an order. May be partial: what is absent or null says nothing.',
    'x-examples': {
      example: {
        value: {
          merchant_id: 'm1',
          order_id: '1001',
          status: 'paid',
          currency: 'CNY',
          buyer: { openid: 'o1' },
          link_code: 'spring-bob',
          lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 29900 }],
        },
      },
    },
  });

export type CanonicalReport = z.output<typeof canonicalReport>;

/** What ties an order, or one line of it, to a promoter. */
export interface ReportEvidence {
  clickToken: string | null;
  /** Codes that the buyer brought. */
  linkCode: string | null;
  couponCodes: readonly string[];
  /** Whom the source itself names, by words of its own that were explained or by ours. */
  promoterIds: readonly string[];
  /** Links that the source's own words mean. */
  namedLinkCodes: readonly string[];
  talentId: string | null;
  scene: string | null;
}

export interface ReportLine {
  lineId: string;
  productId: string | null;
  category: string | null;
  quantity: number | null;
  paidAmount: number | null;
  platformCommission: number | null;
  completedAt: number | null;
  settledAt: number | null;
  holdUntil: number | null;
  notCommissionable: string | false | null;
  evidence: ReportEvidence;
}

export interface ReportRefund {
  refundId: string;
  lineId: string | null;
  amount: number | null;
  status: RefundStatus | null;
  reason: string | null;
  refundedAt: number | null;
}

export interface ReportDispute {
  disputeId: string;
  lineId: string | null;
  kind: string | null;
  state: DisputeState | null;
}

/**
 * A report as the core reads it: null says nothing, times are epoch milliseconds, amounts minor
 * units (safe integers).
 */
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
  holdUntil: number | null;
  test: boolean | null;
  sample: boolean | null;
  whole: readonly WholeList[];
  /** Keyed hashes, made by the caller: a raw identity never enters the state of an order. */
  identities: readonly string[];
  evidence: ReportEvidence;
  parent: { orderId: string; kind: ParentKind } | null;
  lines: readonly ReportLine[];
  refunds: readonly ReportRefund[];
  disputes: readonly ReportDispute[];
}

const instant = (text: string | null | undefined): number | null => (text ? Date.parse(text) : null);

// Storefronts send an empty text where a cookie or a field was absent; an order must not be refused
// for it.
const said = (text: string | null | undefined): string | null => text || null;

/**
 * Whom and which links the words of a source mean: of the order, and of each line that they speak
 * of.
 */
export interface NamedEvidence {
  promoterIds: readonly string[];
  linkCodes: readonly string[];
  talentId: string | null;
}

/** What the caller knows of a parsed report beside its text. */
export interface ReportContext {
  /**
   * The delivery's, so that a replay reads the same: stands in for an absent `observed_at`, and for
   * one that lies beyond `observedMax`.
   */
  receivedAt: Date;
  observedMax: Date;
  /**
   * Stands in for an absent `observed_at` where a row must not count as later than what was told in
   * full before it.
   */
  untimedAt: Date | null;
  /** The hashes of the buyer's identities. */
  identities: readonly string[];
  /** By `line_id`; null is the order's own. */
  named: ReadonlyMap<string | null, NamedEvidence>;
}

/** The domain form of a parsed report. */
export function readReport(parsed: CanonicalReport, reading: ReportContext): Report {
  return {
    merchantId: parsed.merchant_id,
    orderId: parsed.order_id,
    sourceId: parsed.source_id ?? null,
    status: parsed.status ?? null,
    void: parsed.void ?? null,
    currency: parsed.currency ?? null,
    observedAt: observedAt(instant(parsed.observed_at), reading),
    createdAt: instant(parsed.created_at),
    depositPaidAt: instant(parsed.deposit_paid_at),
    paidAt: instant(parsed.paid_at),
    completedAt: instant(parsed.completed_at),
    settledAt: instant(parsed.settled_at),
    holdUntil: instant(parsed.hold_until),
    test: parsed.test ?? null,
    sample: parsed.sample ?? null,
    whole: parsed.whole === true ? WHOLE_LISTS : parsed.whole || [],
    identities: reading.identities,
    evidence: readEvidence(parsed, reading.named.get(null)),
    parent: parsed.parent ? { orderId: parsed.parent.order_id, kind: parsed.parent.kind } : null,
    lines: (parsed.lines ?? []).map((one) => readLine(one, reading.named.get(one.line_id))),
    refunds: (parsed.refunds ?? []).map(readRefund),
    disputes: (parsed.disputes ?? []).map(readDispute),
  };
}

function observedAt(stated: number | null, { receivedAt, observedMax, untimedAt }: ReportContext): number {
  if (stated === null) return (untimedAt ?? receivedAt).getTime();
  return stated > observedMax.getTime() ? receivedAt.getTime() : stated;
}

type StatedEvidence = Pick<z.output<typeof line>, 'click_token' | 'link_code' | 'coupon_codes' | 'scene'>;

function readEvidence(stated: StatedEvidence, named: NamedEvidence | undefined): ReportEvidence {
  return {
    clickToken: said(stated.click_token)?.slice(0, TOKEN_LENGTH_KEPT) ?? null,
    linkCode: said(stated.link_code),
    couponCodes: (stated.coupon_codes ?? []).filter((code) => code !== ''),
    promoterIds: named?.promoterIds ?? [],
    namedLinkCodes: named?.linkCodes ?? [],
    talentId: named?.talentId ?? null,
    scene: said(stated.scene),
  };
}

function readLine(parsed: z.output<typeof line>, named: NamedEvidence | undefined): ReportLine {
  return {
    lineId: parsed.line_id,
    productId: parsed.product_id ?? null,
    category: said(parsed.category),
    quantity: parsed.quantity ?? null,
    paidAmount: parsed.paid_amount ?? null,
    platformCommission: parsed.platform_commission ?? null,
    completedAt: instant(parsed.completed_at),
    settledAt: instant(parsed.settled_at),
    holdUntil: instant(parsed.hold_until),
    notCommissionable: parsed.not_commissionable ?? null,
    evidence: readEvidence(parsed, named),
  };
}

function readRefund(parsed: z.output<typeof refund>): ReportRefund {
  return {
    refundId: parsed.refund_id,
    lineId: parsed.line_id ?? null,
    amount: parsed.amount ?? null,
    status: parsed.status ?? null,
    reason: parsed.reason ?? null,
    refundedAt: instant(parsed.refunded_at),
  };
}

function readDispute(parsed: z.output<typeof dispute>): ReportDispute {
  return {
    disputeId: parsed.dispute_id,
    lineId: parsed.line_id ?? null,
    kind: parsed.kind ?? null,
    state: parsed.state ?? null,
  };
}
