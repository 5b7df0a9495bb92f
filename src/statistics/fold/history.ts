// What came before statistics were kept carries no number of its transaction. It is counted once,
// some at a time, by a pass that goes on where it was ended.

import { sql, type Kysely, type Transaction } from 'kysely';

import { DAY_MS } from '../../platform/durations.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { addBonuses, countOrders, FOLD_LIMITS, type FoldLimits } from './fold.ts';
import { addVisits } from './rollup-store.ts';

interface HistoryRow {
  history_below_xid: bigint;
  orders_up_to: bigint;
  links_up_to: string;
  clicks_up_to: string;
  bonuses_up_to: string;
  history_done_at: Date | null;
}

/** `elsewhere`: another process folds at this moment, and nothing was done. */
type Step = 'counted' | 'done' | 'elsewhere';

/**
 * Counts the next facts of before. A step is one transaction, with the place that it has come to.
 */
export async function countHistory(db: Kysely<DB>, limits: FoldLimits = FOLD_LIMITS): Promise<Step> {
  return inTransaction(
    db,
    async ({ trx, now }) => {
      const held = await sql<HistoryRow>`
        select history_below_xid, orders_up_to, links_up_to, clicks_up_to, bonuses_up_to, history_done_at from statistics_fold
        for update skip locked`.execute(trx);
      const [history] = held.rows;
      if (history === undefined) return 'elsewhere';
      if (history.history_done_at !== null) return 'done';
      const orders = await countNextOrders(trx, history, limits.orders);
      const bonuses = await countNextBonuses(trx, history, limits.bonuses);
      const visits = await countNextVisits(trx, history, limits);
      const found = { ...orders, ...bonuses, ...visits };
      const isDone = Object.keys(found).length === 0;
      const next = { ...history, ...found };
      await sql`
        update statistics_fold set orders_up_to = ${next.orders_up_to}, links_up_to = ${next.links_up_to}, clicks_up_to = ${next.clicks_up_to},
          bonuses_up_to = ${next.bonuses_up_to}, history_done_at = ${isDone ? now : null}`.execute(trx);
      return isDone ? 'done' : 'counted';
    },
    { inOneSnapshot: true },
  );
}

/** A day before it ids of clicks begin, so that all are looked for. */
const NEVER = new Date(DAY_MS);

/**
 * Lets everything be counted again from the first fact on, for when a guard has found it to differ.
 * A worker does it; until it has, nobody is told figures.
 */
export async function rebuildStatistics(db: Kysely<DB>): Promise<void> {
  await inTransaction(db, async ({ trx }) => {
    await sql`select from statistics_fold for update`.execute(trx);
    for (const table of ['counted', 'merchant_rollup', 'promoter_rollup', 'link_rollup'] as const) await trx.deleteFrom(table).execute();
    await sql`
      update statistics_fold set below_xid = history_below_xid, complete_at = ${NEVER}, orders_up_to = default, links_up_to = default,
        clicks_up_to = default, bonuses_up_to = default, history_done_at = null`.execute(trx);
  });
}

/** Where the pass has come to with what it found; of what is at its end nothing. */
type Found = Partial<HistoryRow>;

async function countNextOrders(trx: Transaction<DB>, { orders_up_to: upTo }: HistoryRow, limit: number): Promise<Found> {
  const { rows } = await sql<{ order_key: bigint }>`
    select order_key from award where awarded_xid is null and order_key > ${upTo} order by order_key limit ${limit}`.execute(trx);
  const last = rows.at(-1);
  if (last === undefined) return {};
  await countOrders(
    trx,
    rows.map((row) => row.order_key),
  );
  return { orders_up_to: last.order_key };
}

async function countNextBonuses(
  trx: Transaction<DB>,
  { bonuses_up_to: upTo, history_below_xid: below }: HistoryRow,
  limit: number,
): Promise<Found> {
  const { rows } = await sql<{ last: string | null }>`
    select max(cause_id) as last from (
      select cause_id from transfer where cause = 'bonus' and order_key is null and cause_id > ${upTo} order by cause_id limit ${limit}
    ) as next`.execute(trx);
  const last = rows[0]!.last;
  if (last === null) return {};
  await addBonuses(trx, sql`cause_id > ${upTo} and cause_id <= ${last} and booked_xid < ${below}`);
  return { bonuses_up_to: last };
}

async function countNextVisits(trx: Transaction<DB>, history: HistoryRow, { clicks, links }: FoldLimits): Promise<Found> {
  const { clicks_up_to: clicksUpTo, links_up_to: linksUpTo } = history;
  const { rows } = await sql<{ click: string | null; link: string | null }>`
    select (select click_id from (
        select click_id from click where recorded_xid is null and click_id > ${clicksUpTo} order by click_id limit ${clicks}
      ) as next order by click_id desc limit 1) as click,
      (select max(code) from (
        select code from link where made_xid is null and code > ${linksUpTo} order by code limit ${links}
      ) as next) as link`.execute(trx);
  const { click, link } = rows[0]!;
  if (click === null && link === null) return {};
  await addVisits(trx, {
    clicks: sql`(select * from click where recorded_xid is null and click_id > ${clicksUpTo} and click_id <= ${click ?? clicksUpTo})`,
    links: sql`(select * from link where made_xid is null and code > ${linksUpTo} and code <= ${link ?? linksUpTo})`,
  });
  return { ...(click !== null && { clicks_up_to: click }), ...(link !== null && { links_up_to: link }) };
}
