// Links as they are made, listed, refused and drawn.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { openShop, PUBLIC_URL, type Body, type Shop } from '../shop.ts';

let shop: Shop;
const wish = { promoter_id: 'bob', merchant_id: 'm1', product_id: 'p1' };

beforeAll(async () => {
  shop = await openShop();
  await shop.stock();
  await shop.stock('m2');
});
afterAll(() => shop.close());

const post = (body: object, key?: string, headers?: Record<string, string>) => shop.call('POST', '/v1/links', body, key, headers);

async function sharersOf(code: string): Promise<string[]> {
  const row = await shop.database.db.selectFrom('link').select('sharers').where('code', '=', code).executeTakeFirstOrThrow();
  return row.sharers;
}

test('a link has a code that cannot be guessed, a short URL, and the landing URL of its product', async () => {
  const made = await post(wish);
  expect(made).toMatchObject({
    status: 201,
    body: {
      code: expect.stringMatching(/^[0-9A-Za-z]{10}$/),
      url: `${PUBLIC_URL}/r/${made.body.code}`,
      landing_url: 'https://shop.example.com/p/1?a=1#top',
      scene: 'other',
      shared_from: null,
      expires_at: null,
    },
  });
  expect((await shop.call('GET', `/v1/links/${made.body.code}`)).body).toEqual(made.body);
  expect((await post(wish)).body.code).not.toBe(made.body.code);
  expect((await shop.call('GET', '/v1/links/nothing1')).status).toBe(404);
});

test('everything that is said of a link is kept', async () => {
  const said = {
    ...wish,
    landing_url: 'https://shop.example.com/live?x=1',
    scene: 'live',
    content_id: 'room-1',
    talent_id: 'alice',
    campaign_id: '618',
    expires_at: '2027-01-01T00:00:00.000Z',
  };
  expect((await post(said)).body).toMatchObject(said);
});

test.each([
  [{ ...wish, merchant_id: 'nobody' }, 'unknown_merchant', 'merchant_id'],
  [{ ...wish, promoter_id: 'nobody' }, 'unknown_promoter', 'promoter_id'],
  [{ ...wish, talent_id: 'nobody' }, 'unknown_promoter', 'talent_id'],
  [{ ...wish, product_id: 'nothing' }, 'unknown_product', 'product_id'],
  [{ ...wish, shared_from: 'nothing1' }, 'unknown_link', 'shared_from'],
  [{ ...wish, product_id: undefined }, 'invalid_landing_url', 'landing_url'],
  [{ ...wish, landing_url: 'ftp://shop.example.com/' }, 'invalid_landing_url', 'landing_url'],
  [{ ...wish, landing_url: 'https://evil.example/' }, 'landing_host_not_allowed', 'landing_url'],
  [{ ...wish, landing_url: 'http://shop.example.com/' }, 'landing_host_not_allowed', 'landing_url'],
])('a wish that cannot be fulfilled says why: %j', async (body, code, path) => {
  expect(await post(body)).toMatchObject({ status: 422, body: { code, errors: [{ path }] } });
});

test('an unknown product does not matter where a landing URL is given', async () => {
  const made = await post({ ...wish, product_id: 'not-yet', landing_url: 'https://shop.example.com/new' });
  expect(made).toMatchObject({ status: 201, body: { product_id: 'not-yet' } });
});

test('a link shared again knows who shared it before, nearest first, each once and never itself', async () => {
  const first = await shop.link({ promoter_id: 'alice' });
  const second = await shop.link({ promoter_id: 'bob', shared_from: first });
  await shop.call('PUT', '/v1/promoters/carol', { name: 'Carol', kind: 'person' });
  const third = await shop.link({ promoter_id: 'carol', shared_from: second });
  expect(await sharersOf(first)).toEqual([]);
  expect(await sharersOf(second)).toEqual(['alice']);
  expect(await sharersOf(third)).toEqual(['bob', 'alice']);
  expect(await sharersOf(await shop.link({ promoter_id: 'alice', shared_from: third }))).toEqual(['carol', 'bob']);
  expect(await sharersOf(await shop.link({ promoter_id: 'carol', shared_from: third }))).toEqual(['bob', 'alice']);
});

