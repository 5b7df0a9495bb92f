// All streams of a process: twice a second it is looked what came, what is concerned by it is
// evaluated, and every reader is told. Equal queries are evaluated together, and nothing is
// evaluated that no fact has touched.

import type { Kysely } from 'kysely';
import type { Logger } from 'pino';

import { DomainError } from '../../core/errors.ts';
import { findRevoked } from '../../platform/keys/keys-store.ts';
import { findEnded } from '../../platform/keys/session-store.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { repeat } from '../../platform/queue/repeat.ts';
import { evaluationTurns, type EvaluationTurns } from './evaluation-turns.ts';
import { concerning, readNewFacts, readPosition, type Parties, type Position } from './new-facts.ts';
import type { StreamWish } from './stream-wish.ts';
import { FRESH_MS, watchedQuery, type StreamReader, type WatchedQuery } from './watched-query.ts';

const TURN_MS = 500;
const KEYS_CHECKED_EVERY_MS = 4000;
/** After the database has failed us. */
const REST_MS = 5000;
/** For so long the rows of a query are kept that nobody reads: its readers may come back. */
const KEPT_MS = 60 * 60 * 1000;
const ROWS_MAX = 300_000;
const QUERIES_MAX = 2000;
/** Facts that lie ahead of the time; there should be none. */
const AHEAD_MAX = 1000;

export interface StatisticsWatch {
  /**
   * The query of a wish, evaluated within the last second; to be joined at once. Throws what
   * refuses it, and `too_many_streams` where its rows would be too many beside those of others.
   */
  open(wish: StreamWish): Promise<WatchedQuery>;
  /** Sends all readers away, to come back one after the other; from now on nobody may come. */
  sendAway(): void;
  isClosing(): boolean;
  /** Resolves when nothing is asked of the database any more. */
  close(): Promise<void>;
}

interface WatchDeps {
  db: Kysely<DB>;
  log: Logger;
  /** Called for every evaluation. */
  onEvaluated: () => void;
  /** How many rows are kept of all queries. */
  rowsMax?: number;
}

interface State {
  db: Kysely<DB>;
  rowsMax: number;
  queries: Map<string, WatchedQuery>;
  turns: EvaluationTurns;
  /** Up to where it was looked for facts; null while nobody reads. */
  position: Position | null;
  /** From where it will be, while that is asked. */
  looking: Promise<Position> | null;
  keysCheckedAt: number;
  restsUntil: number;
  isClosing: boolean;
}

/** Watches for nobody yet; it asks the database nothing while that is so. */
export function statisticsWatch({ db, log, onEvaluated, rowsMax = ROWS_MAX }: WatchDeps): StatisticsWatch {
  const queries = new Map<string, WatchedQuery>();
  const turns = evaluationTurns({ db, log, queries, onEvaluated });
  const state: State = { db, rowsMax, queries, turns, position: null, looking: null, keysCheckedAt: 0, restsUntil: 0, isClosing: false };
  const repeating = repeat({
    everyMs: TURN_MS,
    work: () => turn(state),
    onError: (error) => {
      state.restsUntil = Date.now() + REST_MS;
      log.warn({ err: error }, 'streams were not told what came');
    },
  });
  return {
    open: (wish) => open(state, wish),
    sendAway() {
      state.isClosing = true;
      for (const { stream } of readersOf(state)) stream.end({ spread: true });
    },
    isClosing: () => state.isClosing,
    async close() {
      await repeating.close();
      await turns.close();
    },
  };
}

const readersOf = ({ queries }: State): StreamReader[] => [...queries.values()].flatMap(({ readers }) => [...readers]);

const isIdle = ({ readers, running }: WatchedQuery): boolean => readers.size === 0 && running === null;

async function open(state: State, wish: StreamWish): Promise<WatchedQuery> {
  await lookForFacts(state);
  const watched = state.queries.get(wish.key) ?? watchedQuery(wish);
  state.queries.set(wish.key, watched);
  if (Date.now() - watched.evaluatedAt >= FRESH_MS) await state.turns.evaluate(watched);
  makeRoom(state, watched);
  if (state.queries.has(wish.key)) return watched;
  throw new DomainError('too_many_streams', 'The rows of all streams here would be too many: ask for longer buckets, or for less time.');
}

/**
 * From here on what comes is found by the next turn, whatever the evaluations that follow see of
 * it.
 */
async function lookForFacts(state: State): Promise<void> {
  if (state.position !== null) return;
  state.looking ??= readPosition(state.db).finally(() => {
    state.looking = null;
  });
  const position = await state.looking;
  state.position ??= position;
}

/**
 * Forgets queries that nobody reads: those that were left first, and this one where that is not
 * enough.
 */
function makeRoom({ queries, rowsMax }: State, fresh: WatchedQuery): void {
  const idle = [...queries.values()].filter((watched) => watched !== fresh && isIdle(watched)).toSorted((a, b) => a.leftAt - b.leftAt);
  let rows = [...queries.values()].reduce((sum, watched) => sum + watched.rows.size(), 0);
  for (const watched of idle) {
    if (rows <= rowsMax && queries.size <= QUERIES_MAX) return;
    queries.delete(watched.wish.key);
    rows -= watched.rows.size();
  }
  if (rows > rowsMax && isIdle(fresh)) queries.delete(fresh.wish.key);
}

async function turn(state: State): Promise<void> {
  const now = Date.now();
  if (now < state.restsUntil) return;
  for (const [key, watched] of state.queries) if (isIdle(watched) && now - watched.leftAt >= KEPT_MS) state.queries.delete(key);
  if ([...state.queries.values()].every(isIdle)) {
    state.position = null;
    return;
  }
  if (now - state.keysCheckedAt >= KEYS_CHECKED_EVERY_MS) {
    await sendRevokedAway(state);
    state.keysCheckedAt = now;
  }
  if (state.position !== null) {
    const { position, parties } = await readNewFacts(state.db, state.position);
    state.position = position;
    for (const watched of state.queries.values()) markDue(watched, parties);
  }
  state.turns.begin();
  for (const watched of state.queries.values()) watched.tell(Date.now());
}

/**
 * Marks a query due whose figures may have changed. A fact that lies ahead of where the query ended
 * is in it only later, and then it is due once more.
 */
function markDue(watched: WatchedQuery, parties: readonly Parties[] | null): void {
  if (parties === null || watched.query === null) {
    if (parties?.length !== 0) watched.isDue = true;
    return;
  }
  const concerned = concerning(watched.query, parties);
  if (concerned.length === 0) return;
  watched.isDue = true;
  if (!watched.wish.isMoving) return;
  const now = Date.now();
  for (const { at } of concerned) if (at.getTime() >= now && watched.aheadAt.length < AHEAD_MAX) watched.aheadAt.push(at.getTime());
}

async function sendRevokedAway(state: State): Promise<void> {
  const readers = readersOf(state);
  const revoked = await findRevoked(state.db, [...new Set(readers.map(({ keyId }) => keyId))]);
  const ended = await findEnded(state.db, [...new Set(readers.flatMap(({ sessionId }) => sessionId ?? []))]);
  for (const { keyId, sessionId, stream } of readers) {
    if (revoked.has(keyId) || (sessionId !== null && ended.has(sessionId))) stream.end();
  }
}
