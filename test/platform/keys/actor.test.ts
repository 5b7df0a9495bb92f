import { expect, test } from 'vitest';

import { mayActAs, mayActFor, scopeOf, type Actor } from '../../../src/platform/keys/actor.ts';

const everybody: Actor = { keyId: '1', scope: 'storefront', role: null, person: 'zhang', merchantId: null, promoterId: null };
const shop: Actor = { ...everybody, merchantId: 'm1' };
const alice: Actor = { ...everybody, scope: 'promoter', promoterId: 'alice' };

test('a key that is bound to a merchant acts for no other, and for none that is not named', () => {
  expect(() => mayActFor(shop, 'm1')).not.toThrow();
  expect(() => mayActFor(everybody, 'm2')).not.toThrow();
  expect(() => mayActFor(everybody, null)).not.toThrow();
  for (const other of ['m2', 'M1', '', null]) expect(() => mayActFor(shop, other)).toThrow(expect.objectContaining({ status: 403 }));
});

test('a key of a promoter acts as no other', () => {
  expect(() => mayActAs(alice, 'alice')).not.toThrow();
  expect(() => mayActAs(shop, 'bob')).not.toThrow();
  expect(() => mayActAs(alice, 'bob')).toThrow(expect.objectContaining({ status: 403 }));
});

test('a scope that nobody knows is a broken database, not a right', () => {
  expect(scopeOf('auditor')).toBe('auditor');
  expect(() => scopeOf('root')).toThrow('broken law');
});
