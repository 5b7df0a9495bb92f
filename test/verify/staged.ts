// Trials of a story on one stage, one after the other, and then the audit of all that they have
// left. A trial that does not come to its end is a finding, and the last one.

import { Client } from 'pg';

import type { Finding } from './journal.ts';
import type { Postgres } from './postgres.ts';
import { seeded, type Random } from './random.ts';
import { hasRedis, openRedis } from './redis.ts';
import { openStage, type Stage } from './stage.ts';
import type { Row } from './table.ts';
import { audit, type Outcome } from './trial.ts';

export interface StagedOptions {
  trials: number;
  seed: number;
  root: string;
  folder: string;
  postgres: Postgres;
  /** Told of every trial, with the seed that plays it again; answers whether it was enough. */
  onTrial: (seed: number, row: Row) => boolean;
}

/** What a trial is played with. */
interface Given {
  trial: number;
  random: Random;
  onKill: () => void;
}

interface Story {
  fault: string;
  env?: Record<string, string>;
  /** Makes on the stage what all trials stand on. */
  open: (stage: Stage) => Promise<{ play: (given: Given) => Promise<Outcome>; last?: () => Promise<Outcome> }>;
}

let stages = 0;

/** The trials, the first with `seed`, each further one with the next number; then the audit. */
export async function runStaged(
  { fault, env = {}, open }: Story,
  { trials, seed, root, folder, postgres, onTrial }: StagedOptions,
): Promise<Row & { kills: number }> {
  const row = { fault, trials: 0, acknowledged: 0, findings: [] as Finding[], worstDelayMs: 0, kills: 0 };
  const take = (trialSeed: number, outcome: Outcome): boolean => {
    row.trials += 1;
    row.acknowledged += outcome.acknowledged;
    row.worstDelayMs = Math.max(row.worstDelayMs, outcome.worstDelayMs);
    row.findings.push(...outcome.findings);
    return onTrial(trialSeed, { ...row, ...outcome, trials: 1 }) || outcome.ended === true;
  };
  stages += 1;
  const redis = hasRedis() ? await openRedis() : null;
  try {
    const stage = await openStage({ name: `${fault.replaceAll('-', '')}${stages}`, root, folder, postgres, redis, env });
    try {
      const { play, last } = await open(stage);
      let isEnough = false;
      for (let trial = 0; trial < trials && !isEnough; trial += 1) {
        const given = { trial, random: seeded(seed + trial), onKill: () => (row.kills += 1) };
        isEnough = take(seed + trial, await play(given).catch(asFound));
      }
      if (last !== undefined && !isEnough) isEnough = take(seed, await last().catch(asFound));
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

/** What processes of the stage have said that nobody expected. */
export function surprisesOf({ fleet }: Stage): Finding[] {
  return fleet.surprises.splice(0).map((text): Finding => ({ column: 'wrong', text }));
}

/** A restore ends every session: each part of a trial has its own. */
export async function withClient<Result>({ databaseUrl }: Stage, work: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString: databaseUrl, application_name: 'verify' });
  // What it was asked fails with the connection; that it broke is no news.
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
  const findings: Finding[] = [{ column: 'wrong', text: `the trial did not come to its end: ${text}` }];
  return { acknowledged: 0, worstDelayMs: 0, findings, ended: true };
}
