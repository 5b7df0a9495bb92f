// Group commit: everything that arrived while the last commit ran goes into the next one.
// There is no timer, so nothing waits longer than one commit.

import { DomainError } from '../core/errors.ts';
import { isUnavailable } from './database.ts';

export interface GroupCommit<Item, Result> {
  /** Settles after the commit of the item's own group. Rejects with `unavailable` when too many are waiting, or after close. */
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

/** Items and what settles them, side by side: one array each is cheaper than an object per item. */
interface Group<Item, Result> {
  items: Item[];
  resolves: ((result: Result) => void)[];
  rejects: ((error: unknown) => void)[];
}

/**
 * Makes a queue whose items are committed in groups. When a group of several fails for another reason than a lost database, its halves
 * are tried by themselves, so that one bad item fails alone.
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

  async function drain(): Promise<void> {
    while (queue.items.length > 0) {
      const group = takeGroup();
      await settle(group, commit);
      unsettled -= group.items.length;
    }
    busy = false;
    if (closed) whenIdle?.();
  }

  function takeGroup(): Group<Item, Result> {
    if (queue.items.length <= itemsMax) {
      const group = queue;
      queue = emptyGroup();
      return group;
    }
    const group = sliceGroup(queue, 0, itemsMax);
    queue = sliceGroup(queue, itemsMax, queue.items.length);
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

/** Commits a group and settles each of its items. */
async function settle<Item, Result>(group: Group<Item, Result>, commit: Commit<Item, Result>): Promise<void> {
  const { items, resolves } = group;
  let results: Result[];
  try {
    results = await commit(items);
  } catch (error) {
    await settleFailed(group, error, commit);
    return;
  }
  if (results.length !== items.length) {
    rejectAll(group, new Error(`broken law: ${items.length} items were committed and have ${results.length} results`));
    return;
  }
  for (let at = 0; at < resolves.length; at++) resolves[at]!(results[at]!);
}

async function settleFailed<Item, Result>(group: Group<Item, Result>, error: unknown, commit: Commit<Item, Result>): Promise<void> {
  const size = group.items.length;
  if (size === 1 || isUnavailable(error)) {
    rejectAll(group, error);
    return;
  }
  const middle = size >> 1;
  await settle(sliceGroup(group, 0, middle), commit);
  await settle(sliceGroup(group, middle, size), commit);
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
