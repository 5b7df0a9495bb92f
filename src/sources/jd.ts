// 京东联盟: orders by pull only, a row for each sku. An order that is split comes again as its parts, which name it as their parent.
import { z } from 'zod';

import { parseJson } from '../platform/json.ts';
import { listRows, promote } from './jd-api.ts';
import type { Adapter, Kept, Mapped } from './source.ts';
import { alwaysPulled, chinaTime, codeInField, gatewaySecret, position, pullOnly, unionId, yuan } from './union.ts';

const HOUR_MS = 3_600_000;
/** JD answers for an hour at most; whole seconds may begin before a window and end behind it. */
const WINDOW_MS = HOUR_MS - 1000;

export const jd: Adapter = {
  kind: 'jd',
  secrets: z.strictObject({ app_key: gatewaySecret, app_secret: gatewaySecret, access_token: gatewaySecret.optional() }),
  options: z.strictObject({ pull: alwaysPulled, position_id: position }),
  ...pullOnly,
  map,
  baseUrl: () => 'https://api.jd.com',
  feeds: [{ name: 'orders', windowMs: () => WINDOW_MS, backMs: 90 * 24 * HOUR_MS, overlapMs: HOUR_MS / 4, list: listRows }],
  promote,
  linkHosts: ['u.jd.com', 'union-click.jd.com'],
};

type Standing = 'created' | 'paid' | 'completed' | 'split' | 'invalid';

/** What each `validCode` of a row means. The list has grown over the years and will grow on: another code leaves the order as it was. */
const STANDING: Readonly<Record<string, Standing>> = {
  '-1': 'created',
  '15': 'created',
  '16': 'paid',
  '17': 'completed',
  '18': 'completed',
  '2': 'split',
  '3': 'invalid', // cancelled
  '4': 'invalid', // 京东帮帮主
  '5': 'invalid', // account
  '6': 'invalid', // gift
  '7': 'invalid', // campus
  '8': 'invalid', // company
  '9': 'invalid', // group
  '10': 'invalid', // VAT invoice
  '11': 'invalid', // village promoter
  '12': 'invalid', // self purchase, on rows of before July 2018
  '13': 'invalid', // against the rules
  '14': 'invalid', // from another site than the registered one
  '20': 'invalid', // repeat of an invalid first order
  '21': 'invalid', // cloud shop
  '22': 'invalid', // PLUS member without commission
  '27': 'invalid', // against the rules of the platform
};

const text = z.string().nullish();
const id = unionId.nullish();

const row = z.object({
  id: unionId,
  orderId: unionId,
  parentId: id,
  popId: id,
  orderTime: z.string(),
  finishTime: text,
  modifyTime: text,
  skuId: unionId,
  skuNum: z.int().min(0),
  skuReturnNum: z.int().min(0).nullish(),
  estimateCosPrice: yuan,
  estimateFee: yuan,
  actualCosPrice: yuan.nullish(),
  actualFee: yuan.nullish(),
  validCode: z.int(),
  payMonth: id,
  positionId: id,
  subUnionId: text,
});

type Row = z.output<typeof row>;

function map({ body }: Kept): Mapped[] {
  const one = row.parse(parseJson(body));
  const standing = STANDING[String(one.validCode)] ?? null;
  const completed = standing === 'completed';
  const parent = said(one.parentId);
  const report = {
    order_id: one.orderId,
    status: standing === 'split' || standing === 'invalid' ? null : standing,
    void: standing === 'split' ? { reason: 'split into its parts' } : null,
    currency: 'CNY',
    observed_at: chinaTime(one.modifyTime) ?? chinaTime(one.orderTime),
    created_at: chinaTime(one.orderTime),
    // A row does not say when it was paid; JD counts from the order.
    paid_at: standing === 'paid' || completed ? chinaTime(one.orderTime) : null,
    completed_at: completed ? chinaTime(one.finishTime) : null,
    settled_at: completed ? dayOf(one.payMonth) : null,
    link_code: codeInField(one.subUnionId),
    parent: parent === null ? null : { order_id: parent, kind: 'split' as const },
    lines: [lineOf(one, standing)],
  };
  const unknownCode = standing === null ? `validCode ${one.validCode}` : null;
  return [{ report, shop: said(one.popId), names: namesOf(one), unknownCode }];
}

/** Before completion JD estimates; afterwards it says what was really paid, and lowers that with every refund. */
function lineOf(one: Row, standing: Standing | null) {
  const isInvalid = standing === 'invalid' || standing === 'split';
  const paid = standing === 'completed' ? (one.actualCosPrice ?? 0) : one.estimateCosPrice;
  const commission = standing === 'completed' ? (one.actualFee ?? 0) : one.estimateFee;
  return {
    line_id: one.id,
    product_id: one.skuId,
    quantity: Math.max(1, one.skuNum - (one.skuReturnNum ?? 0)),
    paid_amount: isInvalid ? 0 : paid,
    platform_commission: isInvalid ? 0 : commission,
  };
}

/** Who shared: the finest word that the row has. The positions of an account are only its own when nobody used a finer one. */
function namesOf({ subUnionId, positionId }: Row): Mapped['names'] {
  if (codeInField(subUnionId) !== null) return [];
  if (subUnionId) return [{ type: 'sub_union_id', value: subUnionId }];
  const stated = said(positionId);
  return stated === null ? [] : [{ type: 'position_id', value: stated }];
}

/** JD writes 0 where there is nothing. */
function said(value: string | null | undefined): string | null {
  return value && value !== '0' ? value : null;
}

/** `payMonth` is a day, 20240620: when the commission is paid, as JD expects while that lies ahead. */
function dayOf(payMonth: string | null | undefined): string | null {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(payMonth ?? '') ?? [];
  return year === undefined ? null : `${year}-${month}-${day}T00:00:00+08:00`;
}
