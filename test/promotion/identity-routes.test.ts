// POST /v1/identities: which identities become one buyer, and which clicks come with them.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { groupsOf } from '../../src/promotion/buyer-store.ts';
import { identitiesOf } from '../../src/promotion/identity.ts';
import { readClickToken } from '../../src/promotion/token.ts';
import { openShop, type Shop } from './shop.ts';

let shop: Shop;
let code: string;

beforeAll(async () => {
  shop = await openShop();
  await shop.stock();
  await shop.stock('m2');
  code = await shop.link();
});
afterAll(() => shop.close());
beforeEach(() => {
  shop.heard.evidence = [];
});

const identify = (identities: Record<string, string>, more: Record<string, unknown> = {}, key?: string) =>
  shop.call('POST', '/v1/identities', { merchant_id: 'm1', identities, ...more }, key);
const read = (token: string) => readClickToken([shop.tokenKey], token)!;
const hash = (buyer: Record<string, string>, merchantId = 'm1') => identitiesOf(shop.identityKey, merchantId, buyer);
async function touchesOf(clickId: string): Promise<string[]> {
  const rows = await shop.database.db.selectFrom('touch').select('identity').where('click_id', '=', clickId).execute();
  return rows.map((row) => row.identity).toSorted();
}
const groupOf = async (buyer: Record<string, string>) => {
  const [identity] = hash(buyer);
  return (await groupsOf(shop.database.db, [identity!])).get(identity!)!.toSorted();
};

test('identities that are said to be one buyer are one buyer, in whatever order and however often it is said', async () => {
  expect((await identify({ openid: 'a1', unionid: 'u1' })).body).toEqual({ merged: 2 });
  expect((await identify({ openid: 'a2', unionid: 'u2' })).body).toEqual({ merged: 2 });
  expect(await groupOf({ openid: 'a1' })).toEqual(hash({ openid: 'a1', unionid: 'u1' }).toSorted());
  expect((await identify({ unionid: 'u1', customer_id: 'c1' })).body).toEqual({ merged: 3 });
  expect((await identify({ unionid: 'u2', customer_id: 'c1' })).body).toEqual({ merged: 5 });
  expect((await identify({ unionid: 'u2', customer_id: 'c1' })).body).toEqual({ merged: 5 });
  const all = hash({ openid: 'a1', unionid: 'u1', customer_id: 'c1' }).concat(hash({ openid: 'a2', unionid: 'u2' }));
  expect(await groupOf({ openid: 'a2' })).toEqual(all.toSorted());
  expect((await identify({ openid: 'alone' })).body).toEqual({ merged: 1 });
  expect(await groupOf({ openid: 'alone' })).toEqual(hash({ openid: 'alone' }));
});

test('evidence is told when a statement brings something new, and only then', async () => {
  await identify({ openid: 'new', unionid: 'newer' });
  expect(shop.heard.evidence).toHaveLength(1);
  expect(shop.heard.evidence[0]!.identities.toSorted()).toEqual(hash({ openid: 'new', unionid: 'newer' }).toSorted());
  await identify({ openid: 'new', unionid: 'newer' });
  expect(shop.heard.evidence).toHaveLength(1);
});

test('statements that are made at the same moment leave one buyer', async () => {
  const pairs = Array.from({ length: 12 }, (_, index) => ({ openid: `chain-${index}`, unionid: `chain-${index}` }));
  const links = Array.from({ length: 11 }, (_, index) => ({ openid: `chain-${index}`, unionid: `chain-${index + 1}` }));
  const answers = await Promise.all([...pairs, ...links].map((identities) => identify(identities)));
  expect(answers.every((answer) => answer.status === 200)).toBe(true);
  expect(await groupOf({ openid: 'chain-0' })).toEqual(pairs.flatMap((pair) => hash(pair)).toSorted());
});

test('a value that everybody has makes nobody one buyer', async () => {
  await identify({ openid: 'x1', phone: '' });
  await identify({ openid: 'x2', phone: '138****8000' });
  expect(await groupOf({ openid: 'x1' })).toEqual(hash({ openid: 'x1' }));
  const answers = [];
  for (let from = 0; from < 12; from += 1) {
    const types = Array.from({ length: 17 }, (_, index) => [`type-${index}`, `v${from}`]);
    answers.push(await identify(Object.fromEntries([...types, ['shared', 'one']])));
  }
  expect(answers.slice(0, 11).map((answer) => answer.status)).toEqual(Array.from({ length: 11 }, () => 200));
  expect(answers[11]).toMatchObject({ status: 422, body: { code: 'unprocessable' } });
  expect(await groupOf({ shared: 'one' })).toHaveLength(11 * 17 + 1);
});

test('a click token ties its click to the buyer, and its browser as well', async () => {
  const { token, cookie } = await shop.follow(code);
  const { clickId } = read(token!);
  expect(await touchesOf(clickId)).toEqual([]);
  const answer = await identify({ customer_id: 'cookie-1' }, { click_token: token });
  expect(answer.body).toEqual({ merged: 2 });
  expect(await groupOf({ customer_id: 'cookie-1' })).toEqual(hash({ customer_id: 'cookie-1', visitor: cookie! }).toSorted());
  expect(await touchesOf(clickId)).toEqual(hash({ customer_id: 'cookie-1' }));
  await identify({ customer_id: 'cookie-1' }, { click_token: token });
  expect(await touchesOf(clickId)).toHaveLength(1);
});

test('a buyer named by the cookie of the redirect brings the first click of that browser', async () => {
  const { token, cookie } = await shop.follow(code);
  await identify({ visitor: cookie!, customer_id: 'cookie-2' });
  expect(await touchesOf(read(token!).clickId)).toEqual(hash({ visitor: cookie! }));
  expect(shop.heard.evidence).toHaveLength(1);
});

test('a token that we did not sign, or of a click of another merchant, is refused', async () => {
  expect(await identify({ openid: 'o1' }, { click_token: 'garbage' })).toMatchObject({ status: 422, body: { code: 'unprocessable' } });
  const { token } = await shop.follow(await shop.link({ merchant_id: 'm2' }));
  expect(await identify({ openid: 'o1' }, { click_token: token })).toMatchObject({ status: 422, body: { code: 'unprocessable' } });
});

test('a storefront speaks for its own merchant, which it need not name', async () => {
  const key = await shop.key('storefront', 'm1');
  expect((await identify({ openid: 'k1' }, {}, key)).status).toBe(200);
  expect((await identify({ openid: 'k1' }, { merchant_id: null }, key)).status).toBe(200);
  expect((await identify({ openid: 'k1' }, { merchant_id: 'm2' }, key)).status).toBe(403);
  expect((await identify({ openid: 'k1' }, { merchant_id: null })).status).toBe(400);
  expect(await identify({ openid: 'k1' }, { merchant_id: 'nobody' })).toMatchObject({ status: 422, body: { code: 'unknown_merchant' } });
});

test('no value of an identity is kept as it was said', async () => {
  await identify({ phone: '13912345678', email: 'secret@example.com' });
  for (const table of ['buyer_identity', 'identity_statement'] as const) {
    const rows = await shop.database.db.selectFrom(table).selectAll().execute();
    const text = rows.map((row) => Object.values(row).join(' ')).join(' ');
    for (const value of ['13912345678', 'secret@example.com']) expect(text).not.toContain(value);
  }
});
