import { afterAll, beforeAll, expect, test } from 'vitest';

import { listen, type Heard } from '../../outbound/listener.ts';
import { ago, inDays, openShop, openWorld, type World } from '../world.ts';

let world: World;
let heard: () => Promise<Heard[]>;

beforeAll(async () => {
  world = await openWorld();
  const listener = await listen(world.owner);
  heard = () => listener.heard('commission');
});

afterAll(() => world.close());

/** What somebody gets of an order, and got before. */
const totalOf = (promoterId: string, [amount, former]: readonly number[]) => ({ promoter_id: promoterId, amount, former_amount: former });

test('the commission of an order is told of from its estimate to its release, and each change of amounts between', async () => {
  const shop = await openShop(world, { hold_days: 7 });
  await shop.rule();
  const sale = { link_code: shop.code };
  await shop.order('1', sale);
  const totals = (bob: number[], agency: number[], alice: number[]): unknown =>
    expect.arrayContaining([totalOf(shop.bob, bob), totalOf(shop.agency, agency), totalOf(shop.alice, alice)]);
  expect(await heard()).toEqual([
    {
      type: 'commission.estimated',
      timestamp: expect.any(String),
      data: {
        merchant_id: shop.m,
        source_id: 'rest',
        order_id: '1',
        revision: 1,
        award: 'estimated',
        former_award: 'none',
        currency: 'CNY',
        releases_at: null,
        totals: totals([630, 0], [300, 0], [69, 0]),
      },
    },
  ]);

  await shop.order('1', { ...sale, refunds: [{ refund_id: 'r1', line_id: '1', amount: 3000 }] });
  expect(await heard()).toMatchObject([
    {
      type: 'commission.adjusted',
      data: { award: 'estimated', former_award: 'estimated', totals: totals([441, 630], [210, 300], [48, 69]) },
    },
  ]);

  const completedAt = ago(0.5);
  await shop.order('1', { ...sale, status: 'completed', completed_at: completedAt });
  expect(await heard()).toMatchObject([
    {
      type: 'commission.confirmed',
      data: { award: 'confirmed', former_award: 'estimated', totals: totals([441, 441], [210, 210], [48, 48]) },
    },
  ]);

  await world.awardAt(inDays(8));
  expect(await heard()).toMatchObject([
    { type: 'commission.released', data: { award: 'released', former_award: 'confirmed', releases_at: null } },
  ]);
});

test('commission that is taken back whole is told of as reversed', async () => {
  const shop = await openShop(world);
  await shop.rule();
  await shop.order('1', { link_code: shop.code });
  await heard();
  await shop.tell('1', { void: { reason: 'fraud' } });
  const [event, ...more] = await heard();
  expect(more).toEqual([]);
  expect(event).toMatchObject({ type: 'commission.reversed', data: { award: 'void', former_award: 'estimated' } });
  expect(event!.data['totals']).toHaveLength(3);
});

test('an order that earns nothing, and an award that changes nothing, are not told of', async () => {
  const shop = await openShop(world);
  await shop.order('unattributed');
  await shop.rule();
  await shop.order('1', { link_code: shop.code });
  expect(await heard()).toHaveLength(1);
  await shop.order('1', { link_code: shop.code });
  await shop.tell('1', { scene: 'live' });
  expect(await heard()).toEqual([]);
});
