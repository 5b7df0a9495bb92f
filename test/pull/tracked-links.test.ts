// Tracked links: made through the routes with doubles of the platforms, asked for again, renewed,
// followed, and found again in orders.
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { retryTrackedLinks } from '../../src/pull/tracked-links.ts';
import type { Answer, Shop } from '../promotion/shop.ts';
import { subject as doudian } from '../sources/subjects/doudian.ts';
import { subject as jd } from '../sources/subjects/jd.ts';
import { subject as pdd } from '../sources/subjects/pdd.ts';
import { subject as woocommerce } from '../sources/subjects/woocommerce.ts';
import { openLinker, PAGE, type Linker } from './linker.ts';

let linker: Linker;
let shop: Shop;
let silent: Server;

beforeAll(async () => {
  silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  linker = await openLinker([jd, pdd, doudian, woocommerce]);
  ({ shop } = linker);
  await linker.connect(jd);
  await linker.connect(pdd, { pid: '123_456' });
  await linker.connect(doudian, { ...doudian.options, pid: 'dy_107_1_1' });
  await linker.connect(woocommerce, woocommerce.options);
});
afterAll(async () => {
  await linker.close();
  silent.close();
});

const make = (wish: object = {}, headers?: Record<string, string>): Promise<Answer> => linker.make({ source_id: 'jd', ...wish }, headers);
const codeOf = (wish: object) => linker.codeOf({ source_id: 'jd', ...wish });

test('a link of a source lands on the link of its platform, which carries our code, and its clicks are recorded', async () => {
  const { status, body, bytes } = await make({}, { 'idempotency-key': 'made' });
  expect([status, body['landing_url']]).toEqual([201, PAGE]);
  expect((await make({}, { 'idempotency-key': 'made' })).bytes).toEqual(bytes);
  expect(body['tracking']).toMatchObject({ source_id: 'jd', state: 'made', url: `https://u.jd.com/fy_${body.code}`, error: null });
  expect(await linker.trackingOf(body.code)).toEqual(body['tracking']);
  expect((await shop.call('GET', '/v1/links?promoter_id=bob')).body.data[0]).toEqual(body);

  expect(await linker.landing(body.code)).toBe(`https://u.jd.com/fy_${body.code}`);
  const { rows } = await sql`select from click where link_code = ${body.code}`.execute(shop.database.owner);
  expect(rows).toHaveLength(1);
});

test('every platform that carries our code makes its link', async () => {
  const atPdd = await make({ source_id: 'pdd', landing_url: 'https://mobile.yangkeduo.com/goods.html?goods_id=1' });
  expect(await linker.landing(atPdd.body.code)).toBe(`https://p.pinduoduo.com/fy_${atPdd.body.code}`);
  const page = 'https://haohuo.jinritemai.com/views/product/item2?id=1';
  const atDoudian = await make({ source_id: 'doudian', landing_url: page });
  expect(await linker.landing(atDoudian.body.code)).toBe(`${page}&pid=dy_107_1_1&external_info=fy_${atDoudian.body.code}`);
});

test('a link that may not earn any more leads to its landing URL', async () => {
  const { code, tracking } = (await make({ expires_at: '2026-01-01T00:00:00Z' })).body;
  expect(tracking).toMatchObject({ state: 'made' });
  expect(await linker.landing(code)).toBe(PAGE);
});

test('what the platform refuses is not made, and its words are told once and again', async () => {
  const before = await linker.links();
  const refused = await make({ landing_url: 'https://shop.example.com/p/1' }, { 'idempotency-key': 'refused' });
  expect([refused.status, refused.body.code]).toEqual([422, 'platform_refused']);
  expect(refused.body['detail']).toContain('2001702 materialId');
  expect((await make({ landing_url: 'https://shop.example.com/p/1' }, { 'idempotency-key': 'refused' })).bytes).toEqual(refused.bytes);

  linker.doubles['jd']!.failNext('refused');
  const withoutRight = await make();
  expect([withoutRight.body.code, withoutRight.body['detail']]).toEqual(['platform_refused', expect.stringContaining('access_token')]);
  expect((await make({ source_id: 'pdd', product_id: 'gone' })).body.code).toBe('platform_refused');
  expect(await linker.links()).toBe(before);
});

