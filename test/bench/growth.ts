// What a paid order and a redirect cost in books of three years, beside books of one month: CPU of
// the service and its database together. Orders are told one after the other, so that each pays for
// its own statements and their plans.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import autocannon from 'autocannon';
import { sql, type Kysely } from 'kysely';

import { startEmbedded } from '../../src/platform/embedded/embedded.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import { migrate } from '../../src/platform/postgres/migrate.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { buildLogger } from '../../src/platform/process/log.ts';
import { monthAgo, openPastMonths } from '../platform/months.ts';
import { openMarket, reportOf } from './market.ts';
import { ADMIN_KEY, startService, type Running } from './processes.ts';
import { alternate, median, ratioOf } from './rounds.ts';

const MONTHS = 36;
const ROWS_PER_MONTH = 2000;
const REDIRECTS = 4000;
const CONNECTIONS = 16;
const QUIET_SECONDS = 3;
const IDLE_SHARE_MAX = 0.15;
const POLL_MS = 50;
const PATIENCE_MS = 60_000;
/** Clicks of programs earn nothing. */
const BROWSER = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1';
/** What is done whether orders come or not is no cost of an order. */
const QUIET = { GUARD_INTERVAL_MS: '3600000', SWEEP_INTERVAL_MS: '3600000' };

export async function benchGrowth({ rounds, orders }: { rounds: number; orders: number }): Promise<string[]> {
  const [young, old] = [await openBooks(0), await openBooks(MONTHS)];
  try {
    const costs = [];
    for (const cost of [costOfOrders(orders), costOfRedirects]) {
      costs.push(
        await alternate(
          rounds,
          () => cost(old),
          () => cost(young),
        ),
      );
    }
    const [paid, redirect] = [costs[0]!, costs[1]!];
    return [
      `paid order in books of ${MONTHS} months            ${median(paid.ours).toFixed(2)} ms of CPU, service and database together`,
      `  in books of one                           ${median(paid.twin).toFixed(2)} ms   ratio ${ratioOf(paid).toFixed(2)}`,
      `redirect in books of ${MONTHS} months              ${median(redirect.ours).toFixed(3)} ms of CPU`,
      `  in books of one                           ${median(redirect.twin).toFixed(3)} ms   ratio ${ratioOf(redirect).toFixed(2)}`,
      `  a known body takes ${Math.round(old.bytesPerBody)} bytes, its index included`,
    ];
  } finally {
    await Promise.all([young.service.stop(), old.service.stop()]);
  }
}

interface Books {
  service: Running;
  code: string;
  bytesPerBody: number;
}

/** A service on books that have grown for so many months before this one. */
async function openBooks(months: number): Promise<Books> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-bench-'));
  const log = buildLogger('warn');
  const embedded = await startEmbedded({ dataDir, log });
  let bytesPerBody = 0;
  try {
    await migrate(embedded.connectionString);
    const options = { connectionString: embedded.connectionString, poolSize: 1, applicationName: 'bench', log };
    const owner = openDatabase({ ...options, asOwner: true, queryMs: PATIENCE_MS });
    if (months > 0) {
      await openPastMonths(owner.db, months);
      bytesPerBody = await fill(owner.db, months);
    }
    await owner.close();
  } finally {
    await embedded.stop();
  }
  const service = await startService('serve', { DATA_DIR: dataDir, ...QUIET });
  const [code] = await openMarket(service, 1);
  await untilQuiet(service);
  return { service, code: code!, bytesPerBody };
}

