// 多多进宝.
import { pdd } from '../../../src/sources/unions/pdd.ts';
import type { PlainRow } from '../doubles/server.ts';
import { unionDouble, type Parameters } from '../doubles/union.ts';
import type { Double, Subject } from '../subject.ts';

const SECRETS = { client_id: 'client', client_secret: 'testSecret' };
const DAY_SECONDS = 86_400;
const PAID_AT = 1_780_308_000;

const BASE = {
  goods_id: 'p1',
  goods_quantity: 1,
  order_amount: 9999,
  promotion_amount: 445,
  order_status: 0,
  order_create_time: PAID_AT,
  order_pay_time: PAID_AT,
  order_receive_time: 0,
  order_settle_time: 0,
  order_modify_at: PAID_AT,
  mall_id: 88002,
  p_id: '123_456',
  custom_parameters: '{"uid":"42"}',
  return_status: 0,
  price_compare_status: 0,
};

const row = (orderId: string, told: object) => ({ order_sn: orderId, ...BASE, ...told });

const body = (orderId: string, hours: number, told: object): Buffer =>
  Buffer.from(JSON.stringify(row(orderId, { order_modify_at: PAID_AT + hours * 3600, ...told })));

function open(): Promise<Double> {
  // What the last link that was asked for carries: whoever buys, buys through it.
  let written = BASE.custom_parameters;
  return unionDouble({
    path: '/api/router',
    secret: SECRETS.client_secret,
    isList: ({ type }) => type === 'pdd.ddk.order.list.increment.get',
    answer(parameters, rows) {
      if (parameters['type'] !== 'pdd.ddk.goods.promotion.url.generate') return answer(parameters, rows, written);
      written = parameters['custom_parameters'] ?? written;
      return linkOf(parameters);
    },
    failures: {
      rate_limited: { error_response: { error_code: 70031, error_msg: '调用过于频繁，请调整调用频率' } },
      refused: { error_response: { error_code: 70036, error_msg: '应用处于测试状态' } },
      token_ended: { error_response: { error_code: 20004, error_msg: '签名sign校验失败' } },
    },
    wrongSignature: { error_response: { error_code: 20004, error_msg: '签名sign校验失败' } },
  });
}

/** A link to a product of this name; `gone` is promoted no more. */
function linkOf({ p_id, goods_sign_list = '[]', custom_parameters = '' }: Parameters): unknown {
  if (p_id !== BASE.p_id) return { error_response: { error_code: 60001, error_msg: '推广位未备案' } };
  if (Buffer.byteLength(custom_parameters) > 64) return { error_response: { error_code: 50001, error_msg: '业务参数错误' } };
  const { uid } = JSON.parse(custom_parameters) as { uid: string };
  const known = (JSON.parse(goods_sign_list) as string[]).filter((sign) => sign !== 'gone');
  const list = known.map(() => ({ short_url: `https://p.pinduoduo.com/${uid}` }));
  return { goods_promotion_url_generate_response: { goods_promotion_url_list: list } };
}

function answer({ start_update_time, end_update_time, page, page_size }: Parameters, rows: readonly PlainRow[], written: string): unknown {
  const [from, until, size] = [Number(start_update_time), Number(end_update_time), Number(page_size)];
  if (until - from > DAY_SECONDS || size < 10 || size > 100) return { error_response: { error_code: 50001, error_msg: '业务参数错误' } };
  const found = rows.filter(({ at }) => at.getTime() / 1000 >= from && at.getTime() / 1000 < until);
  const first = (Number(page) - 1) * size;
  const list = found.slice(first, first + size);
  const orders = list.map(({ orderId, at, version }) =>
    row(orderId, { order_modify_at: Math.floor(at.getTime() / 1000), type: version, custom_parameters: written }),
  );
  return { order_list_get_response: { order_list: orders, total_count: found.length, request_id: 'r' } };
}

const completed = { order_status: 2, order_receive_time: PAID_AT + 7 * DAY_SECONDS };

export const subject: Subject = {
  adapter: pdd,
  secrets: SECRETS,
  push: null,
  story: (orderId) => ({
    paid: body(orderId, 0, {}),
    completed: body(orderId, 1, completed),
    partlyRefunded: null,
    refunded: body(orderId, 3, { ...completed, return_status: 2 }),
    unknownCode: body(orderId, 0, { order_status: 77 }),
    unknownProduct: body(orderId, 0, { goods_id: 'nobody-knows' }),
  }),
  paidAmount: 9999,
  partAmount: 0,
  shop: '88002',
  open,
};
