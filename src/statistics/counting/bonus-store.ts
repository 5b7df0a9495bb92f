// Bookings of bonuses, which are of no order, as rows that are counted.

import { sql, type Kysely, type RawBuilder } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { countBonus, type BonusTransfer } from './count-order.ts';
import type { Counted } from './counted.ts';

/** Of a transfer: it is a booking of a bonus. */
export const IS_BONUS = sql`cause = 'bonus' and order_key is null and kind in ('accrue', 'reverse', 'release')`;

interface BonusRow {
  merchant_id: string;
  promoter_id: string;
  kind: BonusTransfer['kind'];
  currency: string;
  amount: bigint;
  booked_at: Date;
}

/** What the bookings of bonuses under this condition count for. */
export async function readBonuses(db: Kysely<DB>, condition: RawBuilder<unknown>): Promise<Counted[]> {
  const { rows } = await sql<BonusRow>`
    select merchant_id, promoter_id, kind, currency, amount, booked_at from transfer where ${IS_BONUS} and ${condition}`.execute(db);
  return rows.map((row) =>
    countBonus({
      merchantId: row.merchant_id,
      promoterId: row.promoter_id,
      kind: row.kind,
      currency: row.currency,
      amount: row.amount,
      bookedAt: row.booked_at,
    }),
  );
}
