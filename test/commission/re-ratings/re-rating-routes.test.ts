// Re-ratings over HTTP: who may ask for, approve and cancel them, and what each is refused for.

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { reRateNext } from '../../../src/commission/re-ratings/running.ts';
import { reRatingRoutes } from '../../../src/commission/re-ratings/re-rating-routes.ts';
import { makeKey } from '../../../src/platform/keys/keys-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { testLog } from '../../harness.ts';
import { callersOf, keyedApp } from '../../platform/callers.ts';
import { ago, inDays, openShop, openWorld, type World } from '../world.ts';
import { EIGHT_PERCENT, republish } from './stage.ts';

interface Body {
  [field: string]: unknown;
  re_rating_id: string;
  state: string;
  code: string;
  detail: string;
  content_hash: string;
  errors: { path: string }[];
  data: { order_id: string; re_rating_id: string; state: string }[];
  next_cursor: string | null;
}

let world: World;
let service: Awaited<ReturnType<typeof callersOf<Body>>>;
let keys: Record<'zhang' | 'zhangs' | 'li', string>;
const nudged: string[] = [];
const app = { close: async (): Promise<void> => undefined, read: (_url: string) => Promise.resolve('') };

beforeAll(async () => {
  world = await openWorld();
  const keyed = keyedApp(world.db);
  reRatingRoutes(keyed, { db: world.db, nudge: (kind) => nudged.push(kind) });
  service = await callersOf<Body>(keyed, world.db);
  app.close = () => keyed.close();
  const keyOf = async (person: string) => {
    const key = { scope: 'admin' as const, merchantId: null, promoterId: null, label: person, person };
    return (await inTransaction(world.db, ({ trx, now }) => makeKey(trx, key, null, now))).key;
  };
  keys = { zhang: await keyOf('zhang'), zhangs: await keyOf('zhang'), li: await keyOf('li') };
  app.read = async (url) => (await keyed.inject({ url, headers: { authorization: `Bearer ${keys.li}` } })).body;
});
afterAll(async () => {
  await app.close();
  await world.close();
});

const period = { from: ago(60), to: inDays(1), reason: 'the rate was wrong' };
const work = async () => {
  while (await reRateNext({ ...world.deps, log: testLog }, new AbortController().signal));
};

async function openLoweredShop() {
  const shop = await openShop(world);
  const ruleId = await shop.rule();
  for (const orderId of ['o1', 'o2', '=o3']) await shop.order(orderId, { link_code: shop.code });
  await republish(world, ruleId, EIGHT_PERCENT);
  const ask = async (more: object = { lowers: true }) => {
    const asked = await service.post('/v1/re-ratings', { merchant_id: shop.m, ...period, ...more }, { key: keys.zhang });
    await work();
    const url = `/v1/re-ratings/${asked.body.re_rating_id}`;
    const { body: shown } = await service.get(url);
    const approve = (key: string, hash = shown.content_hash) => service.post(`${url}/approval`, { content_hash: hash }, { key });
    return { asked, url, shown, approve };
  };
  return { ...shop, ruleId, ask };
}

test('one is asked for, previewed, approved by a second person, executed, listed page by page and as CSV', async () => {
  const { m, bob, ask } = await openLoweredShop();
  const { asked, url, shown, approve } = await ask();
  expect([asked.status, asked.body.state, nudged.at(-1)]).toEqual([202, 'running', 're-ratings']);
  expect(shown).toMatchObject({
    state: 'ready',
    changed_orders: 3,
    commission_before: 2997,
    commission_after: 2397,
    lowered: { orders: 3, promoters: 3, amount: 600 },
    execution: null,
  });
  expect(shown['by_promoter']).toContainEqual({ promoter_id: bob, before: 1890, after: 1512 });
  const approved = await approve(keys.li);
  expect([approved.status, approved.body.state]).toEqual([200, 'approved']);
  expect(approved.body['execution']).toEqual({ waiting: 3, booked: 0, changed_meanwhile: 0, failed: 0 });
  await work();
  expect((await service.get(url)).body).toMatchObject({ state: 'executed', execution: { booked: 3 }, changed_meanwhile: [] });
  const first = await service.get(`${url}/orders?limit=2`);
  expect(first.body.data).toMatchObject([
    { order_id: 'o1', before: 999, after: 799, moved: 200, state: 'booked', revision: 1, booked_revision: 2 },
    { order_id: 'o2' },
  ]);
  const second = await service.get(`${url}/orders?limit=2&cursor=${first.body.next_cursor}`);
  expect([second.body.data.length, second.body.next_cursor]).toEqual([1, null]);
  expect((await service.get(`${url}/orders?state=changed_meanwhile`)).body.data).toEqual([]);
  const rows = (await app.read(`${url}/orders.csv`)).replaceAll('"', '').split('\r\n');
  expect(rows[1]).toMatch(new RegExp(`^order,${m},rest,o1,.*,CNY,9.99,7.99,-2.00,2.00,booked$`));
  expect(rows.at(-2)).toBe('total,,,,,CNY,29.97,23.97,-6.00,6.00,');
  expect((await service.get('/v1/re-ratings?limit=1')).body.data[0]).toMatchObject({
    re_rating_id: asked.body.re_rating_id,
    state: 'executed',
  });
  const { rows: audited } = await sql<{ action: string }>`
    select action from audit_log where subject_id = ${asked.body.re_rating_id} order by audit_id`.execute(world.db);
  expect(audited.map((row) => row.action)).toEqual(['re_rating_asked', 're_rating_approved', 're_rating_executed']);
});

