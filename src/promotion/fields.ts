// Fields that stand in many bodies here: the caller's ids, words, times.

import { z } from 'zod';

const ID_LENGTH_MAX = 128;
const IDENTITY_TYPE_LENGTH_MAX = 64;
const IDENTITY_VALUE_LENGTH_MAX = 512;
const BUYER_IDENTITIES_MAX = 20;
const EARLIEST = Date.UTC(2000);
const LATEST = Date.UTC(2101);

// Control characters only make two ids look like one; NUL and lone surrogates have no place in the database's text.
const NO_CONTROL = /^[^\p{Cc}\p{Cs}]*$/u;

/** A text of one line. */
export function words(lengthMax: number): z.ZodString {
  return z.string().min(1).max(lengthMax).regex(NO_CONTROL, 'must not contain control characters');
}

/** An id that the caller has chosen. */
export const callerId = words(ID_LENGTH_MAX);

/** An RFC 3339 time, read as a Date. */
export const time = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 time with its offset' })
  .transform((text) => new Date(text))
  .refine((at) => at.getTime() >= EARLIEST && at.getTime() < LATEST, { error: 'must lie between the years 2000 and 2100' });

/** From when a statement counts. */
export const effectiveFrom = time.nullish().meta({
  description: 'From when this counts; now when absent. The first statement counts for all earlier time too.',
});

/** When a version counts from, as it is answered. */
export const effectiveFromAnswer = z
  .date()
  .nullable()
  .meta({ description: 'Null: the first statement, which counts for all earlier time.' });

/** A buyer's identities as a storefront names them. */
export const buyer = z
  .record(
    words(IDENTITY_TYPE_LENGTH_MAX),
    z.string().max(IDENTITY_VALUE_LENGTH_MAX).regex(NO_CONTROL, 'must not contain control characters').nullable(),
  )
  .refine((identities) => Object.keys(identities).length <= BUYER_IDENTITIES_MAX, {
    error: `must have at most ${BUYER_IDENTITIES_MAX} identities`,
  })
  .meta({ description: 'What the buyer is known by: `{type: value}`. Kept only as keyed hashes.', example: { openid: 'o1' } });
