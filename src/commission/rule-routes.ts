// The rules over HTTP: publish, list, end, and ask which one applies and why the others do not.
import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';
import { DomainError } from '../core/errors.ts';
import { checkPlan, planSchema, scopeSchema } from '../core/plan.ts';
import { explainRules, ruleBook, type RuleOutcome, type RuleVersion } from '../core/rule.ts';
import { recordChange } from '../platform/audit-log.ts';
import type { App } from '../platform/http.ts';
import { answerOnce } from '../platform/idempotency.ts';
import { pageOf, pageQuery, decodeCursor, encodeCursor } from '../platform/paging.ts';
import { faultsOf, problems } from '../platform/problem.ts';
import type { DB } from '../platform/tables.ts';
import { uuidv7 } from '../platform/uuid.ts';
import { callerId, time, words } from '../promotion/fields.ts';
import { markUndecidedDue } from './due-store.ts';
import { readMerchants, readProducts, readPromoters } from './facts-store.ts';
import { inForce, productKey } from './facts.ts';
import { readRules } from './rule-shelf.ts';
import { addVersion, endRule, findVersions, listRules, openBook } from './rule-store.ts';

// A sender's own "now" is a little in the past when it arrives.
const PAST_TOLERANCE_MS = 5000;
const PRIORITY_MAX = 1_000_000;

const terms = {
  name: words(200),
  scope: scopeSchema,
  priority: z.int().min(-PRIORITY_MAX).max(PRIORITY_MAX),
  effective_from: time.nullish().meta({ description: 'Now when absent; in the past only with `retroactive`.' }),
  effective_to: time.nullish(),
  retroactive: z.boolean().default(false),
  plan: planSchema,
};
const newRule = z.strictObject({ ...terms, scope: terms.scope.default({}), priority: terms.priority.default(0) });
const nextVersion = z.strictObject({
  ...terms,
  name: terms.name.optional(),
  scope: terms.scope.optional(),
  priority: terms.priority.optional(),
});

const version = z
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
const rule = z.object({ rule_id: z.string(), versions: z.array(version) }).meta({ id: 'Rule' });
const outcome = z
  .object({ rule_id: z.string(), version: z.int(), name: z.string(), weight: z.int(), priority: z.int(), reason: z.string() })
  .meta({ id: 'RuleOutcome' });

const tags = ['rules'];
const ruleId = z.object({ rule_id: callerId });

export interface RuleRoutesDeps {
  db: Kysely<DB>;
  levelsMax: number;
  nudge: (kind: 'awards') => void;
}

