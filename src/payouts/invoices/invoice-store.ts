// Invoices, read from the books: what is released to a merchant's promoters and what our own shares
// come to, less what was taken back of both.

import { sql, type Kysely, type RawBuilder } from 'kysely';

import type { Role } from '../../core/party.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { stretchRows, type ZoneStretch } from './merchant-months.ts';

/**
 * An order with more transfers in a month than these is shown with the first of them, and the sum.
 */
export const TRANSFERS_SHOWN_MAX = 100;

/** What can be of an invoice, in the words of the index `transfer_invoiced`. */
const FOUND = sql`(transfer.kind in ('release', 'reverse') or role = 'platform' or cause = 'bonus')`;

/**
 * What a transfer adds to its invoice: what comes to where a merchant is charged for it, less what
 * leaves there. What is paid out, written off or received moves between such accounts or others and
 * is of no invoice; what is earned and waits, or is taken back from the wait, neither.
 */
const SIGNED = sql`case when transfer.kind not in ('accrue', 'reverse', 'release') then 0
  when target.kind in ('available', 'revenue') then transfer.amount
  when source.kind in ('available', 'revenue') then -transfer.amount else 0 end`;

const ACCOUNTS = sql`join account source on source.account_id = from_account_id join account target on target.account_id = to_account_id`;

/** Which part of the invoice it is. */
const PART = sql`case when cause = 'bonus' then 'bonuses' when 'revenue' in (source.kind, target.kind) then 'revenue'
  when transfer.kind = 'release' then 'released' else 'reversed' end`;

/** The program of a bonus, whose cause is `program/promoter/period`. */
const PROGRAM = sql`left(cause_id, length(cause_id) - length(substring(cause_id from '[^/]*$')) - length(transfer.promoter_id) - 2)`;

/** What an invoice charges for in one currency; the parts add up to the amount. */
interface InvoiceTotal {
  currency: string;
  released: bigint;
  reversed: bigint;
  revenue: bigint;
  bonuses: bigint;
  amount: bigint;
}

type TotalRow = Record<keyof InvoiceTotal, string>;

const PARTS = sql.join(
  ['released', 'reversed', 'revenue', 'bonuses'].map(
    (part) => sql`coalesce(sum(signed) filter (where part = ${sql.lit(part)}), 0) as ${sql.ref(part)}`,
  ),
);

function toTotal({ currency, released, reversed, revenue, bonuses, amount }: TotalRow): InvoiceTotal {
  return {
    currency,
    released: BigInt(released),
    reversed: BigInt(reversed),
    revenue: BigInt(revenue),
    bonuses: BigInt(bonuses),
    amount: BigInt(amount),
  };
}

/** A merchant's month: whose, and which times are of it. */
interface InvoiceQuestion {
  merchantId: string;
  ranges: readonly { from: Date; to: Date }[];
}

function within({ merchantId, ranges }: InvoiceQuestion): RawBuilder<boolean> {
  const times = ranges.map(({ from, to }) => sql`(transfer.booked_at >= ${from} and transfer.booked_at < ${to})`);
  return sql`transfer.merchant_id = ${merchantId} and (${times.length === 0 ? sql`false` : sql.join(times, sql` or `)}) and ${FOUND}`;
}

/** What the whole invoice comes to, per currency. */
export async function invoiceTotals(db: Kysely<DB>, question: InvoiceQuestion): Promise<InvoiceTotal[]> {
  const { rows } = await sql<TotalRow>`
    with listed as (
      select transfer.currency, ${SIGNED} as signed, ${PART} as part from transfer ${ACCOUNTS} where ${within(question)}
    )
    select currency, ${PARTS}, sum(signed) as amount from listed where signed <> 0 group by currency order by currency`.execute(db);
  return rows.map(toTotal);
}

/** What bonuses of one program come to in one currency. */
interface InvoiceBonus {
  program_id: string;
  currency: string;
  amount: bigint;
  transfers: bigint;
}

/** Bonuses by program and currency. */
export async function invoiceBonuses(db: Kysely<DB>, question: InvoiceQuestion): Promise<InvoiceBonus[]> {
  const { rows } = await sql<Omit<InvoiceBonus, 'amount'> & { amount: string }>`
    with listed as (
      select ${PROGRAM} as program_id, transfer.currency, ${SIGNED} as signed from transfer ${ACCOUNTS}
      where ${within(question)} and cause = 'bonus'
    )
    select program_id, currency, sum(signed) as amount, count(*) as transfers from listed where signed <> 0
    group by program_id, currency order by program_id, currency`.execute(db);
  return rows.map((row) => ({ ...row, amount: BigInt(row.amount) }));
}

