// The payouts of a promoter that something became of in a month, as they stood at its end: what
// happens later changes no statement of earlier.

import { sql, type Kysely } from 'kysely';

import type { PayoutState } from '../../core/payouts/payout.ts';
import type { DB } from '../../platform/postgres/tables.ts';

const PAYOUTS_PER_PAGE = 500;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** A payout as of the end of a month. Amounts are minor units. */
export interface MovedPayout {
  payoutId: string;
  currency: string;
  gross: bigint;
  /** Null while it was not approved. */
  withheld: bigint | null;
  state: PayoutState;
  /** When it came to that state. */
  at: Date;
  reason: string | null;
  /** Null until it was paid. */
  reference: string | null;
  /** Of these merchants. */
  merchantIds: string[];
}

interface MovedRow {
  payout_id: string;
  currency: string;
  gross: bigint;
  withheld: bigint | null;
  state: PayoutState;
  changed_at: Date;
  reason: string | null;
  reference: string | null;
  merchant_ids: string[];
}

/** Pages of payouts, by id. */
export async function* movedPayouts(
  db: Kysely<DB>,
  { promoterId, merchantId, from, until }: { promoterId: string; merchantId: string | null; from: Date; until: Date },
): AsyncGenerator<MovedPayout[]> {
  for (let after = FIRST_ID; ;) {
    const { rows } = await sql<MovedRow>`
      select payout_id, currency, gross, case when approved_at < ${until} then withheld end as withheld, last.to_state as state, last.changed_at,
        last.reason, case when last.to_state in ('paid', 'returned') then reference end as reference,
        array(select merchant_id from payout_item item where item.payout_id = payout.payout_id order by position) as merchant_ids
      from payout, lateral (
        select to_state, changed_at, payout_change.reason from payout_change
        where payout_change.payout_id = payout.payout_id and payout_change.changed_at < ${until} order by position desc limit 1
      ) as last
      where promoter_id = ${promoterId} and payout_id > ${after}::uuid and drafted_at < ${until} and last.changed_at >= ${from}
        and (${merchantId}::text is null or exists (
          select from payout_item item where item.payout_id = payout.payout_id and merchant_id = ${merchantId}))
      order by payout_id limit ${PAYOUTS_PER_PAGE}`.execute(db);
    if (rows.length > 0) yield rows.map(toMoved);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAYOUTS_PER_PAGE) return;
    after = last.payout_id;
  }
}

function toMoved(row: MovedRow): MovedPayout {
  return {
    payoutId: row.payout_id,
    currency: row.currency,
    gross: row.gross,
    withheld: row.withheld,
    state: row.state,
    at: row.changed_at,
    reason: row.reason,
    reference: row.reference,
    merchantIds: row.merchant_ids,
  };
}
