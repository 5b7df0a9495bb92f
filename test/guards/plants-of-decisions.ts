// Violations of the laws of decisions, each planted in a world whose books are in order.

import { sql } from 'kysely';

import { earning, earningOrder, sharesOf } from './books.ts';
import { writeOrder } from './orders.ts';
import { change, changePin, type Plant } from './plant.ts';
import { ago, auditOf, PLAN } from './world.ts';

const newRuleVersion = {
  rule_id: 'r1',
  version: 2,
  name: 'r1',
  scope: '{"merchant_id":"m1"}',
  scope_key: 'r1',
  priority: 0,
  effective_from: ago(30),
  plan: JSON.stringify(PLAN),
  recorded_at: ago(31),
};

export const PLANTS_OF_DECISIONS: Plant[] = [
  { law: 'shares_within_pool', plant: 'shares above their pool', do: change('decision', 'pool = 998'), also: ['pools_by_rule'] },
  {
    law: 'shares_within_pool',
    plant: 'a pool above its base',
    do: async (trx) => {
      await sql`alter table decision drop constraint decision_bounds`.execute(trx);
      await change('decision', 'pool = base + 1')(trx);
    },
    also: ['pools_by_rule'],
  },
  { law: 'pools_by_rule', plant: 'a pool above what the rate makes', do: change('decision', 'pool = pool + 1') },
  {
    law: 'pools_by_rule',
    plant: 'a pool above the cap of its order',
    do: (trx) =>
      sql`update rule_version set plan = plan || '{"currency":"CNY","cap_per_order":500}' where rule_id = 'r2'`
        .execute(trx)
        .then(() => sql`update rule_version set plan = plan || '{"currency":"CNY","cap_per_order":998}' where rule_id = 'r1'`.execute(trx)),
  },
  { law: 'heads_read_off', plant: 'an award that says what no line does', do: change('award', `decisions = '{no_rule}'`) },
  {
    law: 'shares_within_pool',
    plant: 'a pool of a line that nobody earns',
    do: (trx) => sql`update decision set pool = 1 where line_id = 'x'`.execute(trx),
  },
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
      const recordedAt = ago(31);
      await trx
        .insertInto('rule_end')
        .values({ rule_id: 'r1', ends_at: ago(30), recorded_at: recordedAt })
        .execute();
      await trx
        .insertInto('audit_log')
        .values(auditOf('rule', 'r1', recordedAt))
        .execute();
    },
  },
  {
    law: 'rules_in_force',
    plant: 'a rule of a click where the merchant locks no rates',
    do: change('decision', `pinned = pinned || jsonb_build_object('rule_at', pinned #> '{winners,0,clicked_at}')`),
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
