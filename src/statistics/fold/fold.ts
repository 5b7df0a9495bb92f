// The fold: facts below a watermark into counted rows and roll-ups. Who reads adds what lies above,
// so that an answer is exact however far the fold has come.

import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';

import { groupedBy } from '../../platform/grouped-by.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readAwardedOrders } from '../counting/awarded-order-store.ts';
import { IS_BONUS, readBonuses } from '../counting/bonus-store.ts';
import { countOrder } from '../counting/count-order.ts';
import type { Counted } from '../counting/counted.ts';
import { clicksRecorded, firstUncounted, linksMade } from '../counting/link-facts.ts';
import { addToRollups, addVisits, deleteCounted, insertCounted, readCounted } from './rollup-store.ts';
import { rollupChanges } from './rollup.ts';

/** Facts of each kind that one fold takes at the most, but for the rest of their transaction. */
export interface FoldLimits {
  orders: number;
  bonuses: number;
  clicks: number;
  links: number;
}

export const FOLD_LIMITS: FoldLimits = { orders: 500, bonuses: 5000, clicks: 20_000, links: 5000 };

/** How many facts a fold has found, of each kind no more than it may take, and whether it left some. */
interface Fold {
  facts: number;
  more: boolean;
}

const NOTHING: Fold = { facts: 0, more: false };

/** A booking of `transfer` that counts and is of no order. */

interface FoldRow {
  below_xid: bigint;
  complete_at: Date;
}

/**
 * Moves the watermark up to the oldest running transaction, and counts what lies below it. Nothing
 * that commits late is skipped: its transaction keeps the watermark below it. All that it reads is
 * of one snapshot, and it is one transaction, so that a fold that breaks has done nothing. Null
 * where another process folds at this moment, and nothing is done. Throws when the watermark lies
 * above all transactions: then the books were restored, see `continueLedger`.
 */
export async function foldStatistics(db: Kysely<DB>, limits: FoldLimits = FOLD_LIMITS): Promise<Fold | null> {
  return inTransaction(
    db,
    async ({ trx, now }) => {
      const held = await sql<FoldRow>`select below_xid, complete_at from statistics_fold for update skip locked`.execute(trx);
      const [fold] = held.rows;
      if (fold === undefined) return null;
      const { oldest, below, facts, isComplete } = await nextWatermark(trx, fold, limits);
      if (oldest < fold.below_xid) {
        throw new Error(
          `The statistics have counted to ${fold.below_xid} and this cluster only to ${oldest}: it was restored. Start the service anew.`,
        );
      }
      const found = facts.orders + facts.bonuses + facts.clicks + facts.links;
      if (found === 0) return NOTHING;
      const range = { from: fold.below_xid, below };
      if (facts.orders > 0) await countOrders(trx, await ordersAwarded(trx, range));
      if (facts.bonuses > 0) await addBonuses(trx, sql`booked_xid >= ${range.from} and booked_xid < ${range.below}`);
      if (facts.clicks + facts.links > 0) {
        await addVisits(trx, { clicks: clicksRecorded({ ...range, completeAt: fold.complete_at }), links: linksMade(range) });
      }
      await sql`delete from late_click where recorded_xid < ${below}`.execute(trx);
      await sql`
        update statistics_fold set below_xid = ${below}, advanced_at = ${now}, complete_at = ${isComplete ? now : fold.complete_at}`.execute(
        trx,
      );
      return { facts: found, more: !isComplete };
    },
    { inOneSnapshot: true },
  );
}

interface Range {
  from: bigint;
  below: bigint;
}

/**
 * Whether any fact of transactions within the range is not folded yet. Locks nothing and writes
 * nothing.
 */
export async function hasFacts(db: Kysely<DB>, { from, below }: Range): Promise<boolean> {
  const folds = await db.selectFrom('statistics_fold').select(['below_xid', 'complete_at']).execute();
  const [fold] = folds;
  const first = fold!.below_xid > from ? fold!.below_xid : from;
  const within = (xid: string) => sql`${sql.ref(xid)} >= ${first} and ${sql.ref(xid)} < ${below}`;
  const { rows } = await sql<{ yes: boolean }>`
    select exists (select from award where ${within('awarded_xid')}) or exists (select from link where ${within('made_xid')})
      or exists (select from ${clicksRecorded({ from: first, below, completeAt: fold!.complete_at })} as click)
      or exists (select from transfer where ${within('booked_xid')} and ${IS_BONUS}) as yes`.execute(db);
  return rows[0]!.yes;
}

