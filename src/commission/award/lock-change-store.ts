// Orders whose lock has changed, and the later orders of the same buyers, which must be decided
// again. They are looked for twice: in the transaction of the award, and after its commit, since
// what another worker merged and awarded meanwhile is seen only then.
import { sql, type Transaction } from 'kysely';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import { ordersOfBuyers } from '../facts/buyer-orders-store.ts';

/**
 * An order whose lock has changed, the earliest time from which it locks or locked, and all
 * identities of its buyer.
 */
export interface LockChange {
  orderKey: bigint;
  since: Date;
  identities: ReadonlySet<string>;
}

/**
 * Marks the later orders of the same buyers due, where an order's lock has changed, as long as
 * their winners may change: a lock is evidence among the rest. A later order never changes an
 * earlier one's lock, so this ends. An order without an award may be in another worker's hands, who
 * has not seen this lock; marking it waits for that worker.
 */
async function markLockedDue(trx: Transaction<DB>, changes: readonly LockChange[], now: Date): Promise<void> {
  const asked = changes.flatMap((one) => [...one.identities].map((identity) => ({ ...one, identity })));
  if (asked.length === 0) return;
  await sql`
    insert into award_due (order_key, due_at)
    select distinct later.order_key, ${now}::timestamptz
    from ${unnestOf(
      asked,
      {
        order_key: ['bigint', (one) => one.orderKey],
        since: ['timestamptz', (one) => one.since],
        identity: ['uuid', (one) => one.identity],
      },
      'locking',
    )}
    join lateral (select distinct order_key from ${ordersOfBuyers('stated')} where stated.identity = locking.identity) as same on true
    join orders later on later.order_key = same.order_key
    left join award on award.order_key = later.order_key
    where (later.attribution_at, later.order_key) > (locking.since, locking.order_key) and award.is_open is not false
    order by later.order_key
    on conflict (order_key) do nothing`.execute(trx);
}

/** Locks that have changed, and the row that says so until it was looked at again. */
export interface NotedLockChanges {
  relockedId: bigint;
  lockChanges: readonly LockChange[];
}

/**
 * Marks the later orders as far as they can be seen, and notes that they are to be looked for once
 * more after the commit.
 */
export async function noteLockChanges(trx: Transaction<DB>, changes: readonly LockChange[], now: Date): Promise<NotedLockChanges | null> {
  if (changes.length === 0) return null;
  await markLockedDue(trx, changes, now);
  const orders = changes.map((one) => [String(one.orderKey), one.since.toISOString(), ...one.identities]);
  const { rows } = await sql<{ relocked_id: bigint }>`
    insert into relocked (orders, made_at) values (${JSON.stringify(orders)}::jsonb, ${now}) returning relocked_id`.execute(trx);
  return { relockedId: rows[0]!.relocked_id, lockChanges: changes };
}

/**
 * Looks once more, in a later transaction, unless the sweep has done it. The row first, as the
 * sweep takes it.
 */
export async function recheckLockChanges(
  trx: Transaction<DB>,
  { relockedId, lockChanges: changes }: NotedLockChanges,
  now: Date,
): Promise<void> {
  const { numDeletedRows } = await trx.deleteFrom('relocked').where('relocked_id', '=', relockedId).executeTakeFirst();
  if (numDeletedRows > 0n) await markLockedDue(trx, changes, now);
}

/** Grace period in which the worker that changed the locks looks itself; later the sweep does. */
const RECHECK_MS_MAX = 10_000;

/**
 * Looks where no worker did, because it was killed before it could or leaves it to the sweep; at
 * most `limit` times. Answers how often.
 */
export async function sweepLockChanges(trx: Transaction<DB>, now: Date, limit: number): Promise<number> {
  const { rows } = await sql<{ orders: [orderKey: string, since: string, ...identities: string[]][] }>`
    delete from relocked where relocked_id = any(array(
      select relocked_id from relocked where made_at < ${new Date(now.getTime() - RECHECK_MS_MAX)} limit ${limit} for update skip locked
    )) returning orders`.execute(trx);
  const changes = rows.flatMap((row) =>
    row.orders.map(([orderKey, since, ...identities]) => ({
      orderKey: BigInt(orderKey),
      since: new Date(since),
      identities: new Set(identities),
    })),
  );
  await markLockedDue(trx, changes, now);
  return rows.length;
}
