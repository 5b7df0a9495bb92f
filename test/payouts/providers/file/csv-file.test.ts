import { createHash } from 'node:crypto';

import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { csvFile, csvRefusal, csvTemplate } from '../../../../src/payouts/providers/file/csv-file.ts';
import type { FilePayment } from '../../../../src/payouts/providers/file/batch-file.ts';
import { encodable, TEXT_ENCODINGS } from '../../../../src/payouts/providers/file/text-encoding.ts';
import { aPayment, BATCH_ID, batchOf, bytesOf, payoutIdOf, streamOf, textsOf } from './payments.ts';

async function written(payments: readonly FilePayment[], stated: object = {}, currency = 'CNY'): Promise<Buffer> {
  return bytesOf(csvFile(csvTemplate.parse(stated), batchOf(payments, currency), streamOf(payments)));
}

/** Rows as another reader finds them. */
function read(bytes: Buffer, encoding = 'utf-8', delimiter = ','): string[][] {
  const text = new TextDecoder(encoding, { ignoreBOM: false }).decode(bytes);
  return parse(text, { delimiter, record_delimiter: '\r\n', relax_column_count: true });
}

/** The cell without the guard that makes it text. */
function unguarded(cell: string | undefined, text: string): string | undefined {
  return cell === `'${text}` ? text : cell;
}

function minorUnits(text: string | undefined): bigint {
  return BigInt(text!.replace('.', ''));
}

function isRefusedTemplate(stated: object): boolean {
  return !csvTemplate.safeParse(stated).success;
}

test('without a template the file says everything, with a mark, and its last row says count and sum', async () => {
  const payments = [5000n, 7000n, 9000n].map((amount, index) => aPayment({ number: index + 1, amount }));
  const bytes = await written(payments);
  expect(bytes.subarray(0, 3).toString('hex')).toBe('efbbbf');
  const rows = read(bytes);
  expect(rows[0]).toEqual(['payout_id', 'name', 'account_no', 'bank_name', 'bank_code', 'amount', 'currency', 'remark']);
  expect(rows[1]).toEqual([payoutIdOf(1), '张三', '6222021234567890123', '', '', '50.00', 'CNY', 'Commission']);
  expect(rows.slice(4)).toEqual([['TOTAL', '3', '210.00']]);
});

test.each([
  ['JPY', 1234n, '1234'],
  ['KWD', 1234n, '1.234'],
  ['CNY', 100_000n, '1000.00'],
])('an amount in %s of %s is %s as a decimal, and itself as minor units', async (currency, amount, decimal) => {
  const columns = [{ header: 'amount', value: 'amount' }];
  const rowsOf = async (form: string) => read(await written([aPayment({ amount })], { columns, amount: form }, currency));
  expect(await rowsOf('decimal')).toEqual([['amount'], [decimal], ['TOTAL', '1', decimal]]);
  expect(await rowsOf('minor')).toEqual([['amount'], [String(amount)], ['TOTAL', '1', String(amount)]]);
});

test('a bank has its own columns, encoding, separator and dates', async () => {
  const payment = aPayment({ name: '李𠮷', account: { account_no: '00123', bank_name: '工商银行', bank_code: '102' }, amount: 7n });
  const bytes = await written([payment], {
    encoding: 'gb18030',
    separator: '|',
    date_format: 'YYYYMMDD',
    column_names: false,
    totals: 'header',
    totals_columns: [
      { constant: '某某公司' },
      { value: 'date' },
      { value: 'count' },
      { value: 'sum' },
      { value: 'batch_id' },
      { value: 'currency' },
    ],
    remark: '佣金',
    columns: [
      { header: '序号', value: 'line_no' },
      { header: '账号', value: 'account_no' },
      { header: '户名', value: 'name' },
      { header: '开户行', value: 'bank_name' },
      { header: '行号', value: 'bank_code' },
      { header: '金额', value: 'amount' },
      { header: '备注', value: 'remark' },
      { header: '日期', value: 'date' },
      { header: '单号', value: 'bill_no' },
      { header: '批次', value: 'batch_id' },
      { header: '类型', constant: '代发' },
    ],
  });
  expect(read(bytes, 'gb18030', '|')).toEqual([
    ['某某公司', '20260605', '1', '0.07', BATCH_ID, 'CNY'],
    ['1', '00123', '李𠮷', '工商银行', '102', '0.07', '佣金', '20260605', 'B1', BATCH_ID, '代发'],
  ]);
});

test.each(['=1+1', '+8613800138000', '-2+3', '-5', '@SUM(1)', ' =1'])('the name %j is text to a spreadsheet', async (name) => {
  const columns = [{ header: 'name', value: 'name' }];
  expect(read(await written([aPayment({ name })], { columns }))[1]).toEqual([`'${name}`]);
});

test('account numbers are quoted text with all their digits', async () => {
  const account = { account_no: '0001234567890123456' };
  expect((await written([aPayment({ account })])).toString()).toContain('"0001234567890123456"');
});

