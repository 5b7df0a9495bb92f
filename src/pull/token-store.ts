// Access tokens of platforms, kept sealed so that every process uses the same one: some platforms let an old one end when a new one is made.
import { sql, type Kysely } from 'kysely';

import type { SealedColumn } from '../platform/reseal.ts';
import { open, seal, type MasterKeys } from '../platform/secrets.ts';
import type { DB } from '../platform/tables.ts';
import type { Asking } from '../sources/asking.ts';

const placeOf = (sourceId: string, name: string): string => `pull_token|sealed|${sourceId}|${name}`;

/** Where tokens lie, for the rotation of the master key. */
export const SEALED_TOKENS: SealedColumn = { table: 'pull_token', ids: ['source_id', 'name'], column: 'sealed', placeOf };

/** The tokens of a source. It is asked by one process at a time, so a token is obtained by one at a time, too. */
export function keptTokens(db: Kysely<DB>, keys: MasterKeys, sourceId: string): Pick<Asking, 'token' | 'forgetToken'> {
  return {
    async token(name, obtain) {
      const { rows } = await sql<{ sealed: Buffer; fresh: boolean }>`
        select sealed, expires_at > now() as fresh from pull_token where source_id = ${sourceId} and name = ${name}`.execute(db);
      const [kept] = rows;
      const previous = kept === undefined ? null : open(keys, kept.sealed, placeOf(sourceId, name));
      if (kept?.fresh === true) return previous!;
      const { value, expiresAt } = await obtain(previous);
      await sql`
        insert into pull_token (source_id, name, sealed, expires_at)
        values (${sourceId}, ${name}, ${seal(keys, value, placeOf(sourceId, name))}, ${expiresAt})
        on conflict (source_id, name) do update set sealed = excluded.sealed, expires_at = excluded.expires_at`.execute(db);
      return value;
    },
    // It is let expire, not deleted: a part of it may be what the next one is obtained with.
    async forgetToken(name) {
      await sql`update pull_token set expires_at = now() where source_id = ${sourceId} and name = ${name}`.execute(db);
    },
  };
}
