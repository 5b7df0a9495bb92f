// A payout from draft to end: its states and what may follow which, who is skipped and why, and
// what a batch is by its payouts. Pure.

/**
 * - `drafted`: its money is set aside; `dropped`: it was given back at the approval.
 * - `approved`: to be sent; `sending`: its request is frozen, and the first call may have been
 *   made.
 * - `sent`, `action_required`, `unknown`: the provider, or the bank, has the word.
 * - `disputed`: what the provider says differs from what was frozen; people decide.
 */
export const PAYOUT_STATES = [
  'drafted',
  'dropped',
  'approved',
  'sending',
  'sent',
  'action_required',
  'unknown',
  'disputed',
  'paid',
  'failed',
  'cancelled',
  'returned',
] as const;

export type PayoutState = (typeof PAYOUT_STATES)[number];

/** States of a payout that is with the provider, from the first call on. */
const WITH_PROVIDER = ['sending', 'sent', 'action_required', 'unknown', 'disputed'] as const;

/** What may become of a payout; what is not here is refused, whoever asks. */
const FOLLOWING: Readonly<Record<PayoutState, readonly PayoutState[]>> = {
  drafted: ['dropped', 'approved', 'sent', 'cancelled'],
  dropped: [],
  approved: ['sending', 'cancelled'],
  sending: ['sent', 'action_required', 'unknown', 'disputed', 'paid', 'failed', 'cancelled'],
  sent: ['action_required', 'unknown', 'disputed', 'paid', 'failed', 'cancelled'],
  action_required: ['sent', 'unknown', 'disputed', 'paid', 'failed', 'cancelled'],
  unknown: ['sent', 'action_required', 'disputed', 'paid', 'failed', 'cancelled'],
  disputed: ['paid', 'failed'],
  paid: ['returned'],
  // Only a correction of two persons leads out of an end that was told wrongly.
  failed: ['paid'],
  cancelled: [],
  returned: [],
};

export function mayFollow(from: PayoutState, to: PayoutState): boolean {
  return FOLLOWING[from].includes(to);
}

/** Whether its money is set aside: neither given back nor paid. */
export function isOpen(state: PayoutState): boolean {
  return state === 'drafted' || state === 'approved' || WITH_PROVIDER.some((one) => one === state);
}

export const BATCH_STATES = ['draft', 'approved', 'paying', 'paid', 'partially_paid', 'failed', 'cancelled'] as const;

type BatchState = (typeof BATCH_STATES)[number];

/**
 * What a batch is, read off how many of its payouts are in each state. A return changes nothing: a
 * returned payout was paid.
 */
export function batchState(
  { isApproved, isCancelled }: { isApproved: boolean; isCancelled: boolean },
  counts: Readonly<Partial<Record<PayoutState, number>>>,
): BatchState {
  if (isCancelled) return 'cancelled';
  if (!isApproved) return 'draft';
  const of = (...states: readonly PayoutState[]): number => states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const [waiting, open, paid, failed] = [of('approved'), of(...WITH_PROVIDER), of('paid', 'returned'), of('failed')];
  if (waiting > 0 && open + paid + failed + of('cancelled') === 0) return 'approved';
  if (waiting + open > 0) return 'paying';
  if (paid + failed === 0) return 'cancelled';
  return failed === 0 ? 'paid' : paid === 0 ? 'failed' : 'partially_paid';
}

export const SKIP_REASONS = [
  'suspended',
  'frozen',
  'negative_balance',
  'below_minimum',
  'no_payee',
  'other_provider',
  'payee_changed_recently',
  'merchant_unpaid',
  'missing_payee_name',
  'below_provider_minimum',
  'above_provider_maximum',
] as const;

export type SkipReason = (typeof SKIP_REASONS)[number];

/** What is known of a promoter that could be paid. Amounts are minor units of one currency. */
interface PayoutCandidate {
  isSuspended: boolean;
  /** Whether any account of the promoter's in the currency is below zero. */
  hasDebt: boolean;
  /** What would be paid: the accounts above zero whose merchants are not waited for. */
  gross: bigint;
  /** What is left out because its merchants owe us. */
  unpaidByMerchants: bigint;
  payee: { providerId: string; isWaiting: boolean; hasName: boolean } | null;
}

/** What a draft asks for. */
interface PayoutTerms {
  minimum: bigint;
  providerId: string | null;
  despiteDebts: boolean;
}

/** What the provider of a payout allows of its net. */
interface NetTerms {
  minimum: bigint;
  maximum: bigint | null;
  nameFrom: bigint | null;
}

/**
 * Why a promoter is not paid, the first of the reasons in their order; null where nothing stands
 * against it but what its provider allows. Without a stated payee `manual` pays.
 */
export function reasonToSkip(candidate: PayoutCandidate, terms: PayoutTerms): SkipReason | null {
  if (candidate.isSuspended) return 'suspended';
  if (candidate.hasDebt && !terms.despiteDebts) return 'negative_balance';
  if (candidate.gross + candidate.unpaidByMerchants < terms.minimum) return 'below_minimum';
  const { payee } = candidate;
  if (payee === null && terms.providerId !== null && terms.providerId !== 'manual') return 'no_payee';
  if (payee !== null && terms.providerId !== null && payee.providerId !== terms.providerId) return 'other_provider';
  if (payee?.isWaiting === true) return 'payee_changed_recently';
  if (candidate.gross === 0n) return candidate.unpaidByMerchants > 0n ? 'merchant_unpaid' : 'below_minimum';
  return candidate.gross < terms.minimum ? 'below_minimum' : null;
}

/** Why the provider could not pay this net; null where it can. */
export function reasonOfNet(net: bigint, hasName: boolean, { minimum, maximum, nameFrom }: NetTerms): SkipReason | null {
  if (nameFrom !== null && net >= nameFrom && !hasName) return 'missing_payee_name';
  if (net < minimum || net === 0n) return 'below_provider_minimum';
  return maximum !== null && net > maximum ? 'above_provider_maximum' : null;
}
