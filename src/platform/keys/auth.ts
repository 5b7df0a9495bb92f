// Who may call which route: every route under /v1 declares the scopes it grants, and what it does
// not grant is refused.

import type { FastifyRequest } from 'fastify';
import type { Kysely } from 'kysely';
import { LruMap } from 'toad-cache';

import { DomainError } from '../../core/errors.ts';
import { isGranted, isOpenTo, type Actor, type KeyRole, type KeyScope } from './actor.ts';
import { coalesced } from '../coalesce.ts';
import type { App } from '../http/app.ts';
import { findActors, hashOfKey, touchKey } from './keys-store.ts';
import type { RefusedCallers } from '../http/rate-limit.ts';
import type { DB } from '../postgres/tables.ts';
import { findTicketActors } from './stream-tickets.ts';

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
  }
}

/** For so long a revoked key may still pass in other processes. */
const FOUND_TTL_MS = 10_000;
const FOUND_MAX = 10_000;
const TOUCHED_TTL_MS = 60_000;
const BEARER = /^bearer +([\x21-\x7e]+)$/i;

/** The keys that this process has seen lately. */
export interface KnownKeys {
  /**
   * Who the key belongs to; asks the database only when it was not seen for ten seconds. Null for a
   * key that is none.
   */
  find(key: string): Actor | Promise<Actor | null>;
  /** As whom a ticket opens streams; asks the database. Null for a ticket that is none. */
  findByTicket(ticket: string): Promise<Actor | null>;
  /** Forgets a key that was revoked here. */
  forget(keyId: string): void;
  /** Resolves when the last uses are noted. */
  close(): Promise<void>;
}

/** Makes the memory of keys. Their use is noted beside the request, never in its way. */
export function knownKeys(db: Kysely<DB>, onError: (error: unknown) => void): KnownKeys {
  const found = new LruMap<Actor>(FOUND_MAX, FOUND_TTL_MS);
  const hashes = new LruMap<string>(FOUND_MAX);
  const touched = new LruMap<true>(FOUND_MAX, TOUCHED_TTL_MS);
  const touching = new Set<Promise<void>>();
  const read = coalesced((wanted) => findActors(db, wanted));
  const readTicket = coalesced((wanted) => findTicketActors(db, wanted));

  function touch(keyId: string): void {
    if (touched.get(keyId) === true) return;
    touched.set(keyId, true);
    const noting = touchKey(db, keyId)
      .catch(onError)
      .finally(() => touching.delete(noting));
    touching.add(noting);
  }

  async function ask(keyHash: string): Promise<Actor | null> {
    const actor = await read(keyHash);
    if (actor === null) return null;
    found.set(keyHash, actor);
    hashes.set(actor.keyId, keyHash);
    touch(actor.keyId);
    return actor;
  }

  return {
    find(key) {
      const keyHash = hashOfKey(key);
      const actor = found.get(keyHash);
      if (actor === undefined) return ask(keyHash);
      touch(actor.keyId);
      return actor;
    },
    async findByTicket(ticket) {
      const actor = await readTicket(hashOfKey(ticket));
      if (actor !== null) touch(actor.keyId);
      return actor;
    },
    forget(keyId) {
      const keyHash = hashes.get(keyId);
      if (keyHash !== undefined) found.delete(keyHash);
    },
    async close() {
      await Promise.all(touching);
    },
  };
}

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

/**
 * Asks for a key on every route that declares scopes, and refuses at start a route under /v1 that
 * declares none. An address that was refused too often is told so instead of being refused once
 * more. A key that exists is let in from wherever it comes: many callers may share one address, and
 * who guesses keys must not keep out those who know theirs.
 */
export function requireKeys(app: App, keys: KnownKeys, refused?: RefusedCallers): void {
  app.decorateRequest('actor');
  app.addHook('onRoute', (route) => {
    if (!route.url.startsWith('/v1/')) return;
    const name = `${String(route.method)} ${route.url}`;
    if (route.config?.scopes === undefined) throw new Error(`${name} does not declare its scopes`);
    const isReading = [route.method].flat().every((method) => ['GET', 'HEAD'].includes(method));
    if (!isReading && route.config.roles === undefined) throw new Error(`${name} does not declare its roles`);
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
    const admit = (actor: Actor | null): void => {
      if (actor === null) return refuse('This key is not known, or was revoked.');
      if (!isGranted(actor.scope, scopes, request.method)) {
        return done(new DomainError('forbidden', `A ${actor.scope} key may not do this.`));
      }
      if (!isOpenTo(actor.role, roles, request.method)) {
        return done(new DomainError('role_forbidden', `The role ${actor.role} may not do this.`));
      }
      request.actor = actor;
      done();
    };
    const key = BEARER.exec(request.headers.authorization ?? '')?.[1];
    const ticket = key === undefined && isStream ? ticketOf(request.query) : undefined;
    if (ticket !== undefined) {
      keys
        .findByTicket(ticket)
        .then((actor) => (actor === null ? refuse('This ticket is not known, or has expired.') : admit(actor)), done);
      return;
    }
    if (key === undefined) return refuse('Send a key: Authorization: Bearer <key>.');
    const found = keys.find(key);
    if (found instanceof Promise) found.then(admit, done);
    else admit(found);
  });
  app.addHook('onClose', () => keys.close());
}
