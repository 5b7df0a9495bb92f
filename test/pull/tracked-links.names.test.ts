// Tracked links of platforms whose orders have no field for our code: they say it by a position of
// the link's own, or who shared.
import { afterAll, beforeAll, expect, test } from 'vitest';

import { retryTrackedLinks } from '../../src/pull/tracked-links.ts';
import { ADZONE_ID, SITE_ID } from '../sources/doubles/taobao.ts';
import { SHARER, SHOP_APPID } from '../sources/doubles/wechat.ts';
import { subject as taobao } from '../sources/subjects/taobao.ts';
import { subject as wechatShop } from '../sources/subjects/wechat-shop.ts';
import { openLinker, PAGE, type Linker } from './linker.ts';

const OF_INSTITUTION = { orders: 'institution', pull: {} };
const WECHAT_LINK = `https://store.weixin.qq.com/shop/a/${SHARER}-10000000139`;

let linker: Linker;

beforeAll(async () => {
  linker = await openLinker([taobao, wechatShop]);
});
afterAll(() => linker.close());

const atTaobao = (wish: object = {}) => linker.make({ source_id: 'taobao', ...wish });
const atWechat = (wish: object = {}) => linker.make({ source_id: 'wechat-shop', product_id: '10000000139', ...wish });
/** Platforms tell times by the second, and of no second that is not over. */
const justNow = () => new Date(Date.now() - 2000);
const refused = (words: string) => ({ status: 422, body: { code: 'platform_refused', detail: expect.stringContaining(words) as unknown } });

test('without a medium and a mapping 淘宝客 makes no link, and says what to state', async () => {
  await linker.connect(taobao);
  const before = await linker.links();
  expect(await atTaobao()).toMatchObject(refused('options.site_id'));
  await linker.map('taobao', 'relation_id', '2000000001', { promoter_id: 'bob' });
  expect(await atTaobao()).toMatchObject(refused('options.adzone_id'));
  expect(await linker.links()).toBe(before);
});

test('a link of 淘宝客 is made for the channel that the promoter is, and its orders are that promoter’s', async () => {
  await linker.connect(taobao, { adzone_id: ADZONE_ID });
  const { status, body } = await atTaobao();
  expect([status, body['tracking']]).toMatchObject([201, { state: 'made', expires_at: null }]);
  expect(await linker.landing(body.code)).toBe(`https://uland.taobao.com/coupon/edetail?e=${ADZONE_ID}-2000000001`);
  linker.doubles['taobao']!.put('3456789012345678900', justNow());
  expect(await linker.decide()).toMatchObject([{ order_id: '3456789012345678900', promoter_id: 'bob', evidence: 'platform' }]);
});

test('a member, and a position of the promoter’s own, are said as well; a product without a coupon has its plain link', async () => {
  await linker.map('taobao', 'special_id', '5', { promoter_id: 'alice' });
  const member = await atTaobao({ promoter_id: 'alice', product_id: 'plain' });
  expect(await linker.landing(member.body.code)).toBe(`https://s.click.taobao.com/t?e=${ADZONE_ID}-5`);
  await linker.map('taobao', 'adzone_id', ADZONE_ID, { promoter_id: 'alice' });
  const own = await atTaobao({ promoter_id: 'alice' });
  expect(await linker.landing(own.body.code)).toBe(`https://uland.taobao.com/coupon/edetail?e=${ADZONE_ID}-`);
});

test('under a medium each link of 淘宝客 has a position that is named as our code, and its orders are that link’s', async () => {
  await linker.connect(taobao, { site_id: SITE_ID });
  const links = [await atTaobao({ promoter_id: 'bob' }), await atTaobao({ promoter_id: 'alice' })];
  const places = await Promise.all(links.map(({ body }) => linker.landing(body.code)));
  expect(new Set(places).size).toBe(2);
  linker.doubles['taobao']!.put('3456789012345678902', justNow());
  const decided = await linker.decide();
  expect(decided.at(-1)).toMatchObject({ order_id: '3456789012345678902', promoter_id: 'alice', evidence: 'link_code' });
});

