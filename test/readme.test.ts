// The quick start of the README is run as it is written, and so is each of its recipes, with
// doubles in the place of the platforms.

import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';

import { createClient, FenyongError } from '../client/client.ts';
import { ADAPTERS } from '../src/sources/adapters.ts';
import { freePort } from './harness.ts';
import { ADMIN_KEY, openService, type Service } from './running.ts';
import { doudianDouble } from './sources/doubles/doudian.ts';
import type { Double } from './sources/subject.ts';
import { orderText, subject as doudian } from './sources/subjects/doudian.ts';
import { subject as jd } from './sources/subjects/jd.ts';
import { subject as pdd } from './sources/subjects/pdd.ts';
import { subject as taobao } from './sources/subjects/taobao.ts';
import { openWechat } from './sources/subjects/wechat-shop.ts';
import { openMarket } from './sources/wechat-market.ts';

const READY_MS_MAX = 60_000;

/** The blocks of a section of a README. */
async function blocksOf(heading: string, file = 'README.md'): Promise<string[]> {
  const text = await readFile(new URL(`../${file}`, import.meta.url), 'utf8');
  const section = text.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  return [...section.matchAll(/```(?:sh)?\n([\s\S]*?)```/g)].map((block) => block[1]!);
}

/** The quick start: how to start, what to type, what it prints. */
const quickStart = () => blocksOf('Run it');
/** First the tools, then a recipe for each order system. */
const recipes = () => blocksOf('Connect a shop');

async function untilReady(url: string): Promise<void> {
  for (const deadline = Date.now() + READY_MS_MAX; Date.now() < deadline; await sleep(100)) {
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.ok === true) return;
  }
  throw new Error(`${url} is not ready`);
}

/** The longest way of one order that a reader is asked to go. */
const WAY_FILES_MAX = 35;

describe('the way of one order in the README', () => {
  it('is short, and leads from each file to those that it uses', async () => {
    const text = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    const section = text.split('**The way of one order**')[1]!.split('\n## ')[0]!;
    const way = [...section.matchAll(/^\d+\. `(src\/[^`]+)`/gm)].map((step) => step[1]!);
    expect(way.length).toBeGreaterThan(20);
    expect(way.length).toBeLessThanOrEqual(WAY_FILES_MAX);
    expect(new Set(way).size).toBe(way.length);
    // Where it begins: what the server answers, what the worker does, and which order systems there
    // are.
    const reached = new Set((await Promise.all(['src/app.ts', 'src/worker.ts', 'src/sources/adapters.ts'].map(importedBy))).flat());
    for (const file of way) {
      expect([...reached], file).toContain(file);
      for (const target of await importedBy(file)) reached.add(target);
    }
  });
});

async function importedBy(file: string): Promise<string[]> {
  const text = await readFile(new URL(`../${file}`, import.meta.url), 'utf8');
  return [...text.matchAll(/ from '(\.{1,2}\/[^']+)'/g)].map((found) => join(dirname(file), found[1]!));
}

test('the README in Chinese has the quick start and the recipes of the English one, command by command', async () => {
  expect(await blocksOf('运行', 'README.zh.md')).toEqual(await quickStart());
  expect(await blocksOf('接入店铺', 'README.zh.md')).toEqual(await recipes());
});

describe('the quick start of the README', () => {
  it('does what it says, command by command, and prints what is printed there', { timeout: 120_000 }, async () => {
    const [start, commands, printed] = await quickStart();
    const port = await freePort();
    const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-readme-'));
    const env = { ...process.env, PORT: String(port), DATA_DIR: dataDir, DATABASE_URL: '', REDIS_URL: '', LOG_LEVEL: 'warn' };
    const service = spawn('sh', ['-c', start!], { env, detached: true, stdio: 'ignore' });
    const exited = once(service, 'exit');
    try {
      await untilReady(`http://127.0.0.1:${port}`);
      // The port is the only thing that a test must change.
      const typed = spawnSync('sh', ['-c', commands!.replace('127.0.0.1:3000', `127.0.0.1:${port}`)], { encoding: 'utf8' });
      expect(typed.stderr).toBe('');
      expect(typed.stdout).toBe(printed);
    } finally {
      process.kill(-service.pid!, 'SIGTERM');
      await exited;
      await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
  });
});

/** 抖店, whose 抖客 has orders by the link that was made last. */
async function openDoudian(): Promise<Double> {
  const fixture = new URL('sources/fixtures/doudian/talent-paid-through-our-link.body.json', import.meta.url);
  const row = JSON.parse(await readFile(fixture, 'utf8')) as { pid_info: object };
  let external = '';
  return doudianDouble({
    appKey: String(doudian.secrets['app_key']),
    secret: String(doudian.secrets['app_secret']),
    order: ({ orderId }) => orderText(orderId, {}),
    alliance: ({ orderId }, method) =>
      method === 'buyin.kolOrderAds' ? { ...row, order_id: orderId, pid_info: { ...row.pid_info, external_info: external } } : null,
    onAsked(method, question) {
      if (method === 'buyin.kolProductShare') external = String(question['external_info']);
    },
  });
}

