// Taking a file of orders over HTTP: kept as a whole before it is read, refused at once where its
// beginning says that it cannot be.
import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import { callerId } from '../../platform/http/fields.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import { REST } from '../../sources/connections/source-fields.ts';
import { readMapping } from '../exports/recognise.ts';
import { noteTrouble, type makeReconciliation } from '../reconciliations/reconciliation-store.ts';
import { checkBeginning } from '../tables/table.ts';
import { fileOfForm } from './upload-form.ts';
import { keepFile } from './upload-file.ts';
import { noteUploaded } from './upload-store.ts';
import { originOf } from './upload.ts';

const FORM = 'multipart/form-data';
export const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';

/**
 * What a file comes as. What it is, its bytes say: browsers name CSV as a spreadsheet, and the
 * other way round.
 */
export const FILE_TYPES = ['text/csv', 'application/csv', 'text/tab-separated-values', XLSX, 'application/vnd.ms-excel', FORM];

const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true');

export const fileQuery = z.object({
  source_id: callerId.optional().meta({ description: 'Of a file: whose orders it tells of; `rest` when absent.' }),
  merchant_id: callerId.optional().meta({ description: 'Of a file of the source `rest`: whose orders these are.', example: 'm1' }),
  amounts: z.enum(['minor', 'decimal']).default('minor').meta({
    description: 'Of a file in our words: minor units, or decimals of the currency. Exports are read as they write.',
  }),
  columns: z.string().max(8192).optional().meta({
    description:
      'Which columns of a file are which of ours, as `Notes:link_code,…`. With `order_id` among them the file is read in our words.',
  }),
  dry_run: flag.meta({ description: '`true`: answers what would happen; nothing of the file enters.' }),
  confirm_all_new: flag.meta({
    description:
      '`true`: no order of the file is known, and that is right. Else such a file is refused at a source that tells of orders itself.',
  }),
});

type Make = (trx: Transaction<DB>, row: Parameters<typeof makeReconciliation>[1], by: { actor: Actor; now: Date }) => Promise<void>;

/**
 * Keeps a file, and answers under which reconciliation. Throws `malformed_request` for one whose
 * beginning says that it is no table of orders.
 */
export async function takeFile(
  db: Kysely<DB>,
  make: Make,
  {
    query,
    actor,
    contentType,
    stream,
  }: { query: z.output<typeof fileQuery>; actor: Actor; contentType: string; stream: AsyncIterable<Buffer> },
): Promise<string> {
  const { source_id: sourceId = REST, amounts, dry_run, confirm_all_new } = query;
  const mapping = readMapping(query.columns ?? '');
  // Every other source says itself whose orders it tells of.
  const merchantId = sourceId === REST ? (query.merchant_id ?? null) : null;
  const reconciliationId = await inTransaction(db, async ({ trx, now }) => {
    await originOf(trx, sourceId, merchantId);
    const id = uuidv7(now.getTime());
    const row = { reconciliation_id: id, source_id: sourceId, merchant_id: merchantId, origin: 'upload' as const };
    const asked = { amounts, column_mapping: JSON.stringify(mapping), dry_run, confirm_all_new };
    await make(trx, { ...row, range_from: null, range_to: null, ...asked }, { actor, now });
    return id;
  });
  const bytes = contentType.toLowerCase().startsWith(FORM) ? fileOfForm(stream, contentType) : stream;
  try {
    const parts = await keepFile(db, reconciliationId, bytes, (part) => checkBeginning(part, mapping));
    await noteUploaded(db, reconciliationId, parts);
  } catch (error) {
    await noteTrouble(db, reconciliationId, error instanceof DomainError ? error.message : 'The file was cut off.', { forGood: true });
    throw error;
  }
  return reconciliationId;
}
