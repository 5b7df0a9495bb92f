// The award and its evidence on real rows: clicks, tokens, codes, locks and buyers, whenever they
// become known, and what loses.
import { createSecretKey, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ago, inDays, openSimpleShop, openWorld, type World } from '../world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

/** Evidence of an order as the explanation tells it: kind, whose, and how it ended. */
async function considered({ m }: { m: string }, orderId: string) {
  const [line] = (await world.explained(m, orderId)).lines;
  return line!.evidence.map(({ kind, promoter_id: promoterId, won, reason }) => [kind, promoterId, won ? 'won' : reason]);
}

describe('what becomes known after the order', () => {
  test('a late click of the buyer makes an unattributed order earn', async () => {
    const shop = await openSimpleShop(world);
    await shop.order('1', { buyer: { openid: 'o1' } });
    expect(await shop.shown('1')).toMatchObject({ award: 'none', lines: [{ decision: 'unattributed', promoter_id: null, pool: 0n }] });
    await world.click(shop.code, { at: ago(2), buyer: { openid: 'o1' } });
    await world.award();
    expect(await shop.line('1')).toMatchObject({ decision: 'attributed', evidence: 'click', promoter_id: shop.bob, pool: 999n });
  });

  test('a later click than the winner’s takes the order over, with all its money', async () => {
    const shop = await openSimpleShop(world);
    const other = await world.link(shop.m, shop.alice);
    await world.click(shop.code, { at: ago(3), buyer: { openid: 'o1' } });
    await shop.order('1', { buyer: { openid: 'o1' } });
    await world.click(other, { at: ago(2), buyer: { openid: 'o1' } });
    await world.award();
    expect(await shop.line('1')).toMatchObject({ promoter_id: shop.alice });
    expect([await shop.balance(shop.bob), await shop.balance(shop.alice)]).toEqual([[['CNY', 0, 0]], [['CNY', 999, 0]]]);
    expect(await considered(shop, '1')).toEqual([
      ['click', shop.bob, 'later_click_won'],
      ['click', shop.alice, 'won'],
    ]);
  });

  test('two identities that are said to be one buyer join click and order', async () => {
    const shop = await openSimpleShop(world);
    await world.click(shop.code, { at: ago(2), buyer: { visitor: 'v1' } });
    await shop.order('1', { buyer: { customer_id: 'c1' } });
    expect((await shop.line('1')).decision).toBe('unattributed');
    await world.identities(shop.m, { visitor: 'v1', customer_id: 'c1' });
    await world.award();
    expect(await shop.line('1')).toMatchObject({ decision: 'attributed', promoter_id: shop.bob });
  });

  test('an order with the word of a storefront alone waits for its own source', async () => {
    const shop = await openSimpleShop(world);
    await world.source(`${shop.m}-s`, 'shopify');
    const token = world.token(shop.code, { at: ago(2) });
    const at = { sourceId: `${shop.m}-s` };
    await shop.order('1', { click_token: token }, { ...at, says: 'evidence' });
    expect(await shop.shown('1', at.sourceId)).toMatchObject({ status: 'created', award: 'none', lines: [] });
    await shop.order('1', {}, at);
    expect(await shop.line('1', at.sourceId)).toMatchObject({ evidence: 'click_token', pool: 999n });
  });
});

test('a token that was minted before the secret was rotated still earns, until its secret is believed no more', async () => {
  const shop = await openSimpleShop(world);
  const [newest, older] = [createSecretKey(Buffer.from('the newest')), world.deps.tokenKeys];
  const awardedWith = async (orderId: string, tokenKeys: KeyObject[]) => {
    await world.report({ fields: shop.fields(orderId, { click_token: world.token(shop.code, { at: ago(2) }) }) });
    await world.award({ ...world.newDeps(), tokenKeys });
    return shop.line(orderId);
  };
  expect(await awardedWith('1', [newest, ...older])).toMatchObject({ evidence: 'click_token', promoter_id: shop.bob, pool: 999n });
  expect(await awardedWith('2', [newest])).toMatchObject({ decision: 'unattributed' });
  expect(await considered(shop, '2')).toEqual([['click_token', null, 'unreadable_token']]);
});

