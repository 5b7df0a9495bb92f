// What a rehearsal would change: rules as they would be published or ended, and how a merchant
// attributes. Pure: the rules and policies with the changes in them.

import { z } from 'zod';

import { DomainError, type Fault } from '../../core/errors.ts';
import { checkPlan } from '../../core/plan.ts';
import { policySchema, type Policy } from '../../core/policy.ts';
import { conflictsOf, type RuleVersion } from '../../core/rule.ts';
import type { Campaign } from '../campaigns/campaign.ts';
import { campaignStated, campaignTerms } from '../campaigns/campaign-body.ts';
import { callerId, time } from '../../platform/http/fields.ts';
import { newRule, nextVersion, readTerms } from '../rules/rule-body.ts';

const ended = z.strictObject({
  end: callerId.meta({ description: 'The rule that is ended.' }),
  at: time.nullish().meta({ description: 'From when on, where that lies inside the period; else for all of it.' }),
});
const attributed = z.strictObject({
  merchant_id: callerId,
  attribution: policySchema.meta({ description: 'All of the policy: what is left out takes its default.' }),
});
const versioned = nextVersion.extend({ rule_id: callerId.meta({ description: 'The rule of which it is the next version.' }) });
const campaigned = z.strictObject({
  campaign: campaignTerms.meta({ description: 'All terms of a campaign: of a new one, or of one that is there.' }),
});

/**
 * One change. Which kind it is, is told by the key that only that kind has; without any it is a new
 * rule.
 */
export const changeSchema = z.union([newRule, versioned, ended, attributed, campaigned]);

type Change = z.output<typeof changeSchema>;

const KINDS = [
  ['end', ended],
  ['attribution', attributed],
  ['campaign', campaigned],
  ['rule_id', versioned],
] as const;

/**
 * Reads the change at this place. Throws as a publication does, `malformed_request` or
 * `invalid_plan`, with the path from the place on.
 */
export function readChange(value: unknown, place: number): Change {
  const found = KINDS.find(([key]) => typeof value === 'object' && value !== null && key in value);
  try {
    return readTerms<Change>(found?.[1] ?? newRule, value);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const errors = error.errors.map(({ path, message }) => ({ path: `changes.${place}${path === '' ? '' : `.${path}`}`, message }));
    throw new DomainError(error.code, error.message, { errors });
  }
}

/** From when until when the orders were attributed that are looked at. */
interface Period {
  from: Date;
  to: Date;
}

/** The rules as they would be, and the policies of merchants that would be others. */
export interface Changed {
  versions: readonly RuleVersion[];
  policies: ReadonlyMap<string, Policy>;
  /** The campaigns that would be other ones, each with those terms alone. */
  campaigns: readonly Campaign[];
}

/** What changes are applied to. */
interface Standing {
  /** All versions of all rules. */
  versions: readonly RuleVersion[];
  /** When rules were ended for good, of those that were. */
  ends: ReadonlyMap<string, Date>;
  /** All campaigns. */
  campaigns: readonly Campaign[];
  period: Period;
  levelsMax: number;
  now: Date;
}

/**
 * The rules and policies with the changes in them, each as if it had been in force at the
 * attribution time of every order: a time that a change states counts where it lies inside the
 * period, else the change counts for all of it. Changes build on those before them. Throws what
 * publishing would, with the path of the change: what `checkPlan` throws, `rule_ended`,
 * `rule_conflict`, `unprocessable` for an empty time in force; beside that `not_found` for a rule
 * that is not there. What is spent of a budget is no hindrance: it is replayed.
 */
export function applyChanges(changes: readonly Change[], standing: Standing): Changed {
  let { versions } = standing;
  const policies = new Map<string, Policy>();
  const campaigns = new Map<string, Campaign>();
  for (const [place, change] of changes.entries()) {
    if ('end' in change) versions = endRule(versions, change, standing.period);
    else if ('attribution' in change) policies.set(change.merchant_id, change.attribution);
    else if ('campaign' in change) {
      campaigns.set(change.campaign.campaign_id, restated(change.campaign, `changes.${place}.campaign`, standing));
    } else versions = addStated(versions, stateVersion(change, `changes.${place}`, { ...standing, versions }), `changes.${place}`);
  }
  return { versions, policies, campaigns: [...campaigns.values()] };
}

