// Merchants and products as they are stated, from when on, and by whom.

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { until } from '../../platform/sockets.ts';
import { openShop, type Shop } from '../shop.ts';

let shop: Shop;
const merchant = { name: 'Baby Care', currency: 'CNY', landing_hosts: ['Shop.Example.com', 'localhost:3000'] };

beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

test('the first statement makes a merchant with every default written out, and counts for all earlier time', async () => {
  const made = await shop.call('PUT', '/v1/merchants/first', merchant);
  expect(made.status).toBe(201);
  expect(made.body).toEqual({
    merchant_id: 'first',
    name: 'Baby Care',
    time_zone: 'Asia/Shanghai',
    currency: 'CNY',
    landing_hosts: ['shop.example.com', 'localhost:3000'],
    hold_days: 7,
    payouts: 'always',
    rate_notice: null,
    rate_lock: 'none',
    attribution: {
      precedence: ['click_token', 'link_code', 'coupon_code', 'platform', 'click', 'lock'],
      model: 'last_click',
      product_click_days: 30,
      content_click_days: 3,
      order_lock_days: 30,
      exact_product_first: true,
      allow_self_purchase: true,
      excluded_scenes: [],
      cutoff_days: 60,
      clock_skew_seconds: 300,
      time_decay_half_life_days: 7,
    },
    version: 1,
    effective_from: null,
  });
  expect((await shop.call('GET', '/v1/merchants/first')).body).toEqual(made.body);
  expect(shop.heard.merchants.filter((id) => id === 'first')).toEqual(['first']);
});

test('a statement that says the same makes no version, another one does', async () => {
  await shop.call('PUT', '/v1/merchants/again', merchant);
  const same = await shop.call('PUT', '/v1/merchants/again', { ...merchant, attribution: { model: 'last_click' } });
  expect(same).toMatchObject({ status: 200, body: { version: 1 } });
  const other = await shop.call('PUT', '/v1/merchants/again', { ...merchant, hold_days: 0, attribution: { model: 'linear' } });
  expect(other).toMatchObject({
    status: 200,
    body: { version: 2, hold_days: 0, attribution: { model: 'linear', product_click_days: 30 } },
  });
  const left = await shop.call('PUT', '/v1/merchants/again', merchant);
  expect(left.body).toMatchObject({ version: 3, hold_days: 7, attribution: { model: 'last_click' } });
});

test('a statement for later is in force only then, and one for now does not end it', async () => {
  await shop.call('PUT', '/v1/merchants/later', merchant);
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  const later = await shop.call('PUT', '/v1/merchants/later', { ...merchant, name: 'Tomorrow', effective_from: tomorrow });
  expect(later.body).toMatchObject({ version: 2, name: 'Tomorrow', effective_from: tomorrow });
  expect((await shop.call('GET', '/v1/merchants/later')).body).toMatchObject({ version: 1, name: 'Baby Care' });
  await shop.call('PUT', '/v1/merchants/later', { ...merchant, name: 'Today' });
  expect((await shop.call('GET', '/v1/merchants/later')).body).toMatchObject({ version: 3, name: 'Today' });
  const { rows } = await queryInForce('later', tomorrow);
  expect(rows).toEqual([{ name: 'Tomorrow' }]);
});

async function queryInForce(merchantId: string, at: string) {
  const rows = await shop.database.db
    .selectFrom('merchant_version')
    .select('name')
    .where('merchant_id', '=', merchantId)
    .where('effective_from', '<=', new Date(at))
    .orderBy('effective_from', 'desc')
    .orderBy('version', 'desc')
    .limit(1)
    .execute();
  return { rows };
}

test('a statement that waited for another one is in force after it, though it began before', async () => {
  await shop.call('PUT', '/v1/merchants/race', merchant);
  const { waiting } = await shop.database.owner.transaction().execute(async (trx) => {
    await trx.selectFrom('merchant').where('merchant_id', '=', 'race').forUpdate().execute();
    const second = shop.call('PUT', '/v1/merchants/race', { ...merchant, name: 'Second' });
    await isWaiting();
    const version = await trx.selectFrom('merchant_version').selectAll().where('merchant_id', '=', 'race').executeTakeFirstOrThrow();
    const at = new Date();
    const policy = JSON.stringify(version.policy);
    const later = { ...version, policy, version: 2, name: 'First', effective_from: at, recorded_at: at };
    await trx.insertInto('merchant_version').values(later).execute();
    return { waiting: second };
  });
  expect((await waiting).body).toMatchObject({ version: 3, name: 'Second' });
  expect((await shop.call('GET', '/v1/merchants/race')).body).toMatchObject({ version: 3, name: 'Second' });
});

/** Until a session waits for a lock. */
async function isWaiting(): Promise<void> {
  await until(async () => {
    const { rows } = await sql`
      select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`.execute(shop.database.owner);
    return rows.length > 0;
  });
}

test("a merchant's currency cannot change", async () => {
  await shop.call('PUT', '/v1/merchants/currency', merchant);
  const refused = await shop.call('PUT', '/v1/merchants/currency', { ...merchant, currency: 'USD' });
  expect(refused).toMatchObject({ status: 409, body: { code: 'conflict' } });
  expect((await shop.call('GET', '/v1/merchants/currency')).body).toMatchObject({ version: 1, currency: 'CNY' });
});

