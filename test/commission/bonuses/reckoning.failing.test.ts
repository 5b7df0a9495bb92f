import { afterAll, beforeAll, expect, test } from 'vitest';

import { openWorld, type World } from '../world.ts';
import { count, JUNE, openBonusShop, WORKED } from './bonus-shop.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld();
});

afterAll(() => world.close());

test('a bonus of one promoter who cannot be booked keeps no other waiting', async () => {
  const shop = await openBonusShop(world);
  await shop.program('blocked', { steps: WORKED });
  await shop.completed('mine', 1000);
  const code = await world.link(shop.m, shop.alice);
  await shop.completed('hers', 1000, undefined, { link_code: code });
  // Somebody has booked at the place that bob's bonus would take.
  const stolen = { cause: 'bonus', cause_id: `blocked/${shop.bob}/${JUNE}`, position: 0, kind: 'accrue', merchant_id: shop.m } as const;
  const account = (kind: string, promoter: string | null) =>
    world.owner.insertInto('account').values({ kind, merchant_id: shop.m, promoter_id: promoter, currency: 'JPY' }).returning('account_id');
  const from = await account('commission', null).executeTakeFirstOrThrow();
  const to = await account('pending', shop.bob).executeTakeFirstOrThrow();
  await world.owner.transaction().execute(async (trx) => {
    const way = { from_account_id: from.account_id, to_account_id: to.account_id, amount: 1n, booked_at: new Date() };
    await trx
      .insertInto('transfer')
      .values({ ...stolen, ...way, currency: 'JPY', promoter_id: shop.bob })
      .execute();
  });
  await count(world);
  expect(await shop.booked('blocked', { promoterId: shop.alice })).toEqual([0, 100]);
  const waiting = await world.db.selectFrom('bonus').select(['promoter_id', 'due_at']).where('program_id', '=', 'blocked').execute();
  expect(waiting.find((row) => row.promoter_id === shop.bob)!.due_at!.getTime()).toBeGreaterThan(Date.now());
});
