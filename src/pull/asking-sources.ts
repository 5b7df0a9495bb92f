// Asking the sources whose turn it is: what they want fetched, reconciliations, and their lists. One process asks a source at a time.
import { randomUUID } from 'node:crypto';

import { wantedBy } from '../inbox/wanted.ts';
import { inTransaction } from '../platform/database.ts';
import { AskingFailed } from '../sources/asking.ts';
import { fewAtOnce, isOfAll } from '../sources/details.ts';
import type { Feed } from '../sources/source.ts';
import { openSource, type PullDeps } from './asked-source.ts';
import { enterRows } from './entering.ts';
import { dropHold, dueSources, giveBack, HOLD_MS, keepHold, letRest, noteAnswer, takeHold, type Hold } from './hold-store.ts';
import { messageOf, pauseMs } from './pauses.ts';
import { readFeed, type Reader } from './reading-feed.ts';
import { noteRead, noteTrouble, readingOf } from './reconciliation-store.ts';
import { dueWanted, forgetWanted, postponeWanted, type DueWanted } from './wanted-store.ts';

const SOURCES_MAX = 100;
const WANTED_PER_TURN = 100;
const REST_MS = 5000;

/** What `options.pull` holds once its adapter has parsed it. */
interface PullSchedule {
  every_seconds: number;
  look_back_seconds?: number;
  since?: string;
}

/**
 * Asks every source that is due and that nobody else asks, one after the other, each of them once. Tells which gave no answer, and why: they
 * rest, and the others do not wait for them.
 */
export async function askSources(deps: PullDeps, signal: AbortSignal): Promise<{ sourceId: string; error: unknown }[]> {
  const failed: { sourceId: string; error: unknown }[] = [];
  const seen = new Set<string>();
  for (;;) {
    // Looked for anew each time: one that was due may have been asked by another meanwhile.
    const sourceId = (await dueSources(deps.db, SOURCES_MAX)).find((one) => !seen.has(one));
    if (sourceId === undefined || signal.aborted) return failed;
    seen.add(sourceId);
    const error = await askSource(deps, { sourceId, holder: randomUUID() }, signal);
    if (error !== null) failed.push({ sourceId, error });
  }
}

/** Asks one source all that there is to ask; answers why it gave no answer, or null. */
async function askSource(deps: PullDeps, hold: Hold, signal: AbortSignal): Promise<unknown> {
  const { db } = deps;
  const taken = await takeHold(db, hold);
  if (taken === null) return null;
  // A platform may take longer for a page than a hold lasts.
  const keeping = setInterval(() => void keepHold(db, hold).catch(shownByTheNextWrite), HOLD_MS / 3);
  try {
    const everyMs = await askAll(deps, hold, taken.isTurn, signal);
    await giveBack(db, hold, everyMs);
    return null;
  } catch (error) {
    if (signal.aborted) await dropHold(db, hold);
    else await rest(deps, hold, error);
    return signal.aborted ? null : error;
  } finally {
    clearInterval(keeping);
  }
}

/** Whatever is written keeps the hold, too, and fails where it is lost; where only this beat failed, the next one keeps it. */
function shownByTheNextWrite(): void {}

/** Answers after how long it is its turn again; null when it was not its turn. */
async function askAll(deps: PullDeps, hold: Hold, isTurn: boolean, signal: AbortSignal): Promise<number | null> {
  const asked = await openSource(deps, hold.sourceId);
  if (asked === null) throw new Error(`the source ${hold.sourceId} is of a kind that cannot be asked`);
  const reader: Reader = { deps, hold, asked, signal };
  await fetchWanted(reader);
  for (const { reconciliationId, from, to } of await readingOf(deps.db, hold.sourceId)) {
    for (const feed of asked.feeds) await readFeed(reader, feed, reconciliationId, { start: from, target: to, lookBackMs: 0 });
    await noteRead(deps.db, reconciliationId, { badRows: 0, bad: [] });
  }
  const schedule = asked.options['pull'] as PullSchedule | undefined;
  if (schedule === undefined || !isTurn) return null;
  const target = await inTransaction(deps.db, async ({ now }) => now);
  for (const feed of asked.feeds) await readFeed(reader, feed, null, spanOf(feed, schedule, target));
  return schedule.every_seconds * 1000;
}

function spanOf(feed: Feed, schedule: PullSchedule, target: Date) {
  const lookBackMs = schedule.look_back_seconds === undefined ? feed.overlapMs : schedule.look_back_seconds * 1000;
  return { start: schedule.since === undefined ? target : new Date(schedule.since), target, lookBackMs };
}

/** Fetches what was named by its id. One that fails for itself is put off and does not keep the others. */
async function fetchWanted(reader: Reader): Promise<void> {
  const { deps, hold, asked, signal } = reader;
  const { adapter } = asked;
  if (adapter.detail === undefined) return;
  for (const few of fewAtOnce(await dueWanted(deps.db, hold.sourceId, WANTED_PER_TURN))) {
    signal.throwIfAborted();
    const fetchedAt = await inTransaction(deps.db, async ({ now }) => now);
    const asking = asked.asking(fetchedAt);
    const answers = await Promise.allSettled(few.map(({ key }) => adapter.detail!(key, asking)));
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 'fulfilled') await storeFetched(reader, few[index]!, answer.value, fetchedAt);
      else await putOff(reader, few[index]!, answer.reason);
    }
    for (const answer of answers) if (answer.status === 'rejected' && isOfAll(answer.reason)) throw answer.reason;
  }
}

async function putOff({ deps, hold }: Reader, { key, attempts }: DueWanted, error: unknown): Promise<void> {
  await postponeWanted(deps.db, hold.sourceId, key, { afterMs: pauseMs(error, attempts + 1), error: messageOf(error) });
}

async function storeFetched({ deps, hold, asked }: Reader, wanted: DueWanted, bodies: Buffer[], fetchedAt: Date): Promise<void> {
  const { adapter, source } = asked;
  const headers = { feed: 'detail' };
  const rows = { origin: 'pull' as const, source, merchantId: null, bodies, headers, fetchedAt };
  const still = bodies.flatMap((body) => wantedBy(adapter, claimedOf(hold.sourceId, body, headers, fetchedAt), source.options));
  const again = still.find((one) => one.key === wanted.key);
  await inTransaction(deps.db, async ({ trx }) => {
    await noteAnswer(trx, hold);
    await enterRows(trx, new Map([[adapter.kind, adapter]]), rows, null);
    if (again === undefined) await forgetWanted(trx, hold.sourceId, wanted);
    else await postponeWanted(trx, hold.sourceId, wanted.key, { afterMs: again.afterMs ?? REST_MS, error: null });
  });
  deps.onDelivered();
}

function claimedOf(sourceId: string, body: Buffer, headers: Record<string, string>, at: Date) {
  const times = { received_at: at, clock_skew_seconds: null, untimed_at: null };
  return { delivery_id: '', source_id: sourceId, merchant_id: null, origin: 'pull' as const, body, headers, ...times };
}

/** Lets the source rest, and tells those who wait for a reconciliation why. */
async function rest({ db }: PullDeps, hold: Hold, error: unknown): Promise<void> {
  const message = messageOf(error);
  const forGood = error instanceof AskingFailed && error.kind === 'refused';
  for (const { reconciliationId } of await readingOf(db, hold.sourceId)) await noteTrouble(db, reconciliationId, message, { forGood });
  await letRest(db, hold, { error: message, restMs: (attempts) => pauseMs(error, attempts) });
}
