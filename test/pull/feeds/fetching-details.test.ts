// What pushes name only by its id is fetched, a few at a time, at the double of a shop of 微信小店.
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { lockSourceRow, saveSource } from '../../../src/sources/connections/source-store.ts';
import { subject } from '../../sources/subjects/wechat-shop.ts';
import { openPuller, SOURCE, type Puller } from '../puller.ts';

const IDS = Array.from({ length: 20 }, (_, index) => String(370_000 + index));
const MISSING = '1';
let puller: Puller;

beforeEach(async () => {
  puller = await openPuller(subject, null);
  for (const id of IDS) puller.double.put(id, new Date());
});
afterEach(() => puller.close());

/** Wants these orders, the first of them first. */
async function want(ids: readonly string[]): Promise<void> {
  await sql`
    insert into pull_wanted (source_id, key, since, asked_at, due_at)
    select ${SOURCE}, 'order/' || id, now() - interval '1 hour', now() - interval '1 hour', now() - interval '1 hour' + place * interval '1 second'
    from unnest(${ids}::text[]) with ordinality as told (id, place)`.execute(puller.database.owner);
}

async function stillWanted(): Promise<{ key: string; attempts: number }[]> {
  const { rows } = await sql<{ key: string; attempts: number }>`
    select key, attempts from pull_wanted order by key`.execute(puller.database.owner);
  return rows;
}

test('what was named is fetched a few at a time, and one that the platform does not tell keeps none of the others', async () => {
  await want([...IDS.slice(0, 3), MISSING, ...IDS.slice(3)]);
  let [asking, most] = [0, 0];
  const failed = await puller.ask((url, init) => {
    most = Math.max(most, ++asking);
    return fetch(url, init).finally(() => asking--);
  });
  expect(failed).toEqual([]);
  expect(most).toBe(8);
  await puller.work();
  expect(await puller.orders()).toEqual(IDS);
  expect(await stillWanted()).toEqual([{ key: `order/${MISSING}`, attempts: 1 }]);
});

test('asked too often, it is asked nothing more, and what it has told until then is kept', async () => {
  await want(IDS);
  const failed = await puller.ask(async (url, init) => {
    const question = await new Response(init?.body).text();
    return question.includes(IDS[2]!) ? Response.json({ errcode: 45_011, errmsg: 'api minute-quota reach limit' }) : fetch(url, init);
  });
  expect(failed).toMatchObject([{ kind: 'rate_limited', retryAfterMs: 60_000 }]);
  await puller.work();
  expect(await puller.orders()).toEqual(IDS.slice(0, 8).filter((id) => id !== IDS[2]));
  const left = [IDS[2]!, ...IDS.slice(8)].map((id) => ({ key: `order/${id}`, attempts: 0 }));
  expect(await stillWanted()).toEqual(left);
});

const due = () => sql`update pull_wanted set due_at = now()`.execute(puller.database.owner);

const DETAIL = '/channels/ec/order/get';

test('a thousand that are refused for ever keep one that is named now from nothing', async () => {
  const refused = Array.from({ length: 1000 }, (_, index) => String(900_000 + index));
  await want(refused);
  await sql`update pull_wanted set attempts = 9, error = 'no such order'`.execute(puller.database.owner);
  await want(IDS.slice(0, 1));
  const asked: string[] = [];
  puller.deps.turnMs = 0;
  await puller.ask(async (url, init) => {
    if (String(url).includes(DETAIL)) asked.push(await new Response(init?.body).text());
    return fetch(url, init);
  });
  await puller.work();
  expect(asked.slice(0, 16).some((body) => body.includes(IDS[0]!))).toBe(true);
  expect(await puller.orders()).toEqual(IDS.slice(0, 1));
});

test('what is refused is put off twice as long each time, up to a day, and is never given up', async () => {
  await want([MISSING]);
  const pauses: number[] = [];
  for (let turn = 0; turn < 18; turn++) {
    await puller.ask();
    const { rows } = await sql<{ seconds: number }>`
      select round(extract(epoch from due_at - now()))::float as seconds from pull_wanted`.execute(puller.database.owner);
    pauses.push(rows[0]!.seconds);
    await due();
  }
  expect(pauses[3]! / pauses[2]!).toBeCloseTo(2, 0);
  expect(pauses.at(-1)).toBeGreaterThan(3000);
  expect(pauses.at(-1)).toBeLessThanOrEqual(86_400);
}, 60_000);

test('an answer that nobody can read is kept as a delivery that failed, and what was wanted with it is fetched', async () => {
  puller.double.instead(({ path, body }) =>
    path.startsWith(DETAIL) && body.includes(IDS[1]!) ? { status: 200, body: { errcode: 0, order: { order_id: [], status: {} } } } : null,
  );
  await want(IDS.slice(0, 3));
  expect(await puller.ask()).toEqual([]);
  await puller.work();
  expect(await puller.orders()).toEqual([IDS[0]!, IDS[2]!]);
  expect(await stillWanted()).toEqual([]);
  const { rows } = await sql<{ state: string }>`select state from delivery where state <> 'processed'`.execute(puller.database.owner);
  expect(rows).toEqual([{ state: 'failed' }]);
});

test('what is named again while it is being refused is asked for again at once', async () => {
  await want([MISSING]);
  // What is named for ever is asked for ever: once is enough.
  puller.deps.turnMs = 0;
  await puller.ask(async (url, init) => {
    const answer = await fetch(url, init);
    if (String(url).includes(DETAIL)) await sql`update pull_wanted set asked_at = now(), due_at = now()`.execute(puller.database.owner);
    return answer;
  });
  const { rows } = await sql<{ is_due: boolean }>`select due_at <= now() as is_due from pull_wanted`.execute(puller.database.owner);
  expect(rows).toEqual([{ is_due: true }]);
});

test('keys that are refused let single things rest for a minute at most, and a new statement of the source ends that', async () => {
  puller.double.instead(({ path }) =>
    path.startsWith(DETAIL) ? { status: 200, body: { errcode: 48_001, errmsg: 'api unauthorized' } } : null,
  );
  await want(IDS.slice(0, 1));
  expect(await puller.ask()).toMatchObject([{ kind: 'refused' }]);
  const fetching = async () =>
    (
      await sql<{ failure: string | null; seconds: number }>`
        select failure, extract(epoch from due_at - now())::float as seconds from pull_feed where feed = 'detail'`.execute(
        puller.database.owner,
      )
    ).rows[0]!;
  expect(await fetching()).toMatchObject({ failure: 'refused' });
  expect((await fetching()).seconds).toBeLessThanOrEqual(60);

  puller.double.instead(() => null);
  expect(await puller.ask()).toEqual([]);
  expect(await puller.orders()).toEqual([]);
  const { db, keys } = puller.deps;
  const stated = { kind: subject.adapter.kind, merchantId: 'm1', secrets: subject.secrets, options: subject.options ?? {} };
  await inTransaction(db, async ({ trx, now }) =>
    saveSource(
      trx,
      keys,
      { sourceId: SOURCE, before: await lockSourceRow(trx, SOURCE), now },
      { ...stated, options: subject.adapter.options.parse(stated.options) },
    ),
  );
  expect(await puller.ask()).toEqual([]);
  await puller.work();
  expect(await puller.orders()).toEqual(IDS.slice(0, 1));
  expect(await fetching()).toMatchObject({ failure: null });
});
