// What the story must come to, reckoned by hand, and how what the service answers differs from it.

import { isAskedSince, isAt, type Books, type Explanation, type Guard, type Order, type Rule } from './readings.ts';

interface ExpectedLine {
  decision: string;
  evidence: string | null;
  winner: string | null;
  rule: string | null;
  pool: number;
  /** `role promoter amount`, in the order of the tree. */
  shares: string[];
}

export interface ExpectedOrder {
  order_id: string;
  source_id: string;
  /** What this order shows. */
  story: string;
  award: string;
  lines: ExpectedLine[];
}

function won(evidence: string, winner: string, rule: string, pool: number, ...shares: string[]): ExpectedLine {
  return { decision: 'attributed', evidence, winner, rule, pool, shares };
}

function nobody(decision: string): ExpectedLine {
  return { decision, evidence: null, winner: null, rule: null, pool: 0, shares: [] };
}

function order(source_id: string, order_id: string, story: string, award: string, ...lines: ExpectedLine[]): ExpectedOrder {
  return { source_id, order_id, story, award, lines };
}

/** All orders, in the order of the story. */
export const EXPECTED_ORDERS: readonly ExpectedOrder[] = [
  order(
    'rest',
    'M-1001',
    'the last click wins',
    'confirmed',
    won('click', 'bob', '默认 10%', 999, 'agency xinghe 300', 'promoter bob 630', 'upline alice 69'),
  ),
  order(
    'rest',
    'M-1002',
    'the rule of a category',
    'estimated',
    won('click_token', 'carol', '奶粉 15%', 4485, 'promoter carol 3588', 'upline bob 897'),
  ),
  order(
    'rest',
    'M-1003',
    'the same buyer again',
    'estimated',
    won('lock', 'carol', '默认 10%', 999, 'promoter carol 630', 'upline bob 69'),
  ),
  order(
    'rest',
    'M-1004',
    'a click told late',
    'estimated',
    won('click', 'alice', '默认 10%', 1999, 'agency xinghe 600', 'promoter alice 1399'),
  ),
  order('rest', 'M-1005', 'a robot had clicked', 'none', nobody('unattributed')),
  order('rest', 'M-1006', 'an unknown coupon', 'none', nobody('unattributed')),
  order('rest', 'M-1007', 'matured after 7 days', 'released', won('click_token', 'mo', '奶粉 15%', 4485, 'promoter mo 4485')),
  order(
    'haochi-erp',
    'H-2001',
    'five parties, live',
    'released',
    won(
      'click_token',
      'bob',
      '直播五方 10%',
      1000,
      'platform - 400',
      'talent_agency yunduan 200',
      'talent lin 200',
      'agency xinghe 100',
      'promoter bob 100',
    ),
  ),
  order(
    'haochi-erp',
    'H-2002',
    'a capped campaign',
    'released',
    won('click_token', 'dave', '双十一 20%', 5000, 'promoter dave 4250', 'upline carol 750'),
  ),
  order('haochi-erp', 'H-2003', 'refunded in full', 'void', won('click_token', 'alice', '默认 10%', 0)),
  order('haochi-erp', 'H-2010', 'split in two parts', 'void', nobody('void'), nobody('void')),
  order(
    'haochi-erp',
    'H-2011',
    'its first part',
    'estimated',
    won('click_token', 'carol', '默认 10%', 880, 'promoter carol 555', 'upline bob 61'),
  ),
  order(
    'haochi-erp',
    'H-2012',
    'its second part',
    'estimated',
    won('click_token', 'carol', '默认 10%', 259, 'promoter carol 163', 'upline bob 18'),
  ),
  order(
    'shuma-shopify',
    '5561873406001',
    're-shared, refunded in part',
    'estimated',
    won('click_token', 'alice', '默认 10%', 4990, 'agency xinghe 1497', 'promoter alice 3144', 'upline dave 349'),
    won('click_token', 'alice', '默认 10%', 1000, 'agency xinghe 300', 'promoter alice 630', 'upline dave 70'),
  ),
  order(
    'shuma-shopify',
    '5561873406002',
    'a coupon of a gold tier',
    'estimated',
    won('coupon_code', 'dave', '金牌 12%', 5508, 'promoter dave 4958', 'upline carol 550'),
  ),
];

/** What everybody has in the end: pending, available. */
const EXPECTED_BALANCES: Readonly<Record<string, readonly [pending: number, available: number]>> = {
  xinghe: [2697, 100],
  yunduan: [0, 200],
  lin: [0, 200],
  mo: [0, 4485],
  alice: [5242, 0],
  bob: [1675, 100],
  carol: [5486, 750],
  dave: [5377, 4250],
};

/** Every report was sent at least once, and most of them twice: this many are different ones. */
const EXPECTED_DELIVERIES = { received: 0, processed: 22, parked: 0, failed: 0 };

/** What of the books is not as it must be, one sentence each; empty when all is. */
export function bookDifferences(read: Books): string[] {
  return [
    ...orderDifferences(read.orders, read.rules),
    ...explanationDifferences(read.explanations),
    ...read.balances.flatMap(({ promoter_id, pending, available }) =>
      difference(`the balance of ${promoter_id}`, [pending, available], EXPECTED_BALANCES[promoter_id]),
    ),
    ...difference(
      'the trial balance',
      read.trialBalance.map(({ currency, sum }) => [currency, sum]),
      [['CNY', 0]],
    ),
    ...difference('the count of deliveries', read.deliveries, EXPECTED_DELIVERIES),
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

/** Of the first order everybody who shared is told of, with the reason; of the robot's the robot. */
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

/** No law is broken, all of them were asked after the story, and the one thing that is wrong in it has rung. */
export function guardDifferences(guards: readonly Guard[], settledAt: Date): string[] {
  const laws = guards.filter(({ kind }) => kind === 'law');
  return [
    ...(laws.length === 0 ? ['there are no laws'] : []),
    ...laws.filter(({ ok }) => !ok).map(({ name, violations }) => `the law ${name} is broken (${violations} times)`),
    ...laws.filter((law) => !isAskedSince(law, settledAt)).map(({ name }) => `the law ${name} was not asked again after the story`),
    ...(guards.some(({ name, ok }) => name === 'unknown_codes' && !ok) ? [] : ['the alarm unknown_codes is silent']),
  ];
}

function difference(name: string, got: unknown, expected: unknown): string[] {
  const [is, must] = [JSON.stringify(got), JSON.stringify(expected)];
  return is === must ? [] : [`${name} is\n    ${is}\n  and must be\n    ${must}`];
}
