// What the affiliate unions (淘宝客, 京东联盟, 多多进宝) have in common: that they push nothing, the signature
// of their gateways, and the times, amounts and words of their rows.
import { createHash, createHmac } from 'node:crypto';

import { z } from 'zod';

import { stringifyJson } from '../../platform/http/json.ts';
import { askJson, AskingFailed, type Asking, type NoAnswer } from '../asking.ts';
import { pullOptions, type Adapter, type PushVerdict } from '../source.ts';
import { HOUR_MS } from '../../platform/durations.ts';

/**
 * How a link's code of ours is written in a field of a union, so that nobody else's words are taken
 * for it; by hand also with a dash.
 */
const OUR_CODE = /^fy[_-]([0-9A-Za-z_-]{4,32})$/;

const CHINA_OFFSET_MS = 8 * HOUR_MS;

/** A union has no callback: whatever arrives in its name is somebody else's. */
export const pullOnly: Pick<Adapter, 'verify' | 'answer'> = {
  verify: (): PushVerdict => ({ ok: false, reason: 'missing_signature' }),
  answer: { status: 200, contentType: 'application/json; charset=utf-8', body: '{"received":true}' },
};

/**
 * `options.pull` of a union, which is pulled even where nothing is said of it: there is no other
 * way to hear of its orders.
 */
export const alwaysPulled = pullOptions.prefault({});

/** A key or a secret of a gateway. */
export const gatewaySecret = z.string().min(1).max(256);

/** The option that names a position of the union's; each union has its own word for it. */
export const position = z.string().max(64).optional().meta({ description: 'The promotion position under which links are made.' });

/**
 * How TOP lets its callers sign, in the words of its `sign_method`; the gateways made after it know
 * the first only.
 */
export const TOP_SIGN_METHODS = ['md5', 'hmac', 'hmac-sha256'] as const;

type TopSignMethod = (typeof TOP_SIGN_METHODS)[number];

/**
 * The signature of TOP and of the gateways made after it, over every sent parameter's name and
 * value in the order of the names, in capitals. (open.taobao.com, docId 101617; open.jd.com, listId
 * 2643; open.pinduoduo.com)
 */
export function topSign(secret: string, parameters: Readonly<Record<string, string>>, method: TopSignMethod = 'md5'): string {
  const names = Object.keys(parameters).toSorted();
  return topDigest(secret, names.map((name) => name + parameters[name]!).join(''), method);
}

/**
 * MD5 over the text between twice the secret, or an HMAC of it under the secret: of MD5 (`hmac`) or
 * of SHA-256.
 */
export function topDigest(secret: string | Buffer, text: string, method: TopSignMethod): string {
  const digest =
    method === 'md5'
      ? createHash('md5').update(secret).update(text).update(secret)
      : createHmac(method === 'hmac' ? 'md5' : 'sha256', secret).update(text);
  return digest.digest('hex').toUpperCase();
}

/**
 * Asks a gateway by a signed form. What it says under `error_response` is thrown as `AskingFailed`,
 * judged by `kindOf`.
 */
