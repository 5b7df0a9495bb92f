// Tables as files that Excel opens rightly: UTF-8 with its mark, ids as texts, and no cell that
// becomes a formula.

import { visible } from './visible.ts';

/** A number is one to reckon with; a text is shown as it is, whatever it looks like. */
export type CsvCell = string | number | null | undefined | { number: string };

const MARK = '\uFEFF';

/** The text of the file, one line for the headings and one for each row. */
export function csvText(headings: readonly string[], rows: Iterable<readonly CsvCell[]>): string {
  const lines = [headings.map(cellOf).join(',')];
  for (const row of rows) lines.push(row.map(cellOf).join(','));
  return `${MARK}${lines.join('\r\n')}\r\n`;
}

function cellOf(cell: CsvCell): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'number') return String(cell);
  if (typeof cell === 'object') return cell.number;
  // Excel makes numbers and dates of texts that look like them, and loses digits of long ids.
  const text = visible(cell);
  if (/^[\d.,:/\-+ eE]+$/.test(text) && /\d/.test(text)) return quoted(`="${text}"`);
  return quoted(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
