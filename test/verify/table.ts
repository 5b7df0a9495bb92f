// The table that the verifier prints: a row for each fault, and zeros where there should be zeros.

import type { Column, Finding } from './journal.ts';

export interface Row {
  fault: string;
  trials: number;
  acknowledged: number;
  findings: Finding[];
  worstDelayMs: number;
  /** Why it was not tried. */
  skipped?: string;
}

const COLUMNS: readonly Column[] = ['lost', 'doubled', 'wrong', 'refused', 'guards'];
const HEADINGS = [
  'fault',
  'trials',
  'acknowledged',
  ...COLUMNS.map((one) => (one === 'guards' ? 'guards violated' : one)),
  'worst delay ms',
];
const FAULT_WIDTH = 30;

export function heading(): string {
  return line(HEADINGS);
}

export function showRow({ fault, trials, acknowledged, findings, worstDelayMs, skipped }: Row): string {
  if (skipped !== undefined) return `${fault.padEnd(FAULT_WIDTH)}  skipped: ${skipped}`;
  const counts = COLUMNS.map((column) => findings.filter((one) => one.column === column).length);
  return line([fault, ...[trials, acknowledged, ...counts, worstDelayMs].map(String)]);
}

function line(cells: readonly string[]): string {
  const [first = '', ...others] = cells;
  return [first.padEnd(FAULT_WIDTH), ...others.map((cell, index) => cell.padStart(Math.max(HEADINGS[index + 1]!.length, 6)))].join('  ');
}
