import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { uuidTime } from '../../src/platform/uuid.ts';
import { groupsOf } from '../../src/promotion/buyer-store.ts';
import { identitiesOf } from '../../src/promotion/identity.ts';
import { readClickToken } from '../../src/promotion/token.ts';
import { startService, type Service } from './service.ts';

let service: Service;
let code: string;

beforeAll(async () => {
  service = await startService();
  await service.shop();
  await service.shop('m2');
  code = await service.link();
});
afterAll(() => service.close());
beforeEach(() => {
  service.heard.evidence = [];
});

const tell = (body: Record<string, unknown>, key?: string, headers?: Record<string, string>) =>
  service.call('POST', '/v1/clicks', { code, ...body }, key, headers);
const identify = (identities: Record<string, string>, more: Record<string, unknown> = {}, key?: string) =>
  service.call('POST', '/v1/identities', { merchant_id: 'm1', identities, ...more }, key);
const read = (token: string) => readClickToken([service.tokenKey], token)!;
const hash = (buyer: Record<string, string>, merchantId = 'm1') => identitiesOf(service.identityKey, merchantId, buyer);

function rowOf(clickId: string) {
  return service.database.db.selectFrom('click').selectAll().where('click_id', '=', clickId).executeTakeFirst();
}
async function touchesOf(clickId: string): Promise<string[]> {
  const rows = await service.database.db.selectFrom('touch').select('identity').where('click_id', '=', clickId).execute();
  return rows.map((row) => row.identity).toSorted();
}
const groupOf = async (buyer: Record<string, string>) => {
  const [identity] = hash(buyer);
  return (await groupsOf(service.database.db, [identity!])).get(identity!)!.toSorted();
};

test('a told click has a token, a row and a touch of each identity, and is told of as evidence', async () => {
  const at = new Date(Date.now() - 3 * 86_400_000);
  const answer = await tell({ buyer: { openid: 'o1', phone: '138 0013 8000' }, occurred_at: at.toISOString(), ip: '1.2.3.4' });
  expect(answer.status).toBe(201);
  const proof = read(answer.body.click_token);
  expect(proof).toMatchObject({ linkCode: code, clickedAt: at.getTime(), bot: false });
  expect(await rowOf(proof.clickId)).toMatchObject({ link_code: code, clicked_at: at, bot: false });
  expect(Date.now() - uuidTime(proof.clickId)).toBeLessThan(60_000);
  const identities = hash({ openid: 'o1', phone: '13800138000' });
  expect(await touchesOf(proof.clickId)).toEqual(identities.toSorted());
  expect(service.heard.evidence).toEqual([{ merchantId: 'm1', identities }]);
});

test('a click without a buyer stands by its token alone', async () => {
  const answer = await tell({});
  const { clickId } = read(answer.body.click_token);
  expect(await rowOf(clickId)).toMatchObject({ identity: null });
  expect(await touchesOf(clickId)).toEqual([]);
});

test('a told click of a crawler is kept as such', async () => {
  const answer = await tell({ buyer: { openid: 'crawler' }, user_agent: 'facebookexternalhit/1.1' });
  const proof = read(answer.body.click_token);
  expect(proof.bot).toBe(true);
  expect(await rowOf(proof.clickId)).toMatchObject({ bot: true });
});

test.each([
  [{ code: 'nothing123' }, 422, 'unknown_link'],
  [{ code: 'not a code' }, 422, 'unknown_link'],
  [{ occurred_at: new Date(Date.now() + 10 * 60_000).toISOString() }, 422, 'unprocessable'],
  [{ occurred_at: new Date(Date.now() - 181 * 86_400_000).toISOString() }, 422, 'unprocessable'],
  [{ occurred_at: 'now' }, 400, 'malformed_request'],
  [{ buyer: { openid: 5 } }, 400, 'malformed_request'],
  [{ buyer: Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`t${index}`, 'v'])) }, 400, 'malformed_request'],
])('a click that cannot be taken is refused: %j', async (body, status, problem) => {
  expect(await tell(body)).toMatchObject({ status, body: { code: problem } });
});

