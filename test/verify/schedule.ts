// What a trial will send and when, made from its seed before it begins.

import type { Random } from './random.ts';
import type { Line, Refund, Seller } from './reckoning.ts';

/** How the load of a fault differs from the usual one. */
export interface Shape {
  seconds: number;
  ordersPerSecond: number;
  /** How often each report is sent at the most. */
  copiesMax: number;
  /** How much later than it could be a report is sent at the most. */
  delayMsMax: number;
  ruleChanges: number;
  poison: number;
  /** How far off the clock of the sender is, one way or the other. */
  skewMs: number;
}

export const USUAL: Shape = { seconds: 4, ordersPerSecond: 8, copiesMax: 2, delayMsMax: 400, ruleChanges: 2, poison: 0, skewMs: 0 };

export interface PlannedSend {
  /** Milliseconds after the order's moment, one for each copy. */
  delays: number[];
  keyed: boolean;
}

export interface PlannedOrder {
  at: number;
  orderId: string;
  viaWebhook: boolean;
  seller: Seller;
  click: 'redirect' | 'told';
  lines: Line[];
  refunds: Refund[];
  completes: boolean;
  /** One for each report: the order, its completion, its refunds. They arrive in any order. */
  sends: PlannedSend[];
}

export interface Schedule {
  orders: PlannedOrder[];
  /** When a new version of the rule is published, and its rate. */
  rates: { at: number; ratePpm: number }[];
  poison: { at: number; kind: number }[];
  skewMs: number;
  lengthMs: number;
}

/** The schedule of one trial; `name` begins the ids of its orders. */
export function makeSchedule(random: Random, name: string, shape: Shape): Schedule {
  const lengthMs = shape.seconds * 1000;
  const count = shape.seconds * shape.ordersPerSecond;
  const anytime = () => random.int(0, lengthMs);
  return {
    orders: Array.from({ length: count }, (_, n) => makeOrder(random, `${name}-${n}`, anytime(), shape)),
    rates: Array.from({ length: shape.ruleChanges }, () => ({ at: anytime(), ratePpm: random.int(10_000, 150_000) })).toSorted(
      (a, b) => a.at - b.at,
    ),
    poison: Array.from({ length: shape.poison }, (_, kind) => ({ at: anytime(), kind })),
    skewMs: random.chance(0.5) ? shape.skewMs : -shape.skewMs,
    lengthMs,
  };
}

function makeOrder(random: Random, orderId: string, at: number, shape: Shape): PlannedOrder {
  const lines = Array.from({ length: random.int(1, 3) }, (_, n) => ({ lineId: String(n + 1), paid: random.int(1, 30_000) }));
  const refunds = makeRefunds(random, lines);
  const completes = random.chance(0.3);
  const reports = 1 + (completes ? 1 : 0) + refunds.length;
  const sends = Array.from({ length: reports }, () => ({
    delays: Array.from({ length: random.int(1, shape.copiesMax) }, () => random.int(0, shape.delayMsMax)),
    keyed: random.chance(0.3),
  }));
  return {
    at,
    orderId,
    viaWebhook: random.chance(0.6),
    seller: random.pick(['bob', 'carol'] as const),
    click: random.pick(['redirect', 'told'] as const),
    lines,
    refunds,
    completes,
    sends,
  };
}

/**
 * At most two, and never more than was paid: what is refunded of a line first leaves enough for
 * what is refunded of the whole.
 */
function makeRefunds(random: Random, lines: readonly Line[]): Refund[] {
  if (random.chance(0.4)) return [];
  const first = random.pick(lines);
  const ofLine = random.int(1, first.paid);
  const left = lines.reduce((sum, { paid }) => sum + paid, 0) - ofLine;
  const refunds: Refund[] = random.chance(0.6) ? [{ refundId: 'r1', lineId: first.lineId, amount: ofLine }] : [];
  if (left > 0 && (refunds.length === 0 || random.chance(0.5))) {
    refunds.push({ refundId: 'r2', lineId: null, amount: random.chance(0.2) ? left : random.int(1, left) });
  }
  return refunds;
}
