// What is withheld from the payouts of a run, one after the other: each sees what its taxpayer had
// before, those of the same run among it.

import { sql, type Transaction } from 'kysely';

import { earlierIncome, schemeOf, withholdingOf, type LivePayout, type WithholdingStep } from '../../core/payouts/withholding.ts';
import type { WithholdingGap, WithholdingScheme } from '../../core/payouts/withholding.ts';
import { dayOf } from '../../platform/calendar.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { PayeeKind } from '../payees/payee-store.ts';
import { WITHHOLDING_LOCK } from '../settling.ts';
import { isShared } from './candidate-store.ts';

/** What the operator has decided of taxes. */
export interface TaxSettings {
  scheme: WithholdingScheme;
  gap: WithholdingGap;
  /** IANA name: the month of an approval is that of this zone. */
  timeZone: string;
}

/** A payment of which the tax is asked. */
interface TaxedPayment {
  taxpayer: string;
  payeeKind: PayeeKind;
  currency: string;
  gross: bigint;
}

export interface Tax {
  scheme: WithholdingScheme;
  withheld: bigint;
  steps: WithholdingStep[];
}

export interface Taxing {
  /** YYYY-MM: the month that the payments count for. */
  month: string;
  /**
   * Reads what the taxpayers of these payments had before, of those that are not known yet. Each
   * page takes the place of the one before; no promoter is in two.
   */
  load: (payments: readonly TaxedPayment[]) => Promise<void>;
  /** The tax of the next payment; it counts from then on unless `undo` is called. */
  next: (payment: TaxedPayment) => Tax;
  /** The payment that was asked for last is not made. */
  undo: () => void;
}

/**
 * Approvals wait for each other and for every end of a payout, so that what is live stands still.
 */
export async function lockWithholding(trx: Transaction<DB>): Promise<void> {
  await sql`select pg_advisory_xact_lock(${WITHHOLDING_LOCK})`.execute(trx);
}

/** Begins a run at `now`. */
export function startTaxing(trx: Transaction<DB>, { scheme, gap, timeZone }: TaxSettings, now: Date): Taxing {
  const month = monthOf(now, timeZone);
  // Who pays tax alone is paid once in a run, so that it can be forgotten with its page.
  const known = { shared: new Map<string, LivePayout[]>(), alone: new Map<string, LivePayout[]>() };
  const incomesOf = (taxpayer: string) => (isShared(taxpayer) ? known.shared : known.alone);
  let last: LivePayout[] | null = null;

  return {
    month,
    async load(payments) {
      const taxed = payments.filter((payment) => schemeOf(scheme, payment) !== 'none');
      known.alone.clear();
      const wanted = [...new Set(taxed.map(({ taxpayer }) => taxpayer))].filter((taxpayer) => !known.shared.has(taxpayer));
      if (wanted.length === 0) return;
      for (const taxpayer of wanted) incomesOf(taxpayer).set(taxpayer, []);
      for (const { taxpayer, ...live } of await readLive(trx, wanted, month.slice(0, 4))) incomesOf(taxpayer).get(taxpayer)!.push(live);
    },
    next(payment) {
      const own = schemeOf(scheme, payment);
      last = null;
      if (own === 'none') return { scheme: own, withheld: 0n, steps: [] };
      last = incomesOf(payment.taxpayer).get(payment.taxpayer)!;
      const { withheld, steps } = withholdingOf(own, earlierIncome(own, last, month, gap), payment.gross);
      last.push({ approvedMonth: month, gross: payment.gross, withheld });
      return { scheme: own, withheld, steps };
    },
    undo() {
      last?.pop();
    },
  };
}

interface LiveRow {
  taxpayer: string;
  tax_month: string;
  gross: bigint;
  withheld: bigint;
}

/** What counts as income of these taxpayers in a year, in the order of its approval. */
async function readLive(trx: Transaction<DB>, taxpayers: readonly string[], year: string): Promise<(LivePayout & { taxpayer: string })[]> {
  const { rows } = await sql<LiveRow>`
    select taxpayer, tax_month, gross, withheld from payout join payout_income using (payout_id)
    where taxpayer = any(${[...taxpayers]}::text[]) and tax_month between ${`${year}-01`} and ${`${year}-12`} and until_no is null
      and scheme <> 'none' order by approved_no`.execute(trx);
  return rows.map(({ taxpayer, tax_month: approvedMonth, gross, withheld }) => ({ taxpayer, approvedMonth, gross, withheld }));
}

/** The month of a moment in a time zone, YYYY-MM. */
function monthOf(at: Date, timeZone: string): string {
  return dayOf(at, timeZone).slice(0, 'YYYY-MM'.length);
}
