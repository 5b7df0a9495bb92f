// What is common to the files of all forms that a bank takes: the batch and its payments, amounts
// as decimals, and the pieces in which a file of any length is written.

import { assert } from '../../../core/errors.ts';
import { minorDigits } from '../../../core/money.ts';
import type { Payment } from '../provider.ts';

/** A batch as its file tells of it. */
export interface FileBatch {
  batchId: string;
  currency: string;
  /** Payments in the file, and the sum of their nets in minor units. */
  count: number;
  sum: bigint;
  /** When the batch was approved, so that the file says the same at every download. */
  madeAt: Date;
  /** The day on which the bank shall pay, YYYY-MM-DD. */
  payOn: string;
}

/** One payment of a file; `amount` is in minor units of the batch's currency. */
export type FilePayment = Pick<Payment, 'payoutId' | 'billNo' | 'amount' | 'payee'>;

/** What is known of a payment before it is approved and numbered. */
export type RefusablePayment = Pick<FilePayment, 'amount' | 'payee'>;

/** Why a payment cannot stand in a file; a payout is dropped for it before it is approved. */
const FILE_REFUSALS = [
  'account_not_valid',
  'amount_not_payable',
  'bank_not_valid',
  'bank_not_writable',
  'currency_not_payable',
  'name_not_writable',
] as const;
export type FileRefusal = (typeof FILE_REFUSALS)[number];

/** Minor units as a decimal with all digits of the currency: CNY 1000.00, JPY 1234, KWD 1.234. */
export function decimalText(amount: bigint, currency: string): string {
  assert(amount >= 0n, 'nobody is paid less than nothing');
  const digits = minorDigits(currency);
  if (digits === 0) return String(amount);
  const text = String(amount).padStart(digits + 1, '0');
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** The payments as they come. Throws at the end when they are not those that the batch says. */
export async function* countedPayments(payments: AsyncIterable<FilePayment>, batch: FileBatch): AsyncGenerator<FilePayment> {
  let count = 0;
  let sum = 0n;
  for await (const payment of payments) {
    count++;
    sum += payment.amount;
    assert(count <= batch.count, 'a file has no more payments than its batch');
    yield payment;
  }
  assert(count === batch.count && sum === batch.sum, 'a file has the payments and the sum of its batch');
}

const PIECE_CHARACTERS = 64 * 1024;

/** Joins texts to pieces that are worth sending, each encoded. */
export async function* encodedPieces(texts: AsyncIterable<string>, encode: (text: string) => Buffer): AsyncGenerator<Buffer> {
  let piece = '';
  for await (const text of texts) {
    piece += text;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield encode(piece);
    piece = '';
  }
  if (piece !== '') yield encode(piece);
}
