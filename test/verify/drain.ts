// Waits until the service has nothing left to do: after that, whatever is not right will never be.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Client } from 'pg';

import type { components } from '../../client/api.ts';
import { ifMissing } from '../../src/platform/embedded/embedded-binaries.ts';
import type { Stage } from './stage.ts';

const DRAIN_MS_MAX = 90_000;
const GUARDS_MS_MAX = 180_000;
const POLL_MS = 150;

const LEFT = `
  select (select count(*) from delivery where state = 'received')::int as deliveries,
    (select count(*) from award_due where due_at <= now())::int as awards,
    (select count(*) from award where releases_at <= now())::int as releases`;

/** Resolves with null when nothing is left, else with what was still left after ninety seconds. */
export async function drained(stage: Stage, client: Client): Promise<string | null> {
  const deadline = Date.now() + DRAIN_MS_MAX;
  for (;;) {
    const { rows } = await client.query<{ deliveries: number; awards: number; releases: number }>(LEFT);
    const { deliveries, awards, releases } = rows[0]!;
    const spooled = (await readdir(join(stage.dataDir, 'spool')).catch(ifMissing([]))).length;
    if (deliveries + awards + releases + spooled === 0) return null;
    if (Date.now() > deadline) {
      return `${deliveries} deliveries, ${awards} awards, ${releases} releases and ${spooled} files of clicks were left after ninety seconds`;
    }
    await sleep(POLL_MS);
  }
}

/** The laws that are broken, once all of them were asked after `since`. */
export async function brokenLaws(askGuards: () => Promise<components['schemas']['Guard'][]>, since: Date): Promise<string[]> {
  const deadline = Date.now() + GUARDS_MS_MAX;
  for (;;) {
    const laws = (await askGuards()).filter(({ kind }) => kind === 'law');
    const old = laws.filter(({ checked_at: checkedAt }) => checkedAt === null || new Date(checkedAt) <= since);
    if (old.length === 0 || Date.now() > deadline) {
      const broken = laws
        .filter(({ ok }) => !ok)
        .map(({ name, violations, sample }) => `${name}: ${violations}, ${JSON.stringify(sample)}`);
      return [...broken, ...old.map(({ name }) => `${name} was not asked for three minutes`)];
    }
    await sleep(POLL_MS);
  }
}
