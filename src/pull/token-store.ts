// Access tokens of platforms, kept sealed so that every process uses the same one: some platforms
// let an old one end when a new one is made.
import { sql, type Kysely } from 'kysely';

import type { SealedColumn } from '../platform/keys/reseal.ts';
import { open, seal, type MasterKeys } from '../platform/keys/secrets.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { Asking, Token } from '../sources/asking.ts';

const placeOf = (sourceId: string, name: string): string => `pull_token|sealed|${sourceId}|${name}`;

/** Where tokens lie, for the rotation of the master key. */
export const SEALED_TOKENS: SealedColumn = { table: 'pull_token', ids: ['source_id', 'name'], column: 'sealed', placeOf };

type Obtain = (previous: string | null) => Promise<Token>;

/**
 * The tokens of a source for one turn, which reads each of them once and whose questions share it.
 * A source is asked by one process at a time, so a token is obtained by one at a time, too. One
 * that could not be obtained is tried for again by the next question.
 */
export function keptTokens(db: Kysely<DB>, keys: MasterKeys, sourceId: string): Pick<Asking, 'token'> {
  const read = new Map<string, Promise<string>>();
  return {
    async token(name, obtain, ended) {
      const known = read.get(name);
      const isGood = known !== undefined && (await known) !== ended;
      // Of several questions that were told at once that it has ended, the first reads it anew, and
      // the others wait for that.
      if (!isGood && read.get(name) === known) {
        const reading = readToken(db, keys, { sourceId, name, ended }, obtain);
        read.set(name, reading);
        reading.catch(() => {
          if (read.get(name) === reading) read.delete(name);
        });
      }
      return read.get(name)!;
    },
  };
}

interface Sought {
  sourceId: string;
  name: string;
  /** This one is not good any more, whatever is kept of it. */
  ended: string | undefined;
}

async function readToken(db: Kysely<DB>, keys: MasterKeys, { sourceId, name, ended }: Sought, obtain: Obtain): Promise<string> {
  const place = placeOf(sourceId, name);
  const { rows } = await sql<{ sealed: Buffer; fresh: boolean }>`
    select sealed, expires_at > now() as fresh from pull_token where source_id = ${sourceId} and name = ${name}`.execute(db);
  const [kept] = rows;
  const previous = kept === undefined ? null : open(keys, kept.sealed, place);
  if (previous !== null && kept?.fresh === true && previous !== ended) return previous;
  const { value, expiresAt } = await obtain(previous);
  await sql`
    insert into pull_token (source_id, name, sealed, expires_at)
    values (${sourceId}, ${name}, ${seal(keys, value, place)}, ${expiresAt})
    on conflict (source_id, name) do update set sealed = excluded.sealed, expires_at = excluded.expires_at`.execute(db);
  return value;
}