test('a storefront tells of clicks of its own merchant only', async () => {
  expect((await tell({}, await service.key('storefront', 'm1'))).status).toBe(201);
  expect((await tell({}, await service.key('storefront', 'm2'))).status).toBe(403);
  expect((await tell({}, await service.key('promoter', 'bob'))).status).toBe(403);
});

test('under an idempotency key a click is told once, without one as often as it is told', async () => {
  const headers = { 'idempotency-key': 'click-1' };
  const [first, again] = [
    await tell({ buyer: { openid: 'once' } }, undefined, headers),
    await tell({ buyer: { openid: 'once' } }, undefined, headers),
  ];
  expect(again.body).toEqual(first.body);
  await tell({ buyer: { openid: 'once' } });
  const { rows } = await sql<{ n: bigint }>`select count(*) as n from touch where identity = ${hash({ openid: 'once' })[0]}`.execute(
    service.database.db,
  );
  expect(rows[0]!.n).toBe(2n);
});

test('many clicks at once are all written', async () => {
  const answers = await Promise.all(Array.from({ length: 300 }, (_, index) => tell({ buyer: { openid: `many-${index}` } })));
  const ids = answers.map((answer) => read(answer.body.click_token).clickId);
  const rows = await service.database.db.selectFrom('click').select('click_id').where('click_id', 'in', ids).execute();
  expect(rows).toHaveLength(300);
});

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
  expect(service.heard.evidence).toHaveLength(1);
  expect(service.heard.evidence[0]!.identities.toSorted()).toEqual(hash({ openid: 'new', unionid: 'newer' }).toSorted());
  await identify({ openid: 'new', unionid: 'newer' });
  expect(service.heard.evidence).toHaveLength(1);
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
  const { token, cookie } = await service.follow(code);
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
  const { token, cookie } = await service.follow(code);
  await identify({ visitor: cookie!, customer_id: 'cookie-2' });
  expect(await touchesOf(read(token!).clickId)).toEqual(hash({ visitor: cookie! }));
  expect(service.heard.evidence).toHaveLength(1);
});

test('a token that we did not sign, or of a click of another merchant, is refused', async () => {
  expect(await identify({ openid: 'o1' }, { click_token: 'garbage' })).toMatchObject({ status: 422, body: { code: 'unprocessable' } });
  const { token } = await service.follow(await service.link({ merchant_id: 'm2' }));
  expect(await identify({ openid: 'o1' }, { click_token: token })).toMatchObject({ status: 422, body: { code: 'unprocessable' } });
});

test('a storefront speaks for its own merchant, which it need not name', async () => {
  const key = await service.key('storefront', 'm1');
  expect((await identify({ openid: 'k1' }, {}, key)).status).toBe(200);
  expect((await identify({ openid: 'k1' }, { merchant_id: null }, key)).status).toBe(200);
  expect((await identify({ openid: 'k1' }, { merchant_id: 'm2' }, key)).status).toBe(403);
  expect((await identify({ openid: 'k1' }, { merchant_id: null })).status).toBe(400);
  expect(await identify({ openid: 'k1' }, { merchant_id: 'nobody' })).toMatchObject({ status: 422, body: { code: 'unknown_merchant' } });
});

test('no value of an identity is kept as it was said', async () => {
  await identify({ phone: '13912345678', email: 'secret@example.com' });
  await tell({ buyer: { phone: '13912345678' }, ip: '9.9.9.9', user_agent: 'SecretAgent/1' });
  for (const table of ['click', 'touch', 'buyer_identity', 'identity_statement'] as const) {
    const rows = await service.database.db.selectFrom(table).selectAll().execute();
    const text = rows.map((row) => Object.values(row).join(' ')).join('\n');
    for (const value of ['13912345678', 'secret@example.com', '9.9.9.9', 'SecretAgent']) expect(text).not.toContain(value);
  }
});