test('what cannot be asked for is refused with the reason', async () => {
  const before = await linker.links();
  expect(await codeOf({ source_id: 'woocommerce' })).toEqual([422, 'cannot_promote', 'source_id']);
  expect(await codeOf({ source_id: 'nobody' })).toEqual([422, 'unknown_source', 'source_id']);
  expect(await codeOf({ merchant_id: 'm2', landing_url: 'https://shop.example.com/p' })).toEqual([422, 'unknown_source', 'source_id']);
  expect(await codeOf({ product_id: null })).toEqual([400, 'malformed_request', 'product_id']);
  expect(await codeOf({ landing_url: 'https://evil.example/' })).toEqual([422, 'landing_host_not_allowed', 'landing_url']);
  expect(await linker.links()).toBe(before);
});

test('while the platform does not answer the link leads to its landing URL, and then to the link of the platform', async () => {
  const reachable = linker.baseUrls['jd']!;
  linker.baseUrls['jd'] = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const { status, body } = await make();
  linker.baseUrls['jd'] = reachable;
  expect([status, body['tracking']]).toMatchObject([201, { state: 'waiting', url: null, error: expect.stringContaining('not answered') }]);
  expect(await linker.landing(body.code)).toMatch(`${PAGE}?fy_click=`);

  expect(await retryTrackedLinks(shop.tracking)).toBe(0);
  await linker.elapse(body.code, '10 seconds');
  linker.doubles['jd']!.failNext('rate_limited');
  expect(await retryTrackedLinks(shop.tracking)).toBe(0);
  expect(await linker.trackingOf(body.code)).toMatchObject({ state: 'waiting', error: expect.stringContaining('频率') });
  await linker.elapse(body.code, '1 hour');
  expect(await retryTrackedLinks(shop.tracking)).toBe(1);
  expect(await linker.trackingOf(body.code)).toMatchObject({ state: 'made', error: null });
  expect(await linker.landing(body.code)).toBe(`https://u.jd.com/fy_${body.code}`);
});

test('it is asked for a bounded number of times', async () => {
  linker.doubles['jd']!.failNext('temporary');
  const { code } = (await make()).body;
  for (let attempt = 2; attempt <= 30; attempt += 1) {
    expect(await linker.trackingOf(code)).toMatchObject({ state: 'waiting' });
    await linker.elapse(code, '1 hour');
    linker.doubles['jd']!.failNext('temporary');
    await retryTrackedLinks(shop.tracking);
  }
  expect(await linker.trackingOf(code)).toMatchObject({ state: 'failed', error: expect.stringContaining('502') });
  await linker.elapse(code, '1 day');
  expect(await retryTrackedLinks(shop.tracking)).toBe(0);
  expect(await linker.trackingOf(code)).toMatchObject({ state: 'failed', error: expect.stringContaining('502') });
});

test('an answer that leads away from the platform is not followed', async () => {
  const { body } = await make({ landing_url: 'https://item.jd.com/evil.html' });
  expect(body['tracking']).toMatchObject({ state: 'waiting', url: null, error: expect.stringContaining('evil.example') });
  expect(await linker.landing(body.code)).toMatch('https://item.jd.com/evil.html?fy_click=');
});

test('a link of the platform is renewed before it expires, and is not followed once it has', async () => {
  const { code } = (await make()).body;
  await linker.elapse(code, '54 days');
  expect(await retryTrackedLinks(shop.tracking)).toBe(0);
  await linker.elapse(code, '1 day');
  linker.doubles['jd']!.failNext('temporary');
  await retryTrackedLinks(shop.tracking);
  expect(await linker.trackingOf(code)).toMatchObject({ state: 'waiting', url: `https://u.jd.com/fy_${code}` });
  expect(await linker.landing(code)).toBe(`https://u.jd.com/fy_${code}`);
  await linker.elapse(code, '5 days');
  expect(await linker.landing(code)).toMatch(`${PAGE}?fy_click=`);

  expect(await retryTrackedLinks(shop.tracking)).toBe(1);
  const { expires_at: until } = (await linker.trackingOf(code)) as { expires_at: string };
  expect(Date.parse(until)).toBeGreaterThan(Date.now() + 59 * 86_400_000);
  expect(await linker.landing(code)).toBe(`https://u.jd.com/fy_${code}`);
});

test('an order that comes back with our code is that of the link', async () => {
  await make({ promoter_id: 'alice' });
  linker.doubles['jd']!.put('3705115058471208928', new Date());
  expect(await linker.decide()).toMatchObject([{ order_id: '3705115058471208928', promoter_id: 'alice', evidence: 'link_code' }]);
});