test.each([
  [{ ...merchant, currency: 'cny' }, 'currency'],
  [{ ...merchant, currency: 'XXX' }, 'currency'],
  [{ ...merchant, name: '' }, 'name'],
  [{ ...merchant, hold_days: -1 }, 'hold_days'],
  [{ ...merchant, hold_days: 1.5 }, 'hold_days'],
  [{ ...merchant, landing_hosts: ['https://shop.example.com'] }, 'landing_hosts.0'],
  [{ ...merchant, landing_hosts: ['shop.example.com:8443'] }, 'landing_hosts.0'],
  [{ ...merchant, colour: 'red' }, 'colour'],
  [{ ...merchant, attribution: { window: 3 } }, 'attribution.window'],
  [{ ...merchant, attribution: { precedence: ['click', 'click'] } }, 'attribution.precedence'],
  [{ ...merchant, attribution: { precedence: ['magic'] } }, 'attribution.precedence.0'],
  [{ ...merchant, attribution: { model: 'random' } }, 'attribution.model'],
  [{ ...merchant, attribution: { product_click_days: 0 } }, 'attribution.product_click_days'],
  [{ ...merchant, effective_from: 'yesterday' }, 'effective_from'],
])('what is wrong with a statement is told with its place: %j', async (body, path) => {
  const refused = await shop.call('PUT', '/v1/merchants/bad', body);
  expect(refused).toMatchObject({ status: 400, body: { code: 'malformed_request' } });
  expect(refused.body.errors.map((fault) => fault.path)).toContain(path);
  expect((await shop.call('GET', '/v1/merchants/bad')).status).toBe(404);
});

test('a product is stated of a merchant that there is, and its price survives', async () => {
  await shop.call('PUT', '/v1/merchants/goods', merchant);
  const body = { title: 'Bottle', category: 'baby', price: 9_007_199_254_740_991, landing_url: 'https://shop.example.com/p/1' };
  const made = await shop.call('PUT', '/v1/merchants/goods/products/p%2F1', body);
  expect(made).toMatchObject({ status: 201, body: { ...body, product_id: 'p/1', commissionable: true, version: 1, effective_from: null } });
  expect((await shop.call('PUT', '/v1/merchants/goods/products/p%2F1', body)).body.version).toBe(1);
  expect((await shop.call('PUT', '/v1/merchants/goods/products/p%2F1', { title: 'Cup' })).body).toMatchObject({
    version: 2,
    price: null,
  });
  expect((await shop.call('GET', '/v1/merchants/goods/products/p%2F1')).body).toMatchObject({ title: 'Cup', version: 2 });
  expect((await shop.call('GET', '/v1/merchants/goods/products/none')).status).toBe(404);
  expect(await shop.call('PUT', '/v1/merchants/nobody/products/p1', body)).toMatchObject({
    status: 422,
    body: { code: 'unknown_merchant' },
  });
  const bad = await shop.call('PUT', '/v1/merchants/goods/products/p2', { title: 'X', landing_url: 'javascript:alert(1)' });
  expect(bad).toMatchObject({ status: 422, body: { code: 'invalid_landing_url' } });
});

test('lists go through everything once, page by page', async () => {
  await shop.call('PUT', '/v1/merchants/paged', merchant);
  const ids = Array.from({ length: 5 }, (_, index) => `p${index}`);
  for (const id of ids) await shop.call('PUT', `/v1/merchants/paged/products/${id}`, { title: id });
  const seen: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = await shop.call('GET', `/v1/merchants/paged/products?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
    seen.push(...page.body.data.map((product) => String(product['product_id'])));
    cursor = page.body.next_cursor;
  }
  expect(seen).toEqual(ids);
  const merchants = await shop.call('GET', '/v1/merchants?limit=200');
  expect(merchants.body.data.map((row) => row['merchant_id'])).toContain('paged');
});

test('a storefront reads its own merchant and no other, and states none', async () => {
  await shop.call('PUT', '/v1/merchants/own', merchant);
  await shop.call('PUT', '/v1/merchants/other', merchant);
  const key = await shop.key('storefront', 'own');
  expect((await shop.call('GET', '/v1/merchants/own', undefined, key)).status).toBe(200);
  expect((await shop.call('GET', '/v1/merchants/other', undefined, key)).status).toBe(403);
  expect((await shop.call('PUT', '/v1/merchants/own', merchant, key)).status).toBe(403);
  expect((await shop.call('GET', '/v1/merchants', undefined, await shop.key('auditor'))).status).toBe(200);
});

test('every change is in the audit log, with what was before', async () => {
  await shop.call('PUT', '/v1/merchants/audited', merchant);
  await shop.call('PUT', '/v1/merchants/audited', merchant);
  await shop.call('PUT', '/v1/merchants/audited', { ...merchant, name: 'New' });
  const rows = await shop.database.db
    .selectFrom('audit_log')
    .select(['action', 'before', 'after'])
    .where('subject_id', '=', 'audited')
    .orderBy('audit_id')
    .execute();
  expect(rows).toMatchObject([
    { action: 'merchant_stated', before: null, after: { name: 'Baby Care', version: 1 } },
    { action: 'merchant_stated', before: { name: 'Baby Care', version: 1 }, after: { name: 'New', version: 2 } },
  ]);
});

test('a merchant says in which time zone it counts its days, by a name that is known', async () => {
  const told = async (time_zone: string) =>
    (await shop.call('PUT', '/v1/merchants/zoned', { name: 'Zoned', currency: 'EUR', time_zone })).status;
  expect(await told('Europe/Berlin')).toBe(201);
  expect((await shop.call('GET', '/v1/merchants/zoned')).body).toMatchObject({ time_zone: 'Europe/Berlin' });
  for (const strange of ['Mars/Olympus', '+08:00', 'europe', '', '../etc']) expect(await told(strange), strange).toBe(400);
});
