// Loading a file of JSON lines: read as it arrives, stored some hundred lines at a time, a bad line
// refused alone.

import { z } from 'zod';

import { DomainError, ERROR_CODES, type Fault } from '../../core/errors.ts';
import { readNdjson, type NdjsonLine } from './ndjson.ts';
import { faultSchema, faultsOf } from '../http/problem.ts';

const ERRORS_MAX = 1000;

/** The body of an import, for the document, with these lines as its example. */
export function fileOf(lines: readonly object[]): Record<string, z.ZodType> {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  return { 'application/x-ndjson': z.string().meta({ description: 'JSON lines, each ended by a line feed.', examples: [text] }) };
}

/** What an import answers. */
export const importAnswer = z.object({
  accepted: z.int().meta({ description: 'Lines that are stored, or were already.' }),
  refused: z.int(),
  errors: z
    .array(
      z.object({
        line: z.int(),
        code: z.enum(ERROR_CODES),
        message: z.string(),
        errors: z.array(faultSchema),
      }),
    )
    .meta({ description: `What is wrong with the refused lines; the first ${ERRORS_MAX} of them.` }),
});

type ImportAnswer = z.output<typeof importAnswer>;

/** Why a line was not taken: a refusal, or what is as much of one. Null when it was taken. */
export type LineOutcome = (Pick<DomainError, 'code' | 'message'> & { errors?: Fault[] }) | null;

/** How the lines of a kind are read and stored. */
interface LineLoader<Line> {
  /** What a line says. Throws a DomainError that refuses it. */
  read: (value: unknown) => Line;
  /**
   * Stores lines in one transaction, and answers for each in order; what it refuses it must not
   * have begun to write.
   */
  store: (lines: Line[]) => Promise<LineOutcome[]>;
  linesPerCommit: number;
}

/**
 * Loads a file to its end. Throws what the stream or the storing throws; what was stored before
 * that stays.
 */
export async function importLines<Line>(
  stream: AsyncIterable<Buffer>,
  { read, store, linesPerCommit }: LineLoader<Line>,
): Promise<ImportAnswer> {
  const told: ImportAnswer = { accepted: 0, refused: 0, errors: [] };
  const note = (line: number, outcome: LineOutcome): void => {
    if (outcome === null) {
      told.accepted++;
      return;
    }
    const { code, message, errors = [] } = outcome;
    told.refused++;
    if (told.errors.length < ERRORS_MAX) told.errors.push({ line, code, message, errors });
  };
  let batch: { line: number; value: Line }[] = [];
  const storeBatch = async (): Promise<void> => {
    const lines = batch;
    batch = [];
    const outcomes = await store(lines.map(({ value }) => value));
    for (const [index, { line }] of lines.entries()) note(line, outcomes[index]!);
  };
  for await (const line of readNdjson(stream)) {
    try {
      batch.push({ line: line.line, value: read(valueOf(line)) });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      note(line.line, error);
    }
    if (batch.length >= linesPerCommit) await storeBatch();
  }
  if (batch.length > 0) await storeBatch();
  told.errors.sort((a, b) => a.line - b.line);
  return told;
}

function valueOf(line: NdjsonLine): unknown {
  if ('error' in line) throw new DomainError('malformed_request', line.error);
  return line.value;
}

/** Reads a line by its schema. */
export function lineReader<Line>(schema: z.ZodType<Line>): (value: unknown) => Line {
  return (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new DomainError('malformed_request', 'The line is not as it should be.', { errors: faultsOf(parsed.error) });
  };
}
