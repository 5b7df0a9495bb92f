// Uploaded files are kept before they are read: a kill in the middle loses nothing and counts nothing twice.
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { inTransaction } from '../../src/platform/database.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { readUploads } from '../../src/pull/reading-uploads.ts';
import { claimUpload, findReconciliation, freeUpload, makeReconciliation, noteUploaded } from '../../src/pull/reconciliation-store.ts';
import { settleReconciliation } from '../../src/pull/settling.ts';
import { keepFile, keptFile } from '../../src/pull/upload-file.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import { subject } from '../sources/subjects/woocommerce.ts';
import { openPuller, type Puller } from './puller.ts';

const ROWS = 1200;
const LINES = ['order_id,status,currency,paid_amount', ...Array.from({ length: ROWS }, (_, n) => `${n},paid,CNY,${n === 7 ? 'x' : 100}`)];

let puller: Puller;

beforeAll(async () => {
  puller = await openPuller(subject, null);
});
afterAll(() => puller.close());

async function* inChunks(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function keep(text: string): Promise<string> {
  const { db } = puller.database;
  const reconciliationId = await inTransaction(db, async ({ trx, now }) => {
    const id = uuidv7(now.getTime());
    const asked = { source_id: 'rest', merchant_id: 'm1', origin: 'upload' as const, range_from: null, range_to: null };
    await makeReconciliation(trx, { reconciliation_id: id, ...asked, amounts: 'minor' }, now);
    return id;
  });
  await keepFile(db, reconciliationId, inChunks(text, 1000), () => undefined);
  return reconciliationId;
}

async function partsKept(): Promise<number> {
  const { rows } = await sql<{ parts: bigint }>`select count(*) as parts from upload_part`.execute(puller.database.owner);
  return Number(rows[0]!.parts);
}

test('a file is kept byte for byte, whatever its size, and is read only when all of it is there', async () => {
  const { db } = puller.database;
  const text = 'x'.repeat(3 * 1024 * 1024 + 17);
  const reconciliationId = await keep(text);
  const parts: Buffer[] = [];
  for await (const part of keptFile(db, reconciliationId)) parts.push(part);
  expect(parts.length).toBeGreaterThan(1);
  expect(Buffer.concat(parts).toString()).toBe(text);
  expect(await claimUpload(db)).toBeNull();
});

test('whoever is killed while he reads a file has it read anew by another, and every row counts once', async () => {
  const { db } = puller.database;
  const reconciliationId = await keep(LINES.join('\n'));
  await noteUploaded(db, reconciliationId);
  const killed = new AbortController();
  // After the first commit of rows.
  await readUploads({ db, onDelivered: () => killed.abort(new Error('killed')) }, killed.signal);
  await puller.work();
  expect(await findReconciliation(db, reconciliationId)).toMatchObject({ state: 'reading' });

  await readUploads({ db, onDelivered: () => undefined }, new AbortController().signal);
  await puller.work();
  await settleReconciliation(db, ADAPTERS, reconciliationId);
  const counts = { checked: BigInt(ROWS - 1), missing: BigInt(ROWS - 1), recovered: BigInt(ROWS - 1), bad_rows: 1n };
  expect(await findReconciliation(db, reconciliationId)).toMatchObject({ state: 'done', ...counts });
  expect((await puller.orders()).length).toBe(ROWS - 1);
});

test('a file that somebody reads is read by nobody else until he is silent for long', async () => {
  const { db, owner } = puller.database;
  const reconciliationId = await keep(LINES[0]!);
  await noteUploaded(db, reconciliationId);
  expect(await claimUpload(db)).toMatchObject({ reconciliationId, amounts: 'minor', merchantId: 'm1' });
  expect(await claimUpload(db)).toBeNull();
  await sql`update reconciliation set read_until = now() - interval '1 second' where state = 'reading'`.execute(owner);
  expect(await claimUpload(db)).toMatchObject({ reconciliationId });
  await freeUpload(db, reconciliationId);
  const before = await partsKept();
  await readUploads({ db, onDelivered: () => undefined }, new AbortController().signal);
  expect(await partsKept()).toBe(before - 1);
});

test('a file that is no CSV fails for good, says why, and is dropped', async () => {
  const { db } = puller.database;
  const before = await partsKept();
  const reconciliationId = await keep('status,amount\n1,2');
  await noteUploaded(db, reconciliationId);
  await readUploads({ db, onDelivered: () => undefined }, new AbortController().signal);
  const told = await findReconciliation(db, reconciliationId);
  expect(told).toMatchObject({ state: 'failed', error: expect.stringContaining('amount') as unknown });
  expect(await partsKept()).toBe(before);
});
