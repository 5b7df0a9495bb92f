// The hostile market: on one stage trial after trial of orders that are told through all doors at
// once with every oddity of the world, and then everything that the service has made of them.

import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';

import { drained } from '../drain.ts';
import type { Finding } from '../journal.ts';
import type { Postgres } from '../postgres.ts';
import { seeded } from '../random.ts';
import { hasRedis, openRedis } from '../redis.ts';
import { openStage, type Stage } from '../stage.ts';
import type { Row } from '../table.ts';
import { audit, checkLaws } from '../trial.ts';
import { sendPhase } from './doors.ts';
import { alarmsOf, judge, judgeAlarms, type Alarms } from './judge.ts';
import { makePlan } from './plan.ts';
import { openPlatforms, type Platforms } from './platforms.ts';
import { openWorld, tellClick } from './world.ts';

export const HOSTILE_MARKET = 'hostile-market';
const PHASES = 3;
const CLICKS_TIE = 0x5eed;

interface HostileOptions {
  trials: number;
  seed: number;
  /** Of each trial. */
  orders: number;
  root: string;
  folder: string;
  postgres: Postgres;
  /** Told of every trial, with the seed that plays it again; answers whether it was enough. */
  onTrial: (seed: number, row: Row) => boolean;
}

let stages = 0;

/**
 * The trials of the hostile market: the first with `seed`, each further one with the next number.
 */
export async function runHostile({ trials, seed, orders, root, folder, postgres, onTrial }: HostileOptions): Promise<Row> {
  const row: Row = { fault: HOSTILE_MARKET, trials: 0, acknowledged: 0, findings: [], worstDelayMs: 0 };
  stages += 1;
  const redis = hasRedis() ? await openRedis() : null;
  const platforms = await openPlatforms();
  try {
    const env = { PULL_BASE_URLS: platforms.baseUrls };
    const stage = await openStage({ name: `hostile${stages}`, root, folder, postgres, redis, env });
    try {
      const alarms: Alarms = { dead_letters: 0, reports_ahead: 0, currency_conflicts: 0, over_refunds: 0 };
      for (let trial = 0; trial < trials; trial += 1) {
        const outcome = await runTrial(stage, seed + trial, { trial, orders, alarms, platforms });
        row.trials += 1;
        row.acknowledged += outcome.acknowledged;
        row.worstDelayMs = Math.max(row.worstDelayMs, outcome.worstDelayMs);
        row.findings.push(...outcome.findings);
        if (onTrial(seed + trial, { ...row, ...outcome, trials: 1 })) break;
      }
      const findings = await audit(stage, root);
      row.findings.push(...findings);
      onTrial(seed, { ...row, findings });
    } finally {
      await stage.close();
    }
  } finally {
    await redis?.close();
    await platforms.close();
  }
  return row;
}

interface Trial {
  /** Its number among those of the stage. */
  trial: number;
  orders: number;
  platforms: Platforms;
  /** Those of the trials before, to which those of this one are added. */
  alarms: Alarms;
}

async function runTrial(stage: Stage, seed: number, { trial, orders, alarms, platforms }: Trial) {
  const random = seeded(seed);
  const url = () => stage.fleet.url();
  const world = await openWorld(url, stage.market, trial, random);
  const ofClicks = seeded(seed ^ CLICKS_TIE);
  const plan = await makePlan({ world, random, tellClick: (told) => tellClick(world, ofClicks, told) }, orders);
  const client = new Client({ connectionString: stage.databaseUrl, application_name: 'verify' });
  await client.connect();
  try {
    const findings: Finding[] = [];
    let acknowledged = world.clicks.length;
    for (let phase = 0; phase < PHASES; phase += 1) {
      const sent = await sendPhase(plan, phase, world, platforms, random);
      acknowledged += sent.acknowledged;
      findings.push(...sent.findings);
      const left = (await fetched(client)) ?? (await drained(stage, client));
      if (left !== null) findings.push({ column: 'lost', text: left });
    }
    for (const surprise of stage.fleet.surprises.splice(0)) findings.push({ column: 'wrong', text: surprise });
    const since = new Date();
    findings.push(...(await judge(client, plan, world)));
    findings.push(...(await checkLaws(client, url(), since)));
    const mine = alarmsOf(plan, world);
    for (const alarm of Object.keys(alarms) as (keyof Alarms)[]) alarms[alarm] += mine[alarm];
    findings.push(...(await judgeAlarms(url(), alarms)));
    return { acknowledged, findings, worstDelayMs: await worstDelay(client, world.merchantId) };
  } finally {
    await client.end();
  }
}

const FETCH_MS_MAX = 60_000;
const POLL_MS = 150;
const WANTED = `select count(*)::int as count, min(key) as key from pull_wanted where due_at < now() + interval '1 minute'`;
const UNREAD = `select count(*)::int as count, min(source_id) as key from delivery where state = 'received'`;

/** Waits until what was only named has been asked for; null when it has, else what has not. */
async function fetched(client: Client): Promise<string | null> {
  const until = Date.now() + FETCH_MS_MAX;
  for (;;) {
    // What is received may name more.
    const unread = await client.query<{ count: number }>(UNREAD);
    const { rows } = await client.query<{ count: number; key: string }>(WANTED);
    const [{ count, key }] = rows as [{ count: number; key: string }];
    if (unread.rows[0]!.count + count === 0) return null;
    if (Date.now() > until) return `${count} things that were named were not asked for within a minute, as ${key}`;
    await sleep(POLL_MS);
  }
}

/** The longest time from the receipt of a report to its end, in milliseconds. */
async function worstDelay(client: Client, merchantId: string): Promise<number> {
  const { rows } = await client.query<{ ms: string | null }>(
    `select ceil(1000 * extract(epoch from max(finished_at - received_at))) as ms from delivery
    join order_report using (delivery_id) join orders using (order_key) where orders.merchant_id = $1 and state = 'processed'`,
    [merchantId],
  );
  return Number(rows[0]!.ms ?? 0);
}
