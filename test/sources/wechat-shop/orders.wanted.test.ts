// What an order at 微信小店 wants to be fetched: itself again, while something is still found out of
// it, and its after-sales.
import { expect, test } from 'vitest';

import { wechatShop } from '../../../src/sources/wechat-shop/adapter.ts';
import { kept, orderBody } from '../wechat.ts';

const wantedOf = (told: object, at = '2026-06-01T10:00:00Z') => wechatShop.wanted!(kept(orderBody(told), {}, at));

test('an order whose sharer is still looked for is asked for again, ever later, and not for ever', () => {
  const looking = { detail: { sharer_info: { sharer_openid: '', handling_progress: 0 } } };
  expect(wantedOf(looking)).toEqual([{ key: 'order/37', afterMs: 300_000 }]);
  expect(wantedOf(looking, '2026-06-01T12:00:00Z')).toEqual([{ key: 'order/37', afterMs: 2 * 3_600_000 }]);
  expect(wantedOf(looking, '2026-06-02T10:00:00Z')).toEqual([]);
  expect(wantedOf({ ...looking, status: 10 })).toEqual([]);
  expect(wantedOf({})).toEqual([]);
});

test('an order names its after-sales, which are asked for: a push of them may have been lost', () => {
  const aftersale_detail = { aftersale_order_list: [{ aftersale_order_id: 1234, status: 13 }, { aftersale_order_id: '' }] };
  expect(wantedOf({ aftersale_detail, product: { on_aftersale_sku_cnt: 1 } })).toEqual([{ key: 'after-sale/1234' }]);
  expect(wantedOf({ aftersale_detail, product: { finish_aftersale_sku_cnt: 1 } })).toEqual([{ key: 'after-sale/1234' }]);
  expect(wantedOf({ aftersale_detail })).toEqual([]);
});
