// Work on many items that never keeps the event loop for long: requests are answered between two
// slices.
import { setImmediate as turn } from 'node:timers/promises';

const SLICE_MS = 10;

/**
 * What `work` makes of each item, in their order; after every ten milliseconds of it whatever else
 * waits has its turn.
 */
export async function inSlices<Item, Result>(items: readonly Item[], work: (item: Item, index: number) => Result): Promise<Result[]> {
  const results: Result[] = [];
  let begun = performance.now();
  for (const [index, item] of items.entries()) {
    results.push(work(item, index));
    if (performance.now() - begun < SLICE_MS) continue;
    await turn();
    begun = performance.now();
  }
  return results;
}
