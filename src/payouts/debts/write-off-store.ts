// Write-offs in the database: debts that somebody wants to give up, and those that were.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';

export interface WriteOff {
  write_off_id: string;
  promoter_id: string;
  merchant_id: string;
  currency: string;
  amount: bigint;
  reason: string;
  made_at: Date;
  made_by: string;
  made_person: string;
  approved_at: Date | null;
  approved_by: string | null;
  approved_person: string | null;
  /** That nobody else could have approved it; null until then. */
  approved_alone: boolean | null;
  rejected_at: Date | null;
  rejected_by: string | null;
  rejected_person: string | null;
  /** Why it was refused or withdrawn; null where it was not. */
  rejection: string | null;
}

export const WRITE_OFF_STATES = ['waiting', 'approved', 'rejected'] as const;

export type WriteOffState = (typeof WRITE_OFF_STATES)[number];

const COLUMNS = sql`write_off_id, promoter_id, merchant_id, currency, amount, reason, made_at, made_by, made_person, approved_at, approved_by,
  approved_person, approved_alone, rejected_at, rejected_by, rejected_person, rejection`;

export async function insertWriteOff(trx: Transaction<DB>, writeOff: WriteOff): Promise<void> {
  await trx.insertInto('write_off').values(writeOff).execute();
}

export async function findWriteOff(db: Kysely<DB>, writeOffId: string): Promise<WriteOff | null> {
  const { rows } = await sql<WriteOff>`select ${COLUMNS} from write_off where write_off_id = ${writeOffId}`.execute(db);
  return rows[0] ?? null;
}

/**
 * The write-off, locked until the transaction ends, and its promoter: write-offs of one promoter
 * are approved one after the other, so that together they never exceed the debt. Null when there is
 * none.
 */
export async function lockWriteOff(trx: Transaction<DB>, writeOffId: string): Promise<WriteOff | null> {
  const { rows } = await sql<WriteOff>`select ${COLUMNS} from write_off where write_off_id = ${writeOffId} for no key update`.execute(trx);
  if (rows[0] === undefined) return null;
  await sql`select from promoter where promoter_id = ${rows[0].promoter_id} for no key update`.execute(trx);
  return rows[0];
}

/** Writes down that it was approved. */
export async function saveApproval(
  trx: Transaction<DB>,
  { write_off_id: writeOffId, approved_at: at, approved_by: keyId, approved_person: person, approved_alone: alone }: WriteOff,
): Promise<void> {
  await sql`
    update write_off set approved_at = ${at}, approved_by = ${keyId}, approved_person = ${person}, approved_alone = ${alone}
    where write_off_id = ${writeOffId} and approved_at is null and rejected_at is null`.execute(trx);
}

/** Writes down that it was refused or withdrawn. */
export async function saveRejection(
  trx: Transaction<DB>,
  { write_off_id: writeOffId, rejected_at: at, rejected_by: keyId, rejected_person: person, rejection }: WriteOff,
): Promise<void> {
  await sql`
    update write_off set rejected_at = ${at}, rejected_by = ${keyId}, rejected_person = ${person}, rejection = ${rejection}
    where write_off_id = ${writeOffId} and approved_at is null and rejected_at is null`.execute(trx);
}

/** What is wanted of the list; null is any. */
interface WriteOffFilter {
  promoterId: string | null;
  merchantId: string | null;
  state: WriteOffState | null;
}

/** Write-offs, the newest first, one more than asked for. */
export async function listWriteOffs(
  db: Kysely<DB>,
  { promoterId, merchantId, state }: WriteOffFilter,
  { before, limit }: { before: string | null; limit: number },
): Promise<WriteOff[]> {
  const { rows } = await sql<WriteOff>`
    select ${COLUMNS} from write_off
    where (${before}::uuid is null or write_off_id < ${before}) and (${promoterId}::text is null or promoter_id = ${promoterId})
      and (${merchantId}::text is null or merchant_id = ${merchantId})
      and (${state}::text is null or ${state} =
        case when approved_at is not null then 'approved' when rejected_at is not null then 'rejected' else 'waiting' end)
    order by write_off_id desc limit ${limit + 1}`.execute(db);
  return rows;
}
