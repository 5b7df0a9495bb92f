// One connection of its own for a writer that commits in groups: it never waits for a pool, comes
// back after errors, and never hangs.

import { Client } from 'pg';
import type { Logger } from 'pino';

import { isUnavailable } from './database.ts';
import { beginSession, connectionOptions, SILENCE_MS_MAX, socketOf } from './session.ts';
import { backoffMs } from '../waiting.ts';

const BACK_OFF_MS_MIN = 50;
const BACK_OFF_MS_MAX = 2000;

export interface DedicatedConnection {
  /**
   * Runs the work on the connection, after all work that was given before. Rejects with an error
   * that is `isUnavailable` when the database cannot be reached, at once while the last attempt is
   * recent, and when the work is not done in time. Work that fails inside of a transaction leaves
   * nothing of it behind.
   */
  run: <T>(work: (client: Client) => Promise<T>) => Promise<T>;
  /** Waits for the work that was given, then closes. */
  close: () => Promise<void>;
}

export interface DedicatedConnectionOptions {
  connectionString: string;
  applicationName: string;
  log: Logger;
  /** How long one work may take. */
  deadlineMs?: number;
}

export function dedicatedConnection({
  connectionString,
  applicationName,
  log,
  deadlineMs = SILENCE_MS_MAX,
}: DedicatedConnectionOptions): DedicatedConnection {
  let client: Client | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let failures = 0;
  let retryAt = 0;
  let closed = false;

  async function connect(): Promise<Client> {
    if (performance.now() < retryAt) throw unavailable('the database did not answer a moment ago');
    const fresh = new Client(connectionOptions(connectionString, applicationName));
    fresh.on('error', (error) => log.warn({ err: error, applicationName }, 'a dedicated connection to the database broke'));
    fresh.once('end', () => {
      if (client === fresh) client = undefined;
    });
    try {
      await fresh.connect();
      await inTime(fresh, deadlineMs, () => beginSession(fresh, { asOwner: false }));
    } catch (error) {
      socketOf(fresh)?.destroy();
      failures += 1;
      retryAt = performance.now() + backoffMs(failures, BACK_OFF_MS_MIN, BACK_OFF_MS_MAX) * (0.5 + Math.random() / 2);
      throw error;
    }
    failures = 0;
    client = fresh;
    return fresh;
  }

  async function attempt<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const connected = client ?? (await connect());
    try {
      return await inTime(connected, deadlineMs, () => work(connected));
    } catch (error) {
      if (isUnavailable(error)) discard(connected);
      throw error;
    } finally {
      // Whatever a failed work left open ends with its connection.
      if (connected.getTransactionStatus() !== 'I') discard(connected);
    }
  }

  function discard(broken: Client): void {
    if (client === broken) client = undefined;
    socketOf(broken)?.destroy();
  }

  return {
    async run(work) {
      if (closed) throw unavailable('we have closed it');
      const done = turn.then(() => attempt(work));
      turn = done.catch(ignored);
      return done;
    },
    async close() {
      closed = true;
      await turn;
      await client?.end();
    },
  };
}

/**
 * Cuts the connection when the work takes too long, which makes every query that it waits for fail.
 */
async function inTime<T>(client: Client, deadlineMs: number, work: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => socketOf(client)?.destroy(), deadlineMs);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}

function unavailable(why: string): Error {
  return new Error(`Connection terminated: ${why}`);
}

/** Who gave the work has its error; the next in turn does not care. */
function ignored(): void {}
