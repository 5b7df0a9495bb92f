// A file in our own words: its columns are named as the fields of a report, or are mapped to them.
import { WHOLE_ORDER } from '../../core/order.ts';
import type { SourceReport } from '../../sources/source.ts';
import type { Amounts } from './export.ts';
import { RowFault, type Fields } from './row-fields.ts';

/** What a row may say. Only the id of the order must be there. */
export const COLUMNS =
  `order_id status currency paid_amount refunded_amount observed_at created_at deposit_paid_at paid_at completed_at settled_at void_reason
  line_id product_id category quantity platform_commission refund_id click_token link_code coupon_code promoter_id talent_id scene
  merchant_id`.split(/\s+/);

/**
 * The report of a row. Empty cells say nothing. A row that names no line tells of the order as a
 * whole, and one that names no refund of all that was refunded: of the order, or of its line.
 */
export function readOurs(row: Fields, amounts: Amounts) {
  const lineId = row.ownId('line_id');
  const line = {
    line_id: lineId || WHOLE_ORDER,
    product_id: row.ownId('product_id') || null,
    category: row.text('category') || null,
    quantity: row.count('quantity'),
    paid_amount: moneyOf(row, 'paid_amount', amounts),
    platform_commission: moneyOf(row, 'platform_commission', amounts),
  };
  const refunded = moneyOf(row, 'refunded_amount', amounts) ?? 0;
  const refundId = row.ownId('refund_id') || (lineId === '' ? WHOLE_ORDER : `${WHOLE_ORDER}:${lineId}`);
  const coupon = row.text('coupon_code');
  const reason = row.text('void_reason');
  return {
    ...saidOf(row),
    order_id: row.ownId('order_id') || null,
    void: reason === '' ? null : { reason },
    coupon_codes: coupon === '' ? null : [coupon],
    lines: Object.values(line).some((value, place) => place > 0 && value !== null) ? [line] : null,
    refunds: refunded === 0 ? null : [{ refund_id: refundId, line_id: lineId || null, amount: refunded }],
  };
}

/** What stands in one cell as it stands in the report. */
function saidOf(row: Fields) {
  return {
    merchant_id: row.ownId('merchant_id') || null,
    status: (row.text('status').toLowerCase() || null) as SourceReport['status'],
    currency: row.text('currency') || null,
    observed_at: row.time('observed_at'),
    created_at: row.time('created_at'),
    deposit_paid_at: row.time('deposit_paid_at'),
    paid_at: row.time('paid_at'),
    completed_at: row.time('completed_at'),
    settled_at: row.time('settled_at'),
    click_token: row.text('click_token') || null,
    link_code: row.text('link_code') || null,
    promoter_id: row.ownId('promoter_id') || null,
    talent_id: row.ownId('talent_id') || null,
    scene: row.text('scene') || null,
  };
}

function moneyOf(row: Fields, field: string, amounts: Amounts): number | null {
  const text = row.text(field);
  if (text === '') return null;
  if (amounts === 'minor') {
    const [, digits] = /^(\d{1,15})(?:\.0+)?$/.exec(text) ?? [];
    if (digits === undefined) throw new RowFault(`${field}: ${JSON.stringify(text)} is no amount in minor units`);
    return Number(digits);
  }
  const amount = row.amount(field, row.currency('currency'))!;
  if (amount < 0n) throw new RowFault(`${field}: ${JSON.stringify(text)} is below zero`);
  return Number(amount);
}
