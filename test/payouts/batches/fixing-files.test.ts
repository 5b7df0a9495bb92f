// The file that a bank is given: made once, at the approval, byte by byte as it is worked out here
// by hand; and what cannot stand in it, which is dropped before anything is approved.

import { createHash, createSecretKey, type KeyObject } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { accountCache, bookTransfers } from '../../../src/ledger/booking-store.ts';
import { findBatchFiles, keepBatchFile, readBatchFile, SEALED_BATCH_FILES } from '../../../src/payouts/batches/batch-file-store.ts';
import { dayOf } from '../../../src/platform/calendar.ts';
import { insertPayee } from '../../../src/payouts/payees/payee-store.ts';
import { reseal } from '../../../src/platform/keys/reseal.ts';
import { masterKeys } from '../../../src/platform/keys/secrets.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { openOrder, transferOf } from '../../ledger/shop.ts';
import { ADMIN_KEY } from '../../running.ts';
import { openTill, type Till } from '../till.ts';

const SECRET = 'these tests seal files with this, and with nothing else';
/** As the service under test seals and hashes. */
const SEALING = { keys: masterKeys([SECRET]), identityKey: createSecretKey(Buffer.from('these tests hash tax ids with this')) };
const SECRETS = {
  masterKeys: SEALING.keys,
  identityKey: SEALING.identityKey,
  tokenKeys: [createSecretKey(Buffer.from('these tests sign clicks with this'))] as [KeyObject],
};
const UTC8 = 'Asia/Shanghai';

let till: Till;
/** Names of their own for each test. */
let names = 0;
let a: string;
let b: string;

beforeAll(async () => {
  till = await openTill({ env: { WITHHOLDING: 'cn_labor_service' }, secrets: SECRETS });
  await till.merchant('m1');
  await provider('bank', {});
});

afterAll(() => till.close());

beforeEach(async () => {
  names += 1;
  [a, b] = ['a', 'b'].map((name) => `${name}${names}`) as [string, string];
  for (const name of [a, b]) await till.promoter(name);
});

const provider = (providerId: string, template: object) =>
  till.must('PUT', `/v1/payout-providers/${providerId}`, { kind: 'file', options: { template: { format: 'csv', ...template } } });

/**
 * Lets the promoter be paid by a bank; a company, from which nothing is withheld, where no other
 * kind is said.
 */
const payee = (promoterId: string, more: object = {}) =>
  till.must('PUT', `/v1/promoters/${promoterId}/payee`, {
    kind: 'company',
    name: '王小明',
    provider_id: 'bank',
    account: { account_no: '6222020000000001', bank_name: '工商银行', bank_code: '102100099996' },
    ...more,
  });

async function download(batchId: string, query = '', key = till.li) {
  const url = `/v1/payout-batches/${batchId}/file${query}`;
  const answer = await till.service.app.inject({ method: 'GET', url, headers: { authorization: `Bearer ${key}` } });
  return { status: answer.statusCode, headers: answer.headers, bytes: answer.rawPayload };
}

async function approved(promoters: readonly string[], wish: object = {}) {
  const batch = await till.draft({ promoter_ids: promoters, ...wish });
  const { status, body } = await till.approve(batch);
  expect([status, body.code]).toEqual([200, undefined]);
  return body;
}

/** Gives each one fen, and a payee under its own name. */
async function earnAll(crowd: readonly string[]): Promise<void> {
  const { service, db, owner } = till;
  const lines = crowd.map((promoterId) => `${JSON.stringify({ promoter_id: promoterId, name: promoterId, kind: 'person' })}\n`).join('');
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/x-ndjson' };
  const loaded = await service.app.inject({ method: 'POST', url: '/v1/imports/promoters', headers, payload: lines });
  expect(loaded.json()).toMatchObject({ accepted: crowd.length, refused: 0 });
  const orderKey = await openOrder(owner, 'm1', 'of a crowd');
  const { key_id: keyId } = await owner.selectFrom('api_key').select('key_id').limit(1).executeTakeFirstOrThrow();
  const secrets = { name: null, taxId: null, account: { account_no: '6222020000000001' } };
  const stated = { kind: 'company' as const, country: 'CN', providerId: 'long', ...secrets };
  const moves = [
    { kind: 'accrue', from: 'commission', to: 'pending' },
    { kind: 'release', from: 'pending', to: 'available' },
  ] as const;
  await inTransaction(db, async ({ trx, now }) => {
    const transfers = crowd.flatMap((promoterId) => moves.map((move) => transferOf(orderKey, { ...move, promoterId, amount: 1n })));
    await bookTransfers(trx, transfers, accountCache(), now);
    for (const promoterId of crowd) {
      const payee = { ...stated, name: promoterId };
      await insertPayee(trx, SEALING, { promoterId, version: 1, payee, by: { keyId, person: 'zhang' }, now });
    }
  });
}

