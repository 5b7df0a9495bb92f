// What the guards of programs, of offers and of re-ratings say in English.

import type { GuardWords } from './words-en.ts';

export const PROGRAM_GUARDS_EN: Readonly<Record<string, GuardWords>> = {
  won_lines_kept: {
    says: 'What is counted for programs is what was awarded, line by line.',
    broken: 'A line is counted for a program otherwise than it was awarded.',
    whatToDo: 'Approve no payout of the merchant before it is explained. Report it: it is a fault of the program.',
  },
  bonuses: {
    says: 'Every bonus is what the lines of its promoter and period pay, booked once, and released after its period.',
    broken: 'A bonus is not what its lines pay, or was released before its time.',
    whatToDo: 'Approve no payout of the merchant before it is explained. Run `node src/start.mjs audit`, and report it.',
  },
  boosts_granted: {
    says: 'Every boost is what its campaign wants of its line, beside the pool, and no more than was granted.',
    broken: 'A boost is more than was granted, or is not what its campaign wants of the line.',
    whatToDo: 'Pause the campaign, and approve no payout of the merchant before it is explained. Report it: it is a fault of the program.',
  },
  budgets_kept: {
    says: 'What is spent of every budget is what lines have of it, and within every limit.',
    broken: 'A budget is exceeded, or is not what lines have of it.',
    whatToDo: 'Pause the campaign. Run `node src/start.mjs audit`, and report it.',
  },
  tiers: {
    says: 'Every tier that a program has set is what its figure says.',
    broken: 'A tier that a program has set is not what its figure says.',
    whatToDo: 'Look at what the rules of that tier have paid since. Report it: it is a fault of the program.',
  },
  re_ratings: {
    says: 'What a re-rating has executed stands in the books once, and its orders are paid by the rules that were approved.',
    broken: 'What a re-rating has booked of an order is not what was approved, or the order is not paid by it.',
    whatToDo: 'Approve no payout of the merchant before it is explained. Run `node src/start.mjs audit`, and report it.',
  },
  re_ratings_by_two: {
    says: 'No re-rating that lowers was approved by who asked for it, or without having been asked to lower.',
    broken: 'A re-rating was approved by who asked for it, or lowers without having been asked to.',
    whatToDo: 'Look at the re-rating and the audit log, and have a second person look at it. Report it: it is a fault of the program.',
  },
  offer_rules: {
    says: 'The rules of every offer are what the offer says: for whom, for what, how much and until when.',
    broken: 'An offer says one thing, and its rules pay another.',
    whatToDo: 'Put the offer again with a change, by which its rules are published anew, and look at what they have paid since. Report it.',
  },
};
