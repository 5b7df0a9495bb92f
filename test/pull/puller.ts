// A source of any kind on a database of its own, asked at a double of its platform over real
// sockets.
import { createSecretKey, randomBytes } from 'node:crypto';

import { sql } from 'kysely';

import { processDeliveries } from '../../src/inbox/process.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { masterKeys } from '../../src/platform/keys/secrets.ts';
import type { PullDeps } from '../../src/pull/asked-source.ts';
import { askSources } from '../../src/pull/asking-sources.ts';
import type { Fetch } from '../../src/sources/asking.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import { saveSource } from '../../src/sources/connections/source-store.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import type { Double, Subject } from '../sources/subject.ts';
import { BOUNDS } from '../core/reading.ts';

export const SOURCE = 's1';

export interface Puller {
  database: TestDatabase;
  double: Double;
  deps: PullDeps;
  /** Asks whatever is due, as one process; `fetch` may break off. */
  ask: (fetch?: Fetch) => Promise<unknown[]>;
  /** Ends every rest, and makes it the turn of the source. */
  wait: () => Promise<void>;
  work: () => Promise<void>;
  orders: () => Promise<string[]>;
  close: () => Promise<void>;
}

export async function openPuller(subject: Subject, pull: object | null = {}): Promise<Puller> {
  const database = await testDatabase();
  const { db, owner } = database;
  const double = await subject.open!();
  const keys = masterKeys(['a secrets key of thirty-two characters']);
  const { adapter, secrets } = subject;
  const options = adapter.options.parse({ ...subject.options, ...(pull === null ? {} : { pull }) });
  await sql`insert into merchant (merchant_id, made_at) values ('m1', now())`.execute(owner);
  await inTransaction(db, ({ trx, now }) =>
    saveSource(trx, keys, { sourceId: SOURCE, before: null, now }, { kind: adapter.kind, merchantId: 'm1', secrets, options }),
  );
  const deps: PullDeps = { db, keys, adapters: ADAPTERS, baseUrls: { [adapter.kind]: double.url }, fetch, onDelivered: () => undefined };
  const identityKey = createSecretKey(randomBytes(32));
  return {
    database,
    double,
    deps,
    ask: (given = fetch) =>
      askSources({ ...deps, fetch: given }, new AbortController().signal).then((failed) => failed.map((one) => one.error)),
    wait: async () => {
      await sql`update pull set rests_until = null, due_at = null, held_until = null, holder = null`.execute(owner);
      await sql`update pull_feed set due_at = now() where due_at is not null`.execute(owner);
      await sql`update pull_wanted set due_at = now()`.execute(owner);
    },
    work: async () => {
      while ((await processDeliveries({ db, adapters: ADAPTERS, identityKey, bounds: BOUNDS })) > 0);
    },
    orders: async () => {
      const { rows } = await sql<{ order_id: string }>`select order_id from orders order by order_id`.execute(owner);
      return rows.map((row) => row.order_id);
    },
    close: async () => {
      await double.close();
      await database.close();
    },
  };
}
