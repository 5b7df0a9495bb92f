// Reading again while the database is away for a moment, or has no connection left: work that takes
// long, and need not begin anew for that.

import { setTimeout as sleep } from 'node:timers/promises';

import { isUnavailable } from './database.ts';

const TRIES_MAX = 8;
const REST_MS = 500;

/**
 * What the read gives. It is tried for some fifteen seconds while the database is away, and must
 * have told nobody anything before it failed. Before each further try it rests for `restMs` longer
 * than before the last.
 */
export async function retryWhileAway<T>(read: () => Promise<T>, restMs = REST_MS): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await read();
    } catch (error) {
      if (!isUnavailable(error) || tries === TRIES_MAX) throw error;
      await sleep(restMs * tries);
    }
  }
}
