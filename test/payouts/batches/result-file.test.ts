// The result file of a bank: every row is taken as a result told by itself, a bad one hurts no
// other, and what was sent twice happened once.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { accountCache } from '../../../src/ledger/booking-store.ts';
import { takeResultFile } from '../../../src/payouts/batches/result-file.ts';
import { encodeText } from '../../../src/payouts/providers/file/text-encoding.ts';
import type { ResultRow } from '../../../src/payouts/providers/file/results.ts';
import { openTill, type Till } from '../till.ts';

let till: Till;
/** Names of their own for each test. */
let names = 0;
let promoters: string[];

beforeAll(async () => {
  till = await openTill();
  await till.merchant('m1');
});

afterAll(() => till.close());

beforeEach(async () => {
  names += 1;
  promoters = ['a', 'b', 'c'].map((name) => `${name}${names}`);
  for (const name of promoters) await till.promoter(name);
});

/** An approved batch that pays each of them so much, and the ids of its payouts in their order. */
async function sent(amounts: Readonly<Record<string, number>>): Promise<{ batchId: string; ids: string[] }> {
  for (const [name, amount] of Object.entries(amounts)) await till.earn(name, amount);
  const batch = await till.draft({ promoter_ids: Object.keys(amounts) });
  expect((await till.approve(batch)).status).toBe(200);
  const payouts = await till.payouts(batch.batch_id);
  const ids = Object.keys(amounts).map((name) => payouts.find(({ promoter_id: own }) => own === name).payout_id);
  return { batchId: batch.batch_id, ids };
}

async function upload(batchId: string, file: string | Buffer, { query = '', key = till.zhang, headers = {} } = {}) {
  const answer = await till.service.app.inject({
    method: 'POST',
    url: `/v1/payout-batches/${batchId}/results${query}`,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'text/csv', ...headers },
    payload: file,
  });
  return { status: answer.statusCode, body: answer.json() };
}

const audited = async (batchId: string) =>
  (await till.must('GET', `/v1/audit-log?subject_kind=payout_batch&subject_id=${batchId}`)).data.filter(
    ({ action }: { action: string }) => action === 'payout_results_told',
  );

test('each row ends its payout, and the same file again changes nothing', async () => {
  const [a, b, c] = promoters as [string, string, string];
  const { batchId, ids } = await sent({ [a]: 5000, [b]: 7000, [c]: 9000 });
  const file = `payout_id,state,reference,reason\n${ids[0]},paid,R1,\n${ids[1]},failed,,ACCOUNT_FROZEN\n${ids[2]},returned,R3,closed\n`;
  const nothing = { taken: 0, known: 0, waits: 0, refused: 0, bad: [], more_bad: 0 };
  expect(await upload(batchId, file)).toEqual({ status: 200, body: { ...nothing, taken: 3 } });
  const ended = { state: 'partially_paid', paid: 5000, returned: 9000 };
  expect(await till.batch(batchId)).toMatchObject(ended);
  expect(await till.balance(a)).toMatchObject({ available: 0, paying: 0, paid: 5000 });
  expect(await till.balance(b)).toMatchObject({ available: 7000, paying: 0, paid: 0 });
  expect(await till.balance(c)).toMatchObject({ available: 9000, paying: 0, paid: 0 });
  expect((await till.payouts(batchId)).map(({ reference }) => String(reference)).toSorted()).toEqual(['R1', 'R3', 'null']);

  expect(await upload(batchId, file)).toEqual({ status: 200, body: { ...nothing, known: 3 } });
  expect(await till.batch(batchId)).toMatchObject(ended);
  expect(await till.sums()).toEqual([0]);
  const counts = { taken: 0, known: 0, waits: 0, refused: 0, is_whole: true };
  expect((await audited(batchId)).map(({ after }: { after: object }) => after)).toEqual([
    { ...counts, known: 3 },
    { ...counts, taken: 3 },
  ]);
});

test('a bad row is told by its line, and stops no other', async () => {
  const [a, b, c] = promoters as [string, string, string];
  const { batchId, ids } = await sent({ [a]: 5000, [b]: 7000 });
  const other = await sent({ [c]: 9000 });
  const file = [
    'payout_id,state,reference,reason',
    `${other.ids[0]},paid,R,`,
    'A-1,paid,R,',
    `${ids[1]},paid,R2,`,
    `${ids[0]},perhaps,R,`,
    `${ids[0]},paid,R1,`,
    `${ids[0]},failed,,no`,
    '01976b0c-7a00-7000-8000-000000000001,paid,,',
  ].join('\r\n');
  const { body } = await upload(batchId, file);
  expect(body).toMatchObject({ taken: 2, known: 0, waits: 0, refused: 5, more_bad: 0 });
  expect(body.bad).toEqual([
    { line: 2, message: 'This batch has no payout of this id.' },
    { line: 3, message: 'payout_id is no id of a payout.' },
    { line: 5, message: 'state is none of paid, failed, returned.' },
    { line: 7, message: 'This payout is paid; it cannot become failed by what is told here.' },
    { line: 8, message: 'This batch has no payout of this id.' },
  ]);
  expect(await till.batch(batchId)).toMatchObject({ state: 'paid', paid: 12_000 });
  expect(await till.batch(other.batchId)).toMatchObject({ state: 'paying', paid: 0 });
});

