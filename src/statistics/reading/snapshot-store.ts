// As of when figures are read: how far the facts are folded, and what is counted of those that are
// not.

import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import { readAwardedOrders } from '../counting/awarded-order-store.ts';
import { IS_BONUS, readBonuses } from '../counting/bonus-store.ts';
import { countOrder } from '../counting/count-order.ts';
import type { Counted } from '../counting/counted.ts';
import { XID_MAX } from '../counting/link-facts.ts';
import { COUNTED_COLUMNS } from '../fold/rollup-store.ts';
import type { StatisticsQuery } from './query.ts';

export interface Snapshot {
  /** Facts of transactions below this one are in the sums, the others are not. */
  below: bigint;
  /** When all that had been committed was in them. */
  completeAt: Date;
  hasLateClicks: boolean;
  /** Orders whose award is not folded: what was counted of them stands no more. */
  orders: readonly bigint[];
  /** What these and unfolded bonuses count for now. */
  counted: readonly Counted[];
  /** Every transaction below this one is seen. */
  watermark: bigint;
}

/** Runs the work in one snapshot, which sees everything that was committed before. */
export async function inSnapshot<T>(db: Kysely<DB>, work: (trx: Transaction<DB>) => Promise<T>): Promise<T> {
  return db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(work);
}

/**
 * The later of the database's clock and ours, of which either may have said when something
 * happened.
 */
export async function latestClock(db: Kysely<DB>): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
  return new Date(Math.max(rows[0]!.now.getTime(), Date.now()));
}

interface FoldRow {
  below_xid: bigint;
  complete_at: Date;
  history_done_at: Date | null;
  watermark: bigint;
  orders: bigint[];
  has_bonuses: boolean;
  has_late_clicks: boolean;
}

/** Awards that are not folded are counted at every read: more of them would take seconds. */
const UNFOLDED_ORDERS_MAX = 20_000;

/**
 * What the figures of this transaction's snapshot are read by, as far as they are asked for. Throws
 * `unavailable` while what came before statistics were kept is being counted, and while the fold is
 * far behind.
 */
export async function readSnapshot(trx: Transaction<DB>, { merchant }: StatisticsQuery['filters']): Promise<Snapshot> {
  const merchants = merchant === undefined || merchant.wanted.length === 0 ? null : merchant.wanted.filter((id) => id !== null);
  const isAsked = merchants === null ? sql`true` : sql`merchant_id = any(${merchants}::text[])`;
  const { rows } = await sql<FoldRow>`
    select below_xid, complete_at, history_done_at,
      (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + xid_offset from ledger_fold) as watermark,
      array(
        select order_key from award where awarded_xid >= below_xid and awarded_xid <= ${XID_MAX} and ${isAsked}
        order by order_key limit ${UNFOLDED_ORDERS_MAX + 1}
      ) as orders,
      exists (select from transfer where booked_xid >= below_xid and booked_xid <= ${XID_MAX} and ${IS_BONUS}) as has_bonuses,
      exists (select from late_click) as has_late_clicks
    from statistics_fold`.execute(trx);
  const [fold] = rows;
  const { below_xid: below, orders } = fold!;
  if (fold!.history_done_at === null) {
    throw new DomainError('unavailable', 'What came before statistics were kept is being counted. Try again in some minutes.');
  }
  if (orders.length > UNFOLDED_ORDERS_MAX) {
    throw new DomainError(
      'unavailable',
      `More than ${UNFOLDED_ORDERS_MAX} orders wait to be counted: the worker is behind. Try again later.`,
    );
  }
  const counted = (await readAwardedOrders(trx, orders)).flatMap(countOrder);
  if (fold!.has_bonuses) counted.push(...(await readBonuses(trx, sql`booked_xid >= ${below} and booked_xid <= ${XID_MAX}`)));
  return {
    below,
    completeAt: fold!.complete_at,
    hasLateClicks: fold!.has_late_clicks,
    orders,
    counted,
    watermark: fold!.watermark,
  };
}

const COLUMNS = sql.join(Object.keys(COUNTED_COLUMNS).map((column) => sql.ref(column)));

/** Rows of `counted` as they were folded, under this condition; each with `sign` 1. */
export function foldedRows(condition: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select 1 as sign, ${COLUMNS} from counted where ${condition}`;
}

/**
 * What makes the folded rows those of now: with `sign` -1 those that stand no more, with 1 those
 * that stand in their place. Null where nothing is to be changed.
 */
export function unfoldedRows({ orders, counted }: Snapshot): RawBuilder<unknown> | null {
  const parts: RawBuilder<unknown>[] = [];
  if (orders.length > 0) parts.push(sql`select -1 as sign, ${COLUMNS} from counted where order_key = any(${orders.map(String)}::bigint[])`);
  if (counted.length > 0) parts.push(sql`select 1 as sign, ${COLUMNS} from ${unnestOf(counted, COUNTED_COLUMNS, 'unfolded')}`);
  return parts.length === 0 ? null : sql.join(parts, sql` union all `);
}

/** Rows of `counted` as they are now, under this condition. */
export function rowsOfNow({ orders, counted }: Snapshot, condition: RawBuilder<unknown>): RawBuilder<unknown> {
  const standing = orders.length === 0 ? sql`true` : sql`(order_key is null or order_key <> all(${orders.map(String)}::bigint[]))`;
  const folded = sql`select ${COLUMNS} from counted where ${condition} and ${standing}`;
  if (counted.length === 0) return folded;
  return sql`${folded} union all select ${COLUMNS} from ${unnestOf(counted, COUNTED_COLUMNS, 'unfolded')} where ${condition}`;
}
