// Writing a debt off: one person says so, a second one approves, and the platform's revenue bears
// it. Until then either of them can end it, and nothing is booked.

import type { Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import { bookCaused, type AccountCache } from '../../ledger/booking-store.ts';
import { announce } from '../../outbound/announce.ts';
import type { Event } from '../../outbound/event.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { merchantExists } from '../../promotion/merchants/merchant-store.ts';
import { promoterExists } from '../../promotion/promoters/promoter-store.ts';
import { requireSecondPerson } from '../../platform/keys/persons.ts';
import { debtOf } from './debt-store.ts';
import { insertWriteOff, lockWriteOff, saveApproval, saveRejection, type WriteOff } from './write-off-store.ts';

const subjectOf = (actor: Actor, now: Date, writeOffId: string) => ({ actor, now, subjectKind: 'write_off', subjectId: writeOffId });

/** What is to be written off, in minor units of the currency. */
type Wish = Pick<WriteOff, 'promoter_id' | 'merchant_id' | 'currency' | 'amount' | 'reason'>;

/**
 * Writes down that somebody wants it; nothing is booked. Whether there is such a debt is looked at
 * when it is approved, since it may have grown or shrunk by then. Throws `unknown_promoter` and
 * `unknown_merchant`.
 */
export async function proposeWriteOff(
  trx: Transaction<DB>,
  wish: Wish,
  { writeOffId, actor, now }: { writeOffId: string; actor: Actor; now: Date },
): Promise<WriteOff> {
  if (!(await promoterExists(trx, wish.promoter_id))) throw unknown('promoter');
  if (!(await merchantExists(trx, wish.merchant_id))) throw unknown('merchant');
  const made = { made_at: now, made_by: actor.keyId, made_person: actor.person };
  const unapproved = { approved_at: null, approved_by: null, approved_person: null, approved_alone: null };
  const unrejected = { rejected_at: null, rejected_by: null, rejected_person: null, rejection: null };
  const writeOff: WriteOff = { write_off_id: writeOffId, ...wish, ...made, ...unapproved, ...unrejected };
  await insertWriteOff(trx, writeOff);
  await recordChange(trx, { ...subjectOf(actor, now, writeOffId), action: 'write_off_made', before: null, after: writeOff });
  return writeOff;
}

function unknown(what: 'promoter' | 'merchant'): DomainError {
  return new DomainError(`unknown_${what}`, `There is no such ${what}.`, { errors: [{ path: `${what}_id`, message: 'is not known' }] });
}

/**
 * Books it from the merchant's `revenue` to the promoter's `available`, which a later earning then
 * finds at nothing. Throws `not_found`, `second_person_required`, and `conflict` for one that was
 * decided before or exceeds what is owed now.
 */
export async function approveWriteOff(
  trx: Transaction<DB>,
  writeOffId: string,
  { actor, accounts, now }: { actor: Actor; accounts: AccountCache; now: Date },
): Promise<WriteOff> {
  const before = await lockUndecided(trx, writeOffId);
  const { alone } = await requireSecondPerson(trx, { persons: [before.made_person], at: before.made_at }, actor, 'finance');
  const { promoter_id: promoterId, merchant_id: merchantId, currency, amount } = before;
  const debt = await debtOf(trx, { promoterId, merchantId, currency });
  if (amount > debt) {
    throw new DomainError(
      'conflict',
      `The promoter owes ${debt} ${currency} of this merchant by now, and ${amount} cannot be written off.`,
    );
  }
  const moves = { kind: 'write_off', from: 'revenue', to: 'available' } as const;
  await bookCaused(
    trx,
    [{ cause: 'write_off', causeId: writeOffId, position: 0, ...moves, merchantId, promoterId, currency, amount }],
    accounts,
    now,
  );
  const after = { ...before, approved_at: now, approved_by: actor.keyId, approved_person: actor.person, approved_alone: alone };
  await saveApproval(trx, after);
  await recordChange(trx, { ...subjectOf(actor, now, writeOffId), action: 'write_off_approved', before, after });
  await announce(trx, () => [writtenOff(after, now)], now);
  return after;
}

/**
 * Ends a write-off that waits: another person refuses it, or whoever wanted it withdraws it. That
 * takes one person, since nothing is booked. Throws `not_found`, and `conflict` for one that was
 * decided before.
 */
export async function rejectWriteOff(
  trx: Transaction<DB>,
  writeOffId: string,
  { reason, actor, now }: { reason: string; actor: Actor; now: Date },
): Promise<WriteOff> {
  const before = await lockUndecided(trx, writeOffId);
  const after = { ...before, rejected_at: now, rejected_by: actor.keyId, rejected_person: actor.person, rejection: reason };
  await saveRejection(trx, after);
  const action = actor.person === before.made_person ? 'write_off_withdrawn' : 'write_off_rejected';
  await recordChange(trx, { ...subjectOf(actor, now, writeOffId), action, before, after });
  return after;
}

async function lockUndecided(trx: Transaction<DB>, writeOffId: string): Promise<WriteOff> {
  const found = await lockWriteOff(trx, writeOffId);
  if (found === null) throw new DomainError('not_found', 'There is no write-off of this id.');
  if (found.approved_at !== null) throw new DomainError('conflict', 'This write-off was approved before.');
  if (found.rejected_at !== null) throw new DomainError('conflict', 'This write-off was refused or withdrawn before.');
  return found;
}

/** Write-offs are ours: endpoints of a merchant do not hear of them. */
function writtenOff({ write_off_id, promoter_id, merchant_id, currency, amount, reason }: WriteOff, at: Date): Event {
  const data = { write_off_id, promoter_id, merchant_id, currency, amount, reason };
  return { type: 'debt.written_off', key: write_off_id, merchantId: null, at, data };
}
