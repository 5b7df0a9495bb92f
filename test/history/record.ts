// Records what an earlier version has made, so that later ones are tried on it: `node --import tsx
// test/history/record.ts FOLDER NAME`, where FOLDER holds that version, installed. Its demo and
// some orders more are told through its own API; its answers and all its rows are kept.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

import { Client } from 'pg';

import { startEmbedded } from '../../src/platform/embedded/embedded.ts';
import { buildLogger } from '../../src/platform/process/log.ts';
import { recordingOf, type Answers, type Recording } from './recording.ts';

const RELEASE_TIMEOUT_MS = 60_000;
const POLL_MS = 200;

type Call = <Answer = unknown>(method: string, path: string, body?: object) => Promise<Answer>;

function caller(url: string, key: string): Call {
  return async <Answer>(method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const response = await fetch(url + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return JSON.parse(text) as Answer;
  };
}

async function main([folder, name]: string[]): Promise<void> {
  if (folder === undefined || name === undefined) throw new Error('record.ts FOLDER NAME');
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-history-'));
  try {
    const answers = await tell(resolve(folder), dataDir);
    const recording = await rowsOf(dataDir, answers);
    const file = recordingOf(name);
    await writeFile(file, gzipSync(JSON.stringify(recording), { level: 9 }));
    process.stdout.write(`${file.pathname}: ${recording.migrations.length} migrations, ${answers.orders.length} orders\n`);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Runs that version's demo, and more on its service, which ends in good order. */
async function tell(folder: string, dataDir: string): Promise<Answers> {
  const env = { PATH: process.env['PATH'], TMPDIR: tmpdir(), DATA_DIR: dataDir };
  const demo = spawn(process.execPath, [join(folder, 'src/start.mjs'), 'demo', '--keep'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 2],
  });
  const ended = once(demo, 'exit');
  let told = '';
  for await (const part of demo.stdout!.setEncoding('utf8')) {
    told += String(part);
    const said = /goes on at (\S+) [\s\S]*Admin key: (\S+)\n/.exec(told);
    if (said === null) continue;
    const call = caller(said[1]!, said[2]!);
    await tellMore(call);
    const answers = await read(call);
    demo.kill('SIGINT');
    await ended;
    return answers;
  }
  throw new Error(`The demo of ${folder} has ended:\n${told}`);
}

function line(line_id: string, paid_amount: number): object {
  return { line_id, product_id: null, quantity: 2, paid_amount };
}

function order(merchant_id: string, order_id: string, more: object): object {
  return { merchant_id, order_id, status: 'paid', currency: 'CNY', ...more };
}

/**
 * What the demo has not: money that was released, and taken back afterwards; winners who share;
 * what waits for its shop.
 */
async function tellMore(call: Call): Promise<void> {
  const merchant = { name: 'Old', currency: 'CNY', landing_hosts: ['old.example.com'], hold_days: 0 };
  await call('PUT', '/v1/merchants/old', merchant);
  await call('PUT', '/v1/merchants/shared', { ...merchant, attribution: { model: 'linear' } });
  await call('PUT', '/v1/promoters/ada', { name: 'Ada', kind: 'person' });
  await call('PUT', '/v1/promoters/ben', { name: 'Ben', kind: 'person', inviter_id: 'ada' });
  const split = [{ to: 'promoter', share_ppm: 800_000, pays: [{ to: 'upline', level: 1, share_ppm: 200_000 }] }];
  for (const merchant_id of ['old', 'shared']) {
    await call('POST', '/v1/rules', { name: `of ${merchant_id}`, scope: { merchant_id }, plan: { rate_ppm: 123_456, split } });
  }
  const linkOf = async (promoter_id: string, merchant_id: string) => {
    const wanted = { promoter_id, merchant_id, landing_url: 'https://old.example.com/p' };
    return (await call<{ code: string }>('POST', '/v1/links', wanted)).code;
  };
  const ben = await linkOf('ben', 'old');
  const buyer = { openid: 'both' };
  for (const promoter of ['ada', 'ben']) await call('POST', '/v1/clicks', { code: await linkOf(promoter, 'shared'), buyer });
  await call(
    'POST',
    '/v1/orders',
    order('old', 'o-1', { link_code: ben, status: 'completed', lines: [line('1', 12_345), line('2', 678)] }),
  );
  await call('POST', '/v1/orders', order('old', 'o-2', { link_code: ben, buyer: { openid: 'locked' }, lines: [line('1', 9999)] }));
  await call('POST', '/v1/orders', order('old', 'o-3', { buyer: { openid: 'locked' }, lines: [line('1', 5000)] }));
  await call('POST', '/v1/orders', order('shared', 's-1', { buyer, lines: [line('1', 10_001)] }));
  await call('POST', '/v1/orders', order('old', 'o-4', { link_code: ben, lines: [line('1', 100), line('2', 100), line('3', 100)] }));
  await call('POST', '/v1/orders', order('old', 'o-4', { refunds: [{ refund_id: 'r', amount: 100 }] }));
  const deadline = Date.now() + RELEASE_TIMEOUT_MS;
  const first = () => call<{ award: string; lines: { pool: number }[] }>('GET', '/v1/orders/rest/o-1');
  while ((await first()).award !== 'released') {
    if (Date.now() > deadline) throw new Error('o-1 was not released');
    await sleep(POLL_MS);
  }
  await call('POST', '/v1/orders', order('old', 'o-1', { refunds: [{ refund_id: 'late', line_id: '1', amount: 12_345 }] }));
  while ((await first()).lines[0]!.pool !== 0) await sleep(POLL_MS);
}

async function read(call: Call): Promise<Answers> {
  const { data: listed } = await call<{ data: Answers['orders'] }>('GET', '/v1/orders?limit=200');
  const orders: Answers['orders'] = [];
  for (const { source_id, order_id, merchant_id } of listed) {
    orders.push(await call('GET', `/v1/orders/${source_id}/${encodeURIComponent(order_id)}?merchant_id=${merchant_id}`));
  }
  const balances: Answers['balances'] = {};
  const { data: promoters } = await call<{ data: { promoter_id: string }[] }>('GET', '/v1/promoters?limit=200');
  for (const { promoter_id } of promoters) {
    balances[promoter_id] = (await call<{ data: object[] }>('GET', `/v1/promoters/${promoter_id}/balance`)).data;
  }
  return { orders, balances, trialBalance: (await call<{ data: object[] }>('GET', '/v1/ledger/trial-balance')).data };
}

/** All rows of all tables, as the demo has left them in its folder. */
async function rowsOf(dataDir: string, answers: Answers): Promise<Recording> {
  const server = await startEmbedded({ dataDir, log: buildLogger('warn') });
  const client = new Client(server.connectionString);
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(`
      select relname as name from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relname not like 'kysely%'
      order by relname`);
    const kept: Record<string, string> = {};
    for (const { name } of tables) {
      const { rows } = await client.query<{ text: string | null }>(`select json_agg(row_to_json(one))::text as text from ${name} as one`);
      if (rows[0]!.text !== null) kept[name] = rows[0]!.text;
    }
    const { rows } = await client.query<{ name: string }>('select name from kysely_migration order by name');
    return { migrations: rows.map(({ name }) => name), answers, tables: kept };
  } finally {
    await client.end();
    await server.stop();
  }
}

await main(process.argv.slice(2));
