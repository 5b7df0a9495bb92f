// Books of any size, as the service writes them: deliveries are put down as the door stores them
// and merged by the worker. The first orders are awarded by the worker too; the others say the same
// for other buyers, so that what was decided of the first is theirs, copied set-wise.

import { createHash, createSecretKey, type KeyObject } from 'node:crypto';

import { sql, type Kysely } from 'kysely';

import { awardBacklog } from '../../src/commission/award/award.ts';
import { emptyRuleCache } from '../../src/commission/rules/rule-cache.ts';
import { processDeliveries } from '../../src/inbox/process.ts';
import { foldBalances } from '../../src/ledger/balances.ts';
import { chainTransfers } from '../../src/ledger/hash-chain-store.ts';
import { accountCache } from '../../src/ledger/booking-store.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import type { Logger } from 'pino';
import { migrate } from '../../src/platform/postgres/migrate.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { mintClickToken } from '../../src/promotion/clicks/token.ts';
import { openCrowd } from './crowd.ts';
import { BOUNDS } from '../core/reading.ts';
import { DAY_MS } from '../../src/platform/durations.ts';

/** So many orders are awarded one by one. */
const AWARDED = 20_000;
/** So many are put down at once, before the worker merges them. */
const ORDERS_PER_SLICE = 100_000;
const DELIVERIES_PER_INSERT = 5000;
const ORDERS_PER_AWARD = 1000;
const LANES = 2;
const PROMOTERS = 10_000;
/** Beside those that the orders' tokens prove. */
const CLICKS = 20_000;

/** The keys of these books, the same every time. */
export const BOOK_KEYS = {
  tokenKeys: [createSecretKey(Buffer.alloc(32, 'token'))],
  identityKey: createSecretKey(Buffer.alloc(32, 'identity')),
  levelsMax: 3,
};

/**
 * Fills an empty database with so many awarded orders, folds their balances and chains their
 * transfers.
 */
export async function openBooks({
  connectionString,
  orders,
  log,
}: {
  connectionString: string;
  orders: number;
  log: Logger;
}): Promise<void> {
  await migrate(connectionString);
  const options = { connectionString, poolSize: 2, applicationName: 'bench', log };
  const service = openDatabase(options);
  const owner = openDatabase({ ...options, asOwner: true });
  try {
    await openCrowd(owner.db, BOOK_KEYS.tokenKeys[0]!, { clicks: CLICKS });
    // The orders of the crowd came from nowhere; these come through the door.
    await asReplica(owner.db, async (db) => {
      await sql`delete from order_identity`.execute(db);
      await sql`delete from orders`.execute(db);
    });
    await noteChanges(owner.db);
    const deps = { db: service.db, adapters: [], bounds: BOUNDS, ...BOOK_KEYS, ruleCache: emptyRuleCache(), accounts: accountCache() };
    const evidence = evidenceOf(BOOK_KEYS.tokenKeys[0]!);
    for (let first = 0; first < orders;) {
      const end = Math.min(orders, first === 0 ? AWARDED : first + ORDERS_PER_SLICE);
      await deliver(owner.db, { first, end, evidence });
      await Promise.all(
        Array.from({ length: LANES }, async () => {
          while ((await processDeliveries(deps)) > 0);
        }),
      );
      if (first === 0) while ((await awardBacklog(deps, ORDERS_PER_AWARD)) > 0);
      await sql`vacuum analyze`.execute(owner.db);
      first = end;
    }
    await copyAwards(owner.db);
    await sql`vacuum analyze`.execute(owner.db);
    for (let more = true; more;) ({ more } = await foldBalances(service.db));
    for (let more = true; more;) ({ more } = await chainTransfers(service.db));
    await sql`vacuum analyze`.execute(owner.db);
  } finally {
    await Promise.all([service.close(), owner.close()]);
  }
}

/** The crowd was made by SQL; its changes are noted as those of an operator are. */
async function noteChanges(db: Kysely<DB>): Promise<void> {
  await sql`
    insert into audit_log (recorded_at, action, subject_kind, subject_id)
    select recorded_at, 'merchant.put', 'merchant', merchant_id from merchant_version
    union all select recorded_at, 'product.put', 'product', merchant_id || '/' || product_id from product_version
    union all select recorded_at, 'promoter.put', 'promoter', promoter_id from promoter_version
    union all select recorded_at, 'rule.put', 'rule', rule_id from rule_version`.execute(db);
}

/** Past the triggers that check every row, as one transaction. */
async function asReplica(db: Kysely<DB>, work: (db: Kysely<DB>) => Promise<void>): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx);
    await work(trx);
  });
}

interface Told {
  first: number;
  end: number;
  evidence: readonly object[];
}

