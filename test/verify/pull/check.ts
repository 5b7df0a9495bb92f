// Compares what the service holds with the platforms: every order once, as its last version says,
// and booked what that earns.

import type { Client } from 'pg';

import { addOwed, compareBooks, type ShownOrder } from '../check.ts';
import { adminOf } from '../market.ts';
import { reckon, type Reckoned } from '../reckoning.ts';
import type { Platform } from './platform.ts';
import type { Finding } from './table.ts';

const PAGE = 200;

type Listed = ShownOrder & { source_id: string; order_id: string };

/**
 * Whether the orders of these platforms earn anything is told by whether their rows say who sold
 * them.
 */
const isSold = ({ system }: Platform): boolean => system.bob !== undefined || system.withLink !== undefined;

/** Looks at every order that the service has, as its API shows it, and at the books. */
export async function checkOrders(client: Client, url: string, platforms: readonly Platform[], ratePpm: number): Promise<Finding[]> {
  const bySource = await listAll(url);
  const findings = platforms.flatMap((platform) => checkPlatform(platform, bySource.get(platform.system.kind) ?? new Map(), ratePpm));
  return [...findings, ...(await checkBooks(client, platforms, ratePpm)), ...(await checkDeliveries(client))];
}

async function listAll(url: string): Promise<Map<string, Map<string, Listed[]>>> {
  const bySource = new Map<string, Map<string, Listed[]>>();
  for await (const order of adminOf(url).each('/v1/orders', { query: { limit: PAGE } })) {
    const orders = bySource.get(order.source_id) ?? new Map<string, Listed[]>();
    bySource.set(order.source_id, orders.set(order.order_id, [...(orders.get(order.order_id) ?? []), order]));
  }
  return bySource;
}

function checkPlatform(platform: Platform, shown: ReadonlyMap<string, Listed[]>, ratePpm: number): Finding[] {
  const system = platform.system.kind;
  const strange = [...shown.keys()].filter((orderId) => !platform.orders.has(orderId));
  const findings: Finding[] = strange.map((orderId) => ({ system, column: 'wrong', text: `the platform has no order ${orderId}` }));
  for (const [orderId, { paid }] of platform.orders) {
    const [order, ...others] = shown.get(orderId) ?? [];
    if (others.length > 0) {
      findings.push({ system, column: 'doubled', text: `the order ${orderId} stands there ${1 + others.length} times` });
    }
    if (order === undefined) findings.push({ system, column: 'missed', text: `the order ${orderId} is not there` });
    else findings.push(...compare(order, paid, earned(platform, paid, ratePpm)).map((found) => ({ system, ...found })));
  }
  return findings;
}

function compare({ order_id: orderId, lines }: Listed, paid: number, expected: Reckoned | null): Omit<Finding, 'system'>[] {
  const amounts = lines.map((line) => line.paid_amount);
  if (lines.length === 1 && amounts[0] !== paid) {
    return [{ column: 'missed', text: `the last change of the order ${orderId} makes it ${paid}, and it is ${amounts[0]}` }];
  }
  const shares = lines.flatMap((line) => line.shares.map((share) => `${share.role} ${share.promoter_id} ${share.amount}`)).toSorted();
  const [is, should] = [JSON.stringify([amounts, shares]), JSON.stringify([[paid], expected?.shares ?? []])];
  return is === should ? [] : [{ column: 'wrong', text: `the order ${orderId} should be ${should} and is ${is}` }];
}

function earned(platform: Platform, paid: number, ratePpm: number): Reckoned | null {
  return isSold(platform) ? reckon('bob', ratePpm, [{ lineId: '', paid }], [])[0]! : null;
}

async function checkBooks(client: Client, platforms: readonly Platform[], ratePpm: number): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const platform of platforms) {
    const owed = new Map<string, number>();
    for (const [orderId, { paid }] of platform.orders) {
      const expected = earned(platform, paid, ratePpm);
      if (expected !== null) addOwed(owed, orderId, [expected]);
    }
    const found = await compareBooks(client, [...platform.orders.keys()], owed);
    findings.push(
      ...found.map(({ column, text }) => ({
        system: platform.system.kind,
        column: column === 'doubled' ? ('doubled' as const) : ('wrong' as const),
        text,
      })),
    );
  }
  return findings;
}

/** Every delivery that was pulled has become part of an order. */
async function checkDeliveries(client: Client): Promise<Finding[]> {
  const { rows } = await client.query<{ source_id: string; state: string; count: number; why: string | null }>(
    `select source_id, state, count(*)::int, min(coalesce(error, reason)) as why from delivery
    where origin = 'pull' and state <> 'processed' group by 1, 2`,
  );
  return rows.map(({ source_id: system, state, count, why }) => ({
    system,
    column: 'wrong',
    text: `${count} deliveries are ${state}: ${why}`,
  }));
}
