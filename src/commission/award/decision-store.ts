// Reading decisions: those that stand, and those that lines were attributed by before they were set
// aside. Set-wise.
import { sql, type Kysely } from 'kysely';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import type { PinnedBoost } from './pin.ts';
import type { StandingDecision } from './standing-award.ts';
import type { LineDecisionKind } from './decision.ts';

const DECIDED = sql`order_key, line_id, product_id, decision, evidence, promoter_id, rule_id, rule_version, quantity, paid_amount,
  refunded_amount, base, pool, shares`;
const SHOWN = sql`${DECIDED}, pinned -> 'boost' as boost`;
const DECISION = sql`${DECIDED}, pinned, explanation::text as explanation, order_explanation::text as order_explanation`;

type DecisionRow = StandingDecision & { order_key: bigint };

/** The decisions of one revision of each order. */
export async function readDecisions(
  db: Kysely<DB>,
  wanted: readonly (readonly [bigint, number])[],
): Promise<Map<bigint, StandingDecision[]>> {
  if (wanted.length === 0) return new Map();
  const { rows } = await sql<DecisionRow>`
    select ${DECISION} from ${unnestRevisions(wanted)} join decision using (order_key, revision)`.execute(db);
  return byOrder(rows);
}

/** A decision without its reasons, which may be many times as long. */
export type ShownDecision = Omit<StandingDecision, 'pinned' | 'explanation' | 'order_explanation'> & { boost: PinnedBoost | null };

/** The decisions of one revision of each order, as they are shown in lists. */
export async function readShownDecisions(
  db: Kysely<DB>,
  wanted: readonly (readonly [bigint, number])[],
): Promise<Map<bigint, ShownDecision[]>> {
  if (wanted.length === 0) return new Map();
  const { rows } = await sql<ShownDecision & { order_key: bigint }>`
    select ${SHOWN} from ${unnestRevisions(wanted)} join decision using (order_key, revision)`.execute(db);
  return byOrder(rows);
}

/**
 * What the lines of one order's revision share in their explanations; null where they share
 * nothing, as once they did.
 */
export async function readSharedExplanation(db: Kysely<DB>, orderKey: bigint, revision: number): Promise<string | null> {
  const { rows } = await sql<{ shared: string }>`
    select order_explanation::text as shared from decision
    where order_key = ${orderKey} and revision = ${revision} and order_explanation is not null`.execute(db);
  return rows[0]?.shared ?? null;
}

/** The explanations of some lines of one order's revision, by line. */
export async function readExplanationTexts(
  db: Kysely<DB>,
  { orderKey, revision, lineIds }: { orderKey: bigint; revision: number; lineIds: readonly string[] },
): Promise<Map<string, string>> {
  const { rows } = await sql<{ line_id: string; explanation: string }>`
    select line_id, explanation::text as explanation from decision
    where order_key = ${orderKey} and revision = ${revision} and line_id = any(${lineIds}::text[])`.execute(db);
  return new Map(rows.map((row) => [row.line_id, row.explanation]));
}

const unnestRevisions = (wanted: readonly (readonly [bigint, number])[]) =>
  unnestOf(wanted, { order_key: ['bigint', ([key]) => key], revision: ['int', ([, revision]) => revision] }, 'wanted');

/**
 * Decisions for which nobody earns whoever shared: when the line earns again, what it was pinned to
 * comes back.
 */
export const SET_ASIDE: ReadonlySet<LineDecisionKind> = new Set([
  'void',
  'pending',
  'duplicate_order',
  'parent_earns',
  'not_commissionable',
]);

/** What the lines of these orders were last attributed by. */
export async function readSetAside(db: Kysely<DB>, orderKeys: readonly bigint[]): Promise<Map<bigint, StandingDecision[]>> {
  if (orderKeys.length === 0) return new Map();
  const { rows } = await sql<DecisionRow>`
    select distinct on (order_key, line_id) ${DECISION} from decision
    where order_key = any(${orderKeys.map(String)}::bigint[]) and decision = 'attributed'
    order by order_key, line_id, revision desc`.execute(db);
  return byOrder(rows);
}

function byOrder<Row extends { order_key: bigint }>(rows: readonly Row[]): Map<bigint, Omit<Row, 'order_key'>[]> {
  const grouped = new Map<bigint, Omit<Row, 'order_key'>[]>();
  for (const { order_key: orderKey, ...line } of rows) {
    const lines = grouped.get(orderKey);
    if (lines === undefined) grouped.set(orderKey, [line]);
    else lines.push(line);
  }
  return grouped;
}
