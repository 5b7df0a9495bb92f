// What must be booked so that an order's books say what its lines now earn: always the difference,
// never the whole.

import { assert } from './errors.ts';
import { compareLineIds } from './split.ts';
import type { Role } from './party.ts';

/**
 * `commission` and `received` are the merchant's (what it owes and what it paid, both below zero),
 * `revenue` the platform's, all others a promoter's.
 */
export const ACCOUNT_KINDS = ['commission', 'received', 'pending', 'available', 'paying', 'withheld', 'paid', 'revenue'] as const;

export type AccountKind = (typeof ACCOUNT_KINDS)[number];

/**
 * What moves from one account to another: earned, taken back, released; drafted for a payout and
 * given back, withheld as tax, paid, brought back by a bank; a debt written off, a merchant's
 * payment received.
 */
export const TRANSFER_KINDS = [
  'accrue',
  'reverse',
  'release',
  'reserve',
  'unreserve',
  'withhold',
  'pay',
  'bring_back',
  'write_off',
  'receive',
] as const;

export type TransferKind = (typeof TRANSFER_KINDS)[number];

/** Why a transfer was made. Those of `order` and `re_rating` are of a revision of an order. */
export const TRANSFER_CAUSES = ['order', 'payout', 'return', 'write_off', 'bonus', 'merchant_payment', 're_rating'] as const;

export type TransferCause = (typeof TRANSFER_CAUSES)[number];

/** Whether an account of this kind is a promoter's. */
export function isPromoters(kind: AccountKind): boolean {
  return kind !== 'commission' && kind !== 'received' && kind !== 'revenue';
}

/** One share of one line: what is booked for it is compared with what it should be. */
interface Slot {
  lineId: string;
  role: Role;
  level: number | null;
  promoterId: string | null;
  /** Of a boost: out of which budget. What comes out of two never is one. */
  campaignId?: string;
}

/**
 * What the order's earlier transfers sum to on one slot. The platform's slots have no wait: their
 * sum on `revenue` stands in `available`.
 */
export interface Booked extends Slot {
  pending: bigint;
  available: bigint;
}

/**
 * What a slot should have in all. Several targets of one slot (several winners with one agency) add
 * up.
 */
export interface Target extends Slot {
  amount: bigint;
}

/**
 * One positive amount from one account to another. Accounts of kind `commission` and `revenue`
 * belong to the order's merchant and to us.
 */
export interface Posting extends Slot {
  kind: 'accrue' | 'reverse' | 'release';
  from: AccountKind;
  to: AccountKind;
  amount: bigint;
}

interface Balance {
  slot: Slot;
  pending: bigint;
  available: bigint;
  owed: bigint;
}

/**
 * The postings that bring `booked` to `target`, sorted by slot. More is accrued to pending; less is
 * reversed from pending as far as that goes and from available for the rest; and once its line is
 * released, whatever is pending then moves to available. A slot without a target goes to zero.
 * Applied to `booked` they give `target` exactly, so that asking again gives nothing.
 */
export function differences({
  booked,
  target,
  isReleased,
}: {
  booked: readonly Booked[];
  target: readonly Target[];
  isReleased: (lineId: string) => boolean;
}): Posting[] {
  const balances = balancesOf(booked);
  for (const wanted of target) {
    assert(wanted.amount >= 0n, 'nobody earns less than nothing');
    balanceAt(balances, wanted).owed += wanted.amount;
  }
  const postings: Posting[] = [];
  for (const balance of inSlotOrder(balances)) {
    if (balance.slot.role === 'platform') postRevenue(balance, postings);
    else postEarnings(balance, isReleased(balance.slot.lineId), postings);
  }
  return postings;
}

/** What `booked` becomes when the postings are made. Slots that end at zero stay. */
export function applyPostings(booked: readonly Booked[], postings: readonly Posting[]): Booked[] {
  const balances = balancesOf(booked);
  for (const posting of postings) {
    const balance = balanceAt(balances, posting);
    add(balance, posting.from, -posting.amount);
    add(balance, posting.to, posting.amount);
  }
  return inSlotOrder(balances).map(({ slot, pending, available }) => ({ ...slot, pending, available }));
}

function add(balance: Balance, account: AccountKind, amount: bigint): void {
  if (account === 'pending') balance.pending += amount;
  else if (account === 'available' || account === 'revenue') balance.available += amount;
}

function postRevenue({ slot, pending, available, owed }: Balance, postings: Posting[]): void {
  assert(slot.promoterId === null && pending === 0n, 'the platform has no promoter and nothing pending');
  if (owed > available) postings.push({ kind: 'accrue', ...slot, from: 'commission', to: 'revenue', amount: owed - available });
  if (owed < available) postings.push({ kind: 'reverse', ...slot, from: 'revenue', to: 'commission', amount: available - owed });
}

function postEarnings({ slot, pending, available, owed }: Balance, released: boolean, postings: Posting[]): void {
  assert(slot.promoterId !== null, 'a share that is not the platform’s has a promoter');
  const difference = owed - pending - available;
  let waiting = pending;
  if (difference > 0n) {
    postings.push({ kind: 'accrue', ...slot, from: 'commission', to: 'pending', amount: difference });
    waiting += difference;
  }
  if (difference < 0n) {
    const fromPending = -difference < pending ? -difference : pending;
    const fromAvailable = -difference - fromPending;
    assert(fromAvailable <= available, 'a slot is never reversed below zero');
    if (fromPending > 0n) postings.push({ kind: 'reverse', ...slot, from: 'pending', to: 'commission', amount: fromPending });
    if (fromAvailable > 0n) postings.push({ kind: 'reverse', ...slot, from: 'available', to: 'commission', amount: fromAvailable });
    waiting -= fromPending;
  }
  if (released && waiting > 0n) postings.push({ kind: 'release', ...slot, from: 'pending', to: 'available', amount: waiting });
}

function balancesOf(booked: readonly Booked[]): Map<string, Balance> {
  const balances = new Map<string, Balance>();
  for (const slot of booked) {
    assert(slot.pending >= 0n && slot.available >= 0n, 'a slot is never booked below zero');
    const balance = balanceAt(balances, slot);
    balance.pending += slot.pending;
    balance.available += slot.available;
  }
  return balances;
}

function balanceAt(balances: Map<string, Balance>, { lineId, role, level, promoterId, campaignId }: Slot): Balance {
  // Ids hold no control characters, so that a line feed keeps them apart.
  const key = `${lineId}\n${role}\n${level ?? ''}\n${promoterId ?? ''}\n${campaignId ?? ''}`;
  let balance = balances.get(key);
  if (balance === undefined) {
    const slot = { lineId, role, level, promoterId, ...(campaignId !== undefined && { campaignId }) };
    balance = { slot, pending: 0n, available: 0n, owed: 0n };
    balances.set(key, balance);
  }
  return balance;
}

function inSlotOrder(balances: Map<string, Balance>): Balance[] {
  return [...balances.values()].toSorted(
    ({ slot: a }, { slot: b }) =>
      compareLineIds(a.lineId, b.lineId) ||
      compareText(a.role, b.role) ||
      (a.level ?? 0) - (b.level ?? 0) ||
      compareText(a.promoterId ?? '', b.promoterId ?? '') ||
      compareText(a.campaignId ?? '', b.campaignId ?? ''),
  );
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
