// How pushes are signed and questions are authorised: secrets as sources state them, and what every
// adapter verifies with.
import { createHmac, timingSafeEqual } from 'node:crypto';

import { z } from 'zod';

const SECRET_LENGTH_MAX = 4096;

const SECRETS_AT_ONCE_MAX = 8;

const CHOSEN_SECRET_LENGTH_MIN = 4;

/** Headers or query parameters of a push: what came several times is a list. */
export type Values = Readonly<Record<string, string | string[] | undefined>>;

/** The secrets of a source by their names; where several are valid at once (rotation), a list. */
export type SourceSecrets = Record<string, string | string[]>;

const oneSecret = z.string().min(1).max(SECRET_LENGTH_MAX).regex(/\S/, 'must not be blank');

/** A secret, or several that are valid at once. */
export const oneOrMoreSecrets = z.union([oneSecret, z.array(oneSecret).min(1).max(SECRETS_AT_ONCE_MAX)], {
  error: `must be a text or a list of 1 to ${SECRETS_AT_ONCE_MAX} texts`,
});

/**
 * As `oneOrMoreSecrets`, where a shop signs with a text that its owner may have chosen. We cannot
 * ask for the length of a made key, but what is guessed in a few tries protects nothing.
 */
export const chosenSecrets = oneOrMoreSecrets.refine(
  (secrets) => [secrets].flat().every((one) => one.trim().length >= CHOSEN_SECRET_LENGTH_MIN),
  { error: `must have at least ${CHOSEN_SECRET_LENGTH_MIN} characters` },
);

/** The secrets under a name, none of them empty. */
export function secretsNamed(secrets: SourceSecrets, name: string): string[] {
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
export function keepHeaders(headers: Values, names: readonly string[]): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (typeof value === 'string') kept[name] = value;
  }
  return kept;
}

/**
 * The one value of a header or a query parameter; undefined when it is absent, empty or there
 * several times.
 */
export function oneOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
