// Reading one list of a platform up to a time, window by window and page by page. Nothing is asked inside of a transaction.
import { inTransaction } from '../platform/database.ts';
import { AskingFailed } from '../sources/asking.ts';
import { isOfAll } from '../sources/details.ts';
import type { Feed, Page } from '../sources/source.ts';
import type { AskedSource, PullDeps } from './asked-source.ts';
import { enterRows } from './entering.ts';
import { findProgress, saveProgress, type Progress, type Reading, type Window } from './feed-store.ts';
import { noteAnswer, type Hold } from './hold-store.ts';
import { keepUnfetched } from './wanted-store.ts';

/**
 * After so long without a page a window is read from its first page again: a platform may have forgotten where its cursor stood, and not all
 * of them say so. A window that goes on page by page may take as long as it needs, however often its reader is killed.
 */
const CURSOR_MS_MAX = 10 * 60_000;
/** So much the clock of a platform may be ahead of ours when it judges how far back we ask. */
const BACK_MARGIN_MS = 60_000;

/** The one who reads: ends between two pages when it is told to. */
export interface Reader {
  deps: PullDeps;
  hold: Hold;
  asked: AskedSource;
  signal: AbortSignal;
}

export interface Span {
  /** Where a reading that is new begins. */
  start: Date;
  /** Up to when it is to be read; never beyond now. */
  target: Date;
  /** How much before the checkpoint is read again. */
  lookBackMs: number;
}

/** Reads the list from its checkpoint to the target. A kill loses at most the page that was being stored. Throws `AskingFailed`. */
export async function readFeed(reader: Reader, feed: Feed, reconciliationId: string | null, span: Span): Promise<void> {
  const { db } = reader.deps;
  const reading: Reading = { sourceId: reader.hold.sourceId, feed: feed.name, reconciliationId };
  const { target } = span;
  let { reached, window } = await findProgress(db, reading, span.start);
  if (window !== null && Date.now() - window.readAt.getTime() > CURSOR_MS_MAX) window = { ...window, cursor: null };
  window ??= windowOf(feed, new Date(reached.getTime() - span.lookBackMs), target);
  while (window !== null) {
    reader.signal.throwIfAborted();
    const progress: Progress = await readPage(reader, feed, reading, window);
    ({ reached } = progress);
    const { until }: Window = window;
    window = progress.window ?? windowOf(feed, until, target);
  }
}

/** The next window; null when the target is reached. What the platform does not tell any more is left out. */
function windowOf(feed: Feed, from: Date, target: Date): Window | null {
  const earliest = feed.backMs === null ? 0 : Date.now() - feed.backMs + BACK_MARGIN_MS;
  const begin = new Date(Math.max(from.getTime(), earliest));
  if (begin >= target) return null;
  const until = new Date(Math.min(begin.getTime() + feed.windowMs(begin), target.getTime()));
  return { from: begin, until, cursor: null, readAt: new Date() };
}

/** Asks for a page and stores it with where to go on; the checkpoint moves after the last page only. */
async function readPage({ deps, hold, asked }: Reader, feed: Feed, reading: Reading, window: Window): Promise<Progress> {
  const fetchedAt = await inTransaction(deps.db, async ({ now }) => now);
  const page = await listPage(asked, feed, window, fetchedAt);
  const { source } = asked;
  if (page.next !== null && page.next === window.cursor) throw new Error(`the cursor of ${feed.name} stands still at ${page.next}`);
  const isLast = page.next === null && !page.restarts;
  const progress: Progress = {
    reached: isLast ? window.until : window.from,
    window: isLast ? null : { ...window, cursor: page.next, readAt: fetchedAt },
  };
  await inTransaction(deps.db, async ({ trx }) => {
    await noteAnswer(trx, hold);
    const rows = { origin: 'pull' as const, source, merchantId: null, bodies: page.bodies, headers: { feed: feed.name }, fetchedAt };
    await enterRows(trx, new Map([[asked.adapter.kind, asked.adapter]]), rows, reading.reconciliationId);
    await keepUnfetched(trx, hold.sourceId, page.unfetched ?? []);
    await saveProgress(trx, reading, progress);
  });
  if (page.bodies.length > 0) deps.onDelivered();
  const ofAll = page.unfetched?.find(({ error }) => isOfAll(error));
  if (ofAll !== undefined) throw ofAll.error;
  return progress;
}

interface ReadPage extends Page {
  /** The cursor was not good any more: the window begins again. */
  restarts: boolean;
}

async function listPage(asked: AskedSource, feed: Feed, { from, until, cursor }: Window, now: Date): Promise<ReadPage> {
  try {
    return { ...(await feed.list({ from, until, cursor }, asked.asking(now))), restarts: false };
  } catch (error) {
    const isStale = error instanceof AskingFailed && error.kind === 'stale_cursor' && cursor !== null;
    if (!isStale) throw error;
    return { bodies: [], next: null, restarts: true };
  }
}
