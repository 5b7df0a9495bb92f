// A journey: a browser is sent elsewhere to sign in, and comes back. What it needs then it carries
// itself, in a short-lived cookie; the `state` that comes back with it is the signature of that.

import { createHmac, hkdfSync, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';

import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

const COOKIE = 'fy_sign_in';
const JOURNEY_MS = 10 * 60 * 1000;
const RANDOM_BYTES = 32;
const RETURN_LENGTH_MAX = 1000;

const carried = z.strictObject({
  /** Binds the answer to this journey, where the other side repeats it. */
  nonce: z.string(),
  /** The secret of PKCE: who has caught the answer alone gets nothing for it. */
  verifier: z.string(),
  returnTo: z.string(),
  /** In milliseconds since 1970. */
  endsAt: z.number(),
});

export type Journey = Pick<z.output<typeof carried>, 'nonce' | 'verifier' | 'returnTo'>;

interface JourneyDeps {
  publicUrl: string;
  /** The first signs, all are believed. */
  tokenKeys: readonly [KeyObject, ...KeyObject[]];
  /** Where it goes; one way believes nothing of another. */
  way: 'oidc';
}

interface Journeys {
  /** Lets the browser carry what it needs; the state that has to come back. */
  begin(reply: FastifyReply, returnTo: string, now: Date): Journey & { state: string };
  /** What the browser carries, once; null where that is not of this state, or took too long. */
  end(request: FastifyRequest, reply: FastifyReply, state: string | undefined, now: Date): Journey | null;
}

// Letters and digits only, which every platform takes.
const stateOf = (key: Buffer, payload: string): string => createHmac('sha256', key).update(payload).digest('hex');

/**
 * The journeys of one way. One that ends later than ten minutes after it began ends in nothing.
 */
export function journeysOf({ publicUrl, tokenKeys, way }: JourneyDeps): Journeys {
  // Its own key of the one secret: no click token is ever taken for a state.
  const signingKeys = tokenKeys.map((key) => Buffer.from(hkdfSync('sha256', key, '', `fenyong sign-in by ${way}`, RANDOM_BYTES)));
  const isOf = (state: string, payload: string): boolean =>
    signingKeys.some((key) => {
      const [shown, wanted] = [Buffer.from(state), Buffer.from(stateOf(key, payload))];
      return shown.length === wanted.length && timingSafeEqual(shown, wanted);
    });

  function setCookie(reply: FastifyReply, value: string, expires: Date): void {
    const cookie = {
      name: COOKIE,
      value,
      path: '/sign-in',
      httpOnly: true,
      sameSite: 'lax',
      secure: publicUrl.startsWith('https:'),
    } as const;
    reply.header('set-cookie', stringifySetCookie({ ...cookie, expires }));
  }

  return {
    begin(reply, returnTo, now) {
      const endsAt = now.getTime() + JOURNEY_MS;
      const journey = { nonce: randomText(), verifier: randomText(), returnTo };
      const payload = Buffer.from(JSON.stringify({ ...journey, endsAt })).toString('base64url');
      setCookie(reply, payload, new Date(endsAt));
      return { ...journey, state: stateOf(signingKeys[0]!, payload) };
    },
    end({ headers }, reply, state, now) {
      const payload = headers.cookie === undefined ? undefined : parseCookie(headers.cookie)[COOKIE];
      if (payload === undefined || state === undefined || !isOf(state, payload)) return null;
      setCookie(reply, '', new Date(0));
      const { endsAt, ...journey } = carried.parse(JSON.parse(Buffer.from(payload, 'base64url').toString()));
      return endsAt > now.getTime() ? journey : null;
    },
  };
}

const randomText = (): string => randomBytes(RANDOM_BYTES).toString('base64url');

/**
 * The path of our own to which somebody wants to come back; `otherwise` where it is none: a page
 * that leads here must not lead anywhere else from here.
 */
export function ownPath(wanted: string | undefined, otherwise: string): string {
  const isOwn = wanted !== undefined && wanted.length <= RETURN_LENGTH_MAX && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(wanted);
  return isOwn ? wanted : otherwise;
}
