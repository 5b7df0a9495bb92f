// More visits of one address than people make: all are led on with their token, and a sample of
// them is kept.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { openShop, PHONE, type Shop } from '../shop.ts';

const KEPT_MAX = 5;

let shop: Shop;
let codes: string[];

beforeAll(async () => {
  shop = await openShop({ redirectsPerAddress: KEPT_MAX });
  await shop.stock();
  codes = [await shop.link(), await shop.link()];
});
afterAll(() => shop.close());

const clicksOf = (linkCode: string) =>
  shop.database.db.selectFrom('click').select(['click_id', 'bot', 'bot_reason']).where('link_code', '=', linkCode).execute();

test('every visit is led on with a token that stands, and beyond the limit one a second and link is kept, as that of a bot', async () => {
  const [code, other] = codes as [string, string];
  const begun = Date.now();
  const visits = [];
  for (let n = 0; n < 60; n++) visits.push(await shop.follow(n % 6 === 5 ? other : code, { 'x-forwarded-for': '2001:db8::1' }));
  const seconds = Math.floor(Date.now() / 1000) - Math.floor(begun / 1000) + 1;
  expect(new Set(visits.map(({ status }) => status))).toEqual(new Set([302]));
  const proofs = visits.map(({ token }) => shop.read(token));
  expect(new Set(proofs.map(({ bot }) => bot))).toEqual(new Set([false]));
  expect(new Set(proofs.map(({ clickId }) => clickId)).size).toBe(60);

  await shop.path.clicks.write({
    ...proofs[0]!,
    clickId: '01900000-0000-7000-8000-000000000000',
    linkCode: 'last',
    merchantId: 'm1',
    clickedAt: begun,
    identity: null,
    touches: [],
  });
  const rows = [...(await clicksOf(code)), ...(await clicksOf(other))];
  expect(rows.filter(({ bot }) => !bot)).toHaveLength(KEPT_MAX);
  const samples = rows.filter(({ bot_reason }) => bot_reason === 'flooded');
  expect(samples.length).toBeGreaterThan(0);
  expect(samples.length).toBeLessThanOrEqual(2 * seconds);
  expect(samples.every(({ bot }) => bot)).toBe(true);
  expect(rows).toHaveLength(KEPT_MAX + samples.length);
  expect(await shop.registry.metrics()).toContain('fenyong_clicks_flooded_total 55');
});

test('another address of the same minute is a visitor as ever, and the next ones of its network are not', async () => {
  const code = await shop.link();
  for (const address of ['2001:db8:0:1::1', '2001:db8:0:0:9::9', '198.51.100.7']) await shop.follow(code, { 'x-forwarded-for': address });
  expect((await clicksOf(code)).map(({ bot_reason }) => bot_reason).filter((reason) => reason !== null)).toEqual(['flooded']);
  expect(await clicksOf(code)).toHaveLength(3);
});

test('what says that it is a bot stays one, with a token that says so', async () => {
  const code = await shop.link();
  const visit = await shop.follow(code, { 'x-forwarded-for': '2001:db8::1', 'user-agent': 'Googlebot/2.1' });
  expect(shop.read(visit.token).bot).toBe(true);
  expect(PHONE).not.toContain('bot');
});
