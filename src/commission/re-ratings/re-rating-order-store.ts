// What a preview finds of orders and promoters, what becomes of each order when it is executed, and
// the debts that it would make. Set-wise.

import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';

import { UNFOLDED } from '../../ledger/balances.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import type { ReRatedLine } from './re-rated-choice.ts';
import type { PartySum, ReRatedOrder } from './re-rated-order.ts';

/** Lines of one batch of an execution, beyond its first order. */
const LINES_PER_BATCH_MAX = 5000;

export const ORDER_STATES = ['waiting', 'booked', 'changed_meanwhile', 'failed'] as const;
export type OrderState = (typeof ORDER_STATES)[number];

/** Writes down orders that get other rules, and adds to the sums of those who earn on them. */
export async function writeFound(
  trx: Transaction<DB>,
  reRatingId: string,
  orders: readonly ReRatedOrder[],
  sums: readonly PartySum[],
): Promise<void> {
  if (orders.length === 0) return;
  const rows = unnestOf(
    orders,
    {
      order_key: ['bigint', (order) => order.orderKey],
      revision: ['int', (order) => order.revision],
      before: ['bigint', (order) => order.before],
      after: ['bigint', (order) => order.after],
      moved: ['bigint', (order) => order.moved],
      lowers: ['boolean', (order) => order.lowers],
      lines: ['text', (order) => JSON.stringify(order.lines)],
      digest: ['text', (order) => order.digest.toString('hex')],
    },
    'found',
  );
  await sql`
    insert into re_rating_order (re_rating_id, order_key, revision, before, after, moved, lowers, lines, digest)
    select ${reRatingId}::uuid, order_key, revision, before, after, moved, lowers, lines::jsonb, decode(digest, 'hex') from ${rows}`.execute(
    trx,
  );
  const added = unnestOf(
    sums,
    {
      merchant_id: ['text', (sum) => sum.merchantId],
      promoter_id: ['text', (sum) => sum.promoterId ?? ''],
      before: ['bigint', (sum) => sum.before],
      after: ['bigint', (sum) => sum.after],
      available: ['bigint', (sum) => sum.available],
    },
    'added',
  );
  await sql`
    insert into re_rating_sum as sum (re_rating_id, merchant_id, promoter_id, before, after, available)
    select ${reRatingId}::uuid, merchant_id, promoter_id, sum(before)::bigint, sum(after)::bigint, sum(available)::bigint
    from ${added} group by merchant_id, promoter_id
    on conflict (re_rating_id, merchant_id, promoter_id) do update
      set before = sum.before + excluded.before, after = sum.after + excluded.after, available = sum.available + excluded.available`.execute(
    trx,
  );
}

/** Removes what an earlier preview found, at most so many rows; tells whether there may be more. */
export async function removeFound(db: Kysely<DB>, reRatingId: string, limit: number): Promise<boolean> {
  for (const table of ['re_rating_order', 're_rating_sum'] as const) {
    const { numAffectedRows } = await sql`
      delete from ${sql.table(table)} where ctid = any(array(
        select ctid from ${sql.table(table)} where re_rating_id = ${reRatingId} limit ${limit}))`.execute(db);
    if (Number(numAffectedRows ?? 0n) === limit) return true;
  }
  return false;
}

/** What is hashed of an order: its key, the award looked at, the difference, the digest. */
interface HashedOrder {
  orderKey: bigint;
  revision: number;
  difference: bigint;
  digest: string;
}

/** A page of the orders as they are hashed, by their keys. */
export async function readHashed(db: Kysely<DB>, reRatingId: string, after: bigint, limit: number): Promise<HashedOrder[]> {
  const { rows } = await sql<{ order_key: bigint; revision: number; difference: bigint; digest: string }>`
    select order_key, revision, after - before as difference, encode(digest, 'hex') as digest from re_rating_order
    where re_rating_id = ${reRatingId} and order_key > ${after} order by order_key limit ${limit}`.execute(db);
  return rows.map((row) => ({ orderKey: row.order_key, revision: row.revision, difference: row.difference, digest: row.digest }));
}

/** Counts over the orders that get other rules. */
interface FoundTotals {
  orders: number;
  lowered: number;
  /** By how much promoters are lowered in all: those of them who get less. */
  loweredAmount: bigint;
  loweredPromoters: number;
}

export async function readTotals(db: Kysely<DB>, reRatingId: string): Promise<FoundTotals> {
  const { rows } = await sql<{ orders: number; lowered: number; lowered_amount: string; lowered_promoters: number }>`
    select orders, lowered, lowered_amount, lowered_promoters from (
      select count(*)::int as orders, (count(*) filter (where lowers))::int as lowered from re_rating_order where re_rating_id = ${reRatingId}
    ) as counted, (
      select coalesce(sum(before - after), 0) as lowered_amount, count(distinct promoter_id)::int as lowered_promoters
      from re_rating_sum where re_rating_id = ${reRatingId} and after < before and promoter_id <> ''
    ) as summed`.execute(db);
  const { orders, lowered, lowered_amount, lowered_promoters: loweredPromoters } = rows[0]!;
  return { orders, lowered, loweredAmount: BigInt(lowered_amount), loweredPromoters };
}

