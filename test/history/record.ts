// Records what an earlier version has made, so that later ones are tried on it: `node --import tsx
// test/history/record.ts FOLDER NAME`, where FOLDER holds that version, installed. Its demo and
// some orders more are told through its own API; its answers and all its rows are kept.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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
/** What has not changed for so long has come to rest. */
const REST_MS = 3000;

/** Lists that say the same wherever the service runs. */
const STANDING = [
  '/v1/claims?limit=200',
  '/v1/deliveries?limit=200',
  '/v1/identities/statements?limit=200',
  '/v1/ledger/accounts?limit=200',
  '/v1/ledger/transfers?limit=200',
  '/v1/ledger/trial-balance',
  '/v1/merchants?limit=200',
  '/v1/rules?limit=200',
];

type Ask = (method: string, path: string, body?: object) => Promise<string>;
type Call = <Answer = unknown>(method: string, path: string, body?: object) => Promise<Answer>;

function asker(url: string, key: string): Ask {
  return async (method, path, body) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const response = await fetch(url + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return text;
  };
}

function caller(ask: Ask): Call {
  return async <Answer>(method: string, path: string, body?: object) => JSON.parse(await ask(method, path, body)) as Answer;
}

async function main([folder, name]: string[]): Promise<void> {
  if (folder === undefined || name === undefined) throw new Error('record.ts FOLDER NAME');
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-history-'));
  try {
    const told = await tell(resolve(folder), dataDir);
    const recording = { ...(await rowsOf(dataDir)), ...told, keys: await keysOf(dataDir) } satisfies Recording;
    const file = recordingOf(name);
    await writeFile(file, gzipSync(JSON.stringify(recording), { level: 9 }));
    process.stdout.write(`${file.pathname}: ${recording.migrations.length} migrations, ${told.answers.orders.length} orders\n`);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Runs that version's demo, and more on its service, which ends in good order. */
async function tell(folder: string, dataDir: string): Promise<Pick<Recording, 'answers' | 'texts'>> {
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
    const ask = asker(said[1]!, said[2]!);
    const call = caller(ask);
    await withReceiver(async (receiver) => {
      await call('PUT', '/v1/webhook-endpoints/receiver', { url: receiver, events: ['order.*', 'commission.*', 'claim.*'] });
      await tellMore(call);
      await tellDisputes(call);
      await comeToRest(ask);
    });
    const read = { answers: await readAnswers(call), texts: await readTexts(ask, new Date()) };
    demo.kill('SIGINT');
    await ended;
    return read;
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
  const first = () => call<{ award: string; lines: { pool: number }[] }>('GET', '/v1/orders/rest/o-1');
  await until('o-1 is released', async () => (await first()).award === 'released');
  await call('POST', '/v1/orders', order('old', 'o-1', { refunds: [{ refund_id: 'late', line_id: '1', amount: 12_345 }] }));
  await until('o-1 has no pool', async () => (await first()).lines[0]!.pool === 0);
}

/** What operators decide: claims, later versions of rules, promoters who are changed. */
async function tellDisputes(call: Call): Promise<void> {
  const merchant_id = 'disputed';
  await call('PUT', `/v1/merchants/${merchant_id}`, { name: 'Disputed', currency: 'CNY', landing_hosts: ['old.example.com'] });
  const split = [{ to: 'promoter', share_ppm: 1_000_000, pays: [{ to: 'upline', level: 1, share_ppm: 333_333 }] }];
  const rule = { name: 'of disputes', scope: { merchant_id }, plan: { rate_ppm: 99_999, split } };
  const { rule_id } = await call<{ rule_id: string }>('POST', '/v1/rules', rule);
  for (const order_id of ['d-1', 'd-2']) await call('POST', '/v1/orders', order(merchant_id, order_id, { lines: [line('1', 7_777)] }));
  const claim = async (order_id: string, promoter_id: string) =>
    (await call<{ claim_id: string }>('POST', '/v1/claims', { promoter_id, merchant_id, order_id, evidence: 'Bought\nby my sister.' }))
      .claim_id;
  const stateOf = async (id: string) => (await call<{ state: string }>('GET', `/v1/claims/${id}`)).state;
  const decide = async (id: string, decision: 'approve' | 'reject') => {
    await until(`the claim ${id} is open`, async () => (await stateOf(id)) === 'open');
    await call('POST', `/v1/claims/${id}/decision`, { decision, reason: `We ${decision} it.` });
  };
  await decide(await claim('d-1', 'ben'), 'approve');
  await decide(await claim('d-2', 'ada'), 'reject');
  const early = await claim('d-3', 'ada');
  await call('POST', `/v1/rules/${rule_id}/versions`, { ...rule, plan: { ...rule.plan, rate_ppm: 50_001 } });
  await call('POST', '/v1/orders', order(merchant_id, 'd-3', { promoter_id: 'ada', lines: [line('1', 3_333), line('2', 1)] }));
  await until('the early claim is settled', async () => (await stateOf(early)) === 'settled');
  await call('PUT', '/v1/promoters/ben', { name: 'Ben', kind: 'person', inviter_id: 'ada', tier: 'silver' });
  await call('POST', '/v1/orders', order(merchant_id, 'd-1', { refunds: [{ refund_id: 'part', line_id: '1', amount: 777 }] }));
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + RELEASE_TIMEOUT_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`In vain it was waited until ${what}`);
    await sleep(POLL_MS);
  }
}