test('a link cannot be shared on for another merchant', async () => {
  const first = await shop.link();
  expect(await post({ ...wish, merchant_id: 'm2', shared_from: first })).toMatchObject({ status: 422, body: { code: 'unknown_link' } });
});

test('a batch is made as a whole or not at all, and tells each fault with its place', async () => {
  const made = await shop.call('POST', '/v1/links/batch', { links: [wish, { ...wish, scene: 'group' }] });
  expect(made).toMatchObject({ status: 201, body: { data: [{ scene: 'other' }, { scene: 'group' }] } });
  const count = async () =>
    Number(
      (
        await shop.database.db
          .selectFrom('link')
          .select(({ fn }) => fn.countAll<bigint>().as('n'))
          .executeTakeFirstOrThrow()
      ).n,
    );
  const before = await count();
  const links = [wish, { ...wish, landing_url: 'https://evil.example/' }, wish, { ...wish, promoter_id: 'nobody' }];
  const refused = await shop.call('POST', '/v1/links/batch', { links });
  expect(refused).toMatchObject({
    status: 422,
    body: { code: 'landing_host_not_allowed', errors: [{ path: 'links.1.landing_url' }, { path: 'links.3.promoter_id' }] },
  });
  expect(await count()).toBe(before);
  expect((await shop.call('POST', '/v1/links/batch', { links: Array.from({ length: 1001 }, () => wish) })).status).toBe(400);
  const many = await shop.call('POST', '/v1/links/batch', { links: Array.from({ length: 1000 }, () => wish) });
  expect(new Set(many.body.data.map((link) => link.code)).size).toBe(1000);
});

test('a batch may be a bare list, and its faults are told with their places in it', async () => {
  const made = await shop.call('POST', '/v1/links/batch', [wish, { ...wish, scene: 'group' }]);
  expect([made.status, made.body.data.map((link) => link['scene'])]).toEqual([201, ['other', 'group']]);
  const unknown = await shop.call('POST', '/v1/links/batch', [wish, { ...wish, promoter_id: 'nobody' }]);
  expect(unknown).toMatchObject({ status: 422, body: { errors: [{ path: '1.promoter_id' }] } });
  const malformed = await shop.call('POST', '/v1/links/batch', [wish, { ...wish, scene: 'moon' }]);
  expect(malformed).toMatchObject({ status: 400, body: { errors: [{ path: '1.scene' }] } });
  const named = await shop.call('POST', '/v1/links/batch', { links: [{ ...wish, scene: 'moon', extra: 1 }] });
  expect(named.body.errors.map((error) => error.path)).toEqual(['links.0.scene', 'links.0.extra']);
  for (const body of [[], {}, { links: [] }, [[]]]) expect((await shop.call('POST', '/v1/links/batch', body)).status).toBe(400);
});

test('a request under an idempotency key makes one link', async () => {
  const headers = { 'idempotency-key': 'k1' };
  const [first, again] = [await post(wish, undefined, headers), await post(wish, undefined, headers)];
  expect(again).toMatchObject({ status: 201, body: first.body, headers: { 'idempotent-replayed': 'true' } });
  expect((await post({ ...wish, scene: 'live' }, undefined, headers)).status).toBe(422);
});

