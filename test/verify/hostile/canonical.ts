// Sayings as reports in our own words: what a storefront posts, and what a source signs and pushes.

import { createHmac, randomUUID } from 'node:crypto';

import type { Random } from '../random.ts';
import { idOf, integer, jsonText, timeText } from './json.ts';
import type { SaidEvidence, SaidLine, SaidRefund, Saying, ToldOrder } from './said.ts';
import { WEBHOOK_SECRET } from './world.ts';

type Value = Record<string, unknown>;

/** A report as an object whose numbers and ids may be written in any way. */
export function reportOf(
  order: Pick<ToldOrder, 'orderId' | 'sourceId' | 'teller'>,
  saying: Saying,
  merchantId: string,
  random: Random,
): Value {
  const time = (at: number | undefined) => (at === undefined ? nothing(random) : timeText(at, random));
  const { whole } = saying;
  return {
    merchant_id: merchantId,
    order_id: idOf(order.orderId, random),
    source_id:
      saying.by === 'storefront' ? order.sourceId : order.teller === 'rest' ? random.pick([undefined, null, 'rest']) : nothing(random),
    observed_at: timeText(saying.at, random),
    status: saying.status ?? nothing(random),
    void: saying.void === undefined ? nothing(random) : saying.void === false ? false : { reason: saying.void },
    currency: saying.currency ?? nothing(random),
    created_at: time(saying.createdAt),
    deposit_paid_at: time(saying.depositPaidAt),
    paid_at: time(saying.paidAt),
    completed_at: time(saying.completedAt),
    buyer: saying.buyer === undefined ? random.pick([undefined, null, {}]) : buyerOf(saying.buyer, random),
    test: saying.test ?? nothing(random),
    sample: saying.sample ?? nothing(random),
    parent: saying.parent === undefined ? nothing(random) : { order_id: saying.parent.orderId, kind: saying.parent.kind },
    whole: whole === undefined ? random.pick([undefined, null, false]) : whole.length === 3 && random.chance(0.5) ? true : whole,
    ...evidenceOf(saying, random),
    lines: listOf(saying.lines, (line) => lineOf(line, random), random),
    refunds: listOf(saying.refunds, (refund) => refundOf(refund, random), random),
    disputes: listOf(
      saying.disputes,
      ({ disputeId, lineId, state }) => ({
        dispute_id: disputeId,
        line_id: lineId ?? nothing(random),
        state,
        kind: random.pick([undefined, null, '质量']),
      }),
      random,
    ),
  };
}

/** How nothing is said. */
const nothing = (random: Random): undefined | null => random.pick([undefined, undefined, null]);

function listOf<Item>(items: readonly Item[] | undefined, write: (item: Item) => Value, random: Random): Value[] | undefined | null {
  if (items === undefined || items.length === 0) return random.pick([undefined, null, []]);
  return items.map(write);
}

/** An address of e-mail is one, however it is written. */
function buyerOf(buyer: Record<string, string | null>, random: Random): Value {
  const entries = Object.entries(buyer).map(([type, value]): [string, unknown] => [
    type,
    value !== null && type === 'email' && !value.includes('*') ? random.pick([value, value.toUpperCase(), ` ${value} `]) : value,
  ]);
  return Object.fromEntries(entries);
}

function evidenceOf({ clickToken, linkCode, couponCodes, promoterId }: SaidEvidence, random: Random): Value {
  const text = () => random.pick([undefined, null, '']);
  return {
    click_token: clickToken ?? text(),
    link_code: linkCode ?? text(),
    coupon_codes: couponCodes ?? random.pick([undefined, null, [], ['']]),
    promoter_id: promoterId ?? nothing(random),
  };
}

function lineOf(line: SaidLine, random: Random): Value {
  return {
    line_id: idOf(line.lineId, random),
    product_id: line.productId ?? nothing(random),
    quantity: line.quantity === undefined ? nothing(random) : integer(line.quantity, random),
    paid_amount: line.paid === undefined ? nothing(random) : integer(line.paid, random),
    completed_at: line.completedAt === undefined ? nothing(random) : timeText(line.completedAt, random),
    not_commissionable: line.notCommissionable ?? nothing(random),
    category: random.pick([undefined, null, '', '母婴']),
    ...evidenceOf(line, random),
  };
}

function refundOf({ refundId, lineId, amount, status }: SaidRefund, random: Random): Value {
  return {
    refund_id: idOf(refundId, random),
    line_id: lineId === undefined ? nothing(random) : idOf(lineId, random),
    amount: amount === undefined ? nothing(random) : integer(amount, random),
    status: status ?? random.pick([undefined, null, 'succeeded']),
    reason: random.pick([undefined, null, '', '七天无理由\n\t"']),
  };
}

/**
 * The message in which a source pushes a report; what it says beside it is no part of the order.
 */
export function messageOf(report: Value, random: Random): Value {
  const more = random.pick<Value>([{}, {}, { id: 'evt_1' }, { version: '9', livemode: true, future_field: null }]);
  return {
    type: random.pick(['order.changed', 'order.paid', 'refund.created', 'something/new', '']),
    timestamp: '2026-01-01T00:00:00Z',
    data: report,
    ...more,
  };
}

export const bytesOf = (value: unknown, random: Random): Buffer => Buffer.from(jsonText(value, random));

/** The headers under which a standard webhook is believed now. */
export function signedHeaders(body: Buffer): Record<string, string> {
  const id = `msg_${randomUUID()}`;
  const timestamp = String(Math.floor(Date.now() / 1000));
  const mac = createHmac('sha256', WEBHOOK_SECRET).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,AAAA v1,${mac}` };
}
