// The past of the buyers of a batch of orders: the clicks of their identities, and the earlier orders that lock them. Set-wise.
import { sql, type Kysely } from 'kysely';
import type { DB } from '../platform/tables.ts';
import type { BuyerClick, BuyerLock } from './evidence.ts';

// The latest clicks and locks of one identity that are looked at; more of them is no buyer.
const CLICKS_MAX = 500;
const LOCKS_MAX = 20;

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

/** All identities of the buyers, with those that were said to be the same buyer. */
export async function readBuyers(db: Kysely<DB>, identities: readonly string[]): Promise<Map<string, string[]>> {
  const { rows } = await sql<{ identity: string; others: string[] }>`
    select one.identity, array_agg(other.identity order by other.identity) as others
    from buyer_identity one join buyer_identity other using (buyer)
    where one.identity = any(${identities}::uuid[]) group by one.identity`.execute(db);
  return new Map(rows.map((row) => [row.identity, row.others]));
}

export async function readClicks(db: Kysely<DB>, questions: readonly BuyerQuestion[]): Promise<Map<bigint, BuyerClick[]>> {
  const asked = questions.flatMap(perIdentity);
  const { rows } = await sql<{ order_key: bigint; click_id: string; link_code: string; clicked_at: Date; bot: boolean }>`
    select distinct asked.order_key, click_id, link_code, click.clicked_at, bot
    from ${unnest(asked)} as asked (order_key, identity, after, until),
    lateral (
      select click_id from touch where touch.identity = asked.identity and clicked_at between asked.after and asked.until
      order by clicked_at desc limit ${CLICKS_MAX}
    ) as touched
    join click using (click_id)`.execute(db);
  return grouped(rows, (row) => ({ clickId: row.click_id, linkCode: row.link_code, clickedAt: row.clicked_at.getTime(), bot: row.bot }));
}

/** The locks of earlier orders; `until` is the order's own attribution time, and an order paid at that very moment comes before it by its key. */
export async function readLocks(db: Kysely<DB>, questions: readonly BuyerQuestion[]): Promise<Map<bigint, BuyerLock[]>> {
  const asked = questions.flatMap(perIdentity);
  const { rows } = await sql<{ order_key: bigint; order_id: string; promoter_id: string; link_code: string | null; attribution_at: Date }>`
    select distinct asked.order_key, locking.order_id, locking.promoter_id, locking.link_code, locking.attribution_at
    from ${unnest(asked)} as asked (order_key, identity, after, until),
    lateral (
      select orders.order_id, lock_promoter_id as promoter_id, lock_link_code as link_code, award.attribution_at
      from order_identity join award using (order_key) join orders using (order_key)
      where order_identity.identity = asked.identity and lock_promoter_id is not null
        and award.attribution_at between asked.after and asked.until
        and (award.attribution_at, order_key) < (asked.until, asked.order_key)
      order by award.attribution_at desc limit ${LOCKS_MAX}
    ) as locking`.execute(db);
  return grouped(rows, (row) => ({
    orderId: row.order_id,
    promoterId: row.promoter_id,
    linkCode: row.link_code,
    attributedAt: row.attribution_at.getTime(),
  }));
}

function perIdentity({ orderKey, identities, from, until }: BuyerQuestion): Asked[] {
  return identities.map((identity) => ({ orderKey, identity, from, until }));
}

function unnest(asked: readonly Asked[]) {
  return sql`unnest(${asked.map((one) => String(one.orderKey))}::bigint[], ${asked.map((one) => one.identity)}::uuid[],
    ${asked.map((one) => new Date(one.from))}::timestamptz[], ${asked.map((one) => new Date(one.until))}::timestamptz[])`;
}

function grouped<Row extends { order_key: bigint }, Item>(rows: readonly Row[], read: (row: Row) => Item): Map<bigint, Item[]> {
  const byOrder = new Map<bigint, Item[]>();
  for (const row of rows) {
    const items = byOrder.get(row.order_key);
    if (items === undefined) byOrder.set(row.order_key, [read(row)]);
    else items.push(read(row));
  }
  return byOrder;
}
