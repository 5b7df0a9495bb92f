// A fault tried again and again on one stage, and what came of it in one row.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { Fault } from './faults/fault.ts';
import { openPostgres, type Postgres } from './postgres.ts';
import { hasRedis, openRedis } from './redis.ts';
import { openStage } from './stage.ts';
import type { Row } from './table.ts';
import { mountSmallDisk, smallDisksWork } from './tmpfs.ts';
import { audit, runTrial, type Outcome } from './trial.ts';
import { stackOf } from '../../src/platform/error-text.ts';

interface SeriesOptions {
  fault: Fault;
  trials: number;
  seed: number;
  /** Where the code of the service lies. */
  root: string;
  /** Everything that is made lies below it. */
  folder: string;
  postgres: Postgres;
  /** Told of every trial, with the seed that plays it again; answers whether it was enough. */
  onTrial: (seed: number, row: Row) => boolean;
}

let stages = 0;

/** The trials of one fault: the first with `seed`, each further one with the next number. */
export async function runSeries(options: SeriesOptions): Promise<Row> {
  const { fault } = options;
  const row: Row = { fault: fault.name, trials: 0, acknowledged: 0, findings: [], worstDelayMs: 0 };
  if (fault.needs === 'redis' && !hasRedis()) return { ...row, skipped: 'there is no redis-server on the path' };
  if (fault.needs !== 'tmpfs') return onStage(options, options.postgres, row);
  const reason = smallDisksWork(options.folder);
  if (reason !== null) return { ...row, skipped: reason };
  const disk = join(options.folder, `disk${stages}`);
  await mkdir(disk);
  const unmount = mountSmallDisk(disk);
  try {
    const postgres = await openPostgres(disk);
    try {
      return await onStage(options, postgres, row);
    } finally {
      await postgres.close();
    }
  } finally {
    unmount();
  }
}

async function onStage({ fault, trials, seed, root, folder, onTrial }: SeriesOptions, postgres: Postgres, row: Row): Promise<Row> {
  stages += 1;
  const redis = hasRedis() ? await openRedis() : null;
  try {
    const stage = await openStage({ name: `verify${stages}`, root, folder, postgres, redis });
    try {
      for (let trial = 0; trial < trials; trial += 1) {
        const outcome = await runTrial(stage, fault, seed + trial, `${fault.name}-${trial}`).catch(asFound);
        row.trials += 1;
        row.acknowledged += outcome.acknowledged;
        row.worstDelayMs = Math.max(row.worstDelayMs, outcome.worstDelayMs);
        row.findings.push(...outcome.findings);
        if (onTrial(seed + trial, { ...row, ...outcome, trials: 1 }) || outcome.ended) break;
      }
      const findings = await audit(stage, root);
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

/**
 * A trial that could not be brought to its end has shown nothing, and leaves a stage that shows
 * nothing more.
 */
function asFound(error: unknown): Outcome {
  const text = stackOf(error);
  return {
    acknowledged: 0,
    worstDelayMs: 0,
    findings: [{ column: 'wrong', text: `the trial did not come to its end: ${text}` }],
    ended: true,
  };
}
