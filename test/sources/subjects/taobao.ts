// 淘宝客.
import { taobao } from '../../../src/sources/unions/taobao.ts';
import { taobaoDouble } from '../doubles/taobao.ts';
import type { Subject } from '../subject.ts';

const SECRETS = { app_key: '12345678', app_secret: 'helloworld' };

const BASE = {
  trade_id: '3456789012345678901',
  item_id: 'p1',
  item_num: 1,
  alipay_total_price: '99.99',
  pay_price: '0.00',
  pub_share_pre_fee: '4.46',
  pub_share_fee: '0.00',
  tk_status: 12,
  refund_tag: 0,
  relation_id: 2000000001,
  adzone_id: 110000001,
  seller_nick: 'demo shop',
  flow_source: '',
  tk_create_time: '2026-06-01 18:00:00',
  tb_paid_time: '2026-06-01 18:00:00',
  tk_paid_time: '2026-06-01 18:00:30',
  modified_time: '2026-06-01 18:00:30',
};

const row = (orderId: string, told: object) => ({ trade_parent_id: orderId, ...BASE, ...told });

const body = (orderId: string, hour: number, told: object): Buffer =>
  Buffer.from(JSON.stringify(row(orderId, { modified_time: `2026-06-01 ${hour}:30:00`, ...told })));

const completed = { tk_status: 14, pay_price: '99.99' };

function refund(orderId: string, amount: string): Buffer {
  const told = {
    tb_trade_id: BASE.trade_id,
    tb_trade_parent_id: orderId,
    refund_fee: amount,
    refund_status: 2,
    refund_suit_id: '12345',
    tk_refund_time: '2026-06-01 21:00:00',
    tk_refund_suit_time: '2026-06-01 22:00:00',
    modified_time: '2026-06-01 22:00:05',
  };
  return Buffer.from(JSON.stringify(told));
}

export const subject: Subject = {
  adapter: taobao,
  secrets: SECRETS,
  push: null,
  story: (orderId) => ({
    paid: body(orderId, 18, {}),
    completed: body(orderId, 19, completed),
    partlyRefunded: refund(orderId, '30.00'),
    refunded: body(orderId, 23, { tk_status: 13 }),
    unknownCode: body(orderId, 18, { tk_status: 99 }),
    unknownProduct: body(orderId, 18, { item_id: 'nobody-knows' }),
  }),
  paidAmount: 9999,
  partAmount: 3000,
  open: () => taobaoDouble({ secret: SECRETS.app_secret, row }),
};
