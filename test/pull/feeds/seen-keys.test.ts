import { expect, test } from 'vitest';

import { SeenKeys } from '../../../src/pull/feeds/seen-keys.ts';

test('each key has its own number, however many there are, and the last one counts', () => {
  const seen = new SeenKeys();
  const KEYS = 20_000;
  for (let n = 0; n < KEYS; n++) seen.set(`key ${n}`, n);
  for (let n = 0; n < KEYS; n += 7) seen.set(`key ${n}`, 0);
  const wrong = Array.from({ length: KEYS }, (_, n) => n).filter((n) => seen.get(`key ${n}`) !== (n % 7 === 0 ? 0 : n));
  expect(wrong).toEqual([]);
  expect(seen.get('another key')).toBeNull();
  expect(seen.counts().get(0)).toBe(Math.ceil(KEYS / 7));
});
