// A payout as the database tells it, and what it books: the transfers of each step of its life.

import { assert } from '../core/errors.ts';
import { allocate } from '../core/money.ts';
import type { PayoutState } from '../core/payouts/payout.ts';
import type { AccountKind, TransferKind } from '../core/posting.ts';
import type { CausedTransfer } from '../ledger/booking-store.ts';

/** One merchant's part of a payout, in minor units. */
export interface PayoutItem {
  merchantId: string;
  amount: bigint;
}

/** What must be known of a payout to move its money. */
export interface Payout {
  payoutId: string;
  batchId: string;
  promoterId: string;
  currency: string;
  providerId: string;
  payeeVersion: number | null;
  gross: bigint;
  /** Null until the approval. */
  withheld: bigint | null;
  state: PayoutState;
  reason: string | null;
  reference: string | null;
  approvedNo: bigint | null;
  /** Whether it is known what the payee must do. */
  hasAction: boolean;
  items: readonly PayoutItem[];
}

/** What is sent: the gross without what is withheld. */
export function netOf({ gross, withheld }: Pick<Payout, 'gross' | 'withheld'>): bigint {
  return gross - (withheld ?? 0n);
}

/**
 * A step of a payout's life that moves money. Each can be taken once, so that each has a place of
 * its own in the books.
 */
export type MoneyStep = 'reserve' | 'unreserve' | 'pay' | 'pay_after_all' | 'bring_back';

/** Where the transfers of a step begin, in units of the number of items. */
const PLACES = { reserve: 0, unreserve: 1, withhold: 2, pay: 3, withholdAfterAll: 4, payAfterAll: 5 } as const;

/**
 * The transfers of a step. The tax is divided over the items by largest remainder, so that each
 * merchant's accounts carry their part of it. `pay_after_all` pays what was told to have failed
 * from what is available by then, below zero if it went out again meanwhile.
 */
export function transfersOf(payout: Payout, step: MoneyStep): CausedTransfer[] {
  const { items } = payout;
  const whole = items.map(({ amount }) => amount);
  if (step === 'reserve') return moves(payout, PLACES.reserve, 'reserve', ['available', 'paying'], whole);
  if (step === 'unreserve') return moves(payout, PLACES.unreserve, 'unreserve', ['paying', 'available'], whole);
  assert(payout.withheld !== null, 'what is paid was approved');
  const tax = payout.withheld === 0n ? items.map(() => 0n) : allocate(payout.withheld, whole);
  const net = whole.map((amount, place) => amount - tax[place]!);
  if (step === 'bring_back') {
    const paid = moves(payout, 0, 'bring_back', ['paid', 'available'], net);
    const withheld = moves(payout, 1, 'bring_back', ['withheld', 'available'], tax);
    return [...paid, ...withheld].map((transfer) => ({ ...transfer, cause: 'return' }));
  }
  const from = step === 'pay' ? 'paying' : 'available';
  const [withholdAt, payAt] = step === 'pay' ? [PLACES.withhold, PLACES.pay] : [PLACES.withholdAfterAll, PLACES.payAfterAll];
  return [...moves(payout, withholdAt, 'withhold', [from, 'withheld'], tax), ...moves(payout, payAt, 'pay', [from, 'paid'], net)];
}

function moves(
  { payoutId, promoterId, currency, items }: Payout,
  place: number,
  kind: TransferKind,
  [from, to]: readonly [AccountKind, AccountKind],
  amounts: readonly bigint[],
): CausedTransfer[] {
  return items.flatMap(({ merchantId }, index) => {
    const amount = amounts[index]!;
    if (amount === 0n) return [];
    const position = place * items.length + index;
    return [{ cause: 'payout' as const, causeId: payoutId, position, kind, merchantId, promoterId, currency, from, to, amount }];
  });
}
