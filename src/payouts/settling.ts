// The end of a payout, whoever tells it: a person, a file, a provider's answer or notice. One place
// moves the money, so that it moves once.

import { sql, type Transaction } from 'kysely';

import { DomainError } from '../core/errors.ts';
import { isOpen, mayFollow, type PayoutState } from '../core/payouts/payout.ts';
import { bookCaused, type AccountCache } from '../ledger/booking-store.ts';
import { announce } from '../outbound/announce.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { payoutEvent } from './payout-events.ts';
import { transfersOf, type MoneyStep, type Payout } from './payout.ts';
import { lockPayout, recordPayoutChanges } from './payout-store.ts';

/** What is told of a payout. */
export interface Told {
  state: PayoutState;
  reason?: string | null;
  reference?: string | null;
  /** When it happened at the provider; our own time where that is not known. */
  at?: Date | null;
  /** What the payee must do; what was known of it stays until the payout ends. */
  action?: { payload: Readonly<Record<string, string>>; expires_at: string | null } | null;
  /** When the worker is to look next; null for never. */
  dueAt?: Date | null;
  /** By which key; null for what the service did or a provider told. */
  keyId?: string | null;
}

export interface Settling {
  trx: Transaction<DB>;
  accounts: AccountCache;
  now: Date;
}

/**
 * Ends that are reached are counted under the lock that approvals take whole, so that an approval
 * knows exactly what was live at it.
 */
async function nextMoment(trx: Transaction<DB>): Promise<bigint> {
  const { rows } = await sql<{ moment: bigint }>`
    select pg_advisory_xact_lock_shared(${WITHHOLDING_LOCK}), nextval('payout_moment') as moment`.execute(trx);
  return rows[0]!.moment;
}

/** Taken whole by an approval, shared by every end of a payout. */
export const WITHHOLDING_LOCK = sql`hashtext('payouts: withholding')`;

/**
 * Brings a payout that this transaction has locked to what is told of it, with its money, its event
 * and a line of its history. Throws `payout_final` where that may not follow on what it is.
 */
export async function settle({ trx, accounts, now }: Settling, payout: Payout, told: Told): Promise<void> {
  const { state: to, reason = null, reference = null, keyId = null } = told;
  if (!mayFollow(payout.state, to)) throw new DomainError('payout_final', `This payout is ${payout.state}; it cannot become ${to}.`);
  const step = stepOf(payout.state, to);
  if (step !== null) await bookCaused(trx, transfersOf(payout, step), accounts, now);
  if (payout.approvedNo !== null) await countIncome(trx, payout, to);
  if (!isOpen(to)) await endBill(trx, payout.payoutId, { to, reference, now });
  const { numAffectedRows } = await sql`
    update payout set state = ${to}, reason = ${reason}, reference = coalesce(${reference}, reference), changed_at = ${now},
      action = case when ${isOpen(to)} then coalesce(${told.action == null ? null : JSON.stringify(told.action)}::jsonb, action) end,
      due_at = ${told.dueAt ?? null},
      paid_at = case when ${to} = 'paid' then ${told.at ?? now} else paid_at end,
      returned_at = case when ${to} = 'returned' then ${told.at ?? now} else returned_at end
    where payout_id = ${payout.payoutId} and state = ${payout.state}`.execute(trx);
  if (numAffectedRows !== 1n) throw new Error(`broken law: payout ${payout.payoutId} is ${payout.state} while it is locked`);
  await recordPayoutChanges(trx, [{ payoutId: payout.payoutId, from: payout.state, to, reason, keyId }], now);
  await announce(trx, () => [payoutEvent({ ...payout, state: to, reason, reference: reference ?? payout.reference }, now)], now);
}

/** A payout is income of its taxpayer while it is neither failed, cancelled nor returned. */
async function countIncome(trx: Transaction<DB>, { payoutId, state }: Payout, to: PayoutState): Promise<void> {
  if (to === 'failed' || to === 'cancelled' || to === 'returned') {
    const moment = await nextMoment(trx);
    await sql`update payout_income set until_no = ${moment} where payout_id = ${payoutId} and until_no is null`.execute(trx);
  }
  if (state === 'failed' && to === 'paid') {
    await sql`insert into payout_income (payout_id, from_no) values (${payoutId}, ${await nextMoment(trx)})`.execute(trx);
  }
}

/** With its payout its bill ends, whoever has told the end. */
async function endBill(
  trx: Transaction<DB>,
  payoutId: string,
  { to, reference, now }: { to: PayoutState; reference: string | null; now: Date },
): Promise<void> {
  const endState = to === 'returned' ? 'paid' : to;
  await sql`
    update payout_bill set end_state = ${endState}, ended_at = ${now}, reference = ${reference}
    where payout_id = ${payoutId} and end_state is null`.execute(trx);
}

/** What moves when a payout goes from one state to another; null where only its state changes. */
export function stepOf(from: PayoutState, to: PayoutState): MoneyStep | null {
  if (to === 'returned') return 'bring_back';
  if (to === 'paid') return from === 'failed' ? 'pay_after_all' : 'pay';
  return isOpen(to) ? null : 'unreserve';
}

/** The payout by its id, locked. Throws `not_found`. */
export async function payoutToSettle(trx: Transaction<DB>, payoutId: string): Promise<Payout> {
  const payout = await lockPayout(trx, payoutId);
  if (payout === null) throw new DomainError('not_found', 'There is no payout of this id.');
  return payout;
}
