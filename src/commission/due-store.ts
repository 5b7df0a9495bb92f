// The award's queue: which orders' books may differ from what they should be. A row is the truth, a nudge only says that there is one.
import { sql, type Transaction } from 'kysely';
import type { DB } from '../platform/tables.ts';

/** Marks orders due for the award at `now`; marking twice is marking once. Rows are taken in key order, so that two markers never wait crosswise. */
export async function markDue(trx: Transaction<DB>, orderKeys: readonly bigint[], now: Date): Promise<void> {
  if (orderKeys.length === 0) return;
  await sql`
    insert into award_due (order_key, due_at)
    select distinct order_key, ${now}::timestamptz from unnest(${orderKeys.map(String)}::bigint[]) as order_key order by order_key
    on conflict (order_key) do update set due_at = least(award_due.due_at, excluded.due_at), attempts = 0, error = null`.execute(trx);
}

/**
 * Marks the orders whose winner new evidence about these identities may change: unreleased ones of the same buyers.
 * An identity belongs to one merchant by construction, and so do the orders found.
 */
export async function markDueByIdentities(trx: Transaction<DB>, identities: readonly string[], now: Date): Promise<void> {
  if (identities.length === 0) return;
  await sql`
    with known as (
      select unnest(${identities}::uuid[]) as identity
      union
      select other.identity from buyer_identity one join buyer_identity other using (buyer) where one.identity = any(${identities}::uuid[])
    )
    insert into award_due (order_key, due_at)
    select distinct order_key, ${now}::timestamptz
    from known join order_identity using (identity) left join award using (order_key)
    where award.released_at is null
    order by order_key
    on conflict (order_key) do update set due_at = least(award_due.due_at, excluded.due_at), attempts = 0, error = null`.execute(trx);
}

/** Marks the unattributed orders and those without a rule, of one merchant or of all: what they lacked may be there now. */
export async function markUndecidedDue(trx: Transaction<DB>, merchantId: string | null, now: Date): Promise<void> {
  await sql`
    insert into award_due (order_key, due_at)
    select order_key, ${now}::timestamptz from award
    where decisions && array['unattributed', 'no_rule'] ${merchantId === null ? sql`` : sql`and merchant_id = ${merchantId}`}
    order by order_key
    on conflict (order_key) do nothing`.execute(trx);
}

/**
 * Marks the unattributed orders that a statement about a promoter may decide otherwise: their evidence names the promoter, who may have
 * been unknown or suspended, or a coupon that nobody held.
 */
export async function markNamedDue(trx: Transaction<DB>, promoterId: string, now: Date): Promise<void> {
  await sql`
    insert into award_due (order_key, due_at)
    select distinct order_key, ${now}::timestamptz from award join decision using (order_key, revision)
    where decisions && array['unattributed', 'no_rule'] and 'unattributed' = any(decisions) and decision.decision = 'unattributed'
      and (strpos(explanation::text, ${JSON.stringify(promoterId)}) > 0 or strpos(explanation::text, '"unknown_coupon"') > 0)
    order by order_key
    on conflict (order_key) do nothing`.execute(trx);
}

/** Marks what time has made due: holds that have ended and unattributed orders to be looked at again. At most `limit` of each. */
export async function markMaturedDue(trx: Transaction<DB>, now: Date, limit: number): Promise<number> {
  const marked = await sql`
    insert into award_due (order_key, due_at)
    select order_key, ${now}::timestamptz from (
      (select order_key from award where releases_at <= ${now} order by releases_at limit ${limit})
      union
      (select order_key from award where recheck_at <= ${now} order by recheck_at limit ${limit})
    ) as matured order by order_key
    on conflict (order_key) do nothing`.execute(trx);
  return Number(marked.numAffectedRows ?? 0n);
}
