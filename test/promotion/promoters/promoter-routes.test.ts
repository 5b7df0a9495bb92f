// Promoters, the tree of who invited whom, and whose a coupon code is.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { openShop, type Shop } from '../shop.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
  for (const id of ['m1', 'm2']) await shop.call('PUT', `/v1/merchants/${id}`, { name: id, currency: 'CNY' });
});
afterAll(() => shop.close());

const put = (id: string, terms: Record<string, unknown> = {}) =>
  shop.call('PUT', `/v1/promoters/${id}`, { name: id, kind: 'person', ...terms });
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

async function holder(code: string, at = new Date(), merchantId = 'm1'): Promise<string | null | undefined> {
  const row = await shop.database.db
    .selectFrom('coupon_version')
    .select('promoter_id')
    .where('merchant_id', '=', merchantId)
    .where('code', '=', code)
    .where('effective_from', '<=', at)
    .orderBy('effective_from', 'desc')
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.promoter_id;
}

test('a promoter is stated with its defaults, and again only when something changes', async () => {
  const made = await put('p1');
  expect(made).toMatchObject({
    status: 201,
    body: {
      promoter_id: 'p1',
      kind: 'person',
      inviter_id: null,
      agency_id: null,
      tier: null,
      status: 'active',
      coupon_codes: [],
      payee: null,
      version: 1,
      effective_from: null,
    },
  });
  expect(await put('p1')).toMatchObject({ status: 200, body: { version: 1 } });
  expect(await put('p1', { status: 'suspended', payee: { kind: 'individual' } })).toMatchObject({
    status: 200,
    body: { version: 2, status: 'suspended', payee: { kind: 'individual' } },
  });
  expect(shop.heard.promoters.filter((id) => id === 'p1')).toHaveLength(2);
});

test('who invited a promoter and which agency it belongs to must be known', async () => {
  expect(await put('lonely', { inviter_id: 'nobody' })).toMatchObject({ status: 422, body: { code: 'unknown_inviter' } });
  expect(await put('lonely', { agency_id: 'nobody' })).toMatchObject({ status: 422, body: { code: 'unknown_agency' } });
  expect(await put('lonely', { inviter_id: 'lonely' })).toMatchObject({ status: 422, body: { code: 'referral_cycle' } });
  expect(await put('lonely', { agency_id: 'lonely' })).toMatchObject({ status: 422, body: { code: 'unprocessable' } });
  expect((await shop.call('GET', '/v1/promoters/lonely')).status).toBe(404);
});

test('nobody is invited by those whom it has invited, through however many others', async () => {
  await put('a');
  await put('b', { inviter_id: 'a' });
  await put('c', { inviter_id: 'b' });
  await put('d', { inviter_id: 'c' });
  for (const inviter of ['a', 'b', 'c', 'd']) {
    expect(await put('a', { inviter_id: inviter })).toMatchObject({ status: 422, body: { code: 'referral_cycle' } });
  }
  // When the chain is cut in the middle there is no cycle any more.
  await put('c');
  expect((await put('a', { inviter_id: 'd' })).status).toBe(200);
  expect(await put('c', { inviter_id: 'b' })).toMatchObject({ status: 422, body: { code: 'referral_cycle' } });
});

test('a cycle of statements that are in force at different times is none, of overlapping ones it is', async () => {
  await put('x');
  await put('y', { inviter_id: 'x' });
  await put('y', { inviter_id: null, effective_from: inDays(10) });
  expect(await put('x', { inviter_id: 'y', effective_from: inDays(5) })).toMatchObject({ status: 422, body: { code: 'referral_cycle' } });
  expect((await put('x', { inviter_id: 'y', effective_from: inDays(10) })).status).toBe(200);
  expect(await put('y', { inviter_id: 'x', effective_from: inDays(20) })).toMatchObject({ status: 422, body: { code: 'referral_cycle' } });
});

test('of statements that close a cycle together not all can win', async () => {
  for (let round = 0; round < 5; round += 1) {
    const ids = [0, 1, 2].map((index) => `r${round}-${index}`);
    for (const id of ids) await put(id);
    const answers = await Promise.all(ids.map((id, index) => put(id, { inviter_id: ids[(index + 1) % 3] })));
    const codes = answers.map((answer): string => (answer.status === 200 ? 'ok' : answer.body.code)).toSorted();
    expect(codes).toEqual(['ok', 'ok', 'referral_cycle']);
  }
});

test('the first statement of a coupon code counts for all earlier time, and a code that is given up has no holder', async () => {
  await put('c1', { coupon_codes: [{ merchant_id: 'm1', code: 'bob10' }] });
  expect(await holder('BOB10', new Date(0))).toBe('c1');
  await put('c1');
  expect(await holder('BOB10')).toBeNull();
  expect(await holder('BOB10', new Date(0))).toBe('c1');
  expect(await put('c2', { coupon_codes: [{ merchant_id: 'm1', code: 'Bob10' }] })).toMatchObject({
    status: 201,
    body: { coupon_codes: [{ merchant_id: 'm1', code: 'BOB10' }] },
  });
  expect(await holder('BOB10')).toBe('c2');
  expect(await holder('BOB10', new Date(0))).toBe('c1');
});

test('a code belongs to one promoter of a merchant', async () => {
  await put('d1', { coupon_codes: [{ merchant_id: 'm1', code: 'ONE' }] });
  const taken = await put('d2', {
    coupon_codes: [
      { merchant_id: 'm1', code: 'FREE' },
      { merchant_id: 'm1', code: 'one' },
    ],
  });
  expect(taken).toMatchObject({ status: 409, body: { code: 'coupon_taken' } });
  expect((await shop.call('GET', '/v1/promoters/d2')).status).toBe(404);
  expect(await holder('FREE')).toBeUndefined();
  expect((await put('d2', { coupon_codes: [{ merchant_id: 'm2', code: 'one' }] })).status).toBe(201);
  expect(await put('d3', { coupon_codes: [{ merchant_id: 'nobody', code: 'X' }] })).toMatchObject({
    status: 422,
    body: { code: 'unknown_merchant', errors: [{ path: 'coupon_codes.0.merchant_id' }] },
  });
});

test('a code that another promoter will hold is taken already', async () => {
  await put('e1', {});
  await put('e1', { coupon_codes: [{ merchant_id: 'm1', code: 'SOON' }], effective_from: inDays(3) });
  expect(await put('e2', { coupon_codes: [{ merchant_id: 'm1', code: 'SOON' }] })).toMatchObject({ status: 409 });
});

test('of many who ask for one code at the same moment one gets it', async () => {
  const ids = Array.from({ length: 6 }, (_, index) => `f${index}`);
  const answers = await Promise.all(ids.map((id) => put(id, { coupon_codes: [{ merchant_id: 'm1', code: 'RUSH' }] })));
  expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([201, 409, 409, 409, 409, 409]);
});

test('a promoter reads itself and nobody else', async () => {
  await put('g1');
  await put('g2');
  const key = await shop.key('promoter', 'g1');
  expect((await shop.call('GET', '/v1/promoters/g1', undefined, key)).status).toBe(200);
  expect((await shop.call('GET', '/v1/promoters/g2', undefined, key)).status).toBe(403);
  expect((await shop.call('GET', '/v1/promoters', undefined, key)).status).toBe(403);
  expect((await shop.call('PUT', '/v1/promoters/g1', { name: 'g1', kind: 'person' }, key)).status).toBe(403);
});
