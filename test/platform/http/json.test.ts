import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { DomainError } from '../../../src/core/errors.ts';
import { parseJson, stringifyJson } from '../../../src/platform/http/json.ts';

const parse = (text: string): unknown => parseJson(Buffer.from(text));

function refusalOf(bytes: Buffer | string): string {
  try {
    parseJson(Buffer.from(bytes));
  } catch (error) {
    if (error instanceof DomainError && error.code === 'malformed_request') return error.message;
    throw error;
  }
  return 'accepted';
}

const exact = (_: string, value: unknown): unknown =>
  Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(String(value)) ? String(value) : value;

describe('parsing', () => {
  test('agrees with JSON.parse on everything but integers that a double may have rounded, which stay text', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!/\\u0000|\\ud[89a-f]|__proto__|constructor/i.test(text));
        expect(parse(text)).toEqual(JSON.parse(text, exact));
      }),
      { numRuns: 1000 },
    );
  });

  test('an integer that a double cannot hold arrives as its digits', () => {
    const text =
      '{"order_id":3705115058471208928,"ids":[9007199254740993,-9007199254740993],"sum":9007199254740991,"rate":0.1234567890123456}';
    expect(parse(text)).toEqual({
      order_id: '3705115058471208928',
      ids: ['9007199254740993', '-9007199254740993'],
      sum: 9007199254740991,
      rate: 0.1234567890123456,
    });
  });

  test('long digits inside a string stay a string, whatever stands before them', () => {
    expect(parse('{"a":"3705115058471208928","b":",3705115058471208928"}')).toEqual({
      a: '3705115058471208928',
      b: ',3705115058471208928',
    });
  });

  test('a byte order mark is passed over, before long numbers too', () => {
    expect(parse('\ufeff{"a":1}')).toEqual({ a: 1 });
    expect(parse('\ufeff{"a":3705115058471208928}')).toEqual({ a: '3705115058471208928' });
  });

  test('a key said twice in one object is refused, with the same value or another', () => {
    expect(refusalOf('{"paid_amount":1,"paid_amount":2}')).toMatch('twice');
    expect(refusalOf('{"lines":[{"a":1,"b":{"c":1,"c":1}}]}')).toMatch('twice');
    expect(refusalOf('{"a":1,"\\u0061":2}')).toMatch('twice');
    expect(refusalOf('[{"a":1},{"a":1}]')).toBe('accepted');
    expect(refusalOf('{"a":"b:c","d\\":":":"}')).toBe('accepted');
  });

  test('keys that reach a prototype are refused', () => {
    expect(refusalOf('{"__proto__":{"admin":true}}')).toMatch('prototype');
    expect(refusalOf('{"\\u005f_proto__":{"admin":true}}')).toMatch('prototype');
    expect(refusalOf('{"constructor":{"prototype":{"admin":true}}}')).toMatch('prototype');
    expect(refusalOf('{"__proto__":{"id":3705115058471208928}}')).toMatch('prototype');
  });

  test('what PostgreSQL cannot store is refused wherever it stands', () => {
    expect(refusalOf('{"a":["x\\u0000y"]}')).toMatch('zero byte');
    expect(refusalOf('{"a\\u0000":1}')).toMatch('zero byte');
    expect(refusalOf('{"a":"\\ud800"}')).toMatch('surrogate');
    expect(refusalOf('{"a":"\\udc00\\ud800"}')).toMatch('surrogate');
    expect(refusalOf('{"\\udfff":1}')).toMatch('surrogate');
    expect(parse('{"a":"\\ud83d\\ude00","b":"\\\\u0000"}')).toEqual({ a: '😀', b: '\\u0000' });
  });

  test('bytes that are not UTF-8 are refused', () => {
    expect(refusalOf(Buffer.from([0x22, 0xff, 0x22]))).toMatch('UTF-8');
    expect(refusalOf(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))).toMatch('UTF-8');
    expect(refusalOf(Buffer.from([0x22, 0xc0, 0x80, 0x22]))).toMatch('UTF-8');
  });

  test('64 levels are read, and a million are refused without a stack overflow', () => {
    expect(refusalOf('['.repeat(64) + ']'.repeat(64))).toBe('accepted');
    expect(refusalOf('['.repeat(65) + ']'.repeat(65))).toMatch('deeper');
    expect(refusalOf('{"a":'.repeat(1_000_000))).toMatch('deeper');
    expect(refusalOf('['.repeat(1_000_000))).toMatch('deeper');
  });

  test('no body, half a body, and a number beyond all doubles are refused', () => {
    expect(refusalOf('')).toMatch('empty');
    expect(refusalOf('{"merchant_id":')).toMatch('JSON');
    expect(refusalOf('{"a":"x')).toMatch('JSON');
    expect(refusalOf('"\\')).toMatch('JSON');
    expect(refusalOf('{"a":1e999}')).toMatch('too large');
    expect(refusalOf('{a:1}')).toMatch('JSON');
    expect(refusalOf('[01]')).toMatch('JSON');
  });
});

describe('writing', () => {
  test('a bigint is written as an integer with all its digits, at any depth', () => {
    expect(stringifyJson({ amount: 9007199254740993n, lines: [{ at: new Date(0), none: undefined, amount: -1n }] })).toBe(
      '{"amount":9007199254740993,"lines":[{"at":"1970-01-01T00:00:00.000Z","amount":-1}]}',
    );
  });

  test('everything else is written as JSON.stringify does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(stringifyJson(value)).toBe(JSON.stringify(value));
      }),
    );
  });

  test('what has no JSON is an error, not an empty answer', () => {
    const round: Record<string, unknown> = {};
    round['self'] = round;
    expect(() => stringifyJson(round)).toThrow(TypeError);
  });
});