/** What a promoter, or the platform (null), has of the orders that get other rules. */
interface PromoterSum {
  promoterId: string | null;
  before: bigint;
  after: bigint;
}

/** Those whose sums differ most, at most `limit`, and how many there are in all. */
export async function readPromoterSums(db: Kysely<DB>, reRatingId: string, limit: number): Promise<{ sums: PromoterSum[]; count: number }> {
  const { rows } = await sql<{ promoter_id: string; before: string; after: string; count: number }>`
    select promoter_id, sum(before) as before, sum(after) as after, (count(*) over ())::int as count from re_rating_sum
    where re_rating_id = ${reRatingId} group by promoter_id
    order by abs(sum(after) - sum(before)) desc, promoter_id limit ${limit}`.execute(db);
  const sums = rows.map((row) => ({ promoterId: row.promoter_id || null, before: BigInt(row.before), after: BigInt(row.after) }));
  return { sums, count: rows[0]?.count ?? 0 };
}

/** An `available` account that the differences would leave below zero. */
interface ExpectedDebt {
  promoterId: string;
  merchantId: string;
  /** What it has as of this statement. */
  available: bigint;
  /** What the differences take from it: below zero. */
  difference: bigint;
}

/** Debts that would be made or raised, the greatest first, at most `limit`, and their number. */
export async function readExpectedDebts(
  db: Kysely<DB>,
  { reRatingId, currency }: { reRatingId: string; currency: string },
  limit: number,
): Promise<{ debts: ExpectedDebt[]; count: number; amount: bigint }> {
  const { rows } = await sql<{
    promoter_id: string;
    merchant_id: string;
    available: string;
    difference: bigint;
    count: number;
    amount: string;
  }>`
    with unfolded as materialized (
      select account_id, sum(amount) as amount from entry where ${UNFOLDED} group by account_id
    ), held as (
      select taken.promoter_id, taken.merchant_id, taken.available as difference,
        coalesce(balance, 0) + coalesce(unfolded.amount, 0) as available
      from re_rating_sum taken
      left join account on account.kind = 'available' and account.merchant_id = taken.merchant_id
        and account.promoter_id = taken.promoter_id and account.currency = ${currency}
      left join account_balance using (account_id) left join unfolded using (account_id)
      where re_rating_id = ${reRatingId} and taken.available < 0 and taken.promoter_id <> ''
    )
    select *, (count(*) over ())::int as count, sum(-available - difference) over () as amount from held
    where available + difference < 0
    order by available + difference, promoter_id, merchant_id limit ${limit}`.execute(db);
  const debts = rows.map((row) => ({
    promoterId: row.promoter_id,
    merchantId: row.merchant_id,
    available: BigInt(row.available),
    difference: row.difference,
  }));
  return { debts, count: rows[0]?.count ?? 0, amount: BigInt(rows[0]?.amount ?? 0) };
}

/** An order that waits to be booked. */
export interface WaitingOrder {
  orderKey: bigint;
  revision: number;
  lines: ReRatedLine[];
  digest: Buffer;
}

/**
 * Takes orders that wait, those with keys above `after` and that no other executor has, at most
 * `limit` and no more than have so many lines in all.
 */
export async function takeWaiting(trx: Transaction<DB>, reRatingId: string, after: bigint, limit: number): Promise<WaitingOrder[]> {
  const { rows } = await sql<{ order_key: bigint; revision: number; lines: ReRatedLine[]; digest: Buffer }>`
    with taken as materialized (
      select order_key, revision, lines, digest from re_rating_order
      where re_rating_id = ${reRatingId} and state = 'waiting' and order_key > ${after}
      order by order_key limit ${limit} for update skip locked
    ), sized as (
      select taken.*, sum(line_count) over sizes as summed, row_number() over sizes as place
      from taken join orders using (order_key) window sizes as (order by order_key)
    )
    select order_key, revision, lines, digest from sized where summed <= ${LINES_PER_BATCH_MAX} or place = 1 order by order_key`.execute(
    trx,
  );
  return rows.map((row) => ({ orderKey: row.order_key, revision: row.revision, lines: row.lines, digest: row.digest }));
}

/**
 * Takes orders as the award takes them off its queue, so that nobody else awards them until the
 * transaction ends: who marks one as due meanwhile waits for it. Answers those that were not due;
 * the others wait for their award, or have failed at it.
 */
