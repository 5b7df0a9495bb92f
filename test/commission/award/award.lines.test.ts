// The award and lines that speak for themselves: each with its own promoter, completion,
// settlement, hold and release.
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ago, inDays, openShop, openSimpleShop, openWorld, SIMPLE_PLAN, type World } from '../world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const line = (line_id: string, more: object = {}) => ({ line_id, product_id: 'p1', quantity: 1, paid_amount: 10_000, ...more });
const plan = (days: number, more: object = {}) => ({ hold_until: inDays(days), ...more });
const two = (first: object = {}, second: object = {}) => [line('1', first), line('2', second)];

describe('evidence', () => {
  test('that a line states is its own, and of the other kinds it has the order’s', async () => {
    const shop = await openSimpleShop(world);
    const lines = two({ promoter_id: shop.alice }, { promoter_id: shop.bob });
    await shop.order('each', { lines });
    expect((await shop.shown('each')).lines.map((one) => [one.promoter_id, Number(one.pool)])).toEqual([
      [shop.alice, 1000],
      [shop.bob, 1000],
    ]);
    await shop.order('one', { promoter_id: shop.alice, lines: two({ promoter_id: shop.bob }) });
    expect((await shop.shown('one')).lines.map((one) => one.promoter_id)).toEqual([shop.bob, shop.alice]);
    // A stronger kind that only the order names goes before the line's own word.
    await shop.order('both', { link_code: shop.code, lines: two({ promoter_id: shop.alice }) });
    expect((await shop.shown('both')).lines.map((one) => one.promoter_id)).toEqual([shop.bob, shop.bob]);
  });

  test('that a line states and that counts for nothing still keeps the order’s of that kind away', async () => {
    const shop = await openSimpleShop(world);
    await shop.order('1', { promoter_id: shop.bob, lines: two({ promoter_id: 'stranger' }, { coupon_codes: [] }) });
    expect((await shop.shown('1')).lines.map((one) => [one.decision, one.promoter_id])).toEqual([
      ['unattributed', null],
      ['attributed', shop.bob],
    ]);
    const [strange, plain] = (await world.explained(shop.m, '1')).lines;
    expect(strange!.evidence).toMatchObject([{ promoter_id: null, reference: 'stranger', line_id: '1', reason: 'unknown_promoter' }]);
    expect(plain!.evidence).toMatchObject([{ promoter_id: shop.bob, won: true }]);
  });

  test('that a storefront tells of a line waits until the source lists it, and no whole report takes it away', async () => {
    const shop = await openSimpleShop(world);
    await world.source('lines-shop', 'shopify');
    const word = { source_id: 'lines-shop', lines: [{ line_id: '2', link_code: shop.code, paid_amount: 999_999 }] };
    await shop.tell('1', word, { sourceId: 'lines-shop', says: 'evidence' });
    expect((await shop.shown('1', 'lines-shop')).lines).toEqual([]);
    await shop.order('1', { whole: true, lines: two() }, { sourceId: 'lines-shop' });
    expect((await shop.shown('1', 'lines-shop')).lines.map((one) => [one.decision, Number(one.paid_amount)])).toEqual([
      ['unattributed', 10_000],
      ['attributed', 10_000],
    ]);
  });

  test('of the source is what its last whole report says: back to an earlier promoter, and to none', async () => {
    const shop = await openSimpleShop(world);
    const says = async (promoter_id: string | null, seconds: number) => {
      await shop.tell('1', { promoter_id, whole: ['evidence'], observed_at: ago(0.9 - seconds / 86_400) });
      return (await shop.line('1')).promoter_id;
    };
    await shop.order('1', { observed_at: ago(0.95) });
    expect([await says(shop.alice, 1), await says(shop.bob, 2), await says(shop.alice, 3), await says(null, 4)]).toEqual([
      shop.alice,
      shop.bob,
      shop.alice,
      null,
    ]);
  });

  test('beyond the first 200 pieces is counted and holds nothing', async () => {
    const shop = await openSimpleShop(world);
    for (let n = 0; n < 5; n++) {
      const coupon_codes = Array.from({ length: 50 }, (_, index) => `C${n}-${index}`);
      await world.report({ fields: shop.fields('1', { coupon_codes, observed_at: ago(0.9 - n / 1000) }) });
    }
    await shop.tell('1', { link_code: shop.code, observed_at: ago(0.95) });
    const explained = await world.explained(shop.m, '1');
    expect(explained.lines[0]!.evidence).toHaveLength(200);
    expect(explained.evidence_more).toBe(51);
    expect((await shop.line('1')).promoter_id).toBe(shop.bob);
  });
});

