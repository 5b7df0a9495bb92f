// Re-ratings: on one stage trial after trial of a rate that is corrected for the past under load,
// the service killed while it is previewed, approved and executed.

import { Client } from 'pg';

import type { Finding } from '../journal.ts';
import { asking, type Finance } from '../payouts/finance.ts';
import type { Postgres } from '../postgres.ts';
import { seeded } from '../random.ts';
import { hasRedis, openRedis } from '../redis.ts';
import { openStage, type Stage } from '../stage.ts';
import type { Row } from '../table.ts';
import { audit, checkLaws, type Outcome } from '../trial.ts';
import { playReRating } from './story.ts';

export const RE_RATING = 're-rating';

interface ReRatingsOptions {
  trials: number;
  seed: number;
  root: string;
  folder: string;
  postgres: Postgres;
  /** Told of every trial, with the seed that plays it again; answers whether it was enough. */
  onTrial: (seed: number, row: Row) => boolean;
}

let stages = 0;

/** The trials, the first with `seed`, each further one with the next number; then the audit. */
export async function runReRatings({ trials, seed, root, folder, postgres, onTrial }: ReRatingsOptions): Promise<Row & { kills: number }> {
  const row = { fault: RE_RATING, trials: 0, acknowledged: 0, findings: [] as Finding[], worstDelayMs: 0, kills: 0 };
  stages += 1;
  const redis = hasRedis() ? await openRedis() : null;
  try {
    const stage = await openStage({ name: `reratings${stages}`, root, folder, postgres, redis });
    try {
      const desk = await openDesk(stage);
      let isEnough = false;
      for (let trial = 0; trial < trials && !isEnough; trial += 1) {
        const played = { stage, desk, random: seeded(seed + trial), name: `rated-${trial}`, onKill: () => (row.kills += 1) };
        const outcome = await judged(played).catch(asFound);
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

type Desk = Pick<Finance, 'ask' | 'must' | 'zhang' | 'li'>;

/** Who asks, and who approves. */
async function openDesk({ fleet }: Stage): Promise<Desk> {
  const { ask, must } = asking(() => fleet.url());
  const keyOf = async (person: string) => (await must('POST', '/v1/keys', { scope: 'admin', role: 'operator', person })).key as string;
  return { ask, must, zhang: await keyOf('zhang'), li: await keyOf('li') };
}

/** Plays a trial, and asks every law. */
async function judged(played: Omit<Parameters<typeof playReRating>[0], 'client'>): Promise<Outcome> {
  const { stage } = played;
  const started = Date.now();
  const client = new Client({ connectionString: stage.databaseUrl, application_name: 'verify' });
  await client.connect();
  try {
    const { orders, findings } = await playReRating({ ...played, client });
    for (const surprise of stage.fleet.surprises.splice(0)) findings.push({ column: 'wrong', text: surprise });
    findings.push(...(await checkLaws(client, stage.fleet.url(), new Date())));
    return { acknowledged: orders.length, worstDelayMs: Date.now() - started, findings };
  } finally {
    await client.end();
  }
}

function asFound(error: unknown): Outcome {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const findings: Finding[] = [{ column: 'wrong', text: `the trial did not come to its end: ${text}` }];
  return { acknowledged: 0, worstDelayMs: 0, findings, ended: true };
}