export async function takeUndue(trx: Transaction<DB>, orderKeys: readonly bigint[], now: Date): Promise<Set<bigint>> {
  const { rows } = await sql<{ order_key: bigint }>`
    insert into award_due (order_key, due_at)
    select order_key, ${now}::timestamptz from unnest(${orderKeys.map(String)}::bigint[]) as order_key order by order_key
    on conflict (order_key) do nothing returning order_key`.execute(trx);
  const taken = rows.map((row) => row.order_key);
  await sql`delete from award_due where order_key = any(${taken.map(String)}::bigint[])`.execute(trx);
  return new Set(taken);
}

/** Those of the orders that cannot be awarded as they are, and have failed at it. */
export async function readStuck(trx: Transaction<DB>, orderKeys: readonly bigint[]): Promise<Set<bigint>> {
  const { rows } = await sql<{ order_key: bigint }>`
    select order_key from award_due where order_key = any(${orderKeys.map(String)}::bigint[]) and attempts > 0`.execute(trx);
  return new Set(rows.map((row) => row.order_key));
}

/** Notes what became of orders, once and for all. */
export async function saveOutcomes(
  trx: Transaction<DB>,
  reRatingId: string,
  outcomes: readonly { orderKey: bigint; bookedRevision: number | null }[],
  now: Date,
): Promise<void> {
  if (outcomes.length === 0) return;
  await sql`
    update re_rating_order decided set state = case when outcome.booked_revision is null then 'changed_meanwhile' else 'booked' end,
      booked_revision = outcome.booked_revision, decided_at = ${now}
    from ${unnestOf(
      outcomes,
      { order_key: ['bigint', (one) => one.orderKey], booked_revision: ['int', (one) => one.bookedRevision] },
      'outcome',
    )}
    where re_rating_id = ${reRatingId} and decided.order_key = outcome.order_key`.execute(trx);
}

/** Notes that an order cannot be booked, so that it does not hold up the others. */
export async function saveFailure(trx: Transaction<DB>, reRatingId: string, orderKey: bigint, error: string, now: Date): Promise<void> {
  await sql`
    update re_rating_order set state = 'failed', error = ${error.slice(0, 2000)}, decided_at = ${now}
    where re_rating_id = ${reRatingId} and order_key = ${orderKey} and state = 'waiting'`.execute(trx);
}

/** How many orders are in which state. */
export async function countOrders(db: Kysely<DB>, reRatingId: string): Promise<Record<OrderState, number>> {
  const { rows } = await sql<{ state: OrderState; count: number }>`
    select state, count(*)::int as count from re_rating_order where re_rating_id = ${reRatingId} group by state`.execute(db);
  const counts = Object.fromEntries(ORDER_STATES.map((state) => [state, 0])) as Record<OrderState, number>;
  for (const { state, count } of rows) counts[state] = count;
  return counts;
}

/** An order of a re-rating, as it is listed. */
export interface ListedReRatedOrder {
  orderKey: bigint;
  merchantId: string;
  sourceId: string;
  orderId: string;
  attributionAt: Date | null;
  revision: number;
  before: bigint;
  after: bigint;
  moved: bigint;
  lines: ReRatedLine[];
  state: OrderState;
  bookedRevision: number | null;
  error: string | null;
}

interface ListedRow {
  order_key: bigint;
  merchant_id: string;
  source_id: string;
  order_id: string;
  attribution_at: Date | null;
  revision: number;
  before: bigint;
  after: bigint;
  moved: bigint;
  lines: ReRatedLine[];
  state: OrderState;
  booked_revision: number | null;
  error: string | null;
}

/** A page of the orders of a re-rating by their keys, of all states or of one. */
export async function listReRatedOrders(
  db: Kysely<DB>,
  reRatingId: string,
  { state, after, limit }: { state: OrderState | null; after: bigint; limit: number },
): Promise<ListedReRatedOrder[]> {
  // Written out, so that the planner finds the small index of those that were left out.
  const ofState: RawBuilder<unknown> = state === null ? sql`` : sql`and re_rating_order.state = ${sql.lit(state)}`;
  const { rows } = await sql<ListedRow>`
    select order_key, merchant_id, source_id, order_id, attribution_at, revision, before, after, moved, lines, state, booked_revision, error
    from re_rating_order join orders using (order_key)
    where re_rating_id = ${reRatingId} and order_key > ${after} ${ofState}
    order by order_key limit ${limit}`.execute(db);
  return rows.map((row) => ({
    orderKey: row.order_key,
    merchantId: row.merchant_id,
    sourceId: row.source_id,
    orderId: row.order_id,
    attributionAt: row.attribution_at,
    revision: row.revision,
    before: row.before,
    after: row.after,
    moved: row.moved,
    lines: row.lines,
    state: row.state,
    bookedRevision: row.booked_revision,
    error: row.error,
  }));
}