interface Watermark {
  oldest: bigint;
  below: bigint;
  facts: FoldLimits;
  /** Nothing that was committed is left above it. */
  isComplete: boolean;
}

/** How far the fold may go now, and how many facts of each kind lie on the way. */
async function nextWatermark(
  trx: Transaction<DB>,
  { below_xid: from, complete_at: completeAt }: FoldRow,
  limits: FoldLimits,
): Promise<Watermark> {
  const bounds = await sql<{ oldest: bigint }>`
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + xid_offset as oldest from ledger_fold`.execute(trx);
  const { oldest } = bounds.rows[0]!;
  // Each in the order of its index, of which an open end lets the planner make use: so a long
  // backlog is not read as a whole every time.
  const first = (kind: keyof FoldLimits, xid: string, of: RawBuilder<unknown>) => sql`
    select ${kind}::text as kind, max(xid) as last, count(*)::int as facts from (
      select ${sql.ref(xid)} as xid from ${of} and ${sql.ref(xid)} >= ${from} order by ${sql.ref(xid)} limit ${limits[kind]}
    ) as first where xid < ${oldest}`;
  const uncounted = firstUncounted(completeAt);
  const { rows } = await sql<{ kind: keyof FoldLimits; last: bigint | null; facts: number }>`
    ${first('orders', 'awarded_xid', sql`award where true`)}
    union all ${first('bonuses', 'booked_xid', sql`transfer where ${IS_BONUS} and booked_xid < ${oldest}`)}
    union all ${first('links', 'made_xid', sql`link where true`)}
    union all ${first('clicks', 'recorded_xid', sql`click where click_id >= ${uncounted}`)}
    union all ${first('clicks', 'recorded_xid', sql`late_click where click_id < ${uncounted}`)}`.execute(trx);
  // All facts of one transaction are counted together, whatever the limit has cut.
  const ends = rows.flatMap(({ kind, last, facts }) => (facts < limits[kind] ? [] : [last! + 1n]));
  const below = ends.reduce((least, end) => (end < least ? end : least), oldest);
  const facts = { orders: 0, bonuses: 0, links: 0, clicks: 0 };
  for (const row of rows) facts[row.kind] += row.facts;
  return { oldest, below, facts, isComplete: below === oldest };
}

async function ordersAwarded(trx: Transaction<DB>, { from, below }: Range): Promise<bigint[]> {
  const { rows } = await sql<{ order_key: bigint }>`
    select order_key from award where awarded_xid >= ${from} and awarded_xid < ${below} order by order_key`.execute(trx);
  return rows.map((row) => row.order_key);
}

const ORDERS_AT_ONCE = 500;

/** Counts orders as they stand, in the place of what they counted for before. */
export async function countOrders(trx: Transaction<DB>, orderKeys: readonly bigint[]): Promise<void> {
  for (let first = 0; first < orderKeys.length; first += ORDERS_AT_ONCE) {
    const keys = orderKeys.slice(first, first + ORDERS_AT_ONCE);
    const before = await readCounted(trx, keys);
    const after = (await readAwardedOrders(trx, keys)).flatMap(countOrder);
    const changed = changedOrders(before, after);
    await deleteCounted(trx, [...changed]);
    await insertCounted(trx, after.filter(isOf(changed)));
    await addToRollups(trx, rollupChanges(before.filter(isOf(changed)), after.filter(isOf(changed))));
  }
}

const isOf = (orders: ReadonlySet<bigint>) => (row: Counted) => orders.has(row.orderKey!);

/** Most awards that are written again change nothing that is counted. */
function changedOrders(before: readonly Counted[], after: readonly Counted[]): Set<bigint> {
  const [were, are] = [textsOf(before), textsOf(after)];
  const orders = [...new Set([...were.keys(), ...are.keys()])];
  return new Set(orders.filter((order) => were.get(order) !== are.get(order)));
}

/** What the rows of each order say, whatever order they stand in. */
function textsOf(rows: readonly Counted[]): Map<bigint, string> {
  const texts = groupedBy(rows, (row) => row.orderKey!);
  return new Map([...texts].map(([order, of]) => [order, of.map(textOf).toSorted().join('\n')]));
}

function textOf(row: Counted): string {
  const values = Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(values, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

/** Counts the bookings of bonuses under this condition, which are counted nowhere yet. */
export async function addBonuses(trx: Transaction<DB>, condition: RawBuilder<unknown>): Promise<void> {
  const counted = await readBonuses(trx, condition);
  await insertCounted(trx, counted);
  await addToRollups(trx, rollupChanges([], counted));
}
