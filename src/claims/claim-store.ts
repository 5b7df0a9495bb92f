// The rows of claims, and the orders that they name.
import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';
import type { DB } from '../platform/postgres/tables.ts';
import type { Claim, ClaimState } from './claim.ts';
import type { ClaimContext } from './claim-context.ts';

interface ClaimRow {
  claim_id: string;
  promoter_id: string;
  merchant_id: string;
  source_id: string | null;
  order_id: string;
  line_id: string | null;
  order_key: bigint | null;
  evidence: string;
  state: ClaimState;
  made_at: Date;
  due_at: Date;
  gathered: ClaimContext | null;
  revision_before: number | null;
  revision_after: number | null;
  decided_at: Date | null;
  decided_by: string | null;
  reason: string | null;
}

const CLAIM = sql`claim_id, promoter_id, merchant_id, source_id, order_id, line_id, order_key, evidence, state, made_at, due_at, gathered,
  revision_before, revision_after, decided_at, decided_by, reason`;

function claimOf(row: ClaimRow): Claim {
  return {
    claimId: row.claim_id,
    promoterId: row.promoter_id,
    merchantId: row.merchant_id,
    sourceId: row.source_id,
    orderId: row.order_id,
    lineId: row.line_id,
    orderKey: row.order_key,
    evidence: row.evidence,
    state: row.state,
    madeAt: row.made_at,
    dueAt: row.due_at,
    gathered: row.gathered,
    revisionBefore: row.revision_before,
    revisionAfter: row.revision_after,
    decidedAt: row.decided_at,
    decidedBy: row.decided_by,
    reason: row.reason,
  };
}

/**
 * Holds the promoter, so that claims of one promoter are counted and made one after the other.
 * False: there is no such promoter.
 */
export async function lockPromoter(trx: Transaction<DB>, promoterId: string): Promise<boolean> {
  const { rows } = await sql`select from promoter where promoter_id = ${promoterId} for no key update`.execute(trx);
  return rows.length > 0;
}

/** When the promoter made the `nth` last claim; null where there are not so many. */
export async function timeOfClaim(db: Kysely<DB>, promoterId: string, nth: number): Promise<Date | null> {
  const { rows } = await sql<{ made_at: Date }>`
    select made_at from claim where promoter_id = ${promoterId} order by made_at desc offset ${nth - 1} limit 1`.execute(db);
  return rows[0]?.made_at ?? null;
}

/** When the promoter missed for the `nth` last time; null where there were fewer misses. */
export async function timeOfMiss(db: Kysely<DB>, promoterId: string, nth: number): Promise<Date | null> {
  const { rows } = await sql<{ missed_at: Date }>`
    select missed_at from claim_miss where promoter_id = ${promoterId} order by missed_at desc offset ${nth - 1} limit 1`.execute(db);
  return rows[0]?.missed_at ?? null;
}

/** Counts a claim that could not be made, and forgets those of more than a day ago. */
export async function noteMiss(db: Kysely<DB>, promoterId: string): Promise<void> {
  await sql`
    with old as (delete from claim_miss where promoter_id = ${promoterId} and missed_at < now() - interval '1 day')
    insert into claim_miss (promoter_id, missed_at) values (${promoterId}, now())`.execute(db);
}

/** The promoter's claim to the order that is not decided yet. */
export async function findUndecided(db: Kysely<DB>, promoterId: string, merchantId: string, orderId: string): Promise<string | null> {
  const { rows } = await sql<{ claim_id: string }>`
    select claim_id from claim
    where promoter_id = ${promoterId} and merchant_id = ${merchantId} and order_id = ${orderId} and state in ('waiting', 'open')`.execute(
    db,
  );
  return rows[0]?.claim_id ?? null;
}

/** Writes a claim as one that waits. */
export async function insertClaim(trx: Transaction<DB>, claim: Claim, madeBy: string): Promise<void> {
  await sql`
    insert into claim (claim_id, promoter_id, merchant_id, source_id, order_id, line_id, evidence, state, made_by, made_at, due_at)
    values (${claim.claimId}, ${claim.promoterId}, ${claim.merchantId}, ${claim.sourceId}, ${claim.orderId}, ${claim.lineId},
      ${claim.evidence}, 'waiting', ${madeBy}, ${claim.madeAt}, ${claim.dueAt})`.execute(trx);
}

/** What is found when a claim is taken up. */
interface TakenUp {
  orderKey: bigint;
  sourceId: string;
  gathered: ClaimContext;
  /** Null where it is left to an operator. */
  settled: { reason: string; before: number | null; after: number | null } | null;
}

export async function saveTakenUp(trx: Transaction<DB>, claimId: string, { settled, ...found }: TakenUp, now: Date): Promise<Claim> {
  const { rows } = await sql<ClaimRow>`
    update claim set order_key = ${String(found.orderKey)}::bigint, source_id = ${found.sourceId}, gathered = ${JSON.stringify(found.gathered)},
      state = ${settled === null ? 'open' : 'settled'}, decided_at = ${settled === null ? null : now}, reason = ${settled?.reason ?? null},
      revision_before = ${settled?.before ?? null}, revision_after = ${settled?.after ?? null}
    where claim_id = ${claimId} returning ${CLAIM}`.execute(trx);
  return claimOf(rows[0]!);
}

/** What an operator decides of a claim. */
interface ClaimDecision {
  state: 'approved' | 'rejected';
  decidedBy: string;
  reason: string;
  revisionBefore: number | null;
  /** The click of the buyer on which an approved claim rests. */
  click: { linkCode: string; clickedAt: Date } | null;
}

