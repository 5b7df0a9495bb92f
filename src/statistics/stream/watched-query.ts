// A query that streams are open for: its readers, its rows as they know them, and when it may be
// evaluated again. Equal queries are one.

import type { EventStream } from '../../platform/streams/event-stream.ts';
import type { StatisticsAnswer, StatisticsQuery } from '../reading/query.ts';
import { rowsFrame, snapshotFrame } from './frames.ts';
import { keptRows, type KeptRows } from './kept-rows.ts';
import type { StreamWish } from './stream-wish.ts';

/** Not more often than this is a query evaluated, and is a reader told. */
export const FRESH_MS = 1000;
/** Of the time at most a quarter is spent on one query. */
const REST_PER_EVALUATION = 3;

/** Whoever reads a stream, and what it has been told. */
export interface StreamReader {
  keyId: string;
  /** By which session; null for who sent a key or a ticket. */
  sessionId: string | null;
  stream: EventStream;
  /** The revision of the rows that it knows, and when it was told of it. */
  revision: number;
  toldAt: number;
}

export interface WatchedQuery {
  readonly wish: StreamWish;
  readonly readers: Set<StreamReader>;
  readonly rows: KeptRows;
  /** The query as it was last evaluated; null before the first time. */
  query: StatisticsQuery | null;
  /** A fact of its merchants or promoters came since it was last evaluated. */
  isDue: boolean;
  /** In milliseconds: when it was last evaluated, and from when it may be again. */
  evaluatedAt: number;
  mayBeAt: number;
  /** When facts count that came ahead of the time: it is due once more then. */
  aheadAt: number[];
  /** When the last of its readers left. */
  leftAt: number;
  /** The evaluation that runs. */
  running: Promise<void> | null;
  /** Takes an answer that was asked for at `began`, by the clock of this process. */
  take(answer: StatisticsAnswer, at: { began: number; ended: number; isExact: boolean }): void;
  /** The first event of a reader, and from which revision on it is told more. */
  opening(lastEventId: string | undefined, now: number): { frame: Buffer | null; revision: number };
  /** Tells every reader that can take it what has changed, each at most once a second. */
  tell(now: number): void;
}

/** A query that nobody has evaluated yet. */
export function watchedQuery(wish: StreamWish): WatchedQuery {
  const rows = keptRows();
  let answer: StatisticsAnswer | null = null;
  /** What is sent to several at once, made once: what changed after a revision, and all of it. */
  const frames = new Map<number | 'all', Buffer>();

  function frame(since: number | 'all'): Buffer {
    const made = frames.get(since) ?? (since === 'all' ? snapshotFrame(answer!) : rowsFrame(answer!, rows.since(since)));
    frames.set(since, made);
    return made;
  }

  const watched: WatchedQuery = {
    wish,
    rows,
    readers: new Set(),
    query: null,
    isDue: false,
    evaluatedAt: Number.NEGATIVE_INFINITY,
    mayBeAt: Number.NEGATIVE_INFINITY,
    aheadAt: [],
    leftAt: 0,
    running: null,
    take(given, { began, ended, isExact }) {
      const isFirst = answer === null;
      answer = given;
      watched.query = given.query;
      watched.aheadAt = watched.aheadAt.filter((at) => at >= began);
      watched.evaluatedAt = began;
      watched.mayBeAt = began + Math.max(FRESH_MS, (1 + REST_PER_EVALUATION) * (ended - began));
      frames.clear();
      const known = rows.revision();
      const isChanged = rows.take(given, { isExact, at: began });
      // Who knew all of it knows all of it still.
      if (!isChanged && !isFirst) for (const reader of watched.readers) if (reader.revision === known) reader.revision = rows.revision();
    },
    opening(lastEventId, now) {
      const seen = lastEventId === undefined ? null : rows.revisionSeenAt(watermarkOf(lastEventId), now);
      const revision = rows.revision();
      if (seen === null) return { frame: frame('all'), revision };
      return { frame: rows.since(seen).length === 0 ? null : frame(seen), revision };
    },
    tell(now) {
      const revision = rows.revision();
      for (const reader of watched.readers) {
        if (reader.revision >= revision || now - reader.toldAt < FRESH_MS || !reader.stream.isReady()) continue;
        reader.stream.send(frame(reader.revision));
        Object.assign(reader, { revision, toldAt: now });
      }
      frames.clear();
    },
  };
  return watched;
}

/** An id that is none of ours lies before all others. */
function watermarkOf(lastEventId: string): bigint {
  return /^\d{1,18}$/.test(lastEventId) ? BigInt(lastEventId) : -1n;
}
