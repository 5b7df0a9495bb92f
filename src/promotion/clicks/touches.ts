// What a named buyer ties to clicks: the click that is told with it, and the first click inside a
// visitor's cookie.

import type { KeyObject } from 'node:crypto';

import type { Touch } from './click-store.ts';
import { identityHash, type Buyer } from '../buyers/identity.ts';
import { firstClickOf, VISITOR, visitorTag } from './visitor.ts';

/**
 * The touch that a browser's first click was written without, when the buyer is named by the
 * redirect's cookie (`visitor`) and that click was on a link of this merchant; else nothing.
 * Whoever is told of a buyer adds it, else that click is found by its token only.
 */
export function firstTouches(identityKey: KeyObject, merchantId: string, buyer: Buyer): Touch[] {
  const value = buyer[VISITOR];
  const first = value == null ? null : firstClickOf(value, visitorTag(merchantId));
  return first === null ? [] : [{ identity: identityHash(identityKey, merchantId, VISITOR, value!), ...first }];
}
