// The rules in memory. A read of one number, in the transaction that awards, says whether they are
// the latest.
import { sql, type Kysely } from 'kysely';
import type { Plan, PlanNode, RuleScope } from '../../core/plan.ts';
import { ruleBook, type RuleBook, type RuleVersion } from '../../core/rule.ts';
import type { CampaignCache } from '../campaigns/campaign-cache.ts';
import type { DB } from '../../platform/postgres/tables.ts';

/** All rules as one transaction saw them. */
export interface Rules {
  revision: bigint;
  book: RuleBook;
  versions: ReadonlyMap<string, RuleVersion>;
  /** The promoters whom plans name themselves. */
  named: readonly string[];
}

/** Where the rules and the campaigns stand that were read last. */
export interface RuleCache extends CampaignCache {
  rules: Rules | null;
}

export function emptyRuleCache(): RuleCache {
  return { rules: null, campaigns: null };
}

/**
 * The rules that this transaction sees. They are never changed, so that whoever has them may keep
 * them while the cache is filled anew.
 */
export async function currentRules(db: Kysely<DB>, cache: RuleCache): Promise<Rules> {
  const { revision } = await db.selectFrom('rule_book').select('revision').executeTakeFirstOrThrow();
  if (cache.rules?.revision === revision) return cache.rules;
  cache.rules = rulesOf(await readRules(db), revision);
  return cache.rules;
}

/** The rules that these versions make, as of this revision of the book. */
export function rulesOf(versions: readonly RuleVersion[], revision: bigint): Rules {
  return {
    revision,
    book: ruleBook(versions),
    versions: new Map(versions.map((rule) => [versionKey(rule.ruleId, rule.version), rule])),
    named: [...new Set(versions.flatMap((rule) => namedAccounts(rule.plan.split)))],
  };
}

export function findRule(rules: Rules, ruleId: string, version: number): RuleVersion {
  const rule = rules.versions.get(versionKey(ruleId, version));
  if (rule === undefined) throw new Error(`rule ${ruleId} has no version ${version}`);
  return rule;
}

const versionKey = (ruleId: string, version: number) => `${ruleId}/${version}`;

/** The promoters that a plan pays by name. */
export function namedAccounts(nodes: readonly PlanNode[]): string[] {
  return nodes.flatMap((node) => [
    ...(typeof node.to === 'object' ? [node.to.account.replace(/^promoter:/, '')] : []),
    ...namedAccounts(node.pays),
  ]);
}

interface RuleRow {
  rule_id: string;
  version: number;
  name: string;
  scope: RuleScope;
  priority: number;
  effective_from: Date;
  effective_to: Date | null;
  plan: Plan;
  offer_id: string | null;
}

/** All versions of these rules, or of all; one that was ended is in force no longer than that. */
export async function readRules(db: Kysely<DB>, ruleIds: readonly string[] | null = null): Promise<RuleVersion[]> {
  const { rows } = await sql<RuleRow>`
    select rule_id, version, name, scope, priority, effective_from, least(effective_to, ends_at) as effective_to, plan, offer_id
    from rule_version left join rule_end using (rule_id) left join offer_rule using (rule_id)
    ${ruleIds === null ? sql`` : sql`where rule_id = any(${ruleIds}::text[])`} order by rule_id, version`.execute(db);
  return rows.map((row) => ({
    ruleId: row.rule_id,
    version: row.version,
    name: row.name,
    scope: row.scope,
    priority: row.priority,
    effectiveFrom: row.effective_from,
    effectiveTo: row.effective_to,
    plan: row.plan,
    ...(row.offer_id !== null && { offerId: row.offer_id }),
  }));
}
