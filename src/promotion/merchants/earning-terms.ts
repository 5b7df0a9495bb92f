// The terms of a merchant that change what its promoters earn: by whom they may be changed, and
// how long before.
import { isDeepStrictEqual } from 'node:util';

import { DomainError } from '../../core/errors.ts';
import type { Policy } from '../../core/policy.ts';
import { midnightFrom } from '../../platform/calendar.ts';
import { refuseUnreviewed } from '../../platform/keys/persons.ts';

const HOUR_MS = 3_600_000;

/**
 * Which rule counts for a line: that of the attribution time, or the better one for the winner of
 * that and the one of its click.
 */
export const RATE_LOCKS = ['none', 'click'] as const;

/** The terms that change what is earned; the policy is complete. */
export interface EarningTerms {
  policy: Policy;
  hold_days: number;
  /** For how long before promoters know of what lets them earn less; null: not at all. */
  rate_notice_hours: number | null;
  rate_lock: (typeof RATE_LOCKS)[number];
}

const EARNING_TERMS = ['policy', 'hold_days', 'rate_notice_hours', 'rate_lock'] as const;

/** How a merchant's terms may be changed. */
export interface TermsChecks {
  /** Whether what changes earnings has to be drafted. */
  reviewRequired: boolean;
  /** Whether two persons have approved that promoters are not told before. */
  isEmergency: boolean;
}

/** A change of terms: of those that would hold at its time, and with the notice that holds now. */
interface TermsChange {
  before: EarningTerms;
  after: EarningTerms;
  current: Pick<EarningTerms, 'rate_notice_hours'> & { time_zone: string };
  at: Date;
  now: Date;
}

/**
 * Refuses a change of earning terms that needs a draft, with `review_required`, and with
 * `notice_too_short` one that takes from promoters the notice or the lock of their rates sooner
 * than the notice says: else whoever wants to lower a rate at once would end the notice first.
 */
export function refuseTerms(change: TermsChange, { reviewRequired, isEmergency }: TermsChecks): void {
  const { before, after, current, at, now } = change;
  if (EARNING_TERMS.some((key) => !isDeepStrictEqual(before[key], after[key]))) refuseUnreviewed({ reviewRequired });
  const isLess =
    (after.rate_notice_hours ?? 0) < (before.rate_notice_hours ?? 0) || (before.rate_lock === 'click' && after.rate_lock === 'none');
  if (isEmergency || !isLess || current.rate_notice_hours === null) return;
  const earliest = midnightFrom(new Date(now.getTime() + current.rate_notice_hours * HOUR_MS), current.time_zone);
  if (at >= earliest) return;
  const time = earliest.toISOString();
  const detail = `The promoters are told before their rates are less certain: this may count from ${time} on at the earliest.`;
  throw new DomainError('notice_too_short', detail, { errors: [{ path: 'effective_from', message: `must be ${time} or later` }] });
}
