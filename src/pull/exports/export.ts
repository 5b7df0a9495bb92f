// What an export of a platform is to us: how its columns are named, and how its rows become
// reports.
import type { SourceReport } from '../../sources/source.ts';
import type { Fields, Surroundings } from './row-fields.ts';

/** How amounts stand in a file: as whole minor units, or as decimals of the currency. */
export type Amounts = 'minor' | 'decimal';

/**
 * What rows say of one order: in our words, or, where an export has all that the platform's own
 * list has, as a row of that list, which the adapter of the platform then reads as it reads the
 * list.
 */
export type ReadOrder = { report: SourceReport } | { row: Record<string, unknown>; isTimed: boolean };

export interface Export {
  /** Names it in answers; never change it. */
  name: string;
  /** What a person calls it. */
  title: string;
  /** The kind of the sources whose orders it tells of. */
  kind: string;
  /** Whether its rows are read in our words, or as rows of the platform's own list. */
  form: 'ours' | 'platform';
  /** It is this export when each of these fields has its column. */
  signature: readonly string[];
  /**
   * Which field stands in which column: the names that the export has had over the years, in each
   * of its languages.
   */
  columns: Readonly<Record<string, readonly string[]>>;
  /** In which zone times without one are; null: in the merchant's. */
  zone: string | null;
  /**
   * Whether a row goes on with the order of the rows before it. Absent: every row is an order's or
   * a line's of its own.
   */
  goesOn?: (row: Fields, first: Fields) => boolean;
  /** Reads the rows of one order. Throws RowFault. */
  read: (rows: readonly [Fields, ...Fields[]], surroundings: Surroundings) => ReadOrder;
}