test('whatever names and accounts are, another reader finds the same cells, and the trailer adds up', async () => {
  const texts = textsOf(8);
  const drawn = fc.record({ name: texts, bank: texts, amount: fc.bigInt({ min: 1n, max: 10n ** 14n }) });
  const forms = fc.record({
    encoding: fc.constantFrom(...TEXT_ENCODINGS),
    separator: fc.constantFrom(',', ';', '\t', '|'),
    amount: fc.constantFrom('decimal', 'minor'),
  });
  const columns = ['payout_id', 'name', 'bank_name', 'amount'].map((value) => ({ header: value, value }));
  await fc.assert(
    fc.asyncProperty(fc.array(drawn, { maxLength: 6 }), forms, async (rows, form) => {
      const payments = rows
        .map(({ name, bank, amount }, number) => aPayment({ number, name, amount, account: { account_no: '1234', bank_name: bank } }))
        .filter(({ payee }) => encodable(payee.name + payee.account['bank_name']!, form.encoding));
      const bytes = await written(payments, { ...form, columns });
      const found = read(bytes, form.encoding === 'gb18030' ? 'gb18030' : 'utf-8', form.separator);
      for (const [index, { payoutId, payee }] of payments.entries()) {
        const [id, name, bank] = found[index + 1]!;
        expect(id).toBe(payoutId);
        expect(unguarded(name, payee.name)).toBe(payee.name);
        expect(unguarded(bank, payee.account['bank_name']!)).toBe(payee.account['bank_name']);
      }
      const amounts = found.slice(1, -1).map((cells) => minorUnits(cells[3]));
      expect(found.at(-1)!.slice(0, 2)).toEqual(['TOTAL', String(payments.length)]);
      expect(minorUnits(found.at(-1)![2])).toBe(amounts.reduce((sum, amount) => sum + amount, 0n));
      for (const cell of found.flat()) expect(/^\s*[=+\-@]/.test(cell)).toBe(false);
    }),
    { numRuns: 200 },
  );
});

test('a payment that cannot be written has a reason, and is not written at all', async () => {
  const template = csvTemplate.parse({ encoding: 'gb18030' });
  const refused = (stated: Parameters<typeof aPayment>[0]) => csvRefusal(aPayment(stated), template);
  expect(refused({})).toBeNull();
  expect(refused({ name: '张\ue78d' })).toBe('name_not_writable');
  expect(refused({ name: '张\n三' })).toBe('name_not_writable');
  expect(refused({ account: {} })).toBe('account_not_valid');
  expect(refused({ account: { account_no: '12\t34' } })).toBe('account_not_valid');
  expect(refused({ account: { account_no: '1234', bank_name: '\ud842' } })).toBe('bank_not_writable');
  expect(refused({ amount: 0n })).toBe('amount_not_payable');
  await expect(written([aPayment({ name: '张\ud842' })])).rejects.toThrow('a payment is checked before it is written');
});

test('what a template does not write is not asked for', () => {
  const template = csvTemplate.parse({ columns: [{ header: 'a', value: 'account_no' }] });
  expect(csvRefusal(aPayment({ name: '\ud842' }), template)).toBeNull();
});

test('a template with more columns, or other signs, than a file can have is refused', () => {
  expect(isRefusedTemplate({ columns: [] })).toBe(true);
  expect(isRefusedTemplate({ columns: Array.from({ length: 51 }, () => ({ header: 'a', value: 'amount' })) })).toBe(true);
  expect(isRefusedTemplate({ columns: [{ header: 'a', value: 'iban' }] })).toBe(true);
  expect(isRefusedTemplate({ columns: [{ header: 'a\nb', value: 'amount' }] })).toBe(true);
  expect(isRefusedTemplate({ remark: '\ud842' })).toBe(true);
  expect(isRefusedTemplate({ separator: 'x' })).toBe(true);
  expect(isRefusedTemplate({ encoding: 'latin1' })).toBe(true);
  expect(isRefusedTemplate({ max_rows: 0 })).toBe(true);
});

test('more rows than a file may have, or others than the batch says, are a fault', async () => {
  const payments = [aPayment({ number: 1 }), aPayment({ number: 2 })];
  await expect(written(payments, { max_rows: 1 })).rejects.toThrow('a file has no more rows than its template allows');
  const batch = { ...batchOf(payments), sum: 1n };
  const rest = bytesOf(csvFile(csvTemplate.parse({}), batch, streamOf(payments)));
  await expect(rest).rejects.toThrow('a file has the payments and the sum of its batch');
});

test('the same batch is the same bytes at every download', async () => {
  const payments = Array.from({ length: 3000 }, (_, number) => aPayment({ number, name: `张${number}` }));
  const digestOf = async () =>
    createHash('sha256')
      .update(await written(payments))
      .digest('hex');
  expect(await digestOf()).toBe(await digestOf());
});

test('a hundred thousand rows are written as they are read', async () => {
  const count = 100_000;
  const batch = { ...batchOf([]), count, sum: BigInt(count) * 12_345n };
  let taken = 0;
  async function* payments(): AsyncGenerator<FilePayment> {
    for (; taken < count; taken++) yield aPayment({ number: taken, amount: 12_345n });
  }
  let takenBefore = 0;
  for await (const piece of csvFile(csvTemplate.parse({ encoding: 'gb18030' }), batch, payments())) {
    // Never more than a piece is held, nor taken ahead.
    expect(piece.length).toBeLessThan(256 * 1024);
    expect(taken - takenBefore).toBeLessThan(2000);
    takenBefore = taken;
  }
  expect(taken).toBe(count);
});
