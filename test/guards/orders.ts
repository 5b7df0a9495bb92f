// How an order of the small world is written, with the awards and the transfers that belong to it.

import { createHash } from 'node:crypto';

import type { Transaction } from 'kysely';

import { lift, merge } from '../../src/core/merge.ts';
import { NOTHING_TOLD, type MergedOrder } from '../../src/core/merged.ts';
import { viewOrder } from '../../src/core/order.ts';
import { differences, type Booked, type Target } from '../../src/core/posting.ts';
import type { Report, ReportLine, ReportRefund } from '../../src/core/report.ts';
import { accountCache, bookedSlots, bookTransfers } from '../../src/ledger/booking-store.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { insertDelivery } from './deliveries.ts';
import { ago, BUYER, CLICK } from './world.ts';
import { NO_EVIDENCE } from '../core/reading.ts';

export interface Share {
  role: 'promoter' | 'upline' | 'agency' | 'platform';
  level: number | null;
  promoter_id: string | null;
  amount: number;
}

/** What was decided of a line; amounts in minor units. */
interface LineDecision {
  line_id: string;
  decision: string;
  base: number | bigint;
  pool: number | bigint;
  refunded_amount?: number | bigint;
  evidence?: string | null;
  promoter_id?: string | null;
  rule_id?: string | null;
  rule_version?: number | null;
  pinned?: string | null;
  split?: Share[];
}

/** One award of an order: what its lines were decided to be. */
interface Revision {
  decisions: LineDecision[];
  state: string;
}

export interface OrderSpec {
  orderId: string;
  sourceId?: string;
  says: Partial<Omit<Report, 'lines' | 'refunds'>>;
  lines: (Pick<ReportLine, 'lineId' | 'paidAmount'> & Partial<ReportLine>)[];
  refunds?: (Pick<ReportRefund, 'refundId' | 'amount'> & Partial<ReportRefund>)[];
  revisions: Revision[];
  /** When the hold ended and all was released, together with the last revision. */
  releasedAt?: Date;
}

const pinned = {
  merchant_version: 1,
  clock_skew_seconds: 300,
  winners: [
    {
      promoter_id: 'bob',
      weight_ppm: 1_000_000,
      evidence: 'click_token',
      reference: CLICK,
      link_code: 'bobs-link',
      click_id: CLICK,
      clicked_at: ago(21).toISOString(),
      window_days: 30,
      chain: ['alice'],
      agency_id: 'a1',
      absent: [],
    },
  ],
};

/** What an attributed line says beside its amounts. */
export const attributed = {
  decision: 'attributed',
  evidence: 'click_token',
  promoter_id: 'bob',
  rule_id: 'r1',
  rule_version: 1,
  pinned: JSON.stringify(pinned),
} as const;

const PLAIN_LINE = {
  productId: 'p1',
  category: null,
  quantity: 1,
  platformCommission: null,
  completedAt: null,
  settledAt: null,
  holdUntil: null,
  notCommissionable: null,
  evidence: NO_EVIDENCE,
};
const PLAIN_REFUND = { lineId: null, status: 'succeeded', reason: null } as const;

/** An order as its one report tells it, with its awards and what they booked. */
export async function writeOrder(trx: Transaction<DB>, spec: OrderSpec): Promise<bigint> {
  const sourceId = spec.sourceId ?? 'shop1';
  const at = ago(20);
  const deliveryId = uuidv7(at.getTime());
  const body = Buffer.from(`${sourceId} ${spec.orderId}`);
  const hash = createHash('sha256').update(body).digest();
  await insertDelivery(trx, {
    delivery_id: deliveryId,
    source_id: sourceId,
    merchant_id: sourceId === 'rest' ? 'm1' : null,
    origin: 'push',
    body,
    body_hash: hash,
    headers: '{}',
    received_at: at,
    state: 'processed',
    next_attempt_at: at,
    reports: 1,
    finished_at: at,
  });
  const merged = mergedOf(spec, at, hash.toString('hex'));
  const view = viewOrder(merged);
  const { order_key: orderKey } = await trx
    .insertInto('orders')
    .values({
      merchant_id: 'm1',
      source_id: sourceId,
      order_id: spec.orderId,
      merged: JSON.stringify(merged),
      status: view.status,
      is_void: view.void !== null,
      currency: view.currency,
      currency_conflict: view.currencyConflict,
      made_at: at,
      changed_at: at,
      attribution_at: view.attributionAt === null ? null : new Date(view.attributionAt),
      parent_order_id: view.parent?.orderId ?? null,
      parent_kind: view.parent?.kind ?? null,
      line_count: merged.lines.length,
    })
    .returning('order_key')
    .executeTakeFirstOrThrow();
  await trx.insertInto('order_report').values({ order_key: orderKey, delivery_id: deliveryId, ordinal: 0 }).execute();
  await trx.insertInto('order_identity').values({ identity: BUYER, order_key: orderKey }).execute();
  for (const [index, revision] of spec.revisions.entries()) await writeRevision(trx, orderKey, index + 1, revision, spec);
  if (spec.revisions.length > 0) await writeHead(trx, orderKey, spec, view);
  return orderKey;
}

