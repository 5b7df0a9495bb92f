import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { byteOrderMark, encodable, encodeText, TEXT_ENCODINGS } from '../../../../src/payouts/providers/file/text-encoding.ts';
import { isSeen } from '../../../../src/platform/http/fields.ts';
import { textsOf } from './payments.ts';

test.each([
  ['张三', 'd5c5c8fd'],
  ['€', 'a2e3'],
  ['㐀', '8139ee39'],
  ['䶮', 'fe9f'],
  ['𠮷', '9534b235'],
  ['😀', '9439fc36'],
  ['ü', 'a8b9'],
])('GB 18030 has two or four bytes for %s', (text, hex) => {
  expect(encodeText(text, 'gb18030').toString('hex')).toBe(hex);
  expect(encodable(text, 'gb18030')).toBe(true);
});

const BLOCK = 256;

test('no character that a name is written with is lost in GB 18030', () => {
  const lost: number[] = [];
  for (let first = BLOCK; first <= 0x10ffff; first += BLOCK) {
    const codes = Array.from({ length: BLOCK }, (_, at) => first + at).filter(isNamed);
    if (encodable(String.fromCodePoint(...codes), 'gb18030')) continue;
    lost.push(...codes.filter((code) => !encodable(String.fromCodePoint(code), 'gb18030')));
  }
  // In these the editions of the standard differ: of private use, and eight late forms of hanzi.
  expect(lost.length).toBeGreaterThan(0);
  expect(lost.filter((code) => (code < 0xe000 || code > 0xf8ff) && (code < 0x9fb4 || code > 0x9fbb))).toEqual([]);
  expect(lost.length).toBeLessThan(40);
});

const isNamed = (code: number): boolean => (code < 0xd800 || code > 0xdfff) && isSeen(String.fromCodePoint(code));

test.each(TEXT_ENCODINGS)('half a character, and what controls a line, is not written in %s', (encoding) => {
  for (const text of ['\ud842', 'a\udc00b', 'a\nb', 'a\rb', 'a\tb', 'a\0b', '\u202eabc', 'a\u2028b', '\u0085']) {
    expect(encodable(text, encoding)).toBe(false);
  }
  expect(() => encodeText('\ud842', encoding)).toThrow('a text is checked before it is written');
});

test('what can be written is read back by another decoder, and holds no question mark of ours', () => {
  const decoders = { 'utf-8-bom': 'utf-8', gb18030: 'gb18030' } as const;
  fc.assert(
    fc.property(textsOf(20), fc.constantFrom(...TEXT_ENCODINGS), (text, encoding) => {
      fc.pre(encodable(text, encoding));
      const read = new TextDecoder(decoders[encoding], { ignoreBOM: true }).decode(encodeText(text, encoding));
      expect(read).toBe(text);
    }),
  );
});

test('only UTF-8 has a mark', () => {
  expect(encodeText(byteOrderMark('utf-8-bom'), 'utf-8-bom').toString('hex')).toBe('efbbbf');
  expect(byteOrderMark('gb18030')).toBe('');
});
