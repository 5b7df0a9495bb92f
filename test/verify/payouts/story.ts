// One trial: promoters earn, batches are drafted, approved and sent to a provider that fails in
// every way; the service is killed at each step between; and then everything is asked for until it
// is known.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Client } from 'pg';

import { ANSWER_FAULTS, type WechatPayDouble } from '../../payouts/providers/wechat-pay/double.ts';
import { drained } from '../drain.ts';
import type { Finding } from '../journal.ts';
import type { Random } from '../random.ts';
import type { Stage } from '../stage.ts';
import { earnedOf, openPayee, tellOrders, type Body, type Finance, type Payee, type SoldOrder } from './finance.ts';
import { openOutside, type Outside } from './payees.ts';

const PAYEES = 5;
/** Of one order, in fen. One order of a trial is so great that its tax is withheld. */
const [PAID_LEAST, PAID_MOST, PAID_GREAT] = [3000, 400_000, 1_200_000];
const ANSWER_FAULTS_MAX = 6;
const POLL_MS = 100;
const NEXT_CALL_MS_MAX = 15_000;
const KNOWN_MS_MAX = 120_000;
/** After so long what nobody confirmed lapses, and once more what a notice disputed in between. */
const LAPSE_AFTER_MS = 5000;
/** After it what was refused cannot be on its way any more: calls end after ten seconds. */
const REFUSAL_AGED_SECONDS = 12;

interface PayoutTrial {
  stage: Stage;
  finance: Finance;
  double: WechatPayDouble;
  client: Client;
  random: Random;
  /** Begins the ids of its promoters and orders. */
  name: string;
  /** Told of every kill. */
  onKill: () => void;
}

/**
 * Plays the trial, with five kills: while it drafts, approves, sends, asks, and takes notices.
 * Gives its payees with what they have earned, and what it found by itself.
 */
export async function playPayouts(trial: PayoutTrial): Promise<{ payees: Payee[]; approved: number; findings: Finding[] }> {
  const { finance, double, random, name } = trial;
  const payees: Payee[] = [];
  for (let n = 0; n < PAYEES; n += 1) payees.push(await openPayee(finance, double, `${name}-${n}`));
  const outside = openOutside(finance, double, trial.client, random);
  await earn(trial, payees, '1');
  breakAnswers(trial);
  const first = await draft(trial, true);
  await finance.must('POST', `/v1/payout-batches/${first.batch_id}/approval`, { content_hash: first.content_hash }, finance.li);
  await killAtCall(trial, 'POST');
  await outside.step();
  await cancelOne(trial, first);
  await earn(trial, payees.slice(2), '2');
  breakAnswers(trial);
  const second = await draft(trial, false);
  await approveKilled(trial, second);
  await killAtCall(trial, 'GET');
  await killWhile(trial, 'api', outside.step());
  const left = await untilKnown(trial, outside);
  const findings: Finding[] = left === null ? [] : [{ column: 'lost', text: left }];
  for (const batch of [first, second]) {
    const { status } = await finance.ask('GET', `/v1/payout-batches/${batch.batch_id}`);
    if (status !== 200) findings.push({ column: 'lost', text: `the batch ${batch.batch_id} was approved, and is answered ${status}` });
  }
  return { payees, approved: first.payouts + second.payouts, findings };
}

async function earn(trial: PayoutTrial, payees: readonly Payee[], round: string): Promise<void> {
  const { finance, random, name } = trial;
  const orders = payees.map((payee, index): SoldOrder => {
    const paid = index === 0 ? PAID_GREAT : random.int(PAID_LEAST, PAID_MOST);
    payee.earned += earnedOf(paid);
    return { orderId: `${name}-${round}-${index}`, linkCode: payee.linkCode, paid };
  });
  await tellOrders(finance, orders);
  const left = await drained(trial.stage, trial.client);
  if (left !== null) throw new Error(left);
}

function breakAnswers({ double, random }: PayoutTrial): void {
  for (const call of ['create', 'query'] as const) {
    double.fail(call, ...Array.from({ length: random.int(1, ANSWER_FAULTS_MAX) }, () => random.pick(ANSWER_FAULTS)));
  }
}

