// Budgets: on one stage trial after trial of a campaign that everybody wants something of at once,
// the service killed in the middle, and at the end everything computed again.

import { Client } from 'pg';

import type { Finding } from '../journal.ts';
import { asking } from '../payouts/finance.ts';
import type { Postgres } from '../postgres.ts';
import { seeded } from '../random.ts';
import { hasRedis, openRedis } from '../redis.ts';
import { openStage } from '../stage.ts';
import type { Row } from '../table.ts';
import { audit, checkLaws, type Outcome } from '../trial.ts';
import { judgeCampaign } from './judge.ts';
import { MERCHANT, playCampaign } from './story.ts';

export const CAMPAIGNS = 'campaigns';

interface CampaignsOptions {
  trials: number;
  seed: number;
  root: string;
  folder: string;
  postgres: Postgres;
  /** Told of every trial, with the seed that plays it again; answers whether it was enough. */
  onTrial: (seed: number, row: Row) => boolean;
}

let stages = 0;

/** The trials, the first with `seed`, each further one with the next number. */
export async function runCampaigns({ trials, seed, root, folder, postgres, onTrial }: CampaignsOptions): Promise<Row & { kills: number }> {
  const row = { fault: CAMPAIGNS, trials: 0, acknowledged: 0, findings: [] as Finding[], worstDelayMs: 0, kills: 0 };
  stages += 1;
  const redis = hasRedis() ? await openRedis() : null;
  try {
    const stage = await openStage({ name: `campaigns${stages}`, root, folder, postgres, redis });
    try {
      const finance = asking(() => stage.fleet.url());
      await openShop(finance);
      let isEnough = false;
      for (let trial = 0; trial < trials && !isEnough; trial += 1) {
        const random = seeded(seed + trial);
        const outcome = await judged({ stage, finance, random, name: `b${trial}`, onKill: () => (row.kills += 1) }).catch(asFound);
        row.trials += 1;
        row.acknowledged += outcome.acknowledged;
        row.worstDelayMs = Math.max(row.worstDelayMs, outcome.worstDelayMs);
        row.findings.push(...outcome.findings);
        isEnough = onTrial(seed + trial, { ...row, ...outcome, trials: 1 }) || outcome.ended === true;
      }
      const findings = isEnough ? [] : await audit(stage, root);
      row.findings.push(...findings);
      onTrial(seed, { ...row, findings });
    } finally {
      await stage.close();
    }
  } finally {
    await redis?.close();
  }
  return row;
}

/** A merchant with a rule that pays a tenth to who sold. */
async function openShop({ must }: ReturnType<typeof asking>): Promise<void> {
  const landing = { landing_hosts: ['shop.example.com'] };
  await must('PUT', `/v1/merchants/${MERCHANT}`, { name: 'Boosters', currency: 'CNY', ...landing });
  await must('PUT', `/v1/merchants/${MERCHANT}/products/p1`, { title: 'Bottle', landing_url: 'https://shop.example.com/p/1' });
  await must('POST', '/v1/rules', {
    name: 'a tenth',
    scope: { merchant_id: MERCHANT },
    effective_from: new Date(Date.UTC(2020)).toISOString(),
    retroactive: true,
    plan: { rate_ppm: 100_000, split: [{ to: 'promoter', share_ppm: 1_000_000 }] },
  });
}

type Trial = Omit<Parameters<typeof playCampaign>[0], 'client'>;

/** Plays a trial, and asks every question that we have. */
async function judged(trial: Trial): Promise<Outcome> {
  const { stage, finance, name } = trial;
  const started = Date.now();
  const client = new Client({ connectionString: stage.databaseUrl, application_name: 'verify' });
  await client.connect();
  try {
    const { sold, findings } = await playCampaign({ ...trial, client });
    for (const surprise of stage.fleet.surprises.splice(0)) findings.push({ column: 'wrong', text: surprise });
    const since = new Date();
    findings.push(...(await judgeCampaign({ finance, campaignId: name, sold })));
    findings.push(...(await checkLaws(client, stage.fleet.url(), since)));
    return { acknowledged: sold.length, worstDelayMs: Date.now() - started, findings };
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
