// The same figures by another way: every fact counted one by one in TypeScript, without any sum
// that was kept.

import { sql, type Kysely } from 'kysely';

import { dayOf, startOfDay } from '../../../src/platform/calendar.ts';
import type { DB } from '../../../src/platform/postgres/tables.ts';
import { readAwardedOrders } from '../../../src/statistics/counting/awarded-order-store.ts';
import { readBonuses } from '../../../src/statistics/counting/bonus-store.ts';
import { countOrder } from '../../../src/statistics/counting/count-order.ts';
import type { Counted } from '../../../src/statistics/counting/counted.ts';
import { linkFacts } from '../../../src/statistics/counting/link-facts.ts';
import { bucketsOf } from '../../../src/statistics/reading/buckets.ts';
import { countsOf, figuresOf, type Counts } from '../../../src/statistics/reading/figures.ts';
import {
  GROUPS,
  KEY_OF,
  type CountedMeasure,
  type Figures,
  type Group,
  type StatisticsQuery,
} from '../../../src/statistics/reading/query.ts';

type Keys = Record<Group, string | null>;

interface Fact {
  at: Date;
  keys: Keys;
  currency: string;
  amounts: Partial<Record<CountedMeasure, bigint>>;
  /** Counts once in each cell. */
  order: { measure: 'orders' | 'orders_unattributed'; key: string } | null;
  buyer: string | null;
  /** Commission of another basis is not asked for. */
  basis: 'order' | 'booking';
}

/** All facts that there are. */
export async function readFacts(db: Kysely<DB>): Promise<Fact[]> {
  const { rows: orders } = await sql<{ order_key: bigint }>`select order_key from award order by order_key`.execute(db);
  const keys = orders.map(({ order_key: key }) => key);
  const counted = [...(await readAwardedOrders(db, keys)).flatMap(countOrder), ...(await readBonuses(db, sql`true`))];
  const { rows: visits } = await sql<Record<string, string | number | null> & { at: Date }>`
    select * from ${linkFacts({ clicks: sql`(select * from click)`, links: sql`(select * from link)` })} as fact`.execute(db);
  return [...counted.map(factOf), ...visits.map(visitOf)];
}

function factOf(row: Counted): Fact {
  const keys: Keys = {
    merchant: row.merchantId,
    promoter: row.promoterId,
    product: row.productId,
    category: row.category,
    scene: row.scene,
    campaign: row.campaignId,
    link: row.linkCode,
    source: row.sourceId,
    agency: row.agencyId,
    level: row.level === null ? null : String(row.level),
  };
  const measure = row.winsOrder ? 'orders' : row.unattributed ? 'orders_unattributed' : null;
  return {
    at: row.at,
    keys,
    currency: row.currency,
    amounts: {
      units: row.units,
      paid_amount: row.paidAmount,
      refunded_amount: row.refundedAmount,
      refunds: row.refunds,
      commission_estimated: row.commissionEstimated,
      commission_confirmed: row.commissionConfirmed,
      commission_released: row.commissionReleased,
      commission_reversed: row.commissionReversed,
    },
    order: measure === null ? null : { measure, key: String(row.orderKey) },
    buyer: null,
    basis: row.basis,
  };
}

function visitOf(row: Record<string, string | number | null> & { at: Date }): Fact {
  const keys = Object.fromEntries(GROUPS.map((group) => [group, (row[KEY_OF[group]] ?? null) as string | null])) as Keys;
  const amounts = { clicks: BigInt(row['clicks']!), bot_clicks: BigInt(row['bot_clicks']!), links_made: BigInt(row['links_made']!) };
  const buyer = amounts.clicks > 0n ? ((row['identity'] ?? null) as string | null) : null;
  return { at: row.at, keys, currency: row['currency'] as string, amounts, order: null, buyer, basis: 'order' };
}

/** Figures by cell: the name of a cell is JSON of its keys, currency and bucket. */
interface Recount {
  rows: Map<string, Figures>;
  totals: Map<string, Figures>;
}

/** Every cell in which there is anything, and the totals by currency. */
export function recount(facts: readonly Fact[], query: StatisticsQuery): Recount {
  const cells = new Map<string, Cell>();
  const totals = new Map<string, Cell>();
  const starts = bucketsOf(query);
  for (const fact of facts) {
    if (fact.at < query.from || fact.at >= query.to || !isAsked(fact, query)) continue;
    const keys = query.groupBy.map((group) => fact.keys[group]);
    const bucket = bucketOf(fact.at, query, starts);
    add(cells, JSON.stringify([keys, fact.currency, bucket?.toISOString() ?? null]), fact, query);
    add(totals, fact.currency, fact, query);
  }
  const figures = (map: Map<string, Cell>) => new Map([...map].map(([name, cell]) => [name, figuresOf(countsIn(cell), query)]));
  return { rows: figures(cells), totals: figures(totals) };
}

function bucketOf(at: Date, { bucket, timeZone }: StatisticsQuery, starts: readonly Date[]): Date | null {
  if (bucket === 'none') return null;
  if (bucket === 'day') return startOfDay(dayOf(at, timeZone), timeZone);
  return starts.findLast((start) => start <= at)!;
}

function isAsked({ keys, currency }: Fact, { filters, bounds, currency: only }: StatisticsQuery): boolean {
  if (only !== null && currency !== only) return false;
  if (Object.entries(bounds).some(([group, id]) => keys[group as Group] !== id)) return false;
  return Object.entries(filters).every(([group, { wanted, unwanted }]) => {
    const key = keys[group as Group];
    return (wanted.length === 0 || wanted.includes(key)) && !unwanted.includes(key);
  });
}

interface Cell {
  amounts: Record<string, bigint>;
  orders: Record<'orders' | 'orders_unattributed', Set<string>>;
  buyers: Set<string>;
}

function add(cells: Map<string, Cell>, name: string, fact: Fact, { basis }: StatisticsQuery): void {
  const cell = cells.get(name) ?? { amounts: {}, orders: { orders: new Set(), orders_unattributed: new Set() }, buyers: new Set() };
  cells.set(name, cell);
  for (const [measure, amount] of Object.entries(fact.amounts)) {
    const isOf = measure.startsWith('commission_') ? basis : 'order';
    if (fact.basis === isOf) cell.amounts[measure] = (cell.amounts[measure] ?? 0n) + amount;
  }
  if (fact.order !== null) cell.orders[fact.order.measure].add(fact.order.key);
  if (fact.buyer !== null) cell.buyers.add(fact.buyer);
}

function countsIn({ amounts, orders, buyers }: Cell): Counts {
  return countsOf((measure) => {
    if (measure === 'orders' || measure === 'orders_unattributed') return BigInt(orders[measure].size);
    return measure === 'buyers' ? BigInt(buyers.size) : (amounts[measure] ?? 0n);
  });
}