describe('a whole report', () => {
  test('takes away the lines that it does not list, whichever came first, and the next one brings them back', async () => {
    const reports = [
      { whole: ['lines'], observed_at: ago(0.9), lines: [line('1')] },
      { whole: ['lines'], observed_at: ago(0.8), lines: [line('2', { paid_amount: 3000 })] },
    ];
    for (const arrival of [reports, reports.toReversed()]) {
      const shop = await openSimpleShop(world);
      for (const report of arrival) await shop.order('1', { link_code: shop.code, ...report });
      const shown = await shop.shown('1');
      expect(shown.lines.map((one) => [one.line_id, one.decision, Number(one.paid_amount), Number(one.pool)])).toEqual([
        ['1', 'void', 10_000, 0],
        ['2', 'attributed', 3000, 300],
      ]);
      expect(await shop.balance(shop.bob)).toEqual([['CNY', 300, 0]]);
      await shop.order('1', { whole: ['lines'], observed_at: ago(0.7), lines: two() });
      expect(await shop.balance(shop.bob)).toEqual([['CNY', 2000, 0]]);
    }
  });

  test('settles a currency that reports disagreed on', async () => {
    const shop = await openSimpleShop(world);
    await shop.order('1', { link_code: shop.code, observed_at: ago(0.9) });
    await shop.tell('1', { currency: 'USD', observed_at: ago(0.8) });
    expect(await shop.line('1')).toMatchObject({ decision: 'pending' });
    await shop.order('1', { whole: true, link_code: shop.code, observed_at: ago(0.7) });
    expect(await shop.shown('1')).toMatchObject({ currency: 'CNY', lines: [{ decision: 'attributed' }] });
  });
});

