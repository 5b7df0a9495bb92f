// Violations of the laws of orders and decisions, each planted in a world whose books are in order.

import { sql } from 'kysely';

import { uuidv7 } from '../../src/platform/uuid.ts';
import { change, changeMerged, changePin, type Plant } from './plant.ts';
import { ago, auditOf, earning, earningOrder, PLAN, sharesOf, writeOrder } from './world.ts';

const MINUTE = 1 / 1440;

const delivery = (days: number) => ({
  ...{ delivery_id: uuidv7(Date.now()), source_id: 'shop1', origin: 'push', body: Buffer.from('x'), body_hash: Buffer.alloc(32, 1) },
  ...{ headers: '{}', received_at: ago(days), next_attempt_at: ago(days) },
});

const newRuleVersion = {
  ...{ rule_id: 'r1', version: 2, name: 'r1', scope: '{"merchant_id":"m1"}', scope_key: 'r1', priority: 0 },
  ...{ effective_from: ago(30), plan: JSON.stringify(PLAN), recorded_at: ago(31) },
};

export const PLANTS_OF_ORDERS: Plant[] = [
  {
    law: 'deliveries_finished',
    plant: 'a report that nobody has worked on for two minutes',
    do: (trx) =>
      trx
        .insertInto('delivery')
        .values(delivery(2 * MINUTE))
        .execute(),
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
  { law: 'orders_read_off', plant: 'a time that nobody told', do: change('orders', `attribution_at = attribution_at + interval '1 ms'`) },
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
  { law: 'awards_in_time', plant: 'a hold that ended long ago', do: change('award', `releases_at = now() - interval '10 minutes'`) },
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
  { law: 'amounts_recomputed', plant: 'a base above what is left', do: change('decision', 'base = base + 1') },
  { law: 'amounts_recomputed', plant: 'another quantity', do: change('decision', 'quantity = quantity + 1') },
  {
    law: 'amounts_recomputed',
    plant: 'a platform commission that was not scaled to what is left',
    do: change('decision', 'base = base + 1', 'settled'),
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
  { law: 'shares_within_pool', plant: 'shares above their pool', do: change('decision', 'pool = 998') },
  {
    law: 'shares_within_pool',
    plant: 'a pool above its base',
    do: async (trx) => {
      await sql`alter table decision drop constraint decision_bounds`.execute(trx);
      await change('decision', 'pool = base + 1')(trx);
    },
  },
  { law: 'shares_within_pool', plant: 'a pool of a line that nobody earns', do: change('decision', 'pool = 1', 'nobodys') },
  {
    law: 'shares_within_pool',
    plant: 'a share below zero that another makes up for',
    do: (trx) => {
      const split = [...sharesOf(300, 630, 69), { role: 'platform' as const, level: null, promoter_id: null, amount: -1 }];
      return writeOrder(trx, earningOrder('below', { revisions: [{ decisions: [{ ...earning, split: [] }], state: 'estimated' }] })).then(
        () => change('decision', `shares = '${JSON.stringify(split)}'`, 'below')(trx),
      );
    },
    also: ['shares_booked'],
  },
  {
    law: 'rules_in_force',
    plant: 'a rule that began after the payment',
    do: (trx) => sql`update rule_version set effective_from = now() where rule_id = 'r1'`.execute(trx),
  },
  {
    law: 'rules_in_force',
    plant: 'a rule that had run out at the payment',
    do: (trx) => sql`update rule_version set effective_to = now() - interval '25 days' where rule_id = 'r1'`.execute(trx),
  },
  {
    law: 'rules_in_force',
    plant: 'a version that was superseded, as everybody knew, before the payment',
    do: async (trx) => {
      await trx.insertInto('rule_version').values(newRuleVersion).execute();
      await trx
        .insertInto('audit_log')
        .values(auditOf('rule', 'r1', newRuleVersion.recorded_at))
        .execute();
    },
  },
  {
    law: 'rules_in_force',
    plant: 'a rule that was ended, as everybody knew, before the payment',
    do: async (trx) => {
      await trx
        .insertInto('rule_end')
        .values({ rule_id: 'r1', ends_at: ago(30), recorded_at: ago(31) })
        .execute();
      await trx
        .insertInto('audit_log')
        .values(auditOf('rule', 'r1', ago(31)))
        .execute();
      await sql`update audit_log set recorded_at = rule_end.recorded_at from rule_end where subject_id = 'r1' and audit_log.recorded_at > now() - interval '40 days'`.execute(
        trx,
      );
    },
  },
  { law: 'credits_due', plant: 'a credited link of another merchant', do: (trx) => sql`update link set merchant_id = 'm2'`.execute(trx) },
  {
    law: 'credits_due',
    plant: 'a credited link of another promoter',
    do: (trx) => sql`update link set promoter_id = 'a1' where code = 'bobs-link'`.execute(trx),
    also: ['links_descend'],
  },
  { law: 'credits_due', plant: 'a link that does not exist', do: changePin('winners,0,link_code', 'no-link') },
  { law: 'credits_due', plant: 'a click before its window', do: changePin('winners,0,clicked_at', ago(51).toISOString()) },
  { law: 'credits_due', plant: 'a click long after the payment', do: changePin('winners,0,clicked_at', ago(19.9).toISOString()) },
  { law: 'credits_due', plant: 'a click of a bot', do: (trx) => sql`update click set bot = true`.execute(trx) },
  { law: 'credits_due', plant: 'a click through another link', do: (trx) => sql`update click set link_code = 'alices-link'`.execute(trx) },
  { law: 'winners_whole', plant: 'weights that do not add up', do: changePin('winners,0,weight_ppm', 999_999) },
  { law: 'winners_whole', plant: 'a line in the name of one who did not win', do: change('decision', `promoter_id = 'alice'`) },
  { law: 'chains_sound', plant: 'a winner above himself', do: changePin('winners,0,chain', ['alice', 'bob']) },
  { law: 'chains_sound', plant: 'a chain that is paid too deep', do: changePin('winners,0,chain', ['alice', 'a1']) },
  { law: 'chains_sound', plant: 'an upline that stands in no chain', do: changePin('winners,0,chain', []) },
  {
    law: 'inviters_acyclic',
    plant: 'two who invited each other',
    do: (trx) => sql`update promoter_version set inviter_id = 'bob' where promoter_id = 'alice'`.execute(trx),
  },
  {
    law: 'inviters_acyclic',
    plant: 'three who invited each other in a circle',
    do: async (trx) => {
      await sql`update promoter_version set inviter_id = 'a1' where promoter_id = 'alice'`.execute(trx);
      await sql`update promoter_version set inviter_id = 'bob' where promoter_id = 'a1'`.execute(trx);
    },
  },
];
