// What was paid and withheld in a quarter, by payee: read from the transfers, so that the report is
// what the books say, and a return is of the quarter in which it was booked.

import { sql, type Kysely } from 'kysely';

import type { WithholdingScheme } from '../../core/payouts/withholding.ts';
import type { Span } from '../../platform/calendar.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { PayeeKind } from '../payees/payee-store.ts';

const PROMOTERS_PER_PAGE = 500;

/** Minor units. */
export interface WithholdingSums {
  /** What was paid, with the tax. */
  gross: bigint;
  /** What came back of it or of earlier, with the tax. */
  reversed: bigint;
  withheld: bigint;
  /** Of what came back, the tax. */
  withheldReversed: bigint;
}

/** What one payee was paid under one scheme in one currency. */
interface WithholdingRow extends WithholdingSums {
  promoterId: string;
  /** Whose income it is: the keyed hash of the tax id, else the promoter. */
  taxpayer: string;
  payeeKind: PayeeKind;
  scheme: WithholdingScheme;
  currency: string;
}

interface Row {
  promoter_id: string;
  taxpayer: string;
  payee_kind: PayeeKind;
  scheme: WithholdingScheme;
  currency: string;
  gross: string;
  reversed: string;
  withheld: string;
  withheld_reversed: string;
}

/**
 * Pages of payees, by promoter: of transfers that were booked in the span by transactions below
 * `belowXid`. Payouts are found by their state and last change, which bound when they were paid.
 */
export async function* withholdingPages(
  db: Kysely<DB>,
  { from, until, belowXid }: Span & { belowXid: bigint },
): AsyncGenerator<WithholdingRow[]> {
  for (let after = ''; ;) {
    const { rows: payees } = await sql<{ promoter_id: string }>`
      select distinct promoter_id from payout
      where promoter_id > ${after} and state in ('paid', 'returned') and drafted_at < ${until} and changed_at >= ${from}
      order by promoter_id limit ${PROMOTERS_PER_PAGE}`.execute(db);
    const last = payees.at(-1);
    if (last === undefined) return;
    const promoterIds = payees.map(({ promoter_id: promoterId }) => promoterId);
    const { rows } = await sql<Row>`
      select payout.promoter_id, taxpayer, payee_kind, scheme, payout.currency,
        coalesce(sum(amount) filter (where cause = 'payout'), 0) as gross,
        coalesce(sum(amount) filter (where cause = 'return'), 0) as reversed,
        coalesce(sum(amount) filter (where transfer.kind = 'withhold'), 0) as withheld,
        coalesce(sum(amount) filter (where cause = 'return' and source.kind = 'withheld'), 0) as withheld_reversed
      from payout
      join transfer on order_key is null and cause in ('payout', 'return') and cause_id = payout_id::text
        and transfer.kind in ('withhold', 'pay', 'bring_back')
      join account source on source.account_id = from_account_id
      where payout.promoter_id = any(${promoterIds}::text[]) and state in ('paid', 'returned') and drafted_at < ${until} and changed_at >= ${from}
        and booked_at >= ${from} and booked_at < ${until} and booked_xid < ${belowXid}
      group by payout.promoter_id, taxpayer, payee_kind, scheme, payout.currency
      order by payout.promoter_id, taxpayer, payee_kind, scheme, payout.currency`.execute(db);
    if (rows.length > 0) yield rows.map(toRow);
    if (payees.length < PROMOTERS_PER_PAGE) return;
    after = last.promoter_id;
  }
}

function toRow(row: Row): WithholdingRow {
  return {
    promoterId: row.promoter_id,
    taxpayer: row.taxpayer,
    payeeKind: row.payee_kind,
    scheme: row.scheme,
    currency: row.currency,
    gross: BigInt(row.gross),
    reversed: BigInt(row.reversed),
    withheld: BigInt(row.withheld),
    withheldReversed: BigInt(row.withheld_reversed),
  };
}
