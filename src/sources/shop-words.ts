// The words of shops that decide no money: read as far as they can be. What cannot be read, or
// cannot be kept, says nothing; it never refuses its order.
import { z } from 'zod';

const QUANTITY_MAX = 2_147_483_647;
const COUPON_CODES_MAX = 50;
const EARLIEST = Date.UTC(2000);
const LATEST = Date.UTC(2101);

/** Of the canonical report: longer texts than these are not kept. */
const CODE_LENGTH_MAX = 128;
const TOKEN_LENGTH_MAX = 2048;
const IDENTITY_LENGTH_MAX = 512;
const REASON_LENGTH_MAX = 1000;

/**
 * An id that identity needs: a number of 64 bits, or its digits where a double would round them.
 */
export const id = z
  .union([z.string(), z.number()], { error: 'must be an id' })
  .transform((value) => String(value).trim())
  .refine((text) => text !== '', { error: 'must not be empty' });

const isPlain = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The entries of a list that are objects. PHP writes a list with gaps as an object of its entries.
 */
export function entriesOf(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  const entries: unknown[] = Array.isArray(value) ? value : Object.values(value);
  return entries.filter(isPlain);
}

/** Whether something is a list, however PHP writes it. */
export const isList = (value: unknown): boolean => Array.isArray(value) || isPlain(value);

/** A list whose entries money needs, which PHP may write as an object. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.preprocess((value) => (isPlain(value) ? Object.values(value) : value), z.array(item));
}

function textOf(value: unknown, lengthMax: number, storable = /^[^\p{Cc}\p{Cs}]+$/u): string | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const text = String(value).trim();
  return text.length <= lengthMax && storable.test(text) ? text : null;
}

/** What the field of an object says; of something else, nothing. */
export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

export const identityText = (value: unknown): string | null => textOf(value, IDENTITY_LENGTH_MAX);

export const tokenOf = (value: unknown): string | null => textOf(value, TOKEN_LENGTH_MAX);

export const codeOf = (value: unknown): string | null => textOf(value, CODE_LENGTH_MAX);

export const reasonOf = (value: unknown): string | null => textOf(value, REASON_LENGTH_MAX, /^[^\0\p{Cs}]+$/u);

/** An id of something that need not be there; shops write none as 0, too. */
export function idOrNone(value: unknown): string | null {
  const text = textOf(value, CODE_LENGTH_MAX);
  return text === '0' ? null : text;
}

/** The codes of a list of discounts, each once, as many as an order keeps. */
export function codesOf(discounts: unknown): string[] {
  const codes = entriesOf(discounts).flatMap((discount) => codeOf(discount['code']) ?? []);
  return [...new Set(codes)].slice(0, COUPON_CODES_MAX);
}

const rfc3339 = z.iso.datetime({ offset: true });

/** A time with its offset. Shops write none as `0000-00-00 00:00:00`, an empty text or null. */
export function timeOf(value: unknown): string | null {
  const { data } = rfc3339.safeParse(value);
  if (data === undefined) return null;
  const at = Date.parse(data);
  return at >= EARLIEST && at < LATEST ? data : null;
}

/** A time without a zone whose field says that it is of GMT. */
export function gmtOf(value: unknown): string | null {
  return typeof value === 'string' ? timeOf(`${value.trim().replace(' ', 'T').replace(/Z$/, '')}Z`) : null;
}

/**
 * The whole units of a quantity. A part of a unit counts as one where there are no more: it was
 * sold.
 */
export function unitsOf(value: unknown): number | null {
  const quantity = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof quantity !== 'number' || !Number.isFinite(quantity) || quantity < 0) return null;
  if (quantity === 0) return 0;
  return Math.min(Math.max(Math.floor(quantity), 1), QUANTITY_MAX);
}
