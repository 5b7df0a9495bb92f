// The award's queue: which orders' books may differ from what they should be. A row is the truth, a
// nudge only says that there is one.
import { sql, type Kysely, type Transaction } from 'kysely';
import type { DB } from '../../platform/postgres/tables.ts';
import { ordersOfBuyers } from '../facts/buyer-orders-store.ts';

/**
 * Marks orders due for the award at `now`; marking twice is marking once. Rows are taken in key
 * order, so that two markers never wait crosswise.
 */
export async function markDue(trx: Transaction<DB>, orderKeys: readonly bigint[], now: Date): Promise<void> {
  if (orderKeys.length === 0) return;
  await sql`
    insert into award_due (order_key, due_at)
    select distinct order_key, ${now}::timestamptz from unnest(${orderKeys.map(String)}::bigint[]) as order_key order by order_key
    on conflict (order_key) do update set due_at = least(award_due.due_at, excluded.due_at), attempts = 0, error = null`.execute(trx);
}

/**
 * The orders whose winner evidence about these identities may change, as rows of `order_key`: those
 * of the same buyers with a line that is not released. An identity belongs to one merchant by
 * construction, and so do the orders found.
 */
const openOrdersOf = (identities: readonly string[]) => sql`(
  with known as (
    select unnest(${identities}::uuid[]) as identity
    union
    select other.identity from buyer_identity one join buyer_identity other using (buyer) where one.identity = any(${identities}::uuid[])
  )
  select distinct order_key from known join ${ordersOfBuyers('own')} using (identity) left join award using (order_key)
  where award.is_open is not false
) as open_order`;

/** Marks the orders due whose winner new evidence about these identities may change. */
export async function markDueByIdentities(trx: Transaction<DB>, identities: readonly string[], now: Date): Promise<void> {
  if (identities.length === 0) return;
  await sql`
    insert into award_due (order_key, due_at)
    select order_key, ${now}::timestamptz from ${openOrdersOf(identities)} order by order_key
    on conflict (order_key) do update set due_at = least(award_due.due_at, excluded.due_at), attempts = 0, error = null`.execute(trx);
}

/** The latest of those orders, at most `limit`, by their keys. */
export async function findOpenOrders(db: Kysely<DB>, identities: readonly string[], limit: number): Promise<bigint[]> {
  const { rows } = await sql<{ order_key: bigint }>`
    select order_key from ${openOrdersOf(identities)} order by order_key desc limit ${limit}`.execute(db);
  return rows.map((row) => row.order_key).toSorted((a, b) => (a < b ? -1 : 1));
}

/**
 * Marks the orders that found no rule, of one merchant or of all, and were paid at or after `from`:
 * there may be one now.
 */
export async function markUnruledDue(trx: Transaction<DB>, merchantId: string | null, from: Date, now: Date): Promise<void> {
  await sql`
    insert into award_due (order_key, due_at)
    select order_key, ${now}::timestamptz from award
    where decisions && array['unattributed', 'no_rule'] and 'no_rule' = any(decisions) and attribution_at >= ${from}
      ${merchantId === null ? sql`` : sql`and merchant_id = ${merchantId}`}
    order by order_key
    on conflict (order_key) do nothing`.execute(trx);
}

/**
 * Marks the unattributed orders that new versions of promoters may decide otherwise, until their
 * cutoff: their evidence names one of them, who may have been unknown or suspended, or a coupon
 * that nobody held and that is theirs now.
 */
export async function markNamedDue(trx: Transaction<DB>, promoterIds: readonly string[], now: Date): Promise<void> {
  if (promoterIds.length === 0) return;
  await sql`
    with held as materialized (select distinct merchant_id, code from coupon_version where promoter_id = any(${promoterIds}::text[]))
    insert into award_due (order_key, due_at)
    select distinct order_key, ${now}::timestamptz
    from award join decision using (order_key, revision),
      json_array_elements(coalesce(order_explanation, explanation) -> 'evidence') as told, coalesce(told ->> 'fault', told ->> 'reason') as fault
    where recheck_at is not null
      and (told ->> 'promoter_id' = any(${promoterIds}::text[])
        or (fault = 'unknown_promoter' and told ->> 'reference' = any(${promoterIds}::text[]))
        or (fault = 'unknown_coupon' and (award.merchant_id, upper(told ->> 'reference')) in (select merchant_id, code from held)))
    order by order_key
    on conflict (order_key) do nothing`.execute(trx);
}

const IS_NOT_DUE = sql`not exists (select from award_due where award_due.order_key = award.order_key)`;

/**
 * Marks what time has made due: holds that have ended and unattributed orders to be looked at
 * again. At most `limit` of each, and none that waits already, so that orders which cannot be
 * awarded do not keep back those behind them.
 */
export async function markMaturedDue(trx: Transaction<DB>, now: Date, limit: number): Promise<number> {
  const marked = await sql`
    insert into award_due (order_key, due_at)
    select order_key, ${now}::timestamptz from (
      (select order_key from award where releases_at <= ${now} and ${IS_NOT_DUE} order by releases_at limit ${limit})
      union
      (select order_key from award where recheck_at <= ${now} and ${IS_NOT_DUE} order by recheck_at limit ${limit})
    ) as matured order by order_key
    on conflict (order_key) do nothing`.execute(trx);
  return Number(marked.numAffectedRows ?? 0n);
}
