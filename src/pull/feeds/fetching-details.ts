// Fetching what deliveries and lists name only by its id, a few at a time. One that is not told is
// put off by itself.
import { wantedBy } from '../../inbox/wanted-details.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import { isOfAll } from '../../sources/details.ts';
import { enterRows } from '../entering.ts';
import { fetchingOf, noteFailure, noteFetched } from './feed-store.ts';
import { noteAnswer } from './lease-store.ts';
import { failureOf, keptMessageOf, pauseMs, pauseOfFetchingMs } from './pauses.ts';
import type { Turn, TurnWork } from './turn.ts';
import { dueWanted, forgetWanted, postponeWanted, putOffWanted, type DueWanted } from './wanted-detail-store.ts';

/** So many are asked for at once, as the rows of a page are. */
const FEW = 8;

/**
 * Fetches what is due: what was never asked for, or what failed before, of which neither waits for
 * the other.
 */
export function fetchingWork(turn: Turn, which: 'fresh' | 'failed'): TurnWork {
  return {
    ask: () => fetchFew(turn, which),
    fail: (error) =>
      turn.write(({ trx }) =>
        noteFailure(trx, fetchingOf(turn.lease.sourceId), {
          failure: failureOf(error),
          error: keptMessageOf(error),
          restMs: (attempts) => pauseOfFetchingMs(error, attempts),
        }),
      ),
  };
}

async function fetchFew(turn: Turn, which: 'fresh' | 'failed'): Promise<boolean> {
  const { deps, lease, asked } = turn;
  const few = await dueWanted(deps.db, lease.sourceId, which, FEW);
  if (few.length === 0) return false;
  const { adapter } = asked;
  const fetchedAt = await inTransaction(deps.db, async ({ now }) => now);
  const asking = asked.asking(fetchedAt);
  const answers = await Promise.allSettled(few.map(async ({ key }) => adapter.detail!(key, asking)));
  const errors = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []));
  const isAnswered = errors.length < few.length || errors.some((error) => failureOf(error) === 'item_refused');
  for (const [index, answer] of answers.entries()) {
    if (answer.status === 'fulfilled') await store(turn, few[index]!, answer.value, fetchedAt);
    else await turn.write(({ trx }) => putOffWanted(trx, lease.sourceId, few[index]!, answer.reason));
  }
  if (isAnswered) await turn.write(({ trx }) => noteFetched(trx, lease.sourceId, fetchedAt));
  // A refusal of our keys that stands beside an answer is about that one thing.
  const ofAll = errors.find((error) => isOfAll(error) && !(isAnswered && failureOf(error) === 'refused'));
  if (ofAll !== undefined) throw ofAll;
  return true;
}

/**
 * Stores what was fetched. Where that fails, the one thing is put off: what the database cannot
 * keep must not keep the others out.
 */
async function store(turn: Turn, wanted: DueWanted, bodies: Buffer[], fetchedAt: Date): Promise<void> {
  try {
    await storeFetched(turn, wanted, bodies, fetchedAt);
  } catch (error) {
    // Where the lease is lost or the database is away, this fails, too.
    await turn.write(({ trx }) => putOffWanted(trx, turn.lease.sourceId, wanted, error));
  }
}

async function storeFetched({ deps, lease, asked, write }: Turn, wanted: DueWanted, bodies: Buffer[], fetchedAt: Date): Promise<void> {
  const { adapter, source } = asked;
  const headers = { feed: 'detail' };
  const rows = { origin: 'pull' as const, source, merchantId: null, bodies, headers, fetchedAt };
  const again = bodies.flatMap((body) => stillWanted(asked, body, headers, fetchedAt)).find((one) => one.key === wanted.key);
  await write(async ({ trx }) => {
    await noteAnswer(trx, lease);
    await enterRows(trx, new Map([[adapter.kind, adapter]]), rows, null);
    if (again === undefined) await forgetWanted(trx, lease.sourceId, wanted);
    else await postponeWanted(trx, lease.sourceId, wanted, again.afterMs ?? pauseMs(null, 1));
  });
  deps.onDelivered();
}

/**
 * What the answer itself wants. One that cannot be read wants nothing: it is kept, and fails where
 * everybody looks for what fails.
 */
function stillWanted({ adapter, source }: Turn['asked'], body: Buffer, headers: Record<string, string>, at: Date) {
  const times = { received_at: at, clock_skew_seconds: null, untimed_at: null, content_hashes: null };
  const told = {
    delivery_id: '',
    source_id: source.sourceId,
    merchant_id: null,
    origin: 'pull' as const,
    body,
    headers,
    ...times,
  };
  try {
    return wantedBy(adapter, told, source.options);
  } catch {
    return [];
  }
}
