// What a push names only by its id: kept with the push that named it, fetched, and shown for as
// long as the platform does not tell it.
import { hash } from 'node:crypto';

import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { findDelivery } from '../../src/inbox/deliveries/delivery-list.ts';
import { inTrx, storeDeliveries } from '../../src/inbox/delivery-store.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { viewAsking } from '../../src/sources/asking-view.ts';
import { findSource } from '../../src/sources/connections/source-store.ts';
import { openPuller, SOURCE, type Puller } from '../pull/puller.ts';
import { subject } from '../sources/subjects/doudian.ts';

const FOREIGN = '999999';
const since = new Date(Date.now() - 3_600_000);
let puller: Puller;

beforeEach(async () => {
  puller = await openPuller(subject, { since: since.toISOString() });
  puller.double.instead(({ path, body }) =>
    path.startsWith('/order/orderDetail') && body.includes(FOREIGN)
      ? { status: 200, body: { code: 50_002, msg: '业务处理失败', sub_code: 'isv.business-failed:4010' } }
      : null,
  );
});
afterEach(() => puller.close());

/** Keeps a push that was verified, and processes it; gives its id. */
async function keep(body: Buffer): Promise<string> {
  const push = { sourceId: SOURCE, merchantId: null, origin: 'push' as const, signedId: null, headers: {} };
  const delivery = { ...push, deliveryId: uuidv7(Date.now()), body, bodyHash: hash('sha256', body, 'buffer') };
  const [deliveryId] = await inTransaction(puller.database.db, ({ trx }) => storeDeliveries(inTrx(trx), [delivery]));
  await puller.work();
  return deliveryId!;
}

/** A message of 抖店 that this order was paid. */
const push = (orderId: string, message = 1): Promise<string> =>
  keep(Buffer.from(JSON.stringify([{ tag: '101', msg_id: `${orderId}:${message}`, data: JSON.stringify({ p_id: orderId }) }])));

async function view() {
  const source = (await findSource(puller.database.db, SOURCE))!;
  return viewAsking(puller.database.db, source, subject.adapter);
}

test('a push whose order is not told stays processed, shows what waits, and costs no order of the list', async () => {
  const deliveryId = await push(FOREIGN);
  puller.double.put('370001', new Date(Date.now() - 2000));
  await puller.ask();
  await puller.work();
  expect(await puller.orders()).toEqual(['370001']);
  const kept = { key: `order/${FOREIGN}`, attempts: 1, delivery_id: deliveryId, error: expect.stringContaining('isv.business-failed') };
  expect(await findDelivery(puller.database.db, deliveryId, null)).toMatchObject({ state: 'processed', error: null, waiting: [kept] });

  const { feeds, waiting, resting } = await view();
  expect(feeds).toMatchObject([{ name: 'orders', error: null, failing_since: null }]);
  for (const time of ['asked_at', 'read_at', 'read_until'] as const) {
    expect(feeds[0]![time]!.getTime()).toBeGreaterThan(Date.now() - 60_000);
  }
  expect(feeds[0]!.next_at!.getTime()).toBeGreaterThan(Date.now());
  expect(waiting).toMatchObject({ count: 1, failing: 1, sample: [kept] });
  expect(waiting.since!.getTime()).toBeGreaterThan(Date.now() - 60_000);
  expect(waiting.sample[0]!.next_at.getTime()).toBeGreaterThan(Date.now());
  expect(resting).toBeNull();

  // Another shop's at first and ours in the end: it is told when it is named again, however often
  // it was refused.
  await sql`update pull_wanted set attempts = 20, due_at = now() + interval '1 day'`.execute(puller.database.owner);
  puller.double.instead(() => null);
  puller.double.put(FOREIGN, new Date(Date.now() - 7_200_000));
  await push(FOREIGN, 2);
  await puller.ask();
  await puller.work();
  expect(await puller.orders()).toEqual(['370001', FOREIGN]);
  expect((await view()).waiting).toMatchObject({ count: 0, failing: 0, since: null, sample: [] });
  expect(await findDelivery(puller.database.db, deliveryId, null)).toMatchObject({ waiting: [] });
});

test.each([
  { what: 'the list', path: '/order/searchList' },
  { what: 'its token', path: '/token/create' },
])('while keys are refused for $what, that is shown with the time since when', async ({ path }) => {
  puller.double.instead((question) =>
    question.path.startsWith(path) ? { status: 200, body: { code: 30_001, msg: 'no permission', sub_code: 'isv.auth-refused' } } : null,
  );
  await puller.ask();
  const first = (await view()).feeds[0]!;
  expect(first).toMatchObject({ error: expect.stringContaining('no permission'), read_at: null, failing_since: expect.any(Date) });
  await puller.wait();
  await puller.ask();
  const second = (await view()).feeds[0]!;
  expect(second.failing_since).toEqual(first.failing_since);
  expect(second.asked_at!.getTime()).toBeGreaterThan(first.asked_at!.getTime());
});

test('a source that its platform lets rest shows until when, and why', async () => {
  puller.double.failNext('rate_limited');
  await puller.ask();
  const { resting } = await view();
  expect(resting!.until.getTime()).toBeGreaterThan(Date.now());
  expect(resting!.error).toContain('isp.rate-limit');
});

test.each([`1${'0'.repeat(600)}`, '37\u0000', '37\n0001'])(
  '%j is no key: its push fails by itself, and the next one does not',
  async (id) => {
    const odd = await push(id);
    await push('370001');
    expect(await findDelivery(puller.database.db, odd, null)).toMatchObject({
      state: 'failed',
      error: expect.stringMatching(/fetched|zero byte/),
    });
    const { rows } = await sql<{ key: string }>`select key from pull_wanted`.execute(puller.database.owner);
    expect(rows).toEqual([{ key: 'order/370001' }]);
  },
);

test('a push that cannot be read but for its name fails, and the order that it names is fetched', async () => {
  const body = Buffer.from(JSON.stringify([{ tag: '206', msg_id: '1', data: JSON.stringify({ p_id: '370001', refund_amount: 'much' }) }]));
  await keep(body);
  puller.double.put('370001', new Date(Date.now() - 7_200_000));
  await puller.ask();
  await puller.work();
  expect(await puller.orders()).toEqual(['370001']);
  const { rows } = await sql<{ state: string }>`select state from delivery order by received_at`.execute(puller.database.owner);
  expect(rows.map((row) => row.state)).toEqual(['failed', 'processed']);
});

test('a pulled order that states no time is read again as it was read first, however late', async () => {
  puller.double.put('370001', new Date(Date.now() - 2000));
  await puller.ask();
  await puller.work();
  const standing = async () =>
    (await sql<{ merged: object }>`select merged from orders`.execute(puller.database.owner)).rows.map((row) => row.merged);
  const before = await standing();
  expect(before).toHaveLength(1);
  const { rows } = await sql<{ at: string; asked: Date }>`
    select headers ->> 'fetched-at' as at, asked_at as asked from delivery, pull_feed
    where origin = 'pull' and feed = 'orders'`.execute(puller.database.owner);
  expect(new Date(rows[0]!.at)).toEqual(rows[0]!.asked);
  await sql`
    update delivery set state = 'received', received_at = received_at + interval '3 days', next_attempt_at = now(), finished_at = null
    where origin = 'pull'`.execute(puller.database.owner);
  await puller.work();
  expect(await standing()).toEqual(before);
});
