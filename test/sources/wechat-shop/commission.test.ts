// Commission orders of an institution at 微信小店: each speaks of one sku, of who shared it, and of who
// pays that one.
import { expect, test } from 'vitest';

import { mapOne } from '../wechat.ts';

const INFO = {
  talent_info: { opentalentid: 't1', amount: 100 },
  sharer_info: { opensharerid: 's1' },
  promoter_agency_info: { amount: 50 },
  sub_agency_info: { amount: 40 },
  service_amount: 30,
  profit_sharding_suc_time: 0,
};
const DETAIL = {
  shop_info: { appid: 'wx2b255582a7b4bfd0' },
  product_info: { product_id: '10000000139', actual_payment: 1000, product_cnt: 1 },
  order_info: { order_status: 20, pay_time: 1_675_855_180 },
  buyer_info: { open_id: 'o', union_id: 'u' },
};

interface Told {
  info?: object;
  detail?: object;
  binding?: object;
  options?: object;
  [name: string]: unknown;
}

function mapped({ info, detail, binding, options, ...told }: Told = {}) {
  const order_detail = { ...DETAIL, commission_info: { ...INFO, ...info }, ...detail };
  const row = { order_id: '3705115058471208928', sku_id: '1526589', create_time: 1_675_855_175, update_time: 1_675_855_260, status: 20 };
  const body = { commssion_order: { ...row, order_detail, ...told }, ...(binding === undefined ? {} : { sharer_binding: binding }) };
  return mapOne(body, { orders: 'institution', ...options });
}
const lineOf = (told: Told = {}) => mapped(told).report.lines![0]!;

test('a commission order names its shop, and its talent and sharer as its line’s', () => {
  const one = mapped();
  expect(one).toMatchObject({
    report: {
      order_id: '3705115058471208928',
      status: 'paid',
      lines: [{ line_id: '1526589', talent_id: 't1', paid_amount: 1000, platform_commission: 30 }],
    },
    shop: 'wx2b255582a7b4bfd0',
    names: [{ type: 'sharer', value: 's1', lineId: '1526589' }],
  });
  // The other rows of its order are told by commission orders of their own.
  expect(one.report).not.toHaveProperty('whole');
  expect(one.report.talent_id).toBeUndefined();
});

test('a sharer is called by the appid that links are made for, where there is one', () => {
  const named = mapped({ info: { sharer_info: { sharer_appid: 'wxs', opensharerid: 's1' } } });
  expect(named.names).toEqual([{ type: 'sharer_appid', value: 'wxs', lineId: '1526589' }]);
  expect(mapped({ info: { sharer_info: { sharer_appid: '', opensharerid: '' } } }).names).toEqual([]);
});

test.each([
  ['on the platform for talents', { talent_info: { opentalentid: 't1' }, finder_info: { openfinderid: 'of1' } }, 't1'],
  ['as a video account', { talent_info: undefined, finder_info: { openfinderid: 'of1', ratio: 100_000, amount: 10 } }, 'of1'],
  ['by the content that was shared', { talent_info: null, promotion_info: { talent_info: { opentalentid: 't2' } } }, 't2'],
  ['by the account of that content', { talent_info: {}, promotion_info: { finder_info: { openfinderid: 'of2' } } }, 'of2'],
  ['not at all', { talent_info: { opentalentid: '' }, promotion_info: [] }, null],
])('a talent is named %s', (_how, info, talent) => {
  expect(lineOf({ info }).talent_id).toBe(talent);
});

test.each([
  ['service', 30],
  ['sub_agency', 40],
  ['promoter_agency', 50],
  ['talent', 100],
])('the institution’s own part is that of its role: %s', (commission, amount) => {
  expect(lineOf({ options: { commission } }).platform_commission).toBe(amount);
});

test('a talent that is a video account has its part there', () => {
  const info = { talent_info: undefined, finder_info: { openfinderid: 'of1', amount: 10 } };
  expect(lineOf({ info, options: { commission: 'talent' } }).platform_commission).toBe(10);
});

test('completion and settlement are the line’s, and never the order’s', () => {
  const completed = mapped({ detail: { order_info: { order_status: 100, pay_time: 1_675_855_180, update_time: 1_676_000_000 } } });
  expect(completed.report).toMatchObject({ status: 'paid', lines: [{ completed_at: '2023-02-10T03:33:20.000Z', settled_at: null }] });
  expect(completed.report.completed_at ?? null).toBeNull();
  const settled = mapped({ status: 100, info: { profit_sharding_suc_time: 1_677_000_000 } });
  expect(settled.report).toMatchObject({
    status: 'paid',
    lines: [{ completed_at: '2023-02-08T11:21:00.000Z', settled_at: '2023-02-21T17:20:00.000Z' }],
  });
  expect(settled.report.settled_at ?? null).toBeNull();
  expect(lineOf({ status: 100 }).settled_at).toBe('2023-02-08T11:21:00.000Z');
});

