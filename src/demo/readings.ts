// What is read back from the service: orders, the explanation of one, balances, the trial balance,
// guards. Nothing here is computed.

import { setTimeout as sleep } from 'node:timers/promises';

import type { components } from '../../client/api.ts';
import type { FenyongClient } from '../../client/client.ts';
import { PROMOTERS } from './marketplace.ts';

const POLL_MS = 150;
/** Orders settle within a second or two. */
const SETTLE_TIMEOUT_MS = 30_000;
/**
 * A guard rests many times as long as it took, as guards/run.ts says, which on a busy machine is a
 * while.
 */
const GUARDS_TIMEOUT_MS = 120_000;

type Schemas = components['schemas'];
/** Amounts are in fen. */
export type Order = Schemas['Order'];
export type Line = Order['lines'][number];
export type Share = Line['shares'][number];
export type Evidence = Schemas['ToldEvidence'];
export type Winner = Schemas['ToldWinner'];
export type PlanNode = Schemas['PlanNode'];
/** A rule as it was published; the demo publishes no second versions. */
export type Rule = Schemas['RuleVersion'];
export type ExplainedRule = Schemas['ExplainedRule'];
/** One line of the reckoning; which fields are there depends on the step. */
export type Step = Schemas['ExplainedStep'];
export type Explanation = Schemas['Explanation'];
export type PromoterBalance = Pick<Schemas['Balance'], 'pending' | 'available'> & { promoter_id: string };
export type TrialBalance = Schemas['TrialBalance'];
export type Guard = Schemas['Guard'];
export type Delivery = Schemas['Delivery'];

const ALL = { params: { query: { limit: 200 } } } as const;

/** What the demo shows and checks. */
export interface Books {
  orders: Order[];
  explanations: Explanation[];
  rules: Rule[];
  balances: PromoterBalance[];
  /** What the service has kept of what came: a report that comes twice is kept once. */
  deliveries: Delivery[];
}

/** Which orders are to be shown, and when they are all as they will stay. */
interface Question {
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
export async function readBooks(api: FenyongClient, { places, isSettled }: Question, signal: AbortSignal): Promise<Books> {
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
    deliveries,
  };
}

/** The guards, each asked after that time, as far as they are within two minutes. */
export async function readGuards(api: FenyongClient, signal: AbortSignal, since: Date): Promise<Guard[]> {
  const read = async () => (await api.GET('/v1/guards')).data.data;
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

export async function readOrders(api: FenyongClient): Promise<Order[]> {
  return (await api.GET('/v1/orders', ALL)).data.data;
}

/** The deliveries first: whoever is told of an order by one of them finds it in the orders. */
async function readStanding(api: FenyongClient): Promise<Standing> {
  const { data: deliveries } = await api.GET('/v1/deliveries', ALL);
  return { deliveries: deliveries.data, orders: await readOrders(api) };
}

async function readExplanation(api: FenyongClient, { source_id, order_id }: Question['places'][number]): Promise<Explanation> {
  const path = { source_id, order_id };
  return (await api.GET('/v1/orders/{source_id}/{order_id}/explanation', { params: { path } })).data;
}

async function readRules(api: FenyongClient): Promise<Rule[]> {
  const { data: rules } = await api.GET('/v1/rules', ALL);
  return rules.data.flatMap(({ versions }) => versions);
}

/**
 * Everybody's balance in CNY, the one currency here. For whom nothing was ever booked the service
 * names none, and it is 0.
 */
export async function readBalances(api: FenyongClient): Promise<PromoterBalance[]> {
  return Promise.all(
    Object.keys(PROMOTERS).map(async (promoter_id) => {
      const { data: balances } = await api.GET('/v1/promoters/{promoter_id}/balance', { params: { path: { promoter_id } } });
      const { pending = 0, available = 0 } = balances.data[0] ?? {};
      return { promoter_id, pending, available };
    }),
  );
}

export function isAskedSince(guard: Guard, since: Date): boolean {
  return guard.checked_at !== null && Date.parse(guard.checked_at) >= since.getTime();
}
