// COPY FROM STDIN in one write: queries and rows leave in a single packet, and the only wait is
// for the commit.

import type { ClientBase, Connection, Submittable } from 'pg';

/**
 * One `copy t (a, b) from stdin` and its rows in text format, each line ended by a newline.
 */
export interface CopyText {
  sql: string;
  rows: Buffer | string;
}

const QUERY = 0x51;
const COPY_DATA = 0x64;
const COPY_DONE = 0x63;
const LENGTH_BYTES = 4;

/**
 * Runs the COPY queries as one simple query, which PostgreSQL makes one transaction: all rows of
 * all queries are durable when it resolves, with the number of rows of each, or none is. After a
 * rejection the connection can be used again.
 */
export function copyIn(client: ClientBase, texts: CopyText[]): Promise<number[]> {
  return new Promise((resolve, reject) => {
    client.query(submittable(texts, (error, counts) => (error === null ? resolve(counts) : reject(error))));
  });
}

type Callback = (error: Error | null, counts: number[]) => void;

/**
 * What `pg` asks of a query of its own. The data follows the query at once, without waiting to be
 * asked for: when a query fails, PostgreSQL passes over the rest of it, as the protocol says,
 * and tells that it is ready again.
 */
function submittable(texts: CopyText[], callback: Callback): Submittable {
  const counts: number[] = [];
  const query = {
    // `pg` may put its own around this one, to stop the clock of `query_timeout`.
    callback,
    submit: (connection: Connection) => void connection.stream.write(packet(texts)),
    handleCopyInResponse: () => undefined,
    handleCommandComplete: ({ text }: { text: string }) => void counts.push(Number(text.slice(text.lastIndexOf(' ') + 1))),
    handleReadyForQuery: () => query.callback(null, counts),
    handleError: (error: Error) => query.callback(error, counts),
  };
  return query;
}

function packet(texts: CopyText[]): Buffer {
  const sql = texts.map((text) => text.sql).join(';');
  const sizes = texts.map(({ rows }) => (typeof rows === 'string' ? Buffer.byteLength(rows) : rows.length));
  const sqlBytes = Buffer.byteLength(sql) + 1;
  const headBytes = 1 + LENGTH_BYTES;
  const bytes = Buffer.allocUnsafe(headBytes + sqlBytes + sizes.reduce((sum, size) => sum + size + 2 * headBytes, 0));
  let at = writeHead(bytes, 0, QUERY, sqlBytes);
  at += bytes.write(sql, at);
  at = bytes.writeUInt8(0, at);
  for (const [index, { rows }] of texts.entries()) {
    at = writeHead(bytes, at, COPY_DATA, sizes[index]!);
    at += typeof rows === 'string' ? bytes.write(rows, at) : rows.copy(bytes, at);
    at = writeHead(bytes, at, COPY_DONE, 0);
  }
  return bytes;
}

function writeHead(bytes: Buffer, at: number, type: number, size: number): number {
  return bytes.writeInt32BE(LENGTH_BYTES + size, bytes.writeUInt8(type, at));
}