const audited = async (batchId: string) => (await till.must('GET', `/v1/audit-log?subject_kind=payout_batch&subject_id=${batchId}`)).data;

const HEAD = '\ufeff"payout_id","name","account_no","bank_name","bank_code","amount","currency","remark"\r\n';

describe('the file of a batch', () => {
  test.each([
    ['CNY', 100_000, '1000.00'],
    ['JPY', 1234, '1234'],
    ['KWD', 1234, '1.234'],
  ])('says an amount in %s as its bank does, with count and sum, and is the same at every download', async (currency, amount, text) => {
    await till.earn(a, amount, { currency });
    await payee(a);
    const batch = await approved([a], { currency });
    const [payout] = await till.payouts(batch.batch_id);
    const expected =
      HEAD +
      `"${payout.payout_id}","王小明","6222020000000001","工商银行","102100099996","${text}","${currency}","Commission"\r\n` +
      `"TOTAL","1","${text}"\r\n`;
    const first = await download(batch.batch_id);
    expect(first.bytes.toString('utf8')).toBe(expected);
    const sha256 = createHash('sha256').update(expected).digest('hex');
    const day = dayOf(new Date(batch.approved_at), UTC8);
    const name = `payouts-${day}-${currency}-${batch.batch_id}-bank.csv`;
    const bytes = Buffer.byteLength(expected);
    expect(batch.files).toEqual([{ provider_id: 'bank', name, sha256, bytes, payouts: 1, net: amount }]);
    expect((await till.batch(batch.batch_id)).files).toEqual(batch.files);
    expect(first.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="${name}"`,
      'content-length': String(bytes),
      etag: `"${sha256}"`,
      'repr-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
    });
    expect((await download(batch.batch_id)).bytes.equals(first.bytes)).toBe(true);
  });

  test('stays as it was approved when its provider, its payee and the payout change', async () => {
    await provider('turning', {});
    await till.earn(a, 100_000);
    await payee(a, { provider_id: 'turning' });
    const batch = await approved([a]);
    const before = await download(batch.batch_id);
    await provider('turning', { columns: [{ header: 'n', value: 'line_no' }] });
    await payee(a, { provider_id: 'turning', name: '李四' });
    const [payout] = await till.payouts(batch.batch_id);
    await till.tell(payout.payout_id, { state: 'failed', reason: 'ACCOUNT_FROZEN' });
    expect((await download(batch.batch_id)).bytes.equals(before.bytes)).toBe(true);
  });

  test('pays the net, and has a number of its own for every payout', async () => {
    await provider('numbering', { columns: ['bill_no', 'amount', 'date'].map((value) => ({ header: value, value })), totals: 'header' });
    await payee(a, { provider_id: 'numbering', kind: 'individual' });
    const numbers: string[] = [];
    // Of 3000.00 a fifth of 2200.00 is withheld, 440.00; of 6000.00 in the month a fifth of
    // 4800.00, so 520.00 more.
    for (const [net, text] of [
      [256_000, '2560.00'],
      [248_000, '2480.00'],
    ] as const) {
      await till.earn(a, 300_000);
      const batch = await approved([a]);
      expect(batch).toMatchObject({ gross: 300_000, net, files: [{ payouts: 1, net }] });
      const [totals, head, row] = (await download(batch.batch_id)).bytes.toString('utf8').split('\r\n');
      expect([totals, head]).toEqual([`\ufeff"TOTAL","1","${text}"`, '"bill_no","amount","date"']);
      const [, number, amount, date] = /^"([0-9A-HJKMNP-TV-Z]{24})","([\d.]+)","([\d-]+)"$/.exec(row!)!;
      expect([amount, date]).toEqual([text, dayOf(new Date(batch.approved_at), UTC8)]);
      numbers.push(number!);
    }
    expect(new Set(numbers).size).toBe(2);
  });

  test('has no cell that a spreadsheet would calculate', async () => {
    await till.earn(a, 1);
    await payee(a, {
      name: '=HYPERLINK("http://evil.example.com","x")',
      account: { account_no: '00012345', bank_name: '@bank', bank_code: '+1' },
    });
    const batch = await approved([a]);
    const row = (await download(batch.batch_id)).bytes.toString('utf8').split('\r\n')[1]!;
    const cells = `"'=HYPERLINK(""http://evil.example.com"",""x"")","00012345","'@bank","'+1","0.01","CNY","Commission"`;
    expect(row.slice(row.indexOf(',') + 1)).toBe(cells);
  });

  test('names as many as there are, over many pages, in the order of their ids', async () => {
    await provider('long', { columns: ['payout_id', 'name'].map((value) => ({ header: value, value })), totals: 'none' });
    const crowd = Array.from({ length: 1001 }, (_, at) => `crowd-${at}`);
    await earnAll(crowd);
    const batch = await approved(crowd);
    expect(batch.files).toMatchObject([{ payouts: 1001, net: 1001 }]);
    const rows = (await download(batch.batch_id)).bytes.toString('utf8').trimEnd().split('\r\n').slice(1);
    const ids = rows.map((row) => /^"([0-9a-f-]{36})","(crowd-\d+)"$/.exec(row)!);
    expect(new Set(ids.map(([, , name]) => name)).size).toBe(1001);
    const order = ids.map(([, id]) => String(id));
    expect(order).toEqual(order.toSorted());
  });
});

describe('what cannot stand in a file', () => {
  test('is dropped for its own reason before anything is approved, and the others are paid', async () => {
    await provider('strict', { encoding: 'gb18030' });
    // GB 18030 has no bytes for it.
    await payee(a, { provider_id: 'strict', name: '王\ue5e5小明' });
    await payee(b, { provider_id: 'strict', name: '张三' });
    for (const name of [a, b]) await till.earn(name, 100_000);
    const batch = await till.draft({ promoter_ids: [a, b] });
    const refused = await till.approve(batch);
    expect([refused.status, refused.body.code]).toEqual([409, 'batch_changed']);
    const states = (await till.payouts(batch.batch_id)).map(({ promoter_id, state, reason }) => [promoter_id, { state, reason }]);
    expect(Object.fromEntries(states)).toEqual({
      [a]: { state: 'dropped', reason: 'name_not_writable' },
      [b]: { state: 'drafted', reason: null },
    });
    expect(await till.balance(a)).toMatchObject({ available: 100_000, paying: 0 });
    expect((await download(batch.batch_id)).status).toBe(404);
    expect((await till.approve(await till.batch(batch.batch_id))).body.files).toMatchObject([{ payouts: 1, net: 100_000 }]);
    const { bytes, headers } = await download(batch.batch_id);
    expect(headers['content-type']).toBe('text/csv; charset=gb18030');
    // 张三 in GB 18030, between its quotes.
    expect(bytes.includes(Buffer.from('22d5c5c8fd22', 'hex'))).toBe(true);
  });

  test('beyond the rows that a file may have, payouts are left for the next batch', async () => {
    await provider('short', { max_rows: 1 });
    for (const name of [a, b]) {
      await payee(name, { provider_id: 'short' });
      await till.earn(name, 500);
    }
    const batch = await till.draft({ promoter_ids: [a, b] });
    expect((await till.approve(batch)).body.code).toBe('batch_changed');
    const payouts = await till.payouts(batch.batch_id);
    expect(payouts.map(({ state, reason }) => [state, reason])).toEqual([
      ['drafted', null],
      ['dropped', 'file_full'],
    ]);
    expect((await till.approve(await till.batch(batch.batch_id))).status).toBe(200);
    expect((await approved([a, b])).files).toMatchObject([{ payouts: 1, net: 500 }]);
  });
});

describe('a download', () => {
  test('is of an approved batch, for finance alone, and a line of the audit log', async () => {
    await till.earn(a, 700);
    await payee(a);
    const draft = await till.draft({ promoter_ids: [a] });
    expect((await download(draft.batch_id)).status).toBe(404);
    await till.approve(draft);
    expect((await download(draft.batch_id, '?provider_id=manual')).status).toBe(404);
    const [auditor, risk] = await Promise.all([{ scope: 'auditor' }, { scope: 'admin', role: 'risk', person: 'wu' }].map(till.keyOf));
    for (const key of [auditor, risk]) expect((await download(draft.batch_id, '', key)).status).toBe(403);
    const before = await audited(draft.batch_id);
    expect((await download(draft.batch_id)).status).toBe(200);
    const [newest, ...others] = await audited(draft.batch_id);
    expect(others).toEqual(before);
    expect(newest).toMatchObject({ action: 'payout_file_downloaded', after: (await till.batch(draft.batch_id)).files[0] });
    expect(JSON.stringify(newest)).not.toContain('6222020000000001');
  });

  test('names the provider where the batch has several files', async () => {
    await provider('other', {});
    await payee(a);
    await payee(b, { provider_id: 'other' });
    await till.earn(a, 100);
    await till.earn(b, 200);
    const batch = await approved([a, b]);
    expect(batch.files).toMatchObject([
      { provider_id: 'bank', net: 100 },
      { provider_id: 'other', net: 200 },
    ]);
    expect((await till.ask('GET', `/v1/payout-batches/${batch.batch_id}/file`)).body).toMatchObject({
      status: 409,
      code: 'ambiguous_file',
    });
    const other = await download(batch.batch_id, '?provider_id=other');
    expect(other.bytes.toString('utf8')).toContain('"TOTAL","1","2.00"');
  });
});

test('a file is sealed in parts that open at their own place, and is the same under the next master key', async () => {
  const { db, owner } = till;
  await till.earn(a, 100);
  const { batch_id: batchId, files } = await approved([a]);
  expect(files).toEqual([]);
  const piece = Buffer.alloc(300_000, 'account 6222020000000001\n');
  async function* pieces() {
    for (let at = 0; at < 7; at++) yield piece;
  }
  const kept = { batchId, providerId: 'manual', name: 'x', mediaType: 'text/csv', payouts: 1, net: 100n };
  await inTransaction(db, ({ trx }) => keepBatchFile(trx, SEALING.keys, kept, pieces()));
  const [found] = await findBatchFiles(db, batchId);
  const whole = Buffer.concat(Array.from({ length: 7 }, () => piece));
  expect([found!.bytes, found!.sha256]).toEqual([2_100_000, createHash('sha256').update(whole).digest()]);
  const parts = await owner.selectFrom('payout_file_part').select('sealed').where('batch_id', '=', batchId).execute();
  expect(parts.length).toBeGreaterThan(1);
  for (const text of ['account', Buffer.from('account 6222').toString('base64')]) {
    expect(parts.some(({ sealed }) => sealed.includes(text))).toBe(false);
  }

  const both = masterKeys(['the next of these keys, which comes later', SECRET]);
  const [{ resealed, kept: keptSo } = { resealed: 0, kept: -1 }] = await reseal(db, both, [SEALED_BATCH_FILES]);
  expect([resealed >= parts.length, keptSo]).toEqual([true, 0]);
  const read: Buffer[] = [];
  for await (const part of readBatchFile(db, [both[0]!], found!)) read.push(part);
  expect(Buffer.concat(read).equals(whole)).toBe(true);
  await expect(async () => {
    for await (const part of readBatchFile(db, both, { ...found!, sha256: Buffer.alloc(32) })) read.push(part);
  }).rejects.toThrow('broken law');
  // Back under the key of the service.
  await reseal(db, both.toReversed(), [SEALED_BATCH_FILES]);
});

test('the day of a file is that of the zone of taxes', () => {
  const late = new Date('2026-06-30T16:00:00Z');
  expect([dayOf(late, UTC8), dayOf(late, 'UTC'), dayOf(new Date(late.getTime() - 1), UTC8)]).toEqual([
    '2026-07-01',
    '2026-06-30',
    '2026-06-30',
  ]);
});