describe('when winners are fixed', () => {
  const completed = { status: 'completed', completed_at: ago(0.5) };

  test('after the release a better click changes nothing but the explanation, which says that it came too late', async () => {
    const shop = await openSimpleShop(world);
    await world.click(shop.code, { at: ago(3), buyer: { openid: 'o1' } });
    await shop.order('1', { ...completed, buyer: { openid: 'o1' } });
    await world.awardAt(inDays(8));
    await world.click(await world.link(shop.m, shop.alice), { at: ago(2), buyer: { openid: 'o1' } });
    await shop.tell('1', { refunds: [{ refund_id: 'r', line_id: '1', amount: 5000 }] });
    expect(await shop.line('1')).toMatchObject({ promoter_id: shop.bob, pool: 499n });
    expect(await considered(shop, '1')).toEqual([
      ['click', shop.bob, 'won'],
      ['click', shop.alice, 'too_late'],
    ]);
    expect(await shop.balance(shop.alice)).toEqual([]);
  });

  test('past the cutoff an unattributed order stays so, and an attributed one keeps its winner', async () => {
    const shop = await openSimpleShop(world, { cutoff_days: 5, product_click_days: 365 });
    const paid = { paid_at: ago(6) };
    await shop.order('nobody', { ...paid, buyer: { openid: 'o1' } });
    await world.click(shop.code, { at: ago(8), buyer: { openid: 'o2' } });
    await shop.order('bobs', { ...paid, buyer: { openid: 'o2' } });
    for (const openid of ['o1', 'o2']) await world.click(await world.link(shop.m, shop.alice), { at: ago(7), buyer: { openid } });
    await world.award();
    expect(await shop.line('nobody')).toMatchObject({ decision: 'unattributed' });
    expect((await world.explained(shop.m, 'nobody')).lines[0]).toMatchObject({ reason: 'evidence_came_after_the_cutoff' });
    expect(await considered(shop, 'nobody')).toEqual([['click', shop.alice, 'too_late']]);
    expect(await shop.line('bobs')).toMatchObject({ promoter_id: shop.bob });
  });

  test('what is first told of long after its cutoff is still decided, once', async () => {
    const shop = await openSimpleShop(world, { cutoff_days: 5 });
    await shop.order('1', { paid_at: ago(40), click_token: world.token(shop.code, { at: ago(41) }) });
    expect(await shop.line('1')).toMatchObject({ decision: 'attributed' });
  });

  test('an unattributed order is looked at again whenever its age has doubled, until the cutoff', async () => {
    const shop = await openSimpleShop(world, { cutoff_days: 2 });
    const recheckOf = async () => (await world.standing(shop.m, '1')).head!.recheck_at?.getTime() ?? null;
    const paidAt = Date.now() - 3_600_000;
    await shop.order('1', { paid_at: new Date(paidAt).toISOString() });
    const first = (await recheckOf())!;
    expect((first - paidAt) / 3_600_000).toBeCloseTo(2, 1);
    await shop.tell('1', { scene: 'group' });
    expect(await recheckOf()).toBe(first);
    await world.awardAt(new Date(first).toISOString());
    expect(((await recheckOf())! - paidAt) / 3_600_000).toBeCloseTo(4, 1);
    await world.awardAt(inDays(1.9));
    expect(await recheckOf()).toBeNull();
    expect((await world.standing(shop.m, '1')).head!.revision).toBe(1);
  });
});