/** Rows in each month; the bytes of a known body among them. */
async function fill(owner: Kysely<DB>, months: number): Promise<number> {
  for (let ago = months; ago > 0; ago--) {
    const from = monthAgo(ago);
    const id = (table: string) =>
      sql`(left(partition_key(${table}, ${from}::timestamptz + n * interval '20 minutes'), 13) || substr(gen_random_uuid()::text, 14))::uuid`;
    const rows = sql`generate_series(1, ${ROWS_PER_MONTH}::int) as n`;
    await sql`insert into click select ${id('click')}, 'code', ${from}::timestamptz + n * interval '20 minutes', null, false from ${rows}`.execute(
      owner,
    );
    await sql`insert into touch select gen_random_uuid(), ${from}::timestamptz + n * interval '20 minutes', ${id('click')} from ${rows}`.execute(
      owner,
    );
    await sql`
      insert into delivery (delivery_id, source_id, origin, body, body_hash, headers, received_at, state, next_attempt_at, reports, finished_at)
      select ${id('delivery')}, 'sw', 'push', '{}', sha256((${ago} || ' ' || n)::bytea), '{}', ${from}, 'processed', ${from}, 1, ${from}
      from ${rows}`.execute(owner);
  }
  await sql`insert into known_body select body_hash, source_id, merchant_id, delivery_id from delivery`.execute(owner);
  await sql`vacuum analyze`.execute(owner);
  const { rows } = await sql<{ bytes: string }>`
    select pg_total_relation_size('known_body')::numeric / (select count(*) from known_body) as bytes`.execute(owner);
  return Number(rows[0]!.bytes);
}

/** Milliseconds of CPU for each of so many orders, from their reports to their commission. */
function costOfOrders(orders: number): (books: Books) => Promise<number> {
  let told = 0;
  return async ({ service, code }) => {
    const tokens: string[] = [];
    for (let n = 0; n < orders; n++) tokens.push(await click(service, code));
    const before = service.cpuSeconds();
    for (const token of tokens) await ask(service, '/v1/orders', reportOf(`growth-${(told += 1)}`, token));
    await untilAwarded(service, `growth-${told}`);
    return ((service.cpuSeconds() - before) * 1000) / orders;
  };
}

async function costOfRedirects({ service, code }: Books): Promise<number> {
  const before = service.cpuSeconds();
  const {
    errors,
    timeouts,
    non2xx,
    '3xx': redirects,
  } = await autocannon({
    url: `${service.url}/r/${code}`,
    connections: CONNECTIONS,
    amount: REDIRECTS,
    headers: { 'user-agent': BROWSER },
  });
  if (redirects !== REDIRECTS) throw new Error(`${errors + timeouts + non2xx} redirects failed`);
  return ((service.cpuSeconds() - before) * 1000) / REDIRECTS;
}

/** What a service does at its start, as asking all guards, has ended. */
async function untilQuiet(service: Running): Promise<void> {
  const deadline = Date.now() + 4 * PATIENCE_MS;
  for (let quiet = 0; quiet < QUIET_SECONDS;) {
    if (Date.now() > deadline) throw new Error('the service does not come to rest');
    quiet = (await idleCost(service)) < IDLE_SHARE_MAX ? quiet + 1 : 0;
  }
}

/** CPU seconds a second of a service of which nobody asks anything. */
async function idleCost(service: Running): Promise<number> {
  const [before, started] = [service.cpuSeconds(), performance.now()];
  await sleep(1000);
  return ((service.cpuSeconds() - before) * 1000) / (performance.now() - started);
}

async function click(service: Running, code: string): Promise<string> {
  const answer = await fetch(`${service.url}/r/${code}`, { redirect: 'manual', headers: { 'user-agent': BROWSER } });
  return new URL(answer.headers.get('location')!).searchParams.get('fy_click')!;
}

async function ask(service: Running, path: string, body?: object): Promise<{ award?: string }> {
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
  const answer = await fetch(service.url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return JSON.parse(text) as { award?: string };
}

async function untilAwarded(service: Running, orderId: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const order = await ask(service, `/v1/orders/rest/${orderId}`).catch(() => null);
    if (order?.award === 'estimated') return;
    await sleep(POLL_MS);
  }
  throw new Error(`${orderId} has no commission after ${PATIENCE_MS} ms`);
}
