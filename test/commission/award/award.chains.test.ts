// The award and the people around a winner: the referral chain as of the click, agencies, talents,
// named parties, and who cannot be paid.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ago, openShop, openWorld, type World } from '../world.ts';
import type { PlanInput } from '../set-up.ts';

let world: World;
let deep: World;
beforeAll(async () => {
  [world, deep] = await Promise.all([openWorld(), openWorld({ levelsMax: 3 })]);
});
afterAll(() => Promise.all([world.close(), deep.close()]));

type Node = PlanInput['split'][number];
const half = (to: Node['to'], pays: Node[] = [], level?: number): Node => ({ to, share_ppm: 500_000, pays, ...(level && { level }) });
/** Half of all to the winner, half of that to the first upline, and so on. */
const CHAIN: PlanInput = { rate_ppm: 1_000_000, split: [half('promoter', [half('upline', [half('upline', [], 2)], 1)])] };

/** Who has what part of an order of 8000, after its winner. */
async function partsOf(shop: Awaited<ReturnType<typeof openShop>>, orderId: string, fields: Record<string, unknown>) {
  await shop.order(orderId, { lines: [{ line_id: '1', product_id: 'p1', paid_amount: 8000 }], ...fields });
  const { shares } = await shop.line(orderId);
  return shares.map(({ promoter_id: id, amount }) => [id === null ? 'platform' : id.split('-')[0], amount]);
}

async function people(of: World, shop: { m: string }, ...names: string[]) {
  const ids = names.map((name) => `${name}-${shop.m}`);
  for (const id of ids) await of.promoter(id);
  return ids as [string, string, string];
}

describe('the referral chain', () => {
  test('goes from the winner up to who invited whom, as deep as is paid', async () => {
    for (const [of, parts] of [
      [
        world,
        [
          ['bob', 2000],
          ['alice', 2000],
        ],
      ],
      [
        deep,
        [
          ['bob', 2000],
          ['alice', 1000],
          ['carol', 1000],
        ],
      ],
    ] as const) {
      const shop = await openShop(of);
      await shop.rule(CHAIN);
      const [carol] = await people(of, shop, 'carol');
      await of.promoter(shop.alice, { inviter_id: carol, from: ago(100) });
      expect(await partsOf(shop, '1', { link_code: shop.code })).toEqual(parts);
    }
  });

  test('begins with those from whom the link was shared on, then their inviters; nobody stands in it twice', async () => {
    const shop = await openShop(deep);
    await shop.rule(CHAIN);
    const [carol, dave, erin] = await people(deep, shop, 'carol', 'dave', 'erin');
    await deep.promoter(carol, { inviter_id: erin, from: ago(100) });
    const carols = await deep.link(shop.m, carol);
    const bobs = await deep.link(shop.m, shop.bob, { shared_from: carols });
    expect(await partsOf(shop, '1', { link_code: bobs })).toEqual([
      ['bob', 2000],
      ['carol', 1000],
      ['erin', 1000],
    ]);
    const daves = await deep.link(shop.m, dave, { shared_from: bobs });
    expect(await partsOf(shop, '2', { link_code: daves })).toEqual([
      ['dave', 2000],
      ['bob', 1000],
      ['carol', 1000],
    ]);
    await deep.promoter(carol, { inviter_id: shop.bob, from: ago(90) });
    expect(await partsOf(shop, '3', { link_code: bobs })).toEqual([
      ['bob', 2000],
      ['carol', 2000],
    ]);
    await deep.promoter(carol, { from: ago(80) });
    const back = await deep.link(shop.m, carol, { shared_from: await deep.link(shop.m, shop.alice, { shared_from: carols }) });
    expect(await partsOf(shop, '4', { link_code: back })).toEqual([
      ['carol', 2000],
      ['alice', 2000],
    ]);
  });

  test('is as of the click, and of what nobody clicked as of the order', async () => {
    const shop = await openShop(world);
    await shop.rule(CHAIN);
    const [carol] = await people(world, shop, 'carol');
    await world.promoter(shop.bob, { inviter_id: carol, from: ago(2) });
    expect(await partsOf(shop, '1', { click_token: world.token(shop.code, { at: ago(3) }) })).toEqual([
      ['bob', 2000],
      ['alice', 2000],
    ]);
    expect(await partsOf(shop, '2', { link_code: shop.code })).toEqual([
      ['bob', 2000],
      ['carol', 2000],
    ]);
    await world.promoter(shop.bob, { from: ago(0.1) });
    await shop.tell('1', { scene: 'group' });
    expect(await partsOf(shop, '2', { scene: 'group' })).toEqual([
      ['bob', 2000],
      ['carol', 2000],
    ]);
  });
});