describe('what loses is told, with its reason', () => {
  test('tokens that nobody signed, and links, coupons and promoters that nobody knows', async () => {
    const shop = await openSimpleShop(world);
    const strange = { click_token: 'forged', link_code: 'no-such-link', coupon_codes: ['NOBODYS'], promoter_id: 'stranger' };
    await shop.order('1', strange);
    expect(await shop.line('1')).toMatchObject({ decision: 'unattributed' });
    expect(await considered(shop, '1')).toEqual([
      ['coupon_code', null, 'unknown_coupon'],
      ['click_token', null, 'unreadable_token'],
      ['link_code', null, 'unknown_link'],
      ['platform', null, 'unknown_promoter'],
    ]);
  });

  test('a link of another merchant, a bot’s click, a suspended promoter, an expired link, a scene that does not earn', async () => {
    const [shop, other] = [await openSimpleShop(world, { excluded_scenes: ['poster'] }), await openSimpleShop(world)];
    const carol = `carol-${shop.m}`;
    await world.promoter(carol, { status: 'suspended' });
    const buyer = { openid: 'o1' };
    const links = [
      { code: other.code, reason: 'link_of_other_merchant', of: null },
      { code: shop.code, bot: true, reason: 'bot', of: shop.bob },
      { code: await world.link(shop.m, carol), reason: 'promoter_suspended', of: carol },
      { code: await world.link(shop.m, shop.bob, { expires_at: ago(3) }), reason: 'link_expired', of: shop.bob },
      { code: await world.link(shop.m, shop.bob, { scene: 'poster' }), reason: 'scene_excluded', of: shop.bob },
      { code: await world.link(shop.m, shop.bob, { scene: 'live' }), at: ago(4.1), reason: 'outside_window', of: shop.bob },
    ];
    for (const [index, { code, at = ago(2 - index / 100), bot = false }] of links.entries()) {
      await shop.order(`${index}`, { buyer, click_token: world.token(code, { at, bot }) });
      expect(await considered(shop, `${index}`)).toEqual([['click_token', links[index]!.of, links[index]!.reason]]);
      expect((await shop.line(`${index}`)).decision).toBe('unattributed');
    }
  });

  test('a purchase of the promoter’s own, where the merchant does not want it', async () => {
    for (const allow_self_purchase of [true, false]) {
      const shop = await openSimpleShop(world, { allow_self_purchase });
      await shop.order('1', { buyer: { promoter_id: shop.bob }, link_code: shop.code });
      expect(await considered(shop, '1')).toEqual([['link_code', shop.bob, allow_self_purchase ? 'won' : 'self_purchase']]);
    }
  });

  test('a click that its token stands for is told once; where tokens do not count, the click does', async () => {
    const buyer = { openid: 'o1' };
    const shop = await openSimpleShop(world);
    await shop.order('1', { buyer, click_token: await world.click(shop.code, { at: ago(2), buyer }) });
    expect(await considered(shop, '1')).toEqual([['click_token', shop.bob, 'won']]);
    const other = await openSimpleShop(world, { precedence: ['click'] });
    await other.order('1', { buyer, click_token: await world.click(other.code, { at: ago(2), buyer }) });
    expect(await considered(other, '1')).toEqual([
      ['click_token', other.bob, 'kind_not_counted'],
      ['click', other.bob, 'won'],
    ]);
  });

  test('coupon codes are found in whatever case, as of the order’s time', async () => {
    const shop = await openSimpleShop(world);
    await world.coupon(shop.m, 'BOB10', shop.bob);
    await world.coupon(shop.m, 'BOB10', shop.alice, { from: ago(3) });
    await world.coupon(shop.m, 'BOB10', null, { from: ago(0.5) });
    for (const [orderId, paid, winner] of [
      ['a', ago(4), shop.bob],
      ['b', ago(2), shop.alice],
      ['c', ago(0.1), null],
    ] as const) {
      await shop.order(orderId, { paid_at: paid, coupon_codes: ['bob10'] });
      expect((await shop.line(orderId)).promoter_id).toBe(winner);
    }
  });
});
