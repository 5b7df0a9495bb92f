// 淘宝联盟, 推广者订单明细: a row for each part of a purchase, read as a row of the platform's own list of
// orders.
import { WHOLE_ORDER } from '../../core/order.ts';
import type { Export, ReadOrder } from './export.ts';
import { RowFault, type Fields } from './row-fields.ts';
import { HOUR_MS } from '../../platform/durations.ts';

/** What the table of 2016 and the one of today write, and what `tk_status` says of the same. */
const TK_STATUS: Readonly<Record<string, string>> = {
  订单结算: '3',
  已结算: '3',
  订单付款: '12',
  已付款: '12',
  已付定金: '11',
  订单创建: '11',
  订单失效: '13',
  已失效: '13',
  已关闭: '13',
  订单成功: '14',
  已收货: '14',
  确认收货: '14',
};

export const taobaoOrders: Export = {
  name: 'taobao_orders',
  title: "淘宝联盟's table of orders",
  kind: 'taobao',
  form: 'platform',
  signature: ['order_id', 'item_id', 'status', 'paid', 'created_at', 'commission'],
  columns: {
    order_id: ['淘宝父订单编号', '淘宝订单编号', '淘宝父订单号', '淘宝主订单号', '订单编号', 'trade parent id'],
    line_id: ['淘宝子订单编号', '淘宝子订单号', '子订单编号', 'trade id'],
    item_id: ['商品id', 'item id'],
    count: ['商品数量', '商品数', 'item num'],
    status: ['订单状态', 'tk status'],
    paid: ['付款金额', 'alipay total price'],
    settled: ['结算金额', 'pay price'],
    commission: ['付款预估收入', '效果预估', 'pub share pre fee'],
    settled_commission: ['结算预估收入', '预估收入', 'pub share fee'],
    created_at: ['创建时间', '订单创建时间', '淘客订单创建时间', 'tk create time'],
    paid_at: ['付款时间', '淘宝付款时间', 'tb paid time', 'tk paid time'],
    earned_at: ['结算时间', '淘客结算时间', 'tk earning time'],
    deposit_at: ['定金付款时间', '定金淘宝付款时间', 'tk deposit time'],
    modified_at: ['更新时间', '订单更新时间', 'modified time'],
    shop: ['掌柜旺旺', '卖家昵称', 'seller nick'],
    relation_id: ['渠道关系id', '渠道id', 'relation id'],
    special_id: ['会员运营id', '会员id', 'special id'],
    adzone_id: ['推广位id', '广告位id', 'adzone id'],
    adzone_name: ['推广位名称', '广告位名称', 'adzone name'],
    flow: ['产品类型', '流量类型', 'flow source'],
  },
  zone: '+08:00',
  read: ([row]) => read(row),
};

function read(row: Fields): ReadOrder {
  const word = row.text('status');
  const status = /^\d{1,2}$/.test(word) ? word : TK_STATUS[word];
  if (status === undefined) throw new RowFault(`status: ${JSON.stringify(word)} is no word of 淘宝联盟's that is known`);
  const itemId = row.neededId('item_id');
  const modifiedAt = row.time('modified_at');
  const yuan = (field: string) => yuanOf(row, field);
  const order = {
    trade_parent_id: row.neededId('order_id'),
    // The old table has no number for a part: its product stands for it, where nobody told the
    // parts.
    trade_id: row.id('line_id') || `${WHOLE_ORDER}:${itemId}`,
    item_id: itemId,
    item_num: row.count('count') ?? 1,
    alipay_total_price: yuan('paid'),
    pay_price: yuan('settled'),
    pub_share_pre_fee: yuan('commission'),
    pub_share_fee: yuan('settled_commission'),
    tk_status: status,
    relation_id: row.id('relation_id') || null,
    special_id: row.id('special_id') || null,
    adzone_id: row.id('adzone_id') || null,
    adzone_name: row.text('adzone_name') || null,
    seller_nick: row.text('shop') || null,
    flow_source: row.text('flow') || null,
    tk_create_time: clockOf(row.time('created_at')),
    tk_deposit_time: clockOf(row.time('deposit_at')),
    tb_paid_time: clockOf(row.time('paid_at')),
    tk_earning_time: clockOf(row.time('earned_at')),
    modified_time: clockOf(modifiedAt),
  };
  return { row: order, isTimed: modifiedAt !== null };
}

const CHINA_OFFSET_MS = 8 * HOUR_MS;

/** A time as the unions write it in their lists. */
export function clockOf(time: string | null): string | null {
  return time === null ? null : new Date(Date.parse(time) + CHINA_OFFSET_MS).toISOString().slice(0, 19).replace('T', ' ');
}

/**
 * Yuan as the unions write them in their lists; a part of a fen, which a spreadsheet leaves behind,
 * is rounded.
 */
export function yuanOf(row: Fields, field: string): string | null {
  const fen = row.amount(field, 'CNY');
  if (fen === null) return null;
  if (fen < 0n) throw new RowFault(`${field}: is below zero`);
  return `${fen / 100n}.${String(fen % 100n).padStart(2, '0')}`;
}