function mergedOf(spec: OrderSpec, at: Date, contentHash = '0'): MergedOrder {
  const report: Report = {
    merchantId: 'm1',
    orderId: spec.orderId,
    sourceId: null,
    status: 'paid',
    void: null,
    currency: 'CNY',
    observedAt: at.getTime(),
    createdAt: null,
    depositPaidAt: null,
    paidAt: at.getTime(),
    completedAt: null,
    settledAt: null,
    holdUntil: null,
    test: null,
    sample: null,
    whole: [],
    identities: [BUYER],
    evidence: NO_EVIDENCE,
    parent: null,
    ...spec.says,
    lines: spec.lines.map((line) => ({ ...PLAIN_LINE, ...line })),
    refunds: (spec.refunds ?? []).map((refund) => ({ ...PLAIN_REFUND, refundedAt: at.getTime(), ...refund })),
    disputes: [],
  };
  return merge(NOTHING_TOLD, lift(report, contentHash, 'all'));
}

async function writeRevision(
  trx: Transaction<DB>,
  orderKey: bigint,
  revision: number,
  { decisions }: Revision,
  spec: OrderSpec,
): Promise<void> {
  for (const { split = [], base, pool, refunded_amount = 0, ...decision } of decisions) {
    const line = spec.lines.find((one) => one.lineId === decision.line_id)!;
    await trx
      .insertInto('decision')
      .values({
        order_key: orderKey,
        revision,
        product_id: 'p1',
        quantity: line.quantity ?? 1,
        paid_amount: BigInt(line.paidAmount ?? 0),
        base: BigInt(base),
        pool: BigInt(pool),
        refunded_amount: BigInt(refunded_amount),
        shares: JSON.stringify(split),
        explanation: JSON.stringify({ evidence: [] }),
        ...decision,
      })
      .execute();
  }
  const booked: Booked[] = (await bookedSlots(trx, [orderKey])).get(orderKey) ?? [];
  const target = decisions.flatMap(({ line_id: lineId, split = [] }): Target[] =>
    split.map(({ role, level, promoter_id: promoterId, amount }) => ({ lineId, role, level, promoterId, amount: BigInt(amount) })),
  );
  const isLast = revision === spec.revisions.length;
  const postings = differences({ booked, target, isReleased: () => isLast && spec.releasedAt !== undefined });
  const transfers = postings.map((posting, position) => ({ ...posting, orderKey, merchantId: 'm1', currency: 'CNY', revision, position }));
  await bookTransfers(trx, transfers, accountCache(), isLast ? (spec.releasedAt ?? ago(19)) : ago(19));
}

async function writeHead(trx: Transaction<DB>, orderKey: bigint, spec: OrderSpec, view: ReturnType<typeof viewOrder>): Promise<void> {
  const { decisions, state } = spec.revisions.at(-1)!;
  await trx
    .insertInto('award')
    .values({
      order_key: orderKey,
      merchant_id: 'm1',
      revision: spec.revisions.length,
      state,
      currency: 'CNY',
      hold_days: 7,
      decisions: [...new Set(decisions.map((line) => line.decision))].toSorted(),
      attribution_at: view.attributionAt === null ? null : new Date(view.attributionAt),
      completed_at: view.completedAt === null ? null : new Date(view.completedAt),
      released_at: spec.releasedAt ?? null,
      is_open: spec.releasedAt === undefined || decisions.length === 0,
      awarded_at: ago(19),
    })
    .execute();
  if (spec.releasedAt === undefined || decisions.length === 0) return;
  const hold = { order_key: orderKey, hold_days: 7, ends_at: spec.releasedAt, released_at: spec.releasedAt };
  await trx
    .insertInto('line_hold')
    .values(decisions.map(({ line_id }) => ({ ...hold, line_id })))
    .execute();
}