describe('who is suspended', () => {
  test('when the order was paid gets nothing as an upline, and it stays with the payer', async () => {
    const shop = await openShop(deep);
    await shop.rule(CHAIN);
    const [carol] = await people(deep, shop, 'carol');
    await deep.promoter(shop.alice, { inviter_id: carol, status: 'suspended', from: ago(5) });
    await deep.promoter(shop.alice, { inviter_id: carol, from: ago(2) });
    expect(await partsOf(shop, '1', { link_code: shop.code, paid_at: ago(3) })).toEqual([
      ['bob', 3000],
      ['carol', 1000],
    ]);
    expect(await partsOf(shop, '2', { link_code: shop.code, paid_at: ago(1) })).toEqual([
      ['bob', 2000],
      ['alice', 1000],
      ['carol', 1000],
    ]);
    expect((await deep.explained(shop.m, '1')).lines[0]).toMatchObject({ winners: [{ chain: [shop.alice, carol], absent: [shop.alice] }] });
  });

  test('later keeps what was earned before', async () => {
    const shop = await openShop(world);
    await shop.rule(CHAIN);
    await shop.order('1', { link_code: shop.code });
    await world.promoter(shop.alice, { status: 'suspended', from: ago(3) });
    await world.promoter(shop.bob, { status: 'suspended' });
    expect(await partsOf(shop, '1', {})).toEqual([
      ['bob', 2000],
      ['alice', 2000],
    ]);
  });
});

describe('the parties around a winner', () => {
  test('agency, talent and the talent’s agency, the platform, and parties that the rule names', async () => {
    const shop = await openShop(world);
    const [tina, tag, uma] = await people(world, shop, 'tina', 'tag', 'uma');
    await world.promoter(tina, { kind: 'talent', agency_id: tag, from: ago(100) });
    const split = (['agency', 'promoter', 'talent', 'talent_agency', 'platform', { account: `promoter:${uma}` }] as const).map((to) => ({
      to,
      share_ppm: 125_000,
    }));
    await shop.rule({ rate_ppm: 1_000_000, split });
    const code = await world.link(shop.m, shop.bob, { scene: 'live', talent_id: tina });
    const all = [
      ['agency', 1000],
      ['bob', 1000],
      ['tina', 1000],
      ['tag', 1000],
      ['platform', 1000],
      ['uma', 1000],
    ];
    expect(await partsOf(shop, '1', { click_token: world.token(code, { at: ago(2) }) })).toEqual(all);
    expect(await partsOf(shop, '2', { link_code: shop.code, talent_id: tina })).toEqual(all);
    expect(await partsOf(shop, '3', { link_code: shop.code })).toEqual(all.filter(([who]) => who !== 'tina' && who !== 'tag'));
    await world.promoter(uma, { status: 'suspended', from: ago(3) });
    expect(await partsOf(shop, '4', { link_code: shop.code, talent_id: tina })).toEqual(all.slice(0, -1));
    expect((await shop.transfers('1')).find(({ role }) => role === 'platform')).toMatchObject({
      way: 'commission > revenue',
      amount: 1000,
      promoterId: null,
    });
  });

  test('an agency that is left later keeps what it earned, and so does one that comes later with nothing', async () => {
    const shop = await openShop(world);
    await shop.rule({ rate_ppm: 1_000_000, split: [half('agency'), half('promoter')] });
    await world.promoter(shop.bob, { from: ago(2) });
    expect(await partsOf(shop, '1', { link_code: shop.code, paid_at: ago(3) })).toEqual([
      ['agency', 4000],
      ['bob', 4000],
    ]);
    expect(await partsOf(shop, '2', { link_code: shop.code, paid_at: ago(1) })).toEqual([['bob', 4000]]);
  });

  test('of several winners each brings their own', async () => {
    const shop = await openShop(world, { model: 'linear' });
    await shop.rule(CHAIN);
    const [carol, dave] = await people(world, shop, 'carol', 'dave');
    await world.promoter(carol, { inviter_id: dave, from: ago(100) });
    const buyer = { openid: 'o1' };
    for (const [code, days] of [
      [shop.code, 3],
      [await world.link(shop.m, carol), 2],
    ] as const) {
      await world.click(code, { at: ago(days), buyer });
    }
    expect(await partsOf(shop, '1', { buyer })).toEqual([
      ['bob', 1000],
      ['alice', 1000],
      ['carol', 1000],
      ['dave', 1000],
    ]);
    expect(await shop.line('1')).toMatchObject({ promoter_id: carol });
    expect((await shop.shown('1')).totals).toHaveLength(4);
  });
});
