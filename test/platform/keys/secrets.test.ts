import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { masterKeys, open, seal } from '../../../src/platform/keys/secrets.ts';

describe('sealing', () => {
  const keys = masterKeys(['the first master key of them all']);

  test('what was sealed opens again at its own place, and never looks the same twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, place) => {
        const sealed = seal(keys, text, place);
        expect(open(keys, sealed, place)).toBe(text);
        expect(seal(keys, text, place).equals(sealed)).toBe(false);
      }),
    );
  });

  test('a changed bit, another place, a cut end, and another master key do not open', () => {
    const sealed = seal(keys, 'shop secret', 'source.secrets:s1');
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at]! ^= 1;
      expect(() => open(keys, changed, 'source.secrets:s1')).toThrow();
      expect(() => open(keys, sealed.subarray(0, at), 'source.secrets:s1')).toThrow();
    }
    expect(() => open(keys, sealed, 'source.secrets:s2')).toThrow();
    expect(() => open(masterKeys(['another master key altogether..']), sealed, 'source.secrets:s1')).toThrow('is not among');
  });

  test('a master key is rotated by putting a new one before it', () => {
    const sealed = seal(keys, 'old', 'x');
    const rotated = masterKeys(['the second master key of them all', 'the first master key of them all']);
    expect(open(rotated, sealed, 'x')).toBe('old');
    expect(() => open(keys, seal(rotated, 'new', 'x'), 'x')).toThrow('is not among');
  });
});
