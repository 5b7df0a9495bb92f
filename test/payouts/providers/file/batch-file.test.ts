import { expect, test } from 'vitest';

import { countedPayments, decimalText, encodedPieces } from '../../../../src/payouts/providers/file/batch-file.ts';
import { aPayment, batchOf, bytesOf, listOf, streamOf } from './payments.ts';

test.each([
  [1234n, 'JPY', '1234'],
  [1234n, 'KWD', '1.234'],
  [100_000n, 'CNY', '1000.00'],
  [7n, 'CNY', '0.07'],
  [7n, 'KWD', '0.007'],
  [0n, 'JPY', '0'],
  [9_007_199_254_740_993n, 'EUR', '90071992547409.93'],
])('%s minor units of %s are %s', (amount, currency, text) => {
  expect(decimalText(amount, currency)).toBe(text);
});

test('an amount below zero is written in no file', () => {
  expect(() => decimalText(-1n, 'CNY')).toThrow('nobody is paid less than nothing');
});

test('a file of other payments than its batch has is not finished', async () => {
  const payments = [aPayment({ number: 1 }), aPayment({ number: 2, amount: 5n })];
  const batch = batchOf(payments);
  const counted = async (changed: Partial<typeof batch>) => listOf(countedPayments(streamOf(payments), { ...batch, ...changed }));
  expect(await counted({})).toEqual(payments);
  await expect(counted({ count: 1 })).rejects.toThrow('a file has no more payments than its batch');
  await expect(counted({ count: 3 })).rejects.toThrow('a file has the payments and the sum of its batch');
  await expect(counted({ sum: batch.sum + 1n })).rejects.toThrow('a file has the payments and the sum of its batch');
});

test('pieces are joined until they are worth sending, and none is lost', async () => {
  const texts = Array.from({ length: 5000 }, (_, index) => `row ${index} of the file\n`);
  const pieces = await listOf(encodedPieces(streamOf(texts), (text) => Buffer.from(text)));
  expect(pieces.length).toBe(2);
  expect((await bytesOf(streamOf(pieces))).toString()).toBe(texts.join(''));
  expect(await listOf(encodedPieces(streamOf([]), (text) => Buffer.from(text)))).toEqual([]);
});
