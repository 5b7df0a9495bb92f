// Money out, asked for by somebody who means ill or by a spreadsheet: names that hide something,
// one person under many tax ids, cells that calculate, amounts and times that are none, and bodies
// that are too long.

import { TextDecoder } from 'node:util';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { openTill, type Till } from './till.ts';

const TEN_MB = 10 * 1024 * 1024;
const NOBODY = '01976b0c-7a00-7000-8000-000000000001';

let till: Till;
let names = 0;
let a: string;
let b: string;

beforeAll(async () => {
  till = await openTill({ env: { WITHHOLDING: 'cn_labor_service' } });
  await till.merchant('m1');
  for (const [name, encoding] of Object.entries({ bank: 'utf-8-bom', gb: 'gb18030' })) {
    await till.must('PUT', `/v1/payout-providers/${name}`, { kind: 'file', options: { template: { format: 'csv', encoding } } });
  }
});
afterAll(() => till.close());

beforeEach(async () => {
  names += 1;
  [a, b] = [`a${names}`, `b${names}`];
  for (const name of [a, b]) await till.promoter(name);
});

const payee = (promoterId: string, more: object = {}) =>
  till.ask('PUT', `/v1/promoters/${promoterId}/payee`, {
    kind: 'individual',
    name: '王小明',
    provider_id: 'bank',
    account: { account_no: '6222020000000001' },
    ...more,
  });

describe('a payee is refused', () => {
  test.each([
    ['whose name has a line in it', { name: '王\n小明' }],
    ['whose name has NUL in it', { name: '王\0小明' }],
    ['whose name is not seen', { name: '\u200b\u2060' }],
    ['whose name is signs only', { name: '=+-@' }],
    ['whose name hides a blank of no width', { name: '王\u200b小明' }],
    ['whose name is turned around', { name: '\u202e明小王' }],
    ['whose name turns what follows', { name: '王小明\u200f' }],
    ['whose name separates lines', { name: '王\u2028小明' }],
    ['whose name is half a character', { name: '王\ud83d' }],
    ['whose tax id is nothing but hyphens', { tax_id: '-- -- --' }],
    ['whose tax id hides something', { tax_id: '1101011990\u200b01011237' }],
    ['whose tax id is in Cyrillic letters', { tax_id: 'АВСЕ' }],
    ['whose account number is a formula', { account: { account_no: '=6222020000000001' } }],
    ['whose account number is a number', { account: { account_no: 6222020000000001 } }],
    ['whose account number is rounded', { account: { account_no: '6.22202E+18' } }],
    ['whose account number is wide', { account: { account_no: '６２２２０２００００００' } }],
    ['whose account number is too long', { account: { account_no: '6'.repeat(41) } }],
    ['whose bank turns what follows', { account: { account_no: '6222020000000001', bank_name: '工商\u202e银行' } }],
    ['whose account has a field of nobody', { account: { account_no: '6222020000000001', iban: 'DE00' } }],
    ['whose country is in small letters', { country: 'cn' }],
    ['whose kind is new', { kind: 'robot' }],
  ])('%s', async (_, wrong) => {
    expect(await payee(a, wrong)).toMatchObject({ status: 400, body: { code: 'malformed_request' } });
    expect((await till.ask('GET', `/v1/promoters/${a}/payee`)).status).toBe(404);
  });
});

/** The tax id of this test alone. */
const own = (id: string) => id.replace('123', String(300 + names)).replace('１２３', String(300 + names));

test.each([
  '11010119900101123x',
  ' 110101 19900101 123X ',
  '110101-19900101-123X',
  '１１０１０１１９９００１０１１２３Ｘ',
  '110101.19900101/123X',
])('the tax id %j is the one of 11010119900101123X, and its holder is taxed as one person', async (taxId) => {
  expect((await payee(a, { tax_id: own('11010119900101123X'), provider_id: 'manual', account: {} })).status).toBe(201);
  expect((await payee(b, { tax_id: own(taxId), provider_id: 'manual', account: {} })).status).toBe(201);
  for (const name of [a, b]) await till.earn(name, 300_000);
  const batch = await till.draft({ promoter_ids: [a, b] });
  expect((await till.approve(batch)).body).toMatchObject({ withheld: 96_000 });
});

async function fileOf(promoterId: string): Promise<Buffer> {
  await till.earn(promoterId, 1000);
  const batch = await till.draft({ promoter_ids: [promoterId] });
  expect((await till.approve(batch)).status).toBe(200);
  const url = `/v1/payout-batches/${batch.batch_id}/file`;
  const answer = await till.service.app.inject({ method: 'GET', url, headers: { authorization: `Bearer ${till.li}` } });
  expect(answer.statusCode).toBe(200);
  return answer.rawPayload;
}

const company = (name: string, bank: string, account_no: string, provider_id = 'bank') => ({
  kind: 'company',
  name,
  provider_id,
  account: { account_no, bank_name: bank },
});

