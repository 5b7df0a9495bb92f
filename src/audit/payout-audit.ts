// Payouts computed again: what each step of their history had to book, beside what is booked, and
// the tax of each from what was income of its taxpayer at its approval.

import { sql, type Kysely, type Transaction } from 'kysely';

import { netOf, transfersOf, type Payout } from '../payouts/payout.ts';
import type { PayoutState } from '../core/payouts/payout.ts';
import { earlierIncome, withholdingOf, WITHHOLDING_GAPS, type LivePayout, type WithholdingScheme } from '../core/payouts/withholding.ts';
import { stepOf } from '../payouts/settling.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { groupedBy } from '../platform/grouped-by.ts';
import type { Difference } from './difference.ts';

const PAYOUTS_PER_PAGE = 2000;
const NO_UUID = '00000000-0000-0000-0000-000000000000';

/**
 * Where payouts are not what their history asks for. All is read in one snapshot, a page at a time.
 */
export async function auditPayouts(db: Kysely<DB>, onDifference: (difference: Difference) => void): Promise<{ payouts: number }> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => {
      let payouts = 0;
      for (let after = NO_UUID; ;) {
        const page = await readPage(trx, after);
        const last = page.at(-1);
        if (last === undefined) return { payouts };
        const found = groupedBy(await readTransfersOf(trx, page), ({ cause_id: causeId }) => causeId);
        for (const row of page) for (const difference of compareBooks(row, found.get(row.payout_id) ?? [])) onDifference(difference);
        for (const difference of await compareTaxes(trx, page)) onDifference(difference);
        payouts += page.length;
        after = last.payout_id;
      }
    });
}

interface AuditedRow {
  payout_id: string;
  batch_id: string;
  promoter_id: string;
  currency: string;
  provider_id: string;
  gross: bigint;
  withheld: bigint | null;
  state: PayoutState;
  scheme: WithholdingScheme | null;
  tax_month: string | null;
  taxpayer: string | null;
  approved_no: bigint | null;
  items: { merchant_id: string; amount: string }[];
  changes: { from: PayoutState | null; to: PayoutState }[];
}

async function readPage(trx: Transaction<DB>, after: string): Promise<AuditedRow[]> {
  const { rows } = await sql<AuditedRow>`
    select payout_id, batch_id, promoter_id, currency, provider_id, gross, withheld, state, scheme, tax_month, taxpayer, approved_no,
      (select jsonb_agg(jsonb_build_object('merchant_id', merchant_id, 'amount', amount::text) order by position)
        from payout_item where payout_item.payout_id = payout.payout_id) as items,
      (select jsonb_agg(jsonb_build_object('from', from_state, 'to', to_state) order by position)
        from payout_change where payout_change.payout_id = payout.payout_id) as changes
    from payout where payout_id > ${after}::uuid order by payout_id limit ${PAYOUTS_PER_PAGE}`.execute(trx);
  return rows;
}

interface BookedRow {
  cause: string;
  cause_id: string;
  position: number;
  kind: string;
  merchant_id: string;
  from_kind: string;
  to_kind: string;
  amount: bigint;
}

async function readTransfersOf(trx: Transaction<DB>, page: readonly AuditedRow[]): Promise<BookedRow[]> {
  const { rows } = await sql<BookedRow>`
    select cause, cause_id, position, transfer.kind, transfer.merchant_id, source.kind as from_kind, target.kind as to_kind, amount
    from transfer join account source on source.account_id = from_account_id join account target on target.account_id = to_account_id
    where order_key is null and cause in ('payout', 'return') and cause_id = any(${page.map(({ payout_id: id }) => id)}::text[])`.execute(
    trx,
  );
  return rows;
}

function toPayout(row: AuditedRow): Payout {
  return {
    payoutId: row.payout_id,
    batchId: row.batch_id,
    promoterId: row.promoter_id,
    currency: row.currency,
    providerId: row.provider_id,
    payeeVersion: null,
    gross: row.gross,
    withheld: row.withheld,
    state: row.state,
    reason: null,
    reference: null,
    approvedNo: row.approved_no,
    hasAction: false,
    items: row.items.map(({ merchant_id: merchantId, amount }) => ({ merchantId, amount: BigInt(amount) })),
  };
}

function compareBooks(row: AuditedRow, found: readonly BookedRow[]): Difference[] {
  const payout = toPayout(row);
  const expected = row.changes.flatMap(({ from, to }) => {
    const step = from === null ? 'reserve' : stepOf(from, to);
    return step === null ? [] : transfersOf(payout, step);
  });
  const should = new Map(
    expected.map((one) => [`${one.cause}.${one.position}`, `${one.kind} ${one.merchantId} ${one.from}>${one.to} ${one.amount}`]),
  );
  const is = new Map(
    found.map((one) => [`${one.cause}.${one.position}`, `${one.kind} ${one.merchant_id} ${one.from_kind}>${one.to_kind} ${one.amount}`]),
  );
  const subject = `payout ${row.payout_id}`;
  return [...new Set([...should.keys(), ...is.keys()])].flatMap((place) => {
    const [wanted, booked] = [should.get(place) ?? 'nothing', is.get(place) ?? 'nothing'];
    return wanted === booked ? [] : [{ subject, field: `transfer.${place}`, expected: wanted, found: booked }];
  });
}

interface IncomeRow {
  payout_id: string;
  taxpayer: string;
  tax_month: string;
  gross: bigint;
  withheld: bigint;
  from_no: bigint;
  until_no: bigint | null;
}

/**
 * The tax of each payout of a page, by either reading of a gap: which one was set then is not kept.
 */
async function compareTaxes(trx: Transaction<DB>, page: readonly AuditedRow[]): Promise<Difference[]> {
  const taxed = page.filter(({ scheme }) => scheme !== null && scheme !== 'none');
  if (taxed.length === 0) return [];
  const { rows } = await sql<IncomeRow>`
    select payout_id, taxpayer, tax_month, gross, withheld, from_no, until_no from payout join payout_income using (payout_id)
    where scheme <> 'none' and taxpayer = any(${[...new Set(taxed.map(({ taxpayer }) => taxpayer!))]}::text[]) order by from_no`.execute(
    trx,
  );
  const incomes = groupedBy(rows, ({ taxpayer }) => taxpayer);
  return taxed.flatMap((row) => {
    const live = (incomes.get(row.taxpayer!) ?? []).filter((one) => wasLiveAt(one, row.approved_no!) && one.payout_id !== row.payout_id);
    const before: LivePayout[] = live.map(({ tax_month: approvedMonth, gross, withheld }) => ({ approvedMonth, gross, withheld }));
    const taxes = WITHHOLDING_GAPS.map((gap) => {
      const year = before.filter(({ approvedMonth }) => approvedMonth.slice(0, 4) === row.tax_month!.slice(0, 4));
      return withholdingOf(row.scheme!, earlierIncome(row.scheme!, year, row.tax_month!, gap), row.gross).withheld;
    });
    if (taxes.includes(row.withheld!)) return [];
    return [
      { subject: `payout ${row.payout_id}`, field: 'withheld', expected: String(taxes[0]), found: `${row.withheld}, net ${netOf(row)}` },
    ];
  });
}

const wasLiveAt = ({ from_no: from, until_no: until }: IncomeRow, moment: bigint): boolean =>
  from < moment && (until === null || until > moment);
