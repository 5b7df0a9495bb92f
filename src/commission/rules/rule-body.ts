// A rule as it stands on the wire: what is read of a publication, what is refused in it, and how a
// version is answered.
import { z } from 'zod';
import { DomainError } from '../../core/errors.ts';
import { planSchema, scopeSchema } from '../../core/plan.ts';
import type { RuleOutcome, RuleVersion } from '../../core/rule.ts';
import { bodyExamples, callerId, time, words } from '../../platform/http/fields.ts';
import { faultsOf } from '../../platform/http/problem.ts';

const NAME_LENGTH_MAX = 200;
const PRIORITY_MAX = 1_000_000;

const terms = {
  name: words(NAME_LENGTH_MAX),
  scope: scopeSchema,
  priority: z.int().min(-PRIORITY_MAX).max(PRIORITY_MAX),
  effective_from: time.nullish().meta({
    description: 'Now when absent, or as soon as the rate notice of the merchants allows; in the past only with `retroactive`.',
  }),
  effective_to: time.nullish(),
  retroactive: z.boolean().default(false),
  plan: planSchema,
};

const TEN_PERCENT = {
  name: 'default 10 %',
  scope: { merchant_id: 'm1' },
  plan: {
    rate_ppm: 100_000,
    split: [
      {
        to: 'agency',
        share_ppm: 1_000_000,
        pays: [{ to: 'promoter', share_ppm: 700_000, pays: [{ to: 'upline', level: 1, share_ppm: 100_000 }] }],
      },
    ],
  },
};

export const newRule = z
  .strictObject({ ...terms, scope: terms.scope.default({}), priority: terms.priority.default(0) })
  .meta(bodyExamples(TEN_PERCENT));

/**
 * Name, scope, priority and plan stay as they were where they are left out; every version has times
 * of its own.
 */
export const nextVersion = z
  .strictObject({
    ...terms,
    name: terms.name.optional(),
    scope: terms.scope.optional(),
    priority: terms.priority.optional(),
    plan: terms.plan.optional(),
  })
  .meta(bodyExamples({ plan: { rate_ppm: 120_000, split: [{ to: 'promoter', share_ppm: 1_000_000 }] } }));

const NEXT_OF = { rule_id: callerId.meta({ description: 'The rule of which it is the next version.' }) };

/** A rule that is not published yet: version 1 of a new one, or the next of the one it names. */
export const statedRule = z
  .union([newRule, nextVersion.extend(NEXT_OF)])
  .meta({ description: 'A new rule, or with `rule_id` the next version of one.', ...bodyExamples(TEN_PERCENT) });

const nextOf = nextVersion.extend(NEXT_OF);

/**
 * What is published anew of a rule: the content of one of its versions, from a time of its own on.
 */
export const reversion = z
  .strictObject({
    to_version: z.int().min(1).meta({ description: 'The version whose content counts again.' }),
    effective_from: time.nullish().meta({ description: 'As soon as it may when absent.' }),
  })
  .meta(bodyExamples({ to_version: 1 }));

export const versionSchema = z
  .object({
    rule_id: z.string(),
    version: z.int(),
    name: z.string(),
    scope: scopeSchema,
    priority: z.int(),
    effective_from: z.date(),
    effective_to: z.date().nullable().meta({
      description: 'Until when it counts; null: until it is replaced or ended. At `effective_from`: it only ends the one before.',
    }),
    plan: planSchema,
    offer_id: z.string().nullable().meta({ description: 'The offer of its merchant that publishes it; null: it stands by itself.' }),
  })
  .meta({ id: 'RuleVersion' });

export const ruleSchema = z.object({ rule_id: z.string(), versions: z.array(versionSchema) }).meta({ id: 'Rule' });

export const outcomeSchema = z
  .object({ rule_id: z.string(), version: z.int(), name: z.string(), weight: z.int(), priority: z.int(), reason: z.string() })
  .meta({ id: 'RuleOutcome' });

const FORM_FAULTS = new Set(['invalid_type', 'invalid_union']);

/**
 * Reads a publication. Throws `malformed_request` for what is no rule at all, and `invalid_plan`
 * for a rule that only may not be published: with unknown keys anywhere, or with a wrong value in
 * its plan or scope.
 */
export function readTerms<Terms>(schema: z.ZodType<Terms>, body: unknown): Terms {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  const errors = faultsOf(read.error);
  const isRule = read.error.issues.every(({ path, code }) => {
    return code === 'unrecognized_keys' || ((path[0] === 'plan' || path[0] === 'scope') && !FORM_FAULTS.has(code));
  });
  const [{ path, message }] = errors as [(typeof errors)[number]];
  const detail = `The rule is wrong ${path === '' ? 'as a whole' : `at ${path}`}: ${message}.`;
  throw new DomainError(isRule ? 'invalid_plan' : 'malformed_request', detail, { errors });
}

/** A version to be published; without a time it takes effect as soon as it may. */
export type NewVersion = Omit<RuleVersion, 'effectiveFrom'> & { effectiveFrom: Date | null };

/** What is read of a rule that is not published yet. */
export type StatedRule = z.output<typeof newRule> | z.output<typeof nextOf>;

/**
 * Reads a rule that is not published yet, by what it states: with a `rule_id` as the next version.
 * Throws what `readTerms` throws.
 */
export function readStatedRule(body: unknown): StatedRule {
  const isNext = typeof body === 'object' && body !== null && 'rule_id' in body;
  return isNext ? readTerms(nextOf, body) : readTerms(newRule, body);
}

/** The version that a rule makes which states all of itself. */
export function firstVersion(ruleId: string, stated: z.output<typeof newRule>): NewVersion {
  return versionOf({ ...stated, ruleId, version: 1 });
}

/** The version after the last one: what is not set anew stays as that has it, but for its times. */
export function versionAfter(last: RuleVersion, stated: z.output<typeof nextVersion>): NewVersion {
  const { name = last.name, scope = last.scope, priority = last.priority, plan = last.plan } = stated;
  return versionOf({ ...stated, name, scope, priority, plan, ruleId: last.ruleId, version: last.version + 1 });
}

type RuleTerms = Pick<RuleVersion, 'ruleId' | 'version' | 'name' | 'scope' | 'priority' | 'plan'> &
  Pick<z.output<typeof nextVersion>, 'effective_from' | 'effective_to'>;

function versionOf({ ruleId, version, name, scope, priority, plan, effective_from: from, effective_to: to }: RuleTerms): NewVersion {
  return { ruleId, version, name, scope, priority, plan, effectiveFrom: from ?? null, effectiveTo: to ?? null };
}

export function showVersion({ ruleId, version, name, scope, priority, effectiveFrom, effectiveTo, plan, offerId }: RuleVersion) {
  const times = { effective_from: effectiveFrom, effective_to: effectiveTo };
  return { rule_id: ruleId, version, name, scope, priority, ...times, plan, offer_id: offerId ?? null };
}

export function showRule(versions: readonly RuleVersion[]) {
  return { rule_id: versions[0]!.ruleId, versions: versions.map(showVersion) };
}

export function showOutcome({ ruleId, version, name, weight, priority, reason }: RuleOutcome) {
  return { rule_id: ruleId, version, name, weight, priority, reason };
}