test.each(["=cmd|' /C calc'!A0", '+1+1', '-2+3', '@SUM(A1)', '＝1+1', '＋1', '－1', '＠x', '\u3000=1'])(
  'a name that would calculate, %j, is text in the file of the bank',
  async (name) => {
    const shown = name.trim();
    expect((await payee(a, company(name, `${shown} bank`, '6222020000000001'))).status).toBe(201);
    const text = (await fileOf(a)).toString('utf8');
    expect(text).toContain(`,"'${shown}",`);
    expect(text).toContain(`,"'${shown} bank",`);
    expect(text).not.toMatch(/(^|,)"?[=+\-@＝＋－＠]/m);
  },
);

test('an account number of thirty digits, with leading noughts, is in the file digit by digit', async () => {
  const number = '001234567890123456789012345678';
  expect((await payee(a, company('王小明', '工商银行', number))).status).toBe(201);
  expect((await fileOf(a)).toString('utf8')).toContain(`"${number}"`);
});

test('a bank with an emoji and a rare character is written in GB 18030, and read again by another decoder', async () => {
  expect((await payee(a, company('王𠮷明', '招财🐱银行', '6222020000000001', 'gb'))).status).toBe(201);
  const text = new TextDecoder('gb18030', { fatal: true }).decode(await fileOf(a));
  expect(text).toContain('"王𠮷明"');
  expect(text).toContain('"招财🐱银行"');
});

describe('what is no amount, currency or time is refused', () => {
  const promoter = '/v1/promoters/nobody';
  test.each([
    ['POST', '/v1/payout-batches', { currency: 'cny' }],
    ['POST', '/v1/payout-batches', { currency: 'RMB' }],
    ['POST', '/v1/payout-batches', { currency: 'CNY', minimum: 2 ** 53 }],
    ['POST', '/v1/payout-batches', { currency: 'CNY', minimum: -1 }],
    ['POST', '/v1/payout-batches', { currency: 'CNY', minimum: 0.5 }],
    ['POST', '/v1/payout-batches', { currency: 'CNY', minimum: '1000' }],
    ['POST', '/v1/payout-requests', { currency: 'cny', promoter_id: 'nobody' }],
    ['PUT', '/v1/payout-schedules/x', { currency: 'CNY', day_of_month: 32, time_zone: 'UTC' }],
    ['PUT', '/v1/payout-schedules/x', { currency: 'CNY', day_of_month: 1, time_zone: 'Asia/Peking' }],
    ['POST', '/v1/merchants/m1/payments', { amount: 2 ** 53, currency: 'CNY', reference: 'x' }],
    ['POST', '/v1/merchants/m1/payments', { amount: 1, currency: 'CNY', reference: 'x', occurred_at: '2026-02-30T00:00:00Z' }],
    ['POST', '/v1/debts/write-offs', { promoter_id: 'a', merchant_id: 'm1', currency: 'CNY', amount: 2 ** 53, reason: 'x' }],
    ['GET', `${promoter}/statement?month=2026-13`, undefined],
    ['GET', `${promoter}/statement?month=2026-6`, undefined],
    ['GET', `${promoter}/statement?month=2026-06&format=pdf`, undefined],
    ['GET', `${promoter}/statement.csv?month=2026-00`, undefined],
    ['GET', '/v1/merchants/m1/invoices/2026-13', undefined],
    ['GET', '/v1/withholding/report?quarter=2026-Q5', undefined],
    ['GET', '/v1/withholding/report?quarter=2026-q1', undefined],
    ['GET', '/v1/debts?currency=cny', undefined],
    ['GET', '/v1/payout-batches/1', undefined],
  ] as const)('%s %s %j', async (method, url, body) => {
    expect((await till.ask(method, url, body)).status).toBe(400);
  });

  test('a minimum of 2⁵³ − 1 is one, that nobody has reached', async () => {
    await till.earn(a, 1000);
    expect(await till.draft({ promoter_ids: [a], minimum: Number.MAX_SAFE_INTEGER })).toMatchObject({
      payouts: 0,
      skipped: [{ reason: 'below_minimum', promoters: 1, amount: 1000 }],
    });
  });
});

describe('a body of ten megabytes', () => {
  const long = { reason: 'x'.repeat(TEN_MB) };
  test.each([
    '/v1/payout-batches',
    `/v1/payout-batches/${NOBODY}/approval`,
    `/v1/payouts/${NOBODY}/results`,
    `/v1/payouts/${NOBODY}/corrections`,
    `/v1/payouts/${NOBODY}/cancellation`,
    '/v1/payout-requests',
    `/v1/debts/write-offs/${NOBODY}/rejection`,
    '/payout-notices/manual',
  ])('is not read by POST %s', async (url) => {
    expect((await till.ask('POST', url, long)).status).toBe(413);
  });

  test('of a bank’s results is read row by row, and its bad rows are counted', async () => {
    await till.earn(a, 1000);
    const batch = await till.draft({ promoter_ids: [a] });
    await till.approve(batch);
    const [{ payout_id: id }] = await till.payouts(batch.batch_id);
    const row = `${NOBODY},${'y'.repeat(60_000)},,\n`;
    const count = Math.ceil(TEN_MB / row.length);
    const told = await results(batch.batch_id, Buffer.from(`payout_id,state,reference,reason\n${row.repeat(count)}${id},paid,R,\n`));
    expect(told).toMatchObject({ status: 200, body: { taken: 1, refused: count } });
  });
});

async function results(batchId: string, payload: Buffer) {
  const answer = await till.service.app.inject({
    method: 'POST',
    url: `/v1/payout-batches/${batchId}/results`,
    headers: { authorization: `Bearer ${till.zhang}`, 'content-type': 'text/csv' },
    payload,
  });
  return { status: answer.statusCode, body: answer.json() };
}

test('results in UTF-16 with its mark, as a spreadsheet may save them, are read as those in UTF-8 are', async () => {
  await till.earn(a, 1000);
  const batch = await till.draft({ promoter_ids: [a] });
  await till.approve(batch);
  const [{ payout_id: id }] = await till.payouts(batch.batch_id);
  const text = `\ufeffpayout_id,state\r\n${id},paid\r\n`;
  expect((await results(batch.batch_id, Buffer.from(text, 'utf16le'))).body).toMatchObject({ taken: 1, refused: 0 });
  expect((await results(batch.batch_id, Buffer.from(text))).body).toMatchObject({ taken: 0, known: 1, refused: 0 });
});

test('after all of this no law is broken, and the audit agrees', async () => {
  expect((await till.faults()).join('\n')).toBe('');
});
