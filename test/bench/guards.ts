// What the guards cost on books of some size: everything read once, what is new read after that,
// and GET /v1/guards beside a service that asks them all the time. node --import tsx
// test/bench/guards.ts [orders]

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { allGuards } from '../../src/guards/catalogue.ts';
import { runGuards } from '../../src/guards/run.ts';
import type { GuardResult } from '../../src/guards/guard-result-store.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import { startEmbedded } from '../../src/platform/embedded/embedded.ts';
import { buildLogger } from '../../src/platform/process/log.ts';
import { BOOK_KEYS, openBooks } from './books.ts';
import { ADMIN_KEY, startService } from './processes.ts';
import { median, percentile } from './rounds.ts';

const CALLS = 50;
const PAUSE_MS = 200;
const SLOWEST_SHOWN = 5;

async function benchGuards(orders: number): Promise<string[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-bench-'));
  const asked = await askAll(dataDir, orders);
  const { p50, max } = await getAll(dataDir);
  return [...asked, `GET /v1/guards beside them   p50 ${p50.toFixed(1)} ms   max ${max.toFixed(1)} ms of ${CALLS}`];
}

/** Asks every guard about everything, then once more about what is new. */
async function askAll(dataDir: string, orders: number): Promise<string[]> {
  const log = buildLogger('warn');
  const { connectionString, stop } = await startEmbedded({ dataDir, log });
  const { db, close } = openDatabase({ connectionString, poolSize: 2, applicationName: 'bench', log });
  try {
    await openBooks({ connectionString, orders, log });
    const guards = allGuards({ levelsMax: BOOK_KEYS.levelsMax, spooled: () => 0 });
    const full = await runGuards(db, guards, { now: new Date(), all: true });
    // So much later that all of them have rested, and none has to read everything again.
    const later = await runGuards(db, guards, { now: new Date(Date.now() + 12 * 3_600_000) });
    const broken = full.filter(({ kind, violations }) => kind === 'law' && violations > 0).length;
    return [`${orders} orders, ${broken} laws violated`, costOf('everything', full), costOf('what is new', later)];
  } finally {
    await close();
    await stop();
  }
}

function costOf(what: string, results: readonly GuardResult[]): string {
  const slowest = results.toSorted((a, b) => b.tookMs - a.tookMs).slice(0, SLOWEST_SHOWN);
  const sum = results.reduce((total, { tookMs }) => total + tookMs, 0);
  const shown = slowest.map(({ name, tookMs }) => `${name} ${tookMs}`).join(', ');
  return `${results.length} guards about ${what}   ${(sum / 1000).toFixed(1)} s; the slowest, in ms: ${shown}`;
}

/** Asks the service over HTTP while its worker asks the guards. */
async function getAll(dataDir: string): Promise<{ p50: number; max: number }> {
  const env = { DATA_DIR: dataDir, REFERRAL_LEVELS_MAX: String(BOOK_KEYS.levelsMax), GUARD_INTERVAL_MS: '1000' };
  const service = await startService('serve', env);
  try {
    const took: number[] = [];
    for (let call = 0; call < CALLS; call += 1) {
      const started = performance.now();
      const answer = await fetch(`${service.url}/v1/guards`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
      await answer.text();
      if (!answer.ok) throw new Error(`GET /v1/guards answered ${answer.status}`);
      took.push(performance.now() - started);
      await sleep(PAUSE_MS);
    }
    return { p50: median(took), max: percentile(took, 100) };
  } finally {
    await service.stop();
  }
}

for (const line of await benchGuards(Number(process.argv[2] ?? 20_000))) process.stdout.write(`${line}\n`);
