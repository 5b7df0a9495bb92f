// Identities: which of them become one buyer, which clicks come with them, and how that is taken
// back.

import { sql } from 'kysely';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';

import { groupsOf } from '../../../src/promotion/buyers/buyer-store.ts';
import { openStockedShop } from '../shop.ts';

const { shop, code } = await openStockedShop();
const { read, hash, touchesOf } = shop;

afterAll(() => shop.close());
beforeEach(() => {
  shop.heard.evidence = [];
});

const identify = (identities: Record<string, string>, more: Record<string, unknown> = {}, key?: string) =>
  shop.call('POST', '/v1/identities', { merchant_id: 'm1', identities, ...more }, key);
const groupOf = async (buyer: Record<string, string>) => {
  const [identity] = hash(buyer);
  return (await groupsOf(shop.database.db, [identity!])).get(identity!)!.toSorted();
};

test('identities that are said to be one buyer are one buyer, in whatever order and however often it is said', async () => {
  expect((await identify({ openid: 'a1', unionid: 'u1' })).body).toMatchObject({ merged: 2 });
  expect((await identify({ openid: 'a2', unionid: 'u2' })).body).toMatchObject({ merged: 2 });
  expect(await groupOf({ openid: 'a1' })).toEqual(hash({ openid: 'a1', unionid: 'u1' }).toSorted());
  expect((await identify({ unionid: 'u1', customer_id: 'c1' })).body).toMatchObject({ merged: 3 });
  expect((await identify({ unionid: 'u2', customer_id: 'c1' })).body).toMatchObject({ merged: 5 });
  expect((await identify({ unionid: 'u2', customer_id: 'c1' })).body).toMatchObject({ merged: 5 });
  const all = hash({ openid: 'a1', unionid: 'u1', customer_id: 'c1' }).concat(hash({ openid: 'a2', unionid: 'u2' }));
  expect(await groupOf({ openid: 'a2' })).toEqual(all.toSorted());
  expect((await identify({ openid: 'alone' })).body).toEqual({ merged: 1, statement_id: null });
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
  const { clickId } = read(token);
  expect(await touchesOf(clickId)).toEqual([]);
  const answer = await identify({ customer_id: 'cookie-1' }, { click_token: token });
  expect(answer.body).toMatchObject({ merged: 2 });
  expect(await groupOf({ customer_id: 'cookie-1' })).toEqual(hash({ customer_id: 'cookie-1', visitor: cookie! }).toSorted());
  expect(await touchesOf(clickId)).toEqual(hash({ customer_id: 'cookie-1' }));
  await identify({ customer_id: 'cookie-1' }, { click_token: token });
  expect(await touchesOf(clickId)).toHaveLength(1);
});

