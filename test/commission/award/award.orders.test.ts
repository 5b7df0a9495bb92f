// The award and orders that are not alone: lines of several promoters, parts and gifts, the same
// order from two sources, currencies.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ago, inDays, openShop, openSimpleShop, openWorld, type World } from '../world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

describe('lines', () => {
  test('of one order may belong to two promoters, each by a click on just that product', async () => {
    const shop = await openSimpleShop(world);
    const [one, other] = [
      await world.link(shop.m, shop.bob, { product_id: 'p1' }),
      await world.link(shop.m, shop.alice, { product_id: 'p2' }),
    ];
    const buyer = { openid: 'o1' };
    await world.click(one, { at: ago(3), buyer });
    await world.click(other, { at: ago(2), buyer });
    const lines = ['p1', 'p2', 'p3'].map((product_id, index) => ({ line_id: product_id, product_id, paid_amount: 1000 * (index + 1) }));
    await shop.order('1', { buyer, lines });
    const shown = await shop.shown('1');
    expect(shown.lines.map((line) => [line.promoter_id, Number(line.pool)])).toEqual([
      [shop.bob, 100],
      [shop.alice, 200],
      [shop.alice, 300],
    ]);
    expect(shown.totals).toEqual([
      { promoter_id: shop.bob, amount: 100 },
      { promoter_id: shop.alice, amount: 500 },
    ]);
  });

  test('that are removed earn nothing, and earn again when they come back; new ones earn with the others', async () => {
    const shop = await openSimpleShop(world);
    await shop.order('1', { link_code: shop.code, observed_at: ago(0.9) });
    await shop.tell('1', {
      lines: [
        { line_id: '1', quantity: 0 },
        { line_id: '2', product_id: 'p1', paid_amount: 500 },
      ],
      observed_at: ago(0.8),
    });
    const decided = async () => (await shop.shown('1')).lines.map(({ decision, pool }) => [decision, Number(pool)]);
    expect(await decided()).toEqual([
      ['void', 0],
      ['attributed', 50],
    ]);
    await shop.tell('1', { lines: [{ line_id: '1', quantity: 1 }], observed_at: ago(0.7) });
    expect(await decided()).toEqual([
      ['attributed', 999],
      ['attributed', 50],
    ]);
  });

  test('are not split as long as nothing is paid', async () => {
    const shop = await openSimpleShop(world);
    const deposit = ago(2);
    await shop.order('1', { status: 'created', paid_at: null, deposit_paid_at: deposit, link_code: shop.code });
    expect(await shop.shown('1')).toMatchObject({ award: 'none', lines: [{ decision: 'pending' }] });
    await shop.tell('1', { status: 'paid', paid_at: ago(1) });
    expect(await shop.shown('1')).toMatchObject({ award: 'estimated', attribution_at: new Date(deposit), lines: [{ pool: 999n }] });
  });
});

describe('several winners', () => {
  test('share the pool by weight, each as rows of their own, the earlier click first', async () => {
    const shop = await openShop(world, { model: 'linear' });
    const split = [{ to: 'agency' as const, share_ppm: 1_000_000, pays: [{ to: 'promoter' as const, share_ppm: 700_000 }] }];
    await shop.rule({ rate_ppm: 100_000, split });
    const carol = `carol-${shop.m}`;
    await world.promoter(carol, { agency_id: shop.agency });
    const buyer = { openid: 'o1' };
    for (const [code, days] of [
      [shop.code, 3],
      [await world.link(shop.m, carol), 2],
    ] as const) {
      await world.click(code, { at: ago(days), buyer });
    }
    await shop.order('1', { buyer });
    expect(await shop.line('1')).toMatchObject({ promoter_id: carol, pool: 999n });
    expect((await shop.line('1')).shares.map(({ role, promoter_id: id, amount }) => [role, id, amount])).toEqual([
      ['agency', shop.agency, 150],
      ['promoter', shop.bob, 350],
      ['agency', shop.agency, 150],
      ['promoter', carol, 349],
    ]);
    expect((await shop.shown('1')).totals).toContainEqual({ promoter_id: shop.agency, amount: 300 });
    expect(await shop.balance(shop.agency)).toEqual([['CNY', 300, 0]]);
  });
});

