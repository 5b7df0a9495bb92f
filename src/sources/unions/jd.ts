// 京东联盟: orders by pull only, a row for each sku. An order that is split comes again as its parts,
// which name it as their parent.
import { z } from 'zod';

import { proportionOf } from '../../core/money.ts';
import { parseJson } from '../../platform/http/json.ts';
import { listRows, promote } from './jd-api.ts';
import type { Adapter, KeptDelivery, MappedReport } from '../source.ts';
import {
  alwaysPulled,
  chinaTime,
  codeInField,
  gatewaySecret,
  position,
  pullOnly,
  said,
  unionId,
  unionTime,
  unionWord,
  units,
  UNNAMED_SHOP,
  yuan,
} from './union.ts';
import { DAY_MS, HOUR_MS } from '../../platform/durations.ts';

/** JD answers for an hour at most; whole seconds may begin before a window and end behind it. */
const WINDOW_MS = HOUR_MS - 1000;

/**
 * Who the owner of an account is to a row: 推客, 团长 or 内容服务商. Each of them gets a row of its own of
 * one sku.
 */
const ROLES = ['promoter', 'colonel', 'content'] as const;

/** The name of JD's own shop (自营), whose rows have the `popId` 0. */
const SELF_OPERATED = 'self';

/** The shop, also where it is JD's own, or where the row does not say which: both can be mapped. */
const shopOf = (popId: unknown): string => said(popId) ?? (String(popId) === '0' ? SELF_OPERATED : UNNAMED_SHOP);

const options = z.strictObject({
  pull: alwaysPulled,
  position_id: position,
  union_role: z
    .enum(ROLES)
    .default('promoter')
    .meta({ description: 'Whose rows earn: those of a 推客, of a 团长, or of a content service. The others stand beside them.' }),
});

export const jd: Adapter = {
  kind: 'jd',
  secrets: z.strictObject({ app_key: gatewaySecret, app_secret: gatewaySecret, access_token: gatewaySecret.exactOptional() }),
  options,
  ...pullOnly,
  map,
  baseUrl: () => 'https://api.jd.com',
  feeds: [{ name: 'orders', windowMs: () => WINDOW_MS, backMs: 90 * DAY_MS, overlapMs: HOUR_MS / 4, list: listRows }],
  promote,
  linkHosts: ['u.jd.com', 'union-click.jd.com'],
};

type Standing = 'created' | 'paid' | 'completed' | 'split' | 'invalid';

/**
 * What each `validCode` of a row means. The list has grown over the years and will grow on: another
 * code leaves the order as it was.
 */
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

/**
 * What the `unionRole` of a row says that its owner is: 推客, 团长, 内容服务商. Another one is what the
 * source says of itself.
 */
const ROLE: Readonly<Record<string, (typeof ROLES)[number]>> = { '1': 'promoter', '2': 'colonel', '3': 'content' };

const row = z.object({
  id: unionId,
  orderId: unionId,
  parentId: unionWord,
  popId: z.unknown().optional().transform(shopOf),
  orderTime: unionTime,
  finishTime: unionTime,
  modifyTime: unionTime,
  skuId: unionWord,
  skuNum: units,
  skuReturnNum: units,
  skuFrozenNum: units,
  estimateCosPrice: yuan,
  estimateFee: yuan,
  actualCosPrice: yuan,
  actualFee: yuan,
  validCode: unionId,
  unionRole: unionWord,
  payMonth: unionWord,
  positionId: unionWord,
  channelId: unionWord,
  rid: unionWord,
  subUnionId: unionWord,
});

type Row = z.output<typeof row>;

/**
 * One sku of an order, which is a line with a promoter, a completion and a settlement of its own:
 * of the order a row says no more than that it was paid. A row without its update time leaves that
 * to the door.
 */
