// Everything counted again from the first fact on, beside what the fold has kept: not by its
// differences, and without its sums.

import { sql, type Kysely, type RawBuilder } from 'kysely';
import { expect } from 'vitest';

import { askGuard } from '../../src/guards/check.ts';
import { LAWS_OF_STATISTICS } from '../../src/guards/laws/laws-of-statistics.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { readAwardedOrders } from '../../src/statistics/counting/awarded-order-store.ts';
import { countOrder } from '../../src/statistics/counting/count-order.ts';
import type { Counted } from '../../src/statistics/counting/counted.ts';
import { foldStatistics, type FoldLimits } from '../../src/statistics/fold/fold.ts';

/**
 * Waits until a fold can take all that has come. The databases of other tests are of the same
 * cluster, and a fold waits for the transactions of them all.
 */
export async function settle(db: Kysely<DB>): Promise<void> {
  await expect
    .poll(
      async () => {
        const { rows } = await sql<{ settled: boolean }>`
          select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + xid_offset > greatest((select max(awarded_xid) from award),
            (select max(recorded_xid) from click), (select max(made_xid) from link), (select max(booked_xid) from transfer), 0) as settled
          from ledger_fold`.execute(db);
        return rows[0]!.settled;
      },
      { timeout: 30_000, interval: 10 },
    )
    .toBe(true);
}

/** Folds all that has come, so many at a time, and says how many facts were found. */
export async function foldAll(db: Kysely<DB>, limits?: FoldLimits): Promise<number> {
  await settle(db);
  let facts = 0;
  for (let more = true; more;) {
    const fold = await foldStatistics(db, limits);
    // The server may not know yet that somebody who had begun to fold is gone.
    if (fold === null) continue;
    facts += fold.facts;
    ({ more } = fold);
  }
  return facts;
}

/** What the kept rows say of an order, without what they all have in common. */
export async function countedOf(db: Kysely<DB>, merchantId: string, orderId: string): Promise<Counted[]> {
  const { order_key: orderKey } = await db
    .selectFrom('orders')
    .select('order_key')
    .where('merchant_id', '=', merchantId)
    .where('order_id', '=', orderId)
    .executeTakeFirstOrThrow();
  return (await readAwardedOrders(db, [orderKey])).flatMap(countOrder);
}

const SUMS = `units, paid_amount, refunded_amount, refunds, commission_estimated, commission_confirmed, commission_released,
  commission_reversed`;
const ADDED = SUMS.split(',')
  .map((sum) => `sum(${sum.trim()})`)
  .join(', ');

/** Rows that are in one of two queries and not in the other. */
async function differing(db: Kysely<DB>, kept: RawBuilder<unknown>, facts: RawBuilder<unknown>): Promise<unknown[]> {
  const { rows } = await sql`
    (select 'kept' as only_in, * from (${kept} except all ${facts}) as kept)
    union all (select 'facts', * from (${facts} except all ${kept}) as facts)`.execute(db);
  return rows;
}

/** Asserts that all is folded, and that it is what the facts say. */
export async function expectExact(db: Kysely<DB>): Promise<void> {
  await expectCounted(db);
  for (const minutes of [15, 1440]) {
    await expectRollup(db, { table: 'merchant_rollup', promoter: 'null::text', minutes });
    await expectRollup(db, { table: 'promoter_rollup', promoter: 'promoter_id', minutes });
    const kept = sql.raw(`select link_code, sum(clicks), sum(bot_clicks), sum(links_made) from link_rollup where grain_minutes = ${minutes}
      group by link_code`);
    const facts = sql.raw(`select code, (select count(*) from click where link_code = code and not bot)::numeric,
      (select count(*) from click where link_code = code and bot)::numeric, 1::numeric from link`);
    expect(await differing(db, kept, facts), `link_rollup of ${minutes} minutes`).toEqual([]);
  }
  for (const law of LAWS_OF_STATISTICS) expect([law.name, (await askGuard(db, law)).sample]).toEqual([law.name, []]);
}

async function expectRollup(
  db: Kysely<DB>,
  { table, promoter, minutes }: { table: string; promoter: string; minutes: number },
): Promise<void> {
  const at = (time: string) => `to_timestamp(floor(extract(epoch from ${time}) / ${minutes * 60}) * ${minutes * 60})`;
  const visit = `merchant_id, ${promoter}, 'CNY', 'order', null, false, false, 0, 0, 0, 0, 0, 0, 0, 0`;
  const kept = sql.raw(`
    select at, merchant_id, ${promoter}, currency, basis, clicks::numeric, bot_clicks::numeric, links_made::numeric, orders::numeric,
      orders_unattributed::numeric, ${SUMS.replaceAll(',', '::numeric,')}::numeric
    from ${table} where grain_minutes = ${minutes}
      and (clicks, bot_clicks, links_made, orders, orders_unattributed, ${SUMS}) <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)`);
  const facts = sql.raw(`
    select at, merchant_id, promoter_id, currency, basis, sum(clicks), sum(bot_clicks), sum(links_made),
      count(distinct order_key) filter (where wins_order)::numeric, count(distinct order_key) filter (where unattributed)::numeric, ${ADDED}
    from (
      select ${at('at')} as at, merchant_id, ${promoter} as promoter_id, currency, basis, order_key, wins_order, unattributed, ${SUMS},
        0 as clicks, 0 as bot_clicks, 0 as links_made from counted
      union all
      select ${at('clicked_at')}, ${visit}, (not bot)::int, bot::int, 0 from click join link on code = link_code
      union all
      select ${at('made_at')}, ${visit}, 0, 0, 1 from link
    ) as fact group by at, merchant_id, promoter_id, currency, basis`);
  expect(await differing(db, kept, facts), `${table} of ${minutes} minutes`).toEqual([]);
}

/** Asserts that the kept rows are those of the standing awards and of all bonuses. */
async function expectCounted(db: Kysely<DB>): Promise<void> {
  const awards = await db.selectFrom('award').select('order_key').execute();
  const again = (
    await readAwardedOrders(
      db,
      awards.map((row) => row.order_key),
    )
  ).flatMap(countOrder);
  const { rows } = await sql<Record<string, unknown>>`select * from counted where order_key is not null`.execute(db);
  const kept = rows.map((row) => Object.fromEntries(Object.entries(row).map(([column, value]) => [camel(column), value])));
  expect(texts(kept)).toEqual(texts(again));
  const { rows: bonuses } = await sql`
    select counted.sum as counted, booked.sum as booked
    from (select sum(commission_estimated + commission_released + commission_reversed) from counted where order_key is null) as counted,
      (select sum(amount) from transfer where cause = 'bonus' and kind in ('accrue', 'release', 'reverse')) as booked
    where counted.sum is distinct from booked.sum`.execute(db);
  expect(bonuses).toEqual([]);
}

const camel = (column: string) => column.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

function texts(rows: readonly object[]): string[] {
  return rows.map(textOf).toSorted();
}

function textOf(row: object): string {
  const values = Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(values, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}
