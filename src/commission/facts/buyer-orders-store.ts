// The past of the buyers of a batch of orders: the clicks of their identities, and the earlier
// orders that lock them. Set-wise.
import { sql, type Kysely } from 'kysely';
import { groupedBy } from '../../platform/grouped-by.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import type { BuyerClick, BuyerLock } from './evidence.ts';

// The latest clicks and locks of a buyer that are looked at; more of them is no buyer.
const CLICKS_MAX = 200;
const LOCKS_MAX = 20;

/**
 * Which orders are an identity's, in the place of a table: those whose reports state it, and the
 * parts of a split order that does, since parts earn with the evidence of the whole.
 */
export const ordersOfBuyers = (alias: string) => sql`(
  select identity, order_key from order_identity
  union all
  select identity, part.order_key from order_identity
  join orders whole on whole.order_key = order_identity.order_key
  join orders part on part.merchant_id = whole.merchant_id and part.source_id = whole.source_id
    and part.parent_order_id = whole.order_id and part.parent_kind = 'split'
) as ${sql.ref(alias)}`;

/** Which buyer an order's evidence is looked for, and between which times (epoch milliseconds). */
export interface BuyerQuestion {
  orderKey: bigint;
  identities: readonly string[];
  from: number;
  until: number;
}

interface Asked {
  orderKey: bigint;
  identity: string;
  from: number;
  until: number;
}

/**
 * The clicks of each order's buyer, the earliest first. In two steps, so that the touches are asked
 * for between times and the clicks by ids that the planner sees: then it looks into their
 * partitions only, however many months are kept.
 */
export async function readClicks(db: Kysely<DB>, questions: readonly BuyerQuestion[]): Promise<Map<bigint, BuyerClick[]>> {
  const asked = questions.flatMap(perIdentity);
  if (asked.length === 0) return new Map();
  const first = new Date(Math.min(...questions.map((question) => question.from)));
  const last = new Date(Math.max(...questions.map((question) => question.until)));
  const { rows: touched } = await sql<{ order_key: bigint; click_id: string }>`
    select distinct asked.order_key, click_id
    from ${unnestAsked(asked)},
    lateral (
      select click_id from touch where touch.identity = asked.identity and clicked_at between asked.after and asked.until
        and clicked_at between ${first} and ${last}
      order by clicked_at desc limit ${CLICKS_MAX}
    ) as touched`.execute(db);
  if (touched.length === 0) return new Map();
  const clickIds = [...new Set(touched.map((row) => row.click_id))];
  const { rows: clicks } = await sql<ClickRow>`
    select click_id, link_code, clicked_at, bot from click where click_id = any(${clickIds}::uuid[])`.execute(db);
  const known = new Map(clicks.map((row) => [row.click_id, row]));
  const rows = touched.flatMap(({ order_key, click_id: clickId }) => {
    const click = known.get(clickId);
    return click === undefined ? [] : [{ order_key, ...click }];
  });
  rows.sort((x, y) => x.clicked_at.getTime() - y.clicked_at.getTime() || (x.click_id < y.click_id ? -1 : 1));
  return latestOfEach(rows, CLICKS_MAX, (row): BuyerClick => {
    return { clickId: row.click_id, linkCode: row.link_code, clickedAt: row.clicked_at.getTime(), bot: row.bot };
  });
}

/**
 * The locks of earlier orders; `until` is the order's own attribution time, and an order paid at
 * that very moment comes before it by its key. The orders of an identity are read once for the
 * whole batch: a shop that sends one value for all of its buyers has very many of them.
 */
export async function readLocks(db: Kysely<DB>, questions: readonly BuyerQuestion[]): Promise<Map<bigint, BuyerLock[]>> {
  const asked = [...spanOfEach(questions.flatMap(perIdentity)).values()];
  const { rows } = await sql<LockRow>`
    select asked.identity, orders.order_key, orders.order_id, lock_promoter_id, lock_link_code, lock_clicked_at, award.attribution_at
    from ${unnestAsked(asked)}
    join lateral (select distinct order_key from ${ordersOfBuyers('stated')} where stated.identity = asked.identity) as own on true
    join award on award.order_key = own.order_key and lock_promoter_id is not null
      and award.attribution_at between asked.after and asked.until
    join orders on orders.order_key = own.order_key
    order by award.attribution_at, orders.order_key`.execute(db);
  const byIdentity = groupedBy(rows, (row) => row.identity);
  return new Map(questions.map((question) => [question.orderKey, locksOf(question, byIdentity)]));
}

/** The latest locks of a buyer before that order, each once, the earliest first. */
function locksOf({ orderKey, identities, from, until }: BuyerQuestion, byIdentity: ReadonlyMap<string, LockRow[]>): BuyerLock[] {
  const found = identities.flatMap((identity) => {
    const rows = byIdentity.get(identity) ?? [];
    const before = countOf(
      rows,
      ({ attribution_at: at, order_key: key }) => at.getTime() < until || (at.getTime() === until && key < orderKey),
    );
    // The order itself stands among them when it is awarded again for another time.
    return rows
      .slice(Math.max(0, before - LOCKS_MAX - 1), before)
      .filter((row) => row.order_key !== orderKey && row.attribution_at.getTime() >= from);
  });
  const once = [...new Map(found.map((row) => [row.order_key, row])).values()];
  const latest = once.toSorted((a, b) => a.attribution_at.getTime() - b.attribution_at.getTime() || Number(a.order_key - b.order_key));
  return latest.slice(-LOCKS_MAX).map((row) => ({
    orderId: row.order_id,
    promoterId: row.lock_promoter_id,
    linkCode: row.lock_link_code,
    attributedAt: row.attribution_at.getTime(),
    chainAt: row.lock_clicked_at.getTime(),
  }));
}

/** How many of the first rows are so; behind them none is. */
function countOf<Row>(rows: readonly Row[], isSo: (row: Row) => boolean): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isSo(rows[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** One question for each identity, over the times of all that are asked of it. */
function spanOfEach(asked: readonly Asked[]): Map<string, Asked> {
  const spans = new Map<string, Asked>();
  for (const one of asked) {
    const { from, until } = spans.get(one.identity) ?? one;
    spans.set(one.identity, { ...one, from: Math.min(from, one.from), until: Math.max(until, one.until) });
  }
  return spans;
}

interface ClickRow {
  click_id: string;
  link_code: string;
  clicked_at: Date;
  bot: boolean;
}

interface LockRow {
  identity: string;
  order_key: bigint;
  order_id: string;
  lock_promoter_id: string;
  lock_link_code: string | null;
  lock_clicked_at: Date;
  attribution_at: Date;
}

function perIdentity({ orderKey, identities, from, until }: BuyerQuestion): Asked[] {
  return identities.map((identity) => ({ orderKey, identity, from, until }));
}

function unnestAsked(asked: readonly Asked[]) {
  return unnestOf(
    asked,
    {
      order_key: ['bigint', (one) => one.orderKey],
      identity: ['uuid', (one) => one.identity],
      after: ['timestamptz', (one) => new Date(one.from)],
      until: ['timestamptz', (one) => new Date(one.until)],
    },
    'asked',
  );
}

/** The last `most` items of each order, read. */
function latestOfEach<Row extends { order_key: bigint }, Item>(
  rows: readonly Row[],
  most: number,
  read: (row: Row) => Item,
): Map<bigint, Item[]> {
  const byOrder = groupedBy(rows, (row) => row.order_key);
  return new Map([...byOrder].map(([orderKey, found]) => [orderKey, found.slice(-most).map(read)]));
}
