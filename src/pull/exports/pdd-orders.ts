// 多多进宝, 订单明细: a row an order, which has one product, read as a row of the platform's own list of
// orders.
import type { Export, ReadOrder } from './export.ts';
import { RowFault, type Fields } from './row-fields.ts';

/** The states in words, as the platform's list has them as `order_status`. */
const ORDER_STATUS: Readonly<Record<string, number>> = {
  未支付: -1,
  待支付: -1,
  已支付: 0,
  已付款: 0,
  已成团: 1,
  进行中: 1,
  确认收货: 2,
  已收货: 2,
  审核成功: 3,
  审核通过: 3,
  推广成功: 3,
  审核失败: 4,
  '审核失败(不可提现)': 4,
  已失效: 4,
  已结算: 5,
  已经结算: 5,
  非多多进宝商品: 8,
  '非多多进宝商品(无佣金订单)': 8,
  非多多进宝订单: 8,
  已处罚: 10,
};

export const pddOrders: Export = {
  name: 'pdd_orders',
  title: "多多进宝's table of orders",
  kind: 'pdd',
  form: 'platform',
  signature: ['order_id', 'goods_id', 'status', 'paid', 'commission'],
  columns: {
    order_id: ['订单编号', '订单号', '订单id'],
    goods_id: ['商品id', '商品编号'],
    count: ['商品数量', '成交数量', '购买数量'],
    status: ['订单状态', '推广状态', '状态'],
    paid: ['订单金额', '实付金额', '订单总金额', '支付金额', '订单实付金额'],
    commission: ['佣金', '佣金金额', '预估佣金', '推广佣金', '预估支付佣金', '预估收入'],
    created_at: ['订单创建时间', '创建订单时间', '下单时间', '创建时间'],
    paid_at: ['支付时间', '付款时间'],
    grouped_at: ['成团时间', '订单成交时间', '成交时间'],
    received_at: ['确认收货时间', '收货时间'],
    settled_at: ['结算时间'],
    modified_at: ['更新时间', '最后更新时间'],
    mall_id: ['店铺id'],
    pid: ['推广位id', '推广位', 'pid'],
    custom_parameters: ['自定义参数'],
    fail_reason: ['审核失败原因', '失败原因', '失效原因'],
  },
  zone: '+08:00',
  read: ([row]) => read(row),
};

function read(row: Fields): ReadOrder {
  const amounts = ['paid', 'commission'].map((field) => row.amount(field, 'CNY'));
  if (amounts[0] === null || amounts[1] === null) throw new RowFault(`${amounts[0] === null ? 'paid' : 'commission'}: is missing`);
  const modifiedAt = row.time('modified_at');
  const order = {
    order_sn: row.neededId('order_id'),
    goods_id: row.neededId('goods_id'),
    goods_quantity: row.count('count') ?? 1,
    order_amount: Number(amounts[0]),
    promotion_amount: Number(amounts[1]),
    order_status: statusOf(row.text('status')),
    order_create_time: secondsOf(row.time('created_at')),
    order_pay_time: secondsOf(row.time('paid_at') ?? row.time('grouped_at')),
    order_receive_time: secondsOf(row.time('received_at')),
    order_settle_time: secondsOf(row.time('settled_at')),
    order_modify_at: secondsOf(modifiedAt),
    mall_id: row.id('mall_id') || null,
    p_id: row.id('pid') || null,
    custom_parameters: row.text('custom_parameters') || null,
    fail_reason: row.text('fail_reason') || null,
  };
  return { row: order, isTimed: modifiedAt !== null };
}

function statusOf(word: string): number {
  const status = /^-?\d{1,2}$/.test(word) ? Number(word) : ORDER_STATUS[word.normalize('NFKC')];
  if (status === undefined) throw new RowFault(`status: ${JSON.stringify(word)} is no word of 多多进宝's that is known`);
  return status;
}

const secondsOf = (time: string | null): number | null => (time === null ? null : Math.floor(Date.parse(time) / 1000));
