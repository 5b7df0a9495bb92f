// An uploaded file of orders (CSV, RFC 4180), read row by row: every good row becomes a report, every bad one is told.
import { pipeline, Readable } from 'node:stream';

import { CsvError, parse } from 'csv-parse';
import { parse as parseWhole } from 'csv-parse/sync';
import type { Kysely } from 'kysely';

import { minorDigits, parseDecimal } from '../core/money.ts';
import { WHOLE_ORDER } from '../core/order.ts';
import { canonicalReport } from '../core/report.ts';
import { DomainError } from '../core/errors.ts';
import type { Origin } from '../inbox/read.ts';
import { inTransaction } from '../platform/database.ts';
import { faultsOf } from '../platform/problem.ts';
import type { DB } from '../platform/tables.ts';
import { findSource } from '../sources/store.ts';
import { noSource, REST } from '../sources/wire.ts';
import { enterRows } from './entering.ts';
import type { Amounts } from './upload-store.ts';

const ROWS_PER_COMMIT = 500;
const ENDING: ReadonlySet<string> = new Set(['CSV_MAX_RECORD_SIZE', 'CSV_QUOTE_NOT_CLOSED']);
const ROW_CHARACTERS_MAX = 64 * 1024;
/** So many bad rows are told one by one; all are counted. */
export const BAD_ROWS_MAX = 1000;

/** What a row may say, by the names of the first line. Only the id of the order must be there. */
export const COLUMNS =
  `order_id status currency paid_amount refunded_amount observed_at created_at paid_at completed_at settled_at void_reason
  line_id product_id quantity platform_commission refund_id click_token link_code coupon_code promoter_id talent_id merchant_id`.split(
    /\s+/,
  );

const AMOUNTS = ['paid_amount', 'refunded_amount', 'platform_commission'] as const;

type Row = Record<string, string>;

export interface BadRow {
  line: number;
  message: string;
}

export interface Upload {
  db: Kysely<DB>;
  source: Origin;
  /** Whose orders an upload of the source rest tells of. */
  merchantId: string | null;
  reconciliationId: string;
  amounts: Amounts;
  /** When the file was sent, by the clock of the database. */
  fetchedAt: Date;
  onDelivered: () => void;
  /** Waited for after every so many rows, good or bad. It may end the reading by throwing. */
  whenRoom: () => Promise<void>;
}

/**
 * Whose orders a file of this source tells of. Throws `not_found` and `unknown_merchant`, and `malformed_request` for a file of the source
 * rest that names no merchant.
 */
export async function originOf(db: Kysely<DB>, sourceId: string, merchantId: string | null): Promise<Origin> {
  if (sourceId !== REST) {
    const found = await findSource(db, sourceId);
    if (found === null) throw noSource(sourceId);
    return { sourceId, kind: found.kind, merchantId: found.merchant_id, options: found.options };
  }
  if (merchantId === null) throw new DomainError('malformed_request', 'A file of the source rest needs a merchant_id in the query.');
  const merchant = await db.selectFrom('merchant').select('merchant_id').where('merchant_id', '=', merchantId).executeTakeFirst();
  if (merchant === undefined) throw new DomainError('unknown_merchant', `There is no merchant ${merchantId}.`);
  return { sourceId, kind: REST, merchantId, options: {} };
}

/** Throws `malformed_request` when the file that begins with these bytes does not begin with a line that names columns. */
export function checkFirstLine(bytes: Buffer): void {
  try {
    const [names = []] = parseWhole(bytes, { bom: true, to: 1, skip_empty_lines: true });
    checkedColumns(names);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new DomainError('malformed_request', `The first line of the file is no CSV: ${error.message}`);
  }
}

/**
 * Takes the whole file, no faster than the worker merges and awards it: what is told meanwhile by others must not wait behind it. Throws
 * `malformed_request` when its first line is no list of these columns, and a CsvError when it is no CSV.
 */
export async function takeUpload(upload: Upload, stream: AsyncIterable<Buffer>): Promise<{ badRows: number; bad: BadRow[] }> {
  const { db, source, merchantId, reconciliationId, fetchedAt } = upload;
  const told = { badRows: 0, bad: [] as BadRow[] };
  const refuse = (line: number, message: string): void => {
    told.badRows++;
    if (told.bad.length < BAD_ROWS_MAX) told.bad.push({ line, message });
  };
  const store = async (bodies: Buffer[]): Promise<void> => {
    const rows = { origin: 'upload' as const, source, merchantId, bodies, headers: {}, fetchedAt };
    await inTransaction(db, ({ trx }) => enterRows(trx, new Map(), rows, reconciliationId));
    upload.onDelivered();
  };
  const reader = parse({
    bom: true,
    columns: checkedColumns,
    info: true,
    max_record_size: ROW_CHARACTERS_MAX,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      // Behind it no row can be told from the next any more: the file would end here without a word.
      if (error !== undefined && ENDING.has(error.code)) throw error;
      refuse(lineOf(error), error?.message ?? 'The row cannot be read.');
      return undefined;
    },
  });
  // When the stream breaks, the reader ends with its error, and so does the loop below.
  pipeline(Readable.from(stream), reader, () => undefined);
  const bodies: Buffer[] = [];
  let rowsRead = 0;
  for await (const { record, info } of reader as AsyncIterable<{ record: Row; info: { lines: number } }>) {
    const read = bodyOf(record, upload);
    if ('fault' in read) refuse(info.lines, read.fault);
    else bodies.push(read.body);
    if (++rowsRead % ROWS_PER_COMMIT > 0) continue;
    await upload.whenRoom();
    if (bodies.length > 0) await store(bodies.splice(0));
  }
  if (bodies.length > 0) await store(bodies);
  told.bad.sort((a, b) => a.line - b.line);
  return told;
}

