// Sources in memory, for the door: verifying a webhook must not cost a query.
import type { Kysely } from 'kysely';
import { LruMap } from 'toad-cache';

import { coalesced } from '../../platform/coalesce.ts';
import type { MasterKeys } from '../../platform/keys/secrets.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { findSealedSources, unsealSource, type LiveSource } from './source-store.ts';

/** For so long another process may still take a push under secrets that were changed. */
const FRESH_MS = 2000;
const SOURCES_MAX = 10_000;

export interface SourceCache {
  /** The source with its secrets, or null when there is none; at most two seconds old. */
  find(sourceId: string): Promise<LiveSource | null>;
  /** Forgets a source that was changed here. */
  forget(sourceId: string): void;
}

export function sourceCache(db: Kysely<DB>, keys: MasterKeys): SourceCache {
  const known = new LruMap<Promise<LiveSource | null>>(SOURCES_MAX, FRESH_MS);
  // Whoever pushes to ever new ids holds one connection. Secrets that cannot be opened fail their
  // own source only.
  const read = coalesced((sourceIds) => findSealedSources(db, sourceIds));
  return {
    find(sourceId) {
      const found = known.get(sourceId);
      if (found !== undefined) return found;
      // Everybody who asks while it is read waits for the one read.
      const reading = read(sourceId).then((sealed) => (sealed === null ? null : unsealSource(keys, sealed)));
      known.set(sourceId, reading);
      reading.catch(() => {
        if (known.get(sourceId) === reading) known.delete(sourceId);
      });
      return reading;
    },
    forget: (sourceId) => known.delete(sourceId),
  };
}
