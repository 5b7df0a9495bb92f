// Backup and restore as an operator runs them, from a cluster into a younger one, into every
// PostgreSQL, and of what earlier versions have left.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { backUp } from '../../src/backup/backup.ts';
import { checkBackup, restore } from '../../src/backup/restore.ts';
import { secretsAt } from '../../src/backup/secret-fingerprints.ts';
import { auditCommand } from '../../src/audit/commands.ts';
import { givenSecrets, openRuntime } from '../../src/runtime.ts';
import { readConfig } from '../../src/platform/process/config.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import { readRecording, restoreRecording } from '../history/recording.ts';
import { freePort, testDatabase, testLog } from '../harness.ts';
import { MAJORS, startMajor } from '../majors.ts';

vi.setConfig({ testTimeout: 480_000, hookTimeout: 480_000 });

const ENTRY = fileURLToPath(new URL('../../src/start.mjs', import.meta.url));
const ADMIN_KEY = 'fy_admin_of_the_backup_test';

let work: string;
const children: ChildProcess[] = [];
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'fenyong-backup-'));
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(work, { recursive: true, force: true });
});

const environment = (dataDir: string) => ({ PATH: process.env['PATH'], DATA_DIR: dataDir, LOG_LEVEL: 'silent', ADMIN_KEY });

async function run(dataDir: string, ...args: string[]): Promise<{ code: number; printed: string; complaint: string }> {
  const child = spawn(process.execPath, [ENTRY, ...args], { cwd: work, env: environment(dataDir), stdio: ['ignore', 'pipe', 'pipe'] });
  const [printed, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: Number(code), printed, complaint };
}

/** The service on its own PostgreSQL, and how it is asked. */
async function serve(dataDir: string) {
  const port = await freePort();
  const child = spawn(process.execPath, [ENTRY], { cwd: work, env: { ...environment(dataDir), PORT: String(port) }, stdio: 'ignore' });
  children.push(child);
  const ask = async (method: string, path: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }> => {
    const headers = {
      authorization: `Bearer ${ADMIN_KEY}`,
      'idempotency-key': `"${randomUUID()}"`,
      ...(body && { 'content-type': 'application/json' }),
    };
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const isReady = async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.status === 200;
  await expect.poll(isReady, { timeout: 120_000 }).toBe(true);
  const stop = async () => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  return { ask, stop };
}

type Asking = Awaited<ReturnType<typeof serve>>['ask'];

async function sell(ask: Asking, orderId: string): Promise<void> {
  const lines = [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 10_000 }];
  const order = { merchant_id: 'm1', order_id: orderId, status: 'paid', currency: 'CNY', promoter_id: 'bob', lines };
  expect((await ask('POST', '/v1/orders', { ...order, paid_at: new Date().toISOString() })).status).toBe(202);
  const awarded = async () => (await ask('GET', `/v1/orders/rest/${orderId}?merchant_id=m1`)).body['award'];
  await expect.poll(awarded, { timeout: 60_000 }).toBe('estimated');
}

const pendingOfBob = async (ask: Asking) =>
  ((await ask('GET', '/v1/promoters/bob/balance')).body['data'] as { pending: number }[])[0]!.pending;

/** A link of bob's, by its code. */
async function share(ask: Asking): Promise<string> {
  const link = { merchant_id: 'm1', promoter_id: 'bob', scene: 'group', landing_url: 'https://shop.example.com/' };
  const { status, body } = await ask('POST', '/v1/links', link);
  expect(status).toBe(201);
  return String(body['code']);
}

async function click(ask: Asking, code: string): Promise<void> {
  expect((await ask('POST', '/v1/clicks', { code })).status).toBe(201);
}

async function clientOf(dataDir: string): Promise<Client> {
  const { password, port } = JSON.parse(await readFile(join(dataDir, 'postgres', 'fenyong.json'), 'utf8')) as {
    password: string;
    port: number;
  };
  const client = new Client({ host: '127.0.0.1', port, user: 'postgres', password, database: 'postgres' });
  await client.connect();
  return client;
}

/** What is summed up by day of all that has come. */
async function counted(dataDir: string): Promise<Record<string, number>> {
  const client = await clientOf(dataDir);
  const { rows } = await client.query<Record<string, string>>(`
    select sum(clicks) as clicks, sum(links_made) as links, sum(orders) as orders,
      sum(commission_estimated) filter (where basis = 'booking') as booked
    from merchant_rollup where grain_minutes = 1440`);
  await client.end();
  return Object.fromEntries(Object.entries(rows[0]!).map(([sum, digits]) => [sum, Number(digits)]));
}

/** Lets a cluster have counted more transactions than a new one has. */
async function countOn(dataDir: string): Promise<void> {
  const client = await clientOf(dataDir);
  for (let n = 0; n < 3000; n += 1) await client.query('select pg_current_xact_id()');
  await client.end();
}