async function draft(trial: PayoutTrial, killed: boolean): Promise<Body> {
  const { must, zhang } = trial.finance;
  const drafting = must('POST', '/v1/payout-batches', { currency: 'CNY' }, zhang);
  if (killed) await killWhile(trial, apiOrAll(trial), drafting);
  return drafting;
}

async function approveKilled(trial: PayoutTrial, { batch_id, content_hash }: Body): Promise<void> {
  const { must, li } = trial.finance;
  await killWhile(trial, apiOrAll(trial), must('POST', `/v1/payout-batches/${batch_id}/approval`, { content_hash }, li));
}

/** An operator thinks better of one payout of a batch; the provider may have paid it already. */
async function cancelOne({ finance, random }: PayoutTrial, batch: Body): Promise<void> {
  const { data } = await finance.must('GET', `/v1/payout-batches/${batch.batch_id}/payouts?limit=200`);
  if (data.length === 0) return;
  const { payout_id: payoutId } = random.pick<Body>(data);
  const { status, body } = await finance.ask('POST', `/v1/payouts/${payoutId}/cancellation`, { reason: 'by mistake' }, finance.zhang);
  if (status !== 200 && body.code !== 'not_cancellable') throw new Error(`the cancellation was answered ${status} ${JSON.stringify(body)}`);
}

/** What answers, or everything. */
const apiOrAll = ({ random }: PayoutTrial): 'api' | 'all' => (random.chance(0.3) ? 'all' : 'api');

/** Kills within the first moments of the work, and waits for the work once all runs again. */
async function killWhile(trial: PayoutTrial, what: 'api' | 'all', work: Promise<unknown>): Promise<void> {
  // It may end before it is waited for.
  work.catch(() => undefined);
  await sleep(trial.random.int(0, 80));
  await killAndRestore(trial, what);
  await work;
}

/** Kills the workers just when the provider is called next, its answer perhaps on the way. */
async function killAtCall(trial: PayoutTrial, method: 'GET' | 'POST'): Promise<void> {
  const { double, random } = trial;
  const count = () => double.requests().filter((one) => one.startsWith(method)).length;
  const before = count();
  const deadline = Date.now() + NEXT_CALL_MS_MAX;
  if (method === 'GET') await hasten(trial);
  while (count() === before && Date.now() < deadline) await sleep(1);
  await sleep(random.int(0, 12));
  await killAndRestore(trial, 'workers');
}

async function killAndRestore(trial: PayoutTrial, what: 'api' | 'workers' | 'all'): Promise<void> {
  const { fleet } = trial.stage;
  await Promise.all([what === 'workers' ? null : fleet.killApi(), what === 'api' ? null : fleet.killWorkers()]);
  trial.onKill();
  if (what !== 'api') await hasten(trial);
  await fleet.restore();
}

/**
 * What would be looked at after its lease or its wait is looked at now, as if that time had gone
 * by; a refusal only once its call cannot be under way any more.
 */
export async function hasten({ client }: Pick<PayoutTrial, 'client'>): Promise<void> {
  await client.query('update payout set due_at = now() where due_at > now()');
  await client.query(
    `update payout_bill set sent_at = sent_at - interval '5 minutes'
    where refusal is not null and end_state is null and sent_at < now() - $1 * interval '1 second'`,
    [REFUSAL_AGED_SECONDS],
  );
}

const OPEN = `select state, count(*)::int from payout where state not in ('paid', 'failed', 'cancelled', 'returned', 'dropped') group by 1`;

/**
 * Everybody goes on until no payout is open; null when none is, else which are after two minutes.
 */
async function untilKnown(trial: PayoutTrial, outside: Outside): Promise<string | null> {
  const started = Date.now();
  let lapses = 1;
  for (;;) {
    const { rows } = await trial.client.query<{ state: string; count: number }>(OPEN);
    if (rows.length === 0) return null;
    if (Date.now() - started > KNOWN_MS_MAX) {
      return `still open when all is quiet: ${rows.map(({ state, count }) => `${count} ${state}`).join(', ')}`;
    }
    await outside.step();
    await hasten(trial);
    if (Date.now() - started > lapses * LAPSE_AFTER_MS) {
      outside.lapse();
      lapses += 1;
    }
    await sleep(POLL_MS);
  }
}