test('a promoter makes and sees its own links only, a storefront those of its merchant only', async () => {
  const bob = await shop.key('promoter', 'bob');
  const storefront = await shop.key('storefront', 'm1');
  const alices = await shop.link({ promoter_id: 'alice' });
  const others = await shop.link({ merchant_id: 'm2' });
  expect((await post(wish, bob)).status).toBe(201);
  expect((await post({ ...wish, promoter_id: 'alice' }, bob)).status).toBe(403);
  expect((await post({ ...wish, merchant_id: 'm2' }, storefront)).status).toBe(403);
  expect((await shop.call('POST', '/v1/links/batch', { links: [wish, { ...wish, merchant_id: 'm2' }] }, storefront)).status).toBe(403);
  for (const suffix of ['', '/qr.svg', '/qr.png']) {
    expect((await shop.call('GET', `/v1/links/${alices}${suffix}`, undefined, bob)).status).toBe(403);
    expect((await shop.call('GET', `/v1/links/${others}${suffix}`, undefined, storefront)).status).toBe(403);
    expect((await shop.call('GET', `/v1/links/${alices}${suffix}`, undefined, storefront)).status).toBe(200);
  }
  expect((await shop.call('GET', '/v1/links?promoter_id=alice', undefined, bob)).status).toBe(403);
  const seen = await shop.call('GET', '/v1/links?promoter_id=bob&limit=200', undefined, storefront);
  expect(seen.body.data.every((link) => link['merchant_id'] === 'm1')).toBe(true);
});

test('a link that an operator makes is in the audit log once; those of storefronts and promoters are their daily work', async () => {
  const recorded = async (codes: string[]) => {
    const rows = await shop.database.db.selectFrom('audit_log').select(['action', 'subject_id']).where('subject_id', 'in', codes).execute();
    return rows.map(({ action, subject_id: code }) => `${action} ${code}`).toSorted();
  };
  const loaded = { ...wish, code: 'loadedOnce' };
  const operators = [(await post(wish)).body.code, 'loadedOnce'];
  for (let times = 0; times < 2; times += 1) expect((await shop.load('links', [loaded])).body).toMatchObject({ accepted: 1 });
  const { body: batch } = await shop.call('POST', '/v1/links/batch', [wish, wish]);
  operators.push(...batch.data.map((link) => link.code));
  expect(await recorded(operators)).toEqual(operators.map((code) => `link_made ${code}`).toSorted());
  const others = [await shop.key('storefront', 'm1'), await shop.key('promoter', 'bob')].map(
    async (key) => (await post(wish, key)).body.code,
  );
  expect(await recorded(await Promise.all(others))).toEqual([]);
});

test('the links of a promoter are listed from the newest, each once, however the pages are cut', async () => {
  await shop.call('PUT', '/v1/promoters/lister', { name: 'Lister', kind: 'person' });
  const made: string[] = [];
  for (let batch = 0; batch < 3; batch += 1) {
    const links = Array.from({ length: 3 }, () => ({ ...wish, promoter_id: 'lister' }));
    const answer = await shop.call('POST', '/v1/links/batch', { links });
    made.push(...answer.body.data.map((link) => link.code));
  }
  const key = await shop.key('promoter', 'lister');
  const seen: Body[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = await shop.call('GET', `/v1/links?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`, undefined, key);
    seen.push(...page.body.data);
    cursor = page.body.next_cursor;
  }
  expect(seen.map((link) => link.code).toSorted()).toEqual(made.toSorted());
  const times = seen.map((link) => String(link['made_at']));
  expect(times).toEqual(times.toSorted().toReversed());
  expect((await shop.call('GET', '/v1/links?cursor=bm9uZQ', undefined, key)).body.code).toBe('invalid_cursor');
  expect((await shop.call('GET', '/v1/links')).status).toBe(400);
});

test('the QR codes are pictures of the short URL', async () => {
  const code = await shop.link();
  const svg = await shop.call('GET', `/v1/links/${code}/qr.svg`);
  expect(svg).toMatchObject({ status: 200, headers: { 'content-type': expect.stringContaining('image/svg+xml') } });
  expect(svg.bytes.toString()).toMatch(/^<svg /);
  const png = await shop.call('GET', `/v1/links/${code}/qr.png?size=256`);
  expect(png).toMatchObject({ status: 200, headers: { 'content-type': 'image/png' } });
  expect(png.bytes.subarray(1, 4).toString()).toBe('PNG');
  expect(png.bytes.readUInt32BE(16)).toBe(256);
  expect((await shop.call('GET', `/v1/links/${code}/qr.png?size=100000`)).status).toBe(400);
});
