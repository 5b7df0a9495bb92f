// Violations of the laws of statistics, each planted in the small world once all of it is counted:
// its orders by the fold itself, beside a click and a link of this hour.

import { sql, type Transaction } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { countOrders } from '../../src/statistics/fold/fold.ts';
import { addVisits } from '../../src/statistics/fold/rollup-store.ts';
import type { Plant } from './plant.ts';

/** Counts everything as though its transactions had ended, and puts the watermark above them. */
async function countAll(trx: Transaction<DB>): Promise<void> {
  await sql`
    insert into click (click_id, link_code, clicked_at, bot) values (${uuidv7(Date.now())}, 'bobs-link', now(), false)`.execute(trx);
  const { rows } = await sql<{ order_key: bigint }>`select order_key from award`.execute(trx);
  await countOrders(
    trx,
    rows.map((row) => row.order_key),
  );
  await addVisits(trx, { clicks: sql`click`, links: sql`link` });
  await sql`update statistics_fold set below_xid = ledger_xid() + 1`.execute(trx);
}

/** Counts everything and then breaks something of it. */
const planted =
  (statement: string) =>
  async (trx: Transaction<DB>): Promise<void> => {
    await countAll(trx);
    await sql.raw(statement).execute(trx);
  };

const OF_AN_ORDER = `from orders where orders.order_key = counted.order_key and order_id = 'released'`;

export const PLANTS_OF_STATISTICS: Plant[] = [
  {
    law: 'counted_orders',
    plant: 'a share that is counted for a fen more than is earned',
    do: planted(`update counted set commission_released = commission_released + 1 ${OF_AN_ORDER} and commission_released > 0 and basis = 'order'
      and promoter_id = 'bob'`),
  },
  {
    law: 'counted_orders',
    plant: 'a booking that is not counted',
    do: planted(`delete from counted where basis = 'booking' and commission_estimated > 0`),
  },
  {
    law: 'counted_orders',
    plant: 'a line that is counted for somebody who did not win it',
    do: planted(`update counted set promoter_id = 'alice' ${OF_AN_ORDER} and wins_order`),
  },
  {
    law: 'counted_orders',
    plant: 'a line of which another quantity is counted',
    do: planted(`update counted set units = units + 1 ${OF_AN_ORDER} and wins_order`),
  },
  {
    law: 'counted_orders',
    plant: 'an order that is not counted at all',
    do: planted(`delete from counted using orders where orders.order_key = counted.order_key and order_id = 'released'`),
  },
  {
    law: 'rollups',
    plant: 'a click that is summed up twice for its merchant',
    do: planted(
      `update merchant_rollup set clicks = clicks + 1 where at >= date_trunc('hour', now()) and grain_minutes = 15 and clicks > 0`,
    ),
  },
  {
    law: 'rollups',
    plant: 'a click that is summed up for no promoter',
    do: planted(`delete from promoter_rollup where at >= date_trunc('hour', now()) and grain_minutes = 15 and clicks > 0`),
  },
  {
    law: 'rollups',
    plant: 'a click that is summed up for another link',
    do: planted(`update link_rollup set link_code = 'alices-link' where at >= date_trunc('hour', now()) and clicks > 0`),
  },
  {
    law: 'rollups',
    plant: 'a day that is more than its quarters of an hour',
    do: planted(`update merchant_rollup set bot_clicks = bot_clicks + 1
      where at = date_trunc('day', now(), 'UTC') and grain_minutes = 1440 and basis = 'order'`),
  },
  {
    law: 'rollups',
    plant: 'a booking that is counted and not summed up',
    do: planted(`insert into counted select null, null, 'booking', now(), 'm1', 'CNY', 'bob', null, null, null, null, null, null, null, null,
      0, 0, 0, 0, 1, 0, 0, 0, false, false`),
  },
];
