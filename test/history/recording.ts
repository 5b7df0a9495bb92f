// What is kept of an earlier version: the rows that it made, and what it said of them.

/**
 * The answers of its API. Amounts and decisions must be the same for ever; what else is answered
 * may grow.
 */
export interface Answers {
  orders: { source_id: string; order_id: string; merchant_id: string }[];
  balances: Record<string, object[]>;
  trialBalance: object[];
}

export interface Recording {
  /** Those that had run, in their order. */
  migrations: string[];
  answers: Answers;
  /**
   * What it answered, byte for byte, by the path and query that were asked for; the first
   * recordings have none.
   */
  texts?: Record<string, string>;
  /** Its secrets by their variables, where they lay outside the database. */
  keys?: Record<string, string>;
  /** All rows of each table that had any, as one JSON text. */
  tables: Record<string, string>;
}

/** Where the recording of this name lies. */
export function recordingOf(name: string): URL {
  return new URL(`${name}.json.gz`, import.meta.url);
}
