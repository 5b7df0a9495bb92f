// Reconciliations over HTTP: what a source or a file says against what is known.
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { listChanges } from '../../../src/platform/keys/audit-log.ts';
import { subject } from '../../sources/subjects/woocommerce.ts';
import { openDesk, type Desk } from '../desk.ts';
import { SOURCE, type Puller } from '../puller.ts';

const AT = new Date('2026-06-01T10:00:00Z');
const FIRST = { limit: 100, before: null };
const RANGE = { source_id: SOURCE, from: '2026-06-01T00:00:00Z', to: '2026-06-02T00:00:00Z' };

let desk: Desk;
let puller: Puller;

beforeAll(async () => {
  desk = await openDesk(subject);
  ({ puller } = desk);
});
afterAll(() => desk.close());
beforeEach(() => puller.wait());

const post: Desk['post'] = (payload, how) => desk.post(payload, how);

/** That none of its orders is known is right here. */
const NEW = `?source_id=${SOURCE}&confirm_all_new=true`;

const upload = (csv: string, query = NEW) => post(csv, { query, type: 'text/csv' });

test('what a source says and nobody knew is missing, is taken in, and is recovered; the second time all agrees', async () => {
  for (const id of ['1', '2', '3']) puller.double.put(id, AT);
  expect((await post(RANGE)).body).toMatchObject({ state: 'done', checked: 3, missing: 3, different: 0, recovered: 3 });
  expect((await post(RANGE)).body).toMatchObject({ state: 'done', checked: 3, missing: 0, different: 0, recovered: 0 });
  expect(await puller.orders()).toEqual(['1', '2', '3']);
});

test('what a source is not answering is told, and a source that cannot be asked is refused', async () => {
  puller.double.failNext('refused');
  expect((await post(RANGE)).body).toMatchObject({ state: 'failed', error: expect.stringContaining('401') as unknown });
  expect((await post({ ...RANGE, source_id: 'nobody' })).status).toBe(404);
  expect((await post({ ...RANGE, to: RANGE.from })).status).toBe(400);
});

test('a file says of orders as a whole: what is missing, what differs, and what is wrong with its rows', async () => {
  const { body } = await upload(
    [
      'order_id,status,currency,paid_amount,refunded_amount,paid_at',
      '1,paid,CNY,9999,,2026-06-01T10:00:00Z',
      '2,completed,CNY,9999,,2026-06-01T10:00:00Z',
      '3,paid,CNY,5000,,2026-06-01T10:00:00Z',
      '4,paid,CNY,10000,2500,2026-06-01T10:00:00Z',
      '5,paid,CNY,99.99,,',
      ',paid,CNY,1,,',
      '6,lost,CNY,1,,',
    ].join('\r\n'),
  );
  expect(body).toMatchObject({ state: 'done', checked: 4, missing: 1, different: 2, bad_rows: 3 });
  // The amounts of the third differ for good: the file does not say of which line.
  expect(body['recovered']).toBe(2);
  expect((body['errors'] as { line: number }[]).map((bad) => bad.line)).toEqual([6, 7, 8]);
});

test('an order that a file told as a whole is not counted twice when its own source tells of its lines', async () => {
  await upload('order_id,status,currency,paid_amount\n77,paid,CNY,9999');
  puller.double.put('77', AT);
  await post(RANGE);
  await puller.work();
  const { rows } = await sql<{ lines: bigint }>`
    select jsonb_array_length(merged -> 'lines') as lines from orders where order_id = '77'`.execute(puller.database.owner);
  expect(Number(rows[0]!.lines)).toBe(2);
  expect((await upload('order_id,currency,paid_amount\n77,CNY,9999')).body).toMatchObject({ checked: 1, missing: 0, different: 0 });
});

const fileOf = (amount: string): string => `order_id,status,line_id,paid_amount,currency\n88,paid,a,${amount},CNY`;

test('a file goes back to what it said before, and so do the orders', async () => {
  await upload(fileOf('100'));
  await upload(fileOf('200'));
  expect((await upload(fileOf('100'))).body).toMatchObject({ different: 1, recovered: 1 });
});

test('decimals are of the currency, quotes and line breaks are those of RFC 4180', async () => {
  const csv = 'order_id,currency,paid_amount,void_reason\r\n"99",CNY,12.50,"said ""no"",\r\ntwice"\r\n';
  expect((await upload(csv, `${NEW}&amounts=decimal`)).body).toMatchObject({ missing: 1, recovered: 1, bad_rows: 0 });
});

test('the source rest takes files, too, for one merchant', async () => {
  expect((await upload('order_id,status\nr1,paid', '?merchant_id=m1')).body).toMatchObject({ source_id: 'rest', missing: 1, recovered: 1 });
  expect((await upload('order_id,status\nr1,paid', '')).status).toBe(400);
});

test('who wanted a reconciliation is written down, with what was asked', async () => {
  const asked = await post(RANGE);
  const told = await upload('order_id,status,paid_amount\nlogged,paid,100\n');
  const written = await listChanges(puller.database.db, { subjectKind: 'reconciliation', subjectId: null, from: null, to: null }, FIRST);
  expect(written.slice(0, 2)).toMatchObject([
    { action: 'reconciliation_made', subject_id: told.body['reconciliation_id'], after: { origin: 'upload', source_id: SOURCE } },
    { action: 'reconciliation_made', subject_id: asked.body['reconciliation_id'], after: { origin: 'pull', source_id: SOURCE } },
  ]);
  expect(written.every(({ key_id: keyId }) => keyId !== null)).toBe(true);
});

test('a file whose first line is not of these columns is refused as a whole', async () => {
  const { status, body } = await upload('order,amount\n1,2');
  expect(status).toBe(400);
  expect(body['detail']).toContain('"order", "amount"');
  expect((await upload('status\npaid')).status).toBe(400);
});

test('a file of many rows is taken in batches', async () => {
  const rows = Array.from({ length: 1500 }, (_, index) => `many-${index},paid,CNY,100`);
  const { body } = await upload(['order_id,status,currency,paid_amount', ...rows].join('\n'));
  expect(body).toMatchObject({ state: 'done', checked: 1500, missing: 1500, recovered: 1500 });
});
