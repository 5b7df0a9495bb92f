// Texts of others, in which nothing hides.

import { expect, test } from 'vitest';

import { visible } from '../../../src/console/parts/visible.ts';

test('characters that change what is read are told by their numbers', () => {
  expect(visible('O-\u202e1')).toBe('O-⟨U+202E⟩1');
  expect(visible('a\u200bb')).toBe('a⟨U+200B⟩b');
  expect(visible('a\u0000b')).toBe('a⟨U+0000⟩b');
  expect(visible('a\u3164b')).toBe('a⟨U+3164⟩b');
});

test('what people write stays as it is', () => {
  for (const text of ['张三 & Søn', 'line\nbreak\ttab', '😀 👍🏽', 'عربي']) expect(visible(text)).toBe(text);
});
