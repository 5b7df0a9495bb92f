// Deliveries in the database: storing them once, taking them for processing, and finishing them.
import { CompiledQuery, sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';
import type { Client } from 'pg';

import { byteaArray } from '../platform/postgres/bytea-array.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf } from '../platform/postgres/unnest.ts';
import { firstDue } from './first-due.ts';

export type DeliveryState = 'received' | 'processed' | 'parked' | 'failed';

/**
 * What was delivered, byte for byte; `bodyHash` is the SHA-256 of the body, by which a source's
 * doubles are known.
 */
export interface NewDelivery {
  deliveryId: string;
  sourceId: string;
  /** Of a rest delivery; null for a source, whose merchant the source or a mapping names. */
  merchantId: string | null;
  origin: 'rest' | 'push' | 'pull' | 'upload';
  body: Buffer;
  bodyHash: Buffer;
  signedId: string | null;
  headers: Record<string, string>;
}

/** Runs a query: on a writer's own connection or inside of a transaction. */
type Run = <Row>(name: string, text: string, values: unknown[]) => Promise<Row[]>;

export const onClient =
  (client: Client): Run =>
  async <Row>(name: string, text: string, values: unknown[]) =>
    (await client.query({ name, text, values })).rows as Row[];

export const inTrx =
  (trx: Transaction<DB>): Run =>
  async <Row>(_name: string, text: string, values: unknown[]) =>
    (await trx.executeQuery<Row>(CompiledQuery.raw(text, values))).rows;

// Prepared by name on the writer's own connection, with bodies as bytes: what `unnestOf` does not
// do. The partitions of deliveries do not know each other's bodies, so a table over all of them
// decides what is new, in the same statement. Bodies of before that one have an index of their own.
const INSERT = `
  with told as (
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bytea[], $7::text[], $8::jsonb[])
      as told (delivery_id, source_id, merchant_id, origin, body, body_hash, signed_id, headers)
  ), fresh as (
    insert into known_body (body_hash, source_id, merchant_id, delivery_id)
    select body_hash, source_id, merchant_id, delivery_id from told
    where not exists (
      select from unlisted_body where unlisted_body.body_hash = told.body_hash and unlisted_body.source_id = told.source_id
        and unlisted_body.merchant_id is not distinct from told.merchant_id
    )
    on conflict on constraint known_body_once do nothing returning delivery_id
  )
  insert into delivery (delivery_id, source_id, merchant_id, origin, body, body_hash, signed_id, headers, received_at, next_attempt_at)
  select told.*, now(), now() from told join fresh using (delivery_id) returning delivery_id`;

// The hash alone finds nearly everything; "is not distinct from" could not use the index.
const FIND = `
  with told as (
    select * from unnest($1::text[], $2::text[], $3::bytea[]) with ordinality as told (source_id, merchant_id, body_hash, place)
  )
  select distinct place, delivery_id from told
  join (
    select body_hash, source_id, merchant_id, delivery_id from known_body
    union all
    select body_hash, source_id, merchant_id, delivery_id from unlisted_body
  ) as known using (body_hash, source_id)
  where known.merchant_id is not distinct from told.merchant_id`;

/**
 * Stores deliveries, each once, and gives in their order the ids under which they are kept: a
 * double has the id of the one that came first, in this batch or at any time before, even where
 * that delivery itself is gone.
 */
export async function storeDeliveries(run: Run, deliveries: readonly NewDelivery[]): Promise<string[]> {
  const names = deliveries.map(doubleName);
  const firsts = new Map<string, NewDelivery>();
  for (const [index, name] of names.entries()) if (!firsts.has(name)) firsts.set(name, deliveries[index]!);
  const told = [...firsts.values()];
  const stored = await run<{ delivery_id: string }>('store_deliveries', INSERT, [
    told.map((one) => one.deliveryId),
    told.map((one) => one.sourceId),
    told.map((one) => one.merchantId),
    told.map((one) => one.origin),
    byteaArray(told.map((one) => one.body)),
    byteaArray(told.map((one) => one.bodyHash)),
    told.map((one) => one.signedId),
    told.map((one) => JSON.stringify(one.headers)),
  ]);
  const ids = new Map([...firsts].map(([name, one]) => [name, one.deliveryId]));
  if (stored.length < told.length) {
    const fresh = new Set(stored.map((row) => row.delivery_id));
    for (const [name, deliveryId] of await findEarlier(
      run,
      told.filter((one) => !fresh.has(one.deliveryId)),
    )) {
      ids.set(name, deliveryId);
    }
  }
  return names.map((name) => ids.get(name)!);
}

async function findEarlier(run: Run, doubles: readonly NewDelivery[]): Promise<[string, string][]> {
  const earlier = await run<{ place: bigint; delivery_id: string }>('find_deliveries', FIND, [
    doubles.map((one) => one.sourceId),
    doubles.map((one) => one.merchantId),
    byteaArray(doubles.map((one) => one.bodyHash)),
  ]);
  if (earlier.length !== doubles.length) throw new Error('broken law: a double has an original');
  return earlier.map((row) => [doubleName(doubles[Number(row.place) - 1]!), row.delivery_id]);
}

const doubleName = ({ sourceId, merchantId, bodyHash }: NewDelivery) => `${sourceId}\0${merchantId ?? ''}\0${bodyHash.toString('latin1')}`;

/** A delivery as it is processed. */
export interface TakenDelivery {
  delivery_id: string;
  source_id: string;
  merchant_id: string | null;
  origin: NewDelivery['origin'];
  body: Buffer;
  headers: Record<string, string>;
  /**
   * Of what was pulled or uploaded: when it was asked for, or its upload began. What it says was
   * known by then.
   */
  received_at: Date;
  /** How far ahead of `received_at` its reports may be; null: none is ahead. */
  clock_skew_seconds: number | null;
  /** What a report without a time of its own counts as; null: as `received_at`. */
  untimed_at: Date | null;
  /**
   * Of the reports as they came, where words of an erased buyer were replaced in the body since;
   * else null.
   */
  content_hashes: string[] | null;
}

/** Ids of due deliveries: those that come for the first time, and those that have failed before. */
export interface TakenIds {
  fresh: string[];
  failing: string[];
}

/**
 * Locks due deliveries, the longest due first, that nobody else is processing, and gives their ids:
 * at most `limit`, and no more than `bytesMax` of bodies beyond the first. The others are free
 * again after the transaction. What is due is judged by the database's own clock: a time cut to a
 * millisecond would lie before a delivery that came within it, and leave that to the sweep.
 */
export async function takeDueDeliveries(trx: Transaction<DB>, { limit, bytesMax }: { limit: number; bytesMax: number }): Promise<TakenIds> {
  const firstId = await firstDue(trx);
  const { rows } = await sql<{ delivery_id: string; attempts: number; bytes: number }>`
    select delivery_id, attempts, octet_length(body) as bytes from delivery
    where state = 'received' and next_attempt_at <= now() and delivery_id >= ${firstId}::uuid
    order by next_attempt_at limit ${limit} for update skip locked`.execute(trx);
  let bytes = 0;
  const taken = rows.filter((row, index) => (bytes += row.bytes) <= bytesMax || index === 0);
  const ids = (isFailing: boolean) => taken.flatMap((row) => (row.attempts > 0 === isFailing ? [row.delivery_id] : []));
  return { fresh: ids(false), failing: ids(true) };
}

/**
 * Reads these deliveries where they are still to be processed, locked, without those that somebody
 * else is processing.
 */
export async function readTaken(trx: Transaction<DB>, deliveryIds: readonly string[]): Promise<TakenDelivery[]> {
  const { rows } = await sql<TakenDelivery>`
    select ${TAKEN_COLUMNS} from delivery where delivery_id = any(${deliveryIds}::uuid[]) and state = 'received'
    order by delivery.received_at, delivery_id for update skip locked`.execute(trx);
  return rows;
}

/** What is processed of a delivery, as columns. */
export const TAKEN_COLUMNS = sql`delivery_id, source_id, merchant_id, origin, body, headers, clock_skew_seconds, untimed_at, content_hashes,
  coalesce((headers ->> 'fetched-at')::timestamptz, received_at) as received_at`;

/** How the times of a delivery are read from now on. */
export interface KeptTimes {
  deliveryId: string;
  clockSkewSeconds: number | null;
  isAhead: boolean;
  untimedAt: Date | null;
}

/**
 * Keeps how the times of deliveries are read, so that a replay and an audit read them in the same
 * way.
 */
export async function keepTimes(trx: Transaction<DB>, kept: readonly KeptTimes[]): Promise<void> {
  if (kept.length === 0) return;
  await sql`
    update delivery set clock_skew_seconds = told.clock_skew_seconds, is_ahead = told.is_ahead, untimed_at = told.untimed_at
    from ${unnestOf(
      kept,
      {
        delivery_id: ['uuid', (one) => one.deliveryId],
        clock_skew_seconds: ['int', (one) => one.clockSkewSeconds],
        is_ahead: ['boolean', (one) => one.isAhead],
        untimed_at: ['timestamptz', (one) => one.untimedAt],
      },
      'told',
    )}
    where delivery.delivery_id = told.delivery_id and ${amongMonthsOf(kept)}`.execute(trx);
}

/** How a delivery ended for now. */
export interface DeliveryOutcome {
  deliveryId: string;
  state: Exclude<DeliveryState, 'received'>;
  /** How many canonical reports it became. */
  reports: number | null;
  reason: string | null;
  waitsFor: string | null;
  error: string | null;
}

export const ERROR_LENGTH_MAX = 4000;

export async function finishDeliveries(trx: Transaction<DB>, outcomes: readonly DeliveryOutcome[], now: Date): Promise<void> {
  if (outcomes.length === 0) return;
  await sql`
    update delivery set state = told.state, reports = told.reports, reason = told.reason, waits_for = told.waits_for, error = told.error,
      finished_at = ${now}
    from ${unnestOf(
      outcomes,
      {
        delivery_id: ['uuid', (one) => one.deliveryId],
        state: ['text', (one) => one.state],
        reports: ['int', (one) => one.reports],
        reason: ['text', (one) => one.reason],
        waits_for: ['text', (one) => one.waitsFor],
        error: ['text', (one) => one.error?.slice(0, ERROR_LENGTH_MAX) ?? null],
      },
      'told',
    )}
    where delivery.delivery_id = told.delivery_id and ${amongMonthsOf(outcomes)}`.execute(trx);
}

/**
 * That a delivery is one of these. Said beside a join, it lets the planner see in whose partitions
 * they lie: a join alone would be planned for every month that is kept.
 */
function amongMonthsOf(deliveries: readonly { deliveryId: string }[]): RawBuilder<boolean> {
  return sql<boolean>`delivery.delivery_id = any(${deliveries.map((one) => one.deliveryId)}::uuid[])`;
}

/** Which merchants of these ids exist. */
export async function merchantsAmong(db: Kysely<DB>, merchantIds: readonly string[]): Promise<Set<string>> {
  if (merchantIds.length === 0) return new Set();
  const rows = await db.selectFrom('merchant').select('merchant_id').where('merchant_id', 'in', merchantIds).execute();
  return new Set(rows.map((row) => row.merchant_id));
}