export async function saveDecision(trx: Transaction<DB>, claimId: string, ruling: ClaimDecision, now: Date): Promise<Claim> {
  const { rows } = await sql<ClaimRow>`
    update claim set state = ${ruling.state}, decided_at = ${now}, decided_by = ${ruling.decidedBy}, reason = ${ruling.reason},
      revision_before = ${ruling.revisionBefore}, link_code = ${ruling.click?.linkCode ?? null}, clicked_at = ${ruling.click?.clickedAt ?? null}
    where claim_id = ${claimId} returning ${CLAIM}`.execute(trx);
  return claimOf(rows[0]!);
}

/** Notes which award the approved claim has led to. */
export async function noteAwarded(trx: Transaction<DB>, claimId: string, revision: number | null): Promise<Claim> {
  const { rows } = await sql<ClaimRow>`
    update claim set revision_after = ${revision} where claim_id = ${claimId} returning ${CLAIM}`.execute(trx);
  return claimOf(rows[0]!);
}

export async function findClaim(db: Kysely<DB>, claimId: string): Promise<Claim | null> {
  const { rows } = await sql<ClaimRow>`select ${CLAIM} from claim where claim_id = ${claimId}`.execute(db);
  return rows[0] === undefined ? null : claimOf(rows[0]);
}

/** The claim, held against every other decision. */
export async function lockClaim(trx: Transaction<DB>, claimId: string): Promise<Claim | null> {
  const { rows } = await sql<ClaimRow>`select ${CLAIM} from claim where claim_id = ${claimId} for update`.execute(trx);
  return rows[0] === undefined ? null : claimOf(rows[0]);
}

interface ClaimFilter {
  state: ClaimState | null;
  promoterId: string | null;
  merchantId: string | null;
}

/** A page of claims, the newest first. */
export async function listClaims(db: Kysely<DB>, filter: ClaimFilter, before: string | null, limit: number): Promise<Claim[]> {
  const conditions: RawBuilder<unknown>[] = [sql`true`];
  if (before !== null) conditions.push(sql`claim_id < ${before}::uuid`);
  if (filter.state !== null) conditions.push(sql`state = ${filter.state}`);
  if (filter.promoterId !== null) conditions.push(sql`promoter_id = ${filter.promoterId}`);
  if (filter.merchantId !== null) conditions.push(sql`merchant_id = ${filter.merchantId}`);
  const { rows } = await sql<ClaimRow>`
    select ${CLAIM} from claim where ${sql.join(conditions, sql` and `)} order by claim_id desc limit ${limit}`.execute(db);
  return rows.map(claimOf);
}

/** An order that a claim names. */
export interface NamedOrder {
  orderKey: bigint;
  merchantId: string;
  sourceId: string;
  attributionAt: Date | null;
}

interface NamedRow {
  order_key: bigint;
  merchant_id: string;
  source_id: string;
  attribution_at: Date | null;
}

/**
 * The orders of this id: of the merchant, from any source where none is named; or of that source,
 * whosesoever. Two are one too many.
 */
export async function findNamedOrders(
  db: Kysely<DB>,
  { orderId, merchantId, sourceId }: { orderId: string; merchantId: string | null; sourceId: string | null },
): Promise<NamedOrder[]> {
  const conditions = [sql`order_id = ${orderId}`];
  if (merchantId !== null) conditions.push(sql`merchant_id = ${merchantId}`);
  if (sourceId !== null) conditions.push(sql`source_id = ${sourceId}`);
  const { rows } = await sql<NamedRow>`
    select order_key, merchant_id, source_id, attribution_at from orders
    where ${sql.join(conditions, sql` and `)} order by order_key limit 2`.execute(db);
  return rows.map(namedOf);
}

const namedOf = (row: NamedRow): NamedOrder => {
  return { orderKey: row.order_key, merchantId: row.merchant_id, sourceId: row.source_id, attributionAt: row.attribution_at };
};

/** Holds the order, so that its claims are decided one after the other. */
export async function lockOrder(trx: Transaction<DB>, orderKey: bigint): Promise<NamedOrder> {
  const { rows } = await sql<NamedRow>`
    select order_key, merchant_id, source_id, attribution_at from orders where order_key = ${String(orderKey)}::bigint
    for no key update`.execute(trx);
  return namedOf(rows[0]!);
}

/**
 * Claims whose orders have come and stand awarded by now, the oldest first, each with the order
 * that came first. What is still due for the award is left for when that is done.
 */
export async function findArrived(db: Kysely<DB>, limit: number): Promise<{ claimId: string; orderKey: bigint }[]> {
  const { rows } = await sql<{ claim_id: string; order_key: bigint }>`
    select claim_id, arrived.order_key from claim, lateral (
      select orders.order_key from orders join award using (order_key)
      where orders.merchant_id = claim.merchant_id and orders.order_id = claim.order_id
        and (claim.source_id is null or orders.source_id = claim.source_id)
        and award.attribution_at is not null and decisions <> '{}' and decisions <> array['pending']
        and not exists (select from award_due where award_due.order_key = orders.order_key)
      order by orders.order_key limit 1
    ) as arrived
    where state = 'waiting' order by claim.made_at limit ${limit}`.execute(db);
  return rows.map((row) => ({ claimId: row.claim_id, orderKey: row.order_key }));
}
