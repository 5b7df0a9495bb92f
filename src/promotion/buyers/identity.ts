// A buyer's identities as they are stored: keyed hashes, each of one merchant only, so that no
// table tells who somebody is.

import type { KeyObject } from 'node:crypto';

import { hmacHex } from '../hmac.ts';
import { uuidOfHex } from '../uuid-bytes.ts';

/** `{type: value}` as a storefront names its buyer; null and empty values say nothing. */
export type Buyer = Readonly<Record<string, string | null | undefined>>;

/** What shops write where a customer is not known. */
const NOBODY = new Set(['', '0', '-', 'n/a', 'null', 'undefined', 'none', 'unknown', 'anonymous', 'guest']);

const PHONE = /^[\d\s+().-]*\d[\d\s+().-]*$/;

/**
 * What stands in the place of a value of a buyer who was erased, and is read as the very identity
 * of that value.
 */
const ERASED = /^erased:([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;

export const erasedWord = (identity: string): string => `erased:${identity}`;

/**
 * The first 16 bytes of HMAC-SHA256(key, merchant \0 type \0 value), as the text of a uuid; none of
 * the three may hold a zero byte. The value counts exactly as given: `identitiesOf` is where
 * spellings are made one.
 */
export function identityHash(key: KeyObject, merchantId: string, type: string, value: string): string {
  return uuidOfHex(hmacHex(key, `${merchantId}\0${type}\0${value}`));
}

/**
 * The identities of a buyer of this merchant, each once. An `email` is lower-cased and of a `phone`
 * that is written as a number only the digits count (the code of its country stays as it was
 * written); every other value is taken exactly. Values that stand for nobody are left out ("", "0",
 * "null", a masked "138****0000"): taken seriously, they would make one buyer of everybody who has
 * none.
 */
export function identitiesOf(key: KeyObject, merchantId: string, buyer: Buyer): string[] {
  const identities = Object.entries(buyer).map(([type, given]) => identityOf(key, merchantId, type, given ?? ''));
  return [...new Set(identities.filter((identity) => identity !== null))];
}

/** The identity that a value stands for; null where it stands for nobody. */
export function identityOf(key: KeyObject, merchantId: string, type: string, given: string): string | null {
  const erased = ERASED.exec(given)?.[1];
  if (erased !== undefined) return erased;
  const value = identityValue(type, given);
  return value === null ? null : identityHash(key, merchantId, type, value);
}

/** The spelling of a value that is hashed, or null when it stands for nobody. */
function identityValue(type: string, given: string): string | null {
  if (NOBODY.has(given.trim().toLowerCase()) || given.includes('*')) return null;
  if (type === 'email') return given.trim().toLowerCase();
  return type === 'phone' && PHONE.test(given) ? given.replaceAll(/\D/g, '') : given;
}
