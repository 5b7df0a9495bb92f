// Faults of those who send: twice, in the wrong order, late, by a wrong clock, and what cannot be
// digested. And none, to compare with.

import { POISON_KINDS } from '../poison.ts';
import type { Fault } from './fault.ts';

/** Nothing breaks here but what the load does by itself. */
const nothing = () => Promise.resolve();

export const SENDER_FAULTS: Fault[] = [
  { name: 'none', inject: nothing },
  { name: 'doubled', shape: { copiesMax: 8, delayMsMax: 20 }, inject: nothing },
  { name: 'shuffled', shape: { copiesMax: 3, delayMsMax: 1500 }, inject: nothing },
  { name: 'delayed', shape: { copiesMax: 2, delayMsMax: 6000 }, inject: nothing },
  { name: 'clock-off', shape: { skewMs: 600_000, ruleChanges: 0 }, inject: nothing },
  { name: 'poison', shape: { poison: 3 * POISON_KINDS }, inject: nothing },
];
