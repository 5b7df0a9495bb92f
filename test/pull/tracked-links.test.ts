// Tracked links: made through the routes with doubles of the platforms, asked for again, renewed, followed, and found again in orders.
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { awardBacklog } from '../../src/commission/award.ts';
import { emptyShelf } from '../../src/commission/rule-shelf.ts';
import { processDeliveries } from '../../src/inbox/process.ts';
import { accountCache } from '../../src/ledger/store.ts';
import { inTransaction } from '../../src/platform/database.ts';
import { askSources } from '../../src/pull/asking-sources.ts';
import { retryTrackedLinks } from '../../src/pull/tracked-links.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import { saveSource } from '../../src/sources/store.ts';
import { openShop, type Answer, type Shop } from '../promotion/shop.ts';
import type { Double, Subject } from '../sources/subject.ts';
import { subject as doudian } from '../sources/subjects/doudian.ts';
import { subject as jd } from '../sources/subjects/jd.ts';
import { subject as pdd } from '../sources/subjects/pdd.ts';
import { subject as taobao } from '../sources/subjects/taobao.ts';

const PAGE = 'https://item.jd.com/100012043978.html';
const HOSTS = ['shop.example.com', 'item.jd.com', 'mobile.yangkeduo.com', 'haohuo.jinritemai.com'];

const baseUrls: Record<string, string> = {};
const doubles: Record<string, Double> = {};
let silent: Server;
let shop: Shop;

beforeAll(async () => {
  for (const subject of [jd, pdd, doudian, taobao]) {
    const { kind } = subject.adapter;
    doubles[kind] = await subject.open!();
    baseUrls[kind] = doubles[kind].url;
  }
  silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  shop = await openShop({ baseUrls, patienceMs: 1000 });
  await shop.stock();
  await shop.stock('m2');
  await shop.call('PUT', '/v1/merchants/m1', { name: 'Baby Care', currency: 'CNY', landing_hosts: HOSTS });
  await connect(jd);
  await connect(pdd, { pid: '123_456' });
  await connect(doudian, { ...doudian.options, pid: 'dy_107_1_1' });
  await connect(taobao);
});
afterAll(async () => {
  await shop.close();
  silent.close();
  for (const double of Object.values(doubles)) await double.close();
});

/** A source of m1, named as its kind. */
async function connect({ adapter, secrets }: Subject, options: object = {}): Promise<void> {
  const { db, keys } = shop.tracking;
  const statement = { kind: adapter.kind, merchantId: 'm1', secrets, options: adapter.options.parse(options) };
  await inTransaction(db, ({ trx, now }) => saveSource(trx, keys, { sourceId: adapter.kind, before: null, now }, statement));
}

const make = (wish: object = {}, headers?: Record<string, string>): Promise<Answer> => {
  const body = { promoter_id: 'bob', merchant_id: 'm1', product_id: 'p1', landing_url: PAGE, source_id: 'jd', ...wish };
  return shop.call('POST', '/v1/links', body, undefined, headers);
};

/** The status of an answer, its code, and the field that is at fault. */
async function codeOf(wish: object): Promise<unknown[]> {
  const { status, body } = await make(wish);
  return [status, body.code, body.errors[0]?.path];
}

const links = () => sql<{ n: bigint }>`select count(*) as n from link`.execute(shop.database.owner).then(({ rows }) => rows[0]!.n);

const trackingOf = async (code: string) => (await shop.call('GET', `/v1/links/${code}`)).body['tracking'];

/** Lets so much time pass for what the platform made for this link. */
const elapse = (code: string, interval: string) =>
  sql`update tracked_link set expires_at = expires_at - ${interval}::interval, next_attempt_at = next_attempt_at - ${interval}::interval
    where code = ${code}`.execute(shop.database.owner);

async function landing(code: string): Promise<string | null> {
  shop.path.links.forget();
  return (await shop.follow(code)).location;
}

test('a link of a source lands on the link of its platform, which carries our code, and its clicks are recorded', async () => {
  const { status, body, bytes } = await make({}, { 'idempotency-key': 'made' });
  expect([status, body['landing_url']]).toEqual([201, PAGE]);
  expect((await make({}, { 'idempotency-key': 'made' })).bytes).toEqual(bytes);
  expect(body['tracking']).toMatchObject({ source_id: 'jd', state: 'made', url: `https://u.jd.com/fy_${body.code}`, error: null });
  expect(await trackingOf(body.code)).toEqual(body['tracking']);
  expect((await shop.call('GET', '/v1/links?promoter_id=bob')).body.data[0]).toEqual(body);

  expect(await landing(body.code)).toBe(`https://u.jd.com/fy_${body.code}`);
  const { rows } = await sql`select from click where link_code = ${body.code}`.execute(shop.database.owner);
  expect(rows).toHaveLength(1);
});

test('every platform that carries our code makes its link', async () => {
  const atPdd = await make({ source_id: 'pdd', landing_url: 'https://mobile.yangkeduo.com/goods.html?goods_id=1' });
  expect(await landing(atPdd.body.code)).toBe(`https://p.pinduoduo.com/fy_${atPdd.body.code}`);
  const page = 'https://haohuo.jinritemai.com/views/product/item2?id=1';
  const atDoudian = await make({ source_id: 'doudian', landing_url: page });
  expect(await landing(atDoudian.body.code)).toBe(`${page}&pid=dy_107_1_1&external_info=fy_${atDoudian.body.code}`);
});

test('a link that may not earn any more leads to its landing URL', async () => {
  const { code, tracking } = (await make({ expires_at: '2026-01-01T00:00:00Z' })).body;
  expect(tracking).toMatchObject({ state: 'made' });
  expect(await landing(code)).toBe(PAGE);
});

