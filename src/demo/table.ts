// Tables for a terminal: columns line up also where Chinese stands in them, and a cell may have
// several lines.

/**
 * What a terminal draws two columns wide: the scripts of East Asia, their punctuation, full-width
 * forms and emoji.
 */
const WIDE = new RegExp(
  '[\\u1100-\\u115f\\u2e80-\\u303e\\u3041-\\ua4cf\\uac00-\\ud7a3\\uf900-\\ufaff\\ufe30-\\ufe6f' +
    '\\uff00-\\uff60\\uffe0-\\uffe6\\u{1f300}-\\u{1faff}\\u{20000}-\\u{3fffd}]',
  'u',
);
const WITHOUT_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u;
const GAP = '  ';

interface Column {
  title: string;
  /** Amounts stand on the right. */
  right?: boolean;
}

/** How many columns of a terminal a text of one line takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += WITHOUT_WIDTH.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
  return width;
}

/**
 * A table as text, ending in a line break. A row that is a text stands alone, as a heading over
 * what follows.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[] | string)[]): string {
  const cells = rows.map((row) => (typeof row === 'string' ? row : columns.map((_, at) => (row[at] ?? '').split('\n'))));
  const widthAt = (title: string, at: number) =>
    Math.max(...[[title], ...cells.map((row) => (typeof row === 'string' ? [] : row[at]!))].flat().map(widthOf));
  const widths = columns.map(({ title }, at) => widthAt(title, at));

  const lineOf = (texts: readonly string[]) =>
    columns
      .map(({ right }, at) => {
        const padding = ' '.repeat(widths[at]! - widthOf(texts[at]!));
        return right ? padding + texts[at]! : texts[at]! + padding;
      })
      .join(GAP)
      .trimEnd();
  const linesOf = (row: string | readonly string[][]) => {
    if (typeof row === 'string') return ['', row];
    return Array.from({ length: Math.max(...row.map((lines) => lines.length)) }, (_, line) =>
      lineOf(row.map((lines) => lines[line] ?? '')),
    );
  };

  const head = [lineOf(columns.map(({ title }) => title)), lineOf(widths.map((width) => '-'.repeat(width)))];
  return `${[...head, ...cells.flatMap(linesOf)].join('\n')}\n`;
}

/**
 * Minor units of a currency with two digits as people write them: 1250 is 12.50. What is beyond
 * 2^53 is told in digits.
 */
export function yuan(fen: number | string): string {
  const [, sign = '', digits = ''] = /^(-?)(\d+)$/.exec(String(fen)) ?? [];
  if (digits === '') throw new RangeError(`${fen} is no amount of fen`);
  const padded = digits.padStart(3, '0');
  return `${sign}${padded.slice(0, -2)}.${padded.slice(-2)}`;
}

/** Parts per million as percent: 125000 is 12.5 %. */
export function percent(ppm: number): string {
  return `${ppm / 10_000} %`;
}
