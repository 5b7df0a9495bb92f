// Ten thousand orders are re-rated in a memory that does not grow with them, each once.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { openShop, openWorld, type World } from '../world.ts';
import { EIGHT_PERCENT, openDesk, republish } from './stage.ts';

const ORDERS = 10_000;
const AT_ONCE = 25;
/** Held by what is read and written at a time; ten thousand orders are many times as much. */
const HEAP_GROWTH_MAX = 120 * 1024 * 1024;
const SAMPLED_MS = 500;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is held, without what only waits to be collected. */
function held(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

test('ten thousand orders are previewed and booked in bounded memory', { timeout: 900_000 }, async () => {
  const shop = await openShop(world);
  const ruleId = await shop.rule();
  for (let n = 0; n < ORDERS; n += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, (_, one) => shop.fields(`o${n + one}`, { link_code: shop.code }));
    await Promise.all(batch.map((fields) => world.report({ fields })));
  }
  await world.award();
  await republish(world, ruleId, EIGHT_PERCENT);
  const desk = await openDesk(world);
  const before = held();
  let most = 0;
  const sampling = setInterval(() => (most = Math.max(most, held())), SAMPLED_MS);
  try {
    const done = await desk.reRate({ merchantId: shop.m });
    expect(done).toMatchObject({
      state: 'executed',
      result: { changed_orders: ORDERS, before: String(999 * ORDERS), after: String(799 * ORDERS) },
    });
    const { rows } = await sql<{ booked: number; transfers: number; amount: number }>`
      select (select count(*) from re_rating_order where re_rating_id = ${done.reRatingId} and state = 'booked')::int as booked,
        count(*)::int as transfers, sum(amount)::int as amount
      from transfer where cause = 're_rating' and cause_id = ${done.reRatingId}`.execute(world.db);
    expect(rows[0]).toEqual({ booked: ORDERS, transfers: 3 * ORDERS, amount: 200 * ORDERS });
  } finally {
    clearInterval(sampling);
  }
  expect(most - before).toBeLessThan(HEAP_GROWTH_MAX);
});
