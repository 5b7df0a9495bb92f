// Orders of shops: a life of an order as a shop lives it, each state written as the shop writes it,
// with all that shops write beside what matters, and said in our words for the reckoning.

import { createHmac } from 'node:crypto';

import type { Random } from '../random.ts';
import { Literal } from './json.ts';
import { HOUR_MS, MINUTE_MS, type SaidEvidence, type Saying, type Teller, type ToldOrder } from './said.ts';
import { PRODUCTS, SHOP_SECRET, type World } from './world.ts';

type Value = Record<string, unknown>;

/** One state of a shop's order. */
interface ShopState {
  at: number;
  phase: number;
  createdAt: number;
  paidAt: number | null;
  completedAt: number | null;
  isVoid: boolean;
  /** A state that nobody has told us the meaning of. */
  unknown: string | null;
  lines: ShopLine[];
  refunds: ShopRefund[];
  evidence: SaidEvidence;
  buyerId: string | null;
  isTest: boolean;
  /** Taken off the order as a whole, in cents. */
  discount: number;
}

interface ShopLine {
  id: string;
  productId: string;
  units: number;
  /** Cents of one, a multiple of five. */
  price: number;
  kind: 'goods' | 'tip' | 'gift_card';
}

interface ShopRefund {
  id: string;
  at: number;
  lineId: string;
  units: number;
}

interface ShopOrder extends ToldOrder {
  /** The pushes, in the order of the sayings. */
  bodies: { value: Value; phase: number; unknown: string | null }[];
}

/** Lives an order; each state is a whole report. */
export function shopOrder(told: Pick<ToldOrder, 'sourceId' | 'orderId' | 'teller'>, world: World, random: Random): ShopOrder {
  const isShopify = told.teller === 'shopify';
  const states = live(world, random, isShopify);
  const write = isShopify ? shopifyBody : wooBody;
  return {
    ...told,
    sayings: states.map((state) => (isShopify ? shopifySaying(state) : wooSaying(state))),
    bodies: states.map((state) => ({ value: write(told.orderId, state, random), phase: state.phase, unknown: state.unknown })),
  };
}

function live(world: World, random: Random, isShopify: boolean): ShopState[] {
  const createdAt = world.now - random.int(25 * 24, 45 * 24) * HOUR_MS;
  let id = random.int(10_000, 99_999_999);
  const nextId = () => String((id += random.int(1, 9)));
  const makeLine = (): ShopLine => ({
    id: nextId(),
    productId: random.pick(PRODUCTS.filter((one) => one.startsWith('p'))),
    units: random.int(1, 4),
    price: 5 * random.int(1, 4_000),
    kind: isShopify ? random.pick(['goods', 'goods', 'goods', 'goods', 'tip', 'gift_card'] as const) : 'goods',
  });
  const state: ShopState = {
    at: createdAt,
    phase: 0,
    createdAt,
    paidAt: null,
    completedAt: null,
    isVoid: false,
    unknown: null,
    lines: Array.from({ length: random.int(1, 4) }, makeLine),
    refunds: [],
    evidence: shopEvidence(world, random),
    buyerId: random.chance(0.5) ? String(random.int(10 ** 9, 2 ** 40)) : null,
    isTest: isShopify && random.chance(0.08),
    discount: !isShopify && random.chance(0.2) ? 5 * random.int(1, 500) : 0,
  };
  const states: ShopState[] = [];
  const later = (hours: number) => (state.at += hours * HOUR_MS + random.int(1, 59) * 1000);
  const keep = () => states.push(structuredClone(state));
  if (random.chance(0.4)) keep();
  later(1);
  if (random.chance(0.2) && isShopify) {
    state.unknown = '未来状态';
    keep();
    state.unknown = null;
    later(1);
  }
  // Shopify tells no time of the payment but the one at which the order was processed.
  state.paidAt = isShopify ? createdAt : state.at;
  keep();
  for (let edits = random.int(0, 3); edits > 0; edits -= 1) {
    later(random.int(1, 20));
    edit(state, random, { makeLine, nextId });
    keep();
  }
  if (random.chance(0.1)) {
    later(1);
    state.isVoid = true;
    keep();
    return states;
  }
  if (random.chance(0.5)) {
    later(5);
    state.phase = 1;
    state.completedAt = state.at - 10 * MINUTE_MS;
    keep();
    if (random.chance(0.4)) {
      later(30);
      state.phase = 2;
      refundOne(state, random, nextId);
      keep();
    }
  }
  return states;
}

