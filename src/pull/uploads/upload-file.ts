// The file of an upload: kept byte for byte as it arrives, in parts, until all its rows have
// entered.
import { sql, type Kysely } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import type { KeptBytes } from '../tables/kept-bytes.ts';

const PART_BYTES = 1024 * 1024;
const PARTS_PER_STATEMENT = 64;

/**
 * Keeps a file, each part as soon as it is whole, and answers in how many. `onFirst` sees the first
 * part before it is kept, and may throw.
 */
export async function keepFile(
  db: Kysely<DB>,
  reconciliationId: string,
  stream: AsyncIterable<Buffer>,
  onFirst: (part: Buffer) => void,
): Promise<number> {
  let partNo = 0;
  for await (const bytes of partsOf(stream)) {
    if (partNo === 0) onFirst(bytes);
    await db.insertInto('upload_part').values({ reconciliation_id: reconciliationId, part_no: partNo, bytes }).execute();
    partNo++;
  }
  return partNo;
}

/** The bytes in parts of a mebibyte or a little more; an empty file is one empty part. */
async function* partsOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = [];
  let size = 0;
  let isEmpty = true;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    if (size < PART_BYTES) continue;
    yield Buffer.concat(chunks);
    chunks = [];
    size = 0;
    isEmpty = false;
  }
  if (size > 0 || isEmpty) yield Buffer.concat(chunks);
}

/**
 * A kept file from its beginning. Throws when a part is gone, because somebody else has read the
 * file to its end meanwhile.
 */
export async function* keptFile(db: Kysely<DB>, reconciliationId: string, parts: number): AsyncGenerator<Buffer> {
  for (let partNo = 0; partNo < parts; partNo++) yield await keptPart(db, reconciliationId, partNo);
}

/** Where the parts of a kept file are, for reading it from any place. Throws when one is gone. */
export async function keptBytes(db: Kysely<DB>, reconciliationId: string, parts: number): Promise<KeptBytes> {
  const rows = await db
    .selectFrom('upload_part')
    .select(['part_no', sql<number>`octet_length(bytes)`.as('length')])
    .where('reconciliation_id', '=', reconciliationId)
    .where('part_no', '<', parts)
    .orderBy('part_no')
    .execute();
  if (rows.length < parts) throw new Error('parts of this file are gone');
  return { lengths: rows.map((row) => row.length), part: (partNo) => keptPart(db, reconciliationId, partNo) };
}

async function keptPart(db: Kysely<DB>, reconciliationId: string, partNo: number): Promise<Buffer> {
  const { bytes } = await db
    .selectFrom('upload_part')
    .select('bytes')
    .where('reconciliation_id', '=', reconciliationId)
    .where('part_no', '=', partNo)
    .executeTakeFirstOrThrow();
  return bytes;
}

/**
 * Drops files that are read, or that have failed: few parts a query, because a file may have a
 * thousand.
 */
export async function dropFiles(db: Kysely<DB>): Promise<void> {
  for (let dropped = PARTS_PER_STATEMENT; dropped === PARTS_PER_STATEMENT;) {
    const result = await sql`
      delete from upload_part where (reconciliation_id, part_no) in (
        select reconciliation_id, part_no from upload_part join reconciliation using (reconciliation_id)
        where state <> 'reading' limit ${PARTS_PER_STATEMENT}
      )`.execute(db);
    dropped = Number(result.numAffectedRows);
  }
}
