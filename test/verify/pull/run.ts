// Every order system at once, pulled by a fleet that is killed again and again, while platforms
// fail and their orders change.

import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';

import { drained } from '../drain.ts';
import { adminOf, rateAt } from '../market.ts';
import type { Postgres } from '../postgres.ts';
import { seeded, type Random } from '../random.ts';
import { hasRedis, openRedis, type RedisServer } from '../redis.ts';
import { openStage, type Stage } from '../stage.ts';
import { audit, checkLaws } from '../trial.ts';
import { checkAgain } from './again.ts';
import { checkOrders } from './check.ts';
import { makeKiller, type Killer } from './killer.ts';
import { openPlatform, type Platform } from './platform.ts';
import { makeScript } from './script.ts';
import { SYSTEMS } from './systems.ts';
import { SERVICE, type Finding, type PullRow } from './table.ts';

const HOUR_MS = 3_600_000;
/** What is there at first was changed within so long before. */
const SPAN_MS = 6 * HOUR_MS;
const SETTLED_MS = 60_000;
const EVERY_SECONDS = 10;
const LOOK_BACK_SECONDS = 30;
/** Of the orders of each platform, what changes while they are read, and what appears then. */
const MOVED = 1 / 4;
const MADE = 1 / 20;
const ID_FIRST = 370_000_000_000;
const IDS_OF_A_SYSTEM = 100_000_000;
/** Nothing new is read for so long only when nothing ever will be: no rest is as long. */
const STALLED_MS = 5 * 60_000;
const POLL_MS = 500;

interface PullOptions {
  /** Of each platform. */
  orders: number;
  seed: number;
  /** Where the code of the service lies. */
  root: string;
  folder: string;
  postgres: Postgres;
}

interface Pulled {
  rows: PullRow[];
  findings: Finding[];
  kills: number;
}

/**
 * Pulls all orders of all systems through everything that befalls them, and looks for every one.
 */
export async function runPull({ orders, seed, root, folder, postgres }: PullOptions): Promise<Pulled> {
  const since = new Date(Date.now() - SPAN_MS);
  const platforms: Platform[] = [];
  let stage: Stage | null = null;
  const killer = makeKiller(seeded(seed ^ 0x5eed));
  let redis: RedisServer | null = null;
  try {
    for (const [index, system] of SYSTEMS.entries()) {
      const random = seeded(seed + index);
      const ids = Array.from({ length: orders }, (_, n) => String(ID_FIRST + index * IDS_OF_A_SYSTEM + n));
      const made = Math.floor(orders * MADE);
      const first = ids.slice(made).map((orderId): [string, Date] => [orderId, someTime(random, since)]);
      platforms.push(
        await openPlatform({
          system,
          orders: new Map(first),
          later: ids.slice(0, made),
          script: makeScript(random, { moved: Math.floor(orders * MOVED), made }),
          random,
          code: () => stage!.market.links.bob,
          kill: () => killer.kill(stage!.fleet),
        }),
      );
    }
    redis = hasRedis() ? await openRedis() : null;
    const baseUrls = platforms.map(({ system, url }) => `${system.kind}=${url}`).join(',');
    stage = await openStage({ name: 'pull', root, folder, postgres, redis, env: { PULL_BASE_URLS: baseUrls } });
    await stateSources(stage.fleet.url(), since);
    return await pullAndJudge({ stage, platforms, killer, since, root });
  } finally {
    await stage?.close();
    await redis?.close();
    await Promise.all(platforms.map((platform) => platform.close()));
  }
}

const someTime = (random: Random, since: Date) =>
  new Date(Math.floor((since.getTime() + random.int(SETTLED_MS, SPAN_MS - SETTLED_MS)) / 1000) * 1000);

async function stateSources(url: string, since: Date): Promise<void> {
  const client = adminOf(url);
  for (const { kind, subject, bob } of SYSTEMS) {
    const pull = { every_seconds: EVERY_SECONDS, look_back_seconds: LOOK_BACK_SECONDS, since: since.toISOString() };
    const { secrets, options } = subject;
    await client.PUT('/v1/sources/{source_id}', {
      params: { path: { source_id: kind } },
      body: { kind, merchant_id: 'm1', secrets, options: { ...options, pull } },
    });
    if (bob === undefined) continue;
    await client.PUT('/v1/sources/{source_id}/mappings/{type}/{value}', {
      params: { path: { source_id: kind, ...bob } },
      body: { promoter_id: 'bob', effective_from: new Date(Date.UTC(2020)).toISOString() },
    });
  }
}