function map({ body, options: stated, receivedAt }: KeptDelivery): MappedReport[] {
  const one = row.parse(parseJson(body));
  const standing = STANDING[one.validCode] ?? null;
  const isPaid = standing === 'paid' || standing === 'completed';
  const report = {
    order_id: one.orderId,
    status: isPaid ? ('paid' as const) : standing === 'created' ? standing : null,
    void: standing === 'split' ? { reason: 'split into its parts' } : null,
    currency: 'CNY',
    observed_at: one.modifyTime,
    created_at: one.orderTime,
    // A row does not say when it was paid; JD counts from the order.
    paid_at: isPaid ? one.orderTime : null,
    parent: one.parentId === null ? null : { order_id: one.parentId, kind: 'split' as const },
    lines: [lineOf(one, standing, options.parse(stated).union_role, receivedAt)],
    refunds: frozenOf(one, standing),
  };
  const unknownCode = standing === null ? `validCode ${one.validCode}` : null;
  return [{ report, shop: one.popId, names: namesOf(one), unknownCode }];
}

/**
 * Before completion JD estimates; afterwards it says what was really paid, and lowers that with
 * every refund and with what its price guarantee gives back. The row of another role repeats the
 * goods and earns nothing here.
 */
function lineOf(one: Row, standing: Standing | null, ours: (typeof ROLES)[number], receivedAt: Date) {
  const isInvalid = standing === 'invalid' || standing === 'split';
  const isCompleted = standing === 'completed';
  const isOurs = (ROLE[one.unionRole ?? ''] ?? ours) === ours;
  return {
    line_id: one.id,
    product_id: one.skuId,
    quantity: Math.max(1, (one.skuNum ?? 1) - (one.skuReturnNum ?? 0)),
    paid_amount: isInvalid || !isOurs ? 0 : isCompleted ? (one.actualCosPrice ?? one.estimateCosPrice) : one.estimateCosPrice,
    platform_commission: isInvalid ? 0 : isCompleted ? (one.actualFee ?? one.estimateFee) : one.estimateFee,
    link_code: codeInField(one.subUnionId),
    completed_at: isCompleted ? (one.finishTime ?? one.modifyTime ?? receivedAt.toISOString()) : null,
    settled_at: isCompleted ? dayOf(one.payMonth) : null,
    not_commissionable: isOurs ? null : `unionRole ${one.unionRole}`,
  };
}

/**
 * Goods in after-sale hold their line. Once they are not, a finished row says so: what was taken
 * back is off its amounts already.
 */
function frozenOf({ id, skuNum, skuFrozenNum, estimateCosPrice }: Row, standing: Standing | null) {
  const held = { refund_id: `${id}-frozen`, line_id: id };
  if (skuFrozenNum === null || standing === 'invalid' || standing === 'split') return [];
  if (skuFrozenNum > 0) {
    const share = proportionOf(BigInt(estimateCosPrice ?? 0), BigInt(skuFrozenNum), BigInt(Math.max(skuNum ?? 1, skuFrozenNum)));
    return [{ ...held, amount: Number(share), status: 'open' as const }];
  }
  return standing === 'completed' ? [{ ...held, status: 'failed' as const }] : [];
}

/**
 * Who shared: the finest word that the row has. The positions of an account are only its own when
 * nobody used a finer one.
 */
function namesOf({ id, rid, subUnionId, channelId, positionId }: Row): MappedReport['names'] {
  if (codeInField(subUnionId) !== null) return [];
  const words = { sub_union_id: subUnionId, channel_id: channelId, rid, position_id: positionId };
  const [finest] = Object.entries(words).flatMap(([type, value]) => (value === null ? [] : [{ type, value, lineId: id }]));
  return finest === undefined ? [] : [finest];
}

/**
 * `payMonth` is a day, 20240620: when the commission is paid, as JD expects while that lies ahead.
 */
function dayOf(payMonth: string | null): string | null {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(payMonth ?? '') ?? [];
  return year === undefined ? null : chinaTime(`${year}-${month}-${day}`);
}