test('a running service is backed up, and goes on in a younger cluster once its secrets are there', async () => {
  const [old, young, folder] = [join(work, 'old'), join(work, 'young'), join(work, 'backup')];
  const service = await serve(old);
  expect(
    await service.ask('PUT', '/v1/merchants/m1', { name: 'shop', currency: 'CNY', landing_hosts: ['shop.example.com'] }),
  ).toMatchObject({ status: 201 });
  expect(await service.ask('PUT', '/v1/promoters/bob', { name: 'Bob', kind: 'person' })).toMatchObject({ status: 201 });
  const split = [{ to: 'promoter', share_ppm: 1_000_000 }];
  const rule = { name: 'ten', scope: { merchant_id: 'm1' }, plan: { rate_ppm: 100_000, split } };
  expect(await service.ask('POST', '/v1/rules', rule)).toMatchObject({ status: 201 });
  await countOn(old);
  const link = await share(service.ask);
  await click(service.ask, link);
  await sell(service.ask, 'before');
  await expect.poll(() => counted(old), { timeout: 60_000 }).toEqual({ clicks: 1, links: 1, orders: 1, booked: 1000 });
  const made = await run(old, 'backup', folder);
  expect([made.code, made.complaint]).toEqual([0, '']);
  expect(made.printed).toContain('The secrets are not in it');
  await sell(service.ask, 'after');
  await service.stop();

  const refused = await run(young, 'restore', folder);
  expect([refused.code, refused.complaint]).toEqual([1, expect.stringContaining('TOKEN_SECRET, SECRETS_KEY, IDENTITY_KEY')]);
  await cp(join(old, 'keys'), join(young, 'keys'), { recursive: true });
  expect(await run(young, 'restore', folder)).toMatchObject({ code: 0, complaint: '' });
  expect(await run(young, 'audit')).toMatchObject({ code: 0, printed: expect.stringContaining('all agrees') });

  const again = await serve(young);
  expect(await pendingOfBob(again.ask)).toBe(1000);
  expect((await again.ask('GET', '/v1/orders/rest/after?merchant_id=m1')).status).toBe(404);
  // Its sender tells it again, and another one: the books count on from where they were.
  await sell(again.ask, 'after');
  await sell(again.ask, 'new');
  expect(await pendingOfBob(again.ask)).toBe(3000);
  // And so do the statistics: nothing is counted twice, nothing is missing.
  await click(again.ask, link);
  await expect.poll(() => counted(young), { timeout: 60_000 }).toEqual({ clicks: 2, links: 1, orders: 3, booked: 3000 });
  for (const law of ['balances_folded', 'counted_orders', 'rollups']) {
    expect([law, (await again.ask('POST', `/v1/guards/${law}/runs`)).body['violations']]).toEqual([law, 0]);
  }
  await again.stop();
  expect(await run(young, 'audit')).toMatchObject({ code: 0, printed: expect.stringContaining('all agrees') });
});

/** What a version of long ago has left, backed up as it lies there. */
async function oldBackup(folder: string) {
  const recorded = await readRecording('after-0016');
  const database = await testDatabase({ migrated: false });
  try {
    await restoreRecording(database.owner, recorded);
    const dataDir = join(work, 'nothing');
    const secrets = await secretsAt(dataDir, givenSecrets(readConfig({ ...recorded.keys, DATABASE_URL: database.connectionString })));
    const { ownerConnectionString: connectionString } = database;
    const manifest = await backUp({ connectionString, folder, beside: [], secrets, withKeys: false, log: testLog, now: new Date() });
    expect(manifest.migrations).toEqual(recorded.migrations);
    return recorded;
  } finally {
    await database.close();
  }
}

describe.each(MAJORS)('into PostgreSQL $major', ({ major, isHere }) => {
  test.skipIf(!isHere)('a backup of an earlier version is restored, brought up to date, and audits', async () => {
    const folder = join(work, `backup-${major}`);
    const recorded = await oldBackup(folder);
    const server = await startMajor(major);
    try {
      const config = readConfig({ ...recorded.keys, DATABASE_URL: server.url, DATA_DIR: join(work, `data-${major}`) });
      const wish = { dataDir: config.dataDir, folder, given: givenSecrets(config), log: testLog };
      await restore(server.url, await checkBackup(wish), wish);
      const runtime = await openRuntime(config, testLog, { mayMakeSecrets: false });
      let printed = '';
      await auditCommand({ ...runtime, adapters: ADAPTERS, levelsMax: 2 }, (said) => (printed += said));
      await runtime.close();
      expect(printed).toMatch(/\nall agrees\n$/);
    } finally {
      await server.stop();
    }
  });
});
