import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { readNdjson, type NdjsonLine } from '../../../src/platform/lines/ndjson.ts';

async function* chunksOf(bytes: Buffer, sizes: number[]): AsyncGenerator<Buffer> {
  let from = 0;
  for (let at = 0; from < bytes.length; at++) {
    const size = sizes[at % sizes.length]!;
    yield bytes.subarray(from, from + size);
    from += size;
  }
}

async function read(text: string | Buffer, sizes = [7]): Promise<NdjsonLine[]> {
  const lines: NdjsonLine[] = [];
  for await (const line of readNdjson(chunksOf(Buffer.from(text), sizes))) lines.push(line);
  return lines;
}

describe('newline-delimited JSON', () => {
  test('however the bytes are cut on the way, the lines are the same', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ name: fc.string({ unit: 'grapheme' }).filter((name) => !name.includes('\0')) })),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        async (values, sizes) => {
          const lines = await read(values.map((value) => `${JSON.stringify(value)}\n`).join(''), sizes);
          expect(lines).toEqual(values.map((value, index) => ({ line: index + 1, value })));
        },
      ),
    );
  });

  test('blank lines and a missing last newline are nothing, but lines are counted as an editor does', async () => {
    expect(await read('\n{"a":1}\r\n  \n{"b":2}')).toEqual([
      { line: 2, value: { a: 1 } },
      { line: 4, value: { b: 2 } },
    ]);
    expect(await read('')).toEqual([]);
  });

  test('a bad line is told with its number, and the reading goes on', async () => {
    const lines = await read('{"a":1}\n{"a":\n{"a":1,"a":2}\n3705115058471208928\n');
    expect(lines).toEqual([
      { line: 1, value: { a: 1 } },
      { line: 2, error: expect.stringContaining('JSON') },
      { line: 3, error: expect.stringContaining('twice') },
      { line: 4, value: '3705115058471208928' },
    ]);
  });

  test('a line of more than a MiB is told and passed over, wherever it stands', async () => {
    const long = `"${'x'.repeat(1024 * 1024)}"`;
    const fits = `"${'x'.repeat(1024 * 1024 - 2)}"`;
    const lines = await read(`1\n${long}\n2\n${fits}\n${long}`, [65_536]);
    expect(lines.map((line) => ('error' in line ? `${line.line} ${line.error}` : line.line))).toEqual([
      1,
      expect.stringContaining('2 The line is longer'),
      3,
      4,
      expect.stringContaining('5 The line is longer'),
    ]);
  });
});