/** The routes under /v1/rules. */
export function ruleRoutes(app: App, { db, levelsMax, nudge }: RuleRoutesDeps): void {
  app.post('/v1/rules', {
    config: { scopes: ['admin'] },
    schema: {
      tags,
      summary: 'Publish version 1 of a rule',
      body: newRule,
      response: { 201: version, ...problems(400, 401, 403, 409, 422) },
    },
    validatorCompiler: unread,
    handler: async (request, reply) => {
      const { retroactive, ...stated } = readTerms(newRule, request.body);
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const made = { ...stated, ruleId: uuidv7(now.getTime()), version: 1 };
        return { status: 201, body: await publish(trx, versionOf(made, now), { request, now, retroactive, levelsMax }) };
      });
      nudge('awards');
    },
  });

  app.post('/v1/rules/:rule_id/versions', {
    config: { scopes: ['admin'] },
    schema: {
      tags,
      summary: 'Publish the next version of a rule; what is left out stays as it was',
      params: ruleId,
      body: nextVersion,
      response: { 201: version, ...problems(400, 401, 403, 404, 409, 422) },
    },
    validatorCompiler: ({ httpPart }) => (httpPart === 'body' ? unread() : (data: unknown) => ({ value: data })),
    handler: async (request, reply) => {
      const { retroactive, ...stated } = readTerms(nextVersion, request.body);
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        await openBook(trx);
        const last = (await findVersions(trx, request.params.rule_id)).at(-1)!;
        const { name, scope, priority } = { ...last, ...defined(stated) };
        const next = versionOf({ ...stated, name, scope, priority, ruleId: last.ruleId, version: last.version + 1 }, now);
        return { status: 201, body: await publish(trx, next, { request, now, retroactive, levelsMax }) };
      });
      nudge('awards');
    },
  });

  app.post('/v1/rules/:rule_id/end', {
    config: { scopes: ['admin'] },
    schema: {
      tags,
      summary: 'End a rule for good',
      params: ruleId,
      body: z.strictObject({ at: time.nullish() }).default({}),
      response: { 200: rule, ...problems(400, 401, 403, 404, 409, 422) },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const { rule_id: id } = request.params;
        const at = request.body.at ?? now;
        await openBook(trx);
        const before = await findVersions(trx, id);
        refusePast(at, now, false, 'at');
        await endRule(trx, id, at, now);
        const after = { rule_id: id, versions: (await findVersions(trx, id)).map(show) };
        const change = { action: 'rule_ended', subjectKind: 'rule', subjectId: id, before: before.map(show), after };
        await recordChange(trx, { ...change, actor: request.actor, now });
        return { status: 200, body: after };
      }),
  });

  app.get('/v1/rules', {
    config: { scopes: ['admin', 'auditor'] },
    schema: {
      tags,
      summary: 'All rules with all their versions',
      querystring: pageQuery,
      response: { 200: pageOf(rule), ...problems(400, 401, 403) },
    },
    handler: async ({ query: { limit, cursor } }) => {
      const after = cursor === undefined ? null : decodeCursor(cursor, z.tuple([z.string()]))[0];
      const rules = await listRules(db, after, limit + 1);
      const data = rules.slice(0, limit).map((versions) => ({ rule_id: versions[0]!.ruleId, versions: versions.map(show) }));
      return { data, next_cursor: rules.length > limit ? encodeCursor([data.at(-1)!.rule_id]) : null };
    },
  });

  app.get('/v1/rules/effective', {
    config: { scopes: ['admin', 'auditor'] },
    schema: {
      tags,
      summary: 'Which rule applies at a time, and why every other one does not',
      querystring: z.object({
        merchant_id: callerId,
        product_id: callerId.optional(),
        promoter_id: callerId.optional(),
        category: callerId.optional(),
        campaign_id: callerId.optional(),
        at: time.optional(),
      }),
      response: {
        200: z.object({ at: z.date(), winner: outcome.nullable(), losers: z.array(outcome) }),
        ...problems(400, 401, 403),
      },
    },
    handler: async ({ query }) => {
      const at = query.at ?? (await databaseNow(db));
      const outcomes = explainRules(ruleBook(await readRules(db)), await contextOf(db, query, at), at);
      const [first] = outcomes;
      const winner = first?.outcome === 'won' ? showOutcome(first) : null;
      return { at, winner, losers: outcomes.filter(({ outcome: end }) => end === 'lost').map(showOutcome) };
    },
  });

  app.get('/v1/rules/:rule_id', {
    config: { scopes: ['admin', 'auditor'] },
    schema: { tags, summary: 'One rule with all its versions', params: ruleId, response: { 200: rule, ...problems(401, 403, 404) } },
    handler: async ({ params: { rule_id: id } }) => ({ rule_id: id, versions: (await findVersions(db, id)).map(show) }),
  });
}

// The body is read by its handler, because a well-formed plan that may not be published is 422 and not 400.
const unread = () => (data: unknown) => ({ value: data });

/** Reads a rule: what is no rule at all is `malformed_request`; a known document with a fault in its plan or scope is `invalid_plan`. */
function readTerms<Terms>(schema: z.ZodType<Terms>, body: unknown): Terms {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  const errors = faultsOf(read.error);
  const isPublishingFault = read.error.issues.every(
    ({ path, code }) => (path[0] === 'plan' || path[0] === 'scope') && code !== 'invalid_type' && code !== 'invalid_union',
  );
  const detail = `The rule is wrong at ${errors[0]!.path}: ${errors[0]!.message}.`;
  throw new DomainError(isPublishingFault ? 'invalid_plan' : 'malformed_request', detail, { errors });
}

interface StatedVersion {
  ruleId: string;
  version: number;
  name: string;
  scope: RuleVersion['scope'];
  priority: number;
  effective_from?: Date | null | undefined;
  effective_to?: Date | null | undefined;
  plan: RuleVersion['plan'];
}

function versionOf({ effective_from: from, effective_to: to, ...stated }: StatedVersion, now: Date): RuleVersion {
  const { ruleId: id, version: number, name, scope, priority, plan } = stated;
  return { ruleId: id, version: number, name, scope, priority, plan, effectiveFrom: from ?? now, effectiveTo: to ?? null };
}

