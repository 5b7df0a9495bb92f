// What was recorded of orders, as a rehearsal reads it: their decisions with their pins, what was
// booked for them, and their merged states. Set-wise, and it writes nothing.

import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';

import type { Role } from '../../core/party.ts';
import type { LineDecisionKind } from '../award/decision.ts';
import type { Pin } from '../award/pin.ts';
import { readKnownOrder, type KnownOrder, type KnownOrderRow } from '../../orders/order-store.ts';
import type { DB } from '../../platform/postgres/tables.ts';

/** Which orders are looked at. */
interface OrdersQuery {
  from: Date;
  to: Date;
  merchantId: string | null;
  currency: string;
}

/** Orders with the revisions that stood when they were listed. */
export interface OrderSlice {
  orderKeys: bigint[];
  revisions: number[];
}

/** Why an order of the period is not looked at. */
export const EXCLUSIONS = ['due', 'other_currency', 'changed_meanwhile'] as const;
export type Exclusion = (typeof EXCLUSIONS)[number];

interface ListRow {
  reason: Exclusion | null;
  count: number;
  order_keys: bigint[] | null;
  revisions: number[] | null;
}

const SLICES_PER_FETCH = 50;

/**
 * Lists the orders of one snapshot in slices, in the order of their keys, or `byTime` in that of
 * their attribution, and tells how many are left out and why. What waits for its award has no award
 * to compare with.
 */
export async function* listOrders(
  trx: Transaction<DB>,
  { from, to, merchantId, currency }: OrdersQuery,
  { ordersPerSlice, byTime }: { ordersPerSlice: number; byTime: boolean },
): AsyncGenerator<OrderSlice | { reason: Exclusion; orders: number }> {
  const place = byTime ? sql`attribution_at, order_key` : sql`order_key`;
  await sql`
    declare listed no scroll cursor for
    with found as (
      select orders.order_key, orders.attribution_at, award.revision,
        case
          when award.revision is null or award_due.order_key is not null then 'due'
          when award.currency is distinct from ${sql.lit(currency)} then 'other_currency'
        end as reason
      from orders
      left join award on award.order_key = orders.order_key
      left join award_due on award_due.order_key = orders.order_key
      where orders.attribution_at >= ${sql.lit(from.toISOString())} and orders.attribution_at < ${sql.lit(to.toISOString())}
        ${merchantId === null ? sql`` : sql`and orders.merchant_id = ${sql.lit(merchantId)}`}
    ), placed as (
      select *, (row_number() over (partition by reason order by ${place}) - 1) / ${sql.lit(ordersPerSlice)} as slice from found
    )
    select reason, count(*)::int as count,
      case when reason is null then array_agg(order_key order by ${place}) end as order_keys,
      case when reason is null then array_agg(revision order by ${place}) end as revisions
    from placed group by reason, case when reason is null then slice end
    order by case when reason is null then slice end`.execute(trx);
  for (;;) {
    const { rows } = await sql<ListRow>`fetch ${sql.lit(SLICES_PER_FETCH)} from listed`.execute(trx);
    if (rows.length === 0) return;
    for (const { reason, count, order_keys: orderKeys, revisions } of rows) {
      yield reason === null ? { orderKeys: orderKeys!, revisions: revisions! } : { reason, orders: count };
    }
  }
}

/** The currencies of the orders of a period, at most two of them. */
export async function currenciesOf(db: Kysely<DB>, { from, to, merchantId }: Omit<OrdersQuery, 'currency'>): Promise<string[]> {
  const { rows } = await sql<{ currency: string }>`
    select distinct currency from award
    where currency is not null and attribution_at >= ${from} and attribution_at < ${to}
      ${merchantId === null ? sql`` : sql`and merchant_id = ${merchantId}`}
    order by currency limit 2`.execute(db);
  return rows.map((row) => row.currency);
}

const wanted = ({ orderKeys, revisions }: OrderSlice): RawBuilder<unknown> =>
  sql`unnest(${orderKeys.map(String)}::bigint[], ${revisions}::int[]) as wanted (order_key, revision)`;

/** An order whose award stands as it was listed. */
export interface RecordedHead {
  orderKey: bigint;
  merchantId: string;
  attributionAt: Date;
  revision: number;
  /** A line of it found no rule. */
  lacksRule: boolean;
}

/** Those of the orders that stand as they were listed; the others have moved on, or wait. */
export async function readHeads(trx: Transaction<DB>, slice: OrderSlice): Promise<RecordedHead[]> {
  const { rows } = await sql<{ order_key: bigint; merchant_id: string; attribution_at: Date; revision: number; lacks_rule: boolean }>`
    select order_key, award.merchant_id, award.attribution_at, award.revision, 'no_rule' = any(award.decisions) as lacks_rule
    from ${wanted(slice)} join award using (order_key, revision)
    where not exists (select from award_due where award_due.order_key = award.order_key)
      and award.attribution_at is not null`.execute(trx);
  return rows.map((row) => ({
    orderKey: row.order_key,
    merchantId: row.merchant_id,
    attributionAt: row.attribution_at,
    revision: row.revision,
    lacksRule: row.lacks_rule,
  }));
}

