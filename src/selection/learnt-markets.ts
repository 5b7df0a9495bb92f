// What the past of merchants teaches, kept for some minutes: learning takes longer than asking, and
// what is to be expected of a click does not change from one minute to the next.

import { setImmediate as turn } from 'node:timers/promises';

import type { Kysely } from 'kysely';
import { LruMap } from 'toad-cache';

import type { DB } from '../platform/postgres/tables.ts';
import { learning, type Estimator } from './estimator.ts';
import type { History } from './history.ts';
import { readHistory, readPlatformParts, type HistoryQuestion } from './history-store.ts';

/** What was learnt of some merchants. */
export interface LearntMarket {
  estimator: Estimator;
  /** What a platform pays of what buyers keep, by merchant. */
  platformParts: ReadonlyMap<string, number>;
}

interface Kept {
  learntAt: number;
  market: Promise<LearntMarket>;
}

/** Whoever asks for the same within this time is answered by what was learnt then. */
const KEPT_MS = 300_000;
const KEPT_MAX = 50;

/** Learns what is not known any more; whoever asks meanwhile waits for the same. */
export function learntMarkets(db: Kysely<DB>): (question: HistoryQuestion) => Promise<LearntMarket> {
  const kept = new LruMap<Kept>(KEPT_MAX);
  return (question) => {
    const key = JSON.stringify([question.merchantIds.toSorted(), question.scene]);
    const before = kept.get(key);
    if (before !== undefined && question.now.getTime() - before.learntAt < KEPT_MS) return before.market;
    const market = learnMarket(db, question);
    kept.set(key, { learntAt: question.now.getTime(), market });
    // What failed is tried again by the next who asks.
    market.catch(() => kept.delete(key));
    return market;
  };
}

async function learnMarket(db: Kysely<DB>, question: HistoryQuestion): Promise<LearntMarket> {
  const estimator = await learnInTurns(await readHistory(db, question));
  return { estimator, platformParts: await readPlatformParts(db, question) };
}

/** Learns while requests are answered between two steps. */
async function learnInTurns(history: History): Promise<Estimator> {
  const steps = learning(history);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await turn();
  }
}