test('who asked does not approve, by whichever key', async () => {
  const { approve } = await (await openLoweredShop()).ask();
  for (const key of [keys.zhang, keys.zhangs]) {
    const refused = await approve(key);
    expect([refused.status, refused.body.code]).toEqual([403, 'second_person_required']);
  }
});

test('what is approved is what was looked at, once', async () => {
  const { approve } = await (await openLoweredShop()).ask();
  expect((await approve(keys.li, 'ab'.repeat(32))).body.code).toBe('re_rating_changed');
  expect((await approve(keys.li)).status).toBe(200);
  expect((await approve(keys.li)).body.code).toBe('re_rating_decided');
  await work();
});

test('what lowers has to be asked for, and then only lowers whom the preview names', async () => {
  const { ask } = await openLoweredShop();
  const { shown, approve } = await ask({});
  expect(shown).toMatchObject({ state: 'ready', lowered: { orders: 3 }, query: { lowers: false } });
  const refused = await approve(keys.li);
  expect([refused.status, refused.body.code, refused.body.errors[0]!.path]).toEqual([422, 're_rating_lowers', 'lowers']);
});

test('after the rules have changed nothing is approved, and the rules are named', async () => {
  const { ask, ruleId } = await openLoweredShop();
  const { approve } = await ask();
  await republish(world, ruleId, { ...EIGHT_PERCENT, rate_ppm: 70_000 });
  const refused = await approve(keys.li);
  expect([refused.status, refused.body.code]).toEqual([409, 'rule_book_changed']);
  expect(refused.body.detail).toContain(ruleId);
});

test('it is cancelled until it is approved, and then no more', async () => {
  const { ask } = await openLoweredShop();
  const cancelled = await ask();
  expect((await service.call('DELETE', cancelled.url)).status).toBe(204);
  expect((await cancelled.approve(keys.li)).body.code).toBe('re_rating_decided');
  expect((await service.call('DELETE', cancelled.url)).body.code).toBe('re_rating_decided');
  const approved = await ask();
  expect((await approved.approve(keys.li)).status).toBe(200);
  expect((await service.call('DELETE', approved.url)).body.code).toBe('re_rating_decided');
  await work();
});

test('a question is refused that names nothing, nobody, no time, or a currency that is not clear', async () => {
  const { m, order } = await openLoweredShop();
  const ask = async (body: object) => {
    const { status, body: answer } = await service.post('/v1/re-ratings', { ...period, ...body }, { key: keys.zhang });
    return [status, answer.code];
  };
  expect(await ask({})).toEqual([400, 'malformed_request']);
  expect(await ask({ merchant_id: 'nobody' })).toEqual([422, 'unknown_merchant']);
  expect(await ask({ rule_ids: ['none'] })).toEqual([404, 'not_found']);
  expect(await ask({ merchant_id: m, from: period.to, to: period.from })).toEqual([422, 'unprocessable']);
  await order('dollars', { currency: 'USD' });
  expect(await ask({ merchant_id: m })).toEqual([422, 'currency_needed']);
  expect((await ask({ merchant_id: m, currency: 'USD' }))[0]).toBe(202);
  await work();
});

test('before its preview there is nothing to approve and nothing to list', async () => {
  const { m } = await openLoweredShop();
  const { body } = await service.post('/v1/re-ratings', { merchant_id: m, ...period }, { key: keys.zhang });
  const url = `/v1/re-ratings/${body.re_rating_id}`;
  expect((await service.get(`${url}/orders`)).body.code).toBe('re_rating_unfinished');
  const refused = await service.post(`${url}/approval`, { content_hash: 'ab'.repeat(32) }, { key: keys.li });
  expect([refused.status, refused.body.code]).toEqual([409, 're_rating_unfinished']);
  await work();
});
