// One turn of a source: each of its lists, and what is fetched by its id, goes on beside the
// others, question by question.
import { inTransaction, type Work as Given } from '../../platform/postgres/database.ts';
import { AskingFailed } from '../../sources/asking.ts';
import type { AskedSource, PullDeps } from '../asked-source.ts';
import { keepLease, type Lease } from './lease-store.ts';

/** A source that is asked now. */
export interface Turn {
  deps: PullDeps;
  lease: Lease;
  asked: AskedSource;
  signal: AbortSignal;
  /** Whether another question may be asked in this turn. */
  goesOn: () => boolean;
  /**
   * Writes while nobody else asks the source; throws when somebody does. One write at a time,
   * because all of them lock the lease.
   */
  write: <T>(work: (given: Given) => Promise<T>) => Promise<T>;
}

/** Something that is asked on its own. */
export interface TurnWork {
  /** Asks one question and stores the answer; answers whether there is more to ask. */
  ask: () => Promise<boolean>;
  /** Notes why it failed, so that it rests by itself. */
  fail: (error: unknown) => Promise<void>;
}

/** How a turn went: what failed by itself, and the demand of the platform that ended it. */
interface TurnOutcome {
  failures: unknown[];
  tooOften: AskingFailed | null;
}

/**
 * How long a turn goes on where nothing else is said; what is left is asked in its next turn, after
 * the sources that have waited meanwhile.
 */
const TURN_MS = 20_000;

/**
 * Asks all works of a turn, none of which waits for another. What fails ends by itself; only a
 * platform that was asked too often is asked nothing more. Throws when nothing can be written any
 * more, or when it is told to end.
 */
export async function takeTurn(turn: Omit<Turn, 'goesOn' | 'write'>, worksOf: (turn: Turn) => Promise<TurnWork[]>): Promise<TurnOutcome> {
  const { deps, lease, signal } = turn;
  const outcome: TurnOutcome = { failures: [], tooOften: null };
  const ends = performance.now() + (deps.turnMs ?? TURN_MS);
  let written: Promise<unknown> = Promise.resolve();
  const whole: Turn = {
    ...turn,
    goesOn: () => outcome.tooOften === null && performance.now() < ends,
    write: (work) => {
      const mine = written.then(() =>
        inTransaction(deps.db, async (given) => {
          await keepLease(given.trx, lease);
          return work(given);
        }),
      );
      // The next one is written after it whatever became of it; its error goes to who waits for it.
      written = mine.catch(() => undefined);
      return mine;
    },
  };
  const works = await worksOf(whole);
  const ended = await Promise.allSettled(works.map((work) => askUntilDone(whole, work, outcome)));
  signal.throwIfAborted();
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
  return outcome;
}

async function askUntilDone({ signal, goesOn }: Turn, work: TurnWork, outcome: TurnOutcome): Promise<void> {
  try {
    // One question at least, so that every turn gets further.
    while ((await work.ask()) && goesOn() && !signal.aborted);
  } catch (error) {
    // What was broken off because we end has not failed.
    if (signal.aborted) return;
    if (error instanceof AskingFailed && error.kind === 'rate_limited') outcome.tooOften ??= error;
    outcome.failures.push(error);
    await work.fail(error);
  }
}
