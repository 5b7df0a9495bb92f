// What is read back from the service: orders, the explanation of one, balances, the trial balance,
// guards. Nothing here is computed.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Client } from './client.ts';
import { PROMOTERS } from './marketplace.ts';

const POLL_MS = 150;
/** Orders settle within a second or two. */
const SETTLE_TIMEOUT_MS = 30_000;
/**
 * A guard rests many times as long as it took, as guards/run.ts says, which on a busy machine is a
 * while.
 */
const GUARDS_TIMEOUT_MS = 120_000;

interface List<Item> {
  data: Item[];
}

export interface Share {
  role: string;
  level?: number;
  promoter_id: string | null;
  /** Fen, as all amounts are. */
  amount: number;
}

export interface Line {
  line_id: string;
  product_id: string | null;
  paid_amount: number;
  refunded_amount: number;
  decision: string;
  evidence: string | null;
  promoter_id: string | null;
  rule_id: string | null;
  rule_version: number | null;
  pool: number;
  shares: Share[];
}

export interface Order {
  source_id: string;
  order_id: string;
  merchant_id: string;
  award: string;
  paid_at: string | null;
  releases_at: string | null;
  lines: Line[];
}

export interface Evidence {
  kind: string;
  reference: string;
  at: string;
  promoter_id: string | null;
  link_code: string | null;
  won: boolean;
  reason: string | null;
}

export interface PlanNode {
  to: string | { account: string };
  share_ppm: number;
  pays: PlanNode[];
}

/** A rule as it was published; the demo publishes no second versions. */
export interface Rule {
  rule_id: string;
  name: string;
  plan: { split: PlanNode[] };
}

export interface RuleOutcome {
  version: number;
  name: string;
  weight: number;
  outcome: 'won' | 'lost';
  reason: string;
}

/** One line of the reckoning; which fields are there depends on the step. */
export type Step =
  | { step: 'base'; paid: number; refunded: number; base: number }
  | { step: 'pool'; rate_ppm: number; rated: number; fixed: number; limited_by: string | null; pool: number }
  | { step: 'cap_per_order'; cap: number; pool: number }
  | { step: 'winner'; promoter_id: string; part: number }
  | { step: 'share'; role: string; promoter_id: string | null; gross: number; net: number; amount: number }
  | { step: 'absent'; role: string; gross: number; net: number; kept_by: string }
  | { step: 'uncharged'; amount: number };

export interface Explanation {
  order: Order;
  lines: {
    line_id: string;
    reason: string | null;
    evidence: Evidence[];
    winners: { promoter_id: string; chain: string[]; chain_at: string }[];
    rules: RuleOutcome[];
    arithmetic: Step[];
  }[];
  transfers: { kind: string; role: string; promoter_id: string | null; from: string; to: string; amount: number }[];
}

export interface PromoterBalance {
  promoter_id: string;
  pending: number;
  available: number;
}

export interface TrialBalance {
  currency: string;
  accounts: { kind: string; balance: number }[];
  sum: number;
}

export interface Guard {
  name: string;
  kind: 'law' | 'alarm';
  words: { en: { broken: string } };
  ok: boolean;
  violations: number;
  checked_at: string;
}

export interface Delivery {
  source_id: string;
  /** Whether it was pushed, asked for, or told by REST. */
  origin: string;
  state: string;
}

/** What the demo shows and checks. */
export interface Books {
  orders: Order[];
  explanations: Explanation[];
  rules: Rule[];
  balances: PromoterBalance[];
  trialBalance: TrialBalance[];
  /** What the service has kept of what came: a report that comes twice is kept once. */
  deliveries: Delivery[];
}

/** Which orders are to be shown, and when they are all as they will stay. */
export interface Question {
  places: readonly Pick<Order, 'source_id' | 'order_id'>[];
  isSettled: (orders: Order[], rules: Rule[]) => boolean;
}

interface Standing {
  orders: Order[];
  deliveries: Delivery[];
}

/**
 * Waits until all orders have settled, then reads everything. What has not settled within its time
 * is read as it is.
 */
export async function readBooks(api: Client, { places, isSettled }: Question, signal: AbortSignal): Promise<Books> {
  const rules = await readRules(api);
  const { orders, deliveries } = await readUntil(
    signal,
    () => readStanding(api),
    (standing) => isSettled(standing.orders, rules) && standing.deliveries.every(({ state }) => state !== 'received'),
  );
  const shown = places.filter((place) => orders.some((order) => isAt(order, place)));
  return {
    orders,
    explanations: await Promise.all(shown.map((place) => readExplanation(api, place))),
    rules,
    balances: await readBalances(api),
    trialBalance: (await api.get<List<TrialBalance>>('/v1/ledger/trial-balance')).data,
    deliveries,
  };
}

/** The guards, each asked after that time, as far as they are within two minutes. */
export async function readGuards(api: Client, signal: AbortSignal, since: Date): Promise<Guard[]> {
  const read = async () => (await api.get<List<Guard>>('/v1/guards')).data;
  return readUntil(signal, read, (guards) => guards.every((guard) => isAskedSince(guard, since)), GUARDS_TIMEOUT_MS);
}

export function isAt(order: Order, place: Question['places'][number]): boolean {
  return order.source_id === place.source_id && order.order_id === place.order_id;
}

/**
 * Reads again and again until it is enough, or the time is up; answers with the last reading,
 * enough or not.
 */
export async function readUntil<Reading>(
  signal: AbortSignal,
  read: () => Promise<Reading>,
  isEnough: (reading: Reading) => boolean,
  timeoutMs = SETTLE_TIMEOUT_MS,
): Promise<Reading> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const reading = await read();
    if (isEnough(reading) || Date.now() > deadline) return reading;
    await sleep(POLL_MS, undefined, { signal });
  }
}

export async function readOrders(api: Client): Promise<Order[]> {
  return (await api.get<List<Order>>('/v1/orders?limit=200')).data;
}

/** The deliveries first: whoever is told of an order by one of them finds it in the orders. */
async function readStanding(api: Client): Promise<Standing> {
  const { data: deliveries } = await api.get<List<Delivery>>('/v1/deliveries?limit=200');
  return { deliveries, orders: await readOrders(api) };
}

async function readExplanation(api: Client, { source_id, order_id }: Question['places'][number]): Promise<Explanation> {
  return api.get<Explanation>(`/v1/orders/${source_id}/${order_id}/explanation`);
}

async function readRules(api: Client): Promise<Rule[]> {
  const { data } = await api.get<List<{ versions: Rule[] }>>('/v1/rules?limit=200');
  return data.flatMap(({ versions }) => versions);
}

/**
 * Everybody's balance in CNY, the one currency here. For whom nothing was ever booked the service
 * names none, and it is 0.
 */
async function readBalances(api: Client): Promise<PromoterBalance[]> {
  return Promise.all(
    Object.keys(PROMOTERS).map(async (promoter_id) => {
      const { data } = await api.get<List<Omit<PromoterBalance, 'promoter_id'>>>(`/v1/promoters/${promoter_id}/balance`);
      return { promoter_id, pending: data[0]?.pending ?? 0, available: data[0]?.available ?? 0 };
    }),
  );
}

export function isAskedSince(guard: Guard, since: Date): boolean {
  return Date.parse(guard.checked_at) >= since.getTime();
}
