// The award that a claim is about: the decisions that stand, whom they credit, and the order
// awarded anew in the claim's own transaction.
import { sql, type Kysely, type Transaction } from 'kysely';
import { awardOrders, type AwardDeps } from '../commission/award/award.ts';
import { takeOrders } from '../commission/award/award-store.ts';
import type { StandingDecision } from '../commission/award/standing-award.ts';
import { readDecisions } from '../commission/award/decision-store.ts';
import { markDue } from '../commission/award/due-store.ts';
import { readExplanations, sharedOf } from '../commission/award/explanation-text.ts';
import type { ExplainedLine } from '../core/explanation.ts';
import { accountCache } from '../ledger/booking-store.ts';
import { relativesOf } from '../orders/merge-store.ts';
import type { DB } from '../platform/postgres/tables.ts';

/** A decided line with its explanation read. */
interface ExplainedDecision extends Omit<StandingDecision, 'explanation'> {
  explained: ExplainedLine;
}

export interface ClaimedAward {
  /** Null where the order was never awarded. */
  revision: number | null;
  lines: ExplainedDecision[];
}

/** The standing award of an order, as far as it is about the claimed line; null: all its lines. */
export async function readClaimedAward(db: Kysely<DB>, orderKey: bigint, lineId: string | null): Promise<ClaimedAward> {
  const head = await db.selectFrom('award').select('revision').where('order_key', '=', orderKey).executeTakeFirst();
  if (head === undefined) return { revision: null, lines: [] };
  const decided = await readDecisions(db, [[orderKey, head.revision]]);
  const all = decided.get(orderKey) ?? [];
  const { lineOf } = readExplanations(sharedOf(all));
  const lines = all.filter((line) => lineId === null || line.line_id === lineId);
  return { revision: head.revision, lines: lines.map(({ explanation, ...line }) => ({ ...line, explained: lineOf(explanation) })) };
}

/**
 * Awards an order anew and at once. It is marked first, which waits for whoever awards it just now;
 * so of two who award one order the second sees what the first has booked.
 */
export async function awardAnew(trx: Transaction<DB>, orderKey: bigint, now: Date, award: Omit<AwardDeps, 'accounts'>): Promise<void> {
  await markDue(trx, [orderKey], now);
  // The accounts that are found here are not remembered: the request may run in a savepoint, and
  // what is opened there may roll back.
  await awardOrders(trx, await takeOrders(trx, [orderKey]), now, { ...award, accounts: accountCache() });
}

/** Marks the orders due whose award reads this order's evidence: the parts of a split one. */
export async function markRelativesDue(trx: Transaction<DB>, orderKey: bigint, now: Date): Promise<void> {
  const order = await trx
    .selectFrom('orders')
    .select(['order_key as orderKey', 'merchant_id as merchantId', 'source_id as sourceId', 'order_id as orderId'])
    .where('order_key', '=', orderKey)
    .executeTakeFirstOrThrow();
  await markDue(trx, await relativesOf(trx, [{ ...order, changed: true, parentOrderId: null, formerParentId: null }]), now);
}

const EARNABLE: ReadonlySet<string> = new Set(['attributed', 'unattributed', 'no_rule']);

/**
 * The lines that somebody may be credited with; the others are void, held, not commissionable, or
 * another order earns in their place.
 */
export function earnableLines({ lines }: ClaimedAward): ExplainedDecision[] {
  return lines.filter((line) => EARNABLE.has(line.decision));
}

/** Whom a line credits, whether or not a rule pays for it. */
export function winnersOf({ explained }: ExplainedDecision): string[] {
  return explained.winners.map((winner) => winner.promoter_id);
}

/** Whether every line that can be anybody's is credited to the promoter, wholly or in part. */
export function isCredited(standing: ClaimedAward, promoterId: string): boolean {
  const lines = earnableLines(standing);
  return lines.length > 0 && lines.every((line) => winnersOf(line).includes(promoterId));
}

/** Whether nothing can be said of the order yet: it has no lines, or has not been paid. */
export function isPending({ lines }: ClaimedAward): boolean {
  return lines.every((line) => line.decision === 'pending');
}

/**
 * Who else has an approved claim to the same line: of the order itself, of the whole that it is a
 * part of, or of its parts.
 */
export async function findRival(trx: Transaction<DB>, orderKey: bigint, lineId: string | null): Promise<string | null> {
  const { rows } = await sql<{ claim_id: string }>`
    with own as (select * from orders where order_key = ${orderKey}), kin as (
      select order_key from own
      union all
      select whole.order_key from own join orders whole on whole.merchant_id = own.merchant_id and whole.source_id = own.source_id
        and whole.order_id = own.parent_order_id and own.parent_kind = 'split'
      union all
      select part.order_key from own join orders part on part.merchant_id = own.merchant_id and part.source_id = own.source_id
        and part.parent_order_id = own.order_id and part.parent_kind = 'split'
    )
    select claim_id from kin join claim using (order_key)
    where state = 'approved' and (line_id is null or ${lineId}::text is null or line_id = ${lineId}) limit 1`.execute(trx);
  return rows[0]?.claim_id ?? null;
}
