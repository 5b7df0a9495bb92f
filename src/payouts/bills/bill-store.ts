// Bills in the database, and which payouts the worker is to look at.

import { createHash } from 'node:crypto';

import { sql, type Kysely, type Transaction } from 'kysely';

import type { PayoutState } from '../../core/payouts/payout.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { Bill } from '../providers/provider.ts';

/** A bill as it is kept. */
export interface KeptBill extends Bill {
  payoutId: string;
  providerId: string;
  madeAt: Date;
  /** When its bytes were sent last; null before the first call. */
  sentAt: Date | null;
  /** Why the provider has refused it, provably. */
  refusal: string | null;
  endState: 'paid' | 'failed' | 'cancelled' | null;
}

interface BillRow {
  provider_id: string;
  bill_no: string;
  payout_id: string;
  amount: bigint;
  currency: string;
  body: Buffer;
  headers: Record<string, string>;
  made_at: Date;
  sent_at: Date | null;
  refusal: string | null;
  end_state: KeptBill['endState'];
}

const COLUMNS = sql`provider_id, bill_no, payout_id, amount, currency, body, headers, made_at, sent_at, refusal, end_state`;

function toBill(row: BillRow): KeptBill {
  return {
    providerId: row.provider_id,
    billNo: row.bill_no,
    payoutId: row.payout_id,
    amount: row.amount,
    currency: row.currency,
    request: { body: row.body, headers: row.headers },
    madeAt: row.made_at,
    sentAt: row.sent_at,
    refusal: row.refusal,
    endState: row.end_state,
  };
}

/** A payout that is due, as the worker takes it. */
export interface DuePayout {
  payoutId: string;
  state: PayoutState;
  isCancelAsked: boolean;
  attempts: number;
}

/**
 * Takes payouts of a provider that are due, and puts them off by the lease: if this process ends,
 * another one looks at them after it. None of a provider that is stopped.
 */
export async function takeDuePayouts(
  db: Kysely<DB>,
  { providerId, limit, leaseMs }: { providerId: string; limit: number; leaseMs: number },
): Promise<DuePayout[]> {
  const { rows } = await sql<{ payout_id: string; state: PayoutState; cancel_asked_at: Date | null; attempts: number }>`
    update payout set due_at = now() + ${leaseMs} * interval '1 millisecond', attempts = attempts + 1
    where payout_id = any(array(
        select payout_id from payout join payout_provider using (provider_id)
        where provider_id = ${providerId} and stopped_at is null and due_at <= now()
        order by due_at limit ${limit} for update of payout skip locked))
    returning payout_id, state, cancel_asked_at, attempts`.execute(db);
  return rows.map(({ payout_id: payoutId, state, cancel_asked_at: asked, attempts }) => {
    return { payoutId, state, isCancelAsked: asked !== null, attempts };
  });
}

/** How many bills a promoter had at a provider in a currency. */
export async function countBills(
  trx: Transaction<DB>,
  { providerId, promoterId, currency }: { providerId: string; promoterId: string; currency: string },
): Promise<number> {
  const { rows } = await sql<{ last: number | null }>`
    select max(sequence) as last from payout_bill
    where provider_id = ${providerId} and promoter_id = ${promoterId} and currency = ${currency}`.execute(trx);
  return rows[0]!.last ?? 0;
}

interface NewBill extends Bill {
  payoutId: string;
  providerId: string;
  promoterId: string;
  sequence: number;
}

export async function insertBill(trx: Transaction<DB>, bill: NewBill, now: Date): Promise<void> {
  await trx
    .insertInto('payout_bill')
    .values({
      provider_id: bill.providerId,
      bill_no: bill.billNo,
      payout_id: bill.payoutId,
      promoter_id: bill.promoterId,
      currency: bill.currency,
      sequence: bill.sequence,
      amount: bill.amount,
      body: bill.request.body,
      body_hash: createHash('sha256').update(bill.request.body).digest(),
      headers: JSON.stringify(bill.request.headers),
      made_at: now,
    })
    .execute();
}

/** The bill of a payout that is open, or has paid it; null where there is none. */
export async function findBillOf(db: Kysely<DB>, payoutId: string): Promise<KeptBill | null> {
  const { rows } = await sql<BillRow>`
    select ${COLUMNS} from payout_bill where payout_id = ${payoutId} order by made_at desc limit 1`.execute(db);
  return rows[0] === undefined ? null : toBill(rows[0]);
}

/** The bill of this number at the provider; null where we never made one. */
export async function findBill(db: Kysely<DB>, providerId: string, billNo: string): Promise<KeptBill | null> {
  const { rows } = await sql<BillRow>`select ${COLUMNS} from payout_bill where provider_id = ${providerId} and bill_no = ${billNo}`.execute(
    db,
  );
  return rows[0] === undefined ? null : toBill(rows[0]);
}

/** Notes that the bytes are about to be sent: from then on the provider may know the bill. */
export async function noteSending(db: Kysely<DB>, { providerId, billNo }: KeptBill): Promise<void> {
  await sql`update payout_bill set sent_at = now() where provider_id = ${providerId} and bill_no = ${billNo}`.execute(db);
}

/** Notes that the provider has refused the bytes; null takes it back, since it knows the bill. */
export async function noteRefusal(trx: Transaction<DB>, { providerId, billNo }: KeptBill, refusal: string | null): Promise<void> {
  await sql`update payout_bill set refusal = ${refusal} where provider_id = ${providerId} and bill_no = ${billNo}`.execute(trx);
}

/** When the worker is to look at a payout next; null for never by itself. */
export async function putOff(db: Kysely<DB>, payoutId: string, dueAt: Date | null): Promise<void> {
  await sql`update payout set due_at = ${dueAt} where payout_id = ${payoutId}`.execute(db);
}

/** Keeps what the payee must do, of a payout that is known to wait for it. */
export async function keepAction(
  db: Kysely<DB>,
  payoutId: string,
  action: { payload: Readonly<Record<string, string>>; expires_at: string | null },
  dueAt: Date | null,
): Promise<void> {
  await sql`update payout set action = ${JSON.stringify(action)}::jsonb, due_at = ${dueAt} where payout_id = ${payoutId}`.execute(db);
}
