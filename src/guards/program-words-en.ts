// What the guards of programs say in English.

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
};
