// One row of a list, one list of a source, one cursor of a list: whatever becomes of it, the rest
// is read.
import { sql } from 'kysely';
import { afterEach, expect, test } from 'vitest';

import type { Feed } from '../../../src/sources/source.ts';
import { AskingFailed } from '../../../src/sources/asking.ts';
import { subject as wechat } from '../../sources/subjects/wechat-shop.ts';
import { subject as woocommerce } from '../../sources/subjects/woocommerce.ts';
import { openPuller, SOURCE, type Puller } from '../puller.ts';

const since = new Date(Date.now() - 3_600_000);
const pull = { since: since.toISOString() };
const IDS = ['370001', '370002', '370003', '370004', '370005'];
const ODD = '370003';

let puller: Puller;

afterEach(() => puller.close());

interface FeedRow {
  feed: string;
  reached: Date;
  failure: string | null;
  error: string | null;
  attempts: number;
  cursor: string | null;
}

async function feeds(): Promise<Record<string, FeedRow>> {
  const { rows } = await sql<FeedRow>`
    select feed, reached, failure, error, attempts, cursor from pull_feed where source_id = ${SOURCE} and feed <> 'detail'`.execute(
    puller.database.owner,
  );
  return Object.fromEntries(rows.map((row) => [row.feed, row]));
}

async function wanted(): Promise<{ key: string; attempts: number; error: string | null }[]> {
  const { rows } = await sql<{ key: string; attempts: number; error: string | null }>`
    select key, attempts, error from pull_wanted order by key`.execute(puller.database.owner);
  return rows;
}

async function openWechat(): Promise<void> {
  puller = await openPuller(wechat, pull);
  for (const [index, id] of IDS.entries()) puller.double.put(id, new Date(since.getTime() + 60_000 + index * 5000));
}

const REFUSALS = {
  'an order of another shop': { status: 200, body: { errcode: 10_024_006, errmsg: '订单不存在' } },
  'a code that nobody knows': { status: 200, body: { errcode: 10_020_067, errmsg: '系统繁忙' } },
  'a gateway that breaks on it': { status: 502, body: '<html>502</html>' },
  'an answer that is no JSON': { status: 200, body: '{"errcode":0,"order":' },
  'an answer without the order': { status: 200, body: { errcode: 0 } },
  'a page that is not there': { status: 404, body: '{}' },
} as const;

