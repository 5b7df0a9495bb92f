// Violations of the laws of orders, each planted in a world whose books are in order.

import { sql, type Transaction } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { insertDelivery } from './deliveries.ts';
import { earningOrder } from './books.ts';
import { writeOrder } from './orders.ts';
import { change, type Plant } from './plant.ts';
import { ago } from './world.ts';

const MINUTE = 1 / 1440;

const delivery = (days: number) => ({
  delivery_id: uuidv7(Date.now()),
  source_id: 'shop1',
  origin: 'push',
  body: Buffer.from('x'),
  body_hash: Buffer.alloc(32, 1),
  headers: '{}',
  received_at: ago(days),
  next_attempt_at: ago(days),
});

/** The hold of a line ended, and nobody has released it. */
async function endHold(trx: Transaction<DB>): Promise<void> {
  await sql`
    insert into line_hold (order_key, line_id, hold_days, ends_at)
    select order_key, '1', 7, now() - interval '10 minutes' from orders where order_id = 'waiting'`.execute(trx);
  await change('award', `releases_at = now() - interval '10 minutes'`)(trx);
}

export const PLANTS_OF_ORDERS: Plant[] = [
  {
    law: 'deliveries_finished',
    plant: 'a report that nobody has worked on for two minutes',
    do: (trx) => insertDelivery(trx, delivery(2 * MINUTE)),
  },
  {
    law: 'effects_once',
    plant: 'a report that became two orders and had one effect',
    do: (trx) => trx.updateTable('delivery').set({ reports: 2 }).where('body', '=', Buffer.from('shop1 waiting')).execute(),
  },
  {
    law: 'effects_once',
    plant: 'an effect that was had twice',
    do: (trx) => sql`insert into order_report select order_key, delivery_id, 1 from order_report limit 1`.execute(trx),
  },
  {
    law: 'effects_once',
    plant: 'a processed report that does not say what became of it',
    do: (trx) => trx.updateTable('delivery').set({ reports: null }).where('body', '=', Buffer.from('shop1 waiting')).execute(),
  },
  {
    law: 'one_door',
    plant: 'an order that came by another way',
    do: async (trx) => {
      await sql`delete from order_report using orders where order_report.order_key = orders.order_key and order_id = 'waiting'`.execute(
        trx,
      );
      await trx.updateTable('delivery').set({ reports: 0 }).where('body', '=', Buffer.from('shop1 waiting')).execute();
    },
  },
  { law: 'orders_read_off', plant: 'a status that nobody told', do: change('orders', `status = 'created'`) },
  { law: 'orders_read_off', plant: 'a currency that nobody told', do: change('orders', `currency = 'USD'`) },
  {
    law: 'orders_read_off',
    plant: 'a time that nobody told',
    do: change('orders', `attribution_at = changed.attribution_at + interval '1 ms'`),
  },
  {
    law: 'orders_read_off',
    plant: 'a parent that nobody told',
    do: change('orders', `parent_order_id = 'p', parent_kind = 'split'`),
  },
  { law: 'orders_read_off', plant: 'a void that nobody told', do: change('orders', 'is_void = true', 'nobodys') },
  {
    law: 'paid_orders_decided',
    plant: 'a line without its decision',
    do: (trx) => sql`delete from decision where line_id = 'x'`.execute(trx),
  },
  {
    law: 'paid_orders_decided',
    plant: 'a paid order without any award',
    do: (trx) => writeOrder(trx, earningOrder('forgotten', { revisions: [] })),
  },
  {
    law: 'awards_in_time',
    plant: 'an order that has waited for two minutes',
    do: (trx) =>
      sql`insert into award_due select order_key, now() - interval '2 minutes' from orders where order_id = 'waiting'`.execute(trx),
  },
  { law: 'awards_in_time', plant: 'a hold that ended long ago', do: endHold },
  {
    law: 'awards_in_time',
    plant: 'a second look that nobody took',
    do: (trx) => sql`insert into relocked (orders, made_at) values ('[]', now() - interval '2 minutes')`.execute(trx),
  },
  { law: 'awards_in_time', plant: 'a look that was never taken', do: change('award', `recheck_at = now() - interval '10 minutes'`) },
  { law: 'amounts_recomputed', plant: 'a paid amount of its own', do: change('decision', 'paid_amount = paid_amount + 1', 'nobodys') },
  {
    law: 'amounts_recomputed',
    plant: 'a remainder of a refund on the wrong line',
    do: (trx) =>
      sql`
      update decision set refunded_amount = refunded_amount + case line_id when '9' then -1 else 1 end,
        base = base + case line_id when '9' then 1 else -1 end
      where line_id in ('9', '10')`.execute(trx),
  },
  { law: 'amounts_recomputed', plant: 'a base above what is left', do: change('decision', 'base = base + 1', 'nobodys') },
  { law: 'amounts_recomputed', plant: 'another quantity', do: change('decision', 'quantity = quantity + 1') },
  {
    law: 'amounts_recomputed',
    plant: 'a platform commission that was not scaled to what is left',
    do: change('decision', 'base = base + 1', 'settled'),
    also: ['pools_by_rule'],
  },
  {
    law: 'orders_earn_once',
    plant: 'an order that a second source of the kind reports, and that earns there too',
    do: (trx) => writeOrder(trx, earningOrder('waiting', { sourceId: 'shop2' })),
  },
  {
    law: 'orders_earn_once',
    plant: 'a split order that earns beside its child',
    do: (trx) => writeOrder(trx, earningOrder('child', { says: { parent: { orderId: 'waiting', kind: 'split' } } })),
  },
  {
    law: 'orders_earn_once',
    plant: 'a gift that earns',
    do: (trx) => writeOrder(trx, earningOrder('gift', { says: { parent: { orderId: 'waiting', kind: 'gift' } } })),
  },
];
