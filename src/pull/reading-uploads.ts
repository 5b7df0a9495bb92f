// Reading the uploaded files that are kept: their rows enter, and the file is dropped. A kill reads it anew, which changes nothing.
import { CsvError } from 'csv-parse';

import { DomainError } from '../core/errors.ts';
import { inTransaction, isUnavailable } from '../platform/database.ts';
import type { PullDeps } from './asked-source.ts';
import { claimUpload, freeUpload, noteRead, noteTrouble, type ClaimedUpload } from './reconciliation-store.ts';
import { dropFile, keptFile } from './upload-file.ts';
import { originOf, takeUpload } from './upload.ts';

/** Reads every file that is wholly kept and that nobody else is reading, one after the other. */
export async function readUploads(deps: Pick<PullDeps, 'db' | 'onDelivered'>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const upload = await claimUpload(deps.db);
    if (upload === null) return;
    try {
      await readUpload(deps, upload, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      await freeUpload(deps.db, upload.reconciliationId);
    }
  }
}

async function readUpload(
  { db, onDelivered }: Pick<PullDeps, 'db' | 'onDelivered'>,
  upload: ClaimedUpload,
  signal: AbortSignal,
): Promise<void> {
  const { reconciliationId, sourceId, merchantId, amounts, madeAt: fetchedAt } = upload;
  try {
    const source = await originOf(db, sourceId, merchantId);
    const rows = { db, source, merchantId, reconciliationId, amounts, fetchedAt, onDelivered, signal };
    const told = await takeUpload(rows, keptFile(db, reconciliationId));
    await inTransaction(db, async ({ trx }) => {
      await noteRead(trx, reconciliationId, told);
      await dropFile(trx, reconciliationId);
    });
  } catch (error) {
    if (signal.aborted || isUnavailable(error)) throw error;
    // What is wrong with the file itself stays wrong; everything else is tried again once nobody is reading it any more.
    const forGood = error instanceof DomainError || error instanceof CsvError;
    await noteTrouble(db, reconciliationId, error instanceof Error ? error.message : String(error), { forGood });
    if (!forGood) throw error;
    await dropFile(db, reconciliationId);
  }
}
