// A small world whose books are in order: two merchants, three promoters, a rule for each base, orders in every state. Written by plain inserts,
// so that each test can say exactly which row it breaks.

import { createHash } from 'node:crypto';

import { sql, type Insertable, type Kysely, type Transaction } from 'kysely';

import { lift, merge, NOTHING_TOLD, type MergedOrder } from '../../src/core/merge.ts';
import { viewOrder } from '../../src/core/order.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { differences, type Booked, type Target } from '../../src/core/posting.ts';
import type { Report, ReportLine, ReportRefund } from '../../src/core/report.ts';
import { accountCache, bookedSlots, bookTransfers } from '../../src/ledger/store.ts';
import type { DB } from '../../src/platform/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';

const DAY_MS = 86_400_000;

/** Days before now, to the millisecond, as everything that is recorded. */
export const ago = (days: number): Date => new Date(Date.now() - days * DAY_MS);

export const KEY_ID = uuidv7(Date.now());
export const BUYER = '11111111-1111-4111-8111-111111111111';
export const CLICK = uuidv7(Date.now() - 21 * DAY_MS);

/** What the worked example splits: 10 % of what was paid, by agency, promoter and upline. */
export const PLAN = {
  base: 'paid_amount',
  currency: null,
  rate_ppm: 100_000,
  fixed_per_unit: 0,
  cap_per_line: null,
  cap_per_order: null,
  split: [
    {
      to: 'agency',
      share_ppm: 1_000_000,
      pays: [{ to: 'promoter', share_ppm: 700_000, pays: [{ to: 'upline', level: 1, share_ppm: 100_000, pays: [] }] }],
    },
  ],
};

const PLATFORM_PLAN = {
  ...PLAN,
  base: 'platform_commission',
  rate_ppm: 1_000_000,
  split: [
    { to: 'promoter', share_ppm: 700_000, pays: [] },
    { to: 'platform', share_ppm: 300_000, pays: [] },
  ],
};

/** Who sells, shares and splits, each with its entry in the audit log. */
export async function foundWorld(db: Kysely<DB>): Promise<void> {
  const at = ago(90);
  const audit = (kind: string, id: string) => auditOf(kind, id, at);
  await db
    .insertInto('api_key')
    .values({ key_id: KEY_ID, hash: createHash('sha256').update(KEY_ID).digest(), scope: 'admin', label: 'a key', made_at: at })
    .execute();
  for (const merchant_id of ['m1', 'm2']) {
    await db.insertInto('merchant').values({ merchant_id, made_at: at }).execute();
    await db
      .insertInto('merchant_version')
      .values({
        ...{ merchant_id, version: 1, effective_from: '-infinity', recorded_at: at, name: merchant_id, currency: 'CNY' },
        ...{ landing_hosts: ['shop.example.com'], hold_days: 7, policy: JSON.stringify(defaultPolicy) },
      })
      .execute();
  }
  await db.insertInto('product').values({ merchant_id: 'm1', product_id: 'p1', made_at: at }).execute();
  await db
    .insertInto('product_version')
    .values({
      merchant_id: 'm1',
      product_id: 'p1',
      version: 1,
      effective_from: '-infinity',
      recorded_at: at,
      title: 'A',
      commissionable: true,
    })
    .execute();
  await foundPromoters(db, at);
  for (const source_id of ['shop1', 'shop2']) {
    await db
      .insertInto('source')
      .values({ source_id, kind: 'shopify', merchant_id: 'm1', secrets_set: [], options: '{}', made_at: at, changed_at: at })
      .execute();
  }
  await foundRules(db, at);
  const subjects = ['merchant m1', 'merchant m2', 'product m1/p1', 'promoter a1', 'promoter alice', 'promoter bob', 'source shop1'];
  subjects.push('source shop2', 'rule r1', 'rule r2', 'mapping shop1/pid/b', `key ${KEY_ID}`);
  for (const subject of subjects)
    await db
      .insertInto('audit_log')
      .values(audit(...(subject.split(' ') as [string, string])))
      .execute();
}

export function auditOf(subject_kind: string, subject_id: string, recorded_at: Date): Insertable<DB['audit_log']> {
  return { recorded_at, key_id: KEY_ID, action: `${subject_kind}_stated`, subject_kind, subject_id };
}

