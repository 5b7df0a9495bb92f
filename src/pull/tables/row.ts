// A row of a table as every reader gives it, and how much of a table is read.

export interface TableRow {
  /** Where a person finds it: the line of a text, the row of a sheet. */
  line: number;
  cells: readonly string[];
  /** The cells that a spreadsheet holds as numbers; null for a text. */
  numbers: ReadonlySet<number> | null;
}

/** A row that cannot be read, and why; the rows behind it can. */
export interface BrokenRow {
  line: number;
  fault: string;
}

export const COLUMNS_MAX = 500;
export const CELL_CHARACTERS_MAX = 64 * 1024;
export const ROW_CHARACTERS_MAX = 64 * 1024;
export const ROWS_MAX = 5_000_000;
/** What stands above the names of the columns: a title, a time, a blank. */
export const LINES_ABOVE_MAX = 20;