/** A transfer as it stands on an invoice, with its sign there. */
interface InvoicedTransfer {
  transfer_id: string;
  kind: 'accrue' | 'reverse' | 'release';
  line_id: string;
  role: Role;
  level: number | null;
  promoter_id: string | null;
  amount: string;
  booked_at: string;
}

/** One order on an invoice, in one currency. */
export interface InvoicedOrder {
  /** The first of its transfers there, and when it was booked. */
  transfer_id: bigint;
  booked_at: Date;
  source_id: string;
  order_id: string;
  currency: string;
  amount: bigint;
  count: bigint;
  /** The first of them. */
  transfers: InvoicedTransfer[];
}

/**
 * Orders of an invoice in the order of their first transfer there, one more than asked for;
 * `after` is that transfer of the order to go on behind. An order whose currency was corrected is
 * one row in each.
 */
export async function invoiceOrders(
  db: Kysely<DB>,
  question: InvoiceQuestion,
  { after, limit }: { after: bigint | null; limit: number },
): Promise<InvoicedOrder[]> {
  const place = sql`(transfer.booked_at, transfer.transfer_id)`;
  const isAfter = after === null ? sql`true` : sql`${place} > (select booked_at, transfer_id from transfer where transfer_id = ${after})`;
  const isListed = sql`${within(question)} and ${SIGNED} <> 0`;
  const { rows } = await sql<Omit<InvoicedOrder, 'amount'> & { amount: string }>`
    with page as materialized (
      select order_key, currency, transfer_id, booked_at from (
        select transfer.order_key, transfer.currency, transfer.transfer_id, transfer.booked_at from transfer ${ACCOUNTS}
        where ${isListed} and transfer.order_key is not null and ${isAfter}
      ) as first
      where not exists (
        select from transfer ${ACCOUNTS}
        where transfer.order_key = first.order_key and transfer.currency = first.currency and ${isListed}
          and ${place} < (first.booked_at, first.transfer_id)
      )
      order by booked_at, transfer_id limit ${limit + 1}
    )
    select page.transfer_id, page.booked_at, source_id, order_id, page.currency, listed.* from page join orders using (order_key), lateral (
      select sum(signed) as amount, count(*) as count,
        jsonb_agg(shown order by number) filter (where number <= ${TRANSFERS_SHOWN_MAX}) as transfers
      from (
        select row_number() over (order by transfer.booked_at, transfer.transfer_id) as number, ${SIGNED} as signed,
          jsonb_build_object('transfer_id', transfer_id::text, 'kind', transfer.kind, 'line_id', line_id, 'role', role, 'level', level,
            'promoter_id', transfer.promoter_id, 'amount', (${SIGNED})::text, 'booked_at', booked_at) as shown
        from transfer ${ACCOUNTS}
        where transfer.order_key = page.order_key and transfer.currency = page.currency and ${isListed}
      ) as transfers
    ) as listed
    order by page.booked_at, page.transfer_id`.execute(db);
  return rows.map((row) => ({ ...row, amount: BigInt(row.amount) }));
}

/** One month of which there is an invoice. */
interface InvoiceMonth {
  month: string;
  totals: InvoiceTotal[];
}

/** The months in which something is invoiced, the newest first, one more than asked for. */
export async function invoiceMonths(
  db: Kysely<DB>,
  { merchantId, stretches }: { merchantId: string; stretches: readonly ZoneStretch[] },
  { before, limit }: { before: string | null; limit: number },
): Promise<InvoiceMonth[]> {
  const { rows } = await sql<TotalRow & { month: string }>`
    with listed as (
      select to_char(transfer.booked_at at time zone time_zone, 'YYYY-MM') as month, transfer.currency, ${SIGNED} as signed, ${PART} as part
      from ${stretchRows(stretches)} join transfer on transfer.booked_at >= since and transfer.booked_at < until ${ACCOUNTS}
      where transfer.merchant_id = ${merchantId} and ${FOUND}
    ), page as (
      select distinct month from listed where signed <> 0 and (${before}::text is null or month < ${before}) order by month desc limit ${limit + 1}
    )
    select month, currency, ${PARTS}, sum(signed) as amount from listed join page using (month) where signed <> 0
    group by month, currency order by month desc, currency`.execute(db);
  const months = new Map<string, InvoiceTotal[]>();
  for (const row of rows) months.set(row.month, [...(months.get(row.month) ?? []), toTotal(row)]);
  return [...months].map(([month, totals]) => ({ month, totals }));
}
