// Publishing and ending rules: what may be published from when on, checked, audited, told, and
// given to the orders that have waited for it.
import type { Kysely, Transaction } from 'kysely';
import { DomainError } from '../../core/errors.ts';
import { checkPlan } from '../../core/plan.ts';
import type { RuleVersion } from '../../core/rule.ts';
import { announce } from '../../outbound/announce.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { markUnruledDue } from '../award/due-store.ts';
import { offerInPlace, refuseOfOffer } from './offer-places.ts';
import { effectiveTime, type BookWish } from './rate-notice.ts';
import { showRule, showVersion, type NewVersion } from './rule-body.ts';
import { ruleEnded, rulePublished } from './rule-events.ts';
import { addVersion, endRule, findVersions, conflictWith } from './rule-store.ts';

// A sender's own "now" is a little in the past when it arrives.
const PAST_TOLERANCE_MS = 5000;

/** By whom and when a rule is changed, and of which draft. */
interface Publisher {
  actor: Actor;
  now: Date;
  draftId?: string | null;
  /** Why promoters are not told before, which two persons have approved. */
  emergency?: string | null;
}

interface Limits {
  retroactive: boolean;
  levelsMax: number;
  /** The version whose content this one brings back. */
  revertsTo?: number;
}

/**
 * Checks and adds a version, in an open book. Orders that found no rule and were paid since it is
 * in force get another look; what is pinned stays. Throws what `checkPlan` throws,
 * `retroactive_not_allowed`, `unprocessable` for an empty time in force, `rule_ended`,
 * `offer_conflict`, `rule_conflict`, `notice_too_short`.
 */
export async function publishVersion(trx: Transaction<DB>, wanted: NewVersion, publisher: Publisher, limits: Limits) {
  const { actor, now, draftId = null, emergency = null } = publisher;
  checkPlan(wanted.plan, limits.levelsMax);
  const rule = { ...wanted, effectiveFrom: await timeOf(trx, wishOf(wanted, now), emergency) };
  const [refusal] = await refusalsOf(trx, rule, now, limits);
  if (refusal !== undefined) throw refusal;
  const before = rule.version === 1 ? null : showVersion((await findVersions(trx, rule.ruleId)).at(-1)!);
  await addVersion(trx, rule, now);
  const shown = showVersion(rule);
  const after = {
    ...shown,
    retroactive: limits.retroactive,
    reverts_to: limits.revertsTo,
    draft_id: draftId ?? undefined,
    emergency: emergency ?? undefined,
  };
  const subject = { subjectKind: 'rule', subjectId: rule.ruleId };
  await recordChange(trx, { ...subject, actor, now, action: 'rule_published', before: null, after });
  await announce(trx, () => [rulePublished({ before, after: shown, revertsTo: limits.revertsTo ?? null }, publisher)], now);
  await markUnruledDue(trx, rule.scope.merchant_id ?? null, rule.effectiveFrom, now);
  return shown;
}

/** The change of the book that a version is. */
export function wishOf(wanted: NewVersion, now: Date): BookWish {
  const applied = (published: readonly RuleVersion[], at: Date) => [...published, { ...wanted, effectiveFrom: at }];
  return { applied, stated: wanted.effectiveFrom, path: 'effective_from', now };
}

/** The change of the book that the end of a rule is. */
export function wishOfEnd(ruleId: string, at: Date | null, now: Date): BookWish {
  const applied = (published: readonly RuleVersion[], time: Date) =>
    published.map((one) => (one.ruleId === ruleId ? endedAt(one, time) : one));
  return { applied, stated: at, path: 'at', now };
}

function endedAt(rule: RuleVersion, at: Date): RuleVersion {
  return rule.effectiveTo !== null && rule.effectiveTo <= at ? rule : { ...rule, effectiveTo: at };
}

/** An emergency waits for nobody's notice. */
async function timeOf(trx: Transaction<DB>, wish: BookWish, emergency: string | null): Promise<Date> {
  return emergency === null ? effectiveTime(trx, wish) : (wish.stated ?? wish.now);
}

