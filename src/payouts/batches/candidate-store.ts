// Who could be paid, and what is known of each: balances, standing, payee. Read set-wise, a page of
// promoters at a time.

import { sql, type Kysely } from 'kysely';

import { UNFOLDED } from '../../ledger/balances.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { PayeeKind } from '../payees/payee-store.ts';
import type { PayoutItem } from '../payout.ts';

/** Whom a draft is for. */
interface CandidateFilter {
  currency: string;
  /** Null: everybody. */
  promoterIds: readonly string[] | null;
  /** Only those who asked to be paid. */
  requested: boolean;
}

/** The next promoters with an account to pay from, by id. */
export async function nextPromoters(
  db: Kysely<DB>,
  { currency, promoterIds, requested }: CandidateFilter,
  { after, limit }: { after: string; limit: number },
): Promise<string[]> {
  const { rows } = await sql<{ promoter_id: string }>`
    select distinct promoter_id from account
    where currency = ${currency} and kind = 'available' and promoter_id > ${after}
      and (${promoterIds === null} or promoter_id = any(${promoterIds ?? []}::text[]))
      and (${!requested} or exists (
        select from payout_request request
        where request.promoter_id = account.promoter_id and request.currency = account.currency and closed_at is null))
    order by promoter_id limit ${limit}`.execute(db);
  return rows.map(({ promoter_id: promoterId }) => promoterId);
}

/** What is known of a promoter who could be paid, in one currency. */
export interface CandidateRow {
  promoterId: string;
  isSuspended: boolean;
  hasDebt: boolean;
  /** All available accounts together: perhaps below zero. */
  available: bigint;
  /** The accounts above zero, by merchant. */
  items: PayoutItem[];
  payee: {
    version: number;
    kind: PayeeKind;
    providerId: string;
    hasName: boolean;
    /** Changed within the wait, and confirmed by nobody. */
    isWaiting: boolean;
    /** Hex of the keyed hash of the tax id. */
    taxpayer: string | null;
  } | null;
  /** As what a promoter is paid who has stated no payee. */
  defaultKind: PayeeKind;
}

interface FactsRow {
  promoter_id: string;
  status: string | null;
  default_kind: PayeeKind | null;
  has_debt: boolean | null;
  available: string | null;
  items: { merchant_id: string; amount: string }[] | null;
  version: number | null;
  kind: PayeeKind;
  provider_id: string;
  has_name: boolean;
  is_waiting: boolean;
  taxpayer: string | null;
}

/**
 * What is known of these promoters, exact as of this statement, in the order of their ids. Each is
 * looked up by indexes, one after the other: a draft is one transaction, in which the planner takes
 * what was just written for next to nothing, and would join all of it for every page.
 */
export async function readCandidates(
  db: Kysely<DB>,
  { currency, promoterIds }: { currency: string; promoterIds: readonly string[] },
  { now, changedAfter }: { now: Date; changedAfter: Date },
): Promise<CandidateRow[]> {
  const { rows } = await sql<FactsRow>`
    select wanted.promoter_id, promoter.status, promoter.payee ->> 'kind' as default_kind, has_debt, available, items,
      payee.version, payee.kind, payee.provider_id, payee.name_shown is not null as has_name,
      payee.is_change and payee.stated_at > ${changedAfter} and confirmed_at is null as is_waiting, encode(payee.taxpayer, 'hex') as taxpayer
    from unnest(${[...promoterIds]}::text[]) as wanted (promoter_id)
    cross join lateral (
      select bool_or(amount < 0) as has_debt, sum(amount) filter (where kind = 'available') as available,
        jsonb_agg(jsonb_build_object('merchant_id', merchant_id, 'amount', amount::text) order by merchant_id)
          filter (where kind = 'available' and amount > 0) as items
      from (
        select merchant_id, kind, sum(amount) as amount
        from (
          select merchant_id, kind, balance as amount from account join account_balance using (account_id)
          where promoter_id = wanted.promoter_id and currency = ${currency}
          union all
          select account.merchant_id, account.kind, entry.amount from entry join account using (account_id)
          where entry.promoter_id = wanted.promoter_id and ${UNFOLDED}
            and account.promoter_id = wanted.promoter_id and account.currency = ${currency}
        ) as moved group by merchant_id, kind
      ) as balances
    ) as sums
    left join lateral (
      select status, payee from promoter_version version
      where version.promoter_id = wanted.promoter_id and effective_from <= ${now} order by effective_from desc, version desc limit 1
    ) as promoter on true
    left join lateral (
      select * from payee_version where payee_version.promoter_id = wanted.promoter_id order by version desc limit 1
    ) as payee on true
    left join payee_confirmation confirmation on confirmation.promoter_id = payee.promoter_id and confirmation.version = payee.version
    order by wanted.promoter_id`.execute(db);
  return rows.map((row) => ({
    promoterId: row.promoter_id,
    isSuspended: row.status === 'suspended',
    hasDebt: row.has_debt === true,
    available: BigInt(row.available ?? 0),
    items: (row.items ?? []).map(({ merchant_id: merchantId, amount }) => ({ merchantId, amount: BigInt(amount) })),
    payee:
      row.version === null
        ? null
        : {
            version: row.version,
            kind: row.kind,
            providerId: row.provider_id,
            hasName: row.has_name,
            isWaiting: row.is_waiting,
            taxpayer: row.taxpayer,
          },
    defaultKind: row.default_kind ?? 'individual',
  }));
}

/** Whose income a payment to the promoter is: of all who share the tax id, else of the promoter. */
export function taxpayerOf({ promoterId, payee }: Pick<CandidateRow, 'promoterId' | 'payee'>): string {
  return payee?.taxpayer == null ? `${ALONE}${promoterId}` : `tax:${payee.taxpayer}`;
}

/** Whether several promoters may be the taxpayer. */
export function isShared(taxpayer: string): boolean {
  return !taxpayer.startsWith(ALONE);
}

const ALONE = 'promoter:';
