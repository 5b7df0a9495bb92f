// Settling a reconciliation: a part of its orders at a time, so that nobody waits for a million of
// them.
import { Readable } from 'node:stream';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { uuidv7 } from '../../../src/platform/uuid.ts';
import { findReconciliation, makeReconciliation, noteRead } from '../../../src/pull/reconciliations/reconciliation-store.ts';
import { settleReconciliation } from '../../../src/pull/reconciliations/settling.ts';
import { endCutUploads } from '../../../src/pull/uploads/upload-store.ts';
import { openTable, type Table } from '../../../src/pull/tables/table.ts';
import { takeUpload } from '../../../src/pull/uploads/upload.ts';
import { ADAPTERS } from '../../../src/sources/adapters.ts';
import { subject } from '../../sources/subjects/woocommerce.ts';
import { openPuller, type Puller } from '../puller.ts';

const AT = new Date('2026-06-01T10:00:00Z');
/** More than two parts hold. */
const ORDERS = 1100;

let puller: Puller;

beforeAll(async () => {
  puller = await openPuller(subject, null);
});
afterAll(() => puller.close());

const quietly = { onDelivered: () => undefined, whenRoom: () => Promise.resolve() };

function fileOf(orders: number): Promise<Table> {
  const rows = Array.from({ length: orders }, (_, n) => `${n},paid,CNY,100\n`);
  const bytes = Buffer.from(['order_id,status,currency,paid_amount\n', ...rows].join(''));
  return openTable({ lengths: [bytes.length], part: () => Promise.resolve(bytes) }, () => Readable.from([bytes]), []);
}

test('a look without time left settles a part and ends nothing; the next look settles the rest and ends it', async () => {
  const { db } = puller.database;
  const reconciliationId = uuidv7(AT.getTime());
  const asked = { source_id: 'rest', merchant_id: 'm1', origin: 'upload' as const, range_from: null, range_to: null };
  await inTransaction(db, ({ trx, now }) => makeReconciliation(trx, { reconciliation_id: reconciliationId, ...asked }, now));
  const source = { sourceId: 'rest', kind: 'rest', merchantId: 'm1', options: {} };
  const how = { amounts: 'minor' as const, dryRun: false, confirmAllNew: false };
  const upload = { db, adapters: new Map(), source, merchantId: 'm1', reconciliationId, ...how, fetchedAt: AT, ...quietly };
  await noteRead(db, reconciliationId, await takeUpload(upload, await fileOf(ORDERS)));
  await puller.work();

  await settleReconciliation(db, ADAPTERS, reconciliationId, () => false);
  const first = (await findReconciliation(db, reconciliationId))!;
  expect(first).toMatchObject({ state: 'settling', checked: BigInt(ORDERS), missing: BigInt(ORDERS) });
  expect(Number(first.recovered)).toBeGreaterThan(0);
  expect(Number(first.recovered)).toBeLessThan(ORDERS);

  await settleReconciliation(db, ADAPTERS, reconciliationId, () => true);
  expect(await findReconciliation(db, reconciliationId)).toMatchObject({ state: 'done', recovered: BigInt(ORDERS) });
});

test('an upload whose reader was killed ends as failed, and one that is being read goes on', async () => {
  const { db } = puller.database;
  const asked = { source_id: 'rest', merchant_id: 'm1', origin: 'upload' as const, range_from: null, range_to: null };
  const [old, fresh] = [uuidv7(AT.getTime()), uuidv7(AT.getTime())];
  await inTransaction(db, async ({ trx, now }) => {
    await makeReconciliation(trx, { reconciliation_id: old, ...asked }, AT);
    await makeReconciliation(trx, { reconciliation_id: fresh, ...asked }, now);
  });
  await endCutUploads(db, new Date(AT.getTime() + 1));
  expect(await findReconciliation(db, old)).toMatchObject({ state: 'failed', error: 'The file was cut off.' });
  expect(await findReconciliation(db, fresh)).toMatchObject({ state: 'reading' });
});
