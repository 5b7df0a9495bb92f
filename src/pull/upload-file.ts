// The file of an upload: kept byte for byte as it arrives, in parts, until all its rows have entered.
import { sql, type Kysely } from 'kysely';

import type { DB } from '../platform/tables.ts';

const PART_BYTES = 1024 * 1024;

/** Keeps a file, each part as soon as it is whole. `onFirst` sees the first part before it is kept, and may throw. */
export async function keepFile(
  db: Kysely<DB>,
  reconciliationId: string,
  stream: AsyncIterable<Buffer>,
  onFirst: (part: Buffer) => void,
): Promise<void> {
  let partNo = 0;
  for await (const bytes of partsOf(stream)) {
    if (partNo === 0) onFirst(bytes);
    await db.insertInto('upload_part').values({ reconciliation_id: reconciliationId, part_no: partNo, bytes }).execute();
    partNo++;
  }
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

/** A kept file from its beginning. */
export async function* keptFile(db: Kysely<DB>, reconciliationId: string): AsyncGenerator<Buffer> {
  for (let partNo = 0; ; partNo++) {
    const part = await db
      .selectFrom('upload_part')
      .select('bytes')
      .where('reconciliation_id', '=', reconciliationId)
      .where('part_no', '=', partNo)
      .executeTakeFirst();
    if (part === undefined) return;
    yield part.bytes;
  }
}

/** Drops the kept file of a reconciliation. */
export async function dropFile(db: Kysely<DB>, reconciliationId: string): Promise<void> {
  await db.deleteFrom('upload_part').where('reconciliation_id', '=', reconciliationId).execute();
}

/** Drops the files of uploads that have failed. */
export async function dropFailedFiles(db: Kysely<DB>): Promise<void> {
  await sql`
    delete from upload_part using reconciliation
    where upload_part.reconciliation_id = reconciliation.reconciliation_id and reconciliation.state = 'failed'`.execute(db);
}
