// A restore of yesterday's database: what was paid since is forgotten here and known there. Nothing
// is sent until an operator has said so, and then the numbers are made again that the provider
// knows.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';

import type { WechatPayDouble } from '../../payouts/providers/wechat-pay/double.ts';
import { drained } from '../drain.ts';
import { SECRETS } from '../fleet.ts';
import type { Finding } from '../journal.ts';
import type { Stage } from '../stage.ts';
import { earnedOf, openPayee, PROVIDER, tellOrders, type Body, type Finance, type Payee, type SoldOrder } from './finance.ts';
import { hasten } from './story.ts';

const PAYEES = 4;
const PAID = 90_000;
const POLL_MS = 100;
const KNOWN_MS_MAX = 90_000;
/** The worker looks every second: so long it has had the chance to send. */
const WATCHED_MS = 4000;

interface Yesterday {
  stage: Stage;
  finance: Finance;
  double: WechatPayDouble;
  /** Where the code of the service lies. */
  root: string;
  name: string;
}

/** Copies the database, pays more, and goes back to the copy. */
export async function playYesterday(yesterday: Yesterday): Promise<{ payees: Payee[]; approved: number; findings: Finding[] }> {
  const { stage, finance, double, name } = yesterday;
  const findings: Finding[] = [];
  const payees: Payee[] = [];
  for (let n = 0; n < PAYEES; n += 1) payees.push(await openPayee(finance, double, `${name}-${n}`));
  await earn(yesterday, payees, '1');
  const first = await draft(finance, payees);
  await finance.must('POST', `/v1/payout-batches/${first.batch_id}/approval`, { content_hash: first.content_hash }, finance.li);
  // Half of them are paid before the copy, the others wait for their payees in it.
  await untilPaid(yesterday, payees.slice(0, PAYEES / 2));
  await copyDatabase(stage);
  await untilPaid(yesterday, payees);
  await earn(yesterday, payees, '2');
  await payAll(yesterday, await draft(finance, payees), payees);
  const journal = double.journal().length;

  await restoreDatabase(yesterday);
  // The shop tells again what was told since the copy.
  await earn(yesterday, payees, '2', false);
  const calls = double.requests().length;
  const again = await draft(finance, payees);
  const refused = await finance.ask(
    'POST',
    `/v1/payout-batches/${again.batch_id}/approval`,
    { content_hash: again.content_hash },
    finance.li,
  );
  if (refused.body.code !== 'provider_stopped') {
    findings.push({ column: 'wrong', text: `before the resumption an approval was answered ${refused.status}` });
  }
  await withClient(stage, (client) => hasten({ client }));
  await sleep(WATCHED_MS);
  if (double.requests().length !== calls) {
    findings.push({ column: 'wrong', text: `before the resumption the provider was called: ${double.requests().slice(calls).join(', ')}` });
  }
  for (const provider of [PROVIDER, 'manual']) {
    await finance.must('POST', `/v1/payout-providers/${provider}/resumption`, undefined, finance.zhang);
  }
  await payAll(yesterday, again, payees);
  const more = double.journal().length - journal;
  if (more !== 0) findings.push({ column: 'doubled', text: `after the restore ${more} payments were made once more` });
  return { payees, approved: first.payouts + again.payouts, findings };
}

/** Only of these: who failed in another trial has money that nobody here would confirm. */
const draft = ({ must, zhang }: Finance, payees: readonly Payee[]): Promise<Body> =>
  must('POST', '/v1/payout-batches', { currency: 'CNY', promoter_ids: payees.map(({ promoterId }) => promoterId) }, zhang);

async function earn({ stage, finance, name }: Yesterday, payees: readonly Payee[], round: string, counts = true): Promise<void> {
  const orders = payees.map(({ linkCode }, index): SoldOrder => ({ orderId: `${name}-${round}-${index}`, linkCode, paid: PAID + index }));
  if (counts) for (const [index, payee] of payees.entries()) payee.earned += earnedOf(PAID + index);
  await tellOrders(finance, orders);
  const left = await withClient(stage, (client) => drained(stage, client));
  if (left !== null) throw new Error(left);
}

async function payAll(yesterday: Yesterday, { batch_id, content_hash }: Body, payees: readonly Payee[]): Promise<void> {
  const { must, li } = yesterday.finance;
  await must('POST', `/v1/payout-batches/${batch_id}/approval`, { content_hash }, li);
  await untilPaid(yesterday, payees);
}

const UNPAID = `
  select payout_id, payout.promoter_id, state, bill_no from payout left join payout_bill using (payout_id)
  where payout.promoter_id = any($1) and state <> 'paid'`;

/** These payees confirm whatever waits for them, until all of their payouts are paid. */
async function untilPaid({ stage, double }: Yesterday, payees: readonly Payee[]): Promise<void> {
  const openids = new Map(payees.map(({ promoterId, openid }) => [promoterId, openid]));
  const deadline = Date.now() + KNOWN_MS_MAX;
  await withClient(stage, async (client) => {
    for (;;) {
      const { rows } = await client.query<{ payout_id: string; promoter_id: string; state: string; bill_no: string | null }>(UNPAID, [
        [...openids.keys()],
      ]);
      if (rows.length === 0) return;
      if (Date.now() > deadline) throw new Error(`not paid after ninety seconds: ${JSON.stringify(rows)}`);
      for (const { bill_no: billNo, promoter_id: promoterId } of rows) {
        if (billNo !== null && double.confirm(billNo, openids.get(promoterId)!)) double.settle(billNo);
      }
      await hasten({ client });
      await sleep(POLL_MS);
    }
  });
}

async function withClient<Result>({ databaseUrl }: Stage, work: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'verify' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const nameOf = ({ databaseUrl }: Stage): string => new URL(databaseUrl).pathname.slice(1);
const copyOf = (stage: Stage): string => `${nameOf(stage)}_yesterday`;

/** Asks the server past the database of the stage. */
async function administer({ databaseUrl }: Stage, statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: Object.assign(new URL(databaseUrl), { pathname: 'postgres' }).href });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

const END_SESSIONS = (database: string) => `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`;

/**
 * The backup of the night, made while the service is down, since a template must have no sessions.
 */
async function copyDatabase(stage: Stage): Promise<void> {
  await Promise.all([stage.fleet.killApi(), stage.fleet.killWorkers()]);
  await administer(stage, [END_SESSIONS(nameOf(stage)), `create database ${copyOf(stage)} template ${nameOf(stage)}`]);
  await stage.fleet.restore();
}

/** As the recipe says: the copy comes back, `restored` is said, and then the service starts. */
async function restoreDatabase({ stage, root }: Yesterday): Promise<void> {
  await Promise.all([stage.fleet.killApi(), stage.fleet.killWorkers()]);
  await administer(stage, [
    `drop database ${nameOf(stage)} with (force)`,
    `create database ${nameOf(stage)} template ${copyOf(stage)}`,
    `drop database ${copyOf(stage)}`,
  ]);
  const child = spawn(process.execPath, ['src/start.mjs', 'restored', '--no-env-file'], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: stage.databaseUrl, REDIS_URL: '', LOG_LEVEL: 'warn', ...SECRETS },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`the command restored ended with ${status}`);
  await stage.fleet.restore();
}
