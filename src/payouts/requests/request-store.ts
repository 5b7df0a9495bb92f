// Promoters who ask to be paid, in the database: one open request for each promoter and currency.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';

export interface RequestRow {
  promoter_id: string;
  currency: string;
  made_at: Date;
  closed_at: Date | null;
  /** The batch that pays it. */
  closed_by: string | null;
}

const COLUMNS = ['promoter_id', 'currency', 'made_at', 'closed_at', 'closed_by'] as const;

export async function findOpenRequest(db: Kysely<DB>, promoterId: string, currency: string): Promise<RequestRow | null> {
  const row = await db
    .selectFrom('payout_request')
    .select(COLUMNS)
    .where('promoter_id', '=', promoterId)
    .where('currency', '=', currency)
    .where('closed_at', 'is', null)
    .executeTakeFirst();
  return row ?? null;
}

/** Opens a request, and finds the one that somebody else has opened meanwhile. */
export async function openRequest(trx: Transaction<DB>, promoterId: string, currency: string, now: Date): Promise<RequestRow> {
  const { rows } = await sql<RequestRow>`
    insert into payout_request (promoter_id, currency, made_at) values (${promoterId}, ${currency}, ${now})
    on conflict (promoter_id, currency) where closed_at is null do update set made_at = payout_request.made_at
    returning promoter_id, currency, made_at, closed_at, closed_by`.execute(trx);
  return rows[0]!;
}

/** Where a list of requests goes on. */
interface RequestPlace {
  madeAt: string;
  currency: string;
}

/** What a promoter has asked for, the newest first, one more than asked for. */
export async function listRequests(
  db: Kysely<DB>,
  promoterId: string,
  { before, limit }: { before: RequestPlace | null; limit: number },
): Promise<RequestRow[]> {
  const isBefore = before === null ? sql`true` : sql`(made_at, currency) < (${before.madeAt}::timestamptz, ${before.currency})`;
  const { rows } = await sql<RequestRow>`
    select promoter_id, currency, made_at, closed_at, closed_by from payout_request
    where promoter_id = ${promoterId} and ${isBefore} order by made_at desc, currency desc limit ${limit + 1}`.execute(db);
  return rows;
}
