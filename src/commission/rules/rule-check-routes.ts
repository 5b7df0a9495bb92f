// A rule looked at before it is published: why it would be refused, and what its author may not
// have meant. Nothing is written.
import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';
import { DomainError, ERROR_CODES, type ErrorCode } from '../../core/errors.ts';
import { checkPlan } from '../../core/plan.ts';
import { WARNING_CODES, warningsOf, type RuleWarning } from '../../core/rules/rule-check.ts';
import type { App } from '../../platform/http/app.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { checkAllButBody, problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import { readCheckedWorld } from './checked-world.ts';
import { effectiveTime } from './rate-notice.ts';
import { firstVersion, readStatedRule, statedRule, versionAfter, type NewVersion, type StatedRule } from './rule-body.ts';
import { readRules } from './rule-cache.ts';
import { refusalsOf, wishOf } from './rule-publication.ts';
import { findVersions } from './rule-store.ts';

/** Why something would be refused. */
export const faultSchema = z
  .object({
    code: z.enum(ERROR_CODES as [ErrorCode, ...ErrorCode[]]),
    path: z.string().meta({ description: 'Where in the rule it stands; empty: it is of the whole.' }),
    message: z.string(),
  })
  .meta({ id: 'RuleFault' });

export const warningSchema = z
  .object({
    code: z.enum(WARNING_CODES),
    path: z.string().meta({ description: 'Where in the rule it stands.' }),
    message: z.string(),
    rule_id: z.string().optional().meta({ description: 'The other rule that it is about.' }),
  })
  .meta({ id: 'RuleWarning' });

const checkAnswer = z.object({
  errors: z.array(faultSchema).meta({ description: 'Why it would be refused, each with the code of that refusal.' }),
  warnings: z.array(warningSchema).meta({ description: 'What may be meant otherwise; of one code at most twenty.' }),
});

/** POST /v1/rules/checks. */
export function ruleCheckRoutes(app: App, { db, levelsMax }: { db: Kysely<DB>; levelsMax: number }): void {
  app.post('/v1/rules/checks', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'rules.check',
      tags: ['rules'],
      summary: 'Look at a rule before it is published',
      description:
        'Answers everything for which it would be refused, and warnings: rules that go before it or that it goes before, gaps and overlaps, ' +
        'products without a rule, whom it pays less than before. Nothing is published.',
      body: statedRule,
      response: { 200: checkAnswer, ...problems('not_found', 'invalid_plan') },
    },
    validatorCompiler: checkAllButBody,
    handler: async (request, reply) => {
      const stated = readStatedRule(request.body);
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const version = await statedVersion(trx, stated, uuidv7(now.getTime()));
        const { errors, warnings } = await checkVersion(trx, version, { now, levelsMax, retroactive: stated.retroactive });
        return { status: 200, body: { errors, warnings: warnings.map(showWarning) } };
      });
    },
  });
}

/** The version that a stated rule is to become. Throws `not_found` for the next of no rule. */
export async function statedVersion(db: Kysely<DB>, stated: StatedRule, newId: string): Promise<NewVersion> {
  if (!('rule_id' in stated)) return firstVersion(newId, stated);
  const { rule_id: ruleId, ...terms } = stated;
  return versionAfter((await findVersions(db, ruleId)).at(-1)!, terms);
}

interface Check {
  now: Date;
  levelsMax: number;
  retroactive: boolean;
}

export interface RuleFault {
  code: ErrorCode;
  path: string;
  message: string;
}

/** Everything that is to be said of a version if it were published now. */
export async function checkVersion(
  trx: Transaction<DB>,
  version: NewVersion,
  { now, levelsMax, retroactive }: Check,
): Promise<{ errors: RuleFault[]; warnings: RuleWarning[] }> {
  const refusals = [refusalBy(() => checkPlan(version.plan, levelsMax))];
  let effectiveFrom = version.effectiveFrom ?? now;
  try {
    effectiveFrom = await effectiveTime(trx, wishOf(version, now));
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    refusals.push(error);
  }
  const rule = { ...version, effectiveFrom };
  refusals.push(...(await refusalsOf(trx, rule, now, { retroactive })));
  const world = await readCheckedWorld(trx, rule.scope, now);
  const warnings = warningsOf({ rule, published: await readRules(trx), now, world });
  return { errors: refusals.flatMap((refusal) => (refusal === null ? [] : faultsOfRefusal(refusal))), warnings };
}

function refusalBy(check: () => void): DomainError | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

/** A refusal as the faults that it names. */
export function faultsOfRefusal({ code, message, errors }: DomainError): RuleFault[] {
  return errors.length === 0 ? [{ code, path: '', message }] : errors.map((fault) => ({ code, ...fault }));
}

export function showWarning({ code, path, message, ruleId }: RuleWarning): z.output<typeof warningSchema> {
  return { code, path, message, ...(ruleId !== undefined && { rule_id: ruleId }) };
}
