// The raw facts of some merchants, as they lie in their tables: who clicked, which links were made,
// what was decided of orders and booked, and which versions were known when.

import { sql, type Kysely, type RawBuilder } from 'kysely';

import type { Pin } from '../../../src/commission/award/pin.ts';
import type { ExplainedStep } from '../../../src/core/explanation.ts';
import type { MergedOrder } from '../../../src/core/merged.ts';
import { viewOrder, type Order } from '../../../src/core/order.ts';
import type { DB } from '../../../src/platform/postgres/tables.ts';
import { uuidTime } from '../../../src/platform/uuid.ts';

/** A version says `value` of a thing from then on, and was written at `recordedAt`. */
export interface Version {
  from: number;
  version: number;
  recordedAt: number;
  value: string | null;
}

interface LinkFact {
  code: string;
  merchantId: string;
  promoterId: string;
  productId: string | null;
  scene: string;
  campaignId: string | null;
  madeAt: number;
}

interface ClickFact {
  linkCode: string;
  clickedAt: number;
  /** As its id says it. */
  recordedAt: number;
  identity: string | null;
  bot: boolean;
}

export interface DecisionFact {
  revision: number;
  lineId: string;
  productId: string | null;
  decision: string;
  quantity: number;
  paid: bigint;
  refunded: bigint;
  pin: Pin | null;
  /** How its shares came about, step by step. */
  arithmetic: ExplainedStep[];
}

export interface TransferFact {
  orderKey: bigint | null;
  revision: number | null;
  kind: 'accrue' | 'reverse' | 'release';
  merchantId: string;
  currency: string;
  promoterId: string;
  lineId: string | null;
  role: string | null;
  level: number | null;
  campaignId: string | null;
  amount: number;
  bookedAt: number;
}

export interface OrderFact {
  orderKey: bigint;
  merchantId: string;
  sourceId: string;
  told: Order;
  revision: number;
  currency: string | null;
  attributionAt: number | null;
  decisions: DecisionFact[];
  releasedLines: ReadonlySet<string>;
  transfers: TransferFact[];
}

export interface Facts {
  links: ReadonlyMap<string, LinkFact>;
  clicks: ClickFact[];
  orders: OrderFact[];
  /** Of no order. */
  bonuses: TransferFact[];
  /** Agencies by promoter, categories by `merchant product`, currencies by merchant. */
  agencies: ReadonlyMap<string, Version[]>;
  categories: ReadonlyMap<string, Version[]>;
  currencies: ReadonlyMap<string, Version[]>;
}

/** All facts of these merchants that are committed. */
export async function readFacts(db: Kysely<DB>, merchantIds: readonly string[]): Promise<Facts> {
  const ofThem = sql`= any(${[...merchantIds]}::text[])`;
  const links = await readLinks(db, ofThem);
  const transfers = await readTransfers(db, ofThem);
  return {
    links,
    clicks: await readClicks(db, [...links.keys()]),
    orders: await readOrders(db, ofThem, transfers),
    bonuses: transfers.filter(({ orderKey }) => orderKey === null),
    agencies: await readVersions(db, sql`promoter_id as thing, agency_id as value from promoter_version`),
    categories: await readVersions(db, sql`merchant_id || ' ' || product_id as thing, category as value from product_version`),
    currencies: await readVersions(db, sql`merchant_id as thing, currency as value from merchant_version`),
  };
}

async function readLinks(db: Kysely<DB>, ofThem: RawBuilder<unknown>): Promise<Map<string, LinkFact>> {
  const { rows } = await sql<Omit<LinkFact, 'madeAt'> & { madeAt: Date }>`
    select code, merchant_id as "merchantId", promoter_id as "promoterId", product_id as "productId", scene, campaign_id as "campaignId",
      made_at as "madeAt"
    from link where merchant_id ${ofThem}`.execute(db);
  return new Map(rows.map((row) => [row.code, { ...row, madeAt: row.madeAt.getTime() }]));
}

