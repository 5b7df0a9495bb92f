// Uploaded files are kept before they are read: a kill in the middle loses nothing and counts
// nothing twice.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { uuidv7 } from '../../../src/platform/uuid.ts';
import { readUploads } from '../../../src/pull/uploads/reading-uploads.ts';
import { findReconciliation, makeReconciliation } from '../../../src/pull/reconciliations/reconciliation-store.ts';
import { settleReconciliation } from '../../../src/pull/reconciliations/settling.ts';
import { dropFiles, keepFile, keptFile } from '../../../src/pull/uploads/upload-file.ts';
import { takeKeptUpload, freeUpload, keepReading, noteUploaded } from '../../../src/pull/uploads/upload-store.ts';
import { ADAPTERS } from '../../../src/sources/adapters.ts';
import { subject } from '../../sources/subjects/woocommerce.ts';
import { openPuller, type Puller } from '../puller.ts';

const HEAD = 'order_id,status,currency,paid_amount,line_id';
const forever = new AbortController().signal;

let puller: Puller;

beforeAll(async () => {
  puller = await openPuller(subject, null);
});
afterAll(() => puller.close());
beforeEach(() =>
  sql`update reconciliation set state = 'failed', finished_at = now() where finished_at is null`.execute(puller.database.owner),
);

async function* inChunks(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Makes a reconciliation of a file, which is kept and may be read. */
async function keep(text: string): Promise<string> {
  const { db } = puller.database;
  const reconciliationId = await inTransaction(db, async ({ trx, now }) => {
    const id = uuidv7(now.getTime());
    const asked = { source_id: 'rest', merchant_id: 'm1', origin: 'upload' as const, range_from: null, range_to: null };
    await makeReconciliation(trx, { reconciliation_id: id, ...asked, amounts: 'minor' }, now);
    return id;
  });
  const parts = await keepFile(db, reconciliationId, inChunks(text, 1000), () => undefined);
  expect(await takeKeptUpload(db, randomUUID())).toBeNull();
  await noteUploaded(db, reconciliationId, parts);
  return reconciliationId;
}

const read = (onDelivered = () => undefined as void, signal = forever) =>
  readUploads({ db: puller.database.db, adapters: ADAPTERS, onDelivered }, signal);
const told = (reconciliationId: string) => findReconciliation(puller.database.db, reconciliationId);

async function count(table: 'upload_part' | 'delivery', where = sql`true`): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`select count(*) from ${sql.table(table)} where ${where}`.execute(puller.database.owner);
  return Number(rows[0]!.count);
}

const waiting = () => count('delivery', sql`state = 'received'`);
/** Nobody awards here. */
const award = () => sql`delete from award_due`.execute(puller.database.owner);

test('a file is kept byte for byte, whatever its size, and is dropped when it is not to be read any more', async () => {
  const { db } = puller.database;
  const text = 'x'.repeat(3 * 1024 * 1024 + 17);
  const reconciliationId = await keep(text);
  const kept = await count('upload_part');
  expect(kept).toBeGreaterThan(1);
  const parts: Buffer[] = [];
  for await (const part of keptFile(db, reconciliationId, kept)) parts.push(part);
  expect(Buffer.concat(parts).toString()).toBe(text);
  await expect(async () => {
    for await (const part of keptFile(db, reconciliationId, kept + 1)) parts.push(part);
  }).rejects.toThrow();
  await dropFiles(db);
  expect(await count('upload_part')).toBe(kept);
  await read();
  await dropFiles(db);
  expect(await count('upload_part')).toBe(0);
});

test('whoever is killed while he reads a file has it read anew by another, and every row counts once', async () => {
  const { db } = puller.database;
  const lines = Array.from({ length: 600 }, (_, n) => [`${n},paid,CNY,${n === 7 ? 'x' : 100},a`, `${n},paid,CNY,50,b`]).flat();
  const reconciliationId = await keep([HEAD, ...lines].join('\n'));
  const killed = new AbortController();
  // After the first commit of rows.
  await read(() => killed.abort(new Error('killed')), killed.signal);
  await puller.work();
  expect(await told(reconciliationId)).toMatchObject({ state: 'reading' });

  await read();
  await puller.work();
  await settleReconciliation(db, ADAPTERS, reconciliationId, () => true);
  expect(await told(reconciliationId)).toMatchObject({ state: 'done', checked: 600n, missing: 600n, recovered: 600n, bad_rows: 1n });
  expect((await puller.orders()).length).toBe(600);
  expect(await count('delivery')).toBe(lines.length - 1);
});

test('a file that somebody reads is read by nobody else until he is silent for long, and then he reads it no more', async () => {
  const { db, owner } = puller.database;
  const reconciliationId = await keep(HEAD);
  const [slow, next] = [randomUUID(), randomUUID()];
  expect(await takeKeptUpload(db, slow)).toMatchObject({ reconciliationId, amounts: 'minor', merchantId: 'm1', parts: 1 });
  expect(await takeKeptUpload(db, next)).toBeNull();
  expect(await keepReading(db, reconciliationId, slow)).toBe(true);
  await sql`update reconciliation set read_until = now() - interval '1 second' where state = 'reading'`.execute(owner);
  expect(await takeKeptUpload(db, next)).toMatchObject({ reconciliationId });
  await expect(keepReading(db, reconciliationId, slow)).rejects.toThrow('somebody else');
  await freeUpload(db, reconciliationId, slow);
  expect(await takeKeptUpload(db, slow)).toBeNull();
});

test.each([
  ['names other columns', 'status,amount\n1,2', 'amount'],
  [
    'has a quote that is never closed',
    [HEAD, 'ok,paid,CNY,1,a', '"open,paid,CNY,1,a', ...Array(5000).fill('lost,paid,CNY,1,a')].join('\n'),
    '3',
  ],
])('a file that %s fails for good and says why', async (_, text, why) => {
  const reconciliationId = await keep(text);
  await read();
  expect(await told(reconciliationId)).toMatchObject({ state: 'failed', error: expect.stringContaining(why) as unknown });
});

test('a file goes on only when the worker has caught up, so that nobody else waits behind it', async () => {
  const before = (await puller.orders()).length;
  await award();
  await keep([HEAD, ...Array.from({ length: 4000 }, (_, n) => `late-${n},paid,CNY,100,a`)].join('\n'));
  const progress = { isRead: false };
  const reading = read().finally(() => (progress.isRead = true));
  while ((await waiting()) < 2000) await sleep(20);
  await sleep(300);
  expect(await waiting()).toBeLessThan(4000);
  while (!progress.isRead) {
    await puller.work();
    await award();
  }
  await reading;
  await puller.work();
  expect((await puller.orders()).length).toBe(before + 4000);
});
