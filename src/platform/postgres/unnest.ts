// Rows as parameters: one array for each column, for `unnest`, so that many rows are one statement
// of few parameters.

import { sql, type RawBuilder } from 'kysely';

/**
 * What a value of each type of a column is given as; what is wider than a number may be a bigint.
 */
interface ColumnValue {
  bigint: bigint | number | string | null;
  int: number | null;
  smallint: number | null;
  text: string | null;
  uuid: string | null;
  boolean: boolean | null;
  timestamptz: Date | string | null;
  /** Written as JSON here, so that null is a null of SQL and never the `null` of JSON. */
  jsonb: unknown;
}
type ColumnType = keyof ColumnValue;

/** A column: the name of its type, and how it is read from a row and its place among the rows. */
type Column<Row> = { [Type in ColumnType]: readonly [type: Type, read: (row: Row, index: number) => ColumnValue[Type]] }[ColumnType];

/** Columns by their names, in their order. */
export type Columns<Row> = Readonly<Record<string, Column<Row>>>;

/**
 * `unnest(…) as alias (columns)` of these rows, to stand after `from` or `join`; of no rows it is
 * an empty table of the same columns. Each array is made by one pass over the rows, without an
 * object for each row.
 */
export function unnestOf<Row>(rows: readonly Row[], columns: Columns<Row>, alias: string): RawBuilder<unknown> {
  const { names, arrays } = arraysOf(rows, columns);
  return sql`unnest(${arrays}) as ${sql.ref(alias)} (${names})`;
}

/** The parts of `unnestOf`, for a `rows from` in which other functions stand beside `unnest`. */
export function arraysOf<Row>(rows: readonly Row[], columns: Columns<Row>): { names: RawBuilder<unknown>; arrays: RawBuilder<unknown> } {
  const names = Object.keys(columns).map((name) => sql.ref(name));
  const arrays = Object.values(columns).map((column) => sql`${valuesOf(rows, column)}::${sql.raw(column[0])}[]`);
  return { names: sql.join(names), arrays: sql.join(arrays) };
}

function valuesOf<Row>(rows: readonly Row[], [type, read]: Column<Row>): unknown[] {
  if (type === 'bigint') return rows.map((row, index) => textOf(read(row, index)));
  if (type === 'timestamptz') return rows.map((row, index) => timeOf(read(row, index)));
  if (type === 'jsonb') return rows.map((row, index) => jsonOf(read(row, index)));
  return rows.map((row, index) => read(row, index));
}

/** As text, so that no digit is lost on the way. */
const textOf = (value: ColumnValue['bigint']): string | null => (value === null ? null : String(value));

/** As text, because pg writes an array of Dates far more slowly. */
const timeOf = (value: ColumnValue['timestamptz']): string | null => (value instanceof Date ? value.toISOString() : value);

const jsonOf = (value: unknown): string | null => (value === null || value === undefined ? null : JSON.stringify(value));