/** Puts down deliveries of one order each. */
async function deliver(db: Kysely<DB>, { first, end, evidence }: Told): Promise<void> {
  for (let next = first; next < end; next += DELIVERIES_PER_INSERT) {
    const bodies = Array.from({ length: Math.min(DELIVERIES_PER_INSERT, end - next) }, (_, n) =>
      Buffer.from(JSON.stringify(reportOf(next + n, evidence))),
    );
    await sql`
      with told as (
        select * from unnest(${bodies.map(() => uuidv7(Date.now()))}::uuid[], ${bodies}::bytea[],
          ${bodies.map((body) => createHash('sha256').update(body).digest())}::bytea[]) as told (id, body, hash)
      ), known as (
        insert into known_body (body_hash, source_id, merchant_id, delivery_id) select hash, 'rest', 'm1', id from told
      )
      insert into delivery (delivery_id, source_id, merchant_id, origin, body, body_hash, headers, received_at, next_attempt_at)
      select told.id, 'rest', 'm1', 'rest', told.body, told.hash, '{}', now(), now() from told`.execute(db);
  }
}

/**
 * What the orders say of who earned them and when: every second one a token, the others a link
 * code.
 */
function evidenceOf(tokenKey: KeyObject): object[] {
  const now = Date.now();
  return Array.from({ length: AWARDED }, (_, n) => {
    const times = { observed_at: new Date(now).toISOString(), paid_at: new Date(now).toISOString() };
    const linkCode = `link${(n * 31) % PROMOTERS}`;
    if (n % 2 !== 0) return { ...times, link_code: linkCode };
    const clickedAt = now - (n % 20) * DAY_MS - 60_000;
    return { ...times, click_token: mintClickToken(tokenKey, { clickId: uuidv7(clickedAt), linkCode, clickedAt, bot: false }) };
  });
}

/** All that an order says but its id and its buyer comes again every `AWARDED` orders. */
function reportOf(n: number, evidence: readonly object[]): object {
  const kind = n % AWARDED;
  return {
    merchant_id: 'm1',
    order_id: `order${n}`,
    status: 'paid',
    currency: 'CNY',
    buyer: { openid: `buyer${n}` },
    ...evidence[kind],
    lines: [{ line_id: '1', product_id: `p${kind % 1000}`, quantity: 1, paid_amount: 1000 + (kind % 9000) }],
  };
}

/**
 * Gives the orders that are due what was decided and booked of those that say the same, a batch of
 * orders a transaction.
 */
async function copyAwards(db: Kysely<DB>): Promise<void> {
  await sql`
    create table twin as select due.order_key, twin.order_key as of, row_number() over (order by due.order_key) as n
    from award_due join orders due using (order_key)
    join orders twin on twin.order_id = 'order' || substr(due.order_id, 6)::int % ${AWARDED}::int`.execute(db);
  await sql`alter table twin add primary key (n)`.execute(db);
  await sql`analyze twin`.execute(db);
  const { rows } = await sql<{ count: bigint }>`select count(*) from twin`.execute(db);
  for (let done = 0; done < rows[0]!.count; done += ORDERS_PER_AWARD) {
    const batch = sql`(select * from twin where n > ${done} and n <= ${done + ORDERS_PER_AWARD}) as twin`;
    await asReplica(db, async (trx) => {
      await copyRows(trx, 'award', batch, { awarded_at: 'now()' });
      await copyRows(trx, 'decision', batch, {});
      await copyRows(trx, 'transfer', batch, { booked_at: 'now()', booked_xid: 'ledger_xid()' });
      await sql`delete from award_due using ${batch} where award_due.order_key = twin.order_key`.execute(trx);
    });
  }
  await sql`drop table twin`.execute(db);
}

/** The rows of a table once more, for the orders of the batch; identities are given anew. */
async function copyRows(db: Kysely<DB>, table: string, batch: ReturnType<typeof sql>, anew: Record<string, string>): Promise<void> {
  const { rows } = await sql<{ attname: string }>`
    select attname from pg_attribute
    where attrelid = ${table}::regclass and attnum > 0 and not attisdropped and attidentity = '' order by attnum`.execute(db);
  const given: Record<string, string> = { order_key: 'twin.order_key', ...anew };
  const names = rows.map(({ attname }) => attname);
  const values = names.map((name) => (given[name] === undefined ? sql.ref(`standing.${name}`) : sql.raw(given[name])));
  await sql`
    insert into ${sql.table(table)} (${sql.join(names.map((name) => sql.ref(name)))})
    select ${sql.join(values)} from ${batch} join ${sql.table(table)} standing on standing.order_key = twin.of`.execute(db);
}
