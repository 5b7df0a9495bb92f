// GET /r/{code}: where it leads, what it records, and what nobody can make it do.

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { identitiesOf } from '../../../src/promotion/buyers/identity.ts';
import { readClickToken } from '../../../src/promotion/clicks/token.ts';
import { exchange } from '../../platform/sockets.ts';
import { openShop, PHONE, type Shop } from '../shop.ts';

let shop: Shop;
let code: string;

beforeAll(async () => {
  shop = await openShop();
  await shop.stock();
  code = await shop.link();
});
afterAll(() => shop.close());

const read = (token: string | null) => readClickToken([shop.tokenKey], token ?? '')!;
const rowOf = (clickId: string) =>
  shop.database.db.selectFrom('click').selectAll().where('click_id', '=', clickId).executeTakeFirstOrThrow();
const clicksOf = async (linkCode: string) => {
  const rows = await shop.database.db.selectFrom('click').select('bot').where('link_code', '=', linkCode).execute();
  return rows.map((row) => row.bot);
};
async function touchesOf(identity: string): Promise<string[]> {
  const rows = await shop.database.db
    .selectFrom('touch')
    .select('click_id')
    .where('identity', '=', identity)
    .orderBy('clicked_at')
    .execute();
  return rows.map((row) => row.click_id);
}
const visitorHash = (visitor: string) => identitiesOf(shop.identityKey, 'm1', { visitor })[0]!;

test('a visit is led to the landing URL with its token, and nothing on the way keeps it', async () => {
  const visit = await shop.follow(code);
  expect(visit.status).toBe(302);
  expect(visit.headers['location']).toBe(`https://shop.example.com/p/1?a=1&fy_click=${visit.token}#top`);
  expect(visit.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'origin', 'x-robots-tag': 'noindex' });
  expect(visit.page).toBe('');
  const proof = read(visit.token);
  expect(proof).toMatchObject({ linkCode: code, bot: false });
  expect(await rowOf(proof.clickId)).toMatchObject({ link_code: code, clicked_at: new Date(proof.clickedAt), bot: false });
});

test('the first visit of a browser sets its cookie and writes no touch', async () => {
  const visit = await shop.follow(code);
  expect(visit.headers['set-cookie']).toBe(`fy_vid=${visit.cookie}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure`);
  const { clickId } = read(visit.token);
  expect(await rowOf(clickId)).toMatchObject({ identity: visitorHash(visit.cookie!) });
  expect(await touchesOf(visitorHash(visit.cookie!))).toEqual([]);
});

test('a browser that comes again touches its first click and this one', async () => {
  const first = await shop.follow(code);
  const second = await shop.follow(code, { cookie: `other=1; fy_vid=${first.cookie}` });
  expect(second.headers['set-cookie']).toBeUndefined();
  expect(await touchesOf(visitorHash(first.cookie!))).toEqual([read(first.token).clickId, read(second.token).clickId]);
  expect(read(second.token).clickId).not.toBe(read(first.token).clickId);
});

test('the clicks of a browser at one merchant are nothing to another', async () => {
  await shop.stock('m2');
  const other = await shop.link({ merchant_id: 'm2' });
  const first = await shop.follow(code);
  const second = await shop.follow(other, { cookie: `fy_vid=${first.cookie}` });
  const identity = identitiesOf(shop.identityKey, 'm2', { visitor: first.cookie! })[0]!;
  expect(await touchesOf(identity)).toEqual([read(second.token).clickId]);
  expect(await touchesOf(visitorHash(first.cookie!))).toEqual([]);
});

test('a cookie that we have not made is replaced', async () => {
  const visit = await shop.follow(code, { cookie: 'fy_vid=forged' });
  expect(visit.cookie).not.toBeNull();
});

