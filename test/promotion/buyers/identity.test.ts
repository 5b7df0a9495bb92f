// What becomes one identity, and what a visitor's cookie tells to whom.

import { createHmac, createSecretKey } from 'node:crypto';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { uuidv7 } from '../../../src/platform/uuid.ts';
import { identitiesOf, identityHash } from '../../../src/promotion/buyers/identity.ts';
import { firstTouches } from '../../../src/promotion/clicks/touches.ts';
import { firstClickOf, makeVisitor, visitorIn, visitorTag } from '../../../src/promotion/clicks/visitor.ts';

const key = createSecretKey(Buffer.alloc(32, 7));

test('an identity is the first half of a keyed hash of merchant, type and value', () => {
  const hex = createHmac('sha256', Buffer.alloc(32, 7)).update('m1\0openid\0o1').digest('hex');
  expect(identityHash(key, 'm1', 'openid', 'o1').replaceAll('-', '')).toBe(hex.slice(0, 32));
});

test('merchant, type, value and key each make another identity', () => {
  const hashes = [
    identityHash(key, 'm1', 'openid', 'o1'),
    identityHash(key, 'm2', 'openid', 'o1'),
    identityHash(key, 'm1', 'unionid', 'o1'),
    identityHash(key, 'm1', 'openid', 'o2'),
    identityHash(createSecretKey(Buffer.alloc(32, 8)), 'm1', 'openid', 'o1'),
  ];
  expect(new Set(hashes).size).toBe(hashes.length);
});

const of = (type: string, value: string) => identitiesOf(key, 'm1', { [type]: value });

test('spellings of one phone or one e-mail address are one identity, of anything else they are not', () => {
  expect(of('phone', '+86 138-0013-8000')).toEqual(of('phone', '8613800138000'));
  expect(of('email', ' Alice@Example.com')).toEqual(of('email', 'alice@example.com'));
  expect(of('openid', 'oABC')).not.toEqual(of('openid', 'oabc'));
  expect(of('customer_id', '1-2')).not.toEqual(of('customer_id', '12'));
});

test.each(['', ' ', '0', 'null', 'undefined', 'NULL', 'Guest', '138****8000', '-'])('the value %j is nobody', (value) => {
  expect(identitiesOf(key, 'm1', { customer_id: value, phone: value, absent: null })).toEqual([]);
});

test('a phone that is not written as a number counts as it stands', () => {
  expect(identitiesOf(key, 'm1', { phone: 'line-1' })).not.toEqual(identitiesOf(key, 'm1', { phone: 'desk-1' }));
  expect(identitiesOf(key, 'm1', { phone: 'n/a' })).toEqual([]);
});

test('a visitor value tells its first click to the merchant of that click, and to no other', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.integer({ min: 0, max: 2 ** 47 }), (merchantId, clickedAt) => {
      const clickId = uuidv7(clickedAt);
      const value = makeVisitor(visitorTag(merchantId), clickId);
      expect(value).toMatch(/^[\w-]{22}\.[\w-]{22}$/);
      expect(firstClickOf(value, visitorTag(merchantId))).toEqual({ clickId, clickedAt });
      expect(firstClickOf(value, visitorTag(`${merchantId}2`))).toBeNull();
      expect(firstTouches(key, merchantId, { visitor: value })).toEqual([
        { identity: identityHash(key, merchantId, 'visitor', value), clickId, clickedAt },
      ]);
      expect(firstTouches(key, `${merchantId}2`, { visitor: value })).toEqual([]);
    }),
  );
});

test('two visitors never have one value', () => {
  const clickId = uuidv7(0);
  const values = Array.from({ length: 2000 }, () => makeVisitor(visitorTag('m1'), clickId));
  expect(new Set(values).size).toBe(values.length);
});

test('the cookie is found among others, and what we have not made is not taken', () => {
  const value = makeVisitor(visitorTag('m1'), uuidv7(1));
  expect(visitorIn(`fy_vid=${value}`)).toBe(value);
  expect(visitorIn(`a=b; fy_vid=${value}; c=d`)).toBe(value);
  expect(visitorIn(`a=b;fy_vid=${value}`)).toBe(value);
  expect(visitorIn(`fy_vid=forged; fy_vid=${value}`)).toBe(value);
  for (const cookies of [
    undefined,
    '',
    `xfy_vid=${value}`,
    `fy_vid=${value}x`,
    `fy_vid=${value.slice(1)}`,
    'fy_vid=',
    `fy_vid="${value}"`,
  ]) {
    expect(visitorIn(cookies)).toBeNull();
  }
});

test('any text as a visitor value is read without an error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\w-]{22}\.[\w-]{22}$/)), (text) => {
      const first = firstClickOf(text, text.slice(16, 22));
      if (first !== null) expect(Number.isSafeInteger(first.clickedAt)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
