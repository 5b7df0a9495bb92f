// What merchants owe us and have paid, exact at every read: the folded balances and what lies after
// the fold.

import { sql, type Kysely } from 'kysely';

import { UNFOLDED } from '../../ledger/balances.ts';
import type { DB } from '../../platform/postgres/tables.ts';

/** A merchant's money in one currency, in minor units. */
interface MerchantBalance {
  currency: string;
  /** Released and not paid for; below zero it was paid ahead. */
  owed: bigint;
  /** Of its promoters, and not owed yet: their after-sale wait runs. */
  pending: bigint;
  paid: bigint;
}

/**
 * The merchant's money per currency, exact as of this statement: `pending` is its promoters',
 * `paid` = −received, `owed` = −commission − pending. Empty when nothing was ever booked.
 */
export async function merchantBalances(db: Kysely<DB>, merchantId: string): Promise<MerchantBalance[]> {
  const { rows } = await sql<Record<keyof MerchantBalance, string>>`
    with mine as materialized (
      select account_id, kind, currency from account where merchant_id = ${merchantId} and kind in ('commission', 'received', 'pending')
    ), moved as (
      select account_id, balance as amount from mine join account_balance using (account_id)
      union all
      select account_id, amount from entry where merchant_id = ${merchantId} and ${UNFOLDED}
    )
    select currency, ${OWED} as owed, coalesce(sum(amount) filter (where kind = 'pending'), 0) as pending,
      coalesce(-sum(amount) filter (where kind = 'received'), 0) as paid
    from mine left join moved using (account_id) group by currency order by currency`.execute(db);
  return rows.map(({ currency, owed, pending, paid }) => {
    return { currency, owed: BigInt(owed), pending: BigInt(pending), paid: BigInt(paid) };
  });
}

const OWED = sql`coalesce(-sum(amount) filter (where kind in ('commission', 'pending')), 0)`;

/**
 * The merchants that, as they are stated now, have their promoters paid only while they owe
 * nothing, and that owe something in this currency.
 */
export async function merchantsOwing(db: Kysely<DB>, currency: string): Promise<Set<string>> {
  const { rows } = await sql<{ merchant_id: string }>`
    with careful as materialized (
      select merchant_id from (select distinct merchant_id from merchant_version where payouts = 'when_paid') as once,
      lateral (
        select payouts from merchant_version stated
        where stated.merchant_id = once.merchant_id and effective_from <= clock_timestamp()
        order by effective_from desc, version desc limit 1
      ) as standing
      where payouts = 'when_paid'
    ), theirs as materialized (
      select account_id, kind, merchant_id from careful join account using (merchant_id)
      where currency = ${currency} and kind in ('commission', 'pending')
    ), moved as (
      select account_id, balance as amount from theirs join account_balance using (account_id)
      union all
      select account_id, amount from entry where merchant_id in (select merchant_id from careful) and ${UNFOLDED}
    )
    select merchant_id from theirs join moved using (account_id) group by merchant_id having ${OWED} > 0`.execute(db);
  return new Set(rows.map(({ merchant_id: merchantId }) => merchantId));
}
