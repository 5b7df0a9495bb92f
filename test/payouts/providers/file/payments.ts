// Payments for the files of a bank: one with what a test states, and any number of them as they
// would come out of the database.

import * as fc from 'fast-check';

import type { FileBatch, FilePayment } from '../../../../src/payouts/providers/file/batch-file.ts';

export const BATCH_ID = '0199d0a1-0000-7000-8000-00000000ba7c';
export const AN_IBAN = 'DE89370400440532013000';

/** The id of the payment of this number. */
export function payoutIdOf(number: number): string {
  return `0199d0a1-0000-7000-8000-${String(number).padStart(12, '0')}`;
}

interface Stated {
  number?: number;
  name?: string;
  account?: Record<string, string>;
  amount?: bigint;
}

export function aPayment({
  number = 1,
  name = '张三',
  account = { account_no: '6222021234567890123' },
  amount = 100_000n,
}: Stated = {}): FilePayment {
  return {
    payoutId: payoutIdOf(number),
    billNo: `B${number}`,
    amount,
    payee: { promoterId: `p${number}`, name, account },
  };
}

/** The batch of exactly these payments. */
export function batchOf(payments: readonly FilePayment[], currency = 'CNY'): FileBatch {
  return {
    batchId: BATCH_ID,
    currency,
    count: payments.length,
    sum: payments.reduce((sum, { amount }) => sum + amount, 0n),
    madeAt: new Date('2026-06-03T02:03:04.567Z'),
    payOn: '2026-06-05',
  };
}

export async function* streamOf<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}

export async function bytesOf(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await listOf(pieces));
}

export async function listOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Texts of any characters of Unicode, halves of surrogate pairs and controls among them. */
export function textsOf(most: number): fc.Arbitrary<string> {
  const codes = fc.oneof(
    fc.integer({ min: 0, max: 0x2ff }),
    fc.integer({ min: 0x4e00, max: 0x9fff }),
    fc.integer({ min: 0, max: 0x10ffff }),
  );
  return fc.array(codes, { maxLength: most }).map((list) => String.fromCodePoint(...list));
}
