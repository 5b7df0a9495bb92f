// Who may call which route: every route under /v1 declares the scopes it grants, and what it does
// not grant is refused.

import { timingSafeEqual } from 'node:crypto';

import { parseCookie } from 'cookie';
import type { FastifyRequest } from 'fastify';

import { DomainError } from '../../core/errors.ts';
import { isGranted, isOpenTo, isReading, type Actor, type KeyRole, type KeyScope } from './actor.ts';
import type { App } from '../http/app.ts';
import type { KnownKeys } from './known-keys.ts';
import type { RefusedCallers } from '../http/rate-limit.ts';
import { csrfOf, type Session } from './session-store.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Who may use the route. `admin` always may, and `auditor` may GET. No key is asked for where
     * this is absent.
     */
    scopes?: readonly KeyScope[];
    /**
     * Which roles of admins may use the route. Must be said where something is changed; a route
     * that reads is open to all of them where this is absent.
     */
    roles?: readonly KeyRole[];
    /** It changes only how its caller reads: who may make nothing else may use it. */
    isForReading?: boolean;
    /** Under /v1 and nevertheless for who has no key: what is sent there is its own proof. */
    isKeyless?: boolean;
    /** Whoever asks on this very machine needs no key. */
    openToMachine?: boolean;
    /**
     * The answer is a stream of events, which has no end of its own: a ticket opens it as a key
     * does, and how long it takes says nothing.
     */
    isStream?: boolean;
  }
  interface FastifyRequest {
    /** Who calls. There on every route that declares scopes. */
    actor: Actor;
    /** By which session, and what its unsafe requests must show; null where a key was sent. */
    session: { sessionId: string; csrf: string } | null;
  }
}

const BEARER = /^bearer +([\x21-\x7e]+)$/i;

/** The cookie that holds a session. */
export const SESSION_COOKIE = 'fy_session';
const SEND_A_KEY = 'Send a key: Authorization: Bearer <key>.';

const LOOPBACK = /^(?:::1|(?:::ffff:)?127\.\d+\.\d+\.\d+)$/;
/** What a proxy adds that asks for somebody else. */
const FORWARDED = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'];

/** Asked on this machine, for nobody behind a proxy, and without a key that would be judged. */
function isOfMachine({ socket, headers }: FastifyRequest): boolean {
  const isForwarded = FORWARDED.some((name) => headers[name] !== undefined);
  return LOOPBACK.test(socket.remoteAddress ?? '') && !isForwarded && headers.authorization === undefined;
}

/** The ticket of an address that has one. */
function ticketOf(query: unknown): string | undefined {
  const ticket = typeof query === 'object' && query !== null && 'ticket' in query ? query.ticket : undefined;
  return typeof ticket === 'string' && ticket !== '' ? ticket : undefined;
}

/** The session of a Cookie header that holds one. */
function sessionIn(cookies: string | undefined): string | undefined {
  return cookies === undefined ? undefined : parseCookie(cookies)[SESSION_COOKIE];
}

function isSame(shown: unknown, wanted: string): boolean {
  const [given, expected] = [Buffer.from(String(shown)), Buffer.from(wanted)];
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** Which operation of the API a route is, and whom it lets in. */
export interface GrantedOperation {
  operationId: string;
  method: string;
  scopes: readonly KeyScope[];
  roles: readonly KeyRole[] | undefined;
}

/**
 * Asks for a key on every route that declares scopes, and refuses at start a route under /v1 that
 * declares none. Where no key is sent a session's cookie does, and for a stream a ticket. An
 * address that was refused too often is told so instead of being refused once more. A key that
 * exists is let in from wherever it comes: many callers may share one address, and who guesses keys
 * must not keep out those who know theirs. Returns the operations, all of them once the server is
 * ready.
 */
export function requireKeys(app: App, keys: KnownKeys, refused?: RefusedCallers): readonly GrantedOperation[] {
  const operations: GrantedOperation[] = [];
  app.decorateRequest('actor');
  app.decorateRequest('session', null);
  app.addHook('onRoute', (route) => {
    if (!route.url.startsWith('/v1/')) return;
    const { scopes, roles, isKeyless } = route.config ?? {};
    if (isKeyless === true) return;
    const name = `${String(route.method)} ${route.url}`;
    if (scopes === undefined) throw new Error(`${name} does not declare its scopes`);
    const method = [route.method].flat().find((one) => !isReading(one)) ?? 'GET';
    if (!isReading(method) && roles === undefined) throw new Error(`${name} does not declare its roles`);
    const operationId = route.schema?.operationId;
    if (operationId !== undefined && route.method !== 'HEAD') operations.push({ operationId, method, scopes, roles });
  });
  app.addHook('onRequest', (request, _reply, done) => {
    const { scopes, roles, openToMachine = false, isStream = false } = request.routeOptions.config;
    if (scopes === undefined || (openToMachine && isOfMachine(request))) {
      done();
      return;
    }
    const refuse = (message: string): void => {
      if (refused?.isOver(request.ip) === true) return done(refused.problem());
      refused?.note(request.ip);
      done(new DomainError('unauthorized', message));
    };
    const admit = (actor: Actor): void => {
      if (!isGranted(actor.scope, scopes, request.method)) {
        return done(new DomainError('forbidden', `A ${actor.scope} key may not do this.`));
      }
      if (!isOpenTo(actor.role, roles, request.method)) {
        return done(new DomainError('role_forbidden', `The role ${actor.role} may not do this.`));
      }
      request.actor = actor;
      done();
    };
    const { authorization, cookie } = request.headers;
    if (authorization !== undefined) {
      const key = BEARER.exec(authorization)?.[1];
      if (key === undefined) return refuse(SEND_A_KEY);
      return when(keys.find(key), (actor) => (actor === null ? refuse('This key is not known, or was revoked.') : admit(actor)), done);
    }
    const ticket = isStream ? ticketOf(request.query) : undefined;
    if (ticket !== undefined) {
      const admitTicket = (actor: Actor | null) => (actor === null ? refuse('This ticket is not known, or has expired.') : admit(actor));
      return when(keys.findByTicket(ticket), admitTicket, done);
    }
    const token = sessionIn(cookie);
    if (token === undefined) return refuse(SEND_A_KEY);
    const admitSession = (session: Session | null): void => {
      if (session === null) return refuse('This session has ended. Sign in again.');
      const csrf = csrfOf(token);
      if (!isReading(request.method) && !isSame(request.headers['x-csrf-token'], csrf)) {
        return done(new DomainError('csrf', 'With a session, send its csrf as X-CSRF-Token.'));
      }
      request.session = { sessionId: session.sessionId, csrf };
      admit(session.actor);
    };
    when(keys.findSession(token), admitSession, done);
  });
  app.addHook('onClose', () => keys.close());
  return operations;
}

/** Judges at once what is known already. */
function when<Found>(found: Found | Promise<Found>, judge: (found: Found) => void, failed: (error: Error) => void): void {
  if (found instanceof Promise) found.then(judge, failed);
  else judge(found);
}
