import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { csvRow } from '../../../../src/platform/lines/csv-row.ts';
import { readResults, type ResultRow } from '../../../../src/payouts/providers/file/results.ts';
import { encodeText } from '../../../../src/payouts/providers/file/text-encoding.ts';
import { listOf, payoutIdOf, streamOf } from './payments.ts';

const HEAD = 'payout_id,state,reference,reason';
const [ONE, TWO, THREE] = [payoutIdOf(1), payoutIdOf(2), payoutIdOf(3)];

async function read(text: string | Buffer, encoding?: 'utf-8' | 'gb18030'): Promise<ResultRow[]> {
  return listOf(readResults(streamOf([Buffer.from(text as string)]), encoding));
}

test('each row says how its payment ended', async () => {
  const rows = await read(`${HEAD}\n${ONE},paid,R1,\n${TWO},failed,,ACCOUNT_FROZEN\r\n\n${THREE},returned,R3,"closed, since May"\n`);
  expect(rows).toEqual([
    { line: 2, payoutId: ONE, state: 'paid', reference: 'R1', reason: null },
    { line: 3, payoutId: TWO, state: 'failed', reference: null, reason: 'ACCOUNT_FROZEN' },
    { line: 5, payoutId: THREE, state: 'returned', reference: 'R3', reason: 'closed, since May' },
  ]);
});

test('columns may stand in another order among others, and an id may come without hyphens or in capitals', async () => {
  const text = `\ufeffamount,Reason,STATE,payout_id\n1.00,x, PAID ,${ONE.replaceAll('-', '')}\n2.00,,failed,${TWO.toUpperCase()}\n`;
  expect(await read(text)).toEqual([
    { line: 2, payoutId: ONE, state: 'paid', reference: null, reason: 'x' },
    { line: 3, payoutId: TWO, state: 'failed', reference: null, reason: null },
  ]);
});

test('a declared GB 18030 is read, also where a part ends within a character', async () => {
  const bytes = encodeText(`${HEAD}\n${ONE},failed,,账户冻结𠮷\n`, 'gb18030');
  const parts = Array.from(bytes, (byte) => Buffer.from([byte]));
  expect(await listOf(readResults(streamOf(parts), 'gb18030'))).toEqual([
    { line: 2, payoutId: ONE, state: 'failed', reference: null, reason: '账户冻结𠮷' },
  ]);
  expect(await read(bytes)).toEqual([{ line: 2, error: 'The row has characters that are not of its encoding.' }]);
});

test('a bad row is told by its line, and the rows behind it are read', async () => {
  const rows = await read(
    [
      HEAD,
      'nobody,paid,,',
      `${ONE},settled,,`,
      `${ONE},paid,"two\nlines",`,
      `${ONE},paid,${'r'.repeat(201)},`,
      `${ONE},failed,,${'r'.repeat(1001)}`,
      `${ONE},paid,a\0b,`,
      ONE,
      `${TWO},paid,a"b,`,
      `${THREE},paid,R3,,more`,
    ].join('\n'),
  );
  expect(rows.map((row) => ('error' in row ? [row.line, row.error.slice(0, 40)] : [row.line, row.payoutId]))).toEqual([
    [2, 'payout_id is no id of a payout.'],
    [3, 'state is none of paid, failed, returned.'],
    [5, 'reference or reason has control characte'],
    [6, 'reference is longer than 200 characters.'],
    [7, 'reason is longer than 1000 characters.'],
    [8, 'reference or reason has control characte'],
    [9, 'state is none of paid, failed, returned.'],
    [10, 'A quote stands where none can be.'],
    [11, THREE],
  ]);
});

test.each(['', '\n\n', 'a,b,c\n', `${ONE},paid,R1,\n`, 'payout_id,reason\n', 'x'.repeat(100_000)])(
  'a file without the names of its columns is refused',
  async (text) => {
    await expect(read(text)).rejects.toThrow('The first row names the columns');
  },
);

test('a column that stands twice is refused', async () => {
  await expect(read('payout_id,state,state\n')).rejects.toThrow('two columns state');
});

test.each([
  ['an open quote', `${HEAD}\n${ONE},paid,R1,\n${TWO},paid,"open,\n${THREE},paid,R3,\n`],
  ['an endless line', `${HEAD}\n${ONE},paid,R1,\n${TWO},paid,${'x'.repeat(70_000)},\n${THREE},paid,R3,\n`],
])('behind %s nothing is read, and the last row says so', async (_, text) => {
  const rows = await read(text);
  expect(rows).toHaveLength(2);
  expect(rows[0]).toMatchObject({ payoutId: ONE });
  expect(rows[1]).toMatchObject({ error: expect.stringContaining('from here on') as string });
});

async function* brokenStream(): AsyncGenerator<Buffer> {
  yield Buffer.from(`${HEAD}\n${ONE},paid,R1,\n`);
  throw new Error('the connection is gone');
}

test('a stream that breaks is an error, not an end', async () => {
  await expect(listOf(readResults(brokenStream()))).rejects.toThrow('the connection is gone');
});

/** What a writer guards against, and what no result may hold. */
const UNREADABLE = /^\s*[=+\-@＝＋－＠]|[\p{Cc}\ufffd]/u;

test('whatever texts a writer quotes are read as they are', async () => {
  const texts = fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.trim());
  const drawn = fc.record({ state: fc.constantFrom('paid', 'failed', 'returned'), reference: texts, reason: texts });
  await fc.assert(
    fc.asyncProperty(fc.array(drawn, { maxLength: 8 }), async (results) => {
      const sound = results.filter(({ reference, reason }) => !UNREADABLE.test(reference) && !UNREADABLE.test(reason));
      const rows = sound.map(({ state, reference, reason }, number) => csvRow([payoutIdOf(number), state, reference, reason]));
      expect(await read(`${HEAD}\r\n${rows.join('')}`)).toEqual(
        sound.map(({ state, reference, reason }, number) => ({
          line: number + 2,
          payoutId: payoutIdOf(number),
          state,
          reference: reference || null,
          reason: reason || null,
        })),
      );
    }),
    { numRuns: 60 },
  );
});

test.each([
  ['that say something', 50_000, (at: number) => `${payoutIdOf(at)},paid,R${at},\n`],
  ['that cannot be read', 12_000, () => 'a"b,paid,,\n'],
])('a hundred thousand rows %s are read as they arrive, and the rest is left when nobody asks for it', async (_, asked, rowAt) => {
  const count = 100_000;
  let given = 0;
  let isClosed = false;
  async function* parts(): AsyncGenerator<Buffer> {
    try {
      yield Buffer.from(`${HEAD}\n`);
      for (; given < count; given += 100) {
        yield Buffer.from(Array.from({ length: 100 }, (_row, at) => rowAt(given + at)).join(''));
      }
    } finally {
      isClosed = true;
    }
  }
  let [rows, ahead] = [0, 0];
  for await (const row of readResults(parts())) {
    if (row.line !== rows + 2) break;
    rows++;
    ahead = Math.max(ahead, given - rows);
    if (rows === asked) break;
  }
  expect(rows).toBe(asked);
  expect(ahead).toBeLessThan(10_000);
  expect(given).toBeLessThan(count);
  await expect.poll(() => isClosed).toBe(true);
});
