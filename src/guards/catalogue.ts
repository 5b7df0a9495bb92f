// All guards of the service. The names are part of the API and of what is watched: they stay.

import { ALARMS_OF_ORDERS } from './alarms/alarms-of-orders.ts';
import { ALARMS_OF_PAYOUTS } from './alarms/alarms-of-payouts.ts';
import { alarmsOfProcess } from './alarms/alarms-of-process.ts';
import { ALARMS_OF_REPORTS } from './alarms/alarms-of-reports.ts';
import { ALARMS_OF_SOURCES } from './alarms/alarms-of-sources.ts';
import type { Guard } from './guard.ts';
import { LAWS_OF_BOOKS } from './laws/laws-of-books.ts';
import { LAWS_OF_BORDERS } from './laws/laws-of-borders.ts';
import { LAWS_OF_CAMPAIGNS } from './laws/laws-of-campaigns.ts';
import { lawsOfDecisions } from './laws/laws-of-decisions.ts';
import { LAWS_OF_OFFERS } from './laws/laws-of-offers.ts';
import { LAWS_OF_ORDERS } from './laws/laws-of-orders.ts';
import { LAWS_OF_PAYOUTS } from './laws/laws-of-payouts.ts';
import { LAWS_OF_PROGRAMS } from './laws/laws-of-programs.ts';
import { LAWS_OF_RE_RATINGS } from './laws/laws-of-re-ratings.ts';
import { LAWS_OF_STATISTICS } from './laws/laws-of-statistics.ts';

interface GuardSettings {
  /** How many levels of a referral chain may be paid, the seller being the first. */
  levelsMax: number;
  /** How many files of clicks wait in this process's spool. */
  spooled: () => number;
}

/** The laws first, each in the order of an order's way. */
export function allGuards({ levelsMax, spooled }: GuardSettings): Guard[] {
  return [
    ...LAWS_OF_ORDERS,
    ...lawsOfDecisions(levelsMax),
    ...LAWS_OF_BOOKS,
    ...LAWS_OF_PAYOUTS,
    ...LAWS_OF_PROGRAMS,
    ...LAWS_OF_RE_RATINGS,
    ...LAWS_OF_CAMPAIGNS,
    ...LAWS_OF_OFFERS,
    ...LAWS_OF_STATISTICS,
    ...LAWS_OF_BORDERS,
    ...ALARMS_OF_REPORTS,
    ...ALARMS_OF_SOURCES,
    ...ALARMS_OF_ORDERS,
    ...ALARMS_OF_PAYOUTS,
    ...alarmsOfProcess({ spooled }),
  ];
}
