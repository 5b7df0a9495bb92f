// What every connection to PostgreSQL has in common: how values are read, which role acts, and that
// nothing waits for ever.

import { Socket } from 'node:net';

import { Connection, types, type Client, type ClientBase, type ClientConfig } from 'pg';

import { TAKE_ROLE } from './role.ts';

const STATEMENT_TIMEOUT_MS = 30_000;
const LOCK_TIMEOUT_MS = 5000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;
const CONNECTION_TIMEOUT_MS = 2000;
const KEEPALIVE_SECONDS = 15;

/** Longer than any query may run: who is silent for so long is not there any more. */
export const SILENCE_MS_MAX = 35_000;

const OID = { int8: 20, int8Array: 1016, date: 1082, dateArray: 1182, numeric: 1700, numericArray: 1231, textArray: 1009 };

const asText = (value: string): string => value;
const asTexts: (value: string) => (string | null)[] = types.getTypeParser(OID.textArray);

/** No number may pass through a double on its way, and a day has no time zone. */
const PARSERS = new Map<number, (value: string) => unknown>([
  [OID.int8, BigInt],
  [OID.int8Array, (value) => asTexts(value).map((item) => (item === null ? null : BigInt(item)))],
  [OID.numeric, asText],
  [OID.numericArray, asTexts],
  [OID.date, asText],
  [OID.dateArray, asTexts],
]);

/** The options with which pg opens a connection. */
export function connectionOptions(connectionString: string, applicationName: string): ClientConfig {
  return {
    connectionString,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: {
      getTypeParser: (oid, format) => (format === 'binary' ? undefined : PARSERS.get(oid)) ?? types.getTypeParser(oid, format),
    },
  };
}

/**
 * Makes a fresh connection ours. The owner, who migrates, keeps his own role. `synchronous_commit`
 * is said aloud, because the default of a server, a database or a user may be another, and then a
 * crash would lose what we have acknowledged.
 */
export async function beginSession(
  client: ClientBase,
  { asOwner, statementMs: queryMs = STATEMENT_TIMEOUT_MS }: { asOwner: boolean; statementMs?: number | undefined },
): Promise<void> {
  const settings = [
    `set statement_timeout = ${queryMs}`,
    `set lock_timeout = ${LOCK_TIMEOUT_MS}`,
    `set idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_TIMEOUT_MS}`,
    `set synchronous_commit = on`,
    `set timezone = 'UTC'`,
    // By itself a server holds the place of a client that has vanished for two hours.
    `set tcp_keepalives_idle = ${KEEPALIVE_SECONDS}`,
    `set tcp_keepalives_interval = ${KEEPALIVE_SECONDS}`,
    `set tcp_keepalives_count = 3`,
  ];
  if (!asOwner) settings.push(TAKE_ROLE);
  await client.query(settings.join('; '));
}

/**
 * The socket under a connection, which pg does not declare, though its own pool reaches for it in
 * the same way. Cutting it is the only thing that helps when the other side has vanished: every
 * limit of the server ends there with it.
 */
export function socketOf(client: ClientBase | Client): Socket | undefined {
  const connection: unknown = 'connection' in client ? client.connection : undefined;
  return connection instanceof Connection && connection.stream instanceof Socket ? connection.stream : undefined;
}
