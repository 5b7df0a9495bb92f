// Notices of providers in the database: kept as they came before they are answered, and applied
// once.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';

/**
 * What became of a notice: applied to its bill, against how its payout has ended, or of a bill that
 * we never made.
 */
export type NoticeOutcome = 'applied' | 'contradicts' | 'unknown_bill';

export interface NewNotice {
  providerId: string;
  bodyHash: Buffer;
  headers: Record<string, string>;
  body: Buffer;
  noticeId: string;
  billNo: string;
}

/** Keeps a notice; the same bytes of a provider are the same notice. */
export async function keepNotice(db: Kysely<DB>, notice: NewNotice): Promise<void> {
  await sql`
    insert into payout_notice (provider_id, body_hash, headers, body, notice_id, bill_no, received_at)
    values (${notice.providerId}, ${notice.bodyHash}, ${JSON.stringify(notice.headers)}::jsonb, ${notice.body}, ${notice.noticeId},
      ${notice.billNo}, now())
    on conflict do nothing`.execute(db);
}

/** Writes down what became of it, and answers with that. */
export async function noteOutcome(
  trx: Transaction<DB>,
  { providerId, bodyHash }: Pick<NewNotice, 'providerId' | 'bodyHash'>,
  outcome: NoticeOutcome,
): Promise<NoticeOutcome> {
  await sql`update payout_notice set outcome = ${outcome} where provider_id = ${providerId} and body_hash = ${bodyHash}`.execute(trx);
  return outcome;
}
