import { readFileSync } from 'node:fs';

import * as fc from 'fast-check';
import { XMLParser } from 'fast-xml-parser';
import { XmlDocument, XsdValidator } from 'libxml2-wasm';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { FilePayment } from '../../../../src/payouts/providers/file/batch-file.ts';
import { painFile, painRefusal, painTemplate } from '../../../../src/payouts/providers/file/pain.ts';
import { AN_IBAN, aPayment, BATCH_ID, batchOf, bytesOf, payoutIdOf, streamOf } from './payments.ts';

const DEBTOR = { format: 'pain.001.001.09', debtor_name: 'Käse & Co', debtor_iban: 'GB29 NWBK 6016 1331 9268 19' };
const AN_ACCOUNT = { account_no: AN_IBAN };

/** The schema is parsed once for all tests here. */
let schema: XmlDocument;
let validator: XsdValidator;
beforeAll(() => {
  schema = XmlDocument.fromString(readFileSync(new URL('credit-transfers.xsd', import.meta.url), 'utf8'));
  validator = XsdValidator.fromDoc(schema);
});
afterAll(() => {
  validator.dispose();
  schema.dispose();
});

function validate(bytes: Buffer): void {
  const document = XmlDocument.fromBuffer(bytes);
  try {
    validator.validate(document);
  } finally {
    document.dispose();
  }
}

async function written(payments: readonly FilePayment[], stated: object = {}): Promise<Buffer> {
  return bytesOf(painFile(painTemplate.parse({ ...DEBTOR, ...stated }), batchOf(payments, 'EUR'), streamOf(payments)));
}

interface Transfer {
  PmtId: { EndToEndId: string };
  Amt: { InstdAmt: string };
  Cdtr: { Nm: string };
}

function read(bytes: Buffer) {
  const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'CdtTrfTxInf' });
  const { GrpHdr: head, PmtInf: payments } = (
    parser.parse(bytes) as {
      Document: {
        CstmrCdtTrfInitn: { GrpHdr: Record<string, string>; PmtInf: Record<string, string> & { CdtTrfTxInf: Transfer[] } };
      };
    }
  ).Document.CstmrCdtTrfInitn;
  return { head, payments, transfers: payments.CdtTrfTxInf };
}

test('three payments are a file of the schema, with their sum in cents', async () => {
  const payments = [10n, 20n, 110n].map((amount, index) =>
    aPayment({ number: index + 1, name: 'José Nuñez', account: AN_ACCOUNT, amount }),
  );
  const bytes = await written(payments);
  validate(bytes);
  const { head, payments: info, transfers } = read(bytes);
  expect(head).toMatchObject({ MsgId: BATCH_ID.replaceAll('-', ''), CreDtTm: '2026-06-03T02:03:04Z', NbOfTxs: '3', CtrlSum: '1.40' });
  expect(info).toMatchObject({ NbOfTxs: '3', CtrlSum: '1.40', BtchBookg: 'true', ReqdExctnDt: { Dt: '2026-06-05' } });
  expect(info).toMatchObject({ Dbtr: { Nm: 'Kase + Co' }, DbtrAgt: { FinInstnId: { Othr: { Id: 'NOTPROVIDED' } } } });
  expect(transfers.map(({ Amt }) => Amt.InstdAmt)).toEqual(['0.10', '0.20', '1.10']);
  expect(transfers[0]).toMatchObject({
    PmtId: { EndToEndId: payoutIdOf(1).replaceAll('-', '') },
    Cdtr: { Nm: 'Jose Nunez' },
    CdtrAcct: { Id: { IBAN: AN_IBAN } },
    RmtInf: { Ustrd: 'Commission' },
  });
  expect(await written(payments)).toEqual(bytes);
});

test('the banks are named where they are known', async () => {
  const account = { account_no: 'de89 3704 0044 0532 0130 00', bank_code: 'COBADEFFXXX' };
  const bytes = await written([aPayment({ name: 'A', account })], { debtor_bic: 'NWBKGB2L', batch_booking: false });
  validate(bytes);
  expect(read(bytes).payments).toMatchObject({ DbtrAgt: { FinInstnId: { BICFI: 'NWBKGB2L' } }, BtchBookg: 'false' });
  expect(read(bytes).transfers[0]).toMatchObject({
    CdtrAgt: { FinInstnId: { BICFI: 'COBADEFFXXX' } },
    CdtrAcct: { Id: { IBAN: AN_IBAN } },
  });
});

