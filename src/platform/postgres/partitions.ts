// Tables that grow for years lie in partitions of a month: made ahead, and brought there from what
// they were before, by steps of the database's own function `keep_partitions`.

import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';

import { HOUR_MS } from '../durations.ts';
import { beginSession, connectionOptions, socketOf } from './session.ts';

/** Beside the current one. */
const MONTHS_AHEAD = 3;
/** A step that compares all rows of a large table with a bound reads for long, in nobody's way. */
const STEP_MS_MAX = 6 * HOUR_MS;
/** A step gives up rather than wait, because others would wait behind it. */
const TRIES_MAX = 5;
const PAUSE_MS = 1000;
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Takes step after step, each a transaction of its own, until all partitions are made ahead and
 * what earlier versions left is in its place; gives what the steps were. A table that stays locked
 * is left for the next time. Ended by the signal at any instant it goes on from there next time.
 */
export async function keepPartitions(connectionString: string, signal: AbortSignal): Promise<string[]> {
  const client = new Client(connectionOptions(connectionString, 'fenyong partitions'));
  // Told by the query that it breaks.
  client.on('error', () => undefined);
  const leave = () => socketOf(client)?.destroy();
  await client.connect();
  signal.addEventListener('abort', leave, { once: true });
  try {
    await beginSession(client, { asOwner: false, statementMs: STEP_MS_MAX });
    const steps: string[] = [];
    for (;;) {
      const step = await takeStep(client, signal);
      if (step === null) return steps;
      steps.push(step);
    }
  } finally {
    signal.removeEventListener('abort', leave);
    await client.end();
  }
}

/** What was done; null when nothing is left, or what is left could not be done now. */
async function takeStep(client: Client, signal: AbortSignal): Promise<string | null> {
  for (let tries = 1; ; tries++) {
    try {
      const { rows } = await client.query<{ step: string | null }>('select keep_partitions($1) as step', [MONTHS_AHEAD]);
      return rows[0]!.step;
    } catch (error) {
      if (signal.aborted) return null;
      if (!(error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE)) throw error;
      if (tries === TRIES_MAX) return null;
      await sleep(PAUSE_MS);
    }
  }
}
