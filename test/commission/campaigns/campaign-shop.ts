// A shop with campaigns: what is stated of them, what its orders are granted, and whether the books
// agree with it.

import { sql } from 'kysely';
import { expect } from 'vitest';

import type { Campaign } from '../../../src/commission/campaigns/campaign.ts';
import { campaignBody, campaignStated } from '../../../src/commission/campaigns/campaign-body.ts';
import { stateCampaign } from '../../../src/commission/campaigns/stating-campaign.ts';
import { askGuard } from '../../../src/guards/check.ts';
import { LAWS_OF_BOOKS } from '../../../src/guards/laws/laws-of-books.ts';
import { LAWS_OF_CAMPAIGNS } from '../../../src/guards/laws/laws-of-campaigns.ts';
import { lawsOfDecisions } from '../../../src/guards/laws/laws-of-decisions.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { operatorOf } from '../bonuses/bonus-shop.ts';
import { ago, inDays, openSimpleShop, type World } from '../world.ts';

/** 3 % on top of the rule's 10 %: 300 of a line of 10000. */
export const THREE_PERCENT = { boost: { rate_ppm: 30_000 }, combine: 'add' as const };

/** Every law of decisions, books and campaigns, and what breaks it. */
export async function expectLaws(world: World): Promise<void> {
  for (const law of [...lawsOfDecisions(2), ...LAWS_OF_BOOKS, ...LAWS_OF_CAMPAIGNS]) {
    expect([law.name, (await askGuard(world.db, law)).sample]).toEqual([law.name, []]);
  }
}

export async function openCampaignShop(world: World, terms: Record<string, unknown> = {}) {
  const shop = await openSimpleShop(world, terms);
  const actor = await operatorOf(world);
  const id = `campaign-${shop.m}`;

  /** States a campaign of the last days and those to come. */
  const campaign = (
    { total = 10_000, per_day, per_promoter, ...more }: Record<string, unknown> & { total?: number } = {},
    campaignId = id,
  ): Promise<{ campaign: Campaign; made: boolean }> => {
    const body = campaignBody.parse({
      merchant_id: shop.m,
      name: 'double',
      starts_at: ago(30),
      ends_at: inDays(30),
      ...THREE_PERCENT,
      budget: { currency: 'CNY', total, per_day, per_promoter },
      ...more,
    });
    const stated = campaignStated(campaignId, body);
    return inTransaction(world.db, ({ trx, now }) => stateCampaign(trx, stated, { actor, now }));
  };

  return {
    ...shop,
    actor,
    id,
    campaign,
    /** An order of one line of 10000 that bob won. */
    sold: (orderId: string, more: Record<string, unknown> = {}) => shop.order(orderId, soldFields(shop.code, more)),
    refunded: (orderId: string, amount: number, refundId = 'r1') =>
      shop.tell(orderId, { refunds: [{ refund_id: refundId, line_id: '1', amount }] }),
    /** What stands of the boost of the first line: [wanted, granted, amount]; null: none. */
    boost: async (orderId: string): Promise<[number, number, number] | null> => {
      const { boost } = (await world.explained(shop.m, orderId)).lines[0]!;
      return boost === undefined ? null : [Number(boost.wanted), Number(boost.granted), Number(boost.amount)];
    },
    /** Why each campaign was granted or not, by campaign. */
    reasons: async (orderId: string): Promise<Record<string, string>> => {
      const { campaigns = [] } = (await world.explained(shop.m, orderId)).lines[0]!;
      return Object.fromEntries(campaigns.map(({ campaign_id, reason }) => [campaign_id, reason]));
    },
    /** What is spent of the budget, and of how many orders: [spent, orders, is exhausted]. */
    spent: async (campaignId = id): Promise<[number, number, boolean]> => {
      const row = await world.db.selectFrom('campaign_budget').selectAll().where('campaign_id', '=', campaignId).executeTakeFirstOrThrow();
      return [Number(row.spent), row.orders, row.exhausted_total !== null];
    },
    /** What is booked of it, signed, in its order: [kind, amount]. */
    booked: async (campaignId = id): Promise<[string, number][]> => {
      const { rows } = await sql<{ kind: string; amount: bigint }>`
        select kind, amount from transfer where campaign_id = ${campaignId} order by transfer_id`.execute(world.db);
      return rows.map(({ kind, amount }) => [kind, kind === 'reverse' ? -Number(amount) : Number(amount)]);
    },
  };
}

export const soldFields = (code: string, more: Record<string, unknown> = {}) => ({
  link_code: code,
  lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 10_000 }],
  ...more,
});
