// A file as a table: what it was recognised as by its first bytes, and its rows.
import { DomainError } from '../../core/errors.ts';
import { notRecognised, recogniseHead, type Head, type Mapping } from '../exports/recognise.ts';
import { csvRows, firstRows, type Delimiter } from './csv.ts';
import { asUtf8, headText, recogniseEncoding, type Encoding } from './encoding.ts';
import type { KeptBytes } from './kept-bytes.ts';
import { LINES_ABOVE_MAX, ROWS_MAX, type BrokenRow, type TableRow } from './row.ts';
import { xlsxRows } from './xlsx.ts';

export interface Table {
  form: 'csv' | 'xlsx';
  encoding: Encoding | 'ascii' | null;
  delimiter: Delimiter | null;
  head: Head;
  /**
   * The rows below the names of the columns, from the first one each time. Throws
   * `malformed_request` beyond ROWS_MAX.
   */
  rows: () => AsyncGenerator<TableRow | BrokenRow>;
}

/** What files that are no table begin with. */
const OTHER_FORMS: readonly (readonly [begins: string, look: string])[] = [
  ['d0cf11e0a1b11ae1', 'a spreadsheet of the old form (.xls). Save it as .xlsx or as CSV'],
  ['25504446', 'a PDF'],
  ['1f8b', 'a packed file (gzip). Unpack it first'],
  ['526172211a07', 'a packed file (RAR). Unpack it first'],
  ['377abcaf271c', 'a packed file (7z). Unpack it first'],
  ['89504e47', 'a picture'],
  ['ffd8ff', 'a picture'],
];

/**
 * Throws `malformed_request` with the reason for a file that begins like this and cannot be read.
 * Of a spreadsheet only its rows tell more.
 */
export function checkBeginning(bytes: Buffer, mapping: Mapping): void {
  if (!isXlsx(bytes)) recogniseText(bytes, mapping);
}

/** Recognises a kept file. Throws `malformed_request`. */
export async function openTable(kept: KeptBytes, bytes: () => AsyncIterable<Buffer>, mapping: Mapping): Promise<Table> {
  const first = await kept.part(0);
  if (!isXlsx(first)) {
    const { encoding, delimiter, head } = recogniseText(first, mapping);
    const rows = () => below(csvRows(asUtf8(bytes(), encoding), delimiter), head.rows);
    return { form: 'csv', encoding, delimiter, head, rows };
  }
  const above: string[][] = [];
  for await (const row of xlsxRows(kept)) {
    if ('cells' in row) above.push([...row.cells]);
    if (above.length > LINES_ABOVE_MAX) break;
  }
  const head = recogniseHead(above, mapping);
  if (head === null) throw notRecognised(above);
  return { form: 'xlsx', encoding: null, delimiter: null, head, rows: () => below(xlsxRows(kept), head.rows) };
}

function isXlsx(bytes: Buffer): boolean {
  const begins = bytes.subarray(0, 8).toString('hex');
  const other = OTHER_FORMS.find(([magic]) => begins.startsWith(magic));
  const look = other?.[1] ?? (/^\s*(?:<!doctype html|<html|<table)/i.test(bytes.toString('latin1', 0, 512)) ? 'a web page' : null);
  if (look !== null) throw new DomainError('malformed_request', `The file looks like ${look}: send CSV or .xlsx.`);
  if (!begins.startsWith('504b0304')) return false;
  const name = bytes.toString('latin1', 30, 30 + Math.min(bytes.readUInt16LE(26), 200));
  if (/^(?:mimetype|word\/|ppt\/)/.test(name)) {
    throw new DomainError('malformed_request', 'The file looks like another document of an office: send CSV or .xlsx.');
  }
  return true;
}

function recogniseText(bytes: Buffer, mapping: Mapping): { encoding: Encoding | 'ascii'; delimiter: Delimiter; head: Head } {
  const encoding = recogniseEncoding(bytes);
  const candidates = firstRows(headText(bytes, encoding));
  for (const { delimiter, rows } of candidates) {
    const head = recogniseHead(rows, mapping);
    // A single column may be parted by any sign; the first one is as good as another.
    if (head !== null) return { encoding, delimiter, head };
  }
  throw notRecognised(candidates.flatMap(({ rows }) => rows));
}

/** The rows behind the first so many; what cannot be read above them is above the table. */
async function* below(rows: AsyncIterable<TableRow | BrokenRow>, above: number): AsyncGenerator<TableRow | BrokenRow> {
  let [seen, count] = [0, 0];
  for await (const row of rows) {
    if (seen < above) {
      if ('cells' in row) seen++;
      continue;
    }
    if (++count > ROWS_MAX) throw new DomainError('malformed_request', `The file has more than ${ROWS_MAX} rows: send it in parts.`);
    yield row;
  }
}
