// The rows of a text table (RFC 4180, and its kin with semicolons or tabs), and which sign parts
// its cells.
import { pipeline, Readable } from 'node:stream';

import { CsvError, parse } from 'csv-parse';
import { parse as parseWhole } from 'csv-parse/sync';

import { LINES_ABOVE_MAX, ROW_CHARACTERS_MAX, type BrokenRow, type TableRow } from './row.ts';

const DELIMITERS = [',', ';', '\t'] as const;
export type Delimiter = (typeof DELIMITERS)[number];

/** Behind such an error no row can be told from the next any more. */
const ENDING: ReadonlySet<string> = new Set(['CSV_MAX_RECORD_SIZE', 'CSV_QUOTE_NOT_CLOSED']);
const HEAD_CHARACTERS_MAX = 256 * 1024;

const FORM = { bom: true, max_record_size: ROW_CHARACTERS_MAX, skip_empty_lines: true, relax_column_count: true } as const;

/**
 * The first rows of a text, as they are parted by each sign; a row that the beginning cuts off is
 * not among them. Of a sign by which the text is no table there are none.
 */
export function firstRows(text: string): { delimiter: Delimiter; rows: string[][] }[] {
  const head = text.slice(0, HEAD_CHARACTERS_MAX);
  return DELIMITERS.map((delimiter) => ({ delimiter, rows: rowsOf(head, delimiter, LINES_ABOVE_MAX + 1) }));
}

/** Where the beginning ends within quotes there may be fewer sound rows before them, or one. */
function rowsOf(head: string, delimiter: Delimiter, to: number): string[][] {
  try {
    return parseWhole(head, { ...FORM, delimiter, to });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return to === 1 ? [] : rowsOf(head, delimiter, to >> 1);
  }
}

/** All rows, as they arrive. Throws a CsvError where the rest of the text cannot be read. */
export async function* csvRows(stream: AsyncIterable<Buffer>, delimiter: Delimiter): AsyncGenerator<TableRow | BrokenRow> {
  const broken: BrokenRow[] = [];
  const reader = parse({
    ...FORM,
    delimiter,
    info: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      if (error !== undefined && ENDING.has(error.code)) throw error;
      broken.push({ line: lineOf(error), fault: error?.message ?? 'The row cannot be read.' });
      return undefined;
    },
  });
  // When the stream breaks, the reader ends with its error, and so does the loop below.
  pipeline(Readable.from(stream), reader, () => undefined);
  for await (const { record, info } of reader as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
    yield* broken.splice(0);
    yield { line: info.lines, cells: record, numbers: null };
  }
  yield* broken;
}

const lineOf = (error: CsvError | undefined): number => (typeof error?.['lines'] === 'number' ? error['lines'] : 0);
