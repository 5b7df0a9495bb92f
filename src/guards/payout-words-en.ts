// What the guards of money out say in English.

import type { GuardWords } from './words-en.ts';

const STOP =
  'Approve and pay nothing until it is explained. Compare the list of the provider with ours, run `node src/start.mjs audit`, and report it.';
const LOOK = 'Look at the payouts of the sample: each tells how it came to what it is, and what happens next.';

export const PAYOUT_GUARDS_EN: Readonly<Record<string, GuardWords>> = {
  // The laws.
  payouts_are_items: { says: 'A payout is the sum of its items.', broken: 'A payout is not the sum of its items.', whatToDo: STOP },
  payouts_booked: {
    says: 'Of every payout there is booked what its state says: set aside, given back, withheld, paid, brought back.',
    broken: 'What is booked of a payout is not what its state says.',
    whatToDo: STOP,
  },
  paid_once: { says: 'Nobody is paid twice.', broken: 'A payout was paid more than once.', whatToDo: STOP },
  caused_move_rightly: {
    says: 'What is booked for a payout, a return, a write-off or a payment moves along its own path alone.',
    broken: 'A transfer that is of no order moves money where it may not go.',
    whatToDo: STOP,
  },
  paying_is_open: {
    says: 'What is on its way is the sum of the open payouts.',
    broken: 'What is on its way is not the sum of the open payouts.',
    whatToDo: STOP,
  },
  drafted_from_available: {
    says: 'Nothing is drafted that was not available.',
    broken: 'More was drafted than was ever available.',
    whatToDo: STOP,
  },
  withheld_is_scheme: {
    says: 'The tax of every payout is what its scheme says, reckoned again from what was income at its approval.',
    broken: 'The tax of a payout is not what its scheme says.',
    whatToDo: 'Do not declare the quarter before it is explained. Report it: it is a fault of the program.',
  },
  bills_unchanged: {
    says: 'The bytes and the amount of a bill are those that were kept before its first call.',
    broken: 'A bill was changed, or is open though its payout has ended.',
    whatToDo: STOP,
  },
  batches_are_payouts: {
    says: 'A batch holds what was approved, payout by payout.',
    broken: 'A batch does not hold what its hash says.',
    whatToDo: STOP,
  },
  payouts_tell_how: {
    says: 'Every payout tells how it came to what it is.',
    broken: 'A payout is in a state that its history does not tell.',
    whatToDo: STOP,
  },

  // The alarms.
  payouts_open_too_long: {
    says: 'Payouts end within three days.',
    broken: 'A payout that was approved has been open for more than three days.',
    whatToDo: `Tell the results of what was paid by hand or by a file. ${LOOK}`,
  },
  payouts_near_query_window: {
    says: 'Payouts end before their provider can no longer be asked.',
    broken: 'A payout is still open, and soon its provider can no longer be asked for it.',
    whatToDo: 'Ask the provider’s support now. After its window two persons say how it ended.',
  },
  payouts_disputed: {
    says: 'Providers and we agree on every payment.',
    broken: 'A provider tells another amount or payee of a payment than was frozen.',
    whatToDo: 'Find out what was really paid; then one person tells the result and another one confirms it.',
  },
  payout_files_without_results: {
    says: 'Of every file that was given to a bank the results come within two days.',
    broken: 'Of a file for a bank there are no results yet.',
    whatToDo: 'Send the bank’s result file to POST /v1/payout-batches/{batch_id}/results.',
  },
  payout_notices_unexplained: {
    says: 'What providers tell is of payments that we made, and as they ended.',
    broken: 'A provider has told of a payment that we do not know, or otherwise than it had ended.',
    whatToDo: 'If the database was restored, compare what was paid since the backup. Otherwise find out who else pays by this account.',
  },
  approval_by_related_key: {
    says: 'Batches, changes of rules and re-ratings are approved by keys that were there before, and were not made by the drafter’s.',
    broken: 'A batch, a change of rules or a re-rating was approved by a key that was made after it, or by the drafter’s own key.',
    whatToDo: 'Ask both persons. The audit log tells who has made the key.',
  },
  taxpayers_unknown: {
    says: 'Of everybody whose payouts are taxed the tax id is known.',
    broken: 'Tax was reckoned for promoters without a tax id, each by itself.',
    whatToDo: 'Ask them for it: several promoters of one person are taxed together.',
  },
  payout_providers_stopped: {
    says: 'Every provider works.',
    broken: 'A provider is stopped, because the database was restored.',
    whatToDo: 'Compare its list of payments with ours, then let it go on: POST /v1/payout-providers/{provider_id}/resumption.',
  },
  payout_decisions_waiting: {
    says: 'What one person has made of money out a second one decides within three days.',
    broken: 'A drafted batch, a ruling on a payout or a write-off has waited for a second person for more than three days.',
    whatToDo: 'Approve it, or cancel the draft or reject the write-off: the money of a draft is set aside until then.',
  },
};
