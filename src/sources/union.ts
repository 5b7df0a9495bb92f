// What the affiliate unions (淘宝客, 京东联盟, 多多进宝) have in common: the signature of their gateways, the times and amounts of their rows,
// and that they push nothing.
import { createHash } from 'node:crypto';

import { z } from 'zod';

import { parseDecimal } from '../core/money.ts';
import { askJson, AskingFailed, type Asking, type NoAnswer } from './asking.ts';
import type { Adapter, Verified } from './source.ts';

/** How a link's code of ours is written in a field of a union, so that nobody else's words are taken for it; by hand also with a dash. */
const OUR_CODE = /^fy[_-]([0-9A-Za-z_-]{4,32})$/;

const CHINA_OFFSET_MS = 8 * 3_600_000;

/** A union has no callback: whatever arrives in its name is somebody else's. */
export const pullOnly: Pick<Adapter, 'verify' | 'answer'> = {
  verify: (): Verified => ({ ok: false, reason: 'missing_signature' }),
  answer: { status: 200, contentType: 'application/json; charset=utf-8', body: '{"received":true}' },
};

/**
 * The signature of TOP and of the gateways made after it: MD5 over the secret, every sent parameter's name and value in the order of the
 * names, and the secret once more; in capitals. (open.taobao.com, docId 101617; open.jd.com, listId 2643; open.pinduoduo.com)
 */
export function topSign(secret: string, parameters: Readonly<Record<string, string>>): string {
  const names = Object.keys(parameters).toSorted();
  const text = names.map((name) => name + parameters[name]!).join('');
  return createHash('md5').update(`${secret}${text}${secret}`).digest('hex').toUpperCase();
}

/** Asks a gateway by a signed form. What it says under `error_response` is thrown as `AskingFailed`, judged by `kindOf`. */
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

/** An id: text, or a number whose digits a double may not hold. */
export const unionId = z.union([z.string(), z.number()]).transform(String);

/** An amount in yuan as fen: a decimal text, or a number as its shortest text. Throws for more than two decimals. */
export const yuan = z.union([z.string(), z.number()]).transform((stated, context) => {
  const fen = parseDecimal(String(stated), 2);
  if (fen !== null && fen >= 0n) return Number(fen);
  context.addIssue({ code: 'custom', message: `${JSON.stringify(stated)} is no amount in yuan` });
  return z.NEVER;
});

/** `2026-06-01 10:00:00` of a clock in China as RFC 3339; null for an empty text, and for a zero time. */
export function chinaTime(text: string | null | undefined): string | null {
  if (!text || text.startsWith('0000')) return null;
  return `${text.slice(0, 10)}T${text.slice(11, 19) || '00:00:00'}+08:00`;
}

/** The moment as a clock in China shows it: `2026-06-01 10:00:00`. */
export function chinaClock(at: Date): string {
  return new Date(at.getTime() + CHINA_OFFSET_MS).toISOString().slice(0, 19).replace('T', ' ');
}

/** Seconds since 1970 as RFC 3339; null for none and for 0. */
export function secondsTime(seconds: string | number | null | undefined): string | null {
  const value = Number(seconds ?? 0);
  return value > 0 ? new Date(value * 1000).toISOString() : null;
}

/** How a link's code is put into a field that the union hands back with the order: 京东联盟 and 精选联盟 take letters, digits and `_`. */
export function fieldOfCode(code: string): string {
  return `fy_${code}`;
}

/** The link's code in such a field, or null when somebody else wrote it. */
export function codeInField(field: string | null | undefined): string | null {
  return OUR_CODE.exec(field ?? '')?.[1] ?? null;
}
