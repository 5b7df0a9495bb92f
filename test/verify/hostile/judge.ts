// Judges the service by what was sent: each order as its reckoning says, each delivery as its body
// deserves, no alarm but those that were called for, and the books.

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Client } from 'pg';

import { ADMIN_KEY } from '../fleet.ts';
import type { Finding } from '../journal.ts';
import { adminOf } from '../market.ts';
import { shown } from './doors.ts';
import type { Plan, PlannedSend } from './plan.ts';
import { compareLines, reckonOrder, type ReckonedOrder } from './reckon.ts';
import type { ToldOrder } from './said.ts';
import type { World } from './world.ts';

const READ_AT_ONCE = 6;

interface ShownLine {
  line_id: string;
  paid_amount: number;
  refunded_amount: number;
  award: string;
  decision: string;
  evidence: string | null;
  promoter_id: string | null;
  pool: number;
  completed_at: string | null;
  shares: { role: string; promoter_id: string | null; amount: number }[];
}

interface ShownOrder {
  status: string;
  void: false | { reason: string };
  currency: string | null;
  award: string;
  created_at: string | null;
  paid_at: string | null;
  completed_at: string | null;
  lines: ShownLine[];
  totals: { promoter_id: string; amount: number }[];
}

/** Everything that is wrong after the trial. */
export async function judge(client: Client, plan: Plan, world: World): Promise<Finding[]> {
  const reckoned = new Map(plan.orders.map((order) => [order, reckonOrder(order, world)]));
  return [
    ...(await judgeOrders(plan, reckoned, world)),
    ...(await judgeBooks(client, reckoned, world)),
    ...(await judgeDeliveries(client, plan, world)),
    ...(await judgeStrange(client, plan, world)),
  ];
}

async function judgeOrders(plan: Plan, reckoned: ReadonlyMap<ToldOrder, ReckonedOrder>, world: World): Promise<Finding[]> {
  const findings: Finding[] = [];
  const left = [...plan.orders];
  const reader = async () => {
    for (let order = left.pop(); order !== undefined; order = left.pop()) {
      findings.push(...(await judgeOrder(order, reckoned.get(order)!, world)));
    }
  };
  await Promise.all(Array.from({ length: READ_AT_ONCE }, reader));
  return findings;
}

