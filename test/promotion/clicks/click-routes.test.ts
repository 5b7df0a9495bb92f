// POST /v1/clicks: what is written of a told click, what it answers, and what it refuses.

import { sql } from 'kysely';
import { afterAll, beforeEach, expect, test } from 'vitest';

import { uuidTime } from '../../../src/platform/uuid.ts';
import { openStockedShop } from '../shop.ts';

const { shop, code } = await openStockedShop();
const { read, hash, touchesOf } = shop;

afterAll(() => shop.close());
beforeEach(() => {
  shop.heard.evidence = [];
});

const tell = (body: Record<string, unknown>, key?: string, headers?: Record<string, string>) =>
  shop.call('POST', '/v1/clicks', { code, ...body }, key, headers);
function rowOf(clickId: string) {
  return shop.database.db.selectFrom('click').selectAll().where('click_id', '=', clickId).executeTakeFirst();
}

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
  expect(shop.heard.evidence).toEqual([{ merchantId: 'm1', identities }]);
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
  expect((await tell({}, await shop.key('storefront', 'm1'))).status).toBe(201);
  expect((await tell({}, await shop.key('storefront', 'm2'))).status).toBe(403);
  expect((await tell({}, await shop.key('promoter', 'bob'))).status).toBe(403);
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
    shop.database.db,
  );
  expect(rows[0]!.n).toBe(2n);
});

test('many clicks at once are all written', async () => {
  const answers = await Promise.all(Array.from({ length: 300 }, (_, index) => tell({ buyer: { openid: `many-${index}` } })));
  const ids = answers.map((answer) => read(answer.body.click_token).clickId);
  const rows = await shop.database.db.selectFrom('click').select('click_id').where('click_id', 'in', ids).execute();
  expect(rows).toHaveLength(300);
});

test('nothing that a storefront tells of its buyer is kept as it was told', async () => {
  await tell({ buyer: { phone: '13912345678', email: 'secret@example.com' }, ip: '9.9.9.9', user_agent: 'SecretAgent/1' });
  for (const table of ['click', 'touch', 'buyer_identity'] as const) {
    const rows = await shop.database.db.selectFrom(table).selectAll().execute();
    const text = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    for (const value of ['13912345678', 'secret@example.com', '9.9.9.9', 'SecretAgent']) expect(text).not.toContain(value);
  }
});
