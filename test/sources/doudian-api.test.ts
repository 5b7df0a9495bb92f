// 抖店's open platform at its double.
import { expect, test } from 'vitest';

import { askingOf, readWindow } from './asking.ts';
import { subject } from './subjects/doudian.ts';

test('a token that the platform ends before its time is asked for anew, and the question is asked again', async () => {
  const double = await subject.open!();
  const asking = askingOf(subject, double);
  const at = new Date('2026-06-01T10:00:00Z');
  const read = () => readWindow(subject.adapter.feeds![0]!, asking, at, new Date(at.getTime() + 60_000));
  double.put('1', at);
  expect(await read()).toHaveLength(1);
  double.failNext('token_ended');
  expect(await read()).toMatchObject([{ order_id: 1 }]);
  expect(double.asked()).toBe(2);
  await double.close();
});
