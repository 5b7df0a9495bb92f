// How the rows behind a figure look to the world.

import { z } from 'zod';

import { decimalOf } from '../../core/money.ts';
import { csvRow } from '../../platform/lines/csv-row.ts';
import { localTimes } from './buckets.ts';
import type { CellRow } from './cell-row-store.ts';
import type { CellQuery } from './cell-rows.ts';
import { AMOUNTS, watermark } from './statistics-answers.ts';

const cellRowAnswer = z
  .object({
    kind: z.enum(['order', 'booking', 'click', 'link']).meta({ description: 'What the row is: of commission by booking, a booking.' }),
    at: z.string().meta({ description: 'When it counts, by the clocks of the zone.' }),
    merchant_id: z.string(),
    source_id: z.string().nullable().meta({ description: 'Null, as the order, where there is none.' }),
    order_id: z.string().nullable(),
    line_id: z.string().nullable().meta({ description: 'Of a booking.' }),
    promoter_id: z.string().nullable().meta({ description: 'Null for an order, which may be of several.' }),
    link_code: z.string().nullable(),
    click_id: z.string().nullable(),
    transfer_ids: z.array(z.string()).meta({ description: 'Of a booking: those of one line and promoter that were booked together.' }),
    currency: z.string().meta({ description: 'ISO 4217.' }),
    value: z.bigint().meta({ description: 'What it adds to the figure: minor units of the currency, or how many.' }),
  })
  .meta({ id: 'StatisticsFact' });

export const cellRowsAnswer = z.object({
  watermark,
  data: z.array(cellRowAnswer),
  next_cursor: z.string().nullable().meta({ description: 'Null on the last page.' }),
});

export function showCellRow(row: CellRow, { timeZone }: CellQuery): z.input<typeof cellRowAnswer> {
  return {
    kind: row.kind,
    at: localTimes(timeZone)(row.at),
    merchant_id: row.merchantId,
    source_id: row.sourceId,
    order_id: row.orderId,
    line_id: row.lineId,
    promoter_id: row.promoterId,
    link_code: row.linkCode,
    click_id: row.clickId,
    transfer_ids: row.transferIds,
    currency: row.currency,
    value: row.value,
  };
}

const COLUMNS = [
  'record',
  'kind',
  'at',
  'merchant_id',
  'source_id',
  'order_id',
  'line_id',
  'promoter_id',
  'link_code',
  'click_id',
  'transfer_ids',
  'currency',
  'value',
] as const;

export const CELL_HEAD = csvRow(COLUMNS);

/** What the rows of each currency add up to so far. */
export type CellTotals = Map<string, bigint>;

/** Rows as lines; what they add up to is added to the totals. */
export function cellLines(rows: readonly CellRow[], cell: CellQuery, totals: CellTotals): string {
  const shown = localTimes(cell.timeZone);
  return rows
    .map((row) => {
      totals.set(row.currency, (totals.get(row.currency) ?? 0n) + row.value);
      const { kind, merchantId, sourceId, orderId, lineId, promoterId, linkCode, clickId, transferIds, currency } = row;
      const ids = [merchantId, sourceId, orderId, lineId, promoterId, linkCode, clickId, transferIds.join(' ')];
      return csvRow(['row', kind, shown(row.at), ...ids, currency, valueOf(cell, row.value, currency)]);
    })
    .join('');
}

/** The sums as lines. Where there are none, one that says so. */
export function cellTotals(cell: CellQuery, totals: CellTotals): string {
  const none = COLUMNS.slice(1, -2).map(() => null);
  const sorted = [...totals].toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (sorted.length === 0) return csvRow(['total', ...none, cell.currency, 0]);
  return sorted.map(([currency, value]) => csvRow(['total', ...none, currency, valueOf(cell, value, currency)])).join('');
}

function valueOf({ measure }: CellQuery, value: bigint, currency: string): string | bigint {
  return AMOUNTS.has(measure) ? decimalOf(value, currency) : value;
}