test.each(['promoter_agency', 'sub_agency'])('the part of a %s was settled when its own time says so', (commission) => {
  const of = (time?: number) => ({
    status: 100,
    info: { profit_sharding_suc_time: 1_677_000_000, [`${commission}_info`]: { amount: 50, profit_sharding_suc_time: time } },
    options: { commission },
  });
  expect(lineOf(of(1_678_000_000)).settled_at).toBe('2023-03-05T07:06:40.000Z');
  expect(lineOf(of(0)).settled_at).toBeNull();
  expect(lineOf(of()).settled_at).toBe('2023-02-21T17:20:00.000Z');
  expect(lineOf({ ...of(1_678_000_000), status: 20 }).settled_at).toBe('2023-03-05T07:06:40.000Z');
});

test('a commission that is cancelled leaves nothing of its line, and nothing of the order’s state', () => {
  const cancelled = mapped({ status: 200, detail: { order_info: { order_status: 200 } } });
  expect(cancelled.report).toMatchObject({
    status: null,
    lines: [{ paid_amount: 0, platform_commission: 0, completed_at: null, settled_at: null }],
  });
});

test('a status that nobody knows settles nothing', () => {
  expect(mapped({ status: 7 })).toMatchObject({
    report: { status: null, lines: [{ completed_at: null, settled_at: null }] },
    unknownCode: 'commission_order_status 7',
  });
});

test('a shop without a name waits for a mapping that can be made', () => {
  for (const shop_info of [{ appid: '' }, {}, null, undefined]) expect(mapped({ detail: { shop_info } }).shop).toBe('unnamed');
});

test('an order that is not paid yet is only made', () => {
  expect(mapped({ detail: { order_info: { order_status: 10 } } }).report).toMatchObject({ status: 'created', paid_at: null });
  expect(mapped({ detail: { order_info: { order_status: 20 } } }).report.paid_at).toBe('2023-02-08T11:19:35.000Z');
});

const PAID_SHARER = { sharer_info: { sharer_appid: 'wxs', amount: 25 } };

test.each([
  ['as_bound', { commission_type: 0 }, PAID_SHARER, 'paid_by_platform'],
  ['as_bound', { commission_type: '0' }, PAID_SHARER, 'paid_by_platform'],
  ['as_bound', { commission_type: 1 }, PAID_SHARER, false],
  ['as_bound', { commission_type: null }, PAID_SHARER, null],
  ['as_bound', undefined, PAID_SHARER, null],
  ['as_bound', { commission_type: 0 }, { sharer_info: { sharer_appid: 'wxs', amount: 0 } }, false],
  ['as_bound', undefined, { sharer_info: null }, false],
  ['platform', undefined, PAID_SHARER, 'paid_by_platform'],
  ['platform', { commission_type: 1 }, PAID_SHARER, 'paid_by_platform'],
  ['platform', undefined, { sharer_info: null }, false],
  ['institution', { commission_type: 0 }, PAID_SHARER, false],
])('sharers paid %s and bound as %j: %j bars %s', (sharer_paid_by, binding, info, barred) => {
  const told: Told = { info, options: { sharer_paid_by } };
  expect(lineOf(binding === undefined ? told : { ...told, binding }).not_commissionable).toBe(barred);
});

test('a part that decides nothing refuses no commission order', () => {
  const broken = [null, '', 0, [], {}, 'x'];
  const fields = [
    'sharer_info',
    'talent_info',
    'finder_info',
    'promotion_info',
    'sub_agency_info',
    'promoter_agency_info',
    'promotion_channel',
  ];
  for (const value of broken) {
    for (const field of fields) {
      expect(lineOf({ info: { [field]: value } }), `${field} ${JSON.stringify(value)}`).toMatchObject({ paid_amount: 1000 });
    }
    for (const field of ['buyer_info', 'order_info', 'shop_info']) {
      expect(lineOf({ detail: { [field]: value } })).toMatchObject({ paid_amount: 1000 });
    }
  }
  expect(() => mapped({ detail: { product_info: { product_id: '1' } } })).toThrow('what was paid');
});