interface Scene {
  stage: Stage;
  platforms: readonly Platform[];
  killer: Killer;
  since: Date;
  root: string;
}

async function pullAndJudge({ stage, platforms, killer, since, root }: Scene): Promise<Pulled> {
  const client = new Client({ connectionString: stage.databaseUrl, application_name: 'verify' });
  await client.connect();
  try {
    const findings: Finding[] = [];
    const ofService = (text: string) => findings.push({ system: SERVICE, column: 'wrong', text });
    const { unread, secondsOf } = await untilRead(client, platforms);
    for (const [system, text] of unread) findings.push({ system, column: 'missed', text });
    await killer.restored();
    for (const surprise of stage.fleet.surprises.splice(0)) ofService(surprise);
    const left = await drained(stage, client);
    if (left !== null) ofService(left);
    const url = stage.fleet.url();
    const asked = new Date();
    findings.push(...(await checkOrders(client, url, platforms, rateAt(stage.market.rates, asked.getTime()))));
    findings.push(...(await checkAgain(client, url, platforms, since)));
    for (const { text } of await checkLaws(client, url, asked)) ofService(text);
    for (const { text } of await audit(stage, root)) ofService(text);
    const rows = platforms.map((one) => ({
      system: one.system.kind,
      orders: one.orders.size,
      changed: one.changed(),
      asked: one.asked(),
      failed: one.failed(),
      seconds: secondsOf.get(one) ?? null,
    }));
    return { rows, findings, kills: killer.kills() };
  } finally {
    await client.end();
  }
}

const READ = `
  select source_id, count(*)::int as feeds, min(reached) as reached from pull_feed
  where reconciliation_id is null and feed <> 'detail' and window_from is null group by 1`;

interface HowRead {
  unread: [system: string, text: string][];
  secondsOf: ReadonlyMap<Platform, number>;
}

/**
 * Waits until every platform is quiet and was read since; tells after how long, and of which
 * nothing more is read and why.
 */
async function untilRead(client: Client, platforms: readonly Platform[]): Promise<HowRead> {
  const secondsOf = new Map<Platform, number>();
  const begun = Date.now();
  let [last, since] = ['', begun];
  for (;;) {
    const { rows } = await client.query<{ source_id: string; feeds: number; reached: Date }>(READ);
    const read = new Map(rows.map((row) => [row.source_id, row]));
    for (const one of platforms) {
      const { feeds = 0, reached = new Date(0) } = read.get(one.system.kind) ?? {};
      const isRead = one.isQuiet() && feeds === feedsOf(one) && reached.getTime() > latestOf(one) + 1000;
      if (isRead && !secondsOf.has(one)) secondsOf.set(one, Math.round((Date.now() - begun) / 1000));
    }
    const left = platforms.filter((one) => !secondsOf.has(one));
    if (left.length === 0) return { unread: [], secondsOf };
    const now = String([await countDeliveries(client), left.length, ...platforms.map((one) => one.changed() + one.failed())]);
    if (now !== last) [last, since] = [now, Date.now()];
    if (Date.now() - since > STALLED_MS) {
      const unread = left.map(async (one): Promise<[string, string]> => [one.system.kind, await whyUnread(client, one)]);
      return { unread: await Promise.all(unread), secondsOf };
    }
    await sleep(POLL_MS);
  }
}

/** When its last change came. */
const latestOf = ({ orders }: Platform): number => [...orders.values()].reduce((latest, { at }) => Math.max(latest, at.getTime()), 0);

function feedsOf({ system: { subject } }: Platform): number {
  const options = subject.adapter.options.parse(subject.options ?? {});
  return (subject.adapter.feeds ?? []).filter((feed) => feed.appliesTo?.(options) ?? true).length;
}

async function countDeliveries(client: Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(`select count(*)::int from delivery`);
  return rows[0]!.count;
}

async function whyUnread(client: Client, { system }: Platform): Promise<string> {
  const { rows } = await client.query<{ errors: string | null }>(
    `select string_agg(coalesce(feed.error, pull.error), '; ') as errors from pull left join pull_feed as feed using (source_id)
    where source_id = $1`,
    [system.kind],
  );
  return `nothing was read of it for ${STALLED_MS / 60_000} minutes: ${rows[0]?.errors}`;
}
