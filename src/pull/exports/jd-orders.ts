// 京东联盟, 推客推广订单明细: a row for each sku, read as a row of the platform's own list of orders.
import { WHOLE_ORDER } from '../../core/order.ts';
import type { Export, ReadOrder } from './export.ts';
import { RowFault, type Fields } from './row-fields.ts';
import { clockOf, yuanOf } from './taobao-orders.ts';

/** The states in words, as the platform's list has them as `validCode`. */
const VALID_CODE: Readonly<Record<string, number>> = {
  待付款: 15,
  已付款: 16,
  已付定金: 24,
  已完成: 17,
  已结算: 18,
  拆单: 2,
  取消: 3,
  京东帮帮主订单: 4,
  账号异常: 5,
  赠品类目不返佣: 6,
  校园订单: 7,
  企业订单: 8,
  团购订单: 9,
  开增值税专用发票订单: 10,
  乡村推广员下单: 11,
  自己推广自己下单: 12,
  违规订单: 13,
  来源与备案网址不符: 14,
};
/** Invalid for a reason that the list does not know: as a cancelled one it earns nothing. */
const INVALID = 3;

export const jdOrders: Export = {
  name: 'jd_orders',
  title: "京东联盟's table of orders",
  kind: 'jd',
  form: 'platform',
  signature: ['order_id', 'sku_id', 'status', 'estimated_base', 'estimated_fee'],
  columns: {
    order_id: ['订单号', '订单编号', '订单id', 'orderid'],
    parent_id: ['父单号', '主单号', '父订单号', 'parentid'],
    line_id: ['订单行id', '订单行号'],
    sku_id: ['商品编号', '商品id', 'sku编号', 'skuid', 'sku id', '商品sku'],
    count: ['商品数量', '数量', 'skunum'],
    returned: ['退货数量', '商品已退货数量', 'skureturnnum'],
    frozen: ['售后数量', '商品售后中数量', 'skufrozennum'],
    status: ['订单状态', '状态', 'validcode'],
    ordered_at: ['下单时间', 'ordertime'],
    finished_at: ['完成时间', 'finishtime'],
    settled_at: ['结算时间', '结算日期', '预估结算时间', 'paymonth'],
    modified_at: ['更新时间', '订单更新时间', 'modifytime'],
    estimated_base: ['预估计佣金额', 'estimatecosprice'],
    estimated_fee: ['预估佣金', 'estimatefee'],
    actual_base: ['实际计佣金额', 'actualcosprice'],
    actual_fee: ['实际佣金', 'actualfee'],
    shop: ['店铺id', '商家id', 'popid'],
    position_id: ['推广位id', 'positionid'],
    sub_union_id: ['子渠道标识', '子联盟id', '子推客id', 'subunionid'],
  },
  zone: '+08:00',
  read: ([row]) => read(row),
};

function read(row: Fields): ReadOrder {
  const skuId = row.neededId('sku_id');
  const orderedAt = row.time('ordered_at');
  if (orderedAt === null) throw new RowFault('ordered_at: is missing');
  const modifiedAt = row.time('modified_at');
  const order = {
    // The table has no number for a row: its sku stands for it, where nobody told the rows.
    id: row.id('line_id') || `${WHOLE_ORDER}:${skuId}`,
    orderId: row.neededId('order_id'),
    parentId: row.id('parent_id') || '0',
    popId: row.id('shop') || null,
    orderTime: clockOf(orderedAt),
    finishTime: clockOf(row.time('finished_at')),
    modifyTime: clockOf(modifiedAt),
    skuId,
    skuNum: row.count('count') ?? 1,
    skuReturnNum: row.count('returned') ?? 0,
    skuFrozenNum: row.count('frozen') ?? 0,
    estimateCosPrice: yuanOf(row, 'estimated_base') ?? '0',
    estimateFee: yuanOf(row, 'estimated_fee') ?? '0',
    actualCosPrice: yuanOf(row, 'actual_base'),
    actualFee: yuanOf(row, 'actual_fee'),
    validCode: validCodeOf(row.text('status')),
    payMonth: settledOn(row),
    positionId: row.id('position_id') || null,
    subUnionId: row.text('sub_union_id') || null,
  };
  return { row: order, isTimed: modifiedAt !== null };
}

/** `无效-取消` and `取消` are one; a code is the code. */
function validCodeOf(word: string): number {
  if (/^-?\d{1,3}$/.test(word)) return Number(word);
  const known = VALID_CODE[word.replace(/^无效\s*[-－—:：]?\s*/, '')];
  if (known !== undefined) return known;
  if (word.startsWith('无效')) return INVALID;
  throw new RowFault(`status: ${JSON.stringify(word)} is no word of 京东联盟's that is known`);
}

/** The day of the settlement as the list writes it: 20240620. */
function settledOn(row: Fields): string | null {
  const text = row.text('settled_at');
  if (/^20\d{6}$/.test(text)) return text;
  return clockOf(row.time('settled_at'))?.slice(0, 10).replaceAll('-', '') ?? null;
}
