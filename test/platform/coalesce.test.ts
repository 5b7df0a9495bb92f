// Lookups that are gathered: one statement at a time, whoever asks for how much.

import { expect, test } from 'vitest';

import { coalesced } from '../../src/platform/coalesce.ts';

test('what is asked for while a statement runs is asked for by the next one, each key once', async () => {
  const statements: string[][] = [];
  const find = coalesced(async (keys) => {
    statements.push(keys);
    return new Map(keys.filter((key) => key !== 'nobody').map((key) => [key, key.toUpperCase()]));
  });
  const first = [find('a'), find('nobody'), find('a')];
  expect(await Promise.all(first)).toEqual(['A', null, 'A']);
  expect(await Promise.all([find('a'), find('b')])).toEqual(['A', 'B']);
  expect(statements).toEqual([
    ['a', 'nobody'],
    ['a', 'b'],
  ]);
});

test('a flood of keys takes one statement at a time, of a size that is bounded', async () => {
  let running = 0;
  const sizes: number[] = [];
  const find = coalesced(async (keys) => {
    running += 1;
    expect(running).toBe(1);
    sizes.push(keys.length);
    await new Promise(setImmediate);
    running -= 1;
    return new Map([['1999', 'there']]);
  }, 500);
  const found = await Promise.all(Array.from({ length: 2000 }, (_, at) => find(String(at))));
  expect(found.filter((one) => one !== null)).toEqual(['there']);
  expect(sizes).toEqual([500, 500, 500, 500]);
});

test('a statement that fails fails those who asked for it, and nobody after them', async () => {
  let broken = true;
  const find = coalesced(async (keys) => {
    if (broken) throw new Error('away');
    return new Map(keys.map((key) => [key, key]));
  });
  await expect(Promise.all([find('a'), find('b')])).rejects.toThrow('away');
  broken = false;
  expect(await find('a')).toBe('a');
});
