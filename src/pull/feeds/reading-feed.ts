// Reading one list of a platform up to a time, window by window and page by page. Nothing is asked
// inside of a transaction.
import { inTransaction } from '../../platform/postgres/database.ts';
import { AskingFailed } from '../../sources/asking.ts';
import { isOfAll } from '../../sources/details.ts';
import type { Feed, FeedPage } from '../../sources/source.ts';
import { enterRows } from '../entering.ts';
import { isWhollyRead, noteFailure, restartWindow, saveProgress, type Progress, type FeedReading, type Window } from './feed-store.ts';
import { noteAnswer } from './lease-store.ts';
import { failureOf, keptMessageOf, pauseMs, type Failure } from './pauses.ts';
import { noteRead, noteTrouble } from '../reconciliations/reconciliation-store.ts';
import type { Turn, TurnWork } from './turn.ts';
import { forgetFetched, keepUnfetched } from './wanted-detail-store.ts';
import { MINUTE_MS } from '../../platform/durations.ts';

/**
 * After so long without a page a window is read from its first page again: a platform may have
 * forgotten where its cursor stood, and not all of them say so. A window that goes on page by page
 * may take as long as it needs, however often its reader is killed.
 */
const CURSOR_MS_MAX = 10 * MINUTE_MS;
/** So much the clock of a platform may be ahead of ours when it judges how far back we ask. */
const BACK_MARGIN_MS = MINUTE_MS;
/**
 * What says nothing against the cursor with which it was asked. After everything else the window is
 * read from its first page.
 */
const NOT_OF_CURSOR: ReadonlySet<Failure> = new Set(['temporary', 'rate_limited', 'refused']);

interface Span {
  /** Up to when it is to be read; never beyond now. */
  target: Date;
  /** How much before the checkpoint is read again. */
  lookBackMs: number;
  /** After how long it is to be read again; null: never, it is of a reconciliation. */
  everyMs: number | null;
}

/** What a reading holds between two pages. */
interface Place {
  window: Window | null;
  /** Cursors that this turn has seen of the window: who comes back to one of them never ends. */
  seen: Set<string>;
  restarts: number;
}

/**
 * Reads a list from its checkpoint to the target. A kill loses at most the page that was being
 * stored.
 */
export function feedWork(turn: Turn, feed: Feed, reading: FeedReading, { reached, window }: Progress, span: Span): TurnWork {
  const begin = window?.from ?? new Date(reached.getTime() - span.lookBackMs);
  const place: Place = {
    window: window !== null && isOpen(feed, window) ? window : windowOf(feed, begin, span.target),
    seen: new Set(),
    restarts: 0,
  };
  const save = { turn, feed, reading, span };
  return {
    ask: async () => {
      if (place.window === null) await saveEnd(save);
      else await readPage(save, place, place.window);
      return place.window !== null;
    },
    fail: (error) => failReading(turn, reading, error),
  };
}

/**
 * Whether the window goes on at its cursor. One that does not is read from its first page, and as
 * far as there is something by now.
 */
function isOpen(feed: Feed, { from, cursor, readAt }: Window): boolean {
  return cursor !== null && Date.now() - readAt.getTime() <= CURSOR_MS_MAX && from.getTime() >= earliestOf(feed);
}

const earliestOf = ({ backMs }: Feed): number => (backMs === null ? 0 : Date.now() - backMs);

/**
 * The next window; null when the target is reached. What the platform does not tell any more is
 * left out.
 */
function windowOf(feed: Feed, from: Date, target: Date): Window | null {
  const begin = new Date(Math.max(from.getTime(), earliestOf(feed) + BACK_MARGIN_MS));
  if (begin >= target) return null;
  const until = new Date(Math.min(begin.getTime() + feed.windowMs(begin), target.getTime()));
  return { from: begin, until, cursor: null, readAt: new Date() };
}

interface Saved {
  turn: Turn;
  feed: Feed;
  reading: FeedReading;
  span: Span;
}

/**
 * There is nothing to ask: the target lies before what is read, or before what the platform still
 * tells.
 */
async function saveEnd({ turn, reading, span }: Saved): Promise<void> {
  await turn.write(async ({ trx, now }) => {
    const end = { askedAt: now, againAfterMs: span.everyMs ?? 0, isFailing: false };
    await saveProgress(trx, reading, { reached: span.target, window: null }, end);
    await endRead(trx, turn, reading, span.target);
  });
}

