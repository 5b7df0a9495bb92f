// A readable statement as a table for spreadsheets: one row for everything, amounts as decimals of
// the currency, times of the zone.

import { decimalOf } from '../../core/money.ts';
import { csvRow } from '../../platform/lines/csv-row.ts';
import { kindText, reasonText, roleText, type StatementForm, type StatementHead } from './form.ts';
import { OWN_ACCOUNTS, type Amounts, type MerchantMonth, type MonthEntry } from './month.ts';
import type { MovedPayout } from './moved-payout-store.ts';
import { COLUMNS, type Column, type RecordKind } from './words.ts';

type Cells = Partial<Record<Column, string | null>>;

const amountCells = (amounts: Amounts, currency: string): Cells =>
  Object.fromEntries(OWN_ACCOUNTS.map((account) => [account, decimalOf(amounts[account], currency)]));

/** The form `csv`. Texts that a spreadsheet would calculate are made harmless. */
export function csvForm({ words, clock }: StatementHead): StatementForm {
  const row = (record: RecordKind, cells: Cells): string =>
    csvRow(COLUMNS.map((column) => (column === 'record' ? words.records[record] : (cells[column] ?? null))));
  const merchantCells = ({ merchantId, currency }: { merchantId: string | null; currency: string }): Cells => ({
    merchant: merchantId ?? words.allMerchants,
    currency,
  });

  /**
   * Accounts that an entry leaves alone are empty. Months have many: no object is taken apart here.
   */
  const entryRow = ({ transfer, amounts, merchantId, currency }: MonthEntry): string => {
    const { orderId, lineId, cause, causeId } = transfer;
    const moved = (amount: bigint): string | null => (amount === 0n ? null : decimalOf(amount, currency));
    return row('entry', {
      time: clock(new Date(transfer.bookedAt)),
      what: kindText(words, transfer),
      merchant: merchantId,
      currency,
      order: orderId || null,
      line: lineId || null,
      role: roleText(words, transfer),
      payout: cause === 'payout' || cause === 'return' ? causeId : null,
      pending: moved(amounts.pending),
      available: moved(amounts.available),
      paying: moved(amounts.paying),
      withheld: moved(amounts.withheld),
      paid: moved(amounts.paid),
    });
  };

  const payoutRow = ({ payoutId, currency, gross, withheld, state, at, reason, reference, merchantIds }: MovedPayout): string =>
    row('payout', {
      time: clock(at),
      what: words.states[state],
      merchant: merchantIds.join(' '),
      currency,
      payout: payoutId,
      gross: decimalOf(gross, currency),
      tax: withheld === null ? null : decimalOf(withheld, currency),
      net: withheld === null ? null : decimalOf(gross - withheld, currency),
      reference,
      reason: reasonText(words, reason),
    });

  const monthRows = (month: MerchantMonth): string => {
    const sums = month.sums.map((sum) => {
      const cells = { ...merchantCells(sum), ...amountCells(sum.amounts, sum.currency), what: words.kinds[sum.kind] };
      return row('sum', cells);
    });
    return [...sums, row('closing', { ...merchantCells(month), ...amountCells(month.closing, month.currency) })].join('');
  };

  return {
    type: 'text/csv; charset=utf-8',
    // Spreadsheets take a file for UTF-8 by its byte order mark.
    begin: () => `\uFEFF${csvRow(COLUMNS.map((column) => words.columns[column]))}`,
    write(piece) {
      if (piece.piece === 'opening') {
        const rows = piece.balances.map((one) => row('opening', { ...merchantCells(one), ...amountCells(one.amounts, one.currency) }));
        return rows.join('');
      }
      if (piece.piece === 'entries') return piece.entries.map(entryRow).join('');
      if (piece.piece === 'payouts') return piece.payouts.map(payoutRow).join('');
      return piece.months.map(monthRows).join('');
    },
  };
}
