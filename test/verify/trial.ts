// One trial: a load from a seed, a fault in the middle of it, and then, when all is quiet again,
// every question we have.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';

import { checkJournal, worstDelay, type ReadOrder, type ShownOrder } from './check.ts';
import { brokenLaws, drained } from './drain.ts';
import type { Fault } from './faults/fault.ts';
import { ADMIN_KEY, SECRETS } from './fleet.ts';
import { emptyJournal, type Finding, type Journal } from './journal.ts';
import { runLoad } from './load.ts';
import { adminOf } from './market.ts';
import { seeded } from './random.ts';
import { makeSchedule, USUAL } from './schedule.ts';
import type { Stage } from './stage.ts';

export interface Outcome {
  acknowledged: number;
  worstDelayMs: number;
  findings: Finding[];
  /** No other trial can follow it here. */
  ended?: boolean;
}

/** Plays the trial of that seed. `name` begins the ids of its orders. */
export async function runTrial(stage: Stage, fault: Fault, seed: number, name: string): Promise<Outcome> {
  const journal = emptyJournal();
  const schedule = makeSchedule(seeded(seed), name, { ...USUAL, ...fault.shape });
  const load = runLoad({ url: () => stage.fleet.url(), market: stage.market, schedule, journal });
  await Promise.all([load, fault.inject(stage, seeded(seed ^ 0x5eed))]);
  const findings = journal.findings;
  for (const surprise of stage.fleet.surprises.splice(0)) findings.push({ column: 'wrong', text: surprise });
  await stage.fleet.restore();
  if (fault.refusesNothing === true && journal.retried > 0) {
    findings.push({ column: 'refused', text: `${journal.retried} requests failed though nothing was broken` });
  }
  // Nobody can say what is paid under a version of the rule that was never acknowledged.
  return { ...(await judge(stage, journal)), ended: stage.market.rates.pendingFrom !== null };
}

async function judge(stage: Stage, journal: Journal): Promise<Outcome> {
  const client = new Client({ connectionString: stage.databaseUrl, application_name: 'verify' });
  await client.connect();
  try {
    const url = stage.fleet.url();
    const findings = [...journal.findings];
    const left = await drained(stage, client);
    if (left !== null) findings.push({ column: 'lost', text: left });
    const since = new Date();
    findings.push(...(await checkJournal(client, journal, reader(url))));
    findings.push(...(await checkLaws(client, url, since)));
    return { acknowledged: journal.acknowledged, worstDelayMs: await worstDelay(client, journal.told), findings };
  } finally {
    await client.end();
  }
}

/** Asks every law anew, and whether the books are balanced. */
export async function checkLaws(client: Client, url: string, since: Date): Promise<Finding[]> {
  const admin = adminOf(url);
  const askAnew = async () => {
    // A guard that was never asked is asked at once; one that took long would rest first, and may
    // still tell of a time before.
    await client.query('delete from guard_result where checked_at <= $1', [since]);
    return (await admin.GET('/v1/guards')).data.data;
  };
  const texts = await brokenLaws(askAnew, since);
  const { data: balance } = await admin.GET('/v1/ledger/trial-balance');
  for (const { currency, sum } of balance.data) {
    if (sum !== 0) texts.push(`the trial balance of ${currency} is ${sum}`);
  }
  return texts.map((text) => ({ column: 'guards', text }));
}

const PATIENCE_MS = 30_000;
const AGAIN_MS = 200;

/** Reads orders as anybody may: who is answered that the service is busy asks again. */
function reader(url: string): ReadOrder {
  return async (sourceId, orderId) => {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer = await fetch(`${url}/v1/orders/${sourceId}/${orderId}?merchant_id=m1`, {
        headers: { authorization: `Bearer ${ADMIN_KEY}` },
      });
      const body: unknown = await answer.json();
      if (answer.status === 404) return null;
      if (answer.ok) return body as ShownOrder;
      if (answer.status !== 503 || Date.now() > deadline) {
        throw new Error(`the order ${orderId} was answered ${answer.status}: ${JSON.stringify(body)}`);
      }
      await sleep(AGAIN_MS);
    }
  };
}

/**
 * Runs `audit` over the stage's database: the books rebuilt from the deliveries alone. Nothing
 * where this service has no such command.
 */
export async function audit(stage: Stage, root: string): Promise<Finding[]> {
  const help = await run(root, ['help'], {});
  if (!/^ +audit\b/m.test(help.output)) return [];
  const { status, output } = await run(root, ['audit'], {
    DATABASE_URL: stage.databaseUrl,
    REDIS_URL: '',
    LOG_LEVEL: 'warn',
    ...SECRETS,
  });
  return status === 0 ? [] : [{ column: 'guards', text: `audit ended with ${status}:\n${output}` }];
}

async function run(root: string, args: string[], env: Record<string, string>): Promise<{ status: number; output: string }> {
  const child = spawn(process.execPath, ['src/start.mjs', ...args, '--no-env-file'], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status: status ?? -1, output: output.slice(-4000) };
}
