// Waiting for a database that is started beside the service, and saying in a sentence why one
// cannot be used.

import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';
import type { Logger } from 'pino';

import { isUnavailable } from './database.ts';
import { connectionOptions } from './session.ts';
import { StartFailure } from '../process/start-failure.ts';

const WAIT_MS_MAX = 60_000;
const PAUSE_MS = 500;
const TELL_EVERY_MS = 5000;
const INVALID_LOGIN = /^28/;
const NO_SUCH_DATABASE = '3D000';

/**
 * Resolves when the database accepts a connection. One that is not there is tried again for a
 * minute, which the log says. Throws a `StartFailure` after that, and at once where the database is
 * there and refuses us: neither quotes a password.
 */
export async function awaitDatabase(connectionString: string, log: Logger, waitMsMax = WAIT_MS_MAX): Promise<void> {
  const { hostname, port, username, pathname } = new URL(connectionString);
  const place = `${hostname === '' ? 'localhost' : hostname}:${port === '' ? '5432' : port}`;
  const began = Date.now();
  let toldAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    const error = await attempt(connectionString);
    if (error === null) return;
    const code = codeOf(error);
    const options = { cause: error };
    if (INVALID_LOGIN.test(code)) {
      throw new StartFailure(`The database at ${place} refuses the login ${decodeURIComponent(username)}: ${error.message}.`, options);
    }
    if (code === NO_SUCH_DATABASE) {
      throw new StartFailure(
        `There is no database ${decodeURIComponent(pathname.slice(1))} at ${place}: make it, or mend DATABASE_URL.`,
        options,
      );
    }
    if (!isUnavailable(error)) throw new StartFailure(`The database at ${place} cannot be used: ${error.message}.`, options);
    const waited = Date.now() - began;
    if (waited > waitMsMax) {
      const seconds = Math.round(waited / 1000);
      throw new StartFailure(
        `The database at ${place} could not be reached for ${seconds} seconds (${code || error.message}): start it, or mend DATABASE_URL.`,
        options,
      );
    }
    if (Date.now() - toldAt > TELL_EVERY_MS) {
      log.warn(`the database at ${place} cannot be reached yet (${code || error.message}); trying again`);
      toldAt = Date.now();
    }
    await sleep(Math.min(PAUSE_MS, waitMsMax));
  }
}

async function attempt(connectionString: string): Promise<Error | null> {
  const client = new Client(connectionOptions(connectionString, 'fenyong start'));
  client.on('error', ignored);
  try {
    await client.connect();
    return null;
  } catch (error) {
    return error as Error;
  } finally {
    await client.end().catch(ignored);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** A connection that only asks whether there is one may end as it likes. */
function ignored(): void {}