test('a buyer named by the cookie of the redirect brings the first click of that browser', async () => {
  const { token, cookie } = await shop.follow(code);
  await identify({ visitor: cookie!, customer_id: 'cookie-2' });
  expect(await touchesOf(read(token).clickId)).toEqual(hash({ visitor: cookie! }));
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

const stated = async (identities: Record<string, string>, more: Record<string, unknown> = {}) =>
  (await identify(identities, more)).body['statement_id'] as string;
const takeBack = (statementId: string, headers: Record<string, string> = {}) =>
  shop.call('POST', `/v1/identities/${statementId}/reversal`, undefined, undefined, headers);

describe('taking a statement back', () => {
  test('parts the identities that no other statement holds together', async () => {
    await stated({ openid: 'r1', unionid: 'r1' });
    const bridge = await stated({ unionid: 'r1', customer_id: 'r2' });
    await stated({ customer_id: 'r2', phone: '22' });
    shop.heard.evidence = [];
    expect(await takeBack(bridge)).toMatchObject({ status: 200, body: { statement_id: bridge, identities: 4, buyers: 2 } });
    expect(await groupOf({ openid: 'r1' })).toEqual(hash({ openid: 'r1', unionid: 'r1' }).toSorted());
    expect(await groupOf({ phone: '22' })).toEqual(hash({ customer_id: 'r2', phone: '22' }).toSorted());
    const all = hash({ openid: 'r1', unionid: 'r1', customer_id: 'r2', phone: '22' }).toSorted();
    expect(shop.heard.evidence.map(({ identities }) => identities.toSorted())).toEqual([all]);
  });

  test('leaves together what is said twice, and parts it when both are taken back', async () => {
    const first = await stated({ openid: 's1', unionid: 's1', phone: '31' });
    const second = await stated({ openid: 's1', unionid: 's1' });
    expect((await takeBack(first)).body).toMatchObject({ buyers: 2 });
    expect(await groupOf({ openid: 's1' })).toEqual(hash({ openid: 's1', unionid: 's1' }).toSorted());
    expect(await groupOf({ phone: '31' })).toEqual(hash({ phone: '31' }));
    expect((await takeBack(second)).body).toMatchObject({ buyers: 2 });
    expect(await groupOf({ openid: 's1' })).toEqual(hash({ openid: 's1' }));
  });

  test('the same word again is the same statement while it counts, and a new one after', async () => {
    const first = await stated({ openid: 't1', unionid: 't1' });
    expect(await stated({ unionid: 't1', openid: 't1' })).toBe(first);
    await takeBack(first);
    const again = await stated({ openid: 't1', unionid: 't1' });
    expect(again).not.toBe(first);
    expect(await groupOf({ openid: 't1' })).toHaveLength(2);
  });

  test('takes back the click that it said the buyer made, unless another statement says so too', async () => {
    const { token } = await shop.follow(code);
    const { clickId } = read(token);
    const first = await stated({ customer_id: 'u1' }, { click_token: token });
    const second = await stated({ customer_id: 'u1', phone: '41' }, { click_token: token });
    await takeBack(first);
    expect(new Set(await touchesOf(clickId))).toEqual(new Set(hash({ customer_id: 'u1' })));
    await takeBack(second);
    expect(await touchesOf(clickId)).toEqual([]);
  });

  test('is done once: a second time is a conflict, under the same key the same answer, and what was never said is not found', async () => {
    const id = await stated({ openid: 'w1', unionid: 'w1' });
    const done = await takeBack(id, { 'idempotency-key': 'back' });
    expect(done.status).toBe(200);
    expect((await takeBack(id, { 'idempotency-key': 'back' })).bytes).toEqual(done.bytes);
    expect(await takeBack(id)).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect((await takeBack('999999')).status).toBe(404);
    expect((await takeBack('many')).status).toBe(400);
  });

  test('is for operators, is on record, and shows in the list', async () => {
    const id = await stated({ openid: 'x9', unionid: 'x9' });
    const storefront = await shop.key('storefront', 'm1');
    expect((await shop.call('POST', `/v1/identities/${id}/reversal`, undefined, storefront)).status).toBe(403);
    expect((await shop.call('GET', '/v1/identities/statements', undefined, storefront)).status).toBe(403);
    const page = async () => (await shop.call('GET', '/v1/identities/statements?merchant_id=m1&limit=1')).body;
    const before = await page();
    expect(before.data).toMatchObject([{ statement_id: id, merchant_id: 'm1', identities: 2, click_id: null, reversed_at: null }]);
    expect(JSON.stringify(before)).not.toContain(hash({ openid: 'x9' })[0]);
    await takeBack(id);
    const { data, next_cursor: cursor } = await page();
    expect(data).toMatchObject([{ statement_id: id, reversed_at: expect.any(String), reversed_by: expect.any(String) }]);
    const next = await shop.call('GET', `/v1/identities/statements?merchant_id=m1&limit=1&cursor=${cursor}`);
    expect(Number(next.body.data[0]!['statement_id'])).toBeLessThan(Number(id));
    expect((await shop.call('GET', '/v1/identities/statements?merchant_id=m2')).body.data).toEqual([]);
    const { rows } = await sql<{ action: string }>`
      select action from audit_log where subject_kind = 'identity_statement' and subject_id = ${id}`.execute(shop.database.db);
    expect(rows).toEqual([{ action: 'identities_parted' }]);
  });

  test('whatever is said and taken back in whatever order, buyers are what the remaining statements say', async () => {
    const pairs = Array.from({ length: 9 }, (_, index) => ({ openid: `y${index % 5}`, unionid: `y${(index * 3) % 4}` }));
    const ids = [];
    for (const pair of pairs) ids.push({ id: await stated(pair), pair });
    const distinct = [...new Map(ids.map((one) => [one.id, one])).values()];
    await Promise.all(distinct.filter((_, index) => index % 2 === 0).map(({ id }) => takeBack(id)));
    const left = distinct.filter((_, index) => index % 2 === 1).map(({ pair }) => hash(pair));
    for (const start of new Set(pairs.flatMap((pair) => hash(pair)))) {
      const reached = new Set([start]);
      for (let size = 0; size < reached.size;) {
        size = reached.size;
        for (const set of left) if (set.some((one) => reached.has(one))) for (const one of set) reached.add(one);
      }
      const known = (await groupsOf(shop.database.db, [start])).get(start)!;
      expect(known.toSorted()).toEqual([...reached].toSorted());
    }
  });
});
