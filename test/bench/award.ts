// The worker's award of many orders, explanations included, beside the bulk insert of the very rows that it writes into the same tables.
// 10 000 promoters in chains of three, 1 000 rules, 1 000 000 clicks; orders are found by their buyers' identities and by tokens.

import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sql, type Kysely } from 'kysely';

import { awardDue, type AwardDeps } from '../../src/commission/award.ts';
import { emptyShelf } from '../../src/commission/rule-shelf.ts';
import { accountCache } from '../../src/ledger/store.ts';
import { openDatabase } from '../../src/platform/database.ts';
import { startEmbedded } from '../../src/platform/embedded.ts';
import { buildLogger } from '../../src/platform/log.ts';
import { migrate } from '../../src/platform/migrate.ts';
import type { DB } from '../../src/platform/tables.ts';
import { openCrowd, ORDERS } from './crowd.ts';
import { alternate, median, ratioOf } from './rounds.ts';

const ORDERS_PER_BATCH = 1000;
/** What an award writes, each after what it refers to. */
const WRITTEN = ['account', 'transfer', 'decision', 'award'] as const;

export async function benchAward({ rounds }: { rounds: number }): Promise<string[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-bench-'));
  const log = buildLogger('warn');
  const embedded = await startEmbedded({ dataDir, log });
  const { connectionString } = embedded;
  await migrate(connectionString);
  const options = { connectionString, poolSize: 2, applicationName: 'bench', log };
  const service = openDatabase(options);
  const owner = openDatabase({ ...options, asOwner: true });
  try {
    const tokenKey = createSecretKey(randomBytes(32));
    await openCrowd(owner.db, tokenKey);
    const deps: AwardDeps = {
      db: service.db,
      tokenKeys: [tokenKey],
      identityKey: createSecretKey(randomBytes(32)),
      levelsMax: 3,
      shelf: emptyShelf(),
      accounts: accountCache(),
    };
    const pair = await alternate(
      rounds,
      async () => {
        await emptyBooks(owner.db);
        deps.accounts = accountCache();
        await sql`insert into award_due (order_key, due_at) select order_key, now() from orders`.execute(owner.db);
        await sql`analyze award_due`.execute(owner.db);
        return perSecond(async () => {
          for (let done = 1; done > 0;) done = await awardDue(deps, ORDERS_PER_BATCH);
        });
      },
      // The first round of the twin has nothing to copy yet; it is the one that is thrown away.
      () => insertAgain(owner.db),
    );
    const { rows } = await sql<{ attributed: string; transfers: string }>`
      select (select count(*) from award where 'attributed' = any(decisions)) as attributed, (select count(*) from transfer) as transfers`.execute(
      owner.db,
    );
    return [
      `award, explanations included                ${Math.round(median(pair.ours))} orders/s`,
      `  bulk insert of the very rows it writes    ${Math.round(median(pair.twin))} orders/s   ratio ${ratioOf(pair).toFixed(2)}`,
      `  ${ORDERS} orders, ${rows[0]!.attributed} attributed, ${rows[0]!.transfers} transfers`,
    ];
  } finally {
    await Promise.all([service.close(), owner.close()]);
    await embedded.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function perSecond(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return ORDERS / ((performance.now() - started) / 1000);
}

/** The books and decisions go, past the triggers that keep them, so that the next round writes the same again. */
async function emptyBooks(db: Kysely<DB>): Promise<void> {
  await db.connection().execute(async (session) => {
    await sql`set session_replication_role = replica`.execute(session);
    await sql`truncate award_due, award, decision, transfer, account_balance, account`.execute(session);
    await sql`set session_replication_role = default`.execute(session);
  });
}

/** Copies what the last award wrote aside, empties the books, and inserts it back: a thousand orders a transaction, by one statement a table. */
async function insertAgain(db: Kysely<DB>): Promise<number> {
  for (const table of WRITTEN) {
    await sql`drop table if exists ${sql.table(`copy_of_${table}`)}`.execute(db);
    await sql`create table ${sql.table(`copy_of_${table}`)} as table ${sql.table(table)}`.execute(db);
  }
  await sql`create index on copy_of_transfer (order_key)`.execute(db);
  await sql`create index on copy_of_decision (order_key)`.execute(db);
  await sql`create index on copy_of_award (order_key)`.execute(db);
  await sql`analyze copy_of_transfer, copy_of_decision, copy_of_award`.execute(db);
  const { rows } = await sql<{ order_key: bigint }>`select order_key from orders order by order_key`.execute(db);
  await emptyBooks(db);
  await sql`insert into account overriding system value select * from copy_of_account`.execute(db);
  return perSecond(async () => {
    for (let from = 0; from < rows.length; from += ORDERS_PER_BATCH) {
      const first = rows[from]!.order_key;
      const last = rows[Math.min(from + ORDERS_PER_BATCH, rows.length) - 1]!.order_key;
      await db.transaction().execute(async (trx) => {
        for (const table of ['transfer', 'decision', 'award'] as const) {
          const overriding = table === 'transfer' ? sql`overriding system value` : sql``;
          await sql`
            insert into ${sql.table(table)} ${overriding}
            select * from ${sql.table(`copy_of_${table}`)} where order_key between ${first} and ${last}`.execute(trx);
        }
      });
    }
  });
}
