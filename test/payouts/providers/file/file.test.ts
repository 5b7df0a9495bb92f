import { expect, test } from 'vitest';

import { batchFile, file, fileRefusal, fileRowsMax, fileType, type FileOptions } from '../../../../src/payouts/providers/file/file.ts';
import { AN_IBAN, aPayment, batchOf, bytesOf, streamOf } from './payments.ts';

const options = (stated: object): FileOptions => file.options.parse(stated) as FileOptions;
const PAIN = { template: { format: 'pain.001.001.09', debtor_name: 'Fenyong', debtor_iban: AN_IBAN } };

test('without options the file is a CSV, which pays any currency and needs a name', () => {
  expect(file.terms(options({}))).toMatchObject({ currencies: null, minimum: 1n, maximum: null, nameFrom: 1n });
  expect(fileType(options({}))).toEqual({ contentType: 'text/csv; charset=utf-8', extension: 'csv' });
  expect(fileType(options({ template: { encoding: 'gb18030' } })).contentType).toBe('text/csv; charset=gb18030');
  expect(fileRowsMax(options({ template: { max_rows: 5000 } }))).toBe(5000);
});

test('a template without names asks for none', () => {
  const template = { columns: [{ header: 'account', value: 'account_no' }] };
  expect(file.terms(options({ template })).nameFrom).toBeNull();
});

test('pain.001 pays euro only, and no more than the SEPA moves at once', () => {
  expect(file.terms(options(PAIN))).toMatchObject({ currencies: ['EUR'], minimum: 1n, maximum: 99_999_999_999n, nameFrom: 1n });
  expect(fileType(options(PAIN))).toEqual({ contentType: 'application/xml', extension: 'xml' });
});

test('options that were parsed and kept are parsed again to the same', () => {
  for (const stated of [{}, PAIN]) expect(options(JSON.parse(JSON.stringify(options(stated))) as object)).toEqual(options(stated));
});

function readAccount(account: object): object | undefined {
  return file.account.safeParse(account).data;
}

test('an account number is text, and the same with the blanks that it is printed with', () => {
  expect(readAccount({ account_no: '6222 0212 3456 7890 123' })).toEqual({ account_no: '6222021234567890123' });
  expect(readAccount({ account_no: '0012', bank_name: ' 工商银行 ', bank_code: '102' })).toEqual({
    account_no: '0012',
    bank_name: '工商银行',
    bank_code: '102',
  });
  for (const wrong of [
    { account_no: 6222021234567890 },
    { account_no: '' },
    { account_no: '=1+1' },
    {},
    { account_no: '1234', iban: 'x' },
  ]) {
    expect(readAccount(wrong)).toBeUndefined();
  }
  expect(readAccount({ account_no: '1234', bank_name: 'a\nb' })).toBeUndefined();
});

test('each template writes its own form, and refuses by its own rules', async () => {
  const payment = aPayment({ name: '张三', account: { account_no: AN_IBAN } });
  expect(fileRefusal(payment, 'EUR', options({}))).toBeNull();
  expect(fileRefusal(payment, 'EUR', options(PAIN))).toBe('name_not_writable');
  const latin = aPayment({ name: 'A', account: { account_no: AN_IBAN } });
  const written = async (stated: object) =>
    (await bytesOf(batchFile(options(stated), batchOf([latin], 'EUR'), streamOf([latin])))).toString();
  expect(await written({})).toMatch(/^\ufeff"payout_id",/);
  expect(await written(PAIN)).toMatch(/^<\?xml /);
});
