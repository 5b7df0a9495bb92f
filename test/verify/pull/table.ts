// The table of the systems that are pulled: a row for each, and zeros where there should be zeros.

const COLUMNS = ['missed', 'doubled', 'wrong'] as const;

/** What is found of none of the systems, but of the service. */
export const SERVICE = 'service';

export interface Finding {
  /** The kind of the system, or `SERVICE`. */
  system: string;
  column: (typeof COLUMNS)[number];
  text: string;
}

export interface PullRow {
  system: string;
  orders: number;
  /** How often an order changed while the orders were read. */
  changed: number;
  /** Questions to the platform. */
  asked: number;
  /** Those of them that failed on purpose. */
  failed: number;
  /** After how long all of it was read, with whatever befell it; null: it never was. */
  seconds: number | null;
}

const HEADINGS = ['pull', 'orders', 'changed', 'asked', 'not answered', 'seconds', ...COLUMNS];
const NAME_WIDTH = 30;

export function pullHeading(): string {
  return line(HEADINGS);
}

export function showPullRow({ system, orders, changed, asked, failed, seconds }: PullRow, findings: readonly Finding[]): string {
  const counts = COLUMNS.map((column) => findings.filter((one) => one.system === system && one.column === column).length);
  return line([system, ...[orders, changed, asked, failed, seconds ?? '-', ...counts].map(String)]);
}

function line(cells: readonly string[]): string {
  const [first = '', ...others] = cells;
  return [first.padEnd(NAME_WIDTH), ...others.map((cell, index) => cell.padStart(Math.max(HEADINGS[index + 1]!.length, 6)))].join('  ');
}
