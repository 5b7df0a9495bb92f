// The rows of a table as reports, checked, each with its reason where it cannot be read: what a
// file says, before anything enters.
import { z } from 'zod';

import { standsIn } from '../../core/order.ts';
import { canonicalReport, type CanonicalReport } from '../../core/report.ts';
import { PLATFORM_ROW, UNTIMED, type Origin } from '../../inbox/read.ts';
import { faultsOf } from '../../platform/http/problem.ts';
import type { Adapter, KeptDelivery, MappedReport, SourceReport } from '../../sources/source.ts';
import type { ReadOrder } from '../exports/export.ts';
import { Fields, RowFault, type Surroundings } from '../exports/row-fields.ts';
import { readOurs } from '../exports/ours.ts';
import { SeenKeys } from './seen-keys.ts';
import { mayBeRounded } from '../tables/cells.ts';
import type { TableRow } from '../tables/row.ts';
import type { Table } from '../tables/table.ts';
import type { Amounts } from '../exports/export.ts';

/** An order of more rows is refused. */
const ORDER_ROWS_MAX = 2000;

/** What is read of a file beside the file. */
export interface FileReading {
  source: Origin;
  /** Of the kind of the source; undefined for the source rest. */
  adapter: Adapter | undefined;
  /** Whose orders an upload of the source rest tells of. */
  merchantId: string | null;
  amounts: Amounts;
  surroundings: Surroundings;
  fetchedAt: Date;
}

/** What a row, or several of one order, say; `rows` of the file it took. */
export interface ReadRow {
  line: number;
  rows: number;
  orderId: string;
  body: Buffer;
  headers: Record<string, string>;
  /** Its id may have been rounded: it is believed only of an order that is known. */
  isDoubtful: boolean;
}

/** Rows that cannot be read. */
interface UnreadRow {
  line: number;
  rows: number;
  fault: string;
}

/** Reads a table from its first row. */
export async function* readRows(table: Table, reading: FileReading): AsyncGenerator<ReadRow | UnreadRow> {
  const reader = new OrderReader(table, reading);
  for await (const row of table.rows()) {
    if ('fault' in row) {
      yield* reader.end();
      yield { line: row.line, rows: 1, fault: row.fault };
    } else {
      yield* reader.next(row);
    }
  }
  yield* reader.end();
}

/** Puts the rows of one order together, where the form of the export says that they are. */
class OrderReader {
  private readonly table: Table;
  private readonly reading: FileReading;
  private readonly seen = new SeenKeys();
  private pending: [Fields, ...Fields[]] | null = null;
  /** Of the order at hand, also those beyond what is kept of it. */
  private rows = 0;
  private readonly places: ReadonlyMap<string, number>;
  private readonly width: number | null;

  constructor(table: Table, reading: FileReading) {
    this.table = table;
    this.reading = reading;
    const { head } = table;
    this.places = head.export === null ? head.ours : head.places;
    this.width = table.form === 'csv' ? head.width : null;
  }

  *next(row: TableRow): Generator<ReadRow | UnreadRow> {
    const fields = new Fields(row, this.places, this.reading.surroundings);
    const misfit = this.misfitOf(row);
    if (misfit !== null) {
      yield* this.end();
      yield { line: row.line, rows: 1, fault: misfit };
      return;
    }
    if (this.pending !== null && this.goesOn(fields, this.pending[0])) {
      this.rows++;
      if (this.rows <= ORDER_ROWS_MAX) this.pending.push(fields);
      return;
    }
    yield* this.end();
    [this.pending, this.rows] = [[fields], 1];
  }

  *end(): Generator<ReadRow | UnreadRow> {
    const { pending } = this;
    this.pending = null;
    if (pending === null) return;
    const place = { line: pending[0].line, rows: this.rows };
    try {
      if (this.rows > ORDER_ROWS_MAX) throw new RowFault(`the order has more than ${ORDER_ROWS_MAX} rows`);
      yield { ...place, ...this.read(pending) };
    } catch (error) {
      if (!(error instanceof RowFault)) throw error;
      yield { ...place, fault: error.message };
    }
  }

  private goesOn(fields: Fields, first: Fields): boolean {
    try {
      return this.table.head.export?.goesOn?.(fields, first) ?? false;
    } catch (error) {
      if (error instanceof RowFault) return false;
      throw error;
    }
  }

