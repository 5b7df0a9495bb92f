// 淘宝客.
import { taobao } from '../../../src/sources/taobao.ts';
import { inChina, ofChina, unionDouble, type Parameters, type Row } from '../doubles/union.ts';
import type { Double, Subject } from '../subject.ts';

const SECRETS = { app_key: '12345678', app_secret: 'helloworld' };
const WINDOW_MS = 3 * 3_600_000;

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

function open(): Promise<Double> {
  return unionDouble({
    path: '/router/rest',
    secret: SECRETS.app_secret,
    isList: ({ method }) => method === 'taobao.tbk.order.details.get',
    answer: (parameters, rows) => (parameters['method'] === 'taobao.tbk.relation.refund' ? NO_REFUNDS : answer(parameters, rows)),
    failures: {
      rate_limited: { error_response: { code: 7, msg: 'App Call Limited', sub_code: 'accesscontrol.limited-by-api-access-count' } },
      refused: { error_response: { code: 29, msg: 'Invalid App Key' } },
      token_ended: { error_response: { code: 27, msg: 'Invalid session' } },
    },
    wrongSignature: { error_response: { code: 25, msg: 'Invalid signature' } },
  });
}

const NO_REFUNDS = { tbk_relation_refund_response: { result: { data: { results: {} } } } };

const placeOf = ({ at, orderId }: Row) => `${String(at.getTime()).padStart(15, '0')}_${orderId}`;

function answer({ start_time, end_time, page_no, page_size, position_index }: Parameters, rows: readonly Row[]): unknown {
  const [from, until, size] = [ofChina(start_time!), ofChina(end_time!), Number(page_size)];
  const isPlaced = page_no === '1' || position_index !== undefined;
  if (until.getTime() - from.getTime() > WINDOW_MS || size > 100 || !isPlaced)
    return { error_response: { code: 15, sub_code: 'isv.invalid-parameter' } };
  // A page goes on behind the row that the one before ended with, wherever rows have moved meanwhile.
  const found = rows.filter((one) => one.at >= from && one.at < until && placeOf(one) > (position_index ?? ''));
  const ordered = found.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  const page = ordered.slice(0, size);
  const orders = page.map(({ orderId, at, version }) => row(orderId, { modified_time: inChina(at), terminal_type: String(version) }));
  const data = {
    results: { publisher_order_dto: orders },
    has_next: found.length > size,
    position_index: page.length === 0 ? '' : placeOf(page.at(-1)!),
    page_no,
  };
  return { tbk_order_details_get_response: { data } };
}

const completed = { tk_status: 14, pay_price: '99.99' };

function refund(orderId: string, amount: string): Buffer {
  const told = {
    tb_trade_id: BASE.trade_id,
    tb_trade_parent_id: orderId,
    refund_fee: amount,
    refund_status: 2,
    tk_refund_time: '2026-06-01 22:00:00',
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
  open,
};