/** A campaign as if it had never had other terms; its pauses stay. */
function restated(
  { campaign_id: campaignId, ...body }: z.output<typeof campaignTerms>,
  path: string,
  { campaigns, now }: Standing,
): Campaign {
  const { terms, merchantId, currency } = campaignStated(campaignId, body);
  if (terms.endsAt <= terms.startsAt) throw refusal('unprocessable', `${path}.ends_at`, 'ends_at must lie after starts_at.');
  const before = campaigns.find((one) => one.campaignId === campaignId);
  if (before !== undefined && (before.merchantId !== merchantId || before.currency !== currency)) {
    throw refusal('conflict', path, 'A campaign stays that of its merchant, in its currency.');
  }
  const version = { ...terms, version: (before?.versions.at(-1)!.version ?? 0) + 1, effectiveFrom: terms.startsAt, recordedAt: now };
  return { campaignId, merchantId, currency, madeAt: now, versions: [version], pauses: before?.pauses ?? [] };
}

function refusal(code: 'conflict' | 'unprocessable' | 'rule_ended' | 'rule_conflict', path: string, message: string): DomainError {
  const errors: Fault[] = [{ path, message }];
  return new DomainError(code, message, { errors });
}

function endRule(versions: readonly RuleVersion[], { end, at }: z.output<typeof ended>, period: Period): RuleVersion[] {
  lastVersion(versions, end);
  const until = insideOr(at, period);
  return versions.map((rule) => (rule.ruleId === end ? cut(rule, until) : rule));
}

/** A version that is in force no longer than that; one that would begin later never is. */
function cut(rule: RuleVersion, until: Date): RuleVersion {
  return rule.effectiveTo !== null && rule.effectiveTo <= until ? rule : { ...rule, effectiveTo: until };
}

const isInside = (at: Date | null | undefined, { from, to }: Period): at is Date => at != null && at > from && at < to;

/** The time that a change states, where it lies inside the period; else the period's beginning. */
const insideOr = (stated: Date | null | undefined, period: Period): Date => (isInside(stated, period) ? stated : period.from);

function lastVersion(versions: readonly RuleVersion[], ruleId: string): RuleVersion {
  const own = versions.filter((rule) => rule.ruleId === ruleId).toSorted((a, b) => b.version - a.version);
  if (own[0] === undefined) throw new DomainError('not_found', `There is no rule ${ruleId}.`);
  return own[0];
}

interface StatedVersion {
  /** As it is rehearsed. */
  rule: RuleVersion;
  /** As it would be published. */
  published: RuleVersion;
}

function stateVersion(
  change: Extract<Change, { effective_from?: unknown }>,
  at: string,
  { versions, ends, period, levelsMax, now }: Standing,
): StatedVersion {
  const last = 'rule_id' in change ? lastVersion(versions, change.rule_id) : null;
  const { name = last?.name, scope = last?.scope, priority = last?.priority, plan = last?.plan } = change;
  const terms = { name: name!, scope: scope!, priority: priority!, plan: plan! };
  checkPlan(terms.plan, levelsMax, `${at}.plan`);
  // No rule that was published has such an id.
  const id = { ruleId: last?.ruleId ?? at, version: (last?.version ?? 0) + 1 };
  const [from, to] = [change.effective_from ?? now, change.effective_to ?? null];
  if (to !== null && to <= from) throw refusal('unprocessable', `${at}.effective_to`, 'effective_to must lie after effective_from.');
  const end = ends.get(id.ruleId) ?? null;
  if (end !== null && from >= end) throw refusal('rule_ended', at, `The rule ${id.ruleId} ends at ${end.toISOString()}.`);
  const rule = {
    ...id,
    ...terms,
    effectiveFrom: insideOr(change.effective_from, period),
    effectiveTo: [to, end].find((one) => isInside(one, period)) ?? null,
  };
  return { rule, published: { ...rule, effectiveFrom: from, effectiveTo: to } };
}

/**
 * The versions with a stated one among them. Where another rule of its scope and priority was in
 * force before the stated one is meant to begin, the stated one takes over from it.
 */
function addStated(versions: readonly RuleVersion[], { rule, published }: StatedVersion, at: string): RuleVersion[] {
  const rivals = conflictsOf(published, versions);
  if (rivals.length > 0) {
    const names = rivals.map((rival) => `${rival.ruleId} version ${rival.version}`).join(', ');
    throw refusal('rule_conflict', at, `Same scope, same priority and overlapping time: ${names}.`);
  }
  const earlier = new Set(conflictsOf(rule, versions));
  return [...versions.map((other) => (earlier.has(other) ? cut(other, rule.effectiveFrom) : other)), rule];
}