function edit(state: ShopState, random: Random, { makeLine, nextId }: { makeLine: () => ShopLine; nextId: () => string }): void {
  const { lines } = state;
  const free = lines.filter((line) => !state.refunds.some(({ lineId }) => lineId === line.id));
  const way = random.pick(['add', 'remove', 'refund', 'refund', 'note'] as const);
  if (way === 'add') lines.push(makeLine());
  else if (way === 'remove' && lines.length > 1 && free.length > 0) lines.splice(lines.indexOf(random.pick(free)), 1);
  else if (way === 'refund') refundOne(state, random, nextId);
}

/** Gives back some units that are left of a line. */
function refundOne(state: ShopState, random: Random, nextId: () => string): void {
  const left = state.lines.flatMap((line) => {
    const back = state.refunds.filter(({ lineId }) => lineId === line.id).reduce((sum, { units }) => sum + units, 0);
    return line.units > back ? [{ line, units: line.units - back }] : [];
  });
  if (left.length === 0) return;
  const { line, units } = random.pick(left);
  state.refunds.push({ id: nextId(), at: state.at, lineId: line.id, units: random.int(1, units) });
}

function shopEvidence(world: World, random: Random): SaidEvidence {
  return random.pick<() => SaidEvidence>([
    () => ({ linkCode: random.pick(world.links).code }),
    () => ({ linkCode: random.pick(world.links).code }),
    () => ({ couponCodes: [random.pick([...world.coupons.keys()])] }),
    () => ({}),
    () => ({ linkCode: 'no such code' }),
  ])();
}

const priceOf = (state: ShopState, refund: ShopRefund) => state.lines.find(({ id }) => id === refund.lineId)!.price * refund.units;

function commonSaying(state: ShopState): Saying {
  const { at, phase, createdAt, paidAt, completedAt, isVoid, evidence, buyerId, unknown } = state;
  const standing: Partial<Saying> =
    unknown === null
      ? { status: completedAt !== null ? 'completed' : paidAt !== null ? 'paid' : 'created', void: isVoid ? 'cancelled' : false }
      : {};
  return {
    at,
    by: 'source',
    phase,
    ...standing,
    ...(unknown === null && paidAt !== null && { paidAt }),
    ...(unknown === null && completedAt !== null && { completedAt }),
    createdAt,
    currency: 'CNY',
    ...evidence,
    ...(buyerId !== null && { buyer: { customer_id: buyerId } }),
    whole: ['lines', 'refunds'],
  };
}

function shopifySaying(state: ShopState): Saying {
  return {
    ...commonSaying(state),
    test: state.isTest,
    lines: state.lines.map(({ id, productId, units, price, kind }) => ({
      lineId: id,
      ...(kind !== 'tip' && { productId }),
      quantity: units,
      paid: units * price,
      ...(kind !== 'goods' && { notCommissionable: kind }),
    })),
    refunds: state.refunds.map((refund) => ({
      refundId: `${refund.id}-${refund.lineId}`,
      lineId: refund.lineId,
      amount: priceOf(state, refund),
    })),
  };
}

/** What is taken off is spread over the lines; what is given back names no line. */
function wooSaying(state: ShopState): Saying {
  const totals = state.lines.map(({ units, price }) => units * price);
  const whole = totals.reduce((sum, one) => sum + one, 0);
  const off = spread(Math.min(state.discount, whole), totals);
  return {
    ...commonSaying(state),
    lines: state.lines.map(({ id, productId, units }, index) => ({
      lineId: id,
      productId,
      quantity: units,
      paid: totals[index]! - off[index]!,
    })),
    refunds: wooRefunds(state).map(({ id, net }) => ({ refundId: id, amount: net })),
  };
}

/** Of what the buyer paid for the lines after all discounts nothing is given back twice. */
function wooRefunds(state: ShopState): { id: string; net: number; at: number }[] {
  let left = Math.max(0, state.lines.reduce((sum, { units, price }) => sum + units * price, 0) - state.discount);
  return state.refunds.map((refund) => {
    const net = Math.min(priceOf(state, refund), left);
    left -= net;
    return { id: refund.id, net, at: refund.at };
  });
}