async function foundPromoters(db: Kysely<DB>, at: Date): Promise<void> {
  const promoters = [
    { promoter_id: 'a1', kind: 'agency', inviter_id: null, agency_id: null },
    { promoter_id: 'alice', kind: 'person', inviter_id: null, agency_id: null },
    { promoter_id: 'bob', kind: 'person', inviter_id: 'alice', agency_id: 'a1' },
  ];
  for (const promoter of promoters) {
    await db.insertInto('promoter').values({ promoter_id: promoter.promoter_id, made_at: at }).execute();
    await db
      .insertInto('promoter_version')
      .values({
        ...promoter,
        ...{ version: 1, effective_from: '-infinity', recorded_at: at, name: promoter.promoter_id, status: 'active', coupon_codes: '[]' },
      })
      .execute();
  }
  const link = { merchant_id: 'm1', landing_url: 'https://shop.example.com/', scene: 'group', made_at: ago(80) };
  await db
    .insertInto('link')
    .values({ ...link, code: 'bobs-link', promoter_id: 'bob', product_id: 'p1', sharers: [] })
    .execute();
  await db
    .insertInto('link')
    .values({ ...link, code: 'alices-link', promoter_id: 'alice', sharers: ['bob'], shared_from: 'bobs-link' })
    .execute();
  await db
    .insertInto('click')
    .values({ click_id: CLICK, link_code: 'bobs-link', clicked_at: ago(21), bot: false })
    .execute();
  await db.insertInto('buyer_identity').values({ identity: BUYER, buyer: BUYER, merchant_id: 'm1' }).execute();
}

async function foundRules(db: Kysely<DB>, at: Date): Promise<void> {
  const rules = [
    { rule_id: 'r1', plan: PLAN },
    { rule_id: 'r2', plan: PLATFORM_PLAN },
  ];
  for (const { rule_id, plan } of rules) {
    await db.insertInto('rule').values({ rule_id, made_at: at }).execute();
    await db
      .insertInto('rule_version')
      .values({
        ...{ rule_id, version: 1, name: rule_id, scope: JSON.stringify({ merchant_id: 'm1' }), scope_key: rule_id, priority: 0 },
        ...{ effective_from: ago(85), plan: JSON.stringify(plan), recorded_at: at },
      })
      .execute();
  }
  await db
    .insertInto('mapping_version')
    .values({ source_id: 'shop1', type: 'pid', value: 'b', version: 1, effective_from: '-infinity', recorded_at: at, promoter_id: 'bob' })
    .execute();
}

interface Share {
  role: 'promoter' | 'upline' | 'agency' | 'platform';
  level: number | null;
  promoter_id: string | null;
  amount: number;
}

/** 300, 630 and 69 of 9999; 210, 441 and 48 of the 6999 that a refund of 3000 leaves. */
export function sharesOf(agency: number, promoter: number, upline: number): Share[] {
  return [
    { role: 'agency', level: null, promoter_id: 'a1', amount: agency },
    { role: 'promoter', level: null, promoter_id: 'bob', amount: promoter },
    { role: 'upline', level: 1, promoter_id: 'alice', amount: upline },
  ];
}

type Decision = Insertable<DB['decision']>;

/** One award of an order: what its lines were decided to be. */
export interface Revision {
  decisions: (Pick<Decision, 'line_id' | 'decision' | 'base' | 'pool'> & Partial<Decision> & { split?: Share[] })[];
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
      ...{ promoter_id: 'bob', weight_ppm: 1_000_000, evidence: 'click_token', reference: CLICK, link_code: 'bobs-link' },
      ...{ click_id: CLICK, clicked_at: ago(21).toISOString(), window_days: 30, chain: ['alice'], agency_id: 'a1', absent: [] },
    },
  ],
};

/** What an attributed line says beside its amounts. */
export const attributed = {
  ...{ decision: 'attributed', evidence: 'click_token', promoter_id: 'bob', rule_id: 'r1', rule_version: 1 },
  pinned: JSON.stringify(pinned),
} as const;

