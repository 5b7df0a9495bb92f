// The turns of sources: what one of them fails or takes its time for keeps nothing else waiting, of
// itself or of another.
import { sql } from 'kysely';
import { afterEach, expect, test } from 'vitest';

import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { askSources } from '../../../src/pull/asking-sources.ts';
import { saveSource } from '../../../src/sources/connections/source-store.ts';
import { subject as doudian } from '../../sources/subjects/doudian.ts';
import { subject as woocommerce } from '../../sources/subjects/woocommerce.ts';
import { openPuller, SOURCE, type Puller } from '../puller.ts';

const since = new Date(Date.now() - 3_600_000);
const pull = { since: since.toISOString() };
const FOREIGN = '999999';

let puller: Puller;

afterEach(() => puller.close());

async function stateSecond(sourceId: string): Promise<void> {
  const { db, keys } = puller.deps;
  const { adapter, secrets, options } = woocommerce;
  const stated = { kind: adapter.kind, merchantId: 'm1', secrets, options: adapter.options.parse({ ...options, pull }) };
  await inTransaction(db, ({ trx, now }) => saveSource(trx, keys, { sourceId, before: null, now }, stated));
}

test.each(['isv.business-failed:4010', 'isp.unknown-error', 'isv.auth-refused', 'isv.nobody-knows-this'])(
  'a push for an order of another shop, whose detail is answered %s, keeps no order of the list out',
  async (subCode) => {
    puller = await openPuller(doudian, pull);
    puller.double.instead(({ path, body }) =>
      path.startsWith('/order/orderDetail') && body.includes(FOREIGN)
        ? { status: 200, body: { code: 50_002, msg: '业务处理失败', sub_code: subCode, sub_msg: '订单不属于该店铺' } }
        : null,
    );
    await sql`
      insert into pull_wanted (source_id, key, since, asked_at, due_at)
      values (${SOURCE}, ${`order/${FOREIGN}`}, now(), now(), now())`.execute(puller.database.owner);
    for (let turn = 0; turn < 3; turn++) {
      puller.double.put(String(370_000 + turn), new Date(Date.now() - 2000));
      await puller.wait();
      await sql`update pull_wanted set due_at = now()`.execute(puller.database.owner);
      await puller.ask();
      await puller.work();
      expect(await puller.orders()).toHaveLength(turn + 1);
    }
    const { rows } = await sql<{ key: string; attempts: number }>`
      select key, attempts from pull_wanted`.execute(puller.database.owner);
    expect(rows).toEqual([{ key: `order/${FOREIGN}`, attempts: 3 }]);
  },
);

test('a detail that does not answer for long keeps no list waiting', async () => {
  puller = await openPuller(doudian, pull);
  puller.double.put('370000', new Date(Date.now() - 2000));
  await sql`
    insert into pull_wanted (source_id, key, since, asked_at, due_at)
    values (${SOURCE}, ${`order/${FOREIGN}`}, now(), now(), now())`.execute(puller.database.owner);
  const waiting: ((response: Response) => void)[] = [];
  const asking = puller.ask((url, init) =>
    String(url).includes('orderDetail') ? new Promise((resolve) => void waiting.push(resolve)) : fetch(url, init),
  );
  await expect.poll(async () => (await puller.work(), puller.orders()), { timeout: 15_000 }).toEqual(['370000']);
  expect(waiting).toHaveLength(1);
  waiting[0]!(Response.json({}, { status: 504 }));
  await asking;
});

test('a source with much to read goes on after the others had their turn, where it was', async () => {
  puller = await openPuller(woocommerce, pull);
  for (let n = 0; n < 350; n++) puller.double.put(String(370_000 + n), new Date(since.getTime() + 60_000 + n * 5000));
  await stateSecond('s2');
  puller.deps.turnMs = 0;
  const turns: string[] = [];
  for (let round = 0; round < 3; round++) {
    await puller.ask();
    const { rows } = await sql<{ source_id: string }>`select source_id from pull order by turned_at`.execute(puller.database.owner);
    turns.push(...rows.map((row) => row.source_id));
  }
  expect(turns).toEqual(['s1', 's2', 's1', 's2', 's1', 's2']);
  // Three pages each, and neither has begun anew.
  expect(puller.double.asked()).toBe(6);
  puller.deps.turnMs = 20_000;
  await puller.ask();
  await puller.work();
  const { rows } = await sql<{ source_id: string; n: bigint }>`
    select source_id, count(*) as n from orders group by 1 order by 1`.execute(puller.database.owner);
  expect(rows.map((row) => Number(row.n))).toEqual([350, 350]);
});

test('sources whose platforms take their time leave places for the others', async () => {
  puller = await openPuller(woocommerce, pull);
  await stateSecond('s2');
  await puller.ask();
  await puller.wait();
  await sql`update pull set slow = true where source_id = ${SOURCE}`.execute(puller.database.owner);
  const asked = puller.double.asked();
  await askSources(puller.deps, new AbortController().signal, { briskOnly: true });
  expect(puller.double.asked()).toBe(asked + 1);
  await puller.ask();
  expect(puller.double.asked()).toBe(asked + 2);
  // It answered quickly this time.
  const { rows } = await sql<{ slow: boolean }>`select slow from pull where source_id = ${SOURCE}`.execute(puller.database.owner);
  expect(rows).toEqual([{ slow: false }]);
});

test('a platform that was asked too often rests alone, for as long as it says', async () => {
  puller = await openPuller(woocommerce, pull);
  await stateSecond('s2');
  let asked = 0;
  const failed = await puller.ask((url, init) =>
    asked++ === 0 ? Promise.resolve(new Response('', { status: 429, headers: { 'retry-after': '600' } })) : fetch(url, init),
  );
  expect(failed).toMatchObject([{ kind: 'rate_limited', retryAfterMs: 600_000 }]);
  expect(puller.double.asked()).toBe(1);
  const { rows } = await sql<{ seconds: number | null }>`
    select extract(epoch from rests_until - now())::float as seconds from pull order by source_id`.execute(puller.database.owner);
  const rests = rows.flatMap(({ seconds }) => (seconds === null ? [] : [seconds]));
  expect(rests).toHaveLength(1);
  expect(rests[0]).toBeGreaterThan(580);
});
