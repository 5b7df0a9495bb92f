// A batch as the CSV that a bank asks for: its columns, its encoding, how it writes amounts, and
// where it wants count and sum.

import { z } from 'zod';

import { assert } from '../../../core/errors.ts';
import { csvRow } from '../../../platform/lines/csv-row.ts';
import {
  countedPayments,
  decimalText,
  encodedPieces,
  type FileBatch,
  type FilePayment,
  type FileRefusal,
  type RefusablePayment,
} from './batch-file.ts';
import { byteOrderMark, encodable, encodeText, TEXT_ENCODINGS } from './text-encoding.ts';

const COLUMN_VALUES = [
  'payout_id',
  'bill_no',
  'name',
  'account_no',
  'bank_name',
  'bank_code',
  'amount',
  'currency',
  'remark',
  'line_no',
  'date',
  'batch_id',
] as const;
const TOTAL_VALUES = ['count', 'sum', 'currency', 'date', 'batch_id'] as const;
const SEPARATORS = [',', ';', '\t', '|'] as const;
const DATE_FORMATS = ['YYYY-MM-DD', 'YYYYMMDD', 'YYYY/MM/DD', 'DD.MM.YYYY'] as const;
const AMOUNT_FORMS = ['decimal', 'minor'] as const;
const COLUMNS_MAX = 50;
const FILE_ROWS_MAX = 1_000_000;

/** Text that the template itself puts into every file; it fits every encoding. */
const ownText = z
  .string()
  .max(200)
  .refine((text) => TEXT_ENCODINGS.every((encoding) => encodable(text, encoding)), 'has characters that cannot be written');
const constant = z.strictObject({ constant: ownText });

/** How a bank wants its CSV; what is not stated is as the default says. */
export const csvTemplate = z.strictObject({
  format: z.literal('csv').default('csv'),
  columns: z
    .array(z.union([z.strictObject({ header: ownText, value: z.enum(COLUMN_VALUES) }), constant.extend({ header: ownText })]))
    .min(1)
    .max(COLUMNS_MAX)
    .default([
      { header: 'payout_id', value: 'payout_id' },
      { header: 'name', value: 'name' },
      { header: 'account_no', value: 'account_no' },
      { header: 'bank_name', value: 'bank_name' },
      { header: 'bank_code', value: 'bank_code' },
      { header: 'amount', value: 'amount' },
      { header: 'currency', value: 'currency' },
      { header: 'remark', value: 'remark' },
    ]),
  column_names: z.boolean().default(true).meta({ description: 'Whether a row with the headers of the columns stands above them.' }),
  encoding: z.enum(TEXT_ENCODINGS).default('utf-8-bom'),
  separator: z.enum(SEPARATORS).default(','),
  amount: z.enum(AMOUNT_FORMS).default('decimal').meta({ description: '`decimal`: 1000.00; `minor`: 100000.' }),
  date_format: z.enum(DATE_FORMATS).default('YYYY-MM-DD'),
  remark: ownText.default('Commission'),
  totals: z
    .enum(['none', 'header', 'trailer'])
    .default('trailer')
    .meta({ description: 'Whether a row with count and sum stands above everything, or below.' }),
  totals_columns: z
    .array(z.union([z.strictObject({ value: z.enum(TOTAL_VALUES) }), constant]))
    .min(1)
    .max(COLUMNS_MAX)
    .default([{ constant: 'TOTAL' }, { value: 'count' }, { value: 'sum' }]),
  max_rows: z.int().min(1).max(FILE_ROWS_MAX).default(100_000).meta({ description: 'Payments that one file may have.' }),
});
type CsvTemplate = z.output<typeof csvTemplate>;

type ColumnValue = (typeof COLUMN_VALUES)[number];
type TotalValue = (typeof TOTAL_VALUES)[number];

