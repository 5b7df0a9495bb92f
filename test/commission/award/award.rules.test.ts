// The award and rules: which one a line finds as of its time, what its decision pins, and what
// heals when a rule is published later.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { markUnruledDue } from '../../../src/commission/award/due-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { ago, openShop, openWorld, SIMPLE_PLAN, type World } from '../world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

type Shop = Awaited<ReturnType<typeof openShop>>;
const rate = (percent: number) => ({ ...SIMPLE_PLAN, rate_ppm: percent * 10_000 });
const buyer = { openid: 'o1' };

/** What publishing a rule for the past does beside adding it. */
async function publishLate(shop: Shop, percent: number, more: object = {}) {
  await shop.rule(rate(percent), { priority: percent, ...more });
  await inTransaction(world.db, ({ trx, now }) => markUnruledDue(trx, shop.m, new Date(Date.UTC(2020)), now));
  await world.award();
}

describe('a pinned rule', () => {
  test('is not touched by a rule that is published later for the past', async () => {
    const shop = await openShop(world);
    await shop.rule(rate(10));
    await shop.order('1', { link_code: shop.code });
    await publishLate(shop, 50);
    await shop.tell('1', { refunds: [{ refund_id: 'r', line_id: '1', amount: 999 }] });
    expect(await shop.line('1')).toMatchObject({ pool: 900n });
    await shop.order('2', { link_code: shop.code });
    expect(await shop.line('2')).toMatchObject({ pool: 4999n });
  });

  test('is not touched by a later one either once its line was told a category that chose no other', async () => {
    const shop = await openShop(world);
    await shop.rule(rate(10));
    await shop.order('1', { link_code: shop.code });
    await shop.tell('1', { lines: [{ line_id: '1', category: 'toys' }] });
    await publishLate(shop, 50);
    await shop.tell('1', { refunds: [{ refund_id: 'r', line_id: '1', amount: 999 }] });
    expect(await shop.line('1')).toMatchObject({ pool: 900n });
  });

  test('stays when the same promoter wins by other evidence, and the chain is that of the new click', async () => {
    const shop = await openShop(world);
    await shop.rule(rate(10));
    const carol = `carol-${shop.m}`;
    await world.promoter(carol);
    await world.promoter(shop.bob, { inviter_id: carol, from: ago(2.5) });
    await world.click(shop.code, { at: ago(3), buyer });
    await shop.order('1', { buyer });
    await publishLate(shop, 50);
    await world.click(shop.code, { at: ago(2), buyer });
    await world.award();
    expect(await shop.line('1')).toMatchObject({ pool: 999n });
    expect((await world.explained(shop.m, '1')).lines[0]).toMatchObject({
      winners: [{ chain: [carol] }],
      rules: [{ priority: 0, outcome: 'won' }],
    });
    await shop.tell('1', { click_token: world.token(shop.code, { at: ago(2) }) });
    expect(await shop.line('1')).toMatchObject({ evidence: 'click_token', pool: 999n });
  });

  test.each([
    ['the order is void for a while', { void: { reason: 'mistake' } }, { void: false }],
    ['the line is removed for a while', { lines: [{ line_id: '1', quantity: 0 }] }, { lines: [{ line_id: '1', quantity: 1 }] }],
  ])('comes back when %s', async (_, away, back) => {
    const shop = await openShop(world);
    await shop.rule(rate(10));
    await shop.order('1', { link_code: shop.code, observed_at: ago(0.9) });
    await shop.tell('1', { ...away, observed_at: ago(0.8) });
    expect(await shop.line('1')).toMatchObject({ decision: 'void', pool: 0n });
    await publishLate(shop, 50);
    await shop.tell('1', { ...back, observed_at: ago(0.7) });
    expect(await shop.line('1')).toMatchObject({ decision: 'attributed', pool: 999n });
  });

  test('goes with its winner: a new one gets a pin of its own', async () => {
    const shop = await openShop(world);
    await shop.rule(rate(10));
    await shop.order('1', { buyer, link_code: shop.code });
    await publishLate(shop, 50);
    await shop.tell('1', { click_token: world.token(await world.link(shop.m, shop.alice), { at: ago(2) }) });
    expect(await shop.line('1')).toMatchObject({ promoter_id: shop.alice, pool: 4999n });
  });

  test('goes when the order says otherwise of what it was chosen by: product, category, time', async () => {
    const shop = await openShop(world);
    await world.product(shop.m, 'p2');
    await shop.rule(rate(10));
    await shop.rule(rate(20), { scope: { merchant_id: shop.m, category: 'toys' } });
    await shop.rule(rate(30), { scope: { merchant_id: shop.m, product_id: 'p2' } });
    await shop.rule(rate(40), { priority: 1, to: ago(10) });
    await shop.order('1', { link_code: shop.code, observed_at: ago(0.9) });
    const poolAfter = async (fields: object) => {
      await shop.tell('1', fields as Record<string, unknown>);
      return (await shop.line('1')).pool;
    };
    expect(await poolAfter({ lines: [{ line_id: '1', category: 'toys' }], observed_at: ago(0.8) })).toBe(1999n);
    expect(await poolAfter({ lines: [{ line_id: '1', product_id: 'p2' }], observed_at: ago(0.7) })).toBe(2999n);
    expect(await poolAfter({ lines: [{ line_id: '1', product_id: 'p1', category: 'none' }], observed_at: ago(0.6) })).toBe(999n);
    expect(await poolAfter({ deposit_paid_at: ago(11) })).toBe(3999n);
  });

  test('outlives the end of its rule', async () => {
    const shop = await openShop(world);
    const ruleId = await shop.rule(rate(10));
    await shop.order('1', { link_code: shop.code });
    await world.owner
      .insertInto('rule_end')
      .values({ rule_id: ruleId, ends_at: new Date(ago(2)), recorded_at: new Date() })
      .execute();
    await world.owner
      .updateTable('rule_book')
      .set((book) => ({ revision: book('revision', '+', 1n) }))
      .execute();
    await shop.tell('1', { scene: 'group' });
    expect(await shop.line('1')).toMatchObject({ decision: 'attributed', pool: 999n });
    await shop.order('2', { link_code: shop.code });
    expect(await shop.line('2')).toMatchObject({ decision: 'no_rule', promoter_id: shop.bob, pool: 0n });
  });
});

