// The audit of budgets: what is spent of them is what the pins of all lines say.

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { readOtherShares, readStandingTransfers } from '../../src/audit/audit-store.ts';
import { auditCampaigns } from '../../src/audit/campaign-audit.ts';
import { differenceLine } from '../../src/audit/difference.ts';
import { rebook, slotsOf } from '../../src/audit/rebooking.ts';
import { redecide } from '../../src/audit/redeciding.ts';
import { readDueOrders } from '../../src/commission/award/award-store.ts';
import { gatherInputs } from '../../src/commission/facts/award-facts.ts';
import { groupedBy } from '../../src/platform/grouped-by.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { currentRules, emptyRuleCache } from '../../src/commission/rules/rule-cache.ts';
import { openCampaignShop } from '../commission/campaigns/campaign-shop.ts';
import { ago, openWorld, type World } from '../commission/world.ts';

let world: World;
let shop: Awaited<ReturnType<typeof openCampaignShop>>;

beforeAll(async () => {
  world = await openWorld();
  shop = await openCampaignShop(world, { hold_days: 0 });
  await shop.campaign({ total: 800, per_day: 700 });
  await shop.sold('whole', { paid_at: '2026-06-10T00:00:00+08:00', status: 'completed', completed_at: ago(1) });
  await shop.campaign({ total: 800, per_day: 700, starts_at: '2026-06-01T00:00:00+08:00' });
  await shop.sold('refunded');
  await shop.refunded('refunded', 5000);
  await shop.sold('void');
  await shop.tell('void', { void: { reason: 'cancelled' } });
  await shop.sold('part', { lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 20_000 }] });
  await shop.sold('none');
  await shop.tell('void', { void: false });
});

afterAll(() => world.close());

async function audited() {
  const lines: string[] = [];
  const { campaigns } = await auditCampaigns(world.db, (difference) => lines.push(differenceLine(difference)));
  return { campaigns, lines };
}

test('awards with boosts are decided and booked again from their pins alone, and nothing differs', async () => {
  const { db, deps } = world;
  const orderKeys = (await db.selectFrom('award').select('order_key').orderBy('order_key').execute()).map((row) => row.order_key);
  const range = { after: 0n, upTo: orderKeys.at(-1)! };
  const lines = await inTransaction(db, async ({ trx }) => {
    const due = await readDueOrders(trx, orderKeys);
    const rules = await currentRules(trx, emptyRuleCache());
    const { inputs, facts } = await gatherInputs(trx, due, rules, deps);
    const transfers = groupedBy(await readStandingTransfers(trx, range), (one) => one.order_key);
    const other = groupedBy(await readOtherShares(trx, range), (one) => one.order_key);
    return inputs.flatMap((input) => {
      const { orderKey, orderId, award } = input.due;
      const { header, holds, lines: standing } = award!;
      const own = transfers.get(orderKey) ?? [];
      const decided = standing.map(({ line_id, shares }) => ({ order_key: orderKey, revision: header.revision, line_id, shares }));
      const released = new Map([...holds.values()].flatMap((hold) => (hold.releasedAt === null ? [] : [[hold.lineId, hold.releasedAt]])));
      const books = { subject: orderId, revision: header.revision, released, decided: [...(other.get(orderKey) ?? []), ...decided] };
      const context = { facts, rules, identityKey: deps.identityKey, now: new Date() };
      return [...rebook({ ...books, transfers: own }), ...redecide(orderId, input, slotsOf(own), context)].map(differenceLine);
    });
  });
  expect([lines, orderKeys.length]).toEqual([[], 5]);
});

test('a budget of which another amount is kept than its lines have is found', async () => {
  expect(await audited()).toEqual({ campaigns: 1, lines: [] });
  await world.owner.transaction().execute(async (trx) => {
    await sql`update campaign_budget set spent = spent - 1, orders = orders + 1`.execute(trx);
    await sql`update campaign_promoter set spent = spent + 1`.execute(trx);
  });
  const [[spent, orders]] = [await shop.spent()];
  expect((await audited()).lines).toEqual([
    `campaign ${shop.id}\tspent\texpected ${spent + 1}\tfound ${spent}`,
    `campaign ${shop.id}\torders\texpected ${orders - 1}\tfound ${orders}`,
    `campaign ${shop.id}\tpromoter ${shop.bob}\texpected ${spent + 1}\tfound ${spent + 2}`,
  ]);
});
