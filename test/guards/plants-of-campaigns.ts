// Violations of the laws of campaigns, each planted in a world where a campaign has paid the order
// `waiting` 100 beside its pool, as it should be.

import { sql, type Transaction } from 'kysely';

import { accountCache, bookTransfers } from '../../src/ledger/booking-store.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { change, type Plant } from './plant.ts';
import { ago, auditOf } from './world.ts';

const CAMPAIGN = 'june';
const BOOSTED = 100;
const boost = {
  campaign_id: CAMPAIGN,
  version: 1,
  currency: 'CNY',
  fixed_per_unit: BOOSTED,
  combine: 'add',
  day: '2026-06-10',
  parts: [{ promoter_id: 'bob', wanted: BOOSTED, granted: BOOSTED, amount: BOOSTED }],
};

/** A campaign, and what it has granted: stated, pinned, booked and counted. */
async function foundCampaign(trx: Transaction<DB>): Promise<void> {
  const [at, from] = [ago(0), ago(40)];
  await sql`insert into campaign values (${CAMPAIGN}, 'm1', 'CNY', ${at})`.execute(trx);
  await sql`
    insert into campaign_version (campaign_id, version, effective_from, name, starts_at, ends_at, fixed_per_unit, combine, total, per_day,
      per_promoter, partial_last, reopens, recorded_at)
    values (${CAMPAIGN}, 1, ${from}, 'June', ${from}, ${ago(-40)}, ${BOOSTED}, 'add', 1000, 500, 400, true, false, ${at})`.execute(trx);
  await trx
    .insertInto('audit_log')
    .values([auditOf('campaign', CAMPAIGN, at)])
    .execute();
  await sql`insert into campaign_budget values (${CAMPAIGN}, 1000, ${BOOSTED}, 1, null)`.execute(trx);
  await sql`insert into campaign_day values (${CAMPAIGN}, '2026-06-10', 500, ${BOOSTED})`.execute(trx);
  await sql`insert into campaign_promoter values (${CAMPAIGN}, 'bob', 400, ${BOOSTED})`.execute(trx);
  const share = [{ role: 'boost', level: null, promoter_id: 'bob', amount: BOOSTED, campaign_id: CAMPAIGN }];
  await sql`
    update decision set shares = shares || ${JSON.stringify(share)}::jsonb,
      pinned = pinned || jsonb_build_object('boost', ${JSON.stringify(boost)}::jsonb, 'product_id', 'p1', 'attribution_at', attribution_at)
    from orders where orders.order_key = decision.order_key and order_id = 'waiting'`.execute(trx);
  const { rows } = await sql<{ order_key: bigint; position: number }>`
    select order_key, max(position) + 1 as position from transfer join orders using (order_key) where order_id = 'waiting'
    group by order_key`.execute(trx);
  const { order_key: orderKey, position } = rows[0]!;
  const slot = { lineId: '1', role: 'boost', level: null, promoterId: 'bob', campaignId: CAMPAIGN } as const;
  const accrue = { ...slot, kind: 'accrue', from: 'commission', to: 'pending', amount: BigInt(BOOSTED) } as const;
  await bookTransfers(trx, [{ ...accrue, orderKey, merchantId: 'm1', currency: 'CNY', revision: 1, position }], accountCache(), at);
}

/** Makes the campaign and then breaks something of it. */
const planted =
  (breaking: string | ((trx: Transaction<DB>) => Promise<unknown>)) =>
  async (trx: Transaction<DB>): Promise<void> => {
    await foundCampaign(trx);
    if (typeof breaking === 'string') await sql.raw(breaking).execute(trx);
    else await breaking(trx);
  };

const changeBoost = (path: string, value: unknown) =>
  change('decision', `pinned = jsonb_set(pinned, '{boost,${path}}', '${JSON.stringify(value)}')`);

export const PLANTS_OF_CAMPAIGNS: Plant[] = [
  {
    law: 'boosts_granted',
    plant: 'a boost that was never granted so much',
    do: planted(changeBoost('parts,0,granted', BOOSTED - 1)),
  },
  {
    law: 'boosts_granted',
    plant: 'a boost that its campaign does not want',
    do: planted('update campaign_version set fixed_per_unit = 99'),
  },
  {
    law: 'boosts_granted',
    plant: 'a share of another promoter than it was granted to',
    do: planted(changeBoost('parts,0,promoter_id', 'alice')),
    also: ['budgets_kept'],
  },
  {
    law: 'boosts_granted',
    plant: 'a boost of a time at which its campaign was over',
    do: planted(`update campaign_version set ends_at = starts_at + interval '1 day'`),
  },
  {
    law: 'boosts_granted',
    plant: 'a boost of a product that its campaign is not for',
    do: planted(`update campaign_version set products = '{p2}'`),
  },
  {
    law: 'budgets_kept',
    plant: 'a total that says a fen less than is spent',
    do: planted('update campaign_budget set spent = spent - 1'),
  },
  {
    law: 'budgets_kept',
    plant: 'a day of which nothing is kept',
    do: planted('delete from campaign_day'),
  },
  {
    law: 'budgets_kept',
    plant: 'a promoter of whom nothing is kept',
    do: planted('delete from campaign_promoter'),
  },
  {
    law: 'budgets_kept',
    plant: 'a limit that was exceeded by a fen',
    do: planted(`update campaign_version set per_promoter = ${BOOSTED - 1}; update campaign_promoter set cap = spent`),
  },
  {
    law: 'budgets_kept',
    plant: 'a budget that counts an order twice',
    do: planted('update campaign_budget set orders = 2'),
  },
];