test('what is written in GB 18030 is read where that is said, and refused where it is not', async () => {
  const [a] = promoters as [string, string, string];
  const { batchId, ids } = await sent({ [a]: 5000 });
  const file = encodeText(`payout_id,state,reference,reason\r\n${ids[0]},failed,,账户冻结\r\n`, 'gb18030');
  expect((await upload(batchId, file)).body).toMatchObject({ taken: 0, refused: 1, bad: [{ line: 2 }] });
  expect((await upload(batchId, file, { query: '?encoding=gb18030' })).body).toMatchObject({ taken: 1, refused: 0 });
  expect((await till.payouts(batchId))[0]).toMatchObject({ state: 'failed', reason: '账户冻结' });
});

test('the first two hundred bad rows are told, and how many more there are', async () => {
  const [a] = promoters as [string, string, string];
  const { batchId, ids } = await sent({ [a]: 5000 });
  // The good one stands behind more rows than are taken at once.
  const file = `payout_id,state\n${'none,paid\n'.repeat(350)}${ids[0]},paid\n`;
  const { body } = await upload(batchId, file);
  expect(body).toMatchObject({ taken: 1, refused: 350, more_bad: 150 });
  expect(body.bad.map(({ line }: { line: number }) => line)).toEqual(Array.from({ length: 200 }, (_, at) => at + 2));
});

const paidRow = (line: number, payoutId: string): ResultRow => ({ line, payoutId, state: 'paid', reference: null, reason: null });

test('of a file that is cut off what had come stays taken, is in the audit log, and the whole file is the rest', async () => {
  const [a, b] = promoters as [string, string, string];
  const { batchId, ids } = await sent({ [a]: 5000, [b]: 7000 });
  const { key_id: keyId } = await till.owner.selectFrom('api_key').select('key_id').limit(1).executeTakeFirstOrThrow();
  const bad = Array.from({ length: 299 }, (_, at): ResultRow => ({ line: at + 3, error: 'no' }));
  async function* cut() {
    yield paidRow(2, ids[0]!);
    yield* bad;
    yield paidRow(302, ids[1]!);
    throw new Error('the line is dead');
  }
  const actor = { keyId, person: 'zhang', scope: 'admin' as const, role: null, merchantId: null, promoterId: null };
  await expect(takeResultFile(till.db, { batchId, actor, accounts: accountCache() }, cut())).rejects.toThrow('the line is dead');
  expect(await till.batch(batchId)).toMatchObject({ state: 'paying', paid: 5000 });
  expect(await audited(batchId)).toMatchObject([{ after: { taken: 1, refused: 299, is_whole: false } }]);
  const file = `payout_id,state\n${ids[0]},paid\n${ids[1]},paid\n`;
  expect((await upload(batchId, file)).body).toMatchObject({ taken: 1, known: 1, refused: 0 });
  expect(await till.batch(batchId)).toMatchObject({ state: 'paid', paid: 12_000 });
});

test('two files at once with the same rows in another order have one effect', async () => {
  const [a, b, c] = promoters as [string, string, string];
  const { batchId, ids } = await sent({ [a]: 5000, [b]: 7000, [c]: 9000 });
  const rows = ids.map((id) => `${id},paid\n`);
  const files = [rows, rows.toReversed()].map((some) => `payout_id,state\n${some.join('')}`);
  const answers = await Promise.all(files.map((file) => upload(batchId, file)));
  expect(answers.reduce((sum, { body }) => sum + body.taken, 0)).toBe(3);
  expect(answers.reduce((sum, { body }) => sum + body.known, 0)).toBe(3);
  expect(await till.batch(batchId)).toMatchObject({ state: 'paid', paid: 21_000 });
  expect(await till.sums()).toEqual([0]);
});

test('a retry under its Idempotency-Key is answered as the first was, and another file under it is refused', async () => {
  const [a] = promoters as [string, string, string];
  const { batchId, ids } = await sent({ [a]: 5000 });
  const headers = { 'idempotency-key': `results-${names}` };
  const file = `payout_id,state\n${ids[0]},paid\n`;
  const first = await upload(batchId, file, { headers });
  expect(first.body).toMatchObject({ taken: 1 });
  expect(await upload(batchId, file, { headers })).toEqual(first);
  expect((await upload(batchId, `${file}\n`, { headers })).body.code).toBe('idempotency_key_reused');
});

test('a file without its columns, of no batch, of another type, or from no finance is refused as a whole', async () => {
  const [a] = promoters as [string, string, string];
  const { batchId, ids } = await sent({ [a]: 5000 });
  const file = `payout_id,state\n${ids[0]},paid\n`;
  const operator = await till.keyOf({ scope: 'admin', role: 'operator', person: 'sun' });
  const refused = [
    await upload(batchId, 'id,outcome\n1,paid\n'),
    await upload('01976b0c-7a00-7000-8000-000000000001', file),
    await upload(batchId, file, { headers: { 'content-type': 'application/json' } }),
    await upload(batchId, file, { key: operator }),
  ];
  expect(refused.map(({ status, body }) => [status, body.code])).toEqual([
    [400, 'malformed_request'],
    [404, 'not_found'],
    [415, 'unsupported_media_type'],
    [403, 'role_forbidden'],
  ]);
  expect((await till.payouts(batchId))[0].state).toBe('sent');
  expect(await audited(batchId)).toEqual([]);
});