/** A moment that every list has reached. */
const now = () => new Date(Date.now() - 2000);
const lacksOpenssl = spawnSync('openssl', ['version']).error !== undefined;

describe.skipIf(lacksOpenssl)('the recipes of the README, where there is an openssl to sign with', () => {
  const doubles: Record<string, Double> = {};
  let service: Service;
  const client = () => createClient({ url: service.url, key: ADMIN_KEY });

  beforeAll(async () => {
    const opening = { jd: jd.open!, pdd: pdd.open!, taobao: taobao.open!, 'wechat-shop': openWechat, doudian: openDoudian };
    for (const [kind, open] of Object.entries(opening)) doubles[kind] = await open();
    const PULL_BASE_URLS = Object.entries(doubles).map(([kind, { url }]) => `${kind}=${url}`);
    service = await openService({ works: true, listens: true, env: { PULL_BASE_URLS: PULL_BASE_URLS.join(',') } });
    // The order that the shop's push in the recipe names.
    doubles['doudian']!.put('4781320682406083640', now());
    const [, commands] = await quickStart();
    const ours = commands!.replace('http://127.0.0.1:3000', service.url).replace('fy_admin_try_it_out', ADMIN_KEY);
    const { stderr } = await promisify(execFile)('sh', ['-ec', [ours, ...(await recipes())].join('\n')]);
    expect(stderr).toBe('');
    // The rows of the doubles are older than the rule of the quick start.
    const split = [{ to: 'promoter' as const, share_ppm: 1_000_000 }];
    await client().POST('/v1/rules', {
      body: {
        name: 'before',
        effective_from: '2020-01-01T00:00:00Z',
        retroactive: true,
        plan: { rate_ppm: 50_000, split },
      },
    });
  }, 120_000);
  afterAll(async () => {
    await service.close();
    for (const double of Object.values(doubles)) await double.close();
  });

  /** What was decided of the first line of an order; null while it has not arrived. */
  async function decidedOf(source_id: string, order_id: string) {
    try {
      const { data } = await client().GET('/v1/orders/{source_id}/{order_id}', { params: { path: { source_id, order_id } } });
      const [line] = data.lines;
      return { status: data.status, promoter: line!.promoter_id, evidence: line!.evidence };
    } catch (error) {
      if (error instanceof FenyongError && error.code === 'not_found') return null;
      throw error;
    }
  }

  test('every order system has one', async () => {
    const text = (await recipes()).join('\n');
    for (const { kind } of ADAPTERS) expect(text).toContain(`"kind":"${kind}"`);
  });

  test.each([
    ['erp', 'E-1'],
    ['shopify', '820982911946154508'],
    ['woo', '1041'],
  ])('an order that %s pushes by the recipe is earned by the click', async (source, orderId) => {
    await expect
      .poll(() => decidedOf(source, orderId), { timeout: 20_000 })
      .toEqual({ status: 'paid', promoter: 'bob', evidence: 'click_token' });
  });

  test('an order that 微信小店 names is fetched, and earned by the sharer who was mapped', async () => {
    doubles['wechat-shop']!.put('3705115058471208928', now());
    await openMarket(service).push('weixin', 'channels_ec_order_pay', { order_info: { order_id: '3705115058471208928' } });
    await expect
      .poll(() => decidedOf('weixin', '3705115058471208928'), { timeout: 20_000 })
      .toEqual({ status: 'paid', promoter: 'bob', evidence: 'platform' });
  });

  test('an order that 抖店 names is fetched', async () => {
    await expect.poll(() => decidedOf('doudian', '4781320682406083640'), { timeout: 20_000 }).toMatchObject({ status: 'paid' });
  });

  test.each([
    ['douke', 'doudian', '4781320682406083999'],
    ['taobao', 'taobao', '900001'],
    ['jd', 'jd', '3705115058471208928'],
    ['pdd', 'pdd', '260601-123456789012345'],
  ])('an order by the link that %s has made is that of the link once it is asked for', async (source_id, kind, orderId) => {
    doubles[kind]!.put(orderId, now());
    const [from, to] = [new Date(Date.now() - 3_600_000).toISOString(), new Date().toISOString()];
    const { data } = await client().POST('/v1/reconciliations', { body: { source_id, from, to } });
    expect(data.error).toBeNull();
    await expect
      .poll(() => decidedOf(source_id, orderId), { timeout: 20_000 })
      .toEqual({ status: 'paid', promoter: 'bob', evidence: 'link_code' });
  });
});
