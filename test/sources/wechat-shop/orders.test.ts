// A shop's orders at 微信小店: what each status means, whose a line and a gift is, what was paid, and
// what decides nothing.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { mapOne, orderBody } from '../wechat.ts';

const GIFT = { is_present: true, present_order_id_str: '4232433395290081234' };
const product = (skuId: string, told: object = {}) => ({ product_id: `p${skuId}`, sku_id: skuId, sku_cnt: 1, real_price: 1000, ...told });
const ofProducts = (products: object[], told: object = {}, detail: object = {}) =>
  orderBody({ ...told, detail: { product_infos: products, ...detail } });
const linesOf = (body: string) => mapOne(body).report.lines!;

test.each([
  [10, 'created'],
  [13, 'created'],
  [12, 'paid'],
  [17, 'paid'],
  [20, 'paid'],
  [21, 'paid'],
  [30, 'paid'],
  [100, 'completed'],
])('an order of status %i is %s', (status, expected) => {
  expect(mapOne(orderBody({ status })).report).toMatchObject({ status: expected, void: false });
});

test.each([190, 200, 250])('an order of status %i is void', (status) => {
  expect(mapOne(orderBody({ status })).report).toMatchObject({ status: null, void: { reason: `status ${status}` } });
});

test('an order states all its lines, and all that WeChat attributes, once that is found out', () => {
  expect(mapOne(orderBody()).report.whole).toEqual(['lines', 'evidence']);
  const looking = { detail: { sharer_info: { sharer_openid: '', handling_progress: 0 } } };
  expect(mapOne(orderBody(looking)).report.whole).toEqual(['lines']);
  expect(mapOne(orderBody({ detail: { sharer_info: null } }))).toMatchObject({ report: { whole: ['lines', 'evidence'] }, names: [] });
  const progress = { detail: { ext_info: { commission_handling_progress: '0' } } };
  expect(mapOne(orderBody(progress)).report.whole).toEqual(['lines']);
  expect(mapOne(ofProducts([], { status: 250 })).report.whole).toEqual(['evidence']);
});

test('a sku that was changed before it was sent is another line of a whole report', () => {
  const changed = product('112', { change_sku_info: { preshipment_change_sku_state: 4, old_sku_id: 111, new_sku_id: 112 } });
  expect(mapOne(ofProducts([changed])).report).toMatchObject({ whole: ['lines', 'evidence'], lines: [{ line_id: '112' }] });
});

test('each sku has its own sharer, talent and scene; what is said of the order is not said of its lines', () => {
  const detail = {
    sharer_info: { sharer_openid: 'a', share_scene: 1, handling_progress: 1 },
    sku_sharer_infos: [
      { sku_id: '1', sharer_openid: 'a', share_scene: 1 },
      { sku_id: 2, sharer_openid: 'b', share_scene: 3 },
      { sku_id: '9', sharer_openid: 'c', share_scene: 3 },
      { sku_id: '2', sharer_openid: '' },
    ],
    commission_infos: [
      { sku_id: '1', type: 0, talent_id: 't1', finder_id: 'f1' },
      { sku_id: '1', type: 1, agency_id: 'agency' },
      { sku_id: '2', type: 0, talent_id: '', finder_id: '', openfinderid: 'of2' },
    ],
  };
  const mapped = mapOne(ofProducts([product('1'), product('2')], {}, detail));
  expect(mapped.names).toEqual([
    { type: 'sharer', value: 'a' },
    { type: 'sharer', value: 'a', lineId: '1' },
    { type: 'sharer', value: 'b', lineId: '2' },
  ]);
  expect(mapped.report).toMatchObject({ talent_id: null, scene: 'live' });
  expect(mapped.report.lines).toMatchObject([
    { line_id: '1', talent_id: 't1', scene: 'live' },
    { line_id: '2', talent_id: 'of2', scene: 'video' },
  ]);
});

const ofTalents = (...talents: string[]) => ({ commission_infos: talents.map((talent_id) => ({ type: 0, talent_id })) });

test('talents that are named without their sku are of the order when there is one, and none when there are several', () => {
  expect(mapOne(ofProducts([product('1')], {}, ofTalents('t1', 't1'))).report.talent_id).toBe('t1');
  expect(mapOne(ofProducts([product('1')], {}, ofTalents('t1', 't2'))).report.talent_id).toBeNull();
  const inRoom = { ext_info: { finder_id: 'sph1', order_scene: 2 }, sharer_info: null };
  expect(mapOne(ofProducts([product('1')], {}, inRoom)).report).toMatchObject({ talent_id: 'sph1', scene: 'live' });
});

