// Money out: on one stage trial after trial of payouts to a double of WeChat Pay that fails in
// every way, the service killed at every step, and at the end a restore of yesterday's database.

import { Client } from 'pg';

import { startWechatPayDouble, type WechatPayDouble } from '../../payouts/providers/wechat-pay/double.ts';
import type { Finding } from '../journal.ts';
import type { Postgres } from '../postgres.ts';
import { seeded } from '../random.ts';
import { hasRedis, openRedis } from '../redis.ts';
import { openStage, type Stage } from '../stage.ts';
import type { Row } from '../table.ts';
import { audit, checkLaws, type Outcome } from '../trial.ts';
import { openFinance, PROVIDER, type Finance, type Payee } from './finance.ts';
import { judgePayouts } from './judge.ts';
import { playPayouts } from './story.ts';
import { playYesterday } from './yesterday.ts';

export const PAYOUTS = 'payouts';

interface PayoutsOptions {
  trials: number;
  seed: number;
  root: string;
  folder: string;
  postgres: Postgres;
  /** Told of every trial, with the seed that plays it again; answers whether it was enough. */
  onTrial: (seed: number, row: Row) => boolean;
}

interface Ground {
  stage: Stage;
  finance: Finance;
  double: WechatPayDouble;
  /** Of all trials so far: what any of them is paid later counts too. */
  payees: Payee[];
}

let stages = 0;

/** The trials, the first with `seed`, each further one with the next number; then the restore. */
export async function runPayouts({ trials, seed, root, folder, postgres, onTrial }: PayoutsOptions): Promise<Row & { kills: number }> {
  const row = { fault: PAYOUTS, trials: 0, acknowledged: 0, findings: [] as Finding[], worstDelayMs: 0, kills: 0 };
  stages += 1;
  const redis = hasRedis() ? await openRedis() : null;
  let noticesTo = '';
  const double = await startWechatPayDouble({ noticesTo: () => noticesTo });
  try {
    const env = {
      PAYOUT_BASE_URLS: `wechat-pay=${double.url}`,
      PUBLIC_URL: 'https://pay.example.com',
      WITHHOLDING: 'cn_labor_service',
    };
    const stage = await openStage({ name: `payouts${stages}`, root, folder, postgres, redis, env });
    try {
      noticesTo = `${stage.fleet.url()}/payout-notices/${PROVIDER}`;
      const ground: Ground = { stage, double, finance: await openFinance(() => stage.fleet.url(), double), payees: [] };
      const take = (trialSeed: number, outcome: Outcome): boolean => {
        row.trials += 1;
        row.acknowledged += outcome.acknowledged;
        row.worstDelayMs = Math.max(row.worstDelayMs, outcome.worstDelayMs);
        row.findings.push(...outcome.findings);
        return onTrial(trialSeed, { ...row, ...outcome, trials: 1 }) || outcome.ended === true;
      };
      let isEnough = false;
      for (let trial = 0; trial < trials && !isEnough; trial += 1) {
        const work = (client: Client) =>
          playPayouts({ ...ground, client, random: seeded(seed + trial), name: `p${trial}`, onKill: () => (row.kills += 1) });
        isEnough = take(seed + trial, await judged(ground, work).catch(asFound));
      }
      if (!isEnough) isEnough = take(seed, await judged(ground, () => playYesterday({ ...ground, root, name: 'y' })).catch(asFound));
      const findings = isEnough ? [] : await audit(stage, root);
      row.findings.push(...findings);
      onTrial(seed, { ...row, findings });
    } finally {
      await stage.close();
    }
  } finally {
    await redis?.close();
    await double.close();
  }
  return row;
}

interface Played {
  payees: Payee[];
  approved: number;
  findings: Finding[];
}

/** Plays something, and asks every question that we have. */
async function judged(ground: Ground, play: (client: Client) => Promise<Played>): Promise<Outcome> {
  const { stage, finance, double } = ground;
  const started = Date.now();
  const played = await withClient(stage, play);
  const findings = played.findings;
  ground.payees.push(...played.payees);
  for (const surprise of stage.fleet.surprises.splice(0)) findings.push({ column: 'wrong', text: surprise });
  const since = new Date();
  await withClient(stage, async (client) => {
    findings.push(...(await judgePayouts({ finance, client, journal: double.journal(), payees: ground.payees })));
    findings.push(...(await checkLaws(client, stage.fleet.url(), since)));
  });
  return { acknowledged: played.approved, worstDelayMs: Date.now() - started, findings };
}

/** A restore ends every session: each part of a trial has its own. */
async function withClient<Result>({ databaseUrl }: Stage, work: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'verify' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function asFound(error: unknown): Outcome {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    acknowledged: 0,
    worstDelayMs: 0,
    findings: [{ column: 'wrong', text: `the trial did not come to its end: ${text}` }],
    ended: true,
  };
}