test('whatever a name of Latin letters and an amount are, the file is one of the schema and adds up', async () => {
  const letters = fc.constantFrom(...Array.from('abcXYZ0189 äÉßŁø&\'"/?:().,+-–_;'));
  const drawn = fc.record({
    name: fc.string({ unit: letters, minLength: 1, maxLength: 75 }),
    amount: fc.bigInt({ min: 1n, max: 99_999_999_999n }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(drawn, { minLength: 1, maxLength: 5 }), async (rows) => {
      const payments = rows
        .map(({ name, amount }, number) => aPayment({ number, name, amount, account: AN_ACCOUNT }))
        .filter((payment) => painRefusal(payment, 'EUR') === null);
      fc.pre(payments.length > 0);
      const bytes = await written(payments);
      validate(bytes);
      const cents = read(bytes).transfers.map(({ Amt }) => BigInt(Amt.InstdAmt.replace('.', '')));
      expect(cents).toEqual(payments.map(({ amount }) => amount));
      expect(BigInt(read(bytes).head['CtrlSum']!.replace('.', ''))).toBe(cents.reduce((sum, amount) => sum + amount, 0n));
    }),
    { numRuns: 60 },
  );
});

test('the schema refuses what a bank would', async () => {
  const text = (await written([aPayment({ name: 'A', account: AN_ACCOUNT })])).toString();
  validate(Buffer.from(text));
  for (const [right, wrong] of [
    ['<NbOfTxs>1</NbOfTxs>', ''],
    ['1000.00</InstdAmt>', '1000.001</InstdAmt>'],
    ['<Nm>A</Nm>', `<Nm>${'A'.repeat(71)}</Nm>`],
    ['<Nm>A</Nm>', '<Nm>Ä</Nm>'],
    ['<Dt>2026-06-05</Dt>', '2026-06-05'],
    ['Ccy="EUR"', 'Ccy="USD"'],
  ] as const) {
    expect(text).toContain(right);
    expect(() => validate(Buffer.from(text.replace(right, wrong)))).toThrow();
  }
});

test('a payment that cannot be written has a reason, and is not written at all', async () => {
  const refused = (stated: Parameters<typeof aPayment>[0], currency = 'EUR') =>
    painRefusal(aPayment({ name: 'A', account: AN_ACCOUNT, ...stated }), currency);
  expect(refused({})).toBeNull();
  expect(refused({}, 'USD')).toBe('currency_not_payable');
  expect(refused({ amount: 0n })).toBe('amount_not_payable');
  expect(refused({ amount: 99_999_999_999n })).toBeNull();
  expect(refused({ amount: 100_000_000_000n })).toBe('amount_not_payable');
  expect(refused({ account: { account_no: '6222021234567890123' } })).toBe('account_not_valid');
  expect(refused({ account: {} })).toBe('account_not_valid');
  expect(refused({ account: { ...AN_ACCOUNT, bank_code: '102' } })).toBe('bank_not_valid');
  expect(refused({ name: '张三' })).toBe('name_not_writable');
  expect(refused({ name: 'A'.repeat(70) })).toBeNull();
  expect(refused({ name: 'A'.repeat(71) })).toBe('name_not_writable');
  expect(refused({ name: ' ' })).toBe('name_not_writable');
  await expect(written([aPayment({ name: '张三', account: AN_ACCOUNT })])).rejects.toThrow('a payment is checked before it is written');
  await expect(written([])).rejects.toThrow('a file has a payment');
});

function isRefusedDebtor(stated: object): boolean {
  return !painTemplate.safeParse({ ...DEBTOR, ...stated }).success;
}

test('a debtor that no bank would know is refused', () => {
  expect(isRefusedDebtor({})).toBe(false);
  expect(isRefusedDebtor({ debtor_iban: 'GB29NWBK60161331926818' })).toBe(true);
  expect(isRefusedDebtor({ debtor_bic: 'X' })).toBe(true);
  expect(isRefusedDebtor({ debtor_name: '分佣' })).toBe(true);
  expect(isRefusedDebtor({ remittance: 'x'.repeat(141) })).toBe(true);
});

test('many payments are written as they are read', async () => {
  const count = 20_000;
  let taken = 0;
  async function* payments(): AsyncGenerator<FilePayment> {
    for (; taken < count; taken++) yield aPayment({ number: taken, name: 'A', account: AN_ACCOUNT, amount: 3n });
  }
  const batch = { ...batchOf([], 'EUR'), count, sum: 60_000n };
  let takenBefore = 0;
  for await (const piece of painFile(painTemplate.parse(DEBTOR), batch, payments())) {
    expect(piece.length).toBeLessThan(128 * 1024);
    expect(taken - takenBefore).toBeLessThan(500);
    takenBefore = taken;
  }
  expect(taken).toBe(count);
});
