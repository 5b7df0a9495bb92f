// Failed deliveries in the log: each is told, and a flood of them is a number.

import { expect, test } from 'vitest';

import { failureLog } from '../../../src/inbox/deliveries/failure-log.ts';
import { buildLogger } from '../../../src/platform/process/log.ts';

function listening() {
  const lines: Record<string, unknown>[] = [];
  const clock = { now: 0 };
  const tell = failureLog(
    buildLogger('info', { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) }),
    () => clock.now,
  );
  return { lines, clock, fail: (deliveryId: string, givenUp = true) => tell({ deliveryId, sourceId: 's', attempts: 1, givenUp }) };
}

test('a delivery that failed is told with its id and where its error is', () => {
  const { lines, fail } = listening();
  fail('d-1');
  fail('d-2', false);
  expect(lines).toMatchObject([
    { level: 'warn', delivery_id: 'd-1', source_id: 's', msg: expect.stringMatching(/given up.*GET \/v1\/deliveries\/d-1/) },
    { delivery_id: 'd-2', msg: expect.stringContaining('will be tried again') },
  ]);
});

test('ten thousand failures in a minute are thirty lines, and the next minute says how many more there were', () => {
  const { lines, clock, fail } = listening();
  for (let index = 0; index < 10_000; index += 1) fail(String(index));
  expect(lines).toHaveLength(30);
  clock.now = 60_000;
  fail('later');
  expect(lines.slice(30)).toMatchObject([{ deliveries: 9970 }, { delivery_id: 'later' }]);
});