/** By largest remainder, ties to the first. */
function spread(amount: number, weights: readonly number[]): number[] {
  const whole = weights.reduce((sum, one) => sum + one, 0);
  if (whole === 0) return weights.map(() => 0);
  const floors = weights.map((one) => Math.floor((one * amount) / whole));
  const ranked = weights.map((one, index) => ({ index, rest: (one * amount) % whole })).toSorted((a, b) => b.rest - a.rest);
  for (const { index } of ranked.slice(0, amount - floors.reduce((sum, one) => sum + one, 0))) floors[index]! += 1;
  return floors;
}

const cents = (amount: number): string =>
  `${amount < 0 ? '-' : ''}${Math.floor(Math.abs(amount) / 100)}.${String(Math.abs(amount) % 100).padStart(2, '0')}`;

/** With more decimals than there are, as a number, or as the text that it is. */
const decimal = (amount: number, random: Random): string | Literal =>
  random.pick([cents(amount), cents(amount), `${cents(amount)}00`, new Literal(cents(amount)), ` ${cents(amount)} `]);

const NEW_YORK_MS = 4 * HOUR_MS;
const newYork = (at: number): string => `${new Date(at - NEW_YORK_MS).toISOString().slice(0, 19)}-04:00`;

/** What decides nothing, broken as plugins break it. */
const JUNK = [null, '', [], {}, 0, false, [null], [{}], 'x'.repeat(3000), { nested: { deeper: [1, 'two'] } }, [{ name: null, value: [] }]];

function shopifyBody(orderId: string, state: ShopState, random: Random): Value {
  const { evidence, lines, refunds, createdAt, at, buyerId } = state;
  const given = refunds.length > 0;
  const financial = state.unknown ?? (state.paidAt === null ? 'pending' : given ? 'partially_refunded' : 'paid');
  const notes =
    evidence.linkCode === undefined ? random.pick<unknown>(JUNK) : [{ name: null }, {}, { name: 'fy_link', value: evidence.linkCode }];
  return {
    id: new Literal(orderId),
    admin_graphql_api_id: `gid://shopify/Order/${orderId}`,
    currency: 'CNY',
    presentment_currency: 'USD',
    financial_status: financial,
    fulfillment_status: state.completedAt === null ? random.pick([null, 'partial']) : 'fulfilled',
    fulfillments:
      state.completedAt === null ? random.pick<unknown>([null, [], [{}]]) : [{ status: 'success', created_at: newYork(state.completedAt) }],
    cancelled_at: state.isVoid ? newYork(at) : null,
    cancel_reason: state.isVoid ? random.pick(['customer', null, '']) : null,
    created_at: newYork(createdAt),
    processed_at: random.pick([newYork(createdAt), null]),
    updated_at: newYork(at),
    test: state.isTest,
    taxes_included: false,
    order_number: 1001,
    email: random.pick(['', null, '***', undefined]),
    customer: buyerId === null ? random.pick<unknown>([null, {}, { id: 0 }, { id: null }]) : { id: new Literal(buyerId), email: null },
    note_attributes: notes,
    discount_codes: evidence.couponCodes?.map((code) => ({ code, amount: '1.00', type: 'fixed_amount' })) ?? random.pick<unknown>(JUNK),
    line_items: lines.map((line) => shopifyLine(line, random)),
    refunds: refunds.map((refund) => shopifyRefund(state, refund, random)),
    shipping_lines: random.pick<unknown>(JUNK),
    client_details: random.pick<unknown>(JUNK),
    future_field: random.pick<unknown>(JUNK),
  };
}

function shopifyLine({ id, productId, units, price, kind }: ShopLine, random: Random): Value {
  return {
    id: new Literal(id),
    product_id: kind === 'tip' ? null : productId,
    quantity: random.pick<unknown>([units, String(units)]),
    price: decimal(price, random),
    total_discount: random.pick([undefined, '0.00', null, '']),
    discount_allocations: random.pick<unknown>([[], null, undefined, '']),
    tax_lines: random.pick<unknown>([[], null, [{ title: '增值税', price: decimal(units * price, random), rate: 1 }]]),
    gift_card: kind === 'gift_card',
    ...(kind === 'tip' && { tip_payment_gateway: null, tip_payment_method: null }),
    properties: random.pick<unknown>(JUNK),
    title: random.pick(['\u202e标题', '', null]),
  };
}

