// Reading decisions: those that stand, and those that lines were attributed by before they were set aside. Set-wise.
import { sql, type Kysely } from 'kysely';
import type { DB } from '../platform/tables.ts';
import type { StandingDecision } from './award-store.ts';
import type { LineDecisionKind } from './decide.ts';

const DECISION = sql`order_key, line_id, product_id, decision, evidence, promoter_id, rule_id, rule_version, quantity, paid_amount,
  refunded_amount, base, pool, shares, pinned, explanation::text as explanation`;

type DecisionRow = StandingDecision & { order_key: bigint };

/** The decisions of one revision of each order. */
export async function readDecisions(
  db: Kysely<DB>,
  wanted: readonly (readonly [bigint, number])[],
): Promise<Map<bigint, StandingDecision[]>> {
  if (wanted.length === 0) return new Map();
  const { rows } = await sql<DecisionRow>`
    select ${DECISION} from unnest(${wanted.map(([key]) => String(key))}::bigint[], ${wanted.map(([, revision]) => revision)}::int[])
      as wanted (order_key, revision) join decision using (order_key, revision)`.execute(db);
  return byOrder(rows);
}

/** Decisions for which the evidence of the line was not asked: when the order comes back, what the line was pinned to comes back. */
export const SET_ASIDE: ReadonlySet<LineDecisionKind> = new Set(['void', 'pending', 'duplicate_order', 'parent_earns']);

/** What the lines of these orders were last attributed by. */
export async function readSetAside(db: Kysely<DB>, orderKeys: readonly bigint[]): Promise<Map<bigint, StandingDecision[]>> {
  if (orderKeys.length === 0) return new Map();
  const { rows } = await sql<DecisionRow>`
    select distinct on (order_key, line_id) ${DECISION} from decision
    where order_key = any(${orderKeys.map(String)}::bigint[]) and decision = 'attributed'
    order by order_key, line_id, revision desc`.execute(db);
  return byOrder(rows);
}

function byOrder(rows: readonly DecisionRow[]): Map<bigint, StandingDecision[]> {
  const grouped = new Map<bigint, StandingDecision[]>();
  for (const { order_key: orderKey, ...line } of rows) {
    const lines = grouped.get(orderKey);
    if (lines === undefined) grouped.set(orderKey, [line]);
    else lines.push(line);
  }
  return grouped;
}