describe('completion, settlement and release', () => {
  test('are each line’s own: one that is settled is released, its sibling waits, and a close takes nothing from the released one', async () => {
    const shop = await openShop(world, { hold_days: 0 });
    await shop.rule({ ...SIMPLE_PLAN, base: 'platform_commission' });
    const done = { completed_at: ago(0.5), settled_at: ago(0.4) };
    await shop.order('1', { link_code: shop.code, lines: two({ platform_commission: 1000, ...done }, { platform_commission: 1000 }) });
    const states = async () => (await shop.shown('1')).lines.map((one) => [one.award, one.released_at !== null]);
    expect(await states()).toEqual([
      ['released', true],
      ['estimated', false],
    ]);
    expect(await shop.shown('1')).toMatchObject({ award: 'estimated', released_at: null });
    expect(await shop.balance(shop.bob)).toEqual([['CNY', 100, 100]]);
    await shop.tell('1', { lines: [{ line_id: '2', completed_at: ago(0.3) }] });
    expect(await states()).toEqual([
      ['released', true],
      ['confirmed', false],
    ]);
    await shop.tell('1', { lines: [{ line_id: '2', quantity: 0 }] });
    expect(await shop.balance(shop.bob)).toEqual([['CNY', 0, 100]]);
    expect(await shop.shown('1')).toMatchObject({ award: 'released' });
  });

  test('a planned end of the hold counts by its latest word, of the line before the order’s', async () => {
    const shop = await openSimpleShop(world, { hold_days: 1 });
    const at = { status: 'completed', completed_at: ago(0.5) };
    await shop.order('1', { ...at, ...plan(3), link_code: shop.code, lines: two({}, plan(5)) });
    await world.awardAt(inDays(4));
    expect((await shop.shown('1')).lines.map((one) => one.award)).toEqual(['released', 'confirmed']);
    await shop.tell('1', { lines: [{ line_id: '2', ...plan(4.5) }] });
    await world.awardAt(inDays(4.6));
    expect((await shop.shown('1')).lines.map((one) => one.award)).toEqual(['released', 'released']);
  });

  test('an open refund or dispute holds its line alone, and one of no line holds all', async () => {
    const shop = await openSimpleShop(world, { hold_days: 1 });
    const at = { status: 'completed', completed_at: ago(0.5), link_code: shop.code, lines: two() };
    const released = async (orderId: string) => (await shop.shown(orderId)).lines.map((one) => one.award);
    await shop.order('refund', { ...at, refunds: [{ refund_id: 'r', line_id: '1', amount: 1, status: 'open' }] });
    await shop.order('dispute', { ...at, disputes: [{ dispute_id: 'd', line_id: '2', kind: 'quality', state: 'open' }] });
    await shop.order('all', { ...at, disputes: [{ dispute_id: 'd', state: 'open' }] });
    await shop.order('strange', { ...at, refunds: [{ refund_id: 'r', line_id: 'never told', amount: 1, status: 'open' }] });
    await world.awardAt(inDays(2));
    expect(await released('refund')).toEqual(['confirmed', 'released']);
    expect(await released('dispute')).toEqual(['released', 'confirmed']);
    expect(await released('all')).toEqual(['confirmed', 'confirmed']);
    expect(await released('strange')).toEqual(['released', 'released']);
    await shop.tell('all', { disputes: [{ dispute_id: 'd', state: 'closed' }] });
    await world.awardAt(inDays(2));
    expect(await released('all')).toEqual(['released', 'released']);
    // What is opened after the release takes nothing back.
    await shop.tell('all', { disputes: [{ dispute_id: 'late', state: 'open' }] });
    expect(await released('all')).toEqual(['released', 'released']);
  });

  test('a line that is told after its sibling’s release is won and released by itself', async () => {
    const shop = await openSimpleShop(world, { hold_days: 1 });
    await shop.order('1', { lines: [line('1', { completed_at: ago(0.5) })], link_code: shop.code });
    await world.awardAt(inDays(1));
    await shop.tell('1', { lines: [line('2', { promoter_id: shop.alice, link_code: 'nobodys' })] });
    expect((await shop.shown('1')).lines.map((one) => [one.award, one.promoter_id])).toEqual([
      ['released', shop.bob],
      ['estimated', shop.alice],
    ]);
    // A refund of the released line is taken from what is available at once.
    await shop.tell('1', { refunds: [{ refund_id: 'r', line_id: '1', amount: 4000 }] });
    expect(await shop.balance(shop.bob)).toEqual([['CNY', 0, 600]]);
  });
});

describe('what is never earned', () => {
  test('on tips, gift cards, tests and samples, with the reason, until that is taken back; and it locks nobody', async () => {
    const shop = await openSimpleShop(world);
    const buyer = { openid: 'tipper' };
    await shop.order('1', { buyer, link_code: shop.code, lines: [line('1', { not_commissionable: 'tip' })], paid_at: ago(2) });
    await shop.order('2', { buyer, paid_at: ago(1) });
    expect([(await shop.line('1')).decision, (await shop.line('2')).decision]).toEqual(['not_commissionable', 'unattributed']);
    expect((await world.explained(shop.m, '1')).lines[0]!.reason).toBe('tip');
    await shop.tell('1', { lines: [{ line_id: '1', not_commissionable: false }] });
    expect(await shop.line('1')).toMatchObject({ decision: 'attributed', pool: 1000n });
    await shop.order('3', { link_code: shop.code, test: true });
    await shop.order('4', { link_code: shop.code, sample: true, void: { reason: 'void goes first' } });
    expect((await world.explained(shop.m, '3')).lines[0]).toMatchObject({ decision: 'not_commissionable', reason: 'test' });
    expect(await shop.line('4')).toMatchObject({ decision: 'void' });
  });
});

