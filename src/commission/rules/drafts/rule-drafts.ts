// Drafts of rules: a new rule or the next version of one, the end of one, and the return of an
// earlier version.
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { DomainError } from '../../../core/errors.ts';
import { checkPlan, type RuleScope } from '../../../core/plan.ts';
import { changeOf } from '../../../core/rules/rule-change.ts';
import { warningsOfEnd } from '../../../core/rules/rule-check.ts';
import { ruleBook, type RuleVersion } from '../../../core/rule.ts';
import { callerId, time } from '../../../platform/http/fields.ts';
import { faultsOf } from '../../../platform/http/problem.ts';
import type { DB } from '../../../platform/postgres/tables.ts';
import { uuidv7 } from '../../../platform/uuid.ts';
import { productsOf } from '../checked-world.ts';
import { effectiveTime } from '../rate-notice.ts';
import { readStatedRule, reversion, type NewVersion } from '../rule-body.ts';
import { readRules } from '../rule-cache.ts';
import { checkVersion, faultsOfRefusal, statedVersion } from '../rule-check-routes.ts';
import { endRuleAt, publishVersion, refusePast, versionLike, wishOfEnd } from '../rule-publication.ts';
import { findVersions, openBook } from '../rule-store.ts';
import type { DraftedChange, DraftKind, DraftSubject } from './draft-kind.ts';

export const endOfRule = z.strictObject({
  rule_id: callerId,
  at: time.nullish().meta({ description: 'As soon as it may when absent.' }),
});

export const returnOfRule = reversion.extend({ rule_id: callerId });

/** Stands for the id of a rule that is not made yet. */
const NEW_RULE = 'new';

/** A new rule, or with `rule_id` the next version of one. */
export const ruleDrafts: DraftKind = {
  kind: 'rule',
  read(stated) {
    const rule = readStatedRule(stated);
    const ruleId = 'rule_id' in rule ? rule.rule_id : null;
    const { retroactive } = rule;
    return ofVersion({ ruleId, retroactive, versionOf: (db, newId) => statedVersion(db, rule, newId) });
  },
};

/** The content of an earlier version, from a time of its own on. */
export const reversionDrafts: DraftKind = {
  kind: 'reversion',
  read(stated) {
    const { rule_id: ruleId, to_version: revertsTo, effective_from: from } = readChange(returnOfRule, stated, 'reversion');
    return ofVersion({ ruleId, retroactive: false, revertsTo, versionOf: (db) => versionLike(db, ruleId, revertsTo, from ?? null) });
  },
};

interface VersionDraft {
  /** The rule that gets a version; null: a new one. */
  ruleId: string | null;
  retroactive: boolean;
  revertsTo?: number;
  versionOf: (db: Kysely<DB>, newId: string) => Promise<NewVersion>;
}

function ofVersion({ ruleId, retroactive, revertsTo, versionOf }: VersionDraft): DraftedChange {
  const limits = { retroactive, ...(revertsTo !== undefined && { revertsTo }) };
  return {
    async subject(db) {
      const { scope } = await versionOf(db, NEW_RULE);
      if (ruleId === null) return { merchantId: scope.merchant_id ?? null, subjectId: null, version: null };
      return subjectOfRule(await findVersions(db, ruleId), scope);
    },
    async refuse(db, { now, levelsMax }) {
      const { plan, effectiveFrom } = await versionOf(db, NEW_RULE);
      checkPlan(plan, levelsMax);
      if (!retroactive && effectiveFrom !== null) refusePast(effectiveFrom, now, 'effective_from');
    },
    async check(trx, { now, levelsMax }) {
      const version = timely(await versionOf(trx, NEW_RULE), { retroactive, now });
      return checkVersion(trx, version, { now, levelsMax, retroactive });
    },
    lock: openBook,
    async publish(trx, { levelsMax, ...publisher }) {
      const version = timely(await versionOf(trx, uuidv7(publisher.now.getTime())), { retroactive, now: publisher.now });
      const body = await publishVersion(trx, version, publisher, { ...limits, levelsMax });
      return { subjectId: body.rule_id, version: body.version, body };
    },
  };
}

/** A time that has passed while the draft waited is as soon as it may be. */
function timely(version: NewVersion, { retroactive, now }: { retroactive: boolean; now: Date }): NewVersion {
  const hasPassed = version.effectiveFrom !== null && version.effectiveFrom < now;
  return hasPassed && !retroactive ? { ...version, effectiveFrom: null } : version;
}

/** The one merchant that all versions and the new scope are about. */
function subjectOfRule(versions: readonly RuleVersion[], scope?: RuleScope): DraftSubject {
  const { ruleId, version } = versions.at(-1)!;
  const scopes = [...versions.map((one) => one.scope), ...(scope === undefined ? [] : [scope])];
  const [merchantId = null, ...others] = new Set(scopes.map(({ merchant_id: id }) => id ?? null));
  return { merchantId: others.length === 0 ? merchantId : null, subjectId: ruleId, version };
}

/** The end of a rule. */
export const endDrafts: DraftKind = {
  kind: 'end',
  read(stated) {
    const { rule_id: ruleId, at = null } = readChange(endOfRule, stated, 'end');
    const atOf = (now: Date) => (at !== null && at < now ? null : at);
    return {
      subject: async (db) => subjectOfRule(await findVersions(db, ruleId)),
      async refuse(_db, { now }) {
        if (at !== null) refusePast(at, now, 'end.at');
      },
      async check(trx, { now }) {
        const wish = wishOfEnd(ruleId, atOf(now), now);
        const published = await readRules(trx);
        const last = (await findVersions(trx, ruleId)).at(-1)!;
        const { refusal, time: endsAt } = await timeOrRefusal(trx, wish);
        const change = changeOf(ruleBook(published), ruleBook(wish.applied(published, endsAt)));
        const products = await productsOf(trx, last.scope.merchant_id ?? null);
        return { errors: refusal === null ? [] : faultsOfRefusal(refusal), warnings: warningsOfEnd(change, last, now, endsAt, products) };
      },
      lock: openBook,
      async publish(trx, publisher) {
        const body = await endRuleAt(trx, ruleId, atOf(publisher.now), publisher);
        return { subjectId: ruleId, version: body.versions.at(-1)!.version, body };
      },
    };
  },
};

async function timeOrRefusal(db: Kysely<DB>, wish: ReturnType<typeof wishOfEnd>): Promise<{ refusal: DomainError | null; time: Date }> {
  try {
    return { refusal: null, time: await effectiveTime(db, wish) };
  } catch (error) {
    if (error instanceof DomainError) return { refusal: error, time: wish.stated ?? wish.now };
    throw error;
  }
}

/** Reads a change by its schema. Throws `malformed_request` with the paths below its name. */
export function readChange<Change>(schema: z.ZodType<Change>, stated: unknown, name: string): Change {
  const read = schema.safeParse(stated);
  if (read.success) return read.data;
  const errors = faultsOf(read.error).map(({ path, message }) => ({ path: path === '' ? name : `${name}.${path}`, message }));
  throw new DomainError('malformed_request', `The draft is wrong at ${errors[0]!.path}: ${errors[0]!.message}.`, { errors });
}