/** A line as it was decided. */
export interface RecordedLine {
  lineId: string;
  productId: string | null;
  decision: LineDecisionKind;
  ruleId: string | null;
  ruleVersion: number | null;
  pin: Pin | null;
}

interface LineRow {
  order_key: bigint;
  line_id: string;
  product_id: string | null;
  decision: LineDecisionKind;
  rule_id: string | null;
  rule_version: number | null;
  pinned: Pin | null;
}

/** The lines of orders, without their explanations. */
export async function readLines(trx: Transaction<DB>, slice: OrderSlice): Promise<Map<bigint, RecordedLine[]>> {
  const { rows } = await sql<LineRow>`
    select order_key, line_id, product_id, decision, rule_id, rule_version, pinned
    from ${wanted(slice)} join decision using (order_key, revision)`.execute(trx);
  const lines = new Map<bigint, RecordedLine[]>();
  for (const row of rows) {
    const { order_key: orderKey, line_id: lineId, product_id: productId, decision, rule_id: ruleId, rule_version: ruleVersion } = row;
    const line: RecordedLine = { lineId, productId, decision, ruleId, ruleVersion, pin: row.pinned };
    const known = lines.get(orderKey);
    if (known === undefined) lines.set(orderKey, [line]);
    else known.push(line);
  }
  return lines;
}

/** What one party has of a line, in minor units. */
export interface BookedShare {
  lineId: string;
  role: Role;
  level: number | null;
  promoterId: string | null;
  amount: bigint;
}

interface ShareRow {
  order_key: bigint;
  line_id: string;
  role: Role;
  level: number | null;
  promoter_id: string | null;
  amount: bigint;
}

/** What was accrued for orders less what was taken back, up to the revision that stands. */
export async function readBooked(trx: Transaction<DB>, slice: OrderSlice, currency: string): Promise<Map<bigint, BookedShare[]>> {
  const { rows } = await sql<ShareRow>`
    select order_key, line_id, role, level, promoter_id, sum(case kind when 'accrue' then amount else -amount end)::bigint as amount
    from ${wanted(slice)} join transfer using (order_key)
    where kind in ('accrue', 'reverse') and transfer.revision <= wanted.revision and currency = ${currency}
    group by order_key, line_id, role, level, promoter_id`.execute(trx);
  const shares = new Map<bigint, BookedShare[]>();
  for (const { order_key: orderKey, line_id: lineId, role, level, promoter_id: promoterId, amount } of rows) {
    if (amount === 0n) continue;
    const share: BookedShare = { lineId, role, level, promoterId, amount };
    const known = shares.get(orderKey);
    if (known === undefined) shares.set(orderKey, [share]);
    else known.push(share);
  }
  return shares;
}

/** The merged states of orders. */
export async function readMerged(trx: Transaction<DB>, orderKeys: readonly bigint[]): Promise<Map<bigint, KnownOrder>> {
  if (orderKeys.length === 0) return new Map();
  const { rows } = await sql<KnownOrderRow>`
    select order_key, merchant_id, source_id, order_id, merged, parent_order_id, parent_kind from orders
    where order_key = any(${orderKeys.map(String)}::bigint[])`.execute(trx);
  return new Map(rows.map((row) => [row.order_key, readKnownOrder(row)]));
}

/** In which zone each merchant counts its days today. */
export async function readZones(trx: Transaction<DB>, merchantIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await sql<{ merchant_id: string; time_zone: string }>`
    select distinct on (merchant_id) merchant_id, time_zone from merchant_version
    where merchant_id = any(${merchantIds}::text[]) and effective_from <= now()
    order by merchant_id, merchant_version.effective_from desc, version desc`.execute(trx);
  return new Map(rows.map((row) => [row.merchant_id, row.time_zone]));
}

/** When rules were ended for good. */
export async function readEnds(db: Kysely<DB>): Promise<Map<string, Date>> {
  const rows = await db.selectFrom('rule_end').select(['rule_id', 'ends_at']).execute();
  return new Map(rows.map((row) => [row.rule_id, row.ends_at]));
}

/**
 * Whether something waits that people wait for: orders that are due, deliveries that are not read.
 */
export async function isBusy(db: Kysely<DB>): Promise<boolean> {
  const { rows } = await sql<{ busy: boolean }>`
    select exists (select from award_due where due_at <= now())
      or exists (select from delivery where state = 'received' and next_attempt_at <= now() and delivery_id >= (select first_id from due_delivery))
        as busy`.execute(db);
  return rows[0]!.busy;
}