test('what 淘宝客 refuses is told in its words, and what it does not answer is asked for again', async () => {
  expect(await atTaobao({ product_id: 'gone' })).toMatchObject(refused('该商品无佣金'));
  await linker.connect(taobao, { site_id: '1' });
  expect(await atTaobao()).toMatchObject(refused('非法参数'));
  await linker.connect(taobao, { site_id: SITE_ID });
  linker.doubles['taobao']!.failNext('rate_limited');
  const { code, tracking } = (await atTaobao()).body;
  expect(tracking).toMatchObject({ state: 'waiting', url: null, error: expect.stringContaining('App Call Limited') });
  expect(await linker.landing(code)).toMatch(`${PAGE}?fy_click=`);
  await linker.elapse(code, '1 hour');
  expect(await retryTrackedLinks(linker.shop.tracking)).toBe(1);
  expect(await linker.landing(code)).toMatch('https://uland.taobao.com/coupon/edetail?e=');
});

test('微信小店 makes links for the 推客 of an institution: it says that they carry no code, and which mappings are missing', async () => {
  await linker.connect(wechatShop, { pull: {} });
  expect(await atWechat()).toMatchObject(refused('sharer_appid'));
  await linker.map('wechat-shop', 'sharer_appid', SHARER, { promoter_id: 'bob' });
  expect(await atWechat()).toMatchObject(refused('to the merchant, as a `shop`'));
  await linker.map('wechat-shop', 'shop', SHOP_APPID, { merchant_id: 'm1' });
  expect(await atWechat()).toMatchObject(refused('options.orders'));
  await linker.connect(wechatShop, OF_INSTITUTION);
  expect(await atWechat({ product_id: 'p1' })).toMatchObject(refused('p1 is no number'));
  expect(await atWechat({ promoter_id: 'alice' })).toMatchObject(refused('no code of ours'));
});

test('a link of 微信小店 is of the 推客 that the promoter is, and its orders are that promoter’s', async () => {
  const { status, body } = await atWechat();
  expect([status, body['tracking']]).toMatchObject([201, { state: 'made', url: WECHAT_LINK, expires_at: null }]);
  expect(await linker.landing(body.code)).toBe(WECHAT_LINK);
  linker.doubles['wechat-shop']!.put('3705115058471208928', justNow());
  const decided = await linker.decide();
  expect(decided.at(-1)).toMatchObject({ order_id: '3705115058471208928', promoter_id: 'bob', evidence: 'platform' });
});

test('a token that WeChat has ended is no reason to wait, and what it refuses is told in its words', async () => {
  linker.doubles['wechat-shop']!.failNext('token_ended');
  expect((await atWechat()).body['tracking']).toMatchObject({ state: 'made', url: WECHAT_LINK });
  expect(await atWechat({ product_id: '404' })).toMatchObject(refused('10071053 商品不在架'));
  await linker.map('wechat-shop', 'sharer_appid', 'wx000000000unbound', { promoter_id: 'alice' });
  expect(await atWechat({ promoter_id: 'alice' })).toMatchObject(refused('10071029 推客和机构未绑定'));
});

test('a link that WeChat refuses later is asked for again, and made once its 推客 is bound', async () => {
  linker.doubles['wechat-shop']!.failNext('temporary');
  const { code } = (await atWechat()).body;
  linker.doubles['wechat-shop']!.failNext('refused');
  await linker.elapse(code, '1 hour');
  expect(await retryTrackedLinks(linker.shop.tracking)).toBe(0);
  expect(await linker.trackingOf(code)).toMatchObject({ state: 'waiting', error: expect.stringContaining('48001') as unknown });
  await linker.elapse(code, '1 hour');
  expect(await retryTrackedLinks(linker.shop.tracking)).toBe(1);
  expect(await linker.landing(code)).toBe(WECHAT_LINK);
});
