// The keys, sessions and tickets that this process has seen lately, so that no request asks the
// database who calls once more.

import type { Kysely } from 'kysely';
import { LruMap } from 'toad-cache';

import { coalesced } from '../coalesce.ts';
import type { DB } from '../postgres/tables.ts';
import type { Actor } from './actor.ts';
import { findActors, hashOfKey, touchKey } from './keys-store.ts';
import { findSessions, touchSession, type Session } from './session-store.ts';
import { findTicketActors } from './stream-tickets.ts';

/** For so long what was revoked or ended may still pass in other processes. */
const FOUND_TTL_MS = 10_000;
const FOUND_MAX = 10_000;
const TOUCHED_TTL_MS = 60_000;

/** Who calls, by what is shown; each is null for what is none, or is no more. */
export interface KnownKeys {
  /** Who the key belongs to; asks the database only when it was not seen for ten seconds. */
  find(key: string): Actor | Promise<Actor | null>;
  /** The session that a cookie holds, read as seldom. */
  findSession(token: string): Session | Promise<Session | null>;
  /** As whom a ticket opens streams; asks the database. */
  findByTicket(ticket: string): Promise<Actor | null>;
  /** Forgets a key that was revoked here, and all sessions, of which some may be its own. */
  forget(keyId: string): void;
  /** Forgets a session that was ended here. */
  forgetSession(sessionId: string): void;
  /** Resolves when the last uses are noted. */
  close(): Promise<void>;
}

/** Makes the memory. Uses are noted beside the request, never in its way. */
export function knownKeys(db: Kysely<DB>, onError: (error: unknown) => void): KnownKeys {
  const touching = new Set<Promise<void>>();
  /** Notes a use unless this process did within the minute. */
  function noting(touch: (db: Kysely<DB>, id: string) => Promise<void>): (id: string) => void {
    const touched = new LruMap<true>(FOUND_MAX, TOUCHED_TTL_MS);
    return (id) => {
      if (touched.get(id) === true) return;
      touched.set(id, true);
      const noted = touch(db, id)
        .catch(onError)
        .finally(() => touching.delete(noted));
      touching.add(noted);
    };
  }
  const noteKey = noting(touchKey);
  const noteSession = noting(touchSession);
  const keys = seenLately<Actor>((wanted) => findActors(db, wanted), { idOf: ({ keyId }) => keyId, onUse: ({ keyId }) => noteKey(keyId) });
  const sessions = seenLately<Session>((wanted) => findSessions(db, wanted), {
    idOf: ({ sessionId }) => sessionId,
    onUse({ sessionId, actor }) {
      noteSession(sessionId);
      noteKey(actor.keyId);
    },
  });
  const readTicket = coalesced((wanted) => findTicketActors(db, wanted));
  return {
    find: (key) => keys.find(key),
    findSession: (token) => sessions.find(token),
    async findByTicket(ticket) {
      const actor = await readTicket(hashOfKey(ticket));
      if (actor !== null) noteKey(actor.keyId);
      return actor;
    },
    forget(keyId) {
      keys.forget(keyId);
      sessions.forgetAll();
    },
    forgetSession: (sessionId) => sessions.forget(sessionId),
    async close() {
      await Promise.all(touching);
    },
  };
}

/** What was read lately by the hashes of secrets, each with an id by which it is forgotten. */
function seenLately<Found>(
  read: (hashes: string[]) => Promise<ReadonlyMap<string, Found>>,
  { idOf, onUse }: { idOf: (found: Found) => string; onUse: (found: Found) => void },
) {
  const found = new LruMap<Found>(FOUND_MAX, FOUND_TTL_MS);
  const hashes = new LruMap<string>(FOUND_MAX);
  const readTogether = coalesced(read);

  async function ask(hash: string): Promise<Found | null> {
    const one = await readTogether(hash);
    if (one === null) return null;
    found.set(hash, one);
    hashes.set(idOf(one), hash);
    onUse(one);
    return one;
  }

  return {
    find(secret: string): Found | Promise<Found | null> {
      const hash = hashOfKey(secret);
      const one = found.get(hash);
      if (one === undefined) return ask(hash);
      onUse(one);
      return one;
    },
    forget(id: string): void {
      const hash = hashes.get(id);
      if (hash !== undefined) found.delete(hash);
    },
    forgetAll: () => found.clear(),
  };
}
