import { expect, test } from 'vitest';

import { messageOf, stackOf } from '../../src/platform/error-text.ts';

test('whatever is thrown has a text', () => {
  expect([new TypeError('broken'), 'broken', undefined].map(messageOf)).toEqual(['broken', 'broken', 'undefined']);
  expect([stackOf('broken'), stackOf(null)]).toEqual(['broken', 'null']);
});

test('an error says where it came from, and its message where it does not know', () => {
  const error = new Error('broken');
  expect(stackOf(error)).toContain(import.meta.filename);
  delete error.stack;
  expect(stackOf(error)).toBe('broken');
});
