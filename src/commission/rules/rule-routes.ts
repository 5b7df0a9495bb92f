// The rules over HTTP: publish, end and list them.
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { bodyExamples, callerId, time } from '../../platform/http/fields.ts';
import type { App } from '../../platform/http/app.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { cursorText, decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { checkAllButBody, problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import { effectiveRuleRoutes } from './effective-rule-routes.ts';
import { refuseUnreviewed } from '../../platform/keys/persons.ts';
import {
  firstVersion,
  newRule,
  nextVersion,
  readTerms,
  reversion,
  ruleSchema,
  showRule,
  versionAfter,
  versionSchema,
} from './rule-body.ts';
import { ruleCheckRoutes } from './rule-check-routes.ts';
import { endRuleAt, publishVersion, versionLike } from './rule-publication.ts';
import { findVersions, listRules, openBook } from './rule-store.ts';

const tags = ['rules'];
const ruleId = z.object({ rule_id: callerId });

interface RuleRoutesDeps {
  db: Kysely<DB>;
  /** How many levels of a chain may be paid, the seller being the first. */
  levelsMax: number;
  /** Whether rules are changed by drafts alone, which a second person approves. */
  reviewRequired: boolean;
  nudge: (kind: 'awards') => void;
}

/** The routes under /v1/rules. */
export function ruleRoutes(app: App, deps: RuleRoutesDeps): void {
  publishingRoutes(app, deps);
  takingBackRoutes(app, deps);
  readingRoutes(app, deps);
  ruleCheckRoutes(app, deps);
  effectiveRuleRoutes(app, deps.db);
}

/** POST /v1/rules. */
const publishing = {
  operationId: 'rules.publish',
  tags,
  summary: 'Publish version 1 of a rule',
  description:
    'A rule says for which lines it is, how large their commission is, and how that is split. It counts for ' +
    'orders whose attribution time lies at or after `effective_from`; what was decided by another rule keeps ' +
    'that one.',
  body: newRule,
  response: {
    201: versionSchema,
    ...problems(
      'rule_conflict',
      'offer_conflict',
      'invalid_plan',
      'referral_levels_exceeded',
      'retroactive_not_allowed',
      'unprocessable',
      'notice_too_short',
      'review_required',
    ),
  },
};

/** POST /v1/rules/{rule_id}/versions. */
const publishingVersions = {
  operationId: 'rules.publishVersion',
  tags,
  summary: 'Publish the next version of a rule; name, scope, priority and plan stay as they were where they are left out',
  description:
    'It replaces the version before for good from its `effective_from` on. What was decided by an earlier version keeps that one.',
  params: ruleId,
  body: nextVersion,
  response: {
    201: versionSchema,
    ...problems(
      'not_found',
      'rule_conflict',
      'offer_conflict',
      'invalid_plan',
      'referral_levels_exceeded',
      'retroactive_not_allowed',
      'rule_ended',
      'unprocessable',
      'notice_too_short',
      'review_required',
    ),
  },
};

function publishingRoutes(app: App, { db, levelsMax, reviewRequired, nudge }: RuleRoutesDeps): void {
  app.post('/v1/rules', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: publishing,
    validatorCompiler: checkAllButBody,
    handler: async (request, reply) => {
      refuseUnreviewed({ reviewRequired });
      const stated = readTerms(newRule, request.body);
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        await openBook(trx);
        const made = firstVersion(uuidv7(now.getTime()), stated);
        const limits = { retroactive: stated.retroactive, levelsMax };
        return { status: 201, body: await publishVersion(trx, made, { actor: request.actor, now }, limits) };
      });
      nudge('awards');
    },
  });

  app.post('/v1/rules/:rule_id/versions', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: publishingVersions,
    validatorCompiler: checkAllButBody,
    handler: async (request, reply) => {
      refuseUnreviewed({ reviewRequired });
      const stated = readTerms(nextVersion, request.body);
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        await openBook(trx);
        const last = (await findVersions(trx, request.params.rule_id)).at(-1)!;
        const limits = { retroactive: stated.retroactive, levelsMax };
        return { status: 201, body: await publishVersion(trx, versionAfter(last, stated), { actor: request.actor, now }, limits) };
      });
      nudge('awards');
    },
  });
}

function takingBackRoutes(app: App, { db, levelsMax, reviewRequired, nudge }: RuleRoutesDeps): void {
  app.post('/v1/rules/:rule_id/reversion', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'rules.revert',
      tags,
      summary: 'Publish the content of an earlier version again',
      description:
        'It becomes the next version, with the name, scope, priority and plan that the earlier one has, and times of its own: boundaries are ' +
        'instants, and nothing that was decided changes.',
      params: ruleId,
      body: reversion,
      response: {
        201: versionSchema,
        ...problems(
          'not_found',
          'rule_conflict',
          'offer_conflict',
          'referral_levels_exceeded',
          'retroactive_not_allowed',
          'rule_ended',
          'unprocessable',
          'notice_too_short',
          'review_required',
        ),
      },
    },
    handler: async (request, reply) => {
      refuseUnreviewed({ reviewRequired });
      const { to_version: revertsTo, effective_from: from } = request.body;
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        await openBook(trx);
        const next = await versionLike(trx, request.params.rule_id, revertsTo, from ?? null);
        const limits = { retroactive: false, levelsMax, revertsTo };
        return { status: 201, body: await publishVersion(trx, next, { actor: request.actor, now }, limits) };
      });
      nudge('awards');
    },
  });

  app.post('/v1/rules/:rule_id/end', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'rules.end',
      tags,
      summary: 'End a rule for good',
      description: 'Orders whose attribution time lies at or after it are decided by the rules that are left.',
      params: ruleId,
      body: z
        .strictObject({
          at: time.nullish().meta({ description: 'Now when absent, or as soon as the rate notice of the merchants allows.' }),
        })
        .default({})
        .meta(bodyExamples({ at: '2099-12-31T16:00:00Z' })),
      response: {
        200: ruleSchema,
        ...problems('not_found', 'offer_conflict', 'rule_ended', 'retroactive_not_allowed', 'notice_too_short', 'review_required'),
      },
    },
    handler: async (request, reply) => {
      refuseUnreviewed({ reviewRequired });
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        await openBook(trx);
        const body = await endRuleAt(trx, request.params.rule_id, request.body.at ?? null, { actor: request.actor, now });
        return { status: 200, body };
      });
    },
  });
}

function readingRoutes(app: App, { db }: RuleRoutesDeps): void {
  app.get('/v1/rules', {
    config: { scopes: ['admin', 'auditor'] },
    schema: {
      operationId: 'rules.list',
      tags,
      summary: 'All rules with all their versions',
      description: 'Ended ones too, in the order in which they were made.',
      querystring: pageQuery,
      response: { 200: pageOf(ruleSchema) },
    },
    handler: async ({ query: { limit, cursor } }) => {
      const after = cursor === undefined ? null : decodeCursor(cursor, z.tuple([cursorText]))[0];
      const rules = await listRules(db, after, limit + 1);
      return toPage(rules, limit, showRule, (versions) => [versions[0]!.ruleId]);
    },
  });

  app.get('/v1/rules/:rule_id', {
    config: { scopes: ['admin', 'auditor'] },
    schema: {
      operationId: 'rules.get',
      tags,
      summary: 'One rule with all its versions',
      description: 'The versions in their order, the first one first.',
      params: ruleId,
      response: { 200: ruleSchema, ...problems('not_found') },
    },
    handler: async ({ params }) => showRule(await findVersions(db, params.rule_id)),
  });
}
