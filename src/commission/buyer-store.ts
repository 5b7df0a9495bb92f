// The past of the buyers of a batch of orders: the clicks of their identities, and the earlier orders that lock them. Set-wise.
import { sql, type Kysely } from 'kysely';
import type { DB } from '../platform/tables.ts';
import type { BuyerClick, BuyerLock } from './evidence.ts';

// The latest clicks and locks of a buyer that are looked at; more of them is no buyer.
const CLICKS_MAX = 200;
const LOCKS_MAX = 20;

/**
 * Which orders are an identity's, in the place of a table: those whose reports state it, and the parts of a split order that does, since
 * parts earn with the evidence of the whole.
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

/** The clicks of each order's buyer, the earliest first. */
export async function readClicks(db: Kysely<DB>, questions: readonly BuyerQuestion[]): Promise<Map<bigint, BuyerClick[]>> {
  const asked = questions.flatMap(perIdentity);
  const { rows } = await sql<ClickRow>`
    select distinct asked.order_key, click_id, link_code, click.clicked_at, bot
    from ${unnest(asked)} as asked (order_key, identity, after, until),
    lateral (
      select click_id from touch where touch.identity = asked.identity and clicked_at between asked.after and asked.until
      order by clicked_at desc limit ${CLICKS_MAX}
    ) as touched
    join click using (click_id) order by clicked_at, click_id`.execute(db);
  const read = (row: ClickRow): BuyerClick => {
    return { clickId: row.click_id, linkCode: row.link_code, clickedAt: row.clicked_at.getTime(), bot: row.bot };
  };
  return latestOfEach(rows, CLICKS_MAX, read);
}

/** The locks of earlier orders; `until` is the order's own attribution time, and an order paid at that very moment comes before it by its key. */
export async function readLocks(db: Kysely<DB>, questions: readonly BuyerQuestion[]): Promise<Map<bigint, BuyerLock[]>> {
  const asked = questions.flatMap(perIdentity);
  const { rows } = await sql<LockRow>`
    select distinct asked.order_key, locking.*
    from ${unnest(asked)} as asked (order_key, identity, after, until),
    lateral (
      select orders.order_id, orders.order_key as locking_key, lock_promoter_id, lock_link_code, lock_clicked_at, award.attribution_at
      from ${ordersOfBuyers('own')} join award using (order_key) join orders using (order_key)
      where own.identity = asked.identity and lock_promoter_id is not null
        and award.attribution_at between asked.after and asked.until and order_key <> asked.order_key
        and (award.attribution_at, order_key) < (asked.until, asked.order_key)
      order by award.attribution_at desc, order_key desc limit ${LOCKS_MAX}
    ) as locking order by attribution_at, locking_key`.execute(db);
  return latestOfEach(rows, LOCKS_MAX, (row) => ({
    orderId: row.order_id,
    promoterId: row.lock_promoter_id,
    linkCode: row.lock_link_code,
    attributedAt: row.attribution_at.getTime(),
    chainAt: row.lock_clicked_at.getTime(),
  }));
}

interface ClickRow {
  order_key: bigint;
  click_id: string;
  link_code: string;
  clicked_at: Date;
  bot: boolean;
}

interface LockRow {
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

function unnest(asked: readonly Asked[]) {
  return sql`unnest(${asked.map((one) => String(one.orderKey))}::bigint[], ${asked.map((one) => one.identity)}::uuid[],
    ${asked.map((one) => toText(one.from))}::timestamptz[], ${asked.map((one) => toText(one.until))}::timestamptz[])`;
}

// As text, because pg writes an array of Dates far more slowly.
const toText = (at: number) => new Date(at).toISOString();

/** The last `most` items of each order, read. */
function latestOfEach<Row extends { order_key: bigint }, Item>(
  rows: readonly Row[],
  most: number,
  read: (row: Row) => Item,
): Map<bigint, Item[]> {
  const byOrder = new Map<bigint, Item[]>();
  for (const row of rows) {
    const items = byOrder.get(row.order_key);
    if (items === undefined) byOrder.set(row.order_key, [read(row)]);
    else items.push(read(row));
  }
  for (const items of byOrder.values()) items.splice(0, items.length - most);
  return byOrder;
}
