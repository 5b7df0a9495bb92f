// Erasures in the database: who is to be forgotten, what was found of it, and whether all is looked
// through.
import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf } from '../platform/postgres/unnest.ts';
import type { Erased } from '../promotion/buyers/redaction.ts';

/** An identity of an erased buyer, with its type: of what kind its word is. */
export interface ErasedIdentity {
  type: string;
  identity: string;
}

interface NewErasure {
  erasureId: string;
  merchantId: string;
  identities: readonly ErasedIdentity[];
  madeBy: string | null;
  madeAt: Date;
}

/**
 * What is counted of an erasure, in rows of which something was replaced; `orders` are all of the
 * buyer's.
 */
const COUNTED = ['orders', 'deliveries', 'answers', 'messages', 'claims', 'log_entries'] as const;
export type Counted = (typeof COUNTED)[number];

export interface ErasureRow extends Record<Counted, number> {
  erasure_id: string;
  merchant_id: string;
  made_at: Date;
  finished_at: Date | null;
}

const SHOWN = sql`erasure_id, merchant_id, made_at, finished_at, orders, deliveries, answers, messages, claims, log_entries`;

/**
 * Stores an erasure; one of that id that is there already stays as it is. False: its merchant is
 * not here.
 */
export async function storeErasure(
  trx: Transaction<DB>,
  { erasureId, merchantId, identities, madeBy, madeAt }: NewErasure,
): Promise<boolean> {
  const { rows } = await sql`
    insert into erasure (erasure_id, merchant_id, made_by, made_at)
    select ${erasureId}::uuid, merchant_id, ${madeBy}::uuid, ${madeAt} from merchant where merchant_id = ${merchantId}
    on conflict (erasure_id) do nothing returning erasure_id`.execute(trx);
  if (rows.length === 0) return false;
  await sql`
    insert into erased_identity (identity, merchant_id, type, erasure_id)
    select distinct on (identity) identity, ${merchantId}, type, ${erasureId}::uuid
    from ${unnestOf(identities, { identity: ['uuid', (one) => one.identity], type: ['text', (one) => one.type] }, 'told')}
    order by identity, type`.execute(trx);
  return true;
}

export async function findErasure(db: Kysely<DB>, erasureId: string): Promise<ErasureRow | null> {
  const { rows } = await sql<ErasureRow>`select ${SHOWN} from erasure where erasure_id = ${erasureId}::uuid`.execute(db);
  return rows[0] ?? null;
}

/**
 * Erasures from the latest, of one merchant or of all, one more than asked for. `before` is the id
 * to go on below.
 */
export async function listErasures(
  db: Kysely<DB>,
  merchantId: string | null,
  { limit, before }: { limit: number; before: string | null },
): Promise<ErasureRow[]> {
  const { rows } = await sql<ErasureRow>`
    select ${SHOWN} from erasure
    where (${merchantId}::text is null or merchant_id = ${merchantId}) and (${before}::uuid is null or erasure_id < ${before}::uuid)
    order by erasure_id desc limit ${limit + 1}`.execute(db);
  return rows;
}

/** Which of these erasures are stored. */
export async function knownErasures(db: Kysely<DB>, erasureIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ erasure_id: string }>`
    select erasure_id from erasure where erasure_id = any(${erasureIds}::uuid[])`.execute(db);
  return new Set(rows.map((row) => row.erasure_id));
}

/** An erasure with whom it forgets. */
export interface KeptErasure {
  erasureId: string;
  merchantId: string;
  madeAt: Date;
  identities: ErasedIdentity[];
}

/**
 * Erasures with their identities, in the order of their ids; all, or those that are not finished.
 */
export async function readErasures(
  db: Kysely<DB>,
  { unfinished, after, limit }: { unfinished: boolean; after: string | null; limit: number },
): Promise<KeptErasure[]> {
  const { rows } = await sql<KeptErasure>`
    select erasure_id as "erasureId", merchant_id as "merchantId", made_at as "madeAt",
      array(select json_build_object('type', type, 'identity', identity) from erased_identity
        where erased_identity.erasure_id = erasure.erasure_id order by identity) as identities
    from erasure
    where (not ${unfinished}::boolean or finished_at is null) and (${after}::uuid is null or erasure_id > ${after}::uuid)
    order by erasure_id limit ${limit}`.execute(db);
  return rows;
}

export function erasedBuyerOf({ merchantId, identities }: KeptErasure): Erased {
  return {
    merchantId,
    types: new Set(identities.map(({ type }) => type)),
    identities: new Set(identities.map(({ identity }) => identity)),
  };
}

/**
 * Adds to a count, in the transaction of what is counted, so that a pass that is begun again counts
 * nothing twice.
 */
export async function addToCount(trx: Transaction<DB>, erasureId: string, what: Counted, more: number): Promise<void> {
  if (more === 0) return;
  await sql`update erasure set ${sql.id(what)} = ${sql.id(what)} + ${more} where erasure_id = ${erasureId}::uuid`.execute(trx);
}

/**
 * Where the transactions stand that might not know of an erasure: each of them has begun before
 * `mark`. Taken after the erasure was committed; all of them have ended once `isPast` says so.
 */
export async function markTransactions(db: Kysely<DB>): Promise<string> {
  const { rows } = await sql<{ mark: string }>`select pg_current_xact_id()::text as mark`.execute(db);
  return rows[0]!.mark;
}

export async function isPast(db: Kysely<DB>, mark: string): Promise<boolean> {
  const { rows } = await sql<{ past: boolean }>`
    select pg_snapshot_xmin(pg_current_snapshot())::text::numeric > ${mark}::numeric as past`.execute(db);
  return rows[0]!.past;
}

/**
 * Ends an erasure, unless a file that was uploaded before it is still kept: that one is dropped
 * once it is read.
 */
export async function finish(trx: Transaction<DB>, erasureId: string): Promise<boolean> {
  const { rows } = await sql`
    update erasure set orders = (
        select count(distinct order_key) from erased_identity join order_identity using (identity)
        where erased_identity.erasure_id = erasure.erasure_id
      ), finished_at = now()
    where erasure_id = ${erasureId}::uuid and finished_at is null and not exists (
      select from reconciliation left join source using (source_id)
      where exists (select from upload_part where upload_part.reconciliation_id = reconciliation.reconciliation_id)
        and reconciliation.made_at <= erasure.made_at
        and coalesce(reconciliation.merchant_id, source.merchant_id, erasure.merchant_id) = erasure.merchant_id
    ) returning erasure_id`.execute(trx);
  return rows.length > 0;
}
