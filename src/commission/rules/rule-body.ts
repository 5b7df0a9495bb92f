// A rule as it stands on the wire: what is read of a publication, what is refused in it, and how a
// version is answered.
import { z } from 'zod';
import { DomainError } from '../../core/errors.ts';
import { planSchema, scopeSchema } from '../../core/plan.ts';
import type { RuleOutcome, RuleVersion } from '../../core/rule.ts';
import { bodyExamples, time, words } from '../../platform/http/fields.ts';
import { faultsOf } from '../../platform/http/problem.ts';

const NAME_LENGTH_MAX = 200;
const PRIORITY_MAX = 1_000_000;

const terms = {
  name: words(NAME_LENGTH_MAX),
  scope: scopeSchema,
  priority: z.int().min(-PRIORITY_MAX).max(PRIORITY_MAX),
  effective_from: time.nullish().meta({ description: 'Now when absent; in the past only with `retroactive`.' }),
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

export const versionSchema = z
  .object({
    rule_id: z.string(),
    version: z.int(),
    name: z.string(),
    scope: scopeSchema,
    priority: z.int(),
    effective_from: z.date(),
    effective_to: z.date().nullable(),
    plan: planSchema,
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

export function showVersion({ ruleId, version, name, scope, priority, effectiveFrom, effectiveTo, plan }: RuleVersion) {
  return { rule_id: ruleId, version, name, scope, priority, effective_from: effectiveFrom, effective_to: effectiveTo, plan };
}

export function showRule(versions: readonly RuleVersion[]) {
  return { rule_id: versions[0]!.ruleId, versions: versions.map(showVersion) };
}

export function showOutcome({ ruleId, version, name, weight, priority, reason }: RuleOutcome) {
  return { rule_id: ruleId, version, name, weight, priority, reason };
}
