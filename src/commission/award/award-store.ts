// The rows of the award: taking what is due, the orders with their standing awards, and the
// writing of a batch's results. Set-wise.
import { sql, type Kysely, type Transaction } from 'kysely';
import type { MergedOrder } from '../../core/merged.ts';
import { groupedBy } from '../../platform/grouped-by.ts';
import { readKnownOrder, type KnownOrderRow } from '../../orders/order-store.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import { readDecisions, readSetAside, SET_ASIDE } from './decision-store.ts';
import type { AwardHeader, DueOrder, StandingDecision, LineHold, LineProgress, StandingAward } from './standing-award.ts';

/**
 * Lines that one batch awards at most, beyond its first order: its memory and its time are bounded
 * by them.
 */
const LINES_PER_BATCH_MAX = 5000;

/**
 * Takes up to `limit` orders off the queue, oldest first, and no more than have so many lines in
 * all; they come back when the transaction does not commit.
 */
export async function takeDueOrders(trx: Transaction<DB>, now: Date, limit: number): Promise<bigint[]> {
  const { rows } = await sql<{ order_key: bigint }>`
    with due as materialized (
      select order_key, due_at from award_due where due_at <= ${now} order by due_at limit ${limit} for update skip locked
    ), sized as (
      select order_key, sum(line_count) over sizes as lines, row_number() over sizes as place
      from due join orders using (order_key) window sizes as (order by due_at, order_key)
    )
    delete from award_due where order_key = any(array(
      select order_key from sized where lines <= ${LINES_PER_BATCH_MAX} or place = 1
    )) returning order_key`.execute(trx);
  return rows.map((row) => row.order_key);
}

/** Takes just these orders off the queue, those that nobody else has. */
export async function takeOrders(trx: Transaction<DB>, orderKeys: readonly bigint[]): Promise<bigint[]> {
  const { rows } = await sql<{ order_key: bigint }>`
    delete from award_due where order_key = any(array(
      select order_key from award_due where order_key = any(${orderKeys.map(String)}::bigint[]) order by order_key for update skip locked
    )) returning order_key`.execute(trx);
  return rows.map((row) => row.order_key);
}

/**
 * Puts off an order that cannot be awarded, with its error: twice as long each time, ten minutes at
 * the most, for as long as it takes.
 */
export async function postponeDue(trx: Transaction<DB>, orderKey: bigint, now: Date, error: string): Promise<void> {
  await sql`
    update award_due set attempts = attempts + 1, error = ${error.slice(0, 2000)},
      due_at = ${now}::timestamptz + least(interval '10 minutes', interval '1 second' * power(2, least(attempts, 12)))
    where order_key = ${orderKey}`.execute(trx);
}

interface DueOrderRow extends KnownOrderRow {
  has_split_children: boolean;
  is_duplicate: boolean;
  is_too_large: boolean;
  revision: number | null;
  state: AwardHeader['state'];
  decisions: string[];
  currency: string | null;
  attribution_at: Date | null;
  hold_days: number | null;
  completed_at: Date | null;
  releases_at: Date | null;
  released_at: Date | null;
  is_open: boolean;
  recheck_at: Date | null;
  lock_promoter_id: string | null;
  lock_link_code: string | null;
  lock_clicked_at: Date | null;
  lock_identities: number;
  progress: LineProgress[] | null;
}