describe('reasons and rules', () => {
  test('a click whose token the order also names counts as the strongest kind that the policy ranks', async () => {
    for (const [kind, ...precedence] of [
      ['click', 'click', 'click_token'],
      ['click_token', 'click_token', 'click'],
      ['click', 'click'],
      ['click', 'link_code', 'click', 'lock'],
    ]) {
      const shop = await openSimpleShop(world, { precedence });
      const buyer = { openid: 'o1' };
      await shop.order('1', { buyer, click_token: await world.click(shop.code, { at: ago(2), buyer }) });
      expect((await shop.line('1')).evidence).toBe(kind);
    }
  });

  test('three equal winners share exactly, and the rule is the later click’s', async () => {
    const shop = await openSimpleShop(world, { model: 'linear' });
    const carol = `carol-${shop.m}`;
    await world.promoter(carol);
    await world.rule({ scope: { merchant_id: shop.m, promoter_id: carol }, plan: { ...SIMPLE_PLAN, rate_ppm: 300_000 } });
    const buyer = { openid: 'o1' };
    for (const [index, promoter] of [shop.alice, shop.bob, carol].entries()) {
      await world.click(await world.link(shop.m, promoter), { at: ago(4 - index), buyer });
    }
    await shop.order('1', { buyer });
    const [shown] = (await shop.shown('1')).lines;
    expect(shown!.promoter_id).toBe(carol);
    expect(Number(shown!.pool)).toBe(2999);
    expect(shown!.shares.map(({ amount }) => amount)).toEqual([1000, 1000, 999]);
  });

  test('an order that is told its buyer late locks the orders of that buyer which were told before', async () => {
    const shop = await openSimpleShop(world);
    const buyer = { openid: 'late' };
    await shop.order('1', { link_code: shop.code, paid_at: ago(3) });
    await shop.order('2', { buyer, paid_at: ago(1) });
    expect((await shop.line('2')).decision).toBe('unattributed');
    await shop.tell('1', { buyer });
    expect(await shop.line('2')).toMatchObject({ decision: 'attributed', evidence: 'lock', promoter_id: shop.bob });
  });

  test('an order that was paid before its rule began names the rule and why it does not count', async () => {
    const shop = await openShop(world);
    await world.rule({ name: 'too late', scope: { merchant_id: shop.m }, plan: SIMPLE_PLAN, from: ago(0.5) });
    await shop.order('1', { link_code: shop.code, paid_at: ago(1) });
    expect((await world.explained(shop.m, '1')).lines[0]).toMatchObject({
      decision: 'no_rule',
      rules: [{ name: 'too late', outcome: 'lost', reason: 'not_in_force' }],
    });
  });
});

test('a part of a split order has its parent’s words line by line, and no later whole report of the parent takes them back', async () => {
  const shop = await openSimpleShop(world);
  await shop.order('whole', { observed_at: ago(0.9), lines: two({ promoter_id: shop.alice }, { promoter_id: shop.bob }) });
  await shop.order('part', { observed_at: ago(0.8), parent: { order_id: 'whole', kind: 'split' }, lines: two() });
  const winners = async () => (await shop.shown('part')).lines.map((one) => one.promoter_id);
  expect(await winners()).toEqual([shop.alice, shop.bob]);
  await shop.tell('whole', { observed_at: ago(0.7), whole: true, lines: [] });
  expect(await winners()).toEqual([shop.alice, shop.bob]);
});

test('the work of an order does not grow with its lines times its evidence', async () => {
  const shop = await openSimpleShop(world, { model: 'linear' });
  const lines = Array.from({ length: 500 }, (_, index) => line(`${index}`, { product_id: `p${index}` }));
  await world.report({ fields: shop.fields('1', { lines }) });
  for (let n = 0; n < 40; n++) {
    const coupon_codes = Array.from({ length: 50 }, (_, index) => `${n}-${index}-${'x'.repeat(100)}`);
    await world.report({ fields: { merchant_id: shop.m, order_id: '1', coupon_codes, observed_at: ago(0.9 - n / 1000) } });
  }
  await shop.tell('1', { link_code: shop.code, observed_at: ago(0.95) });
  const { rows } = await sql<{ bytes: bigint }>`
    select sum(length(explanation::text) + coalesce(length(order_explanation::text), 0)) as bytes
    from decision join award using (order_key, revision) join orders using (order_key) where orders.merchant_id = ${shop.m}`.execute(
    world.db,
  );
  expect(Number(rows[0]!.bytes)).toBeLessThan(1_000_000);
  const explained = await world.explained(shop.m, '1');
  expect([explained.evidence_more, explained.lines.length, explained.lines[0]!.evidence.length]).toEqual([1801, 200, 200]);
  expect((await shop.shown('1')).totals).toEqual([{ promoter_id: shop.bob, amount: 500_000 }]);
});
