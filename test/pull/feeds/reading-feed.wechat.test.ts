// A list of 微信小店 of which one order is not told, at its double over real sockets.
import { sql } from 'kysely';
import { afterEach, expect, test } from 'vitest';

import { subject } from '../../sources/subjects/wechat-shop.ts';
import { openPuller, SOURCE, type Puller } from '../puller.ts';

const IDS = ['3701', '3702', '3703', '3704', '3705'];
let puller: Puller;
afterEach(() => puller.close());

const wanted = () =>
  sql<{ key: string; attempts: number }>`select key, attempts from pull_wanted order by key`
    .execute(puller.database.owner)
    .then(({ rows }) => rows);
const reached = () =>
  sql<{ reached: Date }>`select reached from pull_feed where source_id = ${SOURCE} and feed = 'orders'`
    .execute(puller.database.owner)
    .then(({ rows }) => rows[0]?.reached);

test('of five orders that are listed and of which one is not told, four enter, the one is wanted, and the list is read on', async () => {
  puller = await openPuller(subject);
  for (const id of IDS) puller.double.put(id, new Date(Date.now() - 2000));
  const failed = await puller.ask(async (url, init) => {
    const question = await new Response(init?.body).text();
    const isThird = String(url).includes('/order/get') && question.includes('3703');
    return isThird ? Response.json({ errcode: 10_024_006, errmsg: '不存在该佣金单' }) : fetch(url, init);
  });
  expect(failed).toEqual([]);
  await puller.work();
  expect(await puller.orders()).toEqual(IDS.filter((id) => id !== '3703'));
  expect(await wanted()).toEqual([{ key: 'order/3703', attempts: 1 }]);
  const before = await reached();
  expect(before).toBeInstanceOf(Date);

  await sql`update pull_wanted set due_at = now()`.execute(puller.database.owner);
  await puller.wait();
  await puller.ask();
  await puller.work();
  expect(await puller.orders()).toEqual(IDS);
  expect(await wanted()).toEqual([]);
});
