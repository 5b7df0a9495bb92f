// A row of a CSV file (RFC 4180) that a spreadsheet reads as text and numbers, never as a formula.

/**
 * What a spreadsheet may take for the beginning of a formula, wide signs among them; blanks before
 * it are passed over by some.
 */
const FORMULA = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/;

/** A minus sign alone makes no formula: an amount below zero stays a number. */
const NEGATIVE_AMOUNT = /^-\d+(\.\d+)?$/;

/**
 * One row with its line's end. Texts are quoted, and one that a spreadsheet would calculate gets
 * the apostrophe before it that makes it text (OWASP, "CSV Injection"). Null is an empty cell.
 */
export function csvRow(values: readonly (string | bigint | number | null)[]): string {
  return `${values.map(cell).join(',')}\r\n`;
}

function cell(value: string | bigint | number | null): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const guarded = FORMULA.test(value) && !NEGATIVE_AMOUNT.test(value) ? `'${value}` : value;
  return `"${guarded.replaceAll('"', '""')}"`;
}
