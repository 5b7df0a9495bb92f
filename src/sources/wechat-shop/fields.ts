// The fields of 微信小店's answers, read as they are really written: ids and amounts as numbers or as
// text, nothing as "", "0" or 0, and parts that decide nothing in any shape. What money and
// identity need is strict; a broken part of the rest is as if it were not there.
import { z } from 'zod';

import { parseDecimal } from '../../core/money.ts';
import { unionId } from '../unions/union.ts';

/** The earliest and the latest second that a report may state (2000 up to 2100). */
const EARLIEST = 946_684_800;
const LATEST = 4_133_980_800;

/** An id that must be there: text, or a number whose digits a double may not hold. */
export const wechatId = unionId.refine((text) => text !== '', { error: 'must not be empty' });

/** An id or a name that may be missing; null where WeChat writes nothing. */
export const word = unionId
  .transform((text) => (text.trim() === '' || text.trim() === '0' ? null : text))
  .nullish()
  .catch(null)
  .transform((text) => text ?? null);

/** A code that decides something only where it is there, as its text: `0` is a code, too. */
export const code = unionId
  .nullish()
  .catch(null)
  .transform((text) => (text === undefined || text === '' ? null : text));

/** An amount in fen, or null where there is none. */
export const fen = z
  .union([
    z.int().min(0),
    z
      .string()
      .regex(/^\d{1,15}$/)
      .transform(Number),
    z.literal('').transform(() => null),
  ])
  .nullish()
  .transform((amount) => amount ?? null);

/** A number of things, or null. */
export const count = z
  .union([
    z.int().min(0),
    z
      .string()
      .regex(/^\d{1,9}$/)
      .transform(Number),
  ])
  .nullish()
  .catch(null)
  .transform((number) => number ?? null);

/** Whether something is so: WeChat writes booleans, and numbers in their place. */
export const flag = z
  .unknown()
  .optional()
  .transform((value) => value === true || value === 1 || value === '1' || value === 'true');

/** Seconds since 1970 as RFC 3339, or null for none, for 0, and for what no order can state. */
export const time = z
  .union([z.number(), z.string()])
  .nullish()
  .catch(null)
  .transform((stated) => {
    const seconds = Math.floor(Number(stated ?? 0));
    return seconds >= EARLIEST && seconds < LATEST ? new Date(seconds * 1000).toISOString() : null;
  });

/**
 * An amount that the talents' calls write as text: whole fen where the documentation says fen
 * (`unit` 1), yuan where it says yuan (100). With a decimal point it is yuan in any case, as in
 * their samples.
 */
export const amountText = (unit: 1 | 100) =>
  z
    .union([z.string(), z.number()])
    .nullish()
    .transform((stated, context) => {
      const text = String(stated ?? '').trim();
      if (text === '') return null;
      const minor = parseDecimal(text, unit === 100 || text.includes('.') ? 2 : 0);
      if (minor !== null && minor >= 0n && minor <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(minor);
      context.addIssue({ code: 'custom', message: `${JSON.stringify(stated)} is no amount` });
      return z.NEVER;
    });

/** A part of an answer that decides nothing by itself. */
export const part = <Shape extends z.ZodRawShape>(shape: Shape) => z.object(shape).nullish().catch(null);

/** A list whose items decide nothing each by itself: those that can be read. */
export const list = <Item extends z.ZodType>(item: Item) =>
  z
    .array(z.unknown())
    .nullish()
    .catch(null)
    .transform((items) =>
      (items ?? []).flatMap((one): z.output<Item>[] => {
        const read = item.safeParse(one);
        return read.success ? [read.data] : [];
      }),
    );

/**
 * The shop of an order that names none, as mappings know it: a source of many shops says whose it
 * is.
 */
export const UNNAMED_SHOP = 'unnamed';
