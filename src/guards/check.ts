// Asks one guard: by short read-only queries, a range of keys at a time where all of the books are
// to be read, or only what is new in them.

import { setTimeout as sleep } from 'node:timers/promises';

import { CompiledQuery, sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';
import type { Changes } from './changes.ts';
import { readingKeys, type Guard, type SqlGuard, type Violation } from './guard.ts';

const SAMPLE_MAX = 5;
const VIOLATIONS_MAX = 10_000;
const KEYS_PER_RANGE = 20_000;
/**
 * Below the limit of every query, so that a guard that is too slow is told from a database that
 * is away.
 */
const STATEMENT_TIMEOUT = '25s';

/** What a guard found; at most some 10 000 are counted, and five shown. */
export interface GuardFinding {
  violations: number;
  sample: Violation[];
}

interface Extent {
  keysPerRange?: number;
  /** Reads only what has changed, where the guard reads by keys at all. */
  changes?: Changes;
}

/**
 * Asks the guard. Within a transaction it asks that one, so that what it has not committed can be
 * judged too.
 */
export async function askGuard(
  db: Kysely<DB>,
  guard: Guard,
  { keysPerRange = KEYS_PER_RANGE, changes }: Extent = {},
): Promise<GuardFinding> {
  if (guard.scope === 'process') return toFound(await guard.rows(db));
  if (guard.scope === 'present' || guard.scope === 'whole') return reading(db, (trx) => askOnce(trx, guard.sql, []));
  if (guard.scope === 'deliveries') {
    return askRanges(db, guard, { ...DELIVERIES, ...(changes && { first: changes.firstDelivery }) }, keysPerRange);
  }
  return changes === undefined ? askRanges(db, guard, ORDERS, keysPerRange) : askSets(db, guard, changes.orderKeys, keysPerRange);
}

interface Keys {
  table: string;
  key: string;
  first: string;
}

const ORDERS: Keys = { table: 'orders', key: 'order_key', first: '-1' };
const DELIVERIES: Keys = { table: 'delivery', key: 'delivery_id', first: '00000000-0000-0000-0000-000000000000' };

/** Asks about everything after the first key, range by range. */
async function askRanges(db: Kysely<DB>, guard: SqlGuard, keys: Keys, keysPerRange: number): Promise<GuardFinding> {
  const query = readingKeys(guard.sql, (key) => `(${key} > $1 and ${key} <= $2)`);
  const found: GuardFinding = { violations: 0, sample: [] };
  let after = keys.first;
  while (found.violations < VIOLATIONS_MAX) {
    const started = performance.now();
    const upTo = await reading(db, (trx) => endOfRange(trx, keys, after, keysPerRange));
    if (upTo === undefined) break;
    const range = [after, upTo];
    add(found, await reading(db, (trx) => askOnce(trx, query, range)));
    after = upTo;
    // Whoever works gets as much of the database as whoever checks.
    await sleep(performance.now() - started);
  }
  return found;
}

/** Asks about these orders only. */
async function askSets(db: Kysely<DB>, guard: SqlGuard, orderKeys: readonly string[], keysPerSet: number): Promise<GuardFinding> {
  const query = readingKeys(guard.sql, (key) => `${key} = any($1::bigint[])`);
  const found: GuardFinding = { violations: 0, sample: [] };
  for (let first = 0; first < orderKeys.length && found.violations < VIOLATIONS_MAX; first += keysPerSet) {
    const keys = orderKeys.slice(first, first + keysPerSet);
    add(found, await reading(db, (trx) => askOnce(trx, query, [keys])));
  }
  return found;
}

function add(found: GuardFinding, { violations, sample }: GuardFinding): void {
  found.violations += violations;
  found.sample.push(...sample.slice(0, SAMPLE_MAX - found.sample.length));
}

async function endOfRange(trx: Transaction<DB>, { table, key }: Keys, after: string, limit: number): Promise<string | undefined> {
  const { rows } = await trx.executeQuery<{ key: string }>(
    CompiledQuery.raw(
      `select key::text from (select ${key} as key from ${table} where ${key} > $1 order by ${key} limit ${limit}) as range
      order by range.key desc limit 1`,
      [after],
    ),
  );
  return rows[0]?.key;
}

async function askOnce(trx: Transaction<DB>, query: string, parameters: unknown[]): Promise<GuardFinding> {
  const { rows } = await trx.executeQuery<{ violations: bigint; sample: Violation[] }>(
    CompiledQuery.raw(
      `with found as materialized (select * from (${query}) as violation limit ${VIOLATIONS_MAX})
      select coalesce(sum(coalesce((to_jsonb(found) ->> 'times')::bigint, 1)), 0)::bigint as violations,
        (select coalesce(jsonb_agg(to_jsonb(shown)), '[]') from (select * from found limit ${SAMPLE_MAX}) as shown) as sample
      from found`,
      parameters,
    ),
  );
  return { violations: Number(rows[0]!.violations), sample: rows[0]!.sample };
}

function toFound(rows: Violation[]): GuardFinding {
  return { violations: rows.reduce((sum, { times = 1 }) => sum + Number(times), 0), sample: rows.slice(0, SAMPLE_MAX) };
}

/** A snapshot of its own that cannot write, and takes one processor at the most. */
async function reading<T>(db: Kysely<DB>, work: (trx: Transaction<DB>) => Promise<T>): Promise<T> {
  if (isTransaction(db)) return work(db);
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => {
      await sql`select set_config('statement_timeout', ${STATEMENT_TIMEOUT}, true), set_config('jit', 'off', true),
        set_config('max_parallel_workers_per_gather', '0', true)`.execute(trx);
      return work(trx);
    });
}

function isTransaction(db: Kysely<DB>): db is Transaction<DB> {
  return db.isTransaction;
}
