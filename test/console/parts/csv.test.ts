// Exported tables as Excel opens them: ids stay texts, and no cell becomes a formula.

import { expect, test } from 'vitest';

import { csvText } from '../../../src/console/parts/csv.ts';

function rowOf(...cells: Parameters<typeof csvText>[1] extends Iterable<infer Row> ? Row : never): string {
  return csvText(['head'], [cells]).split('\r\n')[1]!;
}

test('a file begins with the mark of UTF-8 and ends its lines as Excel does', () => {
  expect(csvText(['订单', 'Paid'], [['O-1', 5]])).toBe('\uFEFF订单,Paid\r\nO-1,5\r\n');
});

test('what looks like a number and is an id stays the text that it is', () => {
  expect(rowOf('3705115058471208928')).toBe('"=""3705115058471208928"""');
  expect(rowOf('007')).toBe('"=""007"""');
  expect(rowOf('1-2')).toBe('"=""1-2"""');
});

test('an amount is a number to reckon with', () => {
  expect(rowOf({ number: '1234.50' }, 7, null)).toBe('1234.50,7,');
});

test('no text of others becomes a formula, and none breaks out of its cell', () => {
  expect(rowOf('=HYPERLINK("http://x")')).toBe(`"'=HYPERLINK(""http://x"")"`);
  expect(rowOf('@SUM(A1)')).toBe("'@SUM(A1)");
  expect(rowOf('-cmd')).toBe("'-cmd");
  expect(rowOf('a,b\nc')).toBe('"a,b\nc"');
});

test('what hides in a text is seen', () => {
  expect(rowOf('a\u202eb')).toBe('a⟨U+202E⟩b');
});
