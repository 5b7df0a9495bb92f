// Files of merchants, products, promoters and links, good lines and bad.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { openShop, type Shop } from './shop.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
  await shop.stock();
});
afterAll(() => shop.close());

const load: Shop['load'] = (...given) => shop.load(...given);

test('every kind is loaded in bulk, as it is stated one by one', async () => {
  expect((await load('merchants', [{ merchant_id: 'i1', name: 'I', currency: 'CNY', landing_hosts: ['i.example.com'] }])).body).toEqual({
    accepted: 1,
    refused: 0,
    errors: [],
  });
  await load('products', [{ merchant_id: 'i1', product_id: 'p', title: 'P', landing_url: 'https://i.example.com/p' }]);
  await load('promoters', [
    { promoter_id: 'ia', name: 'A', kind: 'person' },
    { promoter_id: 'ib', name: 'B', kind: 'person', inviter_id: 'ia' },
  ]);
  const links = await load('links', [
    { code: 'old-link-1', merchant_id: 'i1', promoter_id: 'ia', product_id: 'p' },
    { code: 'old-link-2', merchant_id: 'i1', promoter_id: 'ib', product_id: 'p', shared_from: 'old-link-1' },
  ]);
  expect(links).toMatchObject({ status: 200, body: { accepted: 2, refused: 0 } });
  expect((await shop.call('GET', '/v1/links/old-link-2')).body).toMatchObject({ promoter_id: 'ib', shared_from: 'old-link-1' });
  expect((await shop.call('GET', '/v1/promoters/ib')).body).toMatchObject({ inviter_id: 'ia', version: 1 });
  expect(shop.heard.merchants).toContain('i1');
  expect((await shop.follow('old-link-2')).status).toBe(302);
});

test('a bad line is refused alone, with its number and what is wrong in it', async () => {
  const loaded = await load('promoters', [
    { promoter_id: 'ok1', name: 'A', kind: 'person' },
    '{"promoter_id": ',
    '',
    { promoter_id: 'bad1', name: 'A', kind: 'alien' },
    { promoter_id: 'bad2', name: 'A', kind: 'person', inviter_id: 'nobody' },
    { promoter_id: 'ok2', name: 'A', kind: 'person' },
  ]);
  expect(loaded.body).toMatchObject({
    accepted: 2,
    refused: 3,
    errors: [
      { line: 2, code: 'malformed_request' },
      { line: 4, code: 'malformed_request', errors: [{ path: 'kind' }] },
      { line: 5, code: 'unknown_inviter', errors: [{ path: 'inviter_id' }] },
    ],
  });
  expect((await shop.call('GET', '/v1/promoters/ok2')).status).toBe(200);
  expect((await shop.call('GET', '/v1/promoters/bad2')).status).toBe(404);
});

test('a file that is sent again changes nothing', async () => {
  const promoters = Array.from({ length: 253 }, (_, index) => ({ promoter_id: `n${index}`, name: `N ${index}`, kind: 'person' }));
  expect((await load('promoters', promoters)).body).toMatchObject({ accepted: 253, refused: 0 });
  expect((await load('promoters', promoters)).body).toMatchObject({ accepted: 253, refused: 0 });
  const links = promoters.map(({ promoter_id }, index) => ({ code: `code-${index}`, merchant_id: 'm1', promoter_id, product_id: 'p1' }));
  expect((await load('links', links)).body).toMatchObject({ accepted: 253, refused: 0 });
  expect((await load('links', links)).body).toMatchObject({ accepted: 253, refused: 0 });
  const { version } = await shop.database.db
    .selectFrom('promoter_version')
    .select(({ fn }) => fn.max('version').as('version'))
    .where('promoter_id', 'like', 'n%')
    .executeTakeFirstOrThrow();
  expect(version).toBe(1);
});

test('a code that is the code of another link is refused', async () => {
  const link = { code: 'twice-1', merchant_id: 'm1', promoter_id: 'bob', product_id: 'p1' };
  const loaded = await load('links', [link, link, { ...link, promoter_id: 'alice' }, { ...link, code: 'ü' }]);
  expect(loaded.body).toMatchObject({
    accepted: 2,
    refused: 2,
    errors: [
      { line: 3, code: 'conflict' },
      { line: 4, code: 'malformed_request' },
    ],
  });
});

test('imports are for the operator, and take lines of JSON only', async () => {
  expect((await load('merchants', [], await shop.key('storefront'))).status).toBe(403);
  expect((await load('merchants', [{ a: 1 }], undefined, 'application/json')).status).toBe(415);
  expect((await load('clicks', [])).status).toBe(404);
});

test('under an Idempotency-Key a file is loaded once, also one of links without codes of their own', async () => {
  const key = await shop.key('admin');
  const send = (lines: object[]) =>
    shop.app.inject({
      method: 'POST',
      url: '/v1/imports/links',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson', 'idempotency-key': 'links-1' },
      payload: lines.map((line) => JSON.stringify(line)).join('\n'),
    });
  const count = async () => (await shop.database.db.selectFrom('link').select('code').execute()).length;
  const link = { merchant_id: 'm1', promoter_id: 'bob', product_id: 'p1' };
  const before = await count();
  const first = await send([link, link]);
  const again = await send([link, link]);
  expect([first.statusCode, first.json()]).toMatchObject([200, { accepted: 2, refused: 0 }]);
  expect([again.body, again.headers['idempotent-replayed']]).toEqual([first.body, 'true']);
  expect((await send([link])).json()).toMatchObject({ code: 'idempotency_key_reused' });
  expect(await count()).toBe(before + 2);
});

test('a file without a byte has nothing to load', async () => {
  expect(await load('merchants', [])).toMatchObject({ status: 200, body: { accepted: 0, refused: 0 } });
});
