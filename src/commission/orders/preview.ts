// What a change would do to orders: it is made, the orders are awarded, both is undone, and the
// difference is told.
import { isDeepStrictEqual } from 'node:util';
import { sql, type Kysely, type Transaction } from 'kysely';
import { accountCache } from '../../ledger/booking-store.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { awardOrders, type AwardDeps } from '../award/award.ts';
import { takeOrders } from '../award/award-store.ts';
import type { StandingDecision } from '../award/standing-award.ts';
import { readDecisions } from '../award/decision-store.ts';
import { findOpenOrders } from '../award/due-store.ts';

/**
 * Awards hold locks, and a preview holds them for nothing: what would move more orders is told of
 * the latest only.
 */
export const PREVIEWED_MAX = 50;

/** What stands of a line, as far as a preview compares it. */
export type PreviewedLine = Pick<StandingDecision, 'decision' | 'evidence' | 'promoter_id' | 'shares'>;

interface MovedLine {
  line_id: string;
  /** Null where there is no decision of the line. */
  before: PreviewedLine | null;
  after: PreviewedLine | null;
}

interface MovedOrder {
  source_id: string;
  order_id: string;
  currency: string | null;
  lines: MovedLine[];
}

export interface Preview {
  orders: MovedOrder[];
  /** False when there are more orders of these buyers than were looked at. */
  complete: boolean;
}

interface Question {
  /** Of the buyers whose orders may move: all that are one before or after the change. */
  identities: readonly string[];
  /** Makes the change and marks the orders due that it may move. */
  change: () => Promise<unknown>;
  now: Date;
  deps: Omit<AwardDeps, 'accounts'>;
}

/**
 * The orders of these buyers that the change would have decided otherwise, the latest first.
 * Everything happens behind a savepoint that is rolled back, so that nothing lasts. Orders that are
 * due already are awarded before the change is made: that they move is not its doing.
 */
export async function previewChange(trx: Transaction<DB>, { identities, change, now, deps }: Question): Promise<Preview> {
  const found = await findOpenOrders(trx, identities, PREVIEWED_MAX + 1);
  const orderKeys = found.slice(-PREVIEWED_MAX);
  // Accounts that are opened behind the savepoint must not be remembered by anybody.
  const own: AwardDeps = { ...deps, accounts: accountCache() };
  const settle = async () => {
    for (let due = await takeOrders(trx, orderKeys); due.length > 0; due = await takeOrders(trx, orderKeys)) {
      await awardOrders(trx, due, now, own);
    }
  };
  await sql`savepoint preview`.execute(trx);
  await settle();
  const before = await readStanding(trx, orderKeys);
  await change();
  await settle();
  const after = await readStanding(trx, orderKeys);
  await sql`rollback to savepoint preview`.execute(trx);
  const moved = orderKeys.toReversed().flatMap((orderKey) => movedOrder(before.get(orderKey)!, after.get(orderKey)!) ?? []);
  return { orders: moved, complete: found.length <= PREVIEWED_MAX };
}

interface StandingOrder extends Omit<MovedOrder, 'lines'> {
  order_key: bigint;
  revision: number | null;
  lines: ReadonlyMap<string, PreviewedLine>;
}

async function readStanding(db: Kysely<DB>, orderKeys: readonly bigint[]): Promise<Map<bigint, StandingOrder>> {
  const { rows } = await sql<Omit<StandingOrder, 'lines'>>`
    select order_key, source_id, order_id, coalesce(award.currency, orders.currency) as currency, revision
    from orders left join award using (order_key) where order_key = any(${orderKeys.map(String)}::bigint[])`.execute(db);
  const decided = await readDecisions(
    db,
    rows.flatMap((row) => (row.revision === null ? [] : [[row.order_key, row.revision] as const])),
  );
  return new Map(rows.map((row) => [row.order_key, { ...row, lines: linesOf(decided.get(row.order_key) ?? []) }]));
}

function linesOf(decisions: readonly StandingDecision[]): Map<string, PreviewedLine> {
  return new Map(
    decisions.map(({ line_id, decision, evidence, promoter_id, shares }) => [line_id, { decision, evidence, promoter_id, shares }]),
  );
}

function movedOrder(before: StandingOrder, after: StandingOrder): MovedOrder | null {
  const lineIds = [...new Set([...before.lines.keys(), ...after.lines.keys()])];
  const lines = lineIds.flatMap((lineId): MovedLine[] => {
    const [was, is] = [before.lines.get(lineId) ?? null, after.lines.get(lineId) ?? null];
    return isDeepStrictEqual(was, is) ? [] : [{ line_id: lineId, before: was, after: is }];
  });
  const { source_id, order_id, currency } = after;
  return lines.length === 0 ? null : { source_id, order_id, currency, lines };
}
