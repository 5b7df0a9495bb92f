import { expect, test } from 'vitest';

import { streamPlaces } from '../../../src/platform/streams/stream-places.ts';

test('a key has as many places as it may, and the process as many in all', () => {
  const places = streamPlaces({ perKey: 2, inAll: 3 });
  const refused = { code: 'too_many_streams', status: 429 };
  const leave = places.take('a');
  places.take('a');
  expect(() => places.take('a')).toThrow(expect.objectContaining(refused));
  places.take('b');
  expect(() => places.take('c')).toThrow(expect.objectContaining(refused));
  expect(places.taken()).toBe(3);
  leave();
  leave();
  expect(places.taken()).toBe(2);
  places.take('c');
  expect(() => places.take('a')).toThrow(expect.objectContaining(refused));
  expect(places.taken()).toBe(3);
});
