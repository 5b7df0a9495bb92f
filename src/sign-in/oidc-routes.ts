// Signing in by the accounts of the company: to the issuer, back again, and into a session of a key
// that nobody can present.

import type { FastifyBaseLogger } from 'fastify';
import type { KeyObject } from 'node:crypto';

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import type { App } from '../platform/http/app.ts';
import type { RefusedCallers } from '../platform/http/rate-limit.ts';
import { partyId } from '../platform/keys/keys-wish.ts';
import type { KnownKeys } from '../platform/keys/known-keys.ts';
import { sendSessionCookie } from '../platform/keys/session-routes.ts';
import { makeSession } from '../platform/keys/session-store.ts';
import { signInKey } from '../platform/keys/sign-in-keys.ts';
import { inTransaction } from '../platform/postgres/database.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { merchantExists } from '../promotion/merchants/merchant-store.ts';
import { journeysOf, ownPath, type Journey } from './journey.ts';
import { IssuerError, issuerOf, type Claims, type OidcSettings } from './oidc.ts';
import { sendRefusal, type RefusalName } from './refusal-page.ts';
import { readRoleClaim, type ClaimedRole } from './role-claim.ts';

const START = '/sign-in/oidc';
const CALLBACK = `${START}/callback`;
/** Where somebody comes to who named no page. */
const DESK = '/console';

interface OidcDeps {
  db: Kysely<DB>;
  keys: KnownKeys;
  publicUrl: string;
  tokenKeys: readonly [KeyObject, ...KeyObject[]];
  /** Those who are not signed in count as those whose keys were wrong. */
  refused: RefusedCallers;
  settings: OidcSettings;
}

interface SignedIn {
  token: string;
  expiresAt: Date;
  returnTo: string;
}

/** Why somebody is not signed in, and what the page speaks of. */
type Refused = { refusal: RefusalName; named?: string };

/** GET /sign-in/oidc and its callback. */
export function oidcRoutes(app: App, { db, keys, publicUrl, tokenKeys, refused, settings }: OidcDeps): void {
  const issuer = issuerOf(settings, publicUrl + CALLBACK);
  const journeys = journeysOf({ publicUrl, tokenKeys, way: 'oidc' });
  const again = publicUrl + START;

  app.get(START, { schema: { hide: true, querystring: z.object({ return_to: z.string().optional() }) } }, async (request, reply) => {
    const journey = journeys.begin(reply, ownPath(request.query.return_to, DESK), new Date());
    try {
      return await reply.header('cache-control', 'no-store').redirect(await issuer.addressFor(journey));
    } catch (error) {
      return sendRefusal(request, reply, refusalOf(error, request.log), { again });
    }
  });

  app.get(CALLBACK, { schema: { hide: true, querystring: z.looseObject({ state: z.string().optional() }) } }, async (request, reply) => {
    if (refused.isOver(request.ip)) throw refused.problem();
    const { state = '' } = request.query;
    const journey = journeys.end(request, reply, state, new Date());
    const query = request.raw.url!.split('?')[1] ?? '';
    const signedIn: SignedIn | Refused =
      journey === null ? { refusal: 'not_begun' } : await signIn(query, { ...journey, state }, request.log);
    if ('refusal' in signedIn) {
      const { refusal, named = '' } = signedIn;
      if (refusal !== 'away') refused.note(request.ip);
      return sendRefusal(request, reply, refusal, { named, again });
    }
    sendSessionCookie(reply, publicUrl, signedIn.token, signedIn.expiresAt);
    return reply.header('cache-control', 'no-store').redirect(publicUrl + signedIn.returnTo);
  });

  /** Asks the issuer first, and only then opens a transaction. */
  async function signIn(query: string, journey: Journey & { state: string }, log: FastifyBaseLogger): Promise<SignedIn | Refused> {
    let claims: Claims;
    try {
      claims = await issuer.claimsOf(query, journey);
    } catch (error) {
      return { refusal: refusalOf(error, log) };
    }
    const person = personOf(claims);
    if (person === null) return { refusal: 'nameless' };
    const role = readRoleClaim(claims[settings.roleClaim]);
    if (typeof role === 'string') return { refusal: role, named: settings.roleClaim };
    const made = await inTransaction(db, async ({ trx, now }) => {
      if (role.merchantId !== null && !(await merchantExists(trx, role.merchantId))) return null;
      return sessionOf(trx, person, role, now);
    });
    if (made === null) return { refusal: 'unknown_merchant', named: role.merchantId! };
    if (made.revoked !== null) keys.forget(made.revoked);
    return { ...made, returnTo: journey.returnTo };
  }
}

async function sessionOf(trx: Transaction<DB>, person: string, role: ClaimedRole, now: Date) {
  const { actor, revoked } = await signInKey(trx, { signIn: 'oidc', person, ...role, label: 'Company account' }, now);
  const { token, row } = await makeSession(trx, actor, now);
  return { token, expiresAt: row.expires_at, revoked };
}

/** Whose account it is: the email that the issuer has verified, in small letters, else its id. */
function personOf({ sub, email, email_verified: isVerified }: Claims): string | null {
  const name = typeof email === 'string' && isVerified === true ? email.toLowerCase() : sub;
  return partyId.safeParse(name).data ?? null;
}

function refusalOf(error: unknown, log: FastifyBaseLogger): RefusalName {
  if (!(error instanceof IssuerError)) throw error;
  log.warn({ err: error.cause }, error.message);
  return error.refusal;
}
