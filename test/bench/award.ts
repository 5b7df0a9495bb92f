// The worker's award of many orders, explanations included, beside the bulk load of the very rows
// that it writes into the same tables. 10 000 promoters in chains of three, 1 000 rules, 1 000 000
// clicks; orders are found by their buyers' identities and by tokens.

import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sql, type Kysely } from 'kysely';
import { Client } from 'pg';

import { awardBacklog, type AwardDeps } from '../../src/commission/award/award.ts';
import { emptyRuleCache } from '../../src/commission/rules/rule-cache.ts';
import { accountCache } from '../../src/ledger/booking-store.ts';
import { copyIn } from '../../src/platform/postgres/copy.ts';
import { copyRow } from '../platform/copy-rows.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import { startEmbedded } from '../../src/platform/embedded/embedded.ts';
import { buildLogger } from '../../src/platform/process/log.ts';
import { migrate } from '../../src/platform/postgres/migrate.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { openCrowd } from './crowd.ts';
import { alternate, median, ratioOf } from './rounds.ts';

const ORDERS_PER_BATCH = 1000;
/** What the twin writes is read at once. */
const WHOLE_BOOKS_MS = 30 * 60_000;
/** What an award writes; accounts are opened once. */
const WRITTEN = ['transfer', 'decision', 'award'] as const;

export async function benchAward({ rounds, orders }: { rounds: number; orders: number }): Promise<string[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-bench-'));
  const log = buildLogger('warn');
  const embedded = await startEmbedded({ dataDir, log });
  const { connectionString } = embedded;
  await migrate(connectionString);
  const options = { connectionString, poolSize: 2, applicationName: 'bench', log };
  const service = openDatabase(options);
  const owner = openDatabase({ ...options, asOwner: true, queryMs: WHOLE_BOOKS_MS, silenceMs: WHOLE_BOOKS_MS });
  try {
    const tokenKey = createSecretKey(randomBytes(32));
    await openCrowd(owner.db, tokenKey, { orders });
    const deps: AwardDeps = {
      db: service.db,
      tokenKeys: [tokenKey],
      identityKey: createSecretKey(randomBytes(32)),
      levelsMax: 3,
      ruleCache: emptyRuleCache(),
      accounts: accountCache(),
    };
    const pair = await alternate(
      rounds,
      async () => {
        await emptyBooks(owner.db);
        deps.accounts = accountCache();
        await sql`insert into award_due (order_key, due_at) select order_key, now() from orders`.execute(owner.db);
        await sql`analyze award_due`.execute(owner.db);
        return perSecond(orders, async () => {
          for (let done = 1; done > 0;) done = await awardBacklog(deps, ORDERS_PER_BATCH);
        });
      },
      // The first round of the twin has nothing to copy yet; it is the one that is thrown away.
      () => insertAgain(owner.db, connectionString, orders),
    );
    const { rows } = await sql<{ attributed: string; transfers: string }>`
      select (select count(*) from award where 'attributed' = any(decisions)) as attributed, (select count(*) from transfer) as transfers`.execute(
      owner.db,
    );
    return [
      `award, explanations included                ${Math.round(median(pair.ours))} orders/s`,
      `  bulk load of the very rows it writes      ${Math.round(median(pair.twin))} orders/s   ratio ${ratioOf(pair).toFixed(2)}`,
      `  ${orders} orders, ${rows[0]!.attributed} attributed, ${rows[0]!.transfers} transfers`,
    ];
  } finally {
    await Promise.all([service.close(), owner.close()]);
    await embedded.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function perSecond(orders: number, work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return orders / ((performance.now() - started) / 1000);
}

/**
 * The books and decisions go, past the triggers that keep them, so that the next round writes the
 * same again.
 */
async function emptyBooks(db: Kysely<DB>): Promise<void> {
  await db.connection().execute(async (session) => {
    await sql`set session_replication_role = replica`.execute(session);
    await sql`truncate award_due, award, decision, transfer, account_balance, account`.execute(session);
    await sql`set session_replication_role = default`.execute(session);
  });
}

/** What the last award wrote of one table, as the text of one COPY for every thousand orders. */
interface Copied {
  sql: string;
  batches: string[];
}

/**
 * Empties the books and loads into them what the last award wrote: a thousand orders a transaction,
 * by COPY, the fastest way in for a client.
 */
async function insertAgain(db: Kysely<DB>, connectionString: string, orders: number): Promise<number> {
  const copies: Copied[] = [];
  for (const table of WRITTEN) copies.push(await readCopy(db, table));
  await sql`drop table if exists accounts_kept`.execute(db);
  await sql`create table accounts_kept as table account`.execute(db);
  await emptyBooks(db);
  await sql`insert into account overriding system value select * from accounts_kept`.execute(db);
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return await perSecond(orders, async () => {
      for (let batch = 0; batch < copies[0]!.batches.length; batch++) {
        await copyIn(
          client,
          copies.map((copy) => ({ sql: copy.sql, rows: copy.batches[batch]! })),
        );
      }
    });
  } finally {
    await client.end();
  }
}

async function readCopy(db: Kysely<DB>, table: string): Promise<Copied> {
  const { rows: columns } = await sql<{ attname: string }>`
    select attname from pg_attribute where attrelid = ${table}::regclass and attnum > 0 and not attisdropped order by attnum`.execute(db);
  const names = columns.map((column) => sql.ref(column.attname));
  const { rows } = await sql<{ batch: number; fields: (string | null)[] }>`
    select (dense_rank() over (order by order_key) - 1)::int / ${ORDERS_PER_BATCH}::int as batch,
      array[${sql.join(names.map((name) => sql`${name}::text`))}] as fields
    from ${sql.table(table)} order by order_key`.execute(db);
  const batches: string[] = [];
  for (const { batch, fields } of rows) batches[batch] = (batches[batch] ?? '') + copyRow(fields);
  return { sql: `copy ${table} (${columns.map((column) => column.attname).join(', ')}) from stdin`, batches };
}