test('the giver of a gift is its buyer, and never who takes it; its sheet is no order', () => {
  const giver = { present_giver_openid: 'giver', present_giver_unionid: 'giver-u' };
  const taken = mapOne(orderBody({ ...GIFT, ...giver, status: 30, openid: 'receiver', unionid: 'receiver-u' })).report;
  expect(taken).toMatchObject({ order_id: '37', status: 'paid', buyer: { openid: 'giver', unionid: 'giver-u' } });
  expect(taken.parent ?? null).toBeNull();
  expect(JSON.stringify(taken)).not.toContain(GIFT.present_order_id_str);
  const inside = { ...GIFT, openid: 'receiver', order_present_info: giver };
  expect(mapOne(orderBody(inside)).report.buyer).toEqual({ openid: 'giver', unionid: 'giver-u' });
  for (const told of [GIFT, { is_present: true }, { present_order_id_str: '42' }]) {
    expect(mapOne(orderBody({ ...told, openid: 'receiver', unionid: 'receiver-u' })).report.buyer).toBeNull();
  }
  expect(mapOne(orderBody({ is_present: false, present_order_id_str: '0', present_giver_openid: '' })).report.buyer).toMatchObject({
    openid: 'o1',
  });
});

test('what a shop gives away was paid by nobody', () => {
  const free = { ...GIFT, order_present_info: { present_giver_openid: 'shop', is_b2c_free_present: true } };
  expect(linesOf(orderBody(free))).toMatchObject([{ not_commissionable: 'free_present' }]);
});

test('what is bought and also comes free is one line, with all its units and what was paid', () => {
  const bought = product('111', { real_price: 10_000 });
  const free = product('111', { real_price: 100, is_free_gift: 1 });
  for (const products of [
    [bought, free],
    [free, bought],
  ]) {
    expect(linesOf(ofProducts(products))).toMatchObject([{ line_id: '111', product_id: 'p111', quantity: 2, paid_amount: 10_000 }]);
  }
});

test.each([
  ['the price that is paid', { real_price: 700, estimate_price: 900 }, 700],
  ['the price after all discounts', { estimate_price: 900 }, 900],
  ['the price that the seller changed it to', { estimate_price: 900, is_change_price: true, change_price: 800 }, 800],
  ['no price that was not changed', { estimate_price: 900, is_change_price: false, change_price: 0 }, 900],
  ['a price as text', { real_price: '700' }, 700],
])('a line costs %s', (_what, prices, paid) => {
  expect(linesOf(ofProducts([product('1', { real_price: undefined, ...prices })]))).toMatchObject([{ paid_amount: paid }]);
});

test('what is not said of each line is its part of what was paid for all goods, without freight', () => {
  const unpriced = (skuId: string, price: number, count = 1) => ({
    ...product(skuId),
    real_price: undefined,
    sale_price: price,
    sku_cnt: count,
  });
  const price_info = { order_price: 10_500, freight: 500 };
  expect(linesOf(ofProducts([unpriced('1', 2000, 10)], {}, { price_info }))).toMatchObject([{ paid_amount: 10_000 }]);
  const several = ofProducts([unpriced('1', 2000, 2), unpriced('2', 1000), product('3', { real_price: 1000 })], {}, { price_info });
  expect(linesOf(several)).toMatchObject([{ paid_amount: 7200 }, { paid_amount: 1800 }, { paid_amount: 1000 }]);
  const changed = { price_info: { ...price_info, is_change_freight: true, change_freight: 0 } };
  expect(linesOf(ofProducts([unpriced('1', 1)], {}, changed))).toMatchObject([{ paid_amount: 10_500 }]);
});

test('the parts of what was paid for all goods come to just that', () => {
  const unpriced = fc.record({ sale_price: fc.nat({ max: 100_000 }), sku_cnt: fc.integer({ min: 1, max: 9 }) });
  fc.assert(
    fc.property(fc.array(unpriced, { minLength: 1, maxLength: 8 }), fc.nat({ max: 1_000_000 }), (parts, goods) => {
      fc.pre(parts.length === 1 || parts.some(({ sale_price }) => sale_price > 0));
      const products = parts.map((part, index) => ({ ...product(String(index + 1)), real_price: undefined, ...part }));
      const lines = linesOf(ofProducts(products, {}, { price_info: { order_price: goods + 300, freight: 300 } }));
      expect(lines.reduce((sum, line) => sum + Number(line.paid_amount), 0)).toBe(goods);
    }),
  );
});

