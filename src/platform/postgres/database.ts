// The database: a pool of connections that act as the application's role, transactions, and what
// counts as "it is not there".

import { setTimeout as sleep } from 'node:timers/promises';

import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import { Pool, type ClientBase } from 'pg';
import type { Logger } from 'pino';

import { HOUR_MS } from '../durations.ts';
import { beginSession, connectionOptions, SILENCE_MS_MAX, socketOf } from './session.ts';
import { StartFailure } from '../process/start-failure.ts';
import type { DB } from './tables.ts';

const ATTEMPTS_MAX = 5;
const RETRY_PAUSE_MS = 10;
const CLOCK_DIFFERENCE_MS_MAX = 2000;
/** Below the silence that cuts a connection, so that an idle one is closed in good order first. */
const IDLE_TIMEOUT_MS = 30_000;

/** Of a statement over all of the books, which nobody waits for but its operator. */
export const WHOLE_BOOKS_MS = 6 * HOUR_MS;

export interface Database {
  db: Kysely<DB>;
  pool: Pool;
  close: () => Promise<void>;
}

export interface DatabaseOptions {
  connectionString: string;
  poolSize: number;
  applicationName: string;
  log: Logger;
  /**
   * Keeps the role of the connection string, for migrations and for tests that look behind the
   * scenes.
   */
  asOwner?: boolean;
  /** After how long without a word a connection is given up as lost. */
  silenceMs?: number;
  /** How long a query may take, where that is not what it is everywhere. */
  queryMs?: number;
}

/**
 * Opens a pool; connections are made when they are needed. Who asks while all are taken waits two
 * seconds, then is refused.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { connectionString, poolSize, applicationName, log, asOwner = false, silenceMs = SILENCE_MS_MAX, queryMs: statementMs } = options;
  const pool = new Pool({
    ...connectionOptions(connectionString, applicationName),
    max: poolSize,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    // Not in `verify`: whoever gave up waiting while that ran would be handed the connection all
    // the same, and nobody would give it back. The pool waits for what it gives, which the types of
    // pg do not say.
    onConnect: (client): unknown => {
      guard(client, log, silenceMs);
      return beginSession(client, { asOwner, statementMs });
    },
  });
  pool.on('error', (error) => log.warn({ err: error }, 'an idle connection to the database broke'));
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });
  return { db, pool, close: () => db.destroy() };
}

/**
 * A connection that breaks while it is lent out would end the process if nobody listened; its
 * borrower learns of it by his query.
 */
function guard(client: ClientBase, log: Logger, silenceMs: number): void {
  client.on('error', (error) => log.debug({ err: error }, 'a connection to the database broke'));
  const socket = socketOf(client);
  socket?.setTimeout(silenceMs, () => socket.destroy());
}

/**
 * What the work of a transaction gets: the transaction, and its time by the clock of the database.
 */
export interface Work {
  trx: Transaction<DB>;
  now: Date;
}

/**
 * Runs the work in one transaction and commits it. On a serialisation failure or a deadlock
 * everything is done again, up to five times in all; so the work must have no effect outside of the
 * transaction. When the connection breaks during the commit the outcome is unknown. In one
 * snapshot all queries of the work see what was committed when it began, and nothing later.
 */
export async function inTransaction<T>(
  db: Kysely<DB>,
  work: (given: Work) => Promise<T>,
  { inOneSnapshot = false }: { inOneSnapshot?: boolean } = {},
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const begun = inOneSnapshot ? db.transaction().setIsolationLevel('repeatable read') : db.transaction();
      return await begun.execute(async (trx) => work({ trx, now: await timeOf(trx) }));
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !isContention(error)) throw error;
      await sleep(Math.random() * RETRY_PAUSE_MS * 2 ** attempt);
    }
  }
}

async function timeOf(trx: Transaction<DB>): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select now() as now`.execute(trx);
  return rows[0]!.now;
}

const CONTENTION = new Set(['40001', '40P01']);

function isContention(error: unknown): boolean {
  return CONTENTION.has(codeOf(error));
}

/** Refused, cut or not found on the way to the server. */
const NETWORK_ERRORS = new Set('ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH'.split(' '));

/**
 * SQLSTATEs and classes of them that pass without our doing: connection (08), contention (40001,
 * 40P01), resources (53: disk, memory, connections), operator (57: shutdown, cancel, timeout),
 * input and output (58030), locks not got in time (55P03), a standby (25006), a transaction left
 * idle (25P03).
 */
const PASSING_STATES = /^(08...|40001|40P01|53...|57...|58030|55P03|25006|25P03)$/;

/** What pg, its pool and Kysely say without any code. */
const PASSING_WORDS = [
  'connection terminated',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'query read timeout',
  'is not queryable',
  'after calling end on the pool',
  'connection has been discarded',
  'driver has already been destroyed',
];

/**
 * True when the database could not do it now, and may do it later: to be answered 503, and tried
 * again by whoever sent it.
 */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  if (NETWORK_ERRORS.has(code) || PASSING_STATES.test(code)) return true;
  const message = error.message.toLowerCase();
  if (code === '' && PASSING_WORDS.some((words) => message.includes(words))) return true;
  return error.cause !== undefined && error.cause !== error && isUnavailable(error.cause);
}

/** Cancelled (57014), not locked in time (55P03), not serialisable (40001), deadlocked (40P01). */
const STATES_OF_STATEMENTS = new Set(['57014', '55P03', '40001', '40P01']);

/**
 * True where the database is there, and could only not do this query, for what it waited for or
 * for how long it took: unlike everything else that is unavailable it may be the doing of a single
 * row, and may go well with other rows.
 */
export function isOfQuery(error: unknown): boolean {
  return STATES_OF_STATEMENTS.has(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/**
 * Refuses a database that may lose what it has committed, or whose clock is more than two seconds
 * away from ours: holds, windows and the leases of the queue compare the one with the other.
 */
export async function assertDurable(db: Kysely<DB>): Promise<void> {
  const before = Date.now();
  const { rows } = await sql<{ fsync: string; full_page_writes: string; synchronous_commit: string; clock: Date }>`
    select current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
      current_setting('synchronous_commit') as synchronous_commit, clock_timestamp() as clock`.execute(db);
  const { clock, ...settings } = rows[0]!;
  const off = Object.entries(settings).flatMap(([name, value]) => (value === 'off' ? [name] : []));
  if (off.length > 0) {
    throw new StartFailure(`The database would lose committed orders in a crash: ${off.join(', ')} must be on.`);
  }
  const difference = Math.max(before - clock.getTime(), clock.getTime() - Date.now());
  if (difference > CLOCK_DIFFERENCE_MS_MAX) {
    throw new StartFailure(
      `The clocks of this machine and of the database differ by ${(difference / 1000).toFixed(1)} seconds: set one of them right.`,
    );
  }
}
