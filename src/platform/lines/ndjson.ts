// Newline-delimited JSON, read line by line as it arrives, so that a file of any length takes the
// memory of one line.

import { DomainError } from '../../core/errors.ts';
import { parseJson } from '../http/json.ts';

export const NDJSON_TYPES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];

const LINE_BYTES_MAX = 1024 * 1024;
const NEWLINE = 0x0a;

/** One line of the file, counted from 1: what it says, or why it cannot be read. */
export type NdjsonLine = { line: number; value: unknown } | { line: number; error: string };

/**
 * Reads the lines of a stream. Blank lines are skipped but counted; a bad or overlong line is
 * reported and the reading goes on.
 */
export async function* readNdjson(stream: AsyncIterable<Buffer>): AsyncGenerator<NdjsonLine> {
  let line = 0;
  for await (const bytes of linesOf(stream)) {
    line++;
    if (bytes === null) yield { line, error: `The line is longer than ${LINE_BYTES_MAX} bytes.` };
    else if (!isBlank(bytes)) yield readLine(line, bytes);
  }
}

function readLine(line: number, bytes: Buffer): NdjsonLine {
  try {
    return { line, value: parseJson(bytes) };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { line, error: error.message };
  }
}

/**
 * The lines without their ends; null stands for one that is too long, of which no more than the
 * limit is ever held.
 */
async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer | null> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      yield heldBytes + end - from > LINE_BYTES_MAX ? null : joined(held, chunk.subarray(from, end));
      held = [];
      heldBytes = 0;
      from = end + 1;
    }
    heldBytes += chunk.length - from;
    if (heldBytes > LINE_BYTES_MAX) held = [];
    else if (from < chunk.length) held.push(chunk.subarray(from));
  }
  if (heldBytes > 0) yield heldBytes > LINE_BYTES_MAX ? null : joined(held, Buffer.alloc(0));
}

function joined(held: Buffer[], rest: Buffer): Buffer {
  return held.length === 0 ? rest : Buffer.concat([...held, rest]);
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
