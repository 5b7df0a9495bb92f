// Whose turn it is to be evaluated: a few queries at a time, first those that somebody waits for,
// then those that were evaluated longest ago.

import type { Kysely } from 'kysely';
import type { Logger } from 'pino';

import { DomainError } from '../../core/errors.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { within } from '../../platform/waiting.ts';
import { latestClock } from '../reading/snapshot-store.ts';
import { readStatistics } from '../reading/statistics.ts';
import { concerning, readNewFacts } from './new-facts.ts';
import type { WatchedQuery } from './watched-query.ts';

/** Connections are for those who ask, too. */
const AT_ONCE = 2;
/** After an evaluation has failed. */
const REST_MS = 5000;
/** For so long a process that ends waits for what it evaluates. */
const CLOSING_MS = 5000;

export interface EvaluationTurns {
  /** Evaluates a query before all that nobody waits for; whoever asks meanwhile waits with it. */
  evaluate(watched: WatchedQuery): Promise<void>;
  /** Begins what is due and may be evaluated; what follows begins by itself. */
  begin(): void;
  /** Resolves when what runs has ended, within seconds; nothing that is due begins after it. */
  close(): Promise<void>;
}

interface TurnsDeps {
  db: Kysely<DB>;
  log: Logger;
  queries: ReadonlyMap<string, WatchedQuery>;
  onEvaluated: () => void;
}

/** Nothing is evaluated yet. */
export function evaluationTurns({ db, log, queries, onEvaluated }: TurnsDeps): EvaluationTurns {
  /** Each begins an evaluation that somebody waits for. */
  const awaited: (() => void)[] = [];
  const running = new Set<Promise<void>>();
  let closed = false;

  function start(watched: WatchedQuery): Promise<void> {
    onEvaluated();
    const evaluation = evaluate(db, watched).finally(() => {
      running.delete(evaluation);
      watched.running = null;
      begin();
    });
    running.add(evaluation);
    return evaluation;
  }

  function begin(): void {
    while (running.size < AT_ONCE) {
      const first = awaited.shift();
      const due = first === undefined && !closed ? nextDue(queries, Date.now()) : undefined;
      if (first !== undefined) first();
      else if (due === undefined) return;
      else {
        due.running = start(due);
        due.running.catch((error: unknown) => fail(due, error, log));
      }
    }
  }

  return {
    evaluate(watched) {
      const evaluation = (watched.running ??= new Promise<void>((resolve) => awaited.push(() => resolve(start(watched)))));
      begin();
      return evaluation;
    },
    begin,
    async close() {
      closed = true;
      await within(CLOSING_MS, Promise.allSettled(running), null);
    },
  };
}

async function evaluate(db: Kysely<DB>, watched: WatchedQuery): Promise<void> {
  const began = Date.now();
  watched.isDue = false;
  const answer = await readStatistics(db, watched.wish.understand(await latestClock(db)));
  if (answer.next !== null) throw new DomainError('not_streamable', 'These are more groups than a stream has: ask for fewer.');
  const ended = Date.now();
  const { parties } = await readNewFacts(db, answer.watermark);
  watched.take(answer, { began, ended, isExact: parties !== null && concerning(answer.query, parties).length === 0 });
  watched.tell(Date.now());
}

/** What is due and may be evaluated already, the one that has waited longest. */
function nextDue(queries: ReadonlyMap<string, WatchedQuery>, now: number): WatchedQuery | undefined {
  let next: WatchedQuery | undefined;
  for (const watched of queries.values()) {
    if (watched.readers.size === 0 || watched.running !== null || watched.mayBeAt > now) continue;
    if (!watched.isDue && watched.aheadAt.every((at) => at >= now)) continue;
    if (next === undefined || watched.evaluatedAt < next.evaluatedAt) next = watched;
  }
  return next;
}

/**
 * What could not be evaluated now is tried again later; its readers wait. Where the query itself is
 * refused by now, as one that has grown too large, they come back and are told so.
 */
function fail(watched: WatchedQuery, error: unknown, log: Logger): void {
  if (error instanceof DomainError && error.code !== 'unavailable') {
    for (const { stream } of watched.readers) stream.end();
    return;
  }
  watched.isDue = true;
  watched.mayBeAt = Date.now() + REST_MS;
  log.warn({ err: error }, 'a stream could not be evaluated');
}
