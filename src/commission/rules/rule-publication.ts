// Publishing and ending rules: what may be published from when on, checked, audited, and given to
// the orders that have waited for it.
import type { Transaction } from 'kysely';
import { DomainError } from '../../core/errors.ts';
import { checkPlan } from '../../core/plan.ts';
import type { RuleVersion } from '../../core/rule.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { markUnruledDue } from '../award/due-store.ts';
import { showRule, showVersion } from './rule-body.ts';
import { addVersion, endRule, findVersions } from './rule-store.ts';

// A sender's own "now" is a little in the past when it arrives.
const PAST_TOLERANCE_MS = 5000;

/** By whom and when a rule is changed. */
interface Publisher {
  actor: Actor;
  now: Date;
}

interface Limits {
  retroactive: boolean;
  levelsMax: number;
}

/**
 * Checks and adds a version, in an open book. Orders that found no rule and were paid since it is
 * in force get another look; what is pinned stays. Throws what `checkPlan` throws,
 * `retroactive_not_allowed`, `unprocessable` for an empty time in force, `rule_ended`,
 * `rule_conflict`.
 */
export async function publishVersion(trx: Transaction<DB>, rule: RuleVersion, { actor, now }: Publisher, limits: Limits) {
  checkPlan(rule.plan, limits.levelsMax);
  if (!limits.retroactive) refusePast(rule.effectiveFrom, now, 'effective_from');
  if (rule.effectiveTo !== null && rule.effectiveTo <= rule.effectiveFrom) {
    const errors = [{ path: 'effective_to', message: 'must lie after effective_from' }];
    throw new DomainError('unprocessable', 'effective_to must lie after effective_from.', { errors });
  }
  await refuseEnded(trx, rule);
  await addVersion(trx, rule, now);
  const after = { ...showVersion(rule), retroactive: limits.retroactive };
  const subject = { subjectKind: 'rule', subjectId: rule.ruleId };
  await recordChange(trx, { ...subject, actor, now, action: 'rule_published', before: null, after });
  await markUnruledDue(trx, rule.scope.merchant_id ?? null, rule.effectiveFrom, now);
  return showVersion(rule);
}

/**
 * Ends a rule for good at that time, in an open book. Throws `not_found`, `rule_ended`, and
 * `retroactive_not_allowed` for a time in the past.
 */
export async function endRuleAt(trx: Transaction<DB>, ruleId: string, at: Date, { actor, now }: Publisher) {
  const before = showRule(await findVersions(trx, ruleId));
  refusePast(at, now, 'at');
  await endRule(trx, ruleId, at, now);
  const after = showRule(await findVersions(trx, ruleId));
  await recordChange(trx, { actor, now, action: 'rule_ended', subjectKind: 'rule', subjectId: ruleId, before, after });
  return after;
}

function refusePast(at: Date, now: Date, path: string): void {
  if (at.getTime() >= now.getTime() - PAST_TOLERANCE_MS) return;
  const errors = [{ path, message: `lies before now, ${now.toISOString()}` }];
  const hint = path === 'at' ? 'a rule ends now or later' : 'a rule may reach back only with "retroactive": true';
  throw new DomainError('retroactive_not_allowed', `${path} lies in the past; ${hint}.`, { errors });
}

async function refuseEnded(trx: Transaction<DB>, { ruleId, effectiveFrom }: RuleVersion): Promise<void> {
  const end = await trx.selectFrom('rule_end').select('ends_at').where('rule_id', '=', ruleId).executeTakeFirst();
  if (end === undefined || effectiveFrom < end.ends_at) return;
  throw new DomainError('rule_ended', `The rule ${ruleId} ends at ${end.ends_at.toISOString()}, before this version would begin.`);
}
