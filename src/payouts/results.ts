// How a payout ended, as people and files tell it: `manual` and `file` by one person, all that is
// disputed or unknown by two, and an end that was told wrongly by two as well.

import { DomainError } from '../core/errors.ts';
import type { Actor } from '../platform/keys/actor.ts';
import { uuidv7 } from '../platform/uuid.ts';
import type { Payout } from './payout.ts';
import { findPayout } from './payout-store.ts';
import { requireSecondPerson } from '../platform/keys/persons.ts';
import { kindOf } from './providers/kinds.ts';
import type { ProviderRow } from './providers/provider-store.ts';
import { closeRuling, findOpenRuling, insertRuling, type Ruling } from './ruling-store.ts';
import { settle, type Settling } from './settling.ts';

/** What is told of a payout's end. */
interface Result {
  state: 'paid' | 'failed' | 'returned';
  reference: string | null;
  reason: string | null;
  /** When it happened; the time of the telling where it is not known. */
  occurredAt: Date | null;
}

export interface Telling extends Settling {
  actor: Actor;
  /** Whether our own calls tell how payouts of its provider end. */
  isSentByUs: boolean;
  /** Whether the provider can no longer be asked for it. */
  isBeyondQuery: boolean;
}

const DAY_MS = 86_400_000;

/** What must be known beside the payout, whose provider this is, to take what is told of it. */
export async function tellingOf(
  given: Settling & { actor: Actor },
  payout: Payout,
  { kind: name, options }: ProviderRow,
): Promise<Telling> {
  const kind = kindOf(name);
  const { queryDays } = kind.terms(options);
  const approvedAt = queryDays === null ? null : (await findPayout(given.trx, payout.payoutId))!.approved_at;
  const isBeyondQuery = queryDays !== null && approvedAt !== null && given.now.getTime() - approvedAt.getTime() > queryDays * DAY_MS;
  return { ...given, isSentByUs: kind.channel !== null, isBeyondQuery };
}

/** What became of what was told: done, already known, or waiting for a second person. */
export type Outcome = 'settled' | 'known' | 'waits';

/**
 * Takes a result. The same twice is one effect. Throws `payout_final` for a contradiction, and
 * where the provider itself has the word.
 */
export async function takeResult(telling: Telling, payout: Payout, result: Result): Promise<Outcome> {
  const { state, reference, reason } = result;
  if (payout.state === state && (reference === null || payout.reference === null || payout.reference === reference)) return 'known';
  // A bank may return what it has paid; until then it is the later word of the same payment.
  if (payout.state === 'disputed' || (payout.state === 'unknown' && telling.isBeyondQuery)) {
    if (state === 'returned') throw final(payout, state);
    await insertRuling(telling.trx, rulingOf(telling, payout, { ...result, kind: 'result', state }));
    return 'waits';
  }
  const isTheirs = payout.state === 'sent' || payout.state === 'paid';
  if (telling.isSentByUs ? !(payout.state === 'paid' && state === 'returned') : !isTheirs) throw final(payout, state);
  if (payout.state === 'paid' && state !== 'returned') throw final(payout, state);
  const told = { reference, at: result.occurredAt, keyId: telling.actor.keyId };
  let standing = payout;
  if (state === 'returned' && payout.state === 'sent') {
    // What came back had arrived: the books tell both.
    await settle(telling, payout, { ...told, state: 'paid' });
    standing = { ...payout, state: 'paid' };
  }
  await settle(telling, standing, { ...told, state, reason });
  return 'settled';
}

function final({ state }: Payout, told: string): DomainError {
  return new DomainError('payout_final', `This payout is ${state}; it cannot become ${told} by what is told here.`);
}

function rulingOf(
  { now, actor }: Telling,
  { payoutId }: Payout,
  told: Pick<Ruling, 'kind' | 'state' | 'reference' | 'reason' | 'occurredAt'>,
): Ruling {
  const { kind, state, reference, reason, occurredAt } = told;
  return {
    rulingId: uuidv7(now.getTime()),
    payoutId,
    kind,
    state,
    reference,
    reason,
    occurredAt,
    madeAt: now,
    madeBy: actor.keyId,
    madePerson: actor.person,
  };
}

/**
 * A second person agrees to the result, or the correction, that waits. Throws `not_found` where
 * none does and `second_person_required`.
 */
export async function agreeToRuling(telling: Telling, payout: Payout, kind: Ruling['kind']): Promise<{ alone: boolean }> {
  const { trx, actor, now } = telling;
  const ruling = await findOpenRuling(trx, payout.payoutId, kind);
  if (ruling === null) throw new DomainError('not_found', 'Nothing waits for a second person here.');
  const { alone } = await requireSecondPerson(trx, { persons: [ruling.madePerson], at: ruling.madeAt }, actor, 'finance');
  await closeRuling(trx, ruling.rulingId, actor.keyId, now);
  const told = { reason: ruling.reason, reference: ruling.reference, at: ruling.occurredAt, keyId: actor.keyId };
  // What was told to be paid and was not is brought back as a return is.
  const state = kind === 'correction' && ruling.state === 'failed' ? 'returned' : ruling.state;
  await settle(telling, payout, { ...told, state });
  return { alone };
}

/**
 * Says that the end of a payout was told wrongly; it waits for a second person. Throws
 * `payout_final` for a payout that has not ended, or has ended so.
 */
export async function proposeCorrection(
  telling: Telling,
  payout: Payout,
  { state, reason }: { state: 'paid' | 'failed'; reason: string },
): Promise<void> {
  const isCorrectable = (payout.state === 'failed' && state === 'paid') || (payout.state === 'paid' && state === 'failed');
  if (!isCorrectable) throw final(payout, state);
  await insertRuling(telling.trx, rulingOf(telling, payout, { kind: 'correction', state, reference: null, reason, occurredAt: null }));
}