test('unknown and malformed codes are the same page, not found', async () => {
  const pages = await Promise.all(
    ['unknown123', 'x', 'ü', '..%2f..', 'a'.repeat(200)].map((each) => shop.follow(encodeURIComponent(each))),
  );
  for (const page of pages) {
    expect(page).toMatchObject({ status: 404, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' } });
    expect(page.page).toBe(pages[0]!.page);
    expect(page.headers['set-cookie']).toBeUndefined();
  }
});

test('an expired link leads on and earns nothing', async () => {
  const expired = await shop.link({ expires_at: new Date(Date.now() - 1000).toISOString() });
  const visit = await shop.follow(expired);
  expect(visit).toMatchObject({ status: 302, token: null, cookie: null, headers: { location: 'https://shop.example.com/p/1?a=1#top' } });
  expect(await clicksOf(expired)).toEqual([]);
});

test('a suspended promoter earns nothing from the moment on, and again when it is active', async () => {
  await shop.call('PUT', '/v1/promoters/susan', { name: 'Susan', kind: 'person' });
  const link = await shop.link({ promoter_id: 'susan' });
  expect((await shop.follow(link)).token).not.toBeNull();
  await shop.call('PUT', '/v1/promoters/susan', { name: 'Susan', kind: 'person', status: 'suspended' });
  expect(await shop.follow(link)).toMatchObject({ status: 302, token: null, cookie: null });
  await shop.call('PUT', '/v1/promoters/susan', { name: 'Susan', kind: 'person' });
  expect((await shop.follow(link)).token).not.toBeNull();
});

test('a host that the merchant has given up is not led to any more', async () => {
  await shop.stock('m3');
  const link = await shop.link({ merchant_id: 'm3' });
  expect((await shop.follow(link)).status).toBe(302);
  await shop.call('PUT', '/v1/merchants/m3', { name: 'Baby Care', currency: 'CNY', landing_hosts: ['new.example.com'] });
  expect((await shop.follow(link)).status).toBe(404);
});

test('what another process changes is known here as soon as it is told', async () => {
  await shop.call('PUT', '/v1/promoters/remote', { name: 'Remote', kind: 'person' });
  const link = await shop.link({ promoter_id: 'remote' });
  expect((await shop.follow(link)).token).not.toBeNull();
  await shop.database.owner
    .insertInto('promoter_version')
    .values({
      promoter_id: 'remote',
      version: 2,
      effective_from: new Date(),
      recorded_at: new Date(),
      name: 'Remote',
      kind: 'person',
      status: 'suspended',
      coupon_codes: '[]',
    })
    .execute();
  await sql`notify promotion_changed`.execute(shop.database.owner);
  await expect.poll(async () => (await shop.follow(link)).token).toBeNull();
});

test('HEAD is led on without a click', async () => {
  const link = await shop.link();
  const answer = await exchange(shop.port, `HEAD /r/${link} HTTP/1.1\r\nHost: s\r\nUser-Agent: ${PHONE}\r\nConnection: close\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1.1 302 /);
  expect(answer).toMatch(/location: https:\/\/shop\.example\.com\/p\/1\?a=1#top\r\n/i);
  expect(answer).not.toMatch(/set-cookie/i);
  expect(await clicksOf(link)).toEqual([]);
});

test('crawlers, previews and prefetches are led on with a token that says so, and get no cookie', async () => {
  const link = await shop.link();
  for (const headers of [{ 'user-agent': 'WhatsApp/2.23.20' }, { 'sec-purpose': 'prefetch' }, { 'sec-fetch-dest': 'iframe' }] as Record<
    string,
    string
  >[]) {
    const visit = await shop.follow(link, headers);
    expect(visit).toMatchObject({ status: 302, cookie: null });
    expect(read(visit.token).bot).toBe(true);
    expect(await rowOf(read(visit.token).clickId)).toMatchObject({ bot: true, identity: null });
  }
});

test('nothing that a visitor sends changes where the redirect leads', async () => {
  const wanted = /\r\nlocation: https:\/\/shop\.example\.com\/p\/1\?a=1&fy_click=[\w-]+#top\r\n/i;
  const requests = [
    `GET /r/${code}?landing_url=https://evil.example/&fy_click=x HTTP/1.1\r\nHost: evil.example\r\n`,
    `GET /r/${code} HTTP/1.1\r\nHost: s\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\nForwarded: host=evil.example\r\n`,
    `GET http://evil.example/r/${code} HTTP/1.1\r\nHost: evil.example\r\n`,
    `GET /r/${code}#@evil.example HTTP/1.1\r\nHost: s\r\n`,
    `GET /r/${code} HTTP/1.1\r\nHost: s\r\nReferer: https://evil.example/\r\nCookie: fy_vid=${'A'.repeat(4000)}\r\n`,
  ];
  for (const request of requests) {
    const answer = await exchange(shop.port, `${request}User-Agent: ${PHONE}\r\nConnection: close\r\n\r\n`);
    const [head = ''] = answer.split('\r\n\r\n');
    if (head.startsWith('HTTP/1.1 302')) expect(`${head}\r\n`).toMatch(wanted);
    else expect(head).toMatch(/^HTTP\/1.1 4/);
    expect(head).not.toContain('evil');
  }
});

test('many visits at once are all recorded, each with a token and a row of its own', async () => {
  const link = await shop.link();
  const visits = await Promise.all(Array.from({ length: 500 }, () => shop.follow(link)));
  expect(new Set(visits.map((visit) => read(visit.token).clickId)).size).toBe(500);
  expect(new Set(visits.map((visit) => visit.cookie)).size).toBe(500);
  expect(await clicksOf(link)).toHaveLength(500);
});

test('a link that was asked for before it was made is found once it is made', async () => {
  const ask = () => shop.follow('early-bird');
  expect((await ask()).status).toBe(404);
  await shop.load('links', [{ code: 'early-bird', merchant_id: 'm1', promoter_id: 'bob', product_id: 'p1' }]);
  expect((await ask()).status).toBe(302);
});