/** A receiver of webhooks that takes everything. */
async function withReceiver(work: (url: string) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => request.resume().on('end', () => response.writeHead(204).end()));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** Until nothing is answered otherwise than it was a while before. */
async function comeToRest(ask: Ask): Promise<void> {
  const to = new Date();
  let before = '';
  await until('nothing moves any more', async () => {
    const now = JSON.stringify(await readTexts(ask, to));
    const rests = now === before;
    before = now;
    if (!rests) await sleep(REST_MS);
    return rests;
  });
}

/** Whatever stands fast, as text by its address. */
async function readTexts(ask: Ask, to: Date): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  async function read<Item = unknown>(path: string): Promise<Item[]> {
    texts[path] = await ask('GET', path);
    const { data, next_cursor } = JSON.parse(texts[path]) as { data: Item[]; next_cursor?: string | null };
    if (typeof next_cursor === 'string') throw new Error(`${path} has more than one page`);
    return data;
  }
  for (const { source_id, order_id, merchant_id } of await read<Answers['orders'][number]>('/v1/orders?limit=200')) {
    const place = `/v1/orders/${source_id}/${encodeURIComponent(order_id)}`;
    await read(`${place}?merchant_id=${merchant_id}`);
    await read(`${place}/explanation?merchant_id=${merchant_id}`);
  }
  // The next version adds a key of its own, and says so.
  await read(`/v1/audit-log?limit=200&to=${to.toISOString()}`);
  for (const { message_id } of await read<{ message_id: string }>('/v1/webhook-endpoints/receiver/messages?limit=200')) {
    await read(`/v1/webhook-messages/${message_id}`);
  }
  for (const { promoter_id } of await read<{ promoter_id: string }>('/v1/promoters?limit=200')) {
    await read(`/v1/promoters/${promoter_id}/balance`);
    await read(`/v1/promoters/${promoter_id}/entries?limit=200`);
  }
  for (const path of STANDING) await read(path);
  return texts;
}

async function readAnswers(call: Call): Promise<Answers> {
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
async function rowsOf(dataDir: string): Promise<Pick<Recording, 'migrations' | 'tables'>> {
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
    return { migrations: rows.map(({ name }) => name), tables: kept };
  } finally {
    await client.end();
    await server.stop();
  }
}

/** The secrets that nobody gave, as later versions look for them. */
async function keysOf(dataDir: string): Promise<Record<string, string>> {
  const folder = join(dataDir, 'keys');
  const keys: Record<string, string> = {};
  for (const name of await readdir(folder)) keys[name] = (await readFile(join(folder, name), 'utf8')).trim();
  return keys;
}

await main(process.argv.slice(2));
