// What a promoter's own key may not: choose what pays it, make anything while suspended, and make
// links without end.

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openShop, type Shop } from '../shop.ts';

let shop: Shop;
const wish = { promoter_id: 'bob', merchant_id: 'm1', product_id: 'p1' };

beforeAll(async () => {
  shop = await openShop();
  await shop.stock();
});
afterAll(() => shop.close());

const post = (body: object, key?: string) => shop.call('POST', '/v1/links', body, key);

async function sharersOf(code: string): Promise<string[]> {
  const row = await shop.database.db.selectFrom('link').select('sharers').where('code', '=', code).executeTakeFirstOrThrow();
  return row.sharers;
}

describe('what decides who is paid for a link', () => {
  let bobsKey: string;
  let code: string;

  beforeAll(async () => {
    bobsKey = await shop.key('promoter', 'bob');
    code = await shop.link({ promoter_id: 'alice' });
  });

  test.each([
    ['campaign_id', { campaign_id: '618' }],
    ['talent_id', { talent_id: 'alice' }],
    ['talent_id', { talent_id: 'bob' }],
    ['shared_from', {}],
  ])('%s is not a promoter’s to name: %j', async (path, named) => {
    const said = { ...wish, ...(path === 'shared_from' ? { shared_from: code } : named) };
    expect(await post(said, bobsKey)).toMatchObject({ status: 403, body: { code: 'cannot_choose', errors: [{ path }] } });
    const batch = await shop.call('POST', '/v1/links/batch', { links: [wish, said] }, bobsKey);
    expect(batch).toMatchObject({ status: 403, body: { code: 'cannot_choose', errors: [{ path: `links.1.${path}` }] } });
    const list = await shop.call('POST', '/v1/links/batch', [said], bobsKey);
    expect(list).toMatchObject({ status: 403, body: { errors: [{ path: `0.${path}` }] } });
    const storefront = await post(said, await shop.key('storefront', 'm1'));
    expect(storefront).toMatchObject({ status: 201, body: { [path]: said[path as keyof typeof said] } });
  });

  test('a campaign is a promoter’s to name that it was accepted into, for the merchant whose campaign it is', async () => {
    expect(await post({ ...wish, campaign_id: 'of bob' }, bobsKey)).toMatchObject({ status: 201, body: { campaign_id: 'of bob' } });
    const batch = await shop.call(
      'POST',
      '/v1/links/batch',
      [
        { ...wish, campaign_id: 'of bob' },
        { ...wish, campaign_id: 'of alice' },
      ],
      bobsKey,
    );
    expect(batch).toMatchObject({ status: 403, body: { code: 'cannot_choose', errors: [{ path: '1.campaign_id' }] } });
  });

  test('a link that a promoter was led by is proven by a click token of it, and by nothing else', async () => {
    const { token } = await shop.follow(code);
    const made = await post({ ...wish, shared_from: code, click_token: token }, bobsKey);
    expect(made).toMatchObject({ status: 201, body: { shared_from: code } });
    expect(await sharersOf(made.body.code)).toEqual(['alice']);
    const ofAnother = (await shop.follow(await shop.link())).token;
    const ofBot = (await shop.follow(code, { 'user-agent': 'Googlebot/2.1' })).token;
    for (const click_token of [ofAnother, ofBot, `${token}x`, '', 'x'.repeat(500)]) {
      const refused = { status: 422, body: { code: 'unproven_share', errors: [{ path: 'click_token' }] } };
      expect(await post({ ...wish, shared_from: code, click_token }, bobsKey)).toMatchObject(refused);
      expect(await post({ ...wish, shared_from: code, click_token })).toMatchObject(refused);
    }
    expect(await post({ ...wish, click_token: token }, bobsKey)).toMatchObject({ status: 422, body: { code: 'unproven_share' } });
  });
});

test('a suspended promoter’s key makes nothing, and reads what is its own', async () => {
  const code = await shop.link();
  const key = await shop.key('promoter', 'bob');
  const suspended = async (status: string) => shop.call('PUT', '/v1/promoters/bob', { name: 'Bob', kind: 'person', status });
  await suspended('suspended');
  expect(await post(wish, key)).toMatchObject({ status: 403, body: { code: 'suspended' } });
  expect(await shop.call('POST', '/v1/links/batch', [wish], key)).toMatchObject({ status: 403, body: { code: 'suspended' } });
  expect((await shop.call('GET', `/v1/links/${code}`, undefined, key)).status).toBe(200);
  await suspended('active');
  expect((await post(wish, key)).status).toBe(201);
});

describe('links of a day', () => {
  let small: Shop;
  let key: string;

  beforeAll(async () => {
    small = await openShop({ linksPerDay: 4 });
    await small.stock();
    key = await small.key('promoter', 'bob');
  });
  afterAll(() => small.close());

  const make = (as?: string) => small.call('POST', '/v1/links', wish, as);
  const makeMany = (count: number) =>
    small.call(
      'POST',
      '/v1/links/batch',
      Array.from({ length: count }, () => wish),
      key,
    );

  test('are bounded for a promoter’s own key, however many ask at once, and it is told when there is room again', async () => {
    const told = await Promise.all(Array.from({ length: 8 }, () => make(key)));
    expect(told.filter(({ status }) => status === 201)).toHaveLength(4);
    expect(told.filter(({ status }) => status === 429)).toHaveLength(4);
    const over = await make(key);
    expect(over).toMatchObject({ status: 429, body: { code: 'link_limit' } });
    expect(Number(over.headers['retry-after'])).toBeGreaterThan(86_000);
    expect(Number(over.headers['retry-after'])).toBeLessThanOrEqual(86_400);
    expect((await make()).status).toBe(201);
  });

  test('leave room as they grow old, for as many as have left and no more', async () => {
    await small.database.owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await sql`update link set made_at = made_at - interval '25 hours'
        where code = any(array(select code from link order by made_at limit 3))`.execute(trx);
    });
    expect((await makeMany(3)).status).toBe(429);
    expect((await makeMany(2)).status).toBe(201);
    expect((await make(key)).status).toBe(429);
  });
});