async function judgeOrder(order: ToldOrder, reckoned: ReckonedOrder, world: World): Promise<Finding[]> {
  const path = `/v1/orders/${[order.sourceId, order.orderId].map(encodeURIComponent).join('/')}?merchant_id=${encodeURIComponent(world.merchantId)}`;
  const answer = await fetch(world.url() + path, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  const text = await answer.text();
  const what = `the order ${JSON.stringify(order.orderId)} of ${order.sourceId}`;
  if (answer.status === 404) return [{ column: 'lost', text: `${what} is not there` }];
  if (!answer.ok) return [{ column: 'wrong', text: `${what} is answered ${answer.status}: ${text.slice(0, 300)}` }];
  const [is, should] = [asCompared(JSON.parse(text) as ShownOrder), wanted(reckoned)];
  const differences = Object.keys(should).filter((key) => is[key] !== should[key]);
  if (differences.length === 0) return [];
  const told = differences.map((key) => `\n    ${key} is ${is[key]}\n    ${' '.repeat(key.length)} not ${should[key]}`).join('');
  return [{ column: 'wrong', text: `${what}:${told}\n    after ${JSON.stringify(order.sayings.toSorted((a, b) => a.at - b.at))}` }];
}

type Compared = Record<string, string | undefined>;

const time = (at: number | string | null) => (at === null ? null : new Date(at).toISOString());

function wanted({ lines, createdAt, paidAt, completedAt, ...order }: ReckonedOrder): Compared {
  const head = [order.status, order.void, order.currency, order.award, time(createdAt), time(paidAt), time(completedAt)];
  const ofLines = lines.map(({ lineId, completedAt: at, ...line }) => [
    `line ${lineId}`,
    JSON.stringify([line.paid, line.refunded, line.award, line.decision, line.evidence, line.promoterId, line.pool, time(at), line.shares]),
  ]);
  return {
    head: JSON.stringify(head),
    ids: JSON.stringify(lines.map(({ lineId }) => lineId)),
    ...Object.fromEntries(ofLines),
    totals: totalsOf(lines),
  };
}

function asCompared(order: ShownOrder): Compared {
  const head = [order.status, order.void !== false, order.currency, order.award, order.created_at, order.paid_at, order.completed_at];
  const lines = order.lines.map((line) => ({
    ...line,
    shares: line.shares.map((share) => `${share.role} ${share.promoter_id} ${share.amount}`).toSorted(),
  }));
  const ofLines = lines.map((line) => [
    `line ${line.line_id}`,
    JSON.stringify([
      line.paid_amount,
      line.refunded_amount,
      line.award,
      line.decision,
      line.evidence,
      line.promoter_id,
      line.pool,
      time(line.completed_at),
      line.shares,
    ]),
  ]);
  const ids = lines.map((line) => line.line_id).toSorted(compareLines);
  const totals = order.totals.map(({ promoter_id: who, amount }) => `${who} ${amount}`).toSorted();
  return { head: JSON.stringify(head), ids: JSON.stringify(ids), ...Object.fromEntries(ofLines), totals: JSON.stringify(totals) };
}

/** `role promoter amount`, where neither role nor amount has a blank. */
const partsOf = (share: string) => ({
  who: share.slice(share.indexOf(' ') + 1, share.lastIndexOf(' ')),
  amount: Number(share.slice(share.lastIndexOf(' ') + 1)),
});

function totalsOf(lines: ReckonedOrder['lines']): string {
  const totals = new Map<string, number>();
  for (const { who, amount } of lines.flatMap(({ shares }) => shares.map(partsOf))) totals.set(who, (totals.get(who) ?? 0) + amount);
  return JSON.stringify([...totals].map(([who, amount]) => `${who} ${amount}`).toSorted());
}

/** What is booked for each promoter and order is what they must earn. */
async function judgeBooks(client: Client, reckoned: ReadonlyMap<ToldOrder, ReckonedOrder>, { merchantId }: World): Promise<Finding[]> {
  const { rows } = await client.query<{ source_id: string; order_id: string; promoter_id: string; amount: string }>(
    `select source_id, order_id, entry.promoter_id, sum(amount) as amount from entry join account using (account_id) join orders using (order_key)
    where account.kind in ('pending', 'available') and orders.merchant_id = $1 group by 1, 2, 3 having sum(amount) <> 0`,
    [merchantId],
  );
  const booked = new Map(rows.map((row) => [JSON.stringify([row.source_id, row.order_id, row.promoter_id]), Number(row.amount)]));
  const owed = new Map<string, number>();
  for (const [{ sourceId, orderId }, { lines }] of reckoned) {
    for (const { who, amount } of lines.flatMap(({ shares }) => shares.map(partsOf))) {
      const name = JSON.stringify([sourceId, orderId, who]);
      owed.set(name, (owed.get(name) ?? 0) + amount);
    }
  }
  return [...new Set([...booked.keys(), ...owed.keys()])].flatMap((name): Finding[] => {
    const [is, should] = [booked.get(name) ?? 0, owed.get(name) ?? 0];
    return is === should ? [] : [{ column: 'wrong', text: `booked for ${name} is ${is} and should be ${should}` }];
  });
}

interface DeliveryRow {
  source_id: string;
  hash: string;
  state: string;
  times: number;
  why: string | null;
}

const hashOf = (body: Buffer): string => createHash('sha256').update(body).digest('hex');

/**
 * Every body that was taken is kept once, and has ended as it deserves; what was refused is not
 * kept.
 */
async function judgeDeliveries(client: Client, { sends }: Plan, { merchantId, sources }: World): Promise<Finding[]> {
  const { rows } = await client.query<DeliveryRow>(
    `select source_id, encode(body_hash, 'hex') as hash, state, count(*)::int as times, min(coalesce(error, reason)) as why from delivery
    where origin in ('rest', 'push') and (merchant_id = $1 or source_id = any($2)) group by 1, 2, 3`,
    [merchantId, Object.values(sources)],
  );
  const planned = new Map<string, PlannedSend>(sends.map((send) => [`${send.sourceId} ${hashOf(send.body)}`, send]));
  const found = new Map(rows.map((row) => [`${row.source_id} ${row.hash}`, row]));
  const findings: Finding[] = [];
  for (const [key, { about, body, ends }] of planned) {
    const row = found.get(key);
    const what = `a report of ${about}`;
    if (ends === 'refused') {
      if (row !== undefined) findings.push({ column: 'wrong', text: `${what} was kept though it is to be refused\n    ${shown(body)}` });
    } else if (row === undefined) findings.push({ column: 'lost', text: `${what} was acknowledged and is not there` });
    else if (row.times > 1) findings.push({ column: 'doubled', text: `${what} stands there ${row.times} times` });
    else if (row.state !== ends) {
      findings.push({ column: 'lost', text: `${what} is ${row.state} and not ${ends}: ${row.why}\n    ${shown(body)}` });
    } else if (ends !== 'processed' && row.why === null) findings.push({ column: 'wrong', text: `${what} is ${ends} without a reason` });
  }
  for (const [key, row] of found) {
    if (!planned.has(key)) findings.push({ column: 'wrong', text: `a delivery that nobody sent: ${JSON.stringify(row)}` });
  }
  return findings;
}

/** Orders that nobody told of, and rows of files that are not in their orders. */
async function judgeStrange(client: Client, { orders }: Plan, { merchantId }: World): Promise<Finding[]> {
  const told = await client.query<{ source_id: string; order_id: string }>(
    'select source_id, order_id from orders where merchant_id = $1',
    [merchantId],
  );
  const known = new Set(orders.map(({ sourceId, orderId }) => `${sourceId}\n${orderId}`));
  const strange = told.rows.filter((row) => !known.has(`${row.source_id}\n${row.order_id}`));
  const { rows } = await client.query<{ state: string; why: string | null; times: number }>(
    `select state, coalesce(error, reason) as why, count(*)::int as times from delivery
    where origin in ('upload', 'pull') and (merchant_id = $1 or source_id like $2) and state <> 'processed' group by 1, 2`,
    [merchantId, `${merchantId.slice(0, -2)}-%`],
  );
  return [
    ...strange.map((row): Finding => ({ column: 'wrong', text: `nobody told of the order ${JSON.stringify(row)}` })),
    ...rows.map((row): Finding => ({ column: 'lost', text: `${row.times} rows of files and lists are ${row.state}: ${row.why}` })),
  ];
}

/** How many violations each alarm must have; of those that are not named here none. */
export interface Alarms {
  dead_letters: number;
  reports_ahead: number;
  currency_conflicts: number;
  over_refunds: number;
}

export function alarmsOf(plan: Plan, world: World): Alarms {
  const reckoned = plan.orders.map((order) => reckonOrder(order, world));
  const bodies = (is: (send: PlannedSend) => boolean) =>
    new Set(plan.sends.filter(is).map(({ sourceId, body }) => `${sourceId} ${hashOf(body)}`)).size;
  return {
    dead_letters: bodies(({ ends }) => ends === 'failed'),
    reports_ahead: bodies(({ isAhead }) => isAhead === true),
    currency_conflicts: reckoned.filter(({ isConflict }) => isConflict).length,
    over_refunds: reckoned.filter(({ isOverRefunded }) => isOverRefunded).length,
  };
}

/**
 * Alarms that a hostile market rings, though not to be counted: unknown codes and names, states
 * that wait for an explanation.
 */
const EXPECTED = new Set([
  'parked_reports',
  'unknown_codes',
  'unattributed_jump',
  'untold_orders',
  'old_negative_balances',
  'unknown_products',
  'sender_clocks',
]);

const RING_MS_MAX = 60_000;
const POLL_MS = 500;

/**
 * Where an alarm does not ring as often as it must, though it was given the time to be asked again.
 */
export async function judgeAlarms(url: string, wantedAlarms: Alarms): Promise<Finding[]> {
  const until = Date.now() + RING_MS_MAX;
  for (;;) {
    const guards = (await adminOf(url).GET('/v1/guards')).data.data.filter(({ kind }) => kind === 'alarm');
    const wrong = guards.filter(({ name, violations }) => violations !== (wantedAlarms[name as keyof Alarms] ?? 0) && !EXPECTED.has(name));
    if (wrong.length > 0 && Date.now() < until) {
      await sleep(POLL_MS);
      continue;
    }
    return wrong.map(({ name, violations, sample }): Finding => {
      const should = wantedAlarms[name as keyof Alarms] ?? 0;
      const text = `the alarm ${name} has ${violations} violations and should have ${should}: ${JSON.stringify(sample).slice(0, 800)}`;
      return { column: 'guards', text };
    });
  }
}
