// What every order system must be able to do for us. One adapter a file; nothing else knows a platform's words.
import { createHmac, timingSafeEqual } from 'node:crypto';

import { z } from 'zod';

import type { canonicalReport } from '../core/report.ts';

const SECRET_LENGTH_MAX = 4096;
const SECRETS_AT_ONCE_MAX = 8;

/** The secrets of a source by their names; where several are valid at once (rotation), a list. */
export type Secrets = Record<string, string | string[]>;

/** What arrived at `/webhooks/{source_id}`. Header names are in lower case; what came several times is joined by commas, or a list. */
export interface Push {
  method: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  query: Readonly<Record<string, string | string[] | undefined>>;
  body: Buffer;
  secrets: Secrets;
  now: Date;
}

/** What the platform wants to hear, to the letter. */
export interface Answer {
  status: number;
  contentType: string;
  body: string;
}

/** Why a push is not believed. A closed list, so that refusals can be counted by it. */
export type Refusal = 'no_secret' | 'missing_signature' | 'bad_timestamp' | 'stale_timestamp' | 'wrong_signature';

/**
 * Whether a push is believed. `signedId` is an id of the message that the signature covers; `keep` are the headers worth keeping beside the
 * body; `content` is the decrypted body where the push was encrypted. With `answer` there is nothing to keep: a handshake is only answered.
 */
export type Verified =
  | { ok: true; signedId: string | null; keep: Record<string, string>; content?: Buffer }
  | { ok: true; answer: Answer }
  | { ok: false; reason: Refusal };

/** A delivery as it was kept. */
export interface Kept {
  body: Buffer;
  headers: Readonly<Record<string, string>>;
  receivedAt: Date;
  options: unknown;
}

type CanonicalInput = z.input<typeof canonicalReport>;

/** A canonical report, not yet checked, whose merchant the source or a mapping may have to name. */
export type SourceReport = Omit<CanonicalInput, 'merchant_id'> & { merchant_id?: CanonicalInput['merchant_id'] | null };

/** What a platform calls a promoter or a link: a mapping of this type and value says who that is. */
export interface PlatformName {
  type: string;
  value: string;
}

/** One report of a delivery. `shop` is what the platform calls the merchant; `names` are its words for promoters and links. */
export interface Mapped {
  report: SourceReport;
  shop: string | null;
  names: PlatformName[];
}

/**
 * An order system. `verify` and `map` are pure: the same delivery always maps to the same reports, so what `map` throws is a fault of the
 * delivery and is not tried again. A delivery that tells of no order maps to nothing.
 */
export interface Adapter {
  kind: string;
  secrets: z.ZodType<Secrets>;
  options: z.ZodType<Record<string, unknown>>;
  verify(push: Push): Verified;
  /** Sent after the commit. */
  answer: Answer;
  map(delivery: Kept): Mapped[];
}

const oneSecret = z.string().min(1).max(SECRET_LENGTH_MAX);

/** A secret, or several that are valid at once. */
export const oneOrMoreSecrets = z.union([oneSecret, z.array(oneSecret).min(1).max(SECRETS_AT_ONCE_MAX)], {
  error: `must be a text or a list of 1 to ${SECRETS_AT_ONCE_MAX} texts`,
});

/** The secrets under a name, none of them empty. */
export function secretsNamed(secrets: Secrets, name: string): string[] {
  return [secrets[name] ?? []].flat().filter((secret) => secret !== '');
}

export function hmacSha256(secret: string | Buffer, ...signed: (string | Buffer)[]): Buffer {
  const hmac = createHmac('sha256', secret);
  for (const part of signed) hmac.update(part);
  return hmac.digest();
}

/** Whether two texts are equal, in a time that does not tell where they differ. */
export function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Of the headers those that are there, for keeping. */
export function keepHeaders(headers: Push['headers'], names: readonly string[]): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (typeof value === 'string') kept[name] = value;
  }
  return kept;
}

/** The one value of a header or a query parameter; undefined when it is absent, empty or there several times. */
export function oneOf(values: Push['headers'], name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