test('what the platform refuses is not made, and its words are told once and again', async () => {
  const before = await links();
  const refused = await make({ landing_url: 'https://shop.example.com/p/1' }, { 'idempotency-key': 'refused' });
  expect([refused.status, refused.body.code]).toEqual([422, 'platform_refused']);
  expect(refused.body['detail']).toContain('2001702 materialId');
  expect((await make({ landing_url: 'https://shop.example.com/p/1' }, { 'idempotency-key': 'refused' })).bytes).toEqual(refused.bytes);

  doubles['jd']!.failNext('refused');
  const withoutRight = await make();
  expect([withoutRight.body.code, withoutRight.body['detail']]).toEqual(['platform_refused', expect.stringContaining('access_token')]);
  expect((await make({ source_id: 'pdd', product_id: 'gone' })).body.code).toBe('platform_refused');
  expect(await links()).toBe(before);
});

test('what cannot be asked for is refused with the reason', async () => {
  const before = await links();
  expect(await codeOf({ source_id: 'taobao' })).toEqual([422, 'cannot_promote', 'source_id']);
  expect(await codeOf({ source_id: 'nobody' })).toEqual([422, 'unknown_source', 'source_id']);
  expect(await codeOf({ merchant_id: 'm2', landing_url: 'https://shop.example.com/p' })).toEqual([422, 'unknown_source', 'source_id']);
  expect(await codeOf({ product_id: null })).toEqual([400, 'malformed_request', 'product_id']);
  expect(await codeOf({ landing_url: 'https://evil.example/' })).toEqual([422, 'landing_host_not_allowed', 'landing_url']);
  expect(await links()).toBe(before);
});

test('while the platform does not answer the link leads to its landing URL, and then to the link of the platform', async () => {
  const reachable = baseUrls['jd']!;
  baseUrls['jd'] = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const { status, body } = await make();
  baseUrls['jd'] = reachable;
  expect([status, body['tracking']]).toMatchObject([201, { state: 'waiting', url: null, error: expect.stringContaining('not answered') }]);
  expect(await landing(body.code)).toMatch(`${PAGE}?fy_click=`);

  expect(await retryTrackedLinks(shop.tracking)).toBe(0);
  await elapse(body.code, '10 seconds');
  doubles['jd']!.failNext('rate_limited');
  expect(await retryTrackedLinks(shop.tracking)).toBe(0);
  expect(await trackingOf(body.code)).toMatchObject({ state: 'waiting', error: expect.stringContaining('频率') });
  await elapse(body.code, '1 hour');
  expect(await retryTrackedLinks(shop.tracking)).toBe(1);
  expect(await trackingOf(body.code)).toMatchObject({ state: 'made', error: null });
  expect(await landing(body.code)).toBe(`https://u.jd.com/fy_${body.code}`);
});

test('it is asked for a bounded number of times', async () => {
  doubles['jd']!.failNext('temporary');
  const { code } = (await make()).body;
  for (let attempt = 2; attempt <= 30; attempt += 1) {
    expect(await trackingOf(code)).toMatchObject({ state: 'waiting' });
    await elapse(code, '1 hour');
    doubles['jd']!.failNext('temporary');
    await retryTrackedLinks(shop.tracking);
  }
  expect(await trackingOf(code)).toMatchObject({ state: 'failed', error: expect.stringContaining('502') });
  await elapse(code, '1 day');
  expect(await retryTrackedLinks(shop.tracking)).toBe(0);
  expect(await trackingOf(code)).toMatchObject({ state: 'failed', error: expect.stringContaining('502') });
});

test('an answer that leads away from the platform is not followed', async () => {
  const { body } = await make({ landing_url: 'https://item.jd.com/evil.html' });
  expect(body['tracking']).toMatchObject({ state: 'waiting', url: null, error: expect.stringContaining('evil.example') });
  expect(await landing(body.code)).toMatch('https://item.jd.com/evil.html?fy_click=');
});

test('a link of the platform is renewed before it expires, and is not followed once it has', async () => {
  const { code } = (await make()).body;
  await elapse(code, '54 days');
  expect(await retryTrackedLinks(shop.tracking)).toBe(0);
  await elapse(code, '1 day');
  doubles['jd']!.failNext('temporary');
  await retryTrackedLinks(shop.tracking);
  expect(await trackingOf(code)).toMatchObject({ state: 'waiting', url: `https://u.jd.com/fy_${code}` });
  expect(await landing(code)).toBe(`https://u.jd.com/fy_${code}`);
  await elapse(code, '5 days');
  expect(await landing(code)).toMatch(`${PAGE}?fy_click=`);

  expect(await retryTrackedLinks(shop.tracking)).toBe(1);
  const { expires_at: until } = (await trackingOf(code)) as { expires_at: string };
  expect(Date.parse(until)).toBeGreaterThan(Date.now() + 59 * 86_400_000);
  expect(await landing(code)).toBe(`https://u.jd.com/fy_${code}`);
});

test('an order that comes back with our code is that of the link', async () => {
  const { db } = shop.tracking;
  await make({ promoter_id: 'alice' });
  doubles['jd']!.put('3705115058471208928', new Date());
  expect(await askSources(shop.tracking, new AbortController().signal)).toEqual([]);
  const { identityKey, tokenKey } = shop;
  while ((await processDeliveries({ db, adapters: ADAPTERS, identityKey })) > 0);
  await awardBacklog({ db, identityKey, tokenKeys: [tokenKey], levelsMax: 2, shelf: emptyShelf(), accounts: accountCache() }, 10);
  const { rows } = await sql`
    select order_id, promoter_id, evidence from decision join orders using (order_key)`.execute(shop.database.owner);
  expect(rows).toMatchObject([{ order_id: '3705115058471208928', promoter_id: 'alice', evidence: 'link_code' }]);
});
