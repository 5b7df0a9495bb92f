import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { ADAPTERS } from '../../src/sources/adapters.ts';
import { CAMPAIGNS } from './campaigns/run.ts';
import { FAULTS, faultsNamed } from './faults/all.ts';
import { HOSTILE_MARKET } from './hostile/run.ts';
import { edited, MUTANTS } from './mutants.ts';
import { PAYOUTS } from './payouts/run.ts';
import { withAmounts } from './pull/amounts.ts';
import { makeScript } from './pull/script.ts';
import { SYSTEMS } from './pull/systems.ts';
import { seeded } from './random.ts';
import { reckon } from './reckoning.ts';
import { makeSchedule, USUAL } from './schedule.ts';

const play = (seed: number) => makeSchedule(seeded(seed), 'one', USUAL);
const textOf = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

test.each(MUTANTS)('what the mutant $name breaks stands in the code, once', ({ edits, fault }) => {
  for (const edit of edits) {
    const text = textOf(edit.file);
    expect(edited(text, edit)).not.toBe(text);
  }
  if (fault !== HOSTILE_MARKET && fault !== PAYOUTS && fault !== CAMPAIGNS) expect(faultsNamed([fault])).toHaveLength(1);
});

test('a mutant whose text is gone is refused', () => {
  expect(() => edited('const a = 1;', { file: 'a.ts', from: 'const b', to: '' })).toThrow('stands 0 times in a.ts: const b');
  expect(() => edited('1 1', { file: 'a.ts', from: '1', to: '2' })).toThrow('stands 2 times');
});

test('the same seed plays the same schedule, and another seed another one', () => {
  expect(play(42)).toEqual(play(42));
  expect(play(42)).not.toEqual(play(43));
});

test('no schedule refunds more than was paid', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    for (const { lines, refunds } of makeSchedule(seeded(seed), 'one', USUAL).orders) {
      const kept = reckon('bob', 0, lines, refunds).map(({ paid, refunded }) => paid - refunded);
      expect(Math.min(...kept)).toBeGreaterThanOrEqual(0);
      const refunded = refunds.reduce((sum, { amount }) => sum + amount, 0);
      expect(lines.reduce((sum, { paid }) => sum + paid, 0) - kept.reduce((sum, one) => sum + one, 0)).toBe(refunded);
    }
  }
});

test('the reckoning gives the worked figures: 99.99 at ten percent, and after a refund of 30.00', () => {
  const lines = [{ lineId: '1', paid: 9999 }];
  expect(reckon('bob', 100_000, lines, [])).toEqual([
    { lineId: '1', paid: 9999, refunded: 0, pool: 999, shares: ['agency a1 300', 'promoter bob 630', 'upline alice 69'] },
  ]);
  expect(reckon('bob', 100_000, lines, [{ refundId: 'r1', lineId: null, amount: 3000 }])[0]!.shares).toEqual([
    'agency a1 210',
    'promoter bob 441',
    'upline alice 48',
  ]);
  expect(reckon('carol', 100_000, lines, [])[0]!.shares).toEqual(['promoter carol 630', 'upline bob 69']);
});

test('a refund of the whole order is spread by largest remainder, ties to the lower line', () => {
  const lines = [1, 2, 3].map((n) => ({ lineId: String(n), paid: 100 }));
  const refunded = reckon('bob', 0, lines, [{ refundId: 'r1', lineId: null, amount: 100 }]).map((line) => line.refunded);
  expect(refunded).toEqual([34, 33, 33]);
});

test('every fault has a name of its own', () => {
  expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
  expect(() => faultsNamed(['no-such-fault'])).toThrow('there is no fault no-such-fault');
});

test('every order system that can be asked is pulled, and each trouble befalls it at least once', () => {
  expect(SYSTEMS.map(({ kind }) => kind)).toEqual(ADAPTERS.flatMap(({ kind, feeds }) => (feeds === undefined ? [] : kind)));
  const script = makeScript(seeded(7), { moved: 20, made: 5 });
  expect(script).toEqual(makeScript(seeded(7), { moved: 20, made: 5 }));
  expect([...new Set(script.troubles.map(({ trouble }) => trouble))].toSorted()).toEqual(
    ['cut', 'kill', 'rate_limited', 'temporary', 'token_ended', 'torn'].toSorted(),
  );
  expect(script.changes.filter((one) => one === 'moved')).toHaveLength(20);
  expect(script.changes.filter((one) => one === 'made')).toHaveLength(5);
});

const onlyTwelve = (orderId: string) => (orderId === '12' ? { paid: 5010, more: {} } : undefined);

test.each([
  ['{"id":"gid://shopify/Order/12","amount":"99.99"}', '{"id":"gid://shopify/Order/12","amount":"50.10"}'],
  ['{"order_sn":12,"order_amount":9999,"fee":445}', '{"order_sn":12,"order_amount":5010,"fee":445}'],
  ['{"text":"{\\"orderId\\":12,\\"price\\":99.99}"}', '{"text":"{\\"orderId\\":12,\\"price\\":50.1}"}'],
  ['{"orders":[{"order_id":"12","parts":[{"pay":9999}]},{"order_id":"13","parts":[{"pay":9999}]}]}', null],
])("an order costs in a platform's answer what its last change says: %s", (text, expected) => {
  expect(withAmounts(text, onlyTwelve)).toBe(
    expected ?? '{"orders":[{"order_id":"12","parts":[{"pay":5010}]},{"order_id":"13","parts":[{"pay":9999}]}]}',
  );
});
