// Files of batches in the database: fixed at the approval, sealed in parts since they name people
// and their accounts, and read again part by part.

import { createHash } from 'node:crypto';

import { sql, type Kysely, type Transaction } from 'kysely';

import type { SealedColumn } from '../../platform/keys/reseal.ts';
import { open, seal, type MasterKeys } from '../../platform/keys/secrets.ts';
import type { DB } from '../../platform/postgres/tables.ts';

const PART_BYTES = 512 * 1024;

/** The file of a batch for one provider. */
export interface BatchFile {
  batchId: string;
  providerId: string;
  name: string;
  mediaType: string;
  sha256: Buffer;
  bytes: number;
  payouts: number;
  /** What its payouts come to, in minor units of the batch's currency. */
  net: bigint;
}

const placeOf = (batchId: string, providerId: string, partNo: string): string =>
  `payout_file_part|sealed|${batchId}|${providerId}|${partNo}`;

export const SEALED_BATCH_FILES: SealedColumn = {
  table: 'payout_file_part',
  ids: ['batch_id', 'provider_id', 'part_no'],
  column: 'sealed',
  placeOf,
};

/** Keeps the bytes as they are made, and then what they are. */
export async function keepBatchFile(
  trx: Transaction<DB>,
  keys: MasterKeys,
  file: Omit<BatchFile, 'sha256' | 'bytes'>,
  pieces: AsyncIterable<Buffer>,
): Promise<void> {
  const { batchId, providerId } = file;
  const sum = createHash('sha256');
  let [bytes, partNo] = [0, 0];
  for await (const part of partsOf(pieces)) {
    sum.update(part);
    bytes += part.length;
    // What is sealed is text, and a file is of any encoding.
    const sealed = seal(keys, part.toString('base64'), placeOf(batchId, providerId, String(partNo)));
    await trx.insertInto('payout_file_part').values({ batch_id: batchId, provider_id: providerId, part_no: partNo, sealed }).execute();
    partNo++;
  }
  await trx
    .insertInto('payout_file')
    .values({
      batch_id: batchId,
      provider_id: providerId,
      name: file.name,
      media_type: file.mediaType,
      sha256: sum.digest(),
      bytes: BigInt(bytes),
      payouts: file.payouts,
      net: file.net,
    })
    .execute();
}

async function* partsOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let part: Buffer[] = [];
  let size = 0;
  for await (const piece of pieces) {
    part.push(piece);
    size += piece.length;
    if (size < PART_BYTES) continue;
    yield Buffer.concat(part);
    [part, size] = [[], 0];
  }
  if (size > 0) yield Buffer.concat(part);
}

/** The files of a batch, by provider; none before its approval. */
export async function findBatchFiles(db: Kysely<DB>, batchId: string): Promise<BatchFile[]> {
  const rows = await db.selectFrom('payout_file').selectAll().where('batch_id', '=', batchId).orderBy('provider_id').execute();
  return rows.map((row) => ({
    batchId,
    providerId: row.provider_id,
    name: row.name,
    mediaType: row.media_type,
    sha256: row.sha256,
    bytes: Number(row.bytes),
    payouts: row.payouts,
    net: row.net,
  }));
}

/** The bytes of a file, part by part. Throws at the end where they are not those that were kept. */
export async function* readBatchFile(db: Kysely<DB>, keys: MasterKeys, { batchId, providerId, sha256 }: BatchFile): AsyncGenerator<Buffer> {
  const sum = createHash('sha256');
  for (let partNo = 0; ; partNo++) {
    const row = await db
      .selectFrom('payout_file_part')
      .select('sealed')
      .where('batch_id', '=', batchId)
      .where('provider_id', '=', providerId)
      .where('part_no', '=', partNo)
      .executeTakeFirst();
    if (row === undefined) break;
    const part = Buffer.from(open(keys, row.sealed, placeOf(batchId, providerId, String(partNo))), 'base64');
    sum.update(part);
    yield part;
  }
  if (!sum.digest().equals(sha256)) throw new Error(`broken law: the file of batch ${batchId} for ${providerId} is as it was approved`);
}

/** How many payouts of an approved batch each provider pays, and their nets together. */
export async function sentByProvider(
  trx: Transaction<DB>,
  batchId: string,
): Promise<{ providerId: string; payouts: number; net: bigint }[]> {
  const { rows } = await sql<{ provider_id: string; payouts: bigint; net: string }>`
    select provider_id, count(*) as payouts, sum(gross - withheld) as net from payout
    where batch_id = ${batchId} and state = 'sent' group by provider_id order by provider_id`.execute(trx);
  return rows.map(({ provider_id: providerId, payouts, net }) => ({ providerId, payouts: Number(payouts), net: BigInt(net) }));
}

/** A payout as it goes into a file, its payee still sealed. */
interface SentPayout {
  payoutId: string;
  promoterId: string;
  payeeVersion: number | null;
  net: bigint;
  /**
   * The how-manieth of the promoter by this provider in this currency, from 1, in the order of
   * approvals.
   */
  sequence: number;
}

/** Payouts of an approved batch that a provider pays, by id, a page at a time. */
export async function readSent(
  trx: Transaction<DB>,
  { batchId, providerId, after, limit }: { batchId: string; providerId: string; after: string; limit: number },
): Promise<SentPayout[]> {
  const { rows } = await sql<{ payout_id: string; promoter_id: string; payee_version: number | null; net: bigint; sequence: bigint }>`
    select payout_id, promoter_id, payee_version, gross - withheld as net, (
      select count(*) from payout earlier
      where earlier.promoter_id = payout.promoter_id and earlier.provider_id = payout.provider_id and earlier.currency = payout.currency
        and earlier.approved_no <= payout.approved_no
    ) as sequence
    from payout where batch_id = ${batchId} and provider_id = ${providerId} and state = 'sent' and payout_id > ${after}::uuid
    order by payout_id limit ${limit}`.execute(trx);
  return rows.map((row) => ({
    payoutId: row.payout_id,
    promoterId: row.promoter_id,
    payeeVersion: row.payee_version,
    net: row.net,
    sequence: Number(row.sequence),
  }));
}