/** Why this payment cannot stand in a file of the template; null when it can. */
export function csvRefusal(payment: RefusablePayment, template: CsvTemplate): FileRefusal | null {
  const { name, account } = payment.payee;
  const isWritable = (value: ColumnValue, text: string | undefined): boolean =>
    !template.columns.some((column) => 'value' in column && column.value === value) || encodable(text ?? '', template.encoding);
  if (payment.amount <= 0n) return 'amount_not_payable';
  if ((account['account_no'] ?? '') === '' || !isWritable('account_no', account['account_no'])) return 'account_not_valid';
  if (!isWritable('name', name)) return 'name_not_writable';
  if (!isWritable('bank_name', account['bank_name']) || !isWritable('bank_code', account['bank_code'])) return 'bank_not_writable';
  return null;
}

/**
 * The file, piece by piece, so that one of any length takes the memory of a piece. The same batch
 * and payments in the same order are the same bytes. Throws for a payment that `csvRefusal`
 * refuses, and when count and sum are not those of the batch.
 */
export function csvFile(template: CsvTemplate, batch: FileBatch, payments: AsyncIterable<FilePayment>): AsyncGenerator<Buffer> {
  assert(batch.count <= template.max_rows, 'a file has no more rows than its template allows');
  return encodedPieces(rowsOf(template, batch, payments), (text) => encodeText(text, template.encoding));
}

async function* rowsOf(template: CsvTemplate, batch: FileBatch, payments: AsyncIterable<FilePayment>): AsyncGenerator<string> {
  const { separator, columns, totals } = template;
  yield byteOrderMark(template.encoding);
  if (totals === 'header') yield totalsRow({ template, batch });
  if (template.column_names) {
    yield row(
      columns.map(({ header }) => header),
      separator,
    );
  }
  let line = 0;
  for await (const payment of countedPayments(payments, batch)) {
    line++;
    assert(csvRefusal(payment, template) === null, 'a payment is checked before it is written');
    const place = { template, batch, payment, line };
    const cells = columns.map((column) => ('constant' in column ? column.constant : CELLS[column.value](place)));
    yield row(cells, separator);
  }
  if (totals === 'trailer') yield totalsRow({ template, batch });
}

interface Place {
  template: CsvTemplate;
  batch: FileBatch;
}

type PaymentPlace = Place & { payment: FilePayment; line: number };

/** What the batch says of itself, in every row alike. */
const BATCH_CELLS = {
  currency: ({ batch }: Place) => batch.currency,
  date: ({ batch, template }: Place) => dateText(batch.payOn, template),
  batch_id: ({ batch }: Place) => batch.batchId,
};

const CELLS: Readonly<Record<ColumnValue, (place: PaymentPlace) => string>> = {
  ...BATCH_CELLS,
  payout_id: ({ payment }) => payment.payoutId,
  bill_no: ({ payment }) => payment.billNo,
  name: ({ payment }) => payment.payee.name,
  account_no: ({ payment }) => payment.payee.account['account_no'] ?? '',
  bank_name: ({ payment }) => payment.payee.account['bank_name'] ?? '',
  bank_code: ({ payment }) => payment.payee.account['bank_code'] ?? '',
  amount: (place) => amountText(place.payment.amount, place),
  remark: ({ template }) => template.remark,
  line_no: ({ line }) => String(line),
};

const TOTALS: Readonly<Record<TotalValue, (place: Place) => string>> = {
  ...BATCH_CELLS,
  count: ({ batch }) => String(batch.count),
  sum: (place) => amountText(place.batch.sum, place),
};

function totalsRow(place: Place): string {
  const cells = place.template.totals_columns.map((column) => ('constant' in column ? column.constant : TOTALS[column.value](place)));
  return row(cells, place.template.separator);
}

function amountText(amount: bigint, { template, batch }: Place): string {
  return template.amount === 'minor' ? String(amount) : decimalText(amount, batch.currency);
}

function dateText(day: string, { date_format: format }: CsvTemplate): string {
  const [year = '', month = '', date = ''] = day.split('-');
  return format.replace('YYYY', year).replace('MM', month).replace('DD', date);
}

const LINE_END = '\r\n';

/**
 * One row. Every cell is quoted text with the guard against formulas; no cell is an amount below
 * zero, so a minus sign is guarded like the others.
 */
function row(cells: readonly string[], separator: CsvTemplate['separator']): string {
  return cells.map((cell) => csvRow([cell.startsWith('-') ? `'${cell}` : cell]).slice(0, -LINE_END.length)).join(separator) + LINE_END;
}
