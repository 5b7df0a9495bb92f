// The rotation of a master key: whatever an older one sealed is sealed anew by the first, so that
// the older one can be thrown away.

import { sql, type Kysely } from 'kysely';

import { recordChange } from './audit-log.ts';
import { inTransaction } from '../postgres/database.ts';
import { isSealedByFirst, open, seal, type MasterKeys } from './secrets.ts';
import type { DB } from '../postgres/tables.ts';

const BATCH = 100;

/**
 * A column of sealed texts, null where there is none: the columns, read as texts, that tell its
 * rows apart, and to what place each belongs.
 */
export interface SealedColumn {
  table: keyof DB;
  ids: readonly string[];
  column: string;
  placeOf: (...ids: string[]) => string;
}

/**
 * What was done to a column: how many texts were sealed anew, and how many were already sealed by
 * the first key.
 */
interface Resealed {
  table: string;
  resealed: number;
  kept: number;
}

/**
 * Seals anew what older keys have sealed; done twice, the second time changes nothing. Processes
 * that run meanwhile must know the new key. Throws when a text opens by none of the keys: what was
 * sealed anew until then stays so.
 */
export async function reseal(db: Kysely<DB>, keys: MasterKeys, columns: readonly SealedColumn[]): Promise<Resealed[]> {
  const done: Resealed[] = [];
  for (const column of columns) {
    const sum = { table: column.table, resealed: 0, kept: 0 };
    let after: string[] = column.ids.map(() => '');
    for (;;) {
      const batch = await resealBatch(db, keys, column, after);
      if (batch === null) break;
      sum.resealed += batch.resealed;
      sum.kept += batch.kept;
      after = batch.last;
    }
    done.push(sum);
  }
  return done;
}

/** The next rows of a column, in a transaction of their own; null when there are none. */
async function resealBatch(db: Kysely<DB>, keys: MasterKeys, { table, ids, column, placeOf }: SealedColumn, after: string[]) {
  const id = sql.join(ids.map((name) => sql`${sql.ref(name)}::text`));
  const sealedText = sql.ref(column);
  return inTransaction(db, async ({ trx, now }) => {
    const { rows } = await sql<{ ids: string[]; sealed: Buffer }>`
      select array[${id}] as ids, ${sealedText} as sealed from ${sql.table(table)}
      where (${id}) > (${sql.join(after)}) and ${sealedText} is not null order by ${id} limit ${BATCH} for no key update`.execute(trx);
    const last = rows.at(-1)?.ids;
    if (last === undefined) return null;
    const older = rows.filter(({ sealed }) => !isSealedByFirst(keys, sealed));
    for (const row of older) {
      const place = placeOf(...row.ids);
      const sealed = seal(keys, open(keys, row.sealed, place), place);
      await sql`update ${sql.table(table)} set ${sealedText} = ${sealed} where (${id}) = (${sql.join(row.ids)})`.execute(trx);
      const change = { actor: null, now, action: 'secrets_resealed', subjectKind: table, subjectId: row.ids.join(' ') };
      await recordChange(trx, { ...change, before: null, after: null });
    }
    return { last, resealed: older.length, kept: rows.length - older.length };
  });
}