/**
 * Asks for a page and stores it with where to go on; the checkpoint moves after the last page of a
 * window only.
 */
async function readPage({ turn, feed, reading, span }: Saved, place: Place, window: Window): Promise<void> {
  const { deps, lease, asked } = turn;
  const askedAt = await inTransaction(deps.db, async ({ now }) => now);
  const page = await listPage(turn, feed, window, askedAt);
  if (page === null) {
    place.restarts += 1;
    if (place.restarts > 1) throw new AskingFailed('stale_cursor', `the cursor of ${feed.name} is not good however often it is asked for`);
    await turn.write(({ trx }) => restartWindow(trx, reading));
    place.window = { ...window, cursor: null };
    place.seen.clear();
    return;
  }
  if (page.next !== null && (page.next === window.cursor || place.seen.has(page.next))) {
    throw new Error(`the cursor of ${feed.name} goes round: it comes back to ${page.next}`);
  }
  const isLast = page.next === null;
  const next = isLast ? windowOf(feed, window.until, span.target) : { ...window, cursor: page.next, readAt: askedAt };
  const progress: Progress = { reached: isLast ? window.until : window.from, window: next };
  const unfetched = page.unfetched ?? [];
  const ofAll = ofAllIn(page);
  await turn.write(async ({ trx }) => {
    await noteAnswer(trx, lease);
    const rows = {
      origin: 'pull' as const,
      source: asked.source,
      merchantId: null,
      bodies: page.bodies,
      headers: { feed: feed.name },
      fetchedAt: askedAt,
    };
    await enterRows(trx, new Map([[asked.adapter.kind, asked.adapter]]), rows, reading.reconciliationId);
    await forgetFetched(trx, lease.sourceId, page.fetched ?? [], askedAt);
    await keepUnfetched(trx, lease.sourceId, unfetched, askedAt);
    const againAfterMs = next === null ? span.everyMs : null;
    await saveProgress(trx, reading, progress, { askedAt, againAfterMs, isFailing: ofAll !== null });
    if (next === null) await endRead(trx, turn, reading, span.target);
  });
  if (page.bodies.length > 0) deps.onDelivered();
  if (isLast) place.seen.clear();
  else place.seen.add(page.next!);
  place.window = next;
  if (ofAll !== null) throw ofAll.error;
}

/**
 * Why no row of the page could be fetched, where it is of all of them; what is refused beside rows
 * that were told is of those alone.
 */
function ofAllIn({ fetched = [], unfetched = [] }: FeedPage): { error: unknown } | null {
  const found = unfetched.find(({ error }) => isOfAll(error));
  return found === undefined || (fetched.length > 0 && failureOf(found.error) === 'refused') ? null : found;
}

/** The page; null when the cursor is not good any more and the window begins again. */
async function listPage({ asked }: Turn, feed: Feed, { from, until, cursor }: Window, now: Date): Promise<FeedPage | null> {
  try {
    return await feed.list({ from, until, cursor }, asked.asking(now));
  } catch (error) {
    if (error instanceof AskingFailed && error.kind === 'stale_cursor' && cursor !== null) return null;
    throw error;
  }
}

type Trx = Parameters<typeof saveProgress>[0];

/** Ends a reconciliation's reading when this was its last list. */
export async function endRead(trx: Trx, { asked }: Turn, { reconciliationId }: FeedReading, to: Date): Promise<void> {
  if (reconciliationId === null) return;
  const feeds = asked.feeds.map(({ name }) => name);
  if (await isWhollyRead(trx, { reconciliationId, to }, feeds)) await noteRead(trx, reconciliationId, { badRows: 0, bad: [] });
}

async function failReading({ write }: Turn, reading: FeedReading, error: unknown): Promise<void> {
  const failure = failureOf(error);
  const message = keptMessageOf(error);
  await write(async ({ trx }) => {
    await noteFailure(trx, reading, { failure, error: message, restMs: (attempts) => pauseMs(error, attempts) });
    if (!NOT_OF_CURSOR.has(failure)) await restartWindow(trx, reading);
    if (reading.reconciliationId !== null) await noteTrouble(trx, reading.reconciliationId, message, { forGood: failure === 'refused' });
  });
}
