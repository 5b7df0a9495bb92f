// The bank's answer to a file: a CSV that says of each payment how it ended, read as it arrives. A
// row that cannot be read is told by its line, and the others are read.

import { pipeline, Readable } from 'node:stream';

import { parse, type CsvError } from 'csv-parse';

import { DomainError } from '../../../core/errors.ts';

const RESULT_STATES = ['paid', 'failed', 'returned'] as const;
type ResultState = (typeof RESULT_STATES)[number];

/**
 * How one payment ended, or why its row cannot be read. Lines are counted from 1, the head is one.
 */
export type ResultRow =
  | { line: number; payoutId: string; state: ResultState; reference: string | null; reason: string | null }
  | { line: number; error: string };

const COLUMNS = ['payout_id', 'state', 'reference', 'reason'] as const;
type Column = (typeof COLUMNS)[number];
type Places = Partial<Record<Column, number>>;

const ROW_BYTES_MAX = 64 * 1024;
const ROWS_MAX = 1_000_000;
const REFERENCE_MAX = 200;
const REASON_MAX = 1000;
const UUID = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/i;
const CONTROLS = /\p{Cc}/u;

interface ReadRecord {
  record: string[];
  info: { lines: number };
}

/** A row that the reader could not take apart, in its place among the others. */
interface LeftOut {
  line: number;
  error: string;
}

/**
 * The rows of a result file. UTF-8 with or without its mark, or GB 18030 when that is declared. A
 * row without an end, or too long for any result, is the last one: what stands behind it could be
 * read as something else than it says. The stream is read to its end all the same, so that who
 * sums it up has seen all of it. Throws `malformed_request` for a file without the columns
 * `payout_id` and `state`, and what the stream throws.
 */
export async function* readResults(stream: AsyncIterable<Buffer>, encoding: 'utf-8' | 'gb18030' = 'utf-8'): AsyncGenerator<ResultRow> {
  let places: Places | null = null;
  let taken = 0;
  for await (const read of recordsOf(encoding === 'gb18030' ? fromGb18030(stream) : stream)) {
    taken++;
    const line = 'error' in read ? read.line : read.info.lines;
    if (taken > ROWS_MAX + 1) continue;
    if (taken > ROWS_MAX) yield { line, error: `The file has more than ${ROWS_MAX} rows: from here on it is not read.` };
    else if ('error' in read) yield read;
    else if (places === null) places = placesIn(read.record);
    else yield rowOf(read.record, places, line);
  }
  if (places === null) throw withoutHead();
}

/**
 * The records as they are parsed. What is none takes its place among them, so that the reader stops
 * for who is slow with these as well.
 */
function recordsOf(stream: AsyncIterable<Buffer>): AsyncIterable<ReadRecord | LeftOut> {
  let isOver = false;
  const reader = parse({
    bom: true,
    record_delimiter: ['\r\n', '\n'],
    max_record_size: ROW_BYTES_MAX,
    skip_empty_lines: true,
    relax_column_count: true,
    info: true,
    skip_records_with_error: true,
    on_record: (record) => (isOver ? null : record),
    on_skip: (error) => {
      if (isOver) return undefined;
      isOver = error?.code === 'CSV_MAX_RECORD_SIZE';
      reader.push({ line: lineOf(error), error: wordsOf(error) } satisfies LeftOut);
      return undefined;
    },
  });
  // When the stream breaks, the reader ends with its error, and so does the loop over it.
  pipeline(Readable.from(stream), reader, () => undefined);
  return reader;
}

/** The parser's own words would repeat what stands in the row. */
function wordsOf(error: CsvError | undefined): string {
  switch (error?.code) {
    case 'CSV_MAX_RECORD_SIZE':
      return `The row is longer than ${ROW_BYTES_MAX} bytes: from here on the file is not read.`;
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'A quote is not closed: from here on the file is not read.';
    case 'INVALID_OPENING_QUOTE':
    case 'CSV_INVALID_CLOSING_QUOTE':
      return 'A quote stands where none can be.';
    case undefined:
    default:
      return 'The row cannot be read.';
  }
}

/** Broken bytes become U+FFFD, which no row that is read may have. */
async function* fromGb18030(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder('gb18030');
  for await (const part of stream) yield Buffer.from(decoder.decode(part, { stream: true }));
  yield Buffer.from(decoder.decode());
}

function placesIn(head: readonly string[]): Places {
  const places: Places = {};
  for (const [place, name] of head.entries()) {
    const column = COLUMNS.find((each) => each === name.trim().toLowerCase());
    if (column === undefined) continue;
    if (places[column] !== undefined) throw new DomainError('malformed_request', `The file has two columns ${column}.`);
    places[column] = place;
  }
  if (places.payout_id === undefined || places.state === undefined) throw withoutHead();
  return places;
}

function withoutHead(): DomainError {
  return new DomainError('malformed_request', `The first row names the columns: ${COLUMNS.join(',')}.`);
}

function rowOf(record: readonly string[], places: Places, line: number): ResultRow {
  const cell = (column: Column): string => record[places[column] ?? -1]?.trim() ?? '';
  if (record.some((text) => text.includes('\ufffd'))) return { line, error: 'The row has characters that are not of its encoding.' };
  const payoutId = uuidOf(cell('payout_id'));
  if (payoutId === null) return { line, error: 'payout_id is no id of a payout.' };
  const state = RESULT_STATES.find((each) => each === cell('state').toLowerCase());
  if (state === undefined) return { line, error: `state is none of ${RESULT_STATES.join(', ')}.` };
  const [reference, reason] = [cell('reference'), cell('reason')];
  if (CONTROLS.test(reference) || CONTROLS.test(reason)) return { line, error: 'reference or reason has control characters.' };
  if (reference.length > REFERENCE_MAX) return { line, error: `reference is longer than ${REFERENCE_MAX} characters.` };
  if (reason.length > REASON_MAX) return { line, error: `reason is longer than ${REASON_MAX} characters.` };
  return { line, payoutId, state, reference: reference || null, reason: reason || null };
}

/** Banks hand an id on as the file has it: pain.001 has it without hyphens. */
function uuidOf(text: string): string | null {
  const parts = UUID.exec(text);
  return parts === null ? null : parts.slice(1).join('-').toLowerCase();
}

function lineOf(error: CsvError | undefined): number {
  return typeof error?.['lines'] === 'number' ? error['lines'] : 0;
}
