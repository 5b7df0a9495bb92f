// Ids that carry their time.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { uuidTime, uuidv7 } from '../../src/platform/uuid.ts';

const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });

describe('ids that carry their time', () => {
  test('an id has the layout of RFC 9562 and gives its millisecond back', () => {
    fc.assert(
      fc.property(time, (nowMs) => {
        const id = uuidv7(nowMs);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(uuidTime(id)).toBe(nowMs);
      }),
    );
  });

  test('the vector of RFC 9562, appendix A.6, comes out of its time and its random bits', () => {
    const random = Buffer.from([0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]);
    expect(uuidv7(0x017f22e279b0, random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });

  test('a later millisecond sorts after an earlier one', () => {
    fc.assert(
      fc.property(time, time, (one, other) => {
        fc.pre(one < other);
        expect(uuidv7(one) < uuidv7(other)).toBe(true);
      }),
    );
  });

  test('no two of many ids of one millisecond are equal, however often the random bytes are drawn anew', () => {
    const ids = new Set(Array.from({ length: 10_000 }, () => uuidv7(1_700_000_000_000)));
    expect(ids.size).toBe(10_000);
  });

  test('a time that does not fit, too few random bytes and another kind of UUID are refused', () => {
    for (const nowMs of [-1, 1.5, Number.NaN, 2 ** 48]) expect(() => uuidv7(nowMs)).toThrow(RangeError);
    expect(() => uuidv7(0, new Uint8Array(9))).toThrow(RangeError);
    expect(() => uuidTime('919108f7-52d1-4320-9bac-f847db4148a8')).toThrow(RangeError);
    expect(() => uuidTime('not an id')).toThrow(RangeError);
  });
});
