// Publishing rules: versions are added, never changed, one publication at a time, so that two
// conflicting rules cannot pass each other.
import { sql, type Kysely, type Transaction } from 'kysely';
import { DomainError } from '../../core/errors.ts';
import { conflictsOf, scopeKey, type RuleVersion } from '../../core/rule.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readRules } from './rule-cache.ts';

/**
 * Takes the rules for this transaction and raises their revision, by which every worker learns that
 * they have changed.
 */
export async function openBook(trx: Transaction<DB>): Promise<void> {
  await sql`update rule_book set revision = revision + 1`.execute(trx);
}

/**
 * Why a version conflicts, naming the rules of the same scope, priority and time; null: it does
 * not.
 */
export async function conflictWith(db: Kysely<DB>, rule: RuleVersion): Promise<DomainError | null> {
  const rivals = conflictsOf(rule, await readRivals(db, rule));
  if (rivals.length === 0) return null;
  const names = rivals.map((rival) => `${rival.ruleId} version ${rival.version}`).join(', ');
  return new DomainError('rule_conflict', `Same scope, same priority and overlapping time: ${names}. Give one of them another priority.`);
}

/** Adds a version that conflicts with none, in an open book. */
export async function addVersion(trx: Transaction<DB>, rule: RuleVersion, now: Date): Promise<void> {
  if (rule.version === 1) await trx.insertInto('rule').values({ rule_id: rule.ruleId, made_at: now }).execute();
  await trx
    .insertInto('rule_version')
    .values({
      rule_id: rule.ruleId,
      version: rule.version,
      name: rule.name,
      scope: JSON.stringify(rule.scope),
      scope_key: scopeKey(rule.scope),
      priority: rule.priority,
      effective_from: rule.effectiveFrom,
      effective_to: rule.effectiveTo,
      plan: JSON.stringify(rule.plan),
      recorded_at: now,
    })
    .execute();
}

/**
 * All versions of the rules that have one of the same scope and priority: a later version of theirs
 * may have moved away.
 */
async function readRivals(db: Kysely<DB>, rule: RuleVersion): Promise<RuleVersion[]> {
  const rivals = await db
    .selectFrom('rule_version')
    .select('rule_id')
    .distinct()
    .where('scope_key', '=', scopeKey(rule.scope))
    .where('priority', '=', rule.priority)
    .where('rule_id', '<>', rule.ruleId)
    .execute();
  return readRules(
    db,
    rivals.map((rival) => rival.rule_id),
  );
}

/** Every version of one rule, the first one first. Throws `not_found`. */
export async function findVersions(db: Kysely<DB>, ruleId: string): Promise<RuleVersion[]> {
  const versions = await readRules(db, [ruleId]);
  if (versions.length === 0) throw new DomainError('not_found', `There is no rule ${ruleId}.`);
  return versions;
}

/** Ends a rule for good, in an open book. Throws `rule_ended` when it was ended before. */
export async function endRule(trx: Transaction<DB>, ruleId: string, at: Date, now: Date): Promise<void> {
  const ended = await trx
    .insertInto('rule_end')
    .values({ rule_id: ruleId, ends_at: at, recorded_at: now })
    .onConflict((conflict) => conflict.column('rule_id').doNothing())
    .returning('rule_id')
    .executeTakeFirst();
  if (ended === undefined) throw new DomainError('rule_ended', `The rule ${ruleId} was ended before.`);
}

/** A page of rules by id, each with all its versions. */
export async function listRules(db: Kysely<DB>, after: string | null, limit: number): Promise<RuleVersion[][]> {
  const ids = await db
    .selectFrom('rule')
    .select('rule_id')
    .where('rule_id', '>', after ?? '')
    .orderBy('rule_id')
    .limit(limit)
    .execute();
  const versions = await readRules(
    db,
    ids.map((row) => row.rule_id),
  );
  return ids.map((row) => versions.filter((version) => version.ruleId === row.rule_id));
}
