// Asking a double without a database: tokens are kept in memory, and a list is read as the puller
// reads it.
import type { Asking } from '../../src/sources/asking.ts';
import type { Feed } from '../../src/sources/source.ts';
import type { Double, Subject } from './subject.ts';

export function askingOf({ adapter, secrets, options }: Subject, double: Double): Asking {
  const tokens = new Map<string, string>();
  return {
    baseUrl: double.url,
    secrets,
    options: adapter.options.parse(options ?? {}),
    fetch,
    now: new Date(),
    async token(name, obtain, ended) {
      const kept = tokens.get(name);
      const value = kept === undefined || kept === ended ? (await obtain(null)).value : kept;
      tokens.set(name, value);
      return value;
    },
  };
}

/** All rows that the list tells of the window, page by page. */
export async function readWindow(feed: Feed, asking: Asking, from: Date, until: Date): Promise<unknown[]> {
  const rows: unknown[] = [];
  let cursor: string | null = null;
  do {
    const page = await feed.list({ from, until, cursor }, asking);
    rows.push(...page.bodies.map((body) => JSON.parse(body.toString()) as unknown));
    cursor = page.next;
  } while (cursor !== null);
  return rows;
}
