// What the story must come to, reckoned by hand, and how what the service answers differs from it.

import { EXPECTED_ORDERS, type ExpectedLine } from './expected-orders.ts';
import { ORDER_SYSTEMS, type SystemId } from './platforms/order-systems.ts';
import { isAskedSince, isAt, type Books, type Explanation, type Guard, type Order, type Rule } from './readings.ts';
import { sumsOf, type SystemSum } from './side-by-side.ts';

/** What everybody has in the end: pending, available. */
const EXPECTED_BALANCES: Readonly<Record<string, readonly [pending: number, available: number]>> = {
  xinghe: [4152, 100],
  yunduan: [0, 200],
  lin: [0, 200],
  mo: [0, 181_464],
  alice: [6576, 0],
  bob: [3965, 100],
  carol: [7557, 750],
  dave: [5377, 4250],
};

/**
 * What must stand beside each other. Every push came twice and is kept once; what WeChat pushed was
 * fetched, too.
 */
const EXPECTED_SUMS: Readonly<Record<SystemId, Omit<SystemSum, 'source_id'>>> = {
  rest: { deliveries: { rest: 9 }, orders: 7, evidence: { click: 2, click_token: 2, lock: 1, nobody: 2 }, commission: 187_582 },
  'haochi-erp': { deliveries: { push: 10 }, orders: 6, evidence: { click_token: 5, nobody: 1 }, commission: 6_797 },
  'shuma-shopify': { deliveries: { push: 3 }, orders: 2, evidence: { click_token: 1, coupon_code: 1 }, commission: 11_498 },
  'qinghe-woo': { deliveries: { push: 3 }, orders: 2, evidence: { click_token: 1, coupon_code: 1 }, commission: 2_624 },
  'taotao-weixin': { deliveries: { pull: 3, push: 3 }, orders: 2, evidence: { platform: 2 }, commission: 3_570 },
  duoduo: { deliveries: { pull: 3 }, orders: 3, evidence: { link_code: 1, nobody: 1, platform: 1 }, commission: 3_020 },
};

/** What of the books is not as it must be, one sentence each; empty when all is. */
export function bookDifferences(read: Books): string[] {
  return [
    ...orderDifferences(read.orders, read.rules),
    ...explanationDifferences(read.explanations),
    ...read.balances.flatMap(({ promoter_id, pending, available }) =>
      difference(`the balance of ${promoter_id}`, [pending, available], EXPECTED_BALANCES[promoter_id]),
    ),
    ...sumsOf(read, Object.keys(ORDER_SYSTEMS)).flatMap(({ source_id, ...sums }) =>
      difference(`what ${source_id} comes to`, sums, EXPECTED_SUMS[source_id as SystemId]),
    ),
  ];
}

/** How the orders that the service shows differ from what they must be. */
export function orderDifferences(orders: readonly Order[], rules: readonly Rule[]): string[] {
  return EXPECTED_ORDERS.flatMap((expected) => {
    const name = `order ${expected.order_id} of ${expected.source_id}`;
    const found = orders.find((one) => isAt(one, expected));
    if (found === undefined) return [`${name} is not there`];
    const lines = found.lines.map((line): ExpectedLine => {
      const rule = rules.find(({ rule_id }) => rule_id === line.rule_id)?.name ?? line.rule_id;
      const shares = line.shares.map(({ role, promoter_id, amount }) => `${role} ${promoter_id ?? '-'} ${amount}`);
      return { decision: line.decision, evidence: line.evidence, winner: line.promoter_id, rule, pool: line.pool, shares };
    });
    return difference(name, { award: found.award, lines }, { award: expected.award, lines: expected.lines });
  });
}

/**
 * Of the first order everybody who shared is told of, with the reason; of the robot's the robot.
 */
function explanationDifferences(explanations: readonly Explanation[]): string[] {
  const told = (orderId: string) =>
    explanations
      .find(({ order }) => order.order_id === orderId)
      ?.lines[0]?.evidence.map(({ promoter_id, won, reason }) => `${promoter_id} ${won ? 'won' : `lost: ${reason}`}`);
  return [
    ...difference('what is told of M-1001', told('M-1001'), ['alice lost: later_click_won', 'bob won']),
    ...difference('what is told of M-1005', told('M-1005'), ['alice lost: bot']),
  ];
}

/**
 * No law is broken, all of them were asked after the story, and the one thing that is wrong in it
 * has rung.
 */
export function guardDifferences(guards: readonly Guard[], settledAt: Date): string[] {
  const laws = guards.filter(({ kind }) => kind === 'law');
  return [
    ...(laws.length === 0 ? ['there are no laws'] : []),
    ...laws.filter(({ ok }) => !ok).map(({ name, violations }) => `the law ${name} is broken (${violations} times)`),
    ...laws.filter((law) => !isAskedSince(law, settledAt)).map(({ name }) => `the law ${name} was not asked again after the story`),
    ...(guards.some(({ name, ok }) => name === 'unknown_codes' && !ok) ? [] : ['the alarm unknown_codes is silent']),
  ];
}

/** What is not as it must be, as a sentence; none where it is. */
export function difference(name: string, got: unknown, expected: unknown): string[] {
  const [is, must] = [JSON.stringify(got), JSON.stringify(expected)];
  return is === must ? [] : [`${name} is\n    ${is}\n  and must be\n    ${must}`];
}
