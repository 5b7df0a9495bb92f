// Violations of the laws of offers, each planted beside an exclusive offer that is in order.

import { sql, type Transaction } from 'kysely';

import { scopeKey } from '../../src/core/rule.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import type { Plant } from './plant.ts';
import { ago, auditOf } from './world.ts';

const PLAN = {
  base: 'paid_amount',
  currency: null,
  rate_ppm: 90_000,
  fixed_per_unit: 0,
  cap_per_line: null,
  cap_per_order: null,
  split: [{ to: 'promoter', share_ppm: 1_000_000, pays: [] }],
};

/** 9 % on a product that nobody has bought, for bob alone: made and published as it should be. */
async function foundOffer(trx: Transaction<DB>): Promise<void> {
  const at = ago(0);
  const terms = { product_ids: ['unsold'], category: null, plan: PLAN, promoters: ['bob'], agencies: [], ends_at: null };
  await sql`insert into offer values ('m1', 'spring', 'exclusive', ${at})`.execute(trx);
  await sql`insert into offer_version values ('m1', 'spring', 1, ${JSON.stringify(terms)}, true, ${at}, ${at})`.execute(trx);
  const goods = { merchant_id: 'm1', product_id: 'unsold' };
  const rules = [
    { id: 'offer:spring:1', scope: { ...goods, promoter_id: 'bob' }, part: 'pays', plan: PLAN, promoter: 'bob' },
    { id: 'offer:spring:2', scope: goods, part: 'closes', plan: { ...PLAN, rate_ppm: 0, split: [] }, promoter: null },
  ];
  for (const { id, scope, part, plan, promoter } of rules) {
    await sql`insert into rule values (${id}, ${at})`.execute(trx);
    await sql`
      insert into offer_rule (rule_id, merchant_id, offer_id, part, product_id, promoter_id, made_at)
      values (${id}, 'm1', 'spring', ${part}, 'unsold', ${promoter}, ${at})`.execute(trx);
    await sql`
      insert into rule_version (rule_id, version, name, scope, scope_key, priority, effective_from, plan, recorded_at)
      values (${id}, 1, 'offer spring', ${JSON.stringify(scope)}, ${scopeKey(scope)}, 0, ${at}, ${JSON.stringify(plan)}, ${at})`.execute(
      trx,
    );
  }
  await trx
    .insertInto('audit_log')
    .values([auditOf('offer', 'm1/spring', at), ...rules.map(({ id }) => auditOf('rule', id, at))])
    .execute();
}

const planted =
  (statement: string) =>
  async (trx: Transaction<DB>): Promise<void> => {
    await foundOffer(trx);
    await sql.raw(statement).execute(trx);
  };

export const PLANTS_OF_OFFERS: Plant[] = [
  {
    law: 'offer_rules',
    plant: 'a rule that pays more than its offer says',
    do: planted(`update rule_version set plan = jsonb_set(plan, '{rate_ppm}', '91000') where rule_id = 'offer:spring:1'`),
  },
  {
    law: 'offer_rules',
    plant: 'an exclusive offer that pays others',
    do: planted(`update rule_version set plan = jsonb_set(plan, '{rate_ppm}', '1') where rule_id = 'offer:spring:2'`),
  },
  {
    law: 'offer_rules',
    plant: 'a promoter whom an offer names and no rule pays',
    do: planted(`update offer_version set terms = jsonb_set(terms, '{promoters}', '["alice", "bob"]')`),
  },
  {
    law: 'offer_rules',
    plant: 'rules of an offer that is paused',
    do: planted(`update offer_version set is_running = false`),
  },
  {
    law: 'offer_rules',
    plant: 'a rule that goes on after its offer',
    do: planted(`update offer_version set terms = jsonb_set(terms, '{ends_at}', '"2099-01-01T00:00:00Z"')`),
  },
];
