// The buyer as a storefront names it, which stands in several bodies here.

import { z } from 'zod';

import { text, words } from '../platform/http/fields.ts';

const IDENTITY_TYPE_LENGTH_MAX = 64;
const IDENTITY_VALUE_LENGTH_MAX = 512;
const BUYER_IDENTITIES_MAX = 20;

/** A buyer's identities as a storefront names them. */
export const buyer = z
  .record(words(IDENTITY_TYPE_LENGTH_MAX), text(IDENTITY_VALUE_LENGTH_MAX).nullable())
  .refine((identities) => Object.keys(identities).length <= BUYER_IDENTITIES_MAX, {
    error: `must have at most ${BUYER_IDENTITIES_MAX} identities`,
  })
  .meta({ description: 'What the buyer is known by: `{type: value}`. Kept only as keyed hashes.', example: { openid: 'o1' } });