  /**
   * A row of a text with more or fewer cells than there are columns has lost its order; a sheet
   * leaves out what is empty.
   */
  private misfitOf({ cells }: TableRow): string | null {
    if (this.width === null || cells.length === this.width) return null;
    const isLonger = cells.length > this.width && cells.slice(this.width).every((cell) => cell.trim() === '');
    return isLonger ? null : `the row has ${cells.length} cells and the file ${this.width} columns`;
  }

  private read(rows: [Fields, ...Fields[]]): ReadOf {
    const { export: known, ours } = this.table.head;
    const { amounts, surroundings, merchantId, source } = this.reading;
    const said: ReadOrder | null = known?.read(rows, surroundings) ?? null;
    if (said !== null && 'row' in said) return this.readPlatformRow(said, rows[0].line);
    // What was mapped goes before what the export says, where a row says it.
    const inOurs = ours.size === 0 ? {} : stated(readOurs(rows[0].at(ours), amounts));
    const whole: Partial<SourceReport> = stated({ ...said?.report, ...inOurs });
    if (whole.order_id === undefined) throw new RowFault('order_id: is missing');
    const report = { ...whole, merchant_id: merchantId ?? whole.merchant_id };
    const checked = checkedReport({ ...report, merchant_id: report.merchant_id ?? source.merchantId ?? undefined });
    this.checkDoubles(checked, rows[0].line);
    return readOf(checked, report, {});
  }

  /**
   * A row of the platform's own list is kept as such: its adapter reads it as it reads the list.
   */
  private readPlatformRow({ row, isTimed }: Extract<ReadOrder, { row: unknown }>, line: number): ReadOf {
    const headers = { ...PLATFORM_ROW, ...(isTimed ? {} : UNTIMED) };
    const { adapter, source, fetchedAt } = this.reading;
    const kept = { body: Buffer.from(JSON.stringify(row)), headers, receivedAt: fetchedAt, options: source.options };
    const [mapped] = mappedBy(adapter, kept);
    if (mapped === undefined) throw new RowFault('the row tells of no order');
    if (mapped.unknownCode) throw new RowFault(`${mapped.unknownCode} is not known`);
    // Whose order it is, a mapping of its shop may have to say.
    const checked = checkedReport({ ...mapped.report, merchant_id: mapped.report.merchant_id ?? source.merchantId ?? 'unmapped' });
    this.checkDoubles(checked, line);
    return readOf(checked, row, headers);
  }

  /**
   * Two rows of one order that have no ids of their own would take each other's place: which of
   * them counts nobody could say.
   */
  private checkDoubles({ merchant_id: merchantId, order_id: orderId, lines, refunds }: CanonicalReport, line: number): void {
    const ids = [...(lines ?? []).map((one) => `line ${one.line_id}`), ...(refunds ?? []).map((one) => `refund ${one.refund_id}`)];
    const keys = ids.filter((id) => standsIn(id.slice(id.indexOf(' ') + 1))).map((id) => JSON.stringify([merchantId, orderId, id]));
    for (const key of keys) {
      const before = this.seen.get(key);
      if (before === null) continue;
      throw new RowFault(
        `the order ${orderId} stands already in line ${before}, and neither row says of which line of the order it is: state line_id`,
      );
    }
    for (const key of keys) this.seen.set(key, line);
  }
}

function mappedBy(adapter: Adapter | undefined, kept: KeptDelivery): MappedReport[] {
  try {
    return adapter?.map(kept) ?? [];
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const [first] = faultsOf(error);
    throw new RowFault(`${first!.path}: ${first!.message}`);
  }
}

type ReadOf = Pick<ReadRow, 'orderId' | 'body' | 'headers' | 'isDoubtful'>;

function readOf({ order_id: orderId }: CanonicalReport, body: object, headers: Record<string, string>): ReadOf {
  return { orderId, body: Buffer.from(JSON.stringify(body)), headers, isDoubtful: mayBeRounded(orderId) };
}

/** Without what is null, which says nothing. */
function stated<Report extends object>(report: Report): Report {
  return Object.fromEntries(Object.entries(report).filter(([, value]) => value !== null && value !== undefined)) as Report;
}

function checkedReport(report: unknown): CanonicalReport {
  const parsed = canonicalReport.safeParse(report);
  if (parsed.success) return parsed.data;
  const [first] = faultsOf(parsed.error);
  throw new RowFault(`${first!.path}: ${first!.message}`);
}
