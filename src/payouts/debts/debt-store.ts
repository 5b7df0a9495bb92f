// Debts in the books: promoters' available accounts below zero, since when each is one, and how old
// that makes it.

import { sql, type Kysely } from 'kysely';

import { UNFOLDED } from '../../ledger/balances.ts';
import type { DB } from '../../platform/postgres/tables.ts';

/** How old debts are told apart, in whole days: from the youngest on, each up to this many. */
export const BUCKETS = ['0-30', '31-60', '61-90', '91+'] as const;

type Bucket = (typeof BUCKETS)[number];

/** Whose debts are asked for; null is any. */
interface DebtFilter {
  currency: string | null;
  merchantId: string | null;
  promoterId: string | null;
}

/** One account below zero. */
export interface Debt {
  account_id: bigint;
  promoter_id: string;
  merchant_id: string;
  currency: string;
  /** What is owed, in minor units: above zero. */
  amount: bigint;
  /** When the transfer was booked that last took the account below zero. */
  since: Date;
  /** Whole days of the zone that is asked by, from the day of `since` to that of now. */
  age_days: number;
  bucket: Bucket;
}

/** What a bucket holds in one currency. */
interface DebtSum {
  currency: string;
  bucket: Bucket;
  accounts: bigint;
  amount: bigint;
}

interface DebtQuestion {
  filter: DebtFilter;
  /** In whose days ages are counted: a name of the IANA database. */
  timeZone: string;
  now: Date;
}

/**
 * The accounts below zero as `debt`, exact as of this statement. An account is walked back from
 * what it has now, the newest transfer first, to the one before which it was not below zero: as
 * many steps as were taken since, however long its history.
 */
function debts({ filter: { currency, merchantId, promoterId }, timeZone, now }: DebtQuestion) {
  return sql`
    unfolded as materialized (
      select account_id, sum(amount) as amount from entry where ${UNFOLDED} group by account_id
    ), below as materialized (
      select account_id, account.promoter_id, merchant_id, currency, coalesce(balance, 0) + coalesce(unfolded.amount, 0) as balance
      from (
        select account_id from account_balance where balance < 0 union select account_id from unfolded
      ) as candidate join account using (account_id) left join account_balance using (account_id) left join unfolded using (account_id)
      where kind = 'available' and coalesce(balance, 0) + coalesce(unfolded.amount, 0) < 0
        and (${currency}::text is null or currency = ${currency}) and (${merchantId}::text is null or merchant_id = ${merchantId})
        and (${promoterId}::text is null or promoter_id = ${promoterId})
    ), debt as materialized (
      select below.account_id, below.promoter_id, below.merchant_id, below.currency, -balance as amount,
        date_trunc('milliseconds', since) as since, age_days,
        case when age_days <= 30 then '0-30' when age_days <= 60 then '31-60' when age_days <= 90 then '61-90' else '91+' end as bucket
      from below, lateral (
        select booked_at as since from (
          select booked_at, booked_xid, transfer_id, below.balance - sum(moved) over (
            order by booked_xid desc, transfer_id desc rows between unbounded preceding and current row
          ) as before
          from transfer, lateral (
            select case below.account_id when to_account_id then amount when from_account_id then -amount end as moved
          ) as step
          where transfer.promoter_id = below.promoter_id and moved is not null
        ) as back
        where before >= 0 order by booked_xid desc, transfer_id desc limit 1
      ) as last, lateral (
        select (${now}::timestamptz at time zone ${timeZone}::text)::date - (since at time zone ${timeZone}::text)::date as age_days
      ) as age
    )`;
}

/** What the debts come to, per currency and age. */
export async function sumDebts(db: Kysely<DB>, question: DebtQuestion): Promise<DebtSum[]> {
  const { rows } = await sql<Omit<DebtSum, 'amount'> & { amount: string }>`
    with ${debts(question)}
    select currency, bucket, count(*) as accounts, sum(amount) as amount from debt group by currency, bucket
    order by currency, min(age_days)`.execute(db);
  return rows.map((row) => ({ ...row, amount: BigInt(row.amount) }));
}

/** Debts, the oldest first, one more than asked for. */
export async function listDebts(
  db: Kysely<DB>,
  question: DebtQuestion,
  { after, limit }: { after: { since: Date; accountId: bigint } | null; limit: number },
): Promise<Debt[]> {
  const isAfter = after === null ? sql`true` : sql`(since, account_id) > (${after.since}, ${after.accountId})`;
  const { rows } = await sql<Omit<Debt, 'amount'> & { amount: string }>`
    with ${debts(question)}
    select * from debt where ${isAfter} order by since, account_id limit ${limit + 1}`.execute(db);
  return rows.map((row) => ({ ...row, amount: BigInt(row.amount) }));
}

/**
 * What a promoter owes of one merchant in one currency, exact as of this statement; 0 where
 * nothing.
 */
export async function debtOf(
  db: Kysely<DB>,
  { promoterId, merchantId, currency }: { promoterId: string; merchantId: string; currency: string },
): Promise<bigint> {
  const { rows } = await sql<{ balance: string }>`
    with mine as materialized (
      select account_id from account
      where kind = 'available' and merchant_id = ${merchantId} and promoter_id = ${promoterId} and currency = ${currency}
    )
    select coalesce(sum(amount), 0) as balance from (
      select balance as amount from mine join account_balance using (account_id)
      union all
      select amount from mine join entry using (account_id) where promoter_id = ${promoterId} and ${UNFOLDED}
    ) as moved`.execute(db);
  const balance = BigInt(rows[0]!.balance);
  return balance < 0n ? -balance : 0n;
}
