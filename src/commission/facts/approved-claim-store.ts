// Approved claims as the award reads them: evidence about an order or one line of it, set-wise.
import { sql, type Kysely } from 'kysely';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import type { DueOrder } from '../award/standing-award.ts';

/** A claim that an operator has approved. Times are epoch milliseconds. */
export interface ApprovedClaim {
  claimId: string;
  promoterId: string;
  /** The only line that it is about; null: the whole order. */
  lineId: string | null;
  /**
   * The link of the buyer's click on which it rests, and when that was; null where it rests on no
   * click.
   */
  linkCode: string | null;
  clickedAt: number | null;
  decidedAt: number;
  decidedBy: string;
  reason: string;
}

interface ApprovedRow {
  order_key: bigint;
  claim_id: string;
  promoter_id: string;
  line_id: string | null;
  link_code: string | null;
  clicked_at: Date | null;
  decided_at: Date;
  decided_by: string;
  reason: string;
}

const RULING = sql`claim_id, promoter_id, line_id, link_code, clicked_at, decided_at, decided_by, reason`;

/**
 * The approved claims of each order, and of a part of a split order those of the whole, since parts
 * earn with its evidence.
 */
export async function readApprovedClaims(db: Kysely<DB>, due: readonly DueOrder[]): Promise<Map<bigint, ApprovedClaim[]>> {
  const parts = due.filter((one) => one.parentKind === 'split');
  const { rows } = await sql<ApprovedRow>`
    select order_key, ${RULING} from claim
    where order_key = any(${due.map((one) => String(one.orderKey))}::bigint[]) and state = 'approved'
    union all
    select part.order_key, ${RULING}
    from ${unnestOf(
      parts,
      {
        order_key: ['bigint', (one) => one.orderKey],
        merchant_id: ['text', (one) => one.merchantId],
        source_id: ['text', (one) => one.sourceId],
        order_id: ['text', (one) => one.parentOrderId],
      },
      'part',
    )}
    join orders whole using (merchant_id, source_id, order_id)
    join claim on claim.order_key = whole.order_key and claim.state = 'approved'
    order by decided_at, claim_id`.execute(db);
  const byOrder = new Map<bigint, ApprovedClaim[]>();
  for (const row of rows) byOrder.set(row.order_key, [...(byOrder.get(row.order_key) ?? []), claimOf(row)]);
  return byOrder;
}

function claimOf(row: ApprovedRow): ApprovedClaim {
  return {
    claimId: row.claim_id,
    promoterId: row.promoter_id,
    lineId: row.line_id,
    linkCode: row.link_code,
    clickedAt: row.clicked_at?.getTime() ?? null,
    decidedAt: row.decided_at.getTime(),
    decidedBy: row.decided_by,
    reason: row.reason,
  };
}
