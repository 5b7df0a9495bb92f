// A fold that is killed at whatever step, while everything goes on beside it: what it had begun is
// undone, and what is kept in the end is what the facts say.

import { Client } from 'pg';
import type { Kysely } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { inTransaction, openDatabase, type Database } from '../../../src/platform/postgres/database.ts';
import type { DB } from '../../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../../src/platform/uuid.ts';
import { HOUR_MS } from '../../../src/platform/durations.ts';
import { copyClicks, insertClicks, type Click } from '../../../src/promotion/clicks/click-store.ts';
import { FOLD_LIMITS, foldStatistics } from '../../../src/statistics/fold/fold.ts';
import { countHistory } from '../../../src/statistics/fold/history.ts';
import { ago, openShop, openWorld, type World } from '../../commission/world.ts';
import { buildLogger } from '../../../src/platform/process/log.ts';
import { expectExact, foldAll } from '../recount.ts';
import { forgetNumbers } from './before.ts';

const KILLS = 20;

let world: World;
let db: Kysely<DB>;
let shop: Awaited<ReturnType<typeof openShop>>;
let copying: Client;
/** The connections of a worker that is to be killed. */
let victim: Database;

beforeAll(async () => {
  world = await openWorld();
  ({ db } = world);
  shop = await openShop(world, { model: 'linear' });
  await shop.rule();
  copying = new Client(world.connectionString);
  await copying.connect();
  const log = buildLogger('silent');
  victim = openDatabase({ connectionString: world.connectionString, poolSize: 1, applicationName: 'victim', log });
});

afterAll(async () => {
  await copying.end();
  await victim.close();
  await world.close();
});

const aClick = (age = 0): Click => {
  const at = Date.now() - age;
  return { clickId: uuidv7(at), linkCode: shop.code, merchantId: shop.m, clickedAt: at, identity: null, bot: false, touches: [] };
};

/** What comes in one round: orders, refunds, a void, clicks of now and out of a spool, a link. */
async function load(round: number): Promise<void> {
  const orderId = String(round);
  await copyClicks(copying, [aClick(), aClick()]);
  await inTransaction(db, ({ trx }) => insertClicks(trx, [aClick(), aClick(40 * 24 * HOUR_MS)]));
  await world.link(shop.m, shop.alice);
  await shop.order(orderId, { link_code: shop.code, lines: [{ line_id: '1', product_id: 'p1', quantity: 2, paid_amount: 9999 }] });
  await shop.tell(String(Math.floor(round / 2)), { refunds: [{ refund_id: `r${round}`, amount: 100 * round }] });
  if (round % 5 === 0) await shop.tell(String(Math.floor(round / 3)), { void: { reason: 'cancelled' } });
  if (round % 7 === 0) await shop.tell(orderId, { status: 'completed', completed_at: ago(9) });
}

/** Does the work, and cuts its connection at its nth statement; whether it had so many. */
async function killedAt(nth: number, work: (db: Kysely<DB>) => Promise<unknown>): Promise<boolean> {
  const query = Object.getOwnPropertyDescriptor(Client.prototype, 'query')!.value as (...args: unknown[]) => unknown;
  let statements = 0;
  let isKilled = false;
  Client.prototype.query = function counted(
    this: Client & { connectionParameters: { application_name: string }; connection: { stream: { destroy(): void } } },
    ...args: unknown[]
  ) {
    const answer = query.apply(this, args);
    if (this.connectionParameters.application_name === 'victim' && ++statements === nth) {
      isKilled = true;
      this.connection.stream.destroy();
    }
    return answer;
  } as typeof Client.prototype.query;
  try {
    await work(victim.db);
  } catch (error) {
    if (!isKilled) throw error;
  } finally {
    Client.prototype.query = query as typeof Client.prototype.query;
  }
  return isKilled;
}

test(`${KILLS} folds that are killed, each one step later than the one before, under load`, async () => {
  let kills = 0;
  for (let round = 0; kills < KILLS; round++) {
    await load(round);
    // It begins in the middle of what comes next.
    const [isKilled] = await Promise.all([killedAt((round % 26) + 1, foldStatistics), load(1000 + round)]);
    if (isKilled) kills++;
    else if (round % 3 === 0) await foldStatistics(db, { ...FOLD_LIMITS, orders: 2, clicks: 3 });
  }
  await foldAll(db);
  await expectExact(db);
}, 120_000);

test('a pass over what is of before that is killed at every step goes on where it was', async () => {
  await forgetNumbers(world.owner);
  const small = { orders: 5, bonuses: 5, clicks: 20, links: 5 };
  let steps = 0;
  for (let round = 0; steps < KILLS; round++) {
    await killedAt((round % 30) + 1, (of) => countHistory(of, small));
    steps++;
    if (round % 4 === 0) await load(2000 + round);
    if (round % 3 === 0) await foldStatistics(db);
  }
  await expect.poll(() => countHistory(db, small), { timeout: 60_000, interval: 1 }).toBe('done');
  await foldAll(db);
  await expectExact(db);
}, 120_000);
