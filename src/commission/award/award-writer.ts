// Writes what a batch of awards decided: decisions and headers. One query a table.
import { sql, type Transaction } from 'kysely';
import type { DB } from '../../platform/postgres/tables.ts';
import type { NewDecision, NewHeader, NewHold } from './standing-award.ts';

/**
 * Adds the decisions of the batch's new revisions; the key (order, revision, line) refuses a second
 * award of the same revision. Their documents go as one JSON array each, because an array of
 * documents would be written with every quote escaped.
 */
export async function writeDecisions(trx: Transaction<DB>, decisions: readonly NewDecision[]): Promise<void> {
  if (decisions.length === 0) return;
  const column = <Value>(read: (decision: NewDecision) => Value) => decisions.map(read);
  await sql`
    insert into decision (order_key, revision, line_id, product_id, decision, evidence, promoter_id, rule_id, rule_version, quantity,
      paid_amount, refunded_amount, base, pool, shares, pinned, explanation, order_explanation)
    select order_key, revision, line_id, product_id, decision, evidence, promoter_id, rule_id, rule_version, quantity,
      paid_amount, refunded_amount, base, pool, shares, nullif(pinned, 'null'), explanation,
      case when json_typeof(order_explanation) <> 'null' then order_explanation end
    from rows from (
      unnest(
        ${column((one) => String(one.order_key))}::bigint[], ${column((one) => one.revision)}::int[],
        ${column((one) => one.line_id)}::text[], ${column((one) => one.product_id)}::text[], ${column((one) => one.decision)}::text[],
        ${column((one) => one.evidence)}::text[], ${column((one) => one.promoter_id)}::text[], ${column((one) => one.rule_id)}::text[],
        ${column((one) => one.rule_version)}::int[], ${column((one) => one.quantity)}::int[],
        ${column((one) => String(one.paid_amount))}::bigint[], ${column((one) => String(one.refunded_amount))}::bigint[],
        ${column((one) => String(one.base))}::bigint[], ${column((one) => String(one.pool))}::bigint[]
      ),
      jsonb_array_elements(${JSON.stringify(column((one) => one.shares))}::jsonb),
      jsonb_array_elements(${JSON.stringify(column((one) => one.pinned))}::jsonb),
      json_array_elements(${`[${column((one) => one.explanation).join(',')}]`}::json),
      json_array_elements(${`[${column((one) => one.order_explanation ?? 'null').join(',')}]`}::json)
    ) as told (order_key, revision, line_id, product_id, decision, evidence, promoter_id, rule_id, rule_version, quantity,
      paid_amount, refunded_amount, base, pool, shares, pinned, explanation, order_explanation)`.execute(trx);
}

// As text, because pg writes an array of Dates far more slowly.
const toText = (time: Date | null) => time?.toISOString() ?? null;

/** Sets the headers of the batch's awards. */
export async function writeHeaders(trx: Transaction<DB>, headers: readonly NewHeader[], now: Date): Promise<void> {
  if (headers.length === 0) return;
  const column = <Value>(read: (header: NewHeader) => Value) => headers.map(read);
  await sql`
    insert into award (order_key, merchant_id, revision, state, decisions, currency, attribution_at, hold_days, completed_at, releases_at,
      released_at, is_open, recheck_at, lock_promoter_id, lock_link_code, lock_clicked_at, lock_identities, awarded_at)
    select order_key, merchant_id, revision, state, string_to_array(decisions, ','), currency, attribution_at, hold_days, completed_at,
      releases_at, released_at, is_open, recheck_at, lock_promoter_id, lock_link_code, lock_clicked_at, lock_identities, ${now}
    from unnest(
      ${column((one) => String(one.orderKey))}::bigint[], ${column((one) => one.merchantId)}::text[], ${column((one) => one.revision)}::int[],
      ${column((one) => one.state)}::text[], ${column((one) => one.decisions.join(','))}::text[], ${column((one) => one.currency)}::text[],
      ${column((one) => toText(one.attributionAt))}::timestamptz[], ${column((one) => one.holdDays)}::int[],
      ${column((one) => toText(one.completedAt))}::timestamptz[], ${column((one) => toText(one.releasesAt))}::timestamptz[],
      ${column((one) => toText(one.releasedAt))}::timestamptz[], ${column((one) => one.isOpen)}::boolean[],
      ${column((one) => toText(one.recheckAt))}::timestamptz[],
      ${column((one) => one.lockPromoterId)}::text[], ${column((one) => one.lockLinkCode)}::text[],
      ${column((one) => toText(one.lockClickedAt))}::timestamptz[], ${column((one) => one.lockIdentities)}::int[]
    ) as header (order_key, merchant_id, revision, state, decisions, currency, attribution_at, hold_days, completed_at, releases_at,
      released_at, is_open, recheck_at, lock_promoter_id, lock_link_code, lock_clicked_at, lock_identities)
    on conflict (order_key) do update set revision = excluded.revision, state = excluded.state, decisions = excluded.decisions,
      currency = excluded.currency, attribution_at = excluded.attribution_at, hold_days = excluded.hold_days,
      completed_at = excluded.completed_at, releases_at = excluded.releases_at, released_at = excluded.released_at,
      is_open = excluded.is_open,
      recheck_at = excluded.recheck_at, lock_promoter_id = excluded.lock_promoter_id, lock_link_code = excluded.lock_link_code,
      lock_clicked_at = excluded.lock_clicked_at, lock_identities = excluded.lock_identities, awarded_at = excluded.awarded_at`.execute(
    trx,
  );
}

/** Sets the holds of lines. What was released stays so: the table refuses another word. */
export async function writeHolds(trx: Transaction<DB>, holds: readonly NewHold[]): Promise<void> {
  if (holds.length === 0) return;
  const column = <Value>(read: (hold: NewHold) => Value) => holds.map(read);
  await sql`
    insert into line_hold (order_key, line_id, hold_days, ends_at, released_at)
    select * from unnest(
      ${column((one) => String(one.orderKey))}::bigint[], ${column((one) => one.lineId)}::text[], ${column((one) => one.holdDays)}::int[],
      ${column((one) => toText(one.endsAt))}::timestamptz[], ${column((one) => toText(one.releasedAt))}::timestamptz[])
    on conflict (order_key, line_id) do update
      set hold_days = excluded.hold_days, ends_at = excluded.ends_at, released_at = excluded.released_at`.execute(trx);
}
