// Tells every process that merchants or promoters have changed, so that no redirect goes by what
// they were.

import { setTimeout as sleep } from 'node:timers/promises';

import { sql, type Transaction } from 'kysely';
import { Client } from 'pg';
import type { Logger } from 'pino';

import { connectionOptions, socketOf } from '../../platform/postgres/session.ts';
import type { DB } from '../../platform/postgres/tables.ts';

const CHANNEL = 'promotion_changed';
const RETRY_MS = 1000;
/** A connection that only listens learns of a vanished server by asking. */
const HEARTBEAT_MS = 15_000;

/** Says it when the transaction commits; once, however often it is called in it. */
export async function notifyChanged(trx: Transaction<DB>): Promise<void> {
  await sql`select pg_notify(${CHANNEL}, '')`.execute(trx);
}

interface Notices {
  /** Resolves when the connection is closed. */
  close(): Promise<void>;
}

interface ListenOptions {
  connectionString: string;
  /** Called at every change, and whenever changes may have been missed. */
  onChange: () => void;
  log: Logger;
}

/** Listens on a connection of its own, and comes back to it when it breaks. */
export function listenForChanges({ connectionString, onChange, log }: ListenOptions): Notices {
  const stopped = new AbortController();
  const running = keepListening();

  async function keepListening(): Promise<void> {
    while (!stopped.signal.aborted) {
      const client = new Client({ ...connectionOptions(connectionString, 'fenyong link notices'), query_timeout: HEARTBEAT_MS });
      try {
        await listenUntilBroken(client);
      } catch (error) {
        if (!stopped.signal.aborted) log.warn({ err: error }, 'changes of merchants and promoters are not heard for now');
      }
      socketOf(client)?.destroy();
      await pause(RETRY_MS);
    }
  }

  async function listenUntilBroken(client: Client): Promise<void> {
    const broken = new Promise<void>((resolve) => {
      client.on('error', () => resolve());
      client.once('end', resolve);
    });
    client.on('notification', onChange);
    await client.connect();
    await client.query(`listen ${CHANNEL}`);
    onChange();
    while (!stopped.signal.aborted) {
      await Promise.race([broken, pause(HEARTBEAT_MS)]);
      if (!stopped.signal.aborted) await client.query('select 1');
    }
  }

  /** Ends early when we are stopped, and keeps no process alive. */
  async function pause(ms: number): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: stopped.signal, ref: false });
    } catch (error) {
      if (!stopped.signal.aborted) throw error;
    }
  }

  return {
    async close() {
      stopped.abort();
      await running;
    },
  };
}