/** An order as its one report tells it, with its awards and what they booked. */
export async function writeOrder(trx: Transaction<DB>, spec: OrderSpec): Promise<bigint> {
  const sourceId = spec.sourceId ?? 'shop1';
  const at = ago(20);
  const deliveryId = uuidv7(at.getTime());
  const body = Buffer.from(`${sourceId} ${spec.orderId}`);
  const hash = createHash('sha256').update(body).digest();
  await trx
    .insertInto('delivery')
    .values({
      ...{
        delivery_id: deliveryId,
        source_id: sourceId,
        merchant_id: sourceId === 'rest' ? 'm1' : null,
        origin: 'push',
        body,
        body_hash: hash,
      },
      ...{ headers: '{}', received_at: at, state: 'processed', next_attempt_at: at, reports: 1, finished_at: at },
    })
    .execute();
  const merged = mergedOf(spec, at, hash.toString('hex'));
  const view = viewOrder(merged);
  const { order_key: orderKey } = await trx
    .insertInto('orders')
    .values({
      ...{ merchant_id: 'm1', source_id: sourceId, order_id: spec.orderId, merged: JSON.stringify(merged), status: view.status },
      ...{ is_void: view.void !== null, currency: view.currency, currency_conflict: view.currencyConflict, made_at: at, changed_at: at },
      attribution_at: view.attributionAt === null ? null : new Date(view.attributionAt),
      ...{ parent_order_id: view.parent?.orderId ?? null, parent_kind: view.parent?.kind ?? null },
    })
    .returning('order_key')
    .executeTakeFirstOrThrow();
  await trx.insertInto('order_report').values({ order_key: orderKey, delivery_id: deliveryId, ordinal: 0 }).execute();
  await trx.insertInto('order_identity').values({ identity: BUYER, order_key: orderKey }).execute();
  for (const [index, revision] of spec.revisions.entries()) await writeRevision(trx, orderKey, index + 1, revision, spec);
  if (spec.revisions.length > 0) await writeHead(trx, orderKey, spec, view);
  return orderKey;
}

