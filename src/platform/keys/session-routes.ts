// Sessions over HTTP: signing in from a browser with a key, out again, and who one is.

import { stringifySetCookie } from 'cookie';
import type { FastifyReply } from 'fastify';
import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import type { App } from '../http/app.ts';
import { answerOnce } from '../http/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../http/paging.ts';
import { problems } from '../http/problem.ts';
import { inTransaction } from '../postgres/database.ts';
import type { DB } from '../postgres/tables.ts';
import { isGranted, isOpenTo, KEY_ROLES, personOf, SCOPES } from './actor.ts';
import { SESSION_COOKIE, type GrantedOperation } from './auth.ts';
import { partyId } from './keys-wish.ts';
import type { KnownKeys } from './known-keys.ts';
import { csrfOf, endSession, listSessions, makeSession } from './session-store.ts';

const CSRF = 'What every request of the session that changes something sends as `X-CSRF-Token`.';

const session = z
  .object({
    session_id: z.uuid(),
    key_id: z.uuid().meta({ description: 'The key that signed in.' }),
    made_at: z.date(),
    last_used_at: z.date().meta({ description: 'Exact to a minute.' }),
    expires_at: z.date().meta({ description: 'It ends then in any case, and twelve hours after its last use.' }),
    ended_at: z.date().nullable().meta({ description: 'When it ended, by whatever; null while it opens the door.' }),
    is_current: z.boolean().meta({ description: 'Whether it is the one that asks.' }),
  })
  .meta({ id: 'Session' });

/** A session that was just made, as it is told. */
export const newSession = z
  .object({
    session_id: z.uuid(),
    expires_at: z.date(),
    csrf: z
      .string()
      .optional()
      .meta({ description: `${CSRF} Absent where a retry is answered.` }),
  })
  .meta({ id: 'NewSession' });

const me = z
  .object({
    person: partyId.nullable(),
    scope: z.enum(SCOPES),
    role: z.enum(KEY_ROLES).nullable(),
    merchant_id: partyId.nullable(),
    promoter_id: partyId.nullable(),
    may: z.array(z.string()).meta({ description: 'The operations that this caller is let into, by their `operationId`.' }),
    csrf: z
      .string()
      .nullable()
      .meta({ description: `${CSRF} Null for who sent a key.` }),
  })
  .meta({ id: 'Me' });

const tags = ['keys'];
const place = z.tuple([z.uuid()]);
const anybody = { scopes: SCOPES, roles: KEY_ROLES, isForReading: true };

interface SessionDeps {
  db: Kysely<DB>;
  keys: KnownKeys;
  /** Where browsers see us. Over https the cookie is never sent in the clear. */
  publicUrl: string;
}

/** Puts a session into the browser; an empty one, in the past, takes it out again. */
export function sendSessionCookie(reply: FastifyReply, publicUrl: string, value: string, expiresAt: Date): void {
  const cookie = {
    name: SESSION_COOKIE,
    value,
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: publicUrl.startsWith('https:'),
  } as const;
  reply.header('set-cookie', stringifySetCookie({ ...cookie, expires: expiresAt }));
}

/** POST, GET and DELETE under /v1/sessions. */
export function sessionRoutes(app: App, { db, keys, publicUrl }: SessionDeps): void {
  app.post('/v1/sessions', {
    config: anybody,
    schema: {
      operationId: 'sessions.make',
      tags,
      summary: 'Sign in: a session of the key that is sent',
      description:
        'Sets the cookie `fy_session`, with which a browser does what the key may, without holding it. Requests with the cookie that change ' +
        'something must send `csrf` as `X-CSRF-Token`, else 403 `csrf`. A request that sends a key too is judged by the key alone. A session ' +
        'ends with its key, twelve hours after its last use, and after 7 days in any case, a promoter’s after 30. A retry under the same ' +
        'Idempotency-Key is answered without the cookie and `csrf`. A session makes no further one: 403 `forbidden`.',
      response: { 201: newSession },
    },
    handler: (request, reply) => {
      if (request.session !== null) throw new DomainError('forbidden', 'A session makes no further one: send a key.');
      return answerOnce(request, reply, db, async ({ trx, now }) => {
        const { token, row } = await makeSession(trx, request.actor, now);
        const stored = { session_id: row.session_id, expires_at: row.expires_at };
        sendSessionCookie(reply, publicUrl, token, row.expires_at);
        return { status: 201, body: { ...stored, csrf: csrfOf(token) }, stored };
      });
    },
  });

  listRoute(app, db);

  app.delete('/v1/sessions/:session_id', {
    config: anybody,
    schema: {
      operationId: 'sessions.end',
      tags,
      summary: 'Sign out: end a session, by its id or as `current`',
      description: 'It stops at once here, and within ten seconds everywhere. Ending a session twice is no error.',
      params: z.object({ session_id: z.union([z.uuid(), z.literal('current')]) }),
      response: { 204: z.undefined(), ...problems('not_found') },
    },
    handler: async ({ params, actor, session: current }, reply) => {
      const sessionId = params.session_id === 'current' ? current?.sessionId : params.session_id;
      if (sessionId === undefined) throw new DomainError('not_found', 'A key was sent, and no session.');
      await inTransaction(db, ({ trx, now }) => endSession(trx, sessionId, actor, now));
      keys.forgetSession(sessionId);
      if (sessionId === current?.sessionId) sendSessionCookie(reply, publicUrl, '', new Date(0));
      return reply.code(204).send();
    },
  });
}

function listRoute(app: App, db: Kysely<DB>): void {
  app.get('/v1/sessions', {
    config: { scopes: SCOPES },
    schema: {
      operationId: 'sessions.list',
      tags,
      summary: 'Sessions, the newest first',
      description: 'An admin without a role and an auditor see everybody’s, the others those of their own person’s keys.',
      querystring: pageQuery,
      response: { 200: pageOf(session) },
    },
    handler: async ({ actor, session: current, query: { limit, cursor } }) => {
      const before = cursor === undefined ? null : decodeCursor(cursor, place)[0];
      return toPage(
        await listSessions(db, actor, { limit, before }),
        limit,
        (row) => ({ ...row, is_current: row.session_id === current?.sessionId }),
        (row) => [row.session_id],
      );
    },
  });
}

/** GET /v1/me, over the operations that the server has once it is ready. */
export function meRoute(app: App, operations: readonly GrantedOperation[]): void {
  app.get('/v1/me', {
    config: { scopes: SCOPES },
    schema: {
      operationId: 'me.get',
      tags,
      summary: 'Who calls, and what he may do',
      response: { 200: me },
    },
    handler: async ({ actor: { keyId, person, scope, role, merchantId, promoterId }, session: current }) => ({
      person: person === personOf(keyId, null) ? null : person,
      scope,
      role,
      merchant_id: merchantId,
      promoter_id: promoterId,
      may: operations
        .filter(({ method, scopes, roles }) => isGranted(scope, scopes, method) && isOpenTo(role, roles, method))
        .map(({ operationId }) => operationId)
        .toSorted(),
      csrf: current?.csrf ?? null,
    }),
  });
}
