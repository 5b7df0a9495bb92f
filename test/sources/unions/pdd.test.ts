// The list of 多多进宝 at its double.
import { expect, test } from 'vitest';

import { askingOf, readWindow } from '../asking.ts';
import { subject } from '../subjects/pdd.ts';

test('the longest window that begins within a second is answered, to its last moment', async () => {
  const double = await subject.open!();
  const feed = subject.adapter.feeds![0]!;
  const from = new Date('2026-06-20T10:00:00.500Z');
  const until = new Date(from.getTime() + feed.windowMs(from));
  double.put('first', from);
  double.put('last', new Date(until.getTime() - 1));
  expect(await readWindow(feed, askingOf(subject, double), from, until)).toMatchObject([{ order_sn: 'first' }, { order_sn: 'last' }]);
  await double.close();
});