describe('parts and gifts, in whatever order they arrive', () => {
  const orders = [
    ['whole', 'part'],
    ['part', 'whole'],
  ] as const;

  test.each(orders)('of a split order the parts earn with the evidence of the whole, which stops: %s first', async (...sequence) => {
    const shop = await openSimpleShop(world);
    const parts = {
      whole: { link_code: shop.code },
      part: { parent: { order_id: 'whole', kind: 'split' }, lines: [{ line_id: '1', product_id: 'p1', paid_amount: 4000 }] },
    };
    for (const orderId of sequence) await shop.order(orderId, parts[orderId]);
    expect(await shop.shown('whole')).toMatchObject({ award: 'void', lines: [{ decision: 'void', pool: 0n }] });
    expect(await shop.line('part')).toMatchObject({ decision: 'attributed', evidence: 'link_code', promoter_id: shop.bob, pool: 400n });
    expect(await shop.balance(shop.bob)).toEqual([['CNY', 400, 0]]);
  });

  test('a part earns by a click of the buyer whom only the whole names, also by a late one', async () => {
    const shop = await openSimpleShop(world);
    await shop.order('whole', { buyer: { openid: 'o1' } });
    await shop.order('part', { parent: { order_id: 'whole', kind: 'split' } });
    await world.click(shop.code, { at: ago(2), buyer: { openid: 'o1' } });
    await world.award();
    expect(await shop.line('part')).toMatchObject({ evidence: 'click', promoter_id: shop.bob });
  });

  test.each(orders)('of a gift the giver’s order earns and the receiver’s never: %s first', async (...sequence) => {
    const shop = await openSimpleShop(world);
    const gift = { whole: { link_code: shop.code }, part: { parent: { order_id: 'whole', kind: 'gift' }, link_code: shop.code } };
    for (const orderId of sequence) await shop.order(orderId, gift[orderId]);
    expect(await shop.line('whole')).toMatchObject({ decision: 'attributed', pool: 999n });
    expect(await shop.shown('part')).toMatchObject({ award: 'none', lines: [{ decision: 'parent_earns', pool: 0n, shares: [] }] });
  });
});

describe('one order from two sources', () => {
  test.each([[['first', 'second']], [['second', 'first']]])('of one kind earns at the one that was made first: %j', async (sequence) => {
    const shop = await openSimpleShop(world);
    const kind = `kind-${shop.m}`;
    for (const name of ['first', 'second']) await world.source(`${name}-${shop.m}`, kind);
    await world.source(`other-${shop.m}`, `other ${kind}`);
    for (const name of [...sequence, 'other']) await shop.order('1', { link_code: shop.code }, { sourceId: `${name}-${shop.m}` });
    const decisions = await Promise.all(
      ['first', 'second', 'other'].map(async (name) => (await shop.line('1', `${name}-${shop.m}`)).decision),
    );
    expect(decisions).toEqual(['attributed', 'duplicate_order', 'attributed']);
    expect(await shop.balance(shop.bob)).toEqual([['CNY', 2 * 999, 0]]);
  });

  test('the word of a storefront about the first source makes no duplicate of the second', async () => {
    const shop = await openSimpleShop(world);
    for (const name of ['first', 'second']) await world.source(`${name}-${shop.m}`, `kind-${shop.m}`);
    await shop.order('1', { link_code: shop.code }, { sourceId: `second-${shop.m}` });
    await shop.order('1', { link_code: shop.code }, { sourceId: `first-${shop.m}`, says: 'evidence' });
    expect(await shop.line('1', `second-${shop.m}`)).toMatchObject({ decision: 'attributed' });
  });
});

describe('currencies', () => {
  test('an order that states none is in its merchant’s', async () => {
    const shop = await openSimpleShop(world, { currency: 'USD' });
    await shop.order('1', { link_code: shop.code, currency: null });
    expect(await shop.shown('1')).toMatchObject({ currency: 'USD', award: 'estimated' });
    await shop.order('2', { link_code: shop.code, currency: 'JPY' });
    expect(await shop.balance(shop.bob)).toEqual([
      ['JPY', 999, 0],
      ['USD', 999, 0],
    ]);
  });

  test('an order that states its own later is booked anew in that, and nothing is left in the other', async () => {
    const shop = await openSimpleShop(world, { currency: 'USD' });
    await shop.order('1', { link_code: shop.code, currency: null });
    await shop.tell('1', { currency: 'EUR' });
    expect(await shop.balance(shop.bob)).toEqual([
      ['EUR', 999, 0],
      ['USD', 0, 0],
    ]);
  });

  test.each([[['CNY', 'USD']], [['USD', 'CNY']]])(
    'reports that disagree hold the order and take back what was booked: %j',
    async ([first, second]) => {
      const shop = await openSimpleShop(world);
      await shop.order('1', { link_code: shop.code, currency: first, status: 'completed', completed_at: ago(0.5) });
      await shop.tell('1', { currency: second });
      expect(await shop.shown('1')).toMatchObject({ award: 'none', currency: null, lines: [{ decision: 'pending', pool: 0n }] });
      expect((await world.explained(shop.m, '1')).lines[0]).toMatchObject({ reason: 'currency_conflict' });
      await world.awardAt(inDays(30));
      expect(await shop.balance(shop.bob)).toEqual([[first, 0, 0]]);
    },
  );
});
