// Signing in from a phone: an operator makes a link, its promoter opens it, and the page that it
// opens sends what stands behind its `#`.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import type { App } from '../platform/http/app.ts';
import { bodyExamples, callerId } from '../platform/http/fields.ts';
import { answerOnce } from '../platform/http/idempotency.ts';
import { problems } from '../platform/http/problem.ts';
import type { RefusedCallers } from '../platform/http/rate-limit.ts';
import { mayActFor } from '../platform/keys/actor.ts';
import { newSession, sendSessionCookie } from '../platform/keys/session-routes.ts';
import { csrfOf, makeSession } from '../platform/keys/session-store.ts';
import { signInKey } from '../platform/keys/sign-in-keys.ts';
import { inTransaction } from '../platform/postgres/database.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { orNotFound } from '../promotion/not-found.ts';
import { findPromoter } from '../promotion/promoters/promoter-store.ts';
import { makeSignInLink, useCode } from './link-store.ts';

const CODE_LENGTH_MAX = 128;

const signInLink = z
  .object({
    url: z.string().optional().meta({ description: 'What to send to the promoter, shown this once; absent where a retry is answered.' }),
    expires_at: z.date().meta({ description: 'Until then it signs in, once.' }),
  })
  .meta({ id: 'SignInLink' });

const code = z.string().min(1).max(CODE_LENGTH_MAX).meta({ description: 'What stands behind the `#` of a sign-in link.' });
const signIn = z.strictObject({ code }).meta(bodyExamples({ code: 'vI7kJx0Yt3Cq9mS1nB5wRz8aUe2LdPfHgQo4TiKcVyM' }));

const tags = ['keys'];

interface LinkDeps {
  db: Kysely<DB>;
  /** Where browsers see us. */
  publicUrl: string;
  /** Those whose codes were wrong count as those whose keys were. */
  refused: RefusedCallers;
}

/** POST /v1/promoters/{promoter_id}/sign-in-links and POST /sign-in/link. */
export function signInLinkRoutes(app: App, { db, publicUrl, refused }: LinkDeps): void {
  app.post('/v1/promoters/:promoter_id/sign-in-links', {
    config: { scopes: ['storefront'], roles: ['operator'] },
    schema: {
      operationId: 'signInLinks.make',
      tags,
      summary: 'Make a link that signs a promoter in, once',
      description:
        'Send it to the promoter. It works once, for 15 minutes, and what makes it work stands behind its `#`, so that no log has it. Only the ' +
        'hash of that is kept, and a retry under the same Idempotency-Key is answered without `url`. A suspended promoter may sign in and ' +
        'read. At most 20 links of a promoter wait at a time, else 429. A storefront’s key must be one of all merchants.',
      params: z.object({ promoter_id: callerId }),
      response: { 201: signInLink, ...problems('not_found') },
    },
    handler: (request, reply) => {
      const { promoter_id: promoterId } = request.params;
      mayActFor(request.actor, null);
      return answerOnce(request, reply, db, async ({ trx, now }) => {
        orNotFound(await findPromoter(trx, promoterId), 'promoter');
        const made = await makeSignInLink(trx, promoterId, request.actor, now);
        const stored = { expires_at: made.expiresAt };
        return { status: 201, body: { url: `${publicUrl}/me#${made.code}`, ...stored }, stored };
      });
    },
  });

  app.post('/sign-in/link', {
    config: { isKeyless: true },
    schema: {
      operationId: 'signIns.make',
      tags,
      summary: 'Sign a promoter in, with the code of a sign-in link',
      description:
        'Sets the cookie `fy_session` as POST /v1/sessions does, and uses the code up: it works once, whoever is first. A code that is not ' +
        'known, was used or has expired is refused with 401, and counts as a wrong key does: too many of one address are answered 429. The ' +
        'session is one of a key that nobody can present, one for each promoter, made at the first time: revoking it ends all sessions that ' +
        'such links have made. It honours no Idempotency-Key: what a code does it does once.',
      body: signIn,
      response: {
        201: newSession,
        ...problems('malformed_request', 'unauthorized', 'payload_too_large', 'unsupported_media_type', 'too_many_requests', 'unavailable'),
      },
    },
    handler: async (request, reply) => {
      if (refused.isOver(request.ip)) throw refused.problem();
      const made = await inTransaction(db, async ({ trx, now }) => {
        const promoterId = await useCode(trx, request.body.code, now);
        if (promoterId === null) return null;
        const { actor } = await signInKey(trx, { signIn: 'link', promoterId, label: 'Sign-in links' }, now);
        return makeSession(trx, actor, now);
      });
      if (made === null) {
        refused.note(request.ip);
        throw new DomainError('unauthorized', 'This sign-in link is not known, was used, or has expired. Ask for another one.');
      }
      const { token, row } = made;
      sendSessionCookie(reply, publicUrl, token, row.expires_at);
      return reply.code(201).send({ session_id: row.session_id, expires_at: row.expires_at, csrf: csrfOf(token) });
    },
  });
}