test('a price is needed where something was paid, and nowhere else', () => {
  const unpriced = { product_id: 'p1', sku_id: '1', sku_cnt: 1 };
  const without = { price_info: {} };
  expect(() => mapOne(ofProducts([unpriced], {}, without))).toThrow('what each product cost');
  expect(linesOf(ofProducts([unpriced], { status: 10 }, without))).toMatchObject([{ paid_amount: null }]);
  expect(linesOf(ofProducts([unpriced], { status: 250 }, without))).toMatchObject([{ paid_amount: null }]);
  expect(linesOf(ofProducts([{ ...unpriced, is_free_gift: true }, product('2')], {}, without))).toMatchObject([
    { line_id: '1', paid_amount: 0 },
    { line_id: '2', paid_amount: 1000 },
  ]);
  expect(linesOf(ofProducts([unpriced], {}, { price_info: { order_price: 0 } }))).toMatchObject([{ paid_amount: 0 }]);
  expect(() => mapOne(ofProducts([{ ...unpriced, real_price: -1 }]))).toThrow(Error);
});

test('an order of 0 yuan, and one whose payment follows the goods, were bought when they were ordered', () => {
  const lottery = { pay_info: { payment_method: 3 }, price_info: { order_price: 0 } };
  expect(mapOne(orderBody({ detail: lottery })).report).toMatchObject({
    status: 'paid',
    paid_at: '2026-06-01T10:00:00.000Z',
    lines: [{ paid_amount: 0 }],
  });
  const later = { pay_info: { payment_method: 2, pay_time: 1_780_912_900 } };
  for (const status of [20, 100]) {
    expect(mapOne(orderBody({ status, detail: later })).report.paid_at).toBe('2026-06-01T10:00:00.000Z');
  }
  expect(mapOne(orderBody({ status: 10, detail: { pay_info: null } })).report.paid_at).toBeNull();
});

/** Ways in which WeChat writes nothing, or something that nobody expected. */
const NOTHING = [null, '', 0, '0', [], {}, 'x', -1, 1.5, false] as const;

test('a part that decides nothing refuses no order, whatever stands in it', () => {
  const before = mapOne(orderBody({ detail: { sharer_info: null, pay_info: null } })).report;
  const parts = [
    'pay_info',
    'commission_infos',
    'sharer_info',
    'sku_sharer_infos',
    'settle_info',
    'ext_info',
    'delivery_info',
    'refund_info',
  ];
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...parts), fc.constantFrom<unknown>(...NOTHING)), (detail) => {
      const body = orderBody({ detail: { sharer_info: null, pay_info: null, ...detail } });
      expect(mapOne(body).report).toMatchObject({ order_id: '37', status: 'paid', lines: before.lines });
    }),
  );
  const fields = [
    'unionid',
    'create_time',
    'update_time',
    'aftersale_detail',
    'present_giver_unionid',
    'order_present_info',
    'intra_city_order_info',
  ];
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...fields), fc.constantFrom<unknown>(null, '', 0, '0', [], {})), (told) => {
      expect(mapOne(orderBody(told)).report).toMatchObject({ order_id: '37', status: 'paid', lines: before.lines });
    }),
  );
});

test('items of lists that cannot be read do not hide the others', () => {
  const sku_sharer_infos = [null, 'x', { sku_id: '1526589', sharer_openid: 'b' }, 7, {}];
  expect(mapOne(orderBody({ detail: { sku_sharer_infos } })).names).toContainEqual({ type: 'sharer', value: 'b', lineId: '1526589' });
});

test.each([
  { order_id: '' },
  { order_id: null },
  { status: '' },
  { order_detail: {} },
  { order_detail: { product_infos: [{ sku_cnt: 1 }] } },
])('what money or identity needs must be there: %j', (told) => {
  expect(() => mapOne(orderBody(told))).toThrow(Error);
});

test('a time that no order can have is none', () => {
  expect(mapOne(orderBody({ update_time: 1_780_308_000_000 })).report.observed_at).toBeNull();
  expect(mapOne(orderBody({ update_time: '1780308000' })).report.observed_at).toBe('2026-06-01T10:00:00.000Z');
});
