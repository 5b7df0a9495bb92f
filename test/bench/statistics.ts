// A year of statistics: what counting it takes, how long questions to it take beside a recount in
// SQL, what the fold costs while clicks come, and how soon a fact is seen.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Kysely } from 'kysely';
import { Client } from 'pg';

import { startEmbedded } from '../../src/platform/embedded/embedded.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import { migrate } from '../../src/platform/postgres/migrate.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { buildLogger } from '../../src/platform/process/log.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { copyClicks } from '../../src/promotion/clicks/click-store.ts';
import { foldingStatistics } from '../../src/statistics/fold/folding.ts';
import { ADMIN_KEY, cpuOfDatabase, startService, type Running } from './processes.ts';
import { countRaw, type RawQuestion } from './raw-statistics.ts';
import { alternate, median } from './rounds.ts';
import { openYear, yearOf, type Year } from './year.ts';

const WHOLE_BOOKS_MS = 60 * 60_000;
const DAY_MS = 86_400_000;
const WARM_UPS = 5;
const ASKED = 50;
const RAW_ASKED = 3;
const CLICKS_PER_SECOND = 500;
const LINKS_CLICKED = 2000;
const CLICKS_AT_ONCE = 25;

export async function benchStatistics({ scale, rounds, seconds }: { scale: number; rounds: number; seconds: number }): Promise<string[]> {
  const year = yearOf(scale);
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-bench-'));
  const log = buildLogger('warn');
  const embedded = await startEmbedded({ dataDir, log });
  const { connectionString } = embedded;
  await migrate(connectionString);
  const options = { connectionString, poolSize: 2, applicationName: 'bench', log };
  const service = openDatabase(options);
  const owner = openDatabase({ ...options, asOwner: true, queryMs: WHOLE_BOOKS_MS, silenceMs: WHOLE_BOOKS_MS });
  let running: Running | null = null;
  try {
    await openYear(owner.db, year);
    const lines = [await countYear(service.db, year)];
    lines.push(...(await costOfFold({ db: service.db, connectionString, dataDir, year, rounds, seconds })));
    running = await startService('api', { DATA_DIR: dataDir });
    for (const question of questionsOf(year)) lines.push(...(await besideRaw(running, owner.db, question)));
    return lines;
  } finally {
    await Promise.all([service.close(), owner.close()]);
    await embedded.stop();
    await running?.stop();
  }
}

/** Counts all that was there before. */
async function countYear(db: Kysely<DB>, { clicks, orders }: Year): Promise<string> {
  const started = performance.now();
  await foldingStatistics(db, new AbortController().signal)();
  const took = (performance.now() - started) / 1000;
  return `counting ${clicks} clicks and ${orders} orders of before    ${took.toFixed(0)} s, ${Math.round((clicks + orders) / took)} facts/s`;
}

interface Question extends RawQuestion {
  name: string;
}

function questionsOf({ merchants }: Year): Question[] {
  const now = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000);
  const since = (days: number) => ({ from: new Date(now.getTime() - days * DAY_MS), to: now });
  return [
    { name: '24 hours of one promoter, by hour', keys: [], of: [['promoter_id', 'u7']], bucket: 'hour', ...since(1) },
    { name: 'a month of one merchant, by day', keys: [], of: [['merchant_id', `m${merchants - 1}`]], bucket: 'day', ...since(30) },
    { name: 'a month of everything, by day', keys: [], of: [], bucket: 'day', ...since(30) },
    { name: 'a month by promoter, first page', keys: ['promoter_id'], of: [], bucket: null, ...since(30) },
    { name: 'a month by product and scene', keys: ['product_id', 'scene'], of: [], bucket: null, ...since(30) },
  ];
}

const GROUP_OF: Readonly<Record<string, string>> = {
  promoter_id: 'promoter',
  product_id: 'product',
  scene: 'scene',
  merchant_id: 'merchant',
};

/** Over HTTP, and as one statement over the facts. */
async function besideRaw(service: Running, db: Kysely<DB>, question: Question): Promise<string[]> {
  const { name, keys, of, bucket, from, to } = question;
  const search = new URLSearchParams({
    bucket: bucket ?? 'none',
    from: from.toISOString(),
    to: to.toISOString(),
    ...Object.fromEntries(of),
  });
  if (keys.length > 0) search.set('group_by', keys.map((key) => GROUP_OF[key]!).join(','));
  const ours: number[] = [];
  for (let asked = 0; asked < WARM_UPS + ASKED; asked += 1) {
    const started = performance.now();
    const answer = await fetch(`${service.url}/v1/statistics?${search.toString()}`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${name}: ${answer.status} ${text}`);
    if (asked >= WARM_UPS) ours.push(performance.now() - started);
  }
  const raw: number[] = [];
  for (let asked = 0; asked < 1 + RAW_ASKED; asked += 1) {
    const started = performance.now();
    await countRaw(db, question);
    if (asked >= 1) raw.push(performance.now() - started);
  }
  const [p50, twin] = [median(ours), median(raw)];
  return [
    `${name.padEnd(44)}p50 ${p50.toFixed(1)} ms`,
    `  recounted in SQL                          ${twin.toFixed(0)} ms   ratio ${(p50 / twin).toFixed(3)}`,
  ];
}

interface Folding {
  db: Kysely<DB>;
  connectionString: string;
  dataDir: string;
  year: Year;
  rounds: number;
  seconds: number;
}

/**
 * CPU of this process and the database while clicks are written, with a fold each second and
 * without.
 */
async function costOfFold({ db, connectionString, dataDir, year, rounds, seconds }: Folding): Promise<string[]> {
  const client = new Client(connectionString);
  await client.connect();
  try {
    const fold = foldingStatistics(db, new AbortController().signal);
    const cpu = (): number => cpuOfDatabase(dataDir) + cpuOfThis();
    const cost = async (folds: boolean): Promise<number> => {
      await fold();
      const [before, started] = [cpu(), performance.now()];
      const every = CLICKS_AT_ONCE / CLICKS_PER_SECOND;
      let folded = 0;
      for (let written = 0; written < CLICKS_PER_SECOND * seconds; written += CLICKS_AT_ONCE) {
        await sleep(Math.max(0, started + (written / CLICKS_AT_ONCE) * every * 1000 - performance.now()));
        await copyClicks(client, clicksNow(written, year));
        const second = Math.floor((performance.now() - started) / 1000);
        if (!folds || second === folded) continue;
        folded = second;
        await fold();
      }
      return (cpu() - before) / ((performance.now() - started) / 1000);
    };
    const pair = await alternate(
      rounds,
      () => cost(true),
      () => cost(false),
    );
    const percent = (median(pair.ours.map((figure, round) => figure - pair.twin[round]!)) * 100).toFixed(1);
    return [
      `fold of ${CLICKS_PER_SECOND} clicks/s of ${LINKS_CLICKED} links          ${percent} % of a core, service and database together`,
    ];
  } finally {
    await client.end();
  }
}

function cpuOfThis(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function clicksNow(from: number, { links, merchants }: Year) {
  const clickedAt = Date.now();
  return Array.from({ length: CLICKS_AT_ONCE }, (_, index) => {
    const link = ((from + index) * 7919) % Math.min(links, LINKS_CLICKED);
    const click = { clickId: uuidv7(clickedAt), linkCode: `link${link}`, merchantId: `m${link % merchants}`, clickedAt };
    return { ...click, identity: null, bot: false, touches: [] };
  });
}