/** Money and units of one line, without tax. */
function shopifyRefund(state: ShopState, refund: ShopRefund, random: Random): Value {
  const amount = priceOf(state, refund);
  return {
    id: new Literal(refund.id),
    created_at: newYork(refund.at),
    processed_at: random.pick([newYork(refund.at), null]),
    note: random.pick([null, '', '坏了\n']),
    refund_line_items: [
      { line_item_id: new Literal(refund.lineId), quantity: refund.units, subtotal: decimal(amount, random), total_tax: '0.00' },
      {},
      null,
    ],
    transactions: [{ kind: 'refund', status: 'success', amount: cents(amount), currency: 'CNY' }],
    order_adjustments: random.pick<unknown>([[], null, undefined]),
  };
}

const gmt = (at: number): string => new Date(at).toISOString().slice(0, 19);

function wooBody(orderId: string, state: ShopState, random: Random): Value {
  const { evidence, lines, createdAt, at, buyerId } = state;
  const status = state.isVoid ? 'cancelled' : state.completedAt !== null ? 'completed' : state.paidAt === null ? 'pending' : 'processing';
  const wooMeta = (key: string, value: string | undefined) =>
    value === undefined ? [] : [{ id: 1, key: random.pick([key, `_${key}`]), value }];
  return {
    id: new Literal(orderId),
    order_key: 'wc_order_x',
    status: random.chance(0.2) ? `wc-${status}` : status,
    currency: random.pick(['CNY', 'cny']),
    date_created_gmt: gmt(createdAt),
    date_modified_gmt: gmt(at),
    // The shop's own clock, which means nothing to anybody else.
    date_paid: '2001-01-01T00:00:00',
    date_paid_gmt: state.paidAt === null ? random.pick([null, '', '0000-00-00T00:00:00']) : gmt(state.paidAt),
    date_completed_gmt: state.completedAt === null ? random.pick([null, '']) : gmt(state.completedAt),
    customer_id: buyerId === null ? random.pick<unknown>([0, '', null, '0']) : new Literal(buyerId),
    billing: random.pick<unknown>([[], null, {}, { email: '' }, { phone: '***' }]),
    meta_data: [random.pick<unknown>([{}, { key: null }, { key: 'x', value: JUNK }]), ...wooMeta('fy_link', evidence.linkCode)],
    coupon_lines: evidence.couponCodes?.map((code) => ({ id: 9, code, discount: '1' })) ?? random.pick<unknown>([[], [{}], null]),
    line_items: lines.map(({ id, productId, units, price }) => ({
      id: new Literal(id),
      product_id: productId,
      quantity: random.pick<unknown>([units, `${units}`]),
      total: decimal(units * price, random),
      total_tax: '0.00',
      meta_data: random.pick<unknown>(JUNK),
      taxes: random.pick<unknown>(JUNK),
    })),
    fee_lines:
      state.discount === 0
        ? random.pick<unknown>([[], [{}], null])
        : [{ id: 7, name: '优惠', total: cents(-state.discount), total_tax: '' }],
    refunds: wooRefunds(state).map(({ id, net }) => ({ id: new Literal(id), reason: random.pick(['', null]), total: cents(-net) })),
    shipping_lines: random.pick<unknown>(JUNK),
    future_field: random.pick<unknown>(JUNK),
  };
}

/** The headers under which a push of a shop is believed. */
export function shopHeaders(teller: Teller, body: Buffer, random: Random): Record<string, string> {
  const mac = createHmac('sha256', SHOP_SECRET).update(body).digest('base64');
  return teller === 'shopify'
    ? {
        'content-type': 'application/json',
        'x-shopify-hmac-sha256': mac,
        'x-shopify-topic': random.pick(['orders/updated', 'orders/create', 'orders/paid']),
      }
    : {
        'content-type': 'application/json',
        'x-wc-webhook-signature': mac,
        'x-wc-webhook-topic': 'order.updated',
        'x-wc-webhook-resource': 'order',
      };
}
