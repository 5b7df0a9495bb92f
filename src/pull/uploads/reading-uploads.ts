// Reading the uploaded files that are kept: their rows enter, and the file is dropped. Whoever is
// killed has it read anew by another.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { CsvError } from 'csv-parse';

import { DomainError } from '../../core/errors.ts';
import { isUnavailable } from '../../platform/postgres/database.ts';
import type { PullDeps } from '../asked-source.ts';
import { noteRead, noteTrouble } from '../reconciliations/reconciliation-store.ts';
import { openTable, type Table } from '../tables/table.ts';
import { keptBytes, keptFile } from './upload-file.ts';
import { takeKeptUpload, freeUpload, keepReading, noteRecognised, type TakenUpload, type RecognisedFile } from './upload-store.ts';
import { originOf, takeUpload } from './upload.ts';
import { messageOf } from '../../platform/error-text.ts';

const CATCH_UP_MS = 50;

type Deps = Pick<PullDeps, 'db' | 'adapters' | 'onDelivered'>;

/** Reads every file that is wholly kept and that nobody else is reading, one after the other. */
export async function readUploads(deps: Deps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const reader = randomUUID();
    const upload = await takeKeptUpload(deps.db, reader);
    if (upload === null) return;
    try {
      await readUpload(deps, upload, { reader, signal });
    } catch (error) {
      if (!signal.aborted) throw error;
      await freeUpload(deps.db, upload.reconciliationId, reader);
    }
  }
}

async function readUpload(
  { db, adapters, onDelivered }: Deps,
  upload: TakenUpload,
  { reader, signal }: { reader: string; signal: AbortSignal },
): Promise<void> {
  const { reconciliationId, sourceId, merchantId, amounts, mapping, dryRun, confirmAllNew, parts, madeAt: fetchedAt } = upload;
  const whenRoom = async (): Promise<void> => {
    while (!(await keepReading(db, reconciliationId, reader))) await sleep(CATCH_UP_MS, undefined, { signal });
    signal.throwIfAborted();
  };
  let hasEntered = false;
  const noteDelivered = () => {
    hasEntered = true;
    onDelivered();
  };
  try {
    const source = await originOf(db, sourceId, merchantId);
    const kept = await keptBytes(db, reconciliationId, parts);
    const table = await openTable(kept, () => keptFile(db, reconciliationId, parts), mapping);
    await noteRecognised(db, reconciliationId, recognisedFile(table));
    const byKind = new Map(adapters.map((adapter) => [adapter.kind, adapter]));
    const rows = { db, adapters: byKind, source, merchantId, reconciliationId, amounts, dryRun, confirmAllNew, fetchedAt, whenRoom };
    await noteRead(db, reconciliationId, await takeUpload({ ...rows, onDelivered: noteDelivered }, table));
  } catch (error) {
    if (signal.aborted || isUnavailable(error)) throw error;
    // What is wrong with the file itself stays wrong; everything else is tried again once nobody is
    // reading it any more.
    const forGood = error instanceof DomainError || error instanceof CsvError;
    const code = error instanceof DomainError && !hasEntered ? error.code : null;
    await noteTrouble(db, reconciliationId, messageOf(error), { forGood, code });
    if (!forGood) throw error;
  }
}

function recognisedFile({ form, encoding, delimiter, head }: Table): RecognisedFile {
  return {
    form,
    encoding: encoding === 'ascii' ? 'utf-8' : encoding,
    delimiter,
    export: head.export?.name ?? null,
    ignored_columns: head.ignored,
  };
}