function defined<Terms extends object>(given: Terms): Partial<Terms> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<Terms>;
}

interface Publication {
  request: { actor: Parameters<typeof recordChange>[1]['actor'] };
  now: Date;
  retroactive: boolean;
  levelsMax: number;
}

/** Checks and adds a version, audited. One for the past also gives orders that found no rule another look; what is pinned stays. */
async function publish(trx: Transaction<DB>, candidate: RuleVersion, { request, now, retroactive, levelsMax }: Publication) {
  checkPlan(candidate.plan, levelsMax);
  refusePast(candidate.effectiveFrom, now, retroactive, 'effective_from');
  if (candidate.effectiveTo !== null && candidate.effectiveTo <= candidate.effectiveFrom) {
    throw new DomainError('unprocessable', 'effective_to must lie after effective_from.', {
      errors: [{ path: 'effective_to', message: 'must lie after effective_from' }],
    });
  }
  await openBook(trx);
  await refuseEnded(trx, candidate);
  await addVersion(trx, candidate, now);
  const after = show(candidate);
  const subject = { subjectKind: 'rule', subjectId: candidate.ruleId };
  await recordChange(trx, {
    ...subject,
    actor: request.actor,
    now,
    action: 'rule_published',
    before: null,
    after: { ...after, retroactive },
  });
  if (retroactive) await markUndecidedDue(trx, candidate.scope.merchant_id ?? null, now);
  return after;
}

function refusePast(at: Date, now: Date, retroactive: boolean, path: string): void {
  if (retroactive || at.getTime() >= now.getTime() - PAST_TOLERANCE_MS) return;
  const errors = [{ path, message: `lies before now, ${now.toISOString()}` }];
  throw new DomainError('retroactive_not_allowed', `${path} lies in the past; a rule may reach back only with "retroactive": true.`, {
    errors,
  });
}

async function refuseEnded(trx: Transaction<DB>, { ruleId: id, effectiveFrom }: RuleVersion): Promise<void> {
  const end = await trx.selectFrom('rule_end').select('ends_at').where('rule_id', '=', id).executeTakeFirst();
  if (end === undefined || effectiveFrom < end.ends_at) return;
  throw new DomainError('rule_ended', `The rule ${id} ends at ${end.ends_at.toISOString()}, before this version would begin.`);
}

async function databaseNow(db: Kysely<DB>): Promise<Date> {
  const { now } = await db.selectNoFrom((expression) => expression.fn<Date>('now').as('now')).executeTakeFirstOrThrow();
  return now;
}

interface ContextQuery {
  merchant_id: string;
  product_id?: string | undefined;
  promoter_id?: string | undefined;
  category?: string | undefined;
  campaign_id?: string | undefined;
}

/** What a line of this product and promoter would look for its rule with at that time. Throws `not_found` for an unknown merchant. */
async function contextOf(db: Kysely<DB>, query: ContextQuery, at: Date) {
  const { merchant_id: merchantId, product_id: productId = null, promoter_id: promoterId = null } = query;
  if ((await readMerchants(db, [merchantId])).size === 0) throw new DomainError('not_found', `There is no merchant ${merchantId}.`);
  const products = productId === null ? new Map() : await readProducts(db, [{ merchantId, productId }]);
  const promoters = promoterId === null ? new Map() : await readPromoters(db, [promoterId]);
  const product = inForce<{ version: number; effectiveFrom: number; category: string | null }>(
    products.get(productKey(merchantId, productId ?? '')),
    at.getTime(),
  );
  const promoter = inForce<{ version: number; effectiveFrom: number; tier: string | null; agencyId: string | null }>(
    promoters.get(promoterId ?? ''),
    at.getTime(),
  );
  return {
    merchantId,
    productId,
    promoterId,
    category: query.category ?? product?.category ?? null,
    tier: promoter?.tier ?? null,
    agencyId: promoter?.agencyId ?? null,
    campaignId: query.campaign_id ?? null,
  };
}

function show({ ruleId: id, version: number, name, scope, priority, effectiveFrom, effectiveTo, plan }: RuleVersion) {
  return { rule_id: id, version: number, name, scope, priority, effective_from: effectiveFrom, effective_to: effectiveTo, plan };
}

function showOutcome({ ruleId: id, version: number, name, weight, priority, reason }: RuleOutcome) {
  return { rule_id: id, version: number, name, weight, priority, reason };
}
