// Fields that stand in bodies and queries everywhere: ids of the caller's, words, times.

import { z } from 'zod';

import { isTimeZone } from '../calendar.ts';

const ID_LENGTH_MAX = 128;
const EARLIEST = Date.UTC(2000);
const LATEST = Date.UTC(2101);

// Control characters only make two ids look like one; NUL and lone surrogates have no place in the
// database's text.
const NO_CONTROL = /^[^\p{Cc}\p{Cs}]*$/u;

/** A text without control characters, which may be empty. */
export function text(lengthMax: number): z.ZodString {
  return z.string().max(lengthMax).regex(NO_CONTROL, 'must not contain control characters');
}

/**
 * What hides in a text, or shows it otherwise than it is: blanks of no width, signs that turn its
 * direction, separators of lines. Two joiners are letters to Persian and to Indian scripts.
 */
const HIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?!\u200c|\u200d)\p{Cf}/u;

/** Whether a text is what is seen of it. */
export function isSeen(value: string): boolean {
  return !HIDDEN.test(value);
}

// Not said as a pattern in the document: few of its readers know properties of characters.
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;

/** A name that people compare by looking: all of it is seen, and there is a letter or a digit. */
export function seenText(lengthMax: number): z.ZodString {
  return text(lengthMax)
    .trim()
    .min(1)
    .refine(isSeen, 'must not contain characters that are not seen')
    .refine((value) => LETTER_OR_DIGIT.test(value), 'must have a letter or a digit');
}

/** A text of one line. */
export function words(lengthMax: number): z.ZodString {
  return text(lengthMax).min(1);
}

/** An id that the caller has chosen. */
export const callerId = words(ID_LENGTH_MAX);

/**
 * An RFC 3339 time, kept as its text. PostgreSQL has no year 0, and no year that only a Date has.
 */
export const timeText = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time with its offset' }).refine(
  (value) => {
    const at = Date.parse(value);
    return at >= EARLIEST && at < LATEST;
  },
  { error: 'must lie between the years 2000 and 2100' },
);

/** An RFC 3339 time, read as a Date. */
export const time = timeText.transform((value) => new Date(value)).pipe(z.date());

const TIME_ZONE_LENGTH_MAX = 64;

/** A zone of the IANA database. */
export const timeZone = z.string().max(TIME_ZONE_LENGTH_MAX).refine(isTimeZone, { error: 'must be a time zone of the IANA database' });

/** A month of a statement. */
export const month = z
  .string()
  .regex(/^20\d\d-(0[1-9]|1[0-2])$/, 'must be a month as YYYY-MM')
  .meta({ description: 'The month, as YYYY-MM.', example: '2026-06' });

/** From when a version counts. */
export const effectiveFrom = time.nullish().meta({
  description: 'From when this counts; now when absent. The first version counts for all earlier time too.',
});

/** When a version counts from, as it is answered. */
export const effectiveFromAnswer = z.date().nullable().meta({ description: 'Null: the first version, which counts for all earlier time.' });

/**
 * Examples of a body, for the document. (Of a schema that transforms what it reads zod leaves out
 * what stands under the usual name.)
 */
export function bodyExamples(...bodies: unknown[]): Record<'x-examples', Record<string, { value: unknown }>> {
  return { 'x-examples': Object.fromEntries(bodies.map((value, index) => [`example${index + 1}`, { value }])) };
}
