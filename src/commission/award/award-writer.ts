// Writes what a batch of awards decided: decisions and headers. One query a table.
import { sql, type Transaction } from 'kysely';
import type { DB } from '../../platform/postgres/tables.ts';
import { arraysOf, unnestOf } from '../../platform/postgres/unnest.ts';
import type { NewDecision, NewHeader, NewHold } from './standing-award.ts';

/**
 * Adds the decisions of the batch's new revisions; the key (order, revision, line) refuses a second
 * award of the same revision. Their documents go as one JSON array each, because an array of
 * documents would be written with every quote escaped.
 */
export async function writeDecisions(trx: Transaction<DB>, decisions: readonly NewDecision[]): Promise<void> {
  if (decisions.length === 0) return;
  const { names, arrays } = arraysOf(decisions, {
    order_key: ['bigint', (one) => one.order_key],
    revision: ['int', (one) => one.revision],
    line_id: ['text', (one) => one.line_id],
    product_id: ['text', (one) => one.product_id],
    decision: ['text', (one) => one.decision],
    evidence: ['text', (one) => one.evidence],
    promoter_id: ['text', (one) => one.promoter_id],
    rule_id: ['text', (one) => one.rule_id],
    rule_version: ['int', (one) => one.rule_version],
    quantity: ['int', (one) => one.quantity],
    paid_amount: ['bigint', (one) => one.paid_amount],
    refunded_amount: ['bigint', (one) => one.refunded_amount],
    base: ['bigint', (one) => one.base],
    pool: ['bigint', (one) => one.pool],
  });
  const document = <Value>(read: (decision: NewDecision) => Value) => decisions.map(read);
  await sql`
    insert into decision (${names}, shares, pinned, explanation, order_explanation)
    select ${names}, shares, nullif(pinned, 'null'), explanation,
      case when json_typeof(order_explanation) <> 'null' then order_explanation end
    from rows from (
      unnest(${arrays}),
      jsonb_array_elements(${JSON.stringify(document((one) => one.shares))}::jsonb),
      jsonb_array_elements(${JSON.stringify(document((one) => one.pinned))}::jsonb),
      json_array_elements(${`[${document((one) => one.explanation).join(',')}]`}::json),
      json_array_elements(${`[${document((one) => one.order_explanation ?? 'null').join(',')}]`}::json)
    ) as told (${names}, shares, pinned, explanation, order_explanation)`.execute(trx);
}

/** Sets the headers of the batch's awards. */
export async function writeHeaders(trx: Transaction<DB>, headers: readonly NewHeader[], now: Date): Promise<void> {
  if (headers.length === 0) return;
  await sql`
    insert into award (order_key, merchant_id, revision, state, decisions, currency, attribution_at, hold_days, completed_at, releases_at,
      released_at, is_open, recheck_at, lock_promoter_id, lock_link_code, lock_clicked_at, lock_identities, progress, awarded_at, awarded_xid)
    select order_key, merchant_id, revision, state, string_to_array(decisions, ','), currency, attribution_at, hold_days, completed_at,
      releases_at, released_at, is_open, recheck_at, lock_promoter_id, lock_link_code, lock_clicked_at, lock_identities, progress, ${now},
      (select ledger_xid())
    from ${unnestOf(
      headers,
      {
        order_key: ['bigint', (one) => one.orderKey],
        merchant_id: ['text', (one) => one.merchantId],
        revision: ['int', (one) => one.revision],
        state: ['text', (one) => one.state],
        decisions: ['text', (one) => one.decisions.join(',')],
        currency: ['text', (one) => one.currency],
        attribution_at: ['timestamptz', (one) => one.attributionAt],
        hold_days: ['int', (one) => one.holdDays],
        completed_at: ['timestamptz', (one) => one.completedAt],
        releases_at: ['timestamptz', (one) => one.releasesAt],
        released_at: ['timestamptz', (one) => one.releasedAt],
        is_open: ['boolean', (one) => one.isOpen],
        recheck_at: ['timestamptz', (one) => one.recheckAt],
        lock_promoter_id: ['text', (one) => one.lockPromoterId],
        lock_link_code: ['text', (one) => one.lockLinkCode],
        lock_clicked_at: ['timestamptz', (one) => one.lockClickedAt],
        lock_identities: ['int', (one) => one.lockIdentities],
        progress: ['jsonb', (one) => one.progress],
      },
      'header',
    )}
    on conflict (order_key) do update set revision = excluded.revision, state = excluded.state, decisions = excluded.decisions,
      currency = excluded.currency, attribution_at = excluded.attribution_at, hold_days = excluded.hold_days,
      completed_at = excluded.completed_at, releases_at = excluded.releases_at, released_at = excluded.released_at,
      is_open = excluded.is_open,
      recheck_at = excluded.recheck_at, lock_promoter_id = excluded.lock_promoter_id, lock_link_code = excluded.lock_link_code,
      lock_clicked_at = excluded.lock_clicked_at, lock_identities = excluded.lock_identities, progress = excluded.progress,
      awarded_at = excluded.awarded_at, awarded_xid = excluded.awarded_xid`.execute(trx);
}

/** Sets the holds of lines. What was released stays so: the table refuses another word. */
export async function writeHolds(trx: Transaction<DB>, holds: readonly NewHold[]): Promise<void> {
  if (holds.length === 0) return;
  await sql`
    insert into line_hold (order_key, line_id, hold_days, ends_at, released_at)
    select order_key, line_id, hold_days, ends_at, released_at from ${unnestOf(
      holds,
      {
        order_key: ['bigint', (one) => one.orderKey],
        line_id: ['text', (one) => one.lineId],
        hold_days: ['int', (one) => one.holdDays],
        ends_at: ['timestamptz', (one) => one.endsAt],
        released_at: ['timestamptz', (one) => one.releasedAt],
      },
      'hold',
    )}
    on conflict (order_key, line_id) do update
      set hold_days = excluded.hold_days, ends_at = excluded.ends_at, released_at = excluded.released_at`.execute(trx);
}
