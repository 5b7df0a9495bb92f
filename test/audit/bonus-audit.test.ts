import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { auditBonuses } from '../../src/audit/bonus-audit.ts';
import { differenceLine } from '../../src/audit/difference.ts';
import { count, JUNE, openBonusShop } from '../commission/bonuses/bonus-shop.ts';
import { openWorld, type World } from '../commission/world.ts';

let world: World;
let shop: Awaited<ReturnType<typeof openBonusShop>>;

beforeAll(async () => {
  world = await openWorld();
  shop = await openBonusShop(world);
  await shop.bothModes();
  await shop.program('orders', { measure: 'orders', period: 'once', steps: [{ atLeast: 2n, amount: 500n }] });
  await shop.completed('first', 900_000);
  await shop.completed('second', 200_000);
  await count(world);
});

afterAll(() => world.close());

async function audited() {
  const lines: string[] = [];
  const { bonuses } = await auditBonuses(world.db, (difference) => lines.push(differenceLine(difference)));
  return { bonuses, lines };
}

test('bonuses that are in order agree, each computed from its orders', async () => {
  expect(await audited()).toEqual({ bonuses: 3, lines: [] });
});

test('a promoter of whom an order waits is passed over', async () => {
  await shop.refunded('second', 150_000);
  expect(await audited()).toEqual({ bonuses: 0, lines: [] });
  await count(world);
  expect(await audited()).toEqual({ bonuses: 3, lines: [] });
});

test('a bonus that is booked wrongly is found', async () => {
  const causeId = `${shop.programs.whole}/${shop.bob}/${JUNE}`;
  await world.owner.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx);
    await sql`update transfer set amount = amount + 1 where cause_id = ${causeId} and position = 0`.execute(trx);
  });
  expect(await audited()).toEqual({ bonuses: 3, lines: [`bonus ${causeId}\tbooked\texpected 95000\tfound 95001`] });
});