export function mergedOf(spec: OrderSpec, at: Date, contentHash = '0'): MergedOrder {
  const report: Report = {
    ...{ merchantId: 'm1', orderId: spec.orderId, sourceId: null, status: 'paid', void: null, currency: 'CNY', observedAt: at.getTime() },
    ...{ createdAt: null, depositPaidAt: null, paidAt: at.getTime(), completedAt: null, settledAt: null, identities: [BUYER] },
    ...{ clickToken: null, linkCode: null, couponCodes: [], promoterId: null, talentId: null, scene: null, parent: null },
    ...spec.says,
    lines: spec.lines.map((line) => ({ productId: 'p1', category: null, quantity: 1, platformCommission: null, ...line })),
    refunds: (spec.refunds ?? []).map((refund) => ({ lineId: null, status: 'succeeded', refundedAt: at.getTime(), ...refund })),
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
  for (const { split = [], ...decision } of decisions) {
    const line = spec.lines.find((one) => one.lineId === decision.line_id)!;
    await trx
      .insertInto('decision')
      .values({
        ...{ order_key: orderKey, revision, product_id: 'p1', quantity: line.quantity ?? 1, paid_amount: line.paidAmount ?? 0 },
        ...{ refunded_amount: 0, shares: JSON.stringify(split), explanation: JSON.stringify({ evidence: [] }), ...decision },
      })
      .execute();
  }
  const booked: Booked[] = (await bookedSlots(trx, [orderKey])).get(orderKey) ?? [];
  const target = decisions.flatMap(({ line_id: lineId, split = [] }): Target[] =>
    split.map(({ role, level, promoter_id: promoterId, amount }) => ({ lineId, role, level, promoterId, amount: BigInt(amount) })),
  );
  const isLast = revision === spec.revisions.length;
  const postings = differences({ booked, target, released: isLast && spec.releasedAt !== undefined });
  const transfers = postings.map((posting, position) => ({ ...posting, orderKey, merchantId: 'm1', currency: 'CNY', revision, position }));
  await bookTransfers(trx, transfers, accountCache(), isLast ? (spec.releasedAt ?? ago(19)) : ago(19));
}

async function writeHead(trx: Transaction<DB>, orderKey: bigint, spec: OrderSpec, view: ReturnType<typeof viewOrder>): Promise<void> {
  const { decisions, state } = spec.revisions.at(-1)!;
  await trx
    .insertInto('award')
    .values({
      ...{ order_key: orderKey, merchant_id: 'm1', revision: spec.revisions.length, state, currency: 'CNY', hold_days: 7 },
      decisions: [...new Set(decisions.map((line) => line.decision))].toSorted(),
      attribution_at: view.attributionAt === null ? null : new Date(view.attributionAt),
      completed_at: view.completedAt === null ? null : new Date(view.completedAt),
      ...{ released_at: spec.releasedAt ?? null, awarded_at: ago(19) },
    })
    .execute();
}

export const paidLine = { lineId: '1', paidAmount: 9999 };
export const earning = { line_id: '1', base: 9999, pool: 999, ...attributed, split: sharesOf(300, 630, 69) };

/** An order that earns as in the worked example and waits. */
export const earningOrder = (orderId: string, more: Partial<OrderSpec> = {}): OrderSpec => ({
  orderId,
  says: {},
  lines: [paidLine],
  revisions: [{ decisions: [earning], state: 'estimated' }],
  ...more,
});

const refunded = { ...earning, refunded_amount: 3000, base: 6999, pool: 699, split: sharesOf(210, 441, 48) };
const nothing = { evidence: null, promoter_id: null, rule_id: null, rule_version: null, pinned: null, split: [], pool: 0 };

/** Orders in every state; the last of them, `waiting`, is not folded yet when `folded` ran before it. */
export async function bookWorld(db: Kysely<DB>, folded: () => Promise<unknown>): Promise<void> {
  const completed = { status: 'completed', completedAt: ago(15).getTime() } as const;
  const orders: OrderSpec[] = [
    {
      ...earningOrder('released', { says: completed, refunds: [{ refundId: 'r1', lineId: '1', amount: 3000 }], releasedAt: ago(7.5) }),
      revisions: [
        { decisions: [earning], state: 'confirmed' },
        { decisions: [refunded], state: 'released' },
      ],
    },
    {
      ...earningOrder('voided', { says: { void: { reason: 'cancelled' } } }),
      revisions: [
        { decisions: [earning], state: 'estimated' },
        { decisions: [{ ...earning, ...nothing, decision: 'void', base: 0 }], state: 'void' },
      ],
    },
    {
      orderId: 'settled',
      says: { ...completed, settledAt: ago(8).getTime() },
      lines: [{ lineId: '1', paidAmount: 1000, platformCommission: 101 }],
      refunds: [{ refundId: 'r1', amount: 500 }],
      revisions: [{ decisions: [settledLine()], state: 'released' }],
      releasedAt: ago(7.5),
    },
    unattributedOrder(),
    earningOrder('waiting'),
  ];
  for (const [index, spec] of orders.entries()) {
    if (index === orders.length - 1) await folded();
    await db.transaction().execute((trx) => writeOrder(trx, spec));
  }
}

function settledLine() {
  const split: Share[] = [
    { role: 'promoter', level: null, promoter_id: 'bob', amount: 35 },
    { role: 'platform', level: null, promoter_id: null, amount: 15 },
  ];
  return { line_id: '1', refunded_amount: 500, base: 50, pool: 50, ...attributed, rule_id: 'r2', split };
}

/** Refunds of the whole order that do not divide evenly: 100 over 10, 30 and 60 after 1 of line 9 itself, the rest over line 10 too. */
function unattributedOrder(): OrderSpec {
  const line = (line_id: string, refunded_amount: number, base: number) => ({
    line_id,
    decision: 'unattributed',
    ...nothing,
    refunded_amount,
    base,
  });
  return {
    orderId: 'nobodys',
    says: {},
    lines: [
      { lineId: '9', paidAmount: 101 },
      { lineId: '10', paidAmount: 100 },
      { lineId: 'x', paidAmount: 100 },
      { lineId: 'gone', paidAmount: 50, quantity: 0 },
    ],
    refunds: [
      { refundId: 'r1', lineId: '9', amount: 1 },
      { refundId: 'r2', amount: 60 },
      { refundId: 'r3', amount: 40 },
      { refundId: 'r4', amount: 7, status: 'failed' },
    ],
    revisions: [
      {
        decisions: [line('9', 35, 66), line('10', 33, 67), line('x', 33, 67), { ...line('gone', 0, 0), decision: 'void' }],
        state: 'none',
      },
    ],
  };
}

/** Runs the work as one who can break every law: no triggers, no foreign keys. What it does is never committed. */
export async function tampering(owner: Kysely<DB>, work: (trx: Transaction<DB>) => Promise<void>): Promise<void> {
  const undo = new Error('undo');
  try {
    await owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await work(trx);
      throw undo;
    });
  } catch (error) {
    if (error !== undo) throw error;
  }
}