export async function askGateway(
  path: string,
  parameters: Readonly<Record<string, string>>,
  asking: Asking,
  kindOf: (error: GatewayError) => NoAnswer,
): Promise<Record<string, unknown>> {
  const { value } = await askJson(asking.fetch, `${asking.baseUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded;charset=utf-8' },
    body: new URLSearchParams(parameters).toString(),
  });
  const answer = z.record(z.string(), z.unknown()).safeParse(value);
  if (!answer.success) throw new AskingFailed('temporary', 'the gateway answered with something that is no object');
  const failed = gatewayError.safeParse(answer.data['error_response']);
  if (failed.success) throw new AskingFailed(kindOf(failed.data), `the gateway refused: ${describe(failed.data)}`);
  return answer.data;
}

const word = z.union([z.string(), z.number()]).transform(String).nullish();

const gatewayError = z.object({ code: word, error_code: word, msg: word, zh_desc: word, error_msg: word, sub_code: word, sub_msg: word });

export type GatewayError = z.output<typeof gatewayError>;

function describe({ code, error_code, msg, zh_desc, error_msg, sub_code, sub_msg }: GatewayError): string {
  return [error_code ?? code, error_msg ?? zh_desc ?? msg, sub_code, sub_msg].filter(Boolean).join(' ');
}

/** A row of a list as a delivery of its own: the same row is the same bytes. */
export const bodyOf = (row: unknown): Buffer => Buffer.from(stringifyJson(row));

/** An id or a code that has to be there: text, or a number whose digits a double may not hold. */
export const unionId = z.union([z.string(), z.number()]).transform(String);

/**
 * How platforms write that there is nothing, beside leaving it out: 淘宝客 with dashes, ids with 0.
 */
const NOTHING = new Set(['', '--', '-', '0', 'null']);

/**
 * What a field says; null for each way in which platforms say nothing, and for what is neither text
 * nor a number.
 */
export function said(stated: unknown): string | null {
  if (typeof stated !== 'string' && typeof stated !== 'number') return null;
  const word = String(stated).trim();
  return NOTHING.has(word) ? null : word;
}

/**
 * A word, an id or a name that may be missing. What it is wrongly is no reason to lose the rest of
 * the row.
 */
export const unionWord = z.unknown().optional().transform(said);

const DECIMAL = /^([+-]?)(\d+)(?:\.(\d*))?$/;

/**
 * An amount in a major unit (`digits` 2: yuan) or a minor one (0: fen) as fen: a decimal text, or a
 * number as its shortest text. Finer digits are rounded once, half up. What a platform takes back
 * beyond nothing is nothing. Null where it says nothing; throws for words.
 */
const amountOf = (digits: 0 | 2) =>
  z
    .unknown()
    .optional()
    .transform((stated, context) => {
      const text = typeof stated === 'number' ? plainText(stated) : typeof stated === 'string' ? stated.trim() : null;
      if (stated === null || stated === undefined || text === '' || text === '-' || text === '--') return null;
      const [, sign, whole = '', fraction = ''] = DECIMAL.exec(text ?? '') ?? [];
      if (sign === undefined) {
        context.addIssue({ code: 'custom', message: `${JSON.stringify(stated)} is no amount in ${digits === 2 ? 'yuan' : 'fen'}` });
        return z.NEVER;
      }
      const fen = Number(whole + fraction.slice(0, digits).padEnd(digits, '0')) + ((fraction[digits] ?? '0') >= '5' ? 1 : 0);
      return sign === '-' ? 0 : fen;
    });

/** Numbers below a millionth are written with an exponent, and are nothing in any currency. */
const plainText = (amount: number): string => (Math.abs(amount) < 1e-6 ? '0' : String(amount));

export const yuan = amountOf(2);

export const fen = amountOf(0);

/** How many; null where it is not said. */
export const units = z
  .unknown()
  .optional()
  .transform((stated) => {
    const word = typeof stated === 'number' || typeof stated === 'string' ? Number(stated === '' ? Number.NaN : stated) : Number.NaN;
    return Number.isInteger(word) && word >= 0 ? word : null;
  });

const EARLIEST = Date.UTC(2000);
const LATEST = Date.UTC(2101);

/**
 * Times before 2000, like the zero of 1970, are how a platform says that there is none; a report
 * takes none beyond 2100 either.
 */
const isTime = (at: Date): boolean => at.getTime() >= EARLIEST && at.getTime() < LATEST;

const CLOCK = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}:\d{2}))?/;

/** `2026-06-01 10:00:00` of a clock in China as RFC 3339; null for what is no time. */
export function chinaTime(stated: unknown): string | null {
  const [, day, time = '00:00:00'] = CLOCK.exec(said(stated) ?? '') ?? [];
  if (day === undefined) return null;
  const at = new Date(`${day}T${time}+08:00`);
  return isTime(at) && chinaClock(at) === `${day} ${time}` ? `${day}T${time}+08:00` : null;
}

/** A time of a clock in China that may be missing. */
export const unionTime = z.unknown().optional().transform(chinaTime);

/** The moment as a clock in China shows it: `2026-06-01 10:00:00`. */
export function chinaClock(at: Date): string {
  return new Date(at.getTime() + CHINA_OFFSET_MS).toISOString().slice(0, 19).replace('T', ' ');
}

/** Seconds since 1970 as RFC 3339; null for what is no time. */
export function secondsTime(stated: unknown): string | null {
  const at = new Date(Number(said(stated) ?? Number.NaN) * 1000);
  return isTime(at) ? at.toISOString() : null;
}

/** Seconds since 1970 that may be missing. */
export const unionSeconds = z.unknown().optional().transform(secondsTime);

/**
 * The name of a shop where a row names none, as a mapping of a source of many shops can state it.
 */
export const UNNAMED_SHOP = 'unnamed';

/**
 * How a link's code is put into a field that the union hands back with the order: 京东联盟 and 精选联盟
 * take letters, digits and `_`.
 */
export function fieldOfCode(code: string): string {
  return `fy_${code}`;
}

/** The link's code in such a field, or null when somebody else wrote it. */
export function codeInField(field: string | null | undefined): string | null {
  return OUR_CODE.exec(field ?? '')?.[1] ?? null;
}