async function readClicks(db: Kysely<DB>, codes: string[]): Promise<ClickFact[]> {
  const { rows } = await sql<{ click_id: string; link_code: string; clicked_at: Date; identity: string | null; bot: boolean }>`
    select click_id, link_code, clicked_at, identity, bot from click where link_code = any(${codes}::text[])`.execute(db);
  return rows.map(({ click_id: id, link_code: linkCode, clicked_at: at, identity, bot }) => {
    return { linkCode, clickedAt: at.getTime(), recordedAt: uuidTime(id), identity, bot };
  });
}

async function readVersions(db: Kysely<DB>, said: RawBuilder<unknown>): Promise<Map<string, Version[]>> {
  const { rows } = await sql<{ thing: string; version: number; from_ms: number; recorded_ms: number; value: string | null }>`
    select version, (extract(epoch from effective_from) * 1000)::float8 as from_ms, (extract(epoch from recorded_at) * 1000)::float8 as recorded_ms,
      ${said}`.execute(db);
  return grouped(rows, ({ thing, version, from_ms: from, recorded_ms: recordedAt, value }) => [
    thing,
    { from, version, recordedAt, value },
  ]);
}

async function readTransfers(db: Kysely<DB>, ofThem: RawBuilder<unknown>): Promise<TransferFact[]> {
  const { rows } = await sql<Omit<TransferFact, 'amount' | 'bookedAt'> & { amount: bigint; bookedAt: Date }>`
    select order_key as "orderKey", revision, kind, merchant_id as "merchantId", currency, promoter_id as "promoterId", line_id as "lineId",
      role, level, campaign_id as "campaignId", amount, booked_at as "bookedAt"
    from transfer
    where merchant_id ${ofThem} and kind in ('accrue', 'reverse', 'release') and promoter_id is not null
    order by transfer_id`.execute(db);
  return rows.map((row) => ({ ...row, amount: Number(row.amount), bookedAt: row.bookedAt.getTime() }));
}

async function readOrders(db: Kysely<DB>, ofThem: RawBuilder<unknown>, transfers: readonly TransferFact[]): Promise<OrderFact[]> {
  const { rows } = await sql<{
    order_key: bigint;
    merchant_id: string;
    source_id: string;
    merged: MergedOrder;
    revision: number;
    currency: string | null;
    attribution_at: Date | null;
    released: string[];
  }>`
    select order_key, orders.merchant_id, source_id, merged, revision, award.currency, award.attribution_at,
      array(select line_id from line_hold where line_hold.order_key = orders.order_key and released_at is not null) as released
    from orders join award using (order_key) where orders.merchant_id ${ofThem}`.execute(db);
  const decisions = await readDecisions(db, ofThem);
  const booked = grouped(transfers, (one) => [one.orderKey, one]);
  return rows.map((row) => ({
    orderKey: row.order_key,
    merchantId: row.merchant_id,
    sourceId: row.source_id,
    told: viewOrder(row.merged),
    revision: row.revision,
    currency: row.currency,
    attributionAt: row.attribution_at?.getTime() ?? null,
    decisions: decisions.get(row.order_key) ?? [],
    releasedLines: new Set(row.released),
    transfers: booked.get(row.order_key) ?? [],
  }));
}

async function readDecisions(db: Kysely<DB>, ofThem: RawBuilder<unknown>): Promise<Map<bigint, DecisionFact[]>> {
  const { rows } = await sql<DecisionFact & { orderKey: bigint }>`
    select order_key as "orderKey", decision.revision, line_id as "lineId", product_id as "productId", decision, quantity,
      paid_amount as paid, refunded_amount as refunded, pinned as pin, explanation -> 'arithmetic' as arithmetic
    from decision join orders using (order_key) where merchant_id ${ofThem} order by decision.revision`.execute(db);
  return grouped(rows, (row) => [row.orderKey, row]);
}

function grouped<Row, Key, Item>(rows: readonly Row[], read: (row: Row) => [Key, Item]): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const row of rows) {
    const [key, item] = read(row);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}