test.each(Object.entries(REFUSALS))(
  'one of five rows whose detail is not told (%s) is kept, and the others enter',
  async (_what, refusal) => {
    await openWechat();
    puller.double.instead(({ path, body }) => (path.startsWith('/channels/ec/order/get') && body.includes(ODD) ? refusal : null));
    expect(await puller.ask()).toEqual([]);
    await puller.work();
    expect(await puller.orders()).toEqual(IDS.filter((id) => id !== ODD));
    const [kept, ...others] = await wanted();
    expect(others).toEqual([]);
    expect(kept).toMatchObject({ key: `order/${ODD}`, error: expect.stringMatching(/./) });
    const { orders } = await feeds();
    expect(orders!.reached.getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect(orders!.failure).toBeNull();

    // Once it is told, it enters by itself, and nothing of it is left.
    puller.double.instead(() => null);
    await sql`update pull_wanted set due_at = now()`.execute(puller.database.owner);
    await puller.ask();
    await puller.work();
    expect(await puller.orders()).toEqual(IDS);
    expect(await wanted()).toEqual([]);
  },
);

test('a row that is refused for ever is asked for ever later, and keeps no later order out', async () => {
  await openWechat();
  puller.double.instead(({ path, body }) =>
    path.startsWith('/channels/ec/order/get') && body.includes(ODD) ? REFUSALS['an order of another shop'] : null,
  );
  const pauses: number[] = [];
  for (let turn = 0; turn < 4; turn++) {
    puller.double.put(`38000${turn}`, new Date());
    await puller.wait();
    await sql`update pull_wanted set due_at = now()`.execute(puller.database.owner);
    expect(await puller.ask()).toEqual([]);
    const { rows } = await sql<{ pause: number }>`
      select extract(epoch from due_at - now())::float as pause from pull_wanted`.execute(puller.database.owner);
    pauses.push(rows[0]!.pause);
  }
  await puller.work();
  expect(await puller.orders()).toHaveLength(IDS.length - 1 + 4);
  expect(pauses.every((pause, index) => index === 0 || pause > pauses[index - 1]! * 1.5)).toBe(true);
});

test('asked too often within a page, what was told is kept, the rest waits by itself, and the page ends', async () => {
  await openWechat();
  let details = 0;
  puller.double.instead(({ path }) =>
    path.startsWith('/channels/ec/order/get') && ++details > 2 ? { status: 200, body: { errcode: 45_011, errmsg: 'minute quota' } } : null,
  );
  expect(await puller.ask()).toMatchObject([{ kind: 'rate_limited' }]);
  await puller.work();
  expect(await puller.orders()).toHaveLength(2);
  expect(await wanted()).toHaveLength(3);
  puller.double.instead(() => null);
  await sql`update pull_wanted set due_at = now()`.execute(puller.database.owner);
  await puller.wait();
  await puller.ask();
  await puller.work();
  expect(await puller.orders()).toEqual(IDS);
});

test('keys that may list and not read lose no order: all waits, and the list says why', async () => {
  await openWechat();
  puller.double.instead(({ path }) =>
    path.startsWith('/channels/ec/order/get') ? { status: 200, body: { errcode: 48_001, errmsg: 'api unauthorized' } } : null,
  );
  expect(await puller.ask()).toMatchObject([{ kind: 'refused' }]);
  expect((await feeds())['orders']).toMatchObject({ failure: 'refused' });
  expect(await wanted()).toHaveLength(5);
});

test.each([
  { kind: 'refused', answer: { status: 200, body: { errcode: 48_001, errmsg: 'api unauthorized' } } },
  { kind: 'temporary', answer: { status: 503, body: '' } },
  { kind: 'unreadable', answer: { status: 200, body: { errcode: 0, after_sale_order_id_list: 'none' } } },
])('one list of two that is $kind rests by itself, and the other is read', async ({ kind, answer }) => {
  await openWechat();
  puller.double.instead(({ path }) => (path.startsWith('/channels/ec/aftersale/getaftersalelist') ? answer : null));
  expect(await puller.ask()).toHaveLength(1);
  await puller.work();
  expect(await puller.orders()).toEqual(IDS);
  const read = await feeds();
  expect(read['after-sales']).toMatchObject({ failure: kind, attempts: 1 });
  expect(read['orders']).toMatchObject({ failure: null, error: null });
  puller.double.instead(() => null);
  await puller.wait();
  expect(await puller.ask()).toEqual([]);
  expect((await feeds())['after-sales']).toMatchObject({ failure: null, error: null, attempts: 0 });
});

/** A list of ours that gives these cursors, and what each question was asked with. */
function listOf(answer: (cursor: string | null, asked: number) => string | null): { feed: Feed; asked: (string | null)[] } {
  const asked: (string | null)[] = [];
  const feed: Feed = {
    ...woocommerce.adapter.feeds![0]!,
    list: ({ cursor }) => {
      asked.push(cursor);
      return Promise.resolve({ bodies: [], next: answer(cursor, asked.length) });
    },
  };
  return { feed, asked };
}

async function askList(feed: Feed): Promise<unknown[]> {
  puller = await openPuller(woocommerce, pull);
  puller.deps.adapters = [{ ...woocommerce.adapter, feeds: [feed] }];
  return puller.ask();
}

test('cursors that go round are an error and no endless reading; the window begins again', async () => {
  const { feed, asked } = listOf((cursor) => (cursor === 'a' ? 'b' : 'a'));
  expect(String(await askList(feed))).toContain('goes round');
  expect(asked).toEqual([null, 'a', 'b']);
  expect((await feeds())['orders']).toMatchObject({ failure: 'unreadable', cursor: null });
});

test('a cursor that is never good is asked for twice in a turn, and then rests', async () => {
  const { feed, asked } = listOf((cursor) => {
    if (cursor === null) return 'stale';
    throw new AskingFailed('stale_cursor', 'it is not good any more');
  });
  expect(await askList(feed)).toMatchObject([{ kind: 'stale_cursor' }]);
  expect(asked).toEqual([null, 'stale', null, 'stale']);
});

test('a cursor that the platform refuses in words of its own is asked with no more', async () => {
  const { feed, asked } = listOf((cursor, count) => {
    if (count === 2) throw new AskingFailed('item_refused', 'invalid next_key');
    return cursor === null && count === 1 ? 'poisoned' : null;
  });
  expect(await askList(feed)).toHaveLength(1);
  await puller.wait();
  expect(await puller.ask()).toEqual([]);
  expect(asked.slice(0, 3)).toEqual([null, 'poisoned', null]);
});