function checkedColumns(names: string[]): string[] {
  const columns = names.map((name) => name.trim().toLowerCase());
  const unknown = columns.filter((name) => !COLUMNS.includes(name));
  if (unknown.length > 0)
    throw new DomainError(
      'malformed_request',
      `The file has columns that mean nothing here: ${unknown.map((name) => JSON.stringify(name)).join(', ')}.`,
    );
  if (!columns.includes('order_id'))
    throw new DomainError('malformed_request', 'The first line of the file must name the column order_id.');
  if (new Set(columns).size < columns.length)
    throw new DomainError('malformed_request', 'The first line of the file names a column twice.');
  return columns;
}

const lineOf = (error: CsvError | undefined): number => (typeof error?.['lines'] === 'number' ? error['lines'] : 0);

/** The canonical report of a row as JSON, or what is wrong with it. Empty cells say nothing. */
function bodyOf(row: Row, { source, merchantId, amounts }: Upload): { body: Buffer } | { fault: string } {
  const cell = Object.fromEntries(Object.entries(row).flatMap(([name, text]) => (text.trim() === '' ? [] : [[name, text.trim()]])));
  const money: Record<string, number> = {};
  for (const name of AMOUNTS) {
    const text = cell[name];
    if (text === undefined) continue;
    const amount = amountOf(text, cell['currency'], amounts);
    if (amount === null)
      return { fault: `${name}: ${JSON.stringify(text)} is no amount ${amounts === 'minor' ? 'in minor units' : 'of its currency'}` };
    money[name] = amount;
  }
  if (cell['quantity'] !== undefined && !/^\d{1,9}$/.test(cell['quantity'])) return { fault: 'quantity: must be a whole number' };
  const report = reportOf(cell, money, merchantId);
  const parsed = canonicalReport.safeParse({ ...report, merchant_id: report.merchant_id ?? source.merchantId ?? undefined });
  if (parsed.success) return { body: Buffer.from(JSON.stringify(report)) };
  const [first] = faultsOf(parsed.error);
  return { fault: `${first!.path}: ${first!.message}` };
}

function amountOf(text: string, currency: string | undefined, amounts: Amounts): number | null {
  if (amounts === 'minor') return /^\d{1,15}$/.test(text) ? Number(text) : null;
  if (currency === undefined) return null;
  const amount = digitsOf(currency) === null ? null : parseDecimal(text, digitsOf(currency)!);
  return amount === null || amount < 0n || amount > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(amount);
}

function digitsOf(currency: string): number | null {
  try {
    return minorDigits(currency);
  } catch (error) {
    if (error instanceof DomainError) return null;
    throw error;
  }
}

/** A row that names no line tells of the order as a whole, and one that names no refund of all that was refunded. */
function reportOf(cell: Row, money: Record<string, number>, merchantId: string | null) {
  const lineId = cell['line_id'] ?? WHOLE_ORDER;
  const line = {
    line_id: lineId,
    product_id: cell['product_id'],
    quantity: cell['quantity'] === undefined ? undefined : Number(cell['quantity']),
    paid_amount: money['paid_amount'],
    platform_commission: money['platform_commission'],
  };
  const refundId = cell['refund_id'] ?? (cell['line_id'] === undefined ? WHOLE_ORDER : `upload-${lineId}`);
  const hasLine = Object.values(line).filter((value) => value !== undefined).length > 1;
  return {
    merchant_id: merchantId ?? cell['merchant_id'],
    order_id: cell['order_id'],
    status: cell['status'],
    void: cell['void_reason'] === undefined ? undefined : { reason: cell['void_reason'] },
    currency: cell['currency'],
    observed_at: cell['observed_at'],
    created_at: cell['created_at'],
    paid_at: cell['paid_at'],
    completed_at: cell['completed_at'],
    settled_at: cell['settled_at'],
    click_token: cell['click_token'],
    link_code: cell['link_code'],
    coupon_codes: cell['coupon_code'] === undefined ? undefined : [cell['coupon_code']],
    promoter_id: cell['promoter_id'],
    talent_id: cell['talent_id'],
    lines: hasLine ? [line] : undefined,
    refunds:
      money['refunded_amount'] === undefined || money['refunded_amount'] === 0
        ? undefined
        : [{ refund_id: refundId, line_id: cell['line_id'], amount: money['refunded_amount'] }],
  };
}