test('a line that found no rule is healed by one that is published for its time', async () => {
  const shop = await openShop(world);
  await shop.order('1', { link_code: shop.code });
  expect(await shop.shown('1')).toMatchObject({
    award: 'none',
    lines: [{ decision: 'no_rule', promoter_id: shop.bob, evidence: 'link_code', rule_id: null }],
  });
  await publishLate(shop, 50, { from: ago(0.5) });
  expect(await shop.line('1')).toMatchObject({ decision: 'no_rule' });
  await publishLate(shop, 20);
  expect(await shop.line('1')).toMatchObject({ decision: 'attributed', pool: 1999n });
});

describe('what a rule is found by', () => {
  test('tier, agency, category and whether the product earns are as of the attribution time', async () => {
    const shop = await openShop(world);
    await shop.rule(rate(1));
    await shop.rule(rate(10), { scope: { merchant_id: shop.m, agency_id: shop.agency } });
    await shop.rule(rate(20), { scope: { merchant_id: shop.m, tier: 'gold' } });
    await shop.rule(rate(30), { scope: { merchant_id: shop.m, category: 'toys' } });
    await world.promoter(shop.bob, { tier: 'gold', agency_id: shop.agency, from: ago(20) });
    await world.promoter(shop.bob, { tier: null, agency_id: null, from: ago(10) });
    await world.product(shop.m, 'p1', { category: 'toys', from: ago(8) });
    await world.product(shop.m, 'p1', { category: 'toys', commissionable: false, from: ago(5) });
    for (const [days, result] of [
      [25, 999n],
      [15, 1999n],
      [9, 99n],
      [7, 2999n],
      [4, 'not_commissionable'],
    ] as const) {
      await shop.order(`${days}`, { link_code: shop.code, paid_at: ago(days) });
      const { decision, pool } = await shop.line(`${days}`);
      expect(decision === 'attributed' ? pool : decision).toBe(result);
    }
  });

  test('the campaign is the winning link’s, the category the line’s own before its product’s', async () => {
    const shop = await openShop(world);
    await shop.rule(rate(10), { scope: { campaign_id: '618', merchant_id: shop.m } });
    await shop.rule(rate(20), { scope: { category: 'baby', merchant_id: shop.m } });
    const code = await world.link(shop.m, shop.bob, { campaign_id: '618' });
    await shop.order('1', { link_code: code });
    expect(await shop.line('1')).toMatchObject({ pool: 999n });
    const line = { line_id: '1', product_id: 'p1', paid_amount: 1000 };
    const lines = [
      line,
      { ...line, line_id: '2', category: 'toys' },
      { ...line, line_id: '3', product_id: 'unheard-of', category: 'baby' },
    ];
    await shop.order('2', { link_code: shop.code, lines });
    expect((await shop.shown('2')).lines.map(({ decision, pool }) => [decision, Number(pool)])).toEqual([
      ['attributed', 200],
      ['no_rule', 0],
      ['attributed', 200],
    ]);
  });

  test('the policy of a decision stays, though the merchant states another one for that time', async () => {
    const shop = await openShop(world);
    await shop.rule(rate(10));
    await world.click(shop.code, { at: ago(20), buyer });
    await shop.order('1', { buyer });
    await world.merchant(shop.m, { product_click_days: 5, from: ago(30) });
    await shop.tell('1', { scene: 'group' });
    expect(await shop.line('1')).toMatchObject({ decision: 'attributed', pool: 999n });
    await shop.order('2', { buyer, paid_at: ago(1.5) });
    expect(await shop.line('2')).toMatchObject({ decision: 'unattributed' });
  });
});
