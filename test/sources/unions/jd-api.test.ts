// The list of 京东联盟 at its double: hours with more rows than a page has, while rows move.
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Asking } from '../../../src/sources/asking.ts';
import { askingOf, readWindow } from '../asking.ts';
import type { Double } from '../subject.ts';
import { subject } from '../subjects/jd.ts';

const feed = subject.adapter.feeds![0]!;
/** Windows rarely begin with a second. */
const BEGIN = Date.parse('2026-06-20T10:00:00.500Z');
const after = (seconds: number) => new Date(BEGIN + seconds * 1000);
const END = new Date(BEGIN + feed.windowMs(after(0)));

let double: Double;
let asking: Asking;

beforeEach(async () => {
  double = await subject.open!();
  asking = askingOf(subject, double);
});
afterEach(() => double.close());

async function idsIn(from: Date, until: Date): Promise<Set<string>> {
  const rows = (await readWindow(feed, asking, from, until)) as { orderId: number }[];
  return new Set(rows.map(({ orderId }) => String(orderId)));
}

/** So many orders, the first one at `from`; their ids. */
function put(count: number, from: number, everySeconds: number): string[] {
  const ids = Array.from({ length: count }, (_, index) => String(Math.round(from * 10) * 10_000 + index));
  for (const [index, id] of ids.entries()) double.put(id, after(from + index * everySeconds));
  return ids;
}

test('an hour that has a page of rows is asked for once, to its last moment', async () => {
  const ids = [...put(499, 1, 7), ...put(1, 3598.9, 0)];
  expect(await idsIn(after(0), END)).toEqual(new Set(ids));
  expect(double.asked()).toBe(1);
});

test('rows that move while an hour of many pages is read are found where they went, and all others where they are', async () => {
  const [calm, burst] = [put(1700, 1, 2), put(1300, 1800.2, 0)];
  let moved = 0;
  double.afterPage(() => {
    for (const id of [...calm.slice(moved, moved + 15), ...burst.slice(moved, moved + 15)]) {
      double.put(id, new Date(END.getTime() + 60_000));
    }
    moved += 15;
  });
  const found = await idsIn(after(0), END);
  double.afterPage(() => undefined);
  for (const id of await idsIn(END, new Date(END.getTime() + 120_000))) found.add(id);
  expect(found).toEqual(new Set([...calm, ...burst]));
});

test('rows that the list tells late hide no others', async () => {
  const ids = put(1700, 1, 2);
  double.afterPage((page) => double.put(String(page), after(900)));
  const found = await idsIn(after(0), END);
  expect(ids.filter((id) => !found.has(id))).toEqual([]);
});

test('one busy second does not make the seconds after it cost a question each', async () => {
  const ids = [...put(40, 1, 80), ...put(600, 60.2, 0)];
  expect(await idsIn(after(0), END)).toEqual(new Set(ids));
  // Eleven halves down to the second, its two pages, and as many doublings up again.
  expect(double.asked()).toBeLessThan(40);
});