/** The orders, each with its standing award, and whether another order earns in its place. */
export async function readDueOrders(db: Kysely<DB>, orderKeys: readonly bigint[]): Promise<DueOrder[]> {
  const { rows } = await sql<DueOrderRow>`
    select orders.order_key, orders.merchant_id, orders.source_id, orders.order_id, merged, parent_order_id, parent_kind,
      orders.is_too_large,
      exists (
        select from orders child
        where child.merchant_id = orders.merchant_id and child.source_id = orders.source_id
          and child.parent_order_id = orders.order_id and child.parent_kind = 'split'
      ) as has_split_children,
      source.source_no is not null and exists (
        select from orders other join source earlier on earlier.source_id = other.source_id
        where other.merchant_id = orders.merchant_id and other.order_id = orders.order_id and other.source_id <> orders.source_id
          and earlier.kind = source.kind and earlier.source_no < source.source_no and other.merged ->> 'status' is not null
      ) as is_duplicate,
      award.revision, award.state, award.decisions, award.currency, award.attribution_at, award.hold_days, award.completed_at,
      award.releases_at, award.released_at, award.is_open, award.recheck_at, award.lock_promoter_id, award.lock_link_code,
      award.lock_clicked_at, award.lock_identities, award.progress
    from orders left join source on source.source_id = orders.source_id left join award on award.order_key = orders.order_key
    where orders.order_key = any(${orderKeys.map(String)}::bigint[]) order by orders.order_key`.execute(db);
  const awarded = rows.filter((row) => row.revision !== null);
  const lines = await readDecisions(
    db,
    awarded.map((row) => [row.order_key, row.revision!]),
  );
  const setAside = await readSetAside(
    db,
    [...lines].flatMap(([orderKey, decided]) => (decided.some((line) => SET_ASIDE.has(line.decision)) ? [orderKey] : [])),
  );
  const holds = await readHolds(
    db,
    awarded.map((row) => row.order_key),
  );
  return rows.map((row) => ({
    ...readKnownOrder(row),
    isTooLarge: row.is_too_large,
    hasSplitChildren: row.has_split_children,
    isDuplicate: row.is_duplicate,
    award: row.revision === null ? null : standingOf(row, row.revision, { lines, setAside, holds }),
  }));
}

type ByOrder<Item> = ReadonlyMap<bigint, Item[]>;

interface StandingRows {
  lines: ByOrder<StandingDecision>;
  setAside: ByOrder<StandingDecision>;
  holds: ByOrder<LineHold>;
}

function standingOf(row: DueOrderRow, revision: number, { lines, setAside, holds }: StandingRows): StandingAward {
  return {
    header: headerOf(row, revision),
    holds: new Map(holds.get(row.order_key)?.map((hold) => [hold.lineId, hold])),
    lines: lines.get(row.order_key) ?? [],
    setAside: setAside.get(row.order_key) ?? [],
  };
}

/** The holds of the lines of orders. */
export async function readHolds(db: Kysely<DB>, orderKeys: readonly bigint[]): Promise<Map<bigint, LineHold[]>> {
  if (orderKeys.length === 0) return new Map();
  const { rows } = await sql<{ order_key: bigint; line_id: string; hold_days: number; ends_at: Date | null; released_at: Date | null }>`
    select order_key, line_id, hold_days, ends_at, released_at from line_hold
    where order_key = any(${orderKeys.map(String)}::bigint[])`.execute(db);
  const read = groupedBy(rows, (row) => row.order_key);
  return new Map(
    [...read].map(([orderKey, lines]) => [
      orderKey,
      lines.map((row) => ({ lineId: row.line_id, holdDays: row.hold_days, endsAt: row.ends_at, releasedAt: row.released_at })),
    ]),
  );
}

function headerOf(row: DueOrderRow, revision: number): AwardHeader {
  return {
    revision,
    state: row.state,
    decisions: row.decisions,
    currency: row.currency,
    attributionAt: row.attribution_at,
    holdDays: row.hold_days,
    completedAt: row.completed_at,
    releasesAt: row.releases_at,
    releasedAt: row.released_at,
    isOpen: row.is_open,
    recheckAt: row.recheck_at,
    lockPromoterId: row.lock_promoter_id,
    lockLinkCode: row.lock_link_code,
    lockClickedAt: row.lock_clicked_at,
    lockIdentities: row.lock_identities,
    ...(row.progress !== null && { progress: row.progress }),
  };
}

/** The merged states of orders by their own ids, for the evidence of parents. */
export async function readParents(
  db: Kysely<DB>,
  wanted: readonly { merchantId: string; sourceId: string; parentOrderId: string }[],
): Promise<Map<string, MergedOrder>> {
  if (wanted.length === 0) return new Map();
  const { rows } = await sql<{ merchant_id: string; source_id: string; order_id: string; merged: MergedOrder }>`
    select merchant_id, source_id, order_id, merged
    from ${unnestOf(
      wanted,
      {
        merchant_id: ['text', (one) => one.merchantId],
        source_id: ['text', (one) => one.sourceId],
        order_id: ['text', (one) => one.parentOrderId],
      },
      'wanted',
    )}
    join orders using (merchant_id, source_id, order_id)`.execute(db);
  return new Map(rows.map((row) => [parentKey(row.merchant_id, row.source_id, row.order_id), row.merged]));
}

export const parentKey = (merchantId: string, sourceId: string, orderId: string) => `${merchantId}\0${sourceId}\0${orderId}`;
