// What pushes name only by its id is fetched, a few at a time, at the double of a shop of 微信小店.
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { subject } from '../sources/subjects/wechat-shop.ts';
import { openPuller, SOURCE, type Puller } from './puller.ts';

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
    insert into pull_wanted (source_id, key, asked_at, due_at)
    select ${SOURCE}, 'order/' || id, now() - interval '1 hour', now() - interval '1 hour' + place * interval '1 second'
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
  const left = [IDS[2]!, ...IDS.slice(8)].map((id) => ({ key: `order/${id}`, attempts: id === IDS[2] ? 1 : 0 }));
  expect(await stillWanted()).toEqual(left);
});