/**
 * The version that brings back the content of an earlier one. Throws `not_found`, and
 * `unprocessable` where there is no such version.
 */
export async function versionLike(db: Kysely<DB>, ruleId: string, toVersion: number, effectiveFrom: Date | null): Promise<NewVersion> {
  const versions = await findVersions(db, ruleId);
  const old = versions.find(({ version }) => version === toVersion);
  if (old === undefined) {
    const errors = [{ path: 'to_version', message: 'is no version of this rule' }];
    throw new DomainError('unprocessable', `The rule ${ruleId} has no version ${toVersion}.`, { errors });
  }
  return { ...old, version: versions.at(-1)!.version + 1, effectiveFrom, effectiveTo: null };
}

/**
 * Everything for which a version is not published, but for its plan and for the notice:
 * `retroactive_not_allowed`, `unprocessable`, `offer_conflict`, `rule_ended`, `rule_conflict`.
 */
export async function refusalsOf(
  db: Kysely<DB>,
  rule: RuleVersion,
  now: Date,
  { retroactive }: Pick<Limits, 'retroactive'>,
): Promise<DomainError[]> {
  const refusals: (DomainError | null)[] = [retroactive ? null : inPast(rule.effectiveFrom, now, 'effective_from')];
  if (rule.effectiveTo !== null && rule.effectiveTo <= rule.effectiveFrom) {
    const errors = [{ path: 'effective_to', message: 'must lie after effective_from' }];
    refusals.push(new DomainError('unprocessable', 'effective_to must lie after effective_from.', { errors }));
  }
  refusals.push(await offerInPlace(db, rule, now), await afterItsEnd(db, rule), await conflictWith(db, rule));
  return refusals.filter((one) => one !== null);
}

/**
 * Ends a rule for good at that time, or as soon as it may, in an open book. Throws `not_found`,
 * `offer_conflict` for an offer's, `rule_ended`, `notice_too_short`, and `retroactive_not_allowed`
 * for a time in the past.
 */
export async function endRuleAt(trx: Transaction<DB>, ruleId: string, stated: Date | null, publisher: Publisher) {
  const { actor, now, draftId = null, emergency = null } = publisher;
  const before = showRule(await findVersions(trx, ruleId));
  await refuseOfOffer(trx, ruleId);
  refusePast(stated ?? now, now, 'at');
  const at = await timeOf(trx, wishOfEnd(ruleId, stated, now), emergency);
  await endRule(trx, ruleId, at, now);
  const after = showRule(await findVersions(trx, ruleId));
  const recorded = { ...after, draft_id: draftId ?? undefined, emergency: emergency ?? undefined };
  await recordChange(trx, { actor, now, action: 'rule_ended', subjectKind: 'rule', subjectId: ruleId, before, after: recorded });
  await announce(trx, () => [ruleEnded({ before, at }, publisher)], now);
  return after;
}

/** Throws `retroactive_not_allowed` for a time in the past. */
export function refusePast(at: Date, now: Date, path: string): void {
  const refusal = inPast(at, now, path);
  if (refusal !== null) throw refusal;
}

function inPast(at: Date, now: Date, path: string): DomainError | null {
  if (at.getTime() >= now.getTime() - PAST_TOLERANCE_MS) return null;
  const errors = [{ path, message: `lies before now, ${now.toISOString()}` }];
  const hint = path.endsWith('at') ? 'a rule ends now or later' : 'a rule may reach back only with "retroactive": true';
  return new DomainError('retroactive_not_allowed', `${path} lies in the past; ${hint}.`, { errors });
}

async function afterItsEnd(db: Kysely<DB>, { ruleId, effectiveFrom }: RuleVersion): Promise<DomainError | null> {
  const end = await db.selectFrom('rule_end').select('ends_at').where('rule_id', '=', ruleId).executeTakeFirst();
  if (end === undefined || effectiveFrom < end.ends_at) return null;
  return new DomainError('rule_ended', `The rule ${ruleId} ends at ${end.ends_at.toISOString()}, before this version would begin.`);
}
