// Group commit: everything that arrived while the last commit ran goes into the next one.
// There is no timer, so nothing waits longer than one commit.

import { DomainError } from '../../core/errors.ts';
import { isUnavailable } from './database.ts';

export interface GroupCommit<Item, Result> {
  /**
   * Settles after the commit of the item's own group. Rejects with `unavailable` when too many are
   * waiting, or after close.
   */
  push(item: Item): Promise<Result>;
  /** Takes no more, and resolves when all that was taken is settled. */
  close(): Promise<void>;
  /** How many items are taken and not settled. */
  waiting(): number;
}

/** Makes all items durable, or none, and tells the result of each in their order. */
type Commit<Item, Result> = (items: Item[]) => Promise<Result[]>;

interface GroupCommitOptions<Item, Result> {
  commit: Commit<Item, Result>;
  /** Greatest number of items in one commit. */
  itemsMax: number;
  /** Greatest number of items taken and not settled. */
  waitingMax: number;
}

/** Below that a commit costs more than waiting for it. */
const GROUP_ITEMS_MIN = 16;

/** Items and what settles them, side by side: one array each is cheaper than an object per item. */
interface Group<Item, Result> {
  items: Item[];
  resolves: ((result: Result) => void)[];
  rejects: ((error: unknown) => void)[];
}

/**
 * Makes a queue whose items are committed in groups. When a group of several fails for another
 * reason than a lost database, its halves are tried by themselves, so that one bad item fails
 * alone.
 */
export function groupCommit<Item, Result>({ commit, itemsMax, waitingMax }: GroupCommitOptions<Item, Result>): GroupCommit<Item, Result> {
  let queue = emptyGroup<Item, Result>();
  let unsettled = 0;
  let busy = false;
  let closed = false;
  let whenIdle: (() => void) | undefined;

  function push(item: Item): Promise<Result> {
    if (closed) return Promise.reject(new DomainError('unavailable', 'This server is shutting down. Try again.'));
    if (unsettled >= waitingMax) return Promise.reject(new DomainError('unavailable', 'Too much is waiting to be stored. Try again.'));
    unsettled++;
    if (!busy) {
      busy = true;
      // What else this turn of the event loop brings comes along.
      setImmediate(() => void drain());
    }
    return new Promise((resolve, reject) => {
      queue.items.push(item);
      queue.resolves.push(resolve);
      queue.rejects.push(reject);
    });
  }

  /** While one group is answered, the next one is committed: neither waits for the other. */
  async function drain(): Promise<void> {
    let next = begin();
    while (next !== null) {
      const { group, committing } = next;
      const outcome = await committing;
      next = begin();
      await settle(group, outcome, commit);
      unsettled -= group.items.length;
      next ??= begin();
    }
    busy = false;
    if (closed) whenIdle?.();
  }

  function begin(): Committing<Item, Result> | null {
    if (queue.items.length === 0) return null;
    const group = takeGroup();
    return { group, committing: attempt(group, commit) };
  }

  /** Half of what waits: were it all, nobody would be left to be answered during the commit. */
  function takeGroup(): Group<Item, Result> {
    const size = Math.min(itemsMax, Math.max(GROUP_ITEMS_MIN, Math.ceil(unsettled / 2)));
    if (queue.items.length <= size) {
      const group = queue;
      queue = emptyGroup();
      return group;
    }
    const group = sliceGroup(queue, 0, size);
    queue = sliceGroup(queue, size, queue.items.length);
    return group;
  }

  function close(): Promise<void> {
    closed = true;
    if (!busy) return Promise.resolve();
    return new Promise((resolve) => {
      whenIdle = resolve;
    });
  }

  return { push, close, waiting: () => unsettled };
}

/** What came of a commit. */
type Outcome<Result> = { results: Result[] } | { error: unknown; isFinal: boolean };

interface Committing<Item, Result> {
  group: Group<Item, Result>;
  committing: Promise<Outcome<Result>>;
}

/** Never rejects: what failed is told when the group is settled. */
async function attempt<Item, Result>({ items }: Group<Item, Result>, commit: Commit<Item, Result>): Promise<Outcome<Result>> {
  try {
    const results = await commit(items);
    if (results.length === items.length) return { results };
    // Committed once: a second try would store them twice.
    return { error: new Error(`broken law: ${items.length} items were committed and have ${results.length} results`), isFinal: true };
  } catch (error) {
    return { error, isFinal: isUnavailable(error) };
  }
}

/**
 * Settles each item of a group. One that failed as a whole is tried again in halves, unless the
 * database is lost.
 */
async function settle<Item, Result>(group: Group<Item, Result>, outcome: Outcome<Result>, commit: Commit<Item, Result>): Promise<void> {
  if ('results' in outcome) {
    for (let at = 0; at < group.resolves.length; at++) group.resolves[at]!(outcome.results[at]!);
    return;
  }
  const size = group.items.length;
  if (size === 1 || outcome.isFinal) {
    rejectAll(group, outcome.error);
    return;
  }
  const middle = size >> 1;
  for (const half of [sliceGroup(group, 0, middle), sliceGroup(group, middle, size)]) {
    await settle(half, await attempt(half, commit), commit);
  }
}

function emptyGroup<Item, Result>(): Group<Item, Result> {
  return { items: [], resolves: [], rejects: [] };
}

function rejectAll<Item, Result>(group: Group<Item, Result>, error: unknown): void {
  for (const reject of group.rejects) reject(error);
}

function sliceGroup<Item, Result>({ items, resolves, rejects }: Group<Item, Result>, from: number, to: number): Group<Item, Result> {
  return { items: items.slice(from, to), resolves: resolves.slice(from, to), rejects: rejects.slice(from, to) };
}
