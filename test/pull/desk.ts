// Reconciliations over HTTP, with a worker that asks, reads files and merges: what is posted is
// followed to its end.
import { setTimeout as sleep } from 'node:timers/promises';

import { requireKeys } from '../../src/platform/keys/auth.ts';
import { knownKeys } from '../../src/platform/keys/known-keys.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { makeKey } from '../../src/platform/keys/keys-store.ts';
import { reconciliationRoutes } from '../../src/pull/reconciliations/reconciliation-routes.ts';
import { startAsking } from '../../src/pull/start.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import { testLog } from '../harness.ts';
import type { Subject } from '../sources/subject.ts';
import { openPuller, type Puller } from './puller.ts';
import { buildHttp } from '../platform/furnished.ts';

const LOOK_EVERY_MS = 100;
const LOOKS_MAX = 100;

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

export interface Desk {
  puller: Puller;
  post: (payload: string | Buffer | object, how?: { query?: string; type?: string }) => Promise<Answer>;
  close: () => Promise<void>;
}

export async function openDesk(subject: Subject): Promise<Desk> {
  const puller = await openPuller(subject, null);
  const { db } = puller.database;
  const app = buildHttp({ logger: testLog });
  requireKeys(
    app,
    knownKeys(db, (error) => testLog.error(error)),
  );
  // What is delivered is processed at once, as the worker does.
  const onDelivered = (): void => void puller.work();
  const asking = startAsking({ ...puller.deps, onDelivered, log: testLog });
  reconciliationRoutes(app, { db, adapters: ADAPTERS, onAsked: () => asking.wake() });
  const { key } = await inTransaction(db, ({ trx, now }) =>
    makeKey(trx, { scope: 'admin', label: 'test', merchantId: null, promoterId: null }, null, now),
  );
  await app.ready();
  const authorization = `Bearer ${key}`;
  const get = async (url: string) => (await app.inject({ method: 'GET', url, headers: { authorization } })).json<Record<string, unknown>>();

  const post: Desk['post'] = async (payload, { query = '', type = 'application/json' } = {}) => {
    const headers = { authorization, 'content-type': type };
    const made = await app.inject({ method: 'POST', url: `/v1/reconciliations${query}`, headers, payload });
    const first = made.json<Record<string, unknown>>();
    if (first['finished_at'] !== null || made.statusCode >= 400) return { status: made.statusCode, body: first };
    await puller.work();
    const url = `/v1/reconciliations/${String(first['reconciliation_id'])}`;
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const body = await get(url);
      if (body['finished_at'] !== null) return { status: made.statusCode, body };
      await puller.work();
      await sleep(LOOK_EVERY_MS);
    }
    throw new Error(`the reconciliation ${url} does not end`);
  };

  const close = async () => {
    await asking.close();
    await app.close();
    await puller.close();
  };
  return { puller, post, close };
}
