// What merchants have paid us, in the database: each once, by the reference that its sender gave.

import { sql, type Kysely, type Transaction } from 'kysely';

import { bookCaused, type AccountCache } from '../../ledger/booking-store.ts';
import type { DB } from '../../platform/postgres/tables.ts';

export interface MerchantPayment {
  payment_id: string;
  merchant_id: string;
  reference: string;
  currency: string;
  amount: bigint;
  occurred_at: Date | null;
  made_at: Date;
}

const COLUMNS = sql`payment_id, merchant_id, reference, currency, amount, occurred_at, made_at`;

/** The payment of this reference; null when there is none. */
export async function findPayment(db: Kysely<DB>, merchantId: string, reference: string): Promise<MerchantPayment | null> {
  const { rows } = await sql<MerchantPayment>`
    select ${COLUMNS} from merchant_payment where merchant_id = ${merchantId} and reference = ${reference}`.execute(db);
  return rows[0] ?? null;
}

/**
 * Writes the payment down and books it from `received` to `commission`. False where there is one of
 * this reference: then nothing is done. Waits for another transaction that writes the same.
 */
export async function insertPayment(
  trx: Transaction<DB>,
  payment: MerchantPayment,
  { keyId, accounts, now }: { keyId: string; accounts: AccountCache; now: Date },
): Promise<boolean> {
  const { payment_id: causeId, merchant_id: merchantId, currency, amount } = payment;
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('merchant_payment')
    .values({ ...payment, made_by: keyId })
    .onConflict((conflict) => conflict.columns(['merchant_id', 'reference']).doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows === 0n) return false;
  const moves = { kind: 'receive', from: 'received', to: 'commission' } as const;
  await bookCaused(
    trx,
    [{ cause: 'merchant_payment', causeId, position: 0, ...moves, merchantId, promoterId: null, currency, amount }],
    accounts,
    now,
  );
  return true;
}

/** Payments of a merchant, the newest first, one more than asked for. */
export async function listPayments(
  db: Kysely<DB>,
  { merchantId, before, limit }: { merchantId: string; before: string | null; limit: number },
): Promise<MerchantPayment[]> {
  const { rows } = await sql<MerchantPayment>`
    select ${COLUMNS} from merchant_payment
    where merchant_id = ${merchantId} and (${before}::uuid is null or payment_id < ${before})
    order by payment_id desc limit ${limit + 1}`.execute(db);
  return rows;
}
