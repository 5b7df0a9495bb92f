// Drafts over HTTP: what changes what is earned is written by one person, approved by another, and
// published when its time has come.
import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';
import { callerId } from '../../../platform/http/fields.ts';
import type { App } from '../../../platform/http/app.ts';
import { ANSWERED_LATE } from '../../../platform/http/late-answers.ts';
import { answerOnce } from '../../../platform/http/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../../../platform/http/paging.ts';
import { checkAllButBody, problems } from '../../../platform/http/problem.ts';
import { mayActFor } from '../../../platform/keys/actor.ts';
import { inTransaction } from '../../../platform/postgres/database.ts';
import type { DB } from '../../../platform/postgres/tables.ts';
import { uuidv7 } from '../../../platform/uuid.ts';
import { offerAnswer } from '../../offers/offer-body.ts';
import { merchantAnswer } from '../../../promotion/merchants/merchant-body.ts';
import { bonusProgramAnswer } from '../../bonuses/bonus-program-body.ts';
import { tierProgramAnswer } from '../../tiers/tier-program-body.ts';
import { ruleSchema, versionSchema } from '../rule-body.ts';
import {
  approvalBody,
  draftBody,
  draftSchema,
  listedDraftSchema,
  readDraft,
  rejectionBody,
  showDraft,
  showListedDraft,
} from './draft-body.ts';
import { DRAFT_STATES, findDraft, listDrafts, type Draft } from './draft-store.ts';
import { approveDraft, changeDraft, changeOfDraft, makeDraft, publishDraft, rejectDraft, type RuleDraftDeps } from './drafting.ts';

const tags = ['rules'];
const draftPath = z.object({ draft_id: z.uuid() });

interface DraftRoutesDeps extends RuleDraftDeps {
  db: Kysely<DB>;
  nudge: (kind: 'awards') => void;
}

/** The routes under /v1/rule-drafts. */
export function draftRoutes(app: App, deps: DraftRoutesDeps): void {
  writingDrafts(app, deps);
  decidingDrafts(app, deps);
  publishingDrafts(app, deps);
  readingDrafts(app, deps);
}

const refusedDrafts = problems(
  'not_found',
  'invalid_plan',
  'referral_levels_exceeded',
  'retroactive_not_allowed',
  'program_conflict',
  'conflict',
  'offer_too_wide',
  'unprocessable',
);

function writingDrafts(app: App, deps: DraftRoutesDeps): void {
  const { db } = deps;
  app.post('/v1/rule-drafts', {
    config: { scopes: ['merchant'], roles: ['operator'] },
    schema: {
      operationId: 'ruleDrafts.make',
      tags,
      summary: 'Draft a change of what is earned',
      description:
        'A rule (with `rule_id` its next version), the end of one, the return of an earlier version, an offer, a tier or bonus program, or ' +
        'terms of a merchant. Nothing changes until another person has approved it and it is published. A merchant’s key drafts what is about that ' +
        'merchant alone.',
      body: draftBody,
      response: { 201: draftSchema, ...refusedDrafts },
    },
    validatorCompiler: checkAllButBody,
    handler: async (request, reply) => {
      const stated = readDraft(request.body);
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const by = { draftId: uuidv7(now.getTime()), actor: request.actor, now };
        return { status: 201, body: await shown(trx, deps, await makeDraft(trx, deps, stated, by), now) };
      });
    },
  });

  app.put('/v1/rule-drafts/:draft_id', {
    config: { scopes: ['merchant'], roles: ['operator'] },
    schema: {
      operationId: 'ruleDrafts.change',
      tags,
      summary: 'Write a draft anew',
      description: 'All of it. It has another hash then, and is drafted against what is there now; an approval that it had falls.',
      params: draftPath,
      body: draftBody,
      response: { 200: draftSchema, ...refusedDrafts, ...problems('draft_decided') },
    },
    validatorCompiler: checkAllButBody,
    handler: async ({ params, body, actor }) => {
      const stated = readDraft(body);
      return inTransaction(db, async ({ trx, now }) =>
        shown(trx, deps, await changeDraft(trx, deps, stated, { draftId: params.draft_id, actor, now }), now),
      );
    },
  });
}

function decidingDrafts(app: App, deps: DraftRoutesDeps): void {
  const { db } = deps;
  app.post('/v1/rule-drafts/:draft_id/approval', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'ruleDrafts.approve',
      tags,
      summary: 'Approve a draft, as another person than any who wrote it',
      description:
        'Names the hash of what was looked at, and the codes of the warnings that were seen. Where only one person may approve, that one ' +
        'may, and the audit log says so; but not an emergency.',
      params: draftPath,
      body: approvalBody,
      response: {
        200: draftSchema,
        ...problems('not_found', 'second_person_required', 'draft_changed', 'draft_decided', 'draft_stale', 'warnings_not_acknowledged'),
      },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const { params, body, actor } = request;
        const seen = { contentHash: Buffer.from(body.content_hash, 'hex'), acknowledged: body.acknowledged };
        const approved = await approveDraft(trx, deps, seen, { draftId: params.draft_id, actor, now });
        return { status: 200, body: await shown(trx, deps, approved, now) };
      }),
  });

  app.post('/v1/rule-drafts/:draft_id/rejection', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'ruleDrafts.reject',
      tags,
      summary: 'Reject a draft for good',
      description: 'Also one that was approved and is not published yet.',
      params: draftPath,
      body: rejectionBody,
      response: { 200: draftSchema, ...problems('not_found', 'draft_decided') },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const { params, body, actor } = request;
        const rejected = await rejectDraft(trx, body.reason, { draftId: params.draft_id, actor, now });
        return { status: 200, body: await shown(trx, deps, rejected, now) };
      }),
  });
}

function publishingDrafts(app: App, deps: DraftRoutesDeps): void {
  const { db, nudge } = deps;
  app.post('/v1/rule-drafts/:draft_id/publication', {
    ...ANSWERED_LATE,
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'ruleDrafts.publish',
      tags,
      summary: 'Publish an approved draft',
      description:
        'Answers what was made: the version, the ended rule, the offer, the program, or the merchant. It counts from the time that was drafted, or ' +
        'where that has passed by now, as soon as it may. What it replaces must have no newer version than when it was drafted.',
      params: draftPath,
      response: {
        201: z.union([versionSchema, ruleSchema, offerAnswer, tierProgramAnswer, bonusProgramAnswer, merchantAnswer]),
        ...problems(
          'not_found',
          'draft_decided',
          'draft_not_approved',
          'draft_stale',
          'rule_conflict',
          'offer_conflict',
          'offer_too_wide',
          'rule_ended',
          'unknown_merchant',
          'unknown_product',
          'unknown_promoter',
          'unknown_agency',
          'program_conflict',
          'conflict',
          'referral_levels_exceeded',
          'notice_too_short',
          'unprocessable',
        ),
      },
    },
    handler: async (request, reply) => {
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const by = { draftId: request.params.draft_id, actor: request.actor, now };
        return { status: 201, body: (await publishDraft(trx, deps, by)).body };
      });
      nudge('awards');
    },
  });
}

function readingDrafts(app: App, deps: DraftRoutesDeps): void {
  const { db } = deps;
  app.get('/v1/rule-drafts', {
    config: { scopes: ['merchant'] },
    schema: {
      operationId: 'ruleDrafts.list',
      tags,
      summary: 'Drafts, the newest first',
      description: 'A merchant’s key sees those that are about that merchant alone. The warnings of a draft stand where one is read.',
      querystring: pageQuery.extend({
        state: z.enum(DRAFT_STATES).optional().meta({ description: 'Of this state only.' }),
        merchant_id: callerId.optional().meta({ description: 'About this merchant only.' }),
      }),
      response: { 200: pageOf(listedDraftSchema) },
    },
    handler: async ({ query: { limit, cursor, state, merchant_id: asked }, actor }) => {
      if (asked !== undefined) mayActFor(actor, asked);
      const before = cursor === undefined ? null : decodeCursor(cursor, z.tuple([z.uuid()]))[0];
      const filter = { state: state ?? null, merchantId: asked ?? actor.merchantId };
      return toPage(await listDrafts(db, filter, { before, limit }), limit, showListedDraft, (draft) => [draft.draftId]);
    },
  });

  app.get('/v1/rule-drafts/:draft_id', {
    config: { scopes: ['merchant'] },
    schema: {
      operationId: 'ruleDrafts.get',
      tags,
      summary: 'One draft',
      description: 'What it changes, who wrote it each time, who approved it, and what is to be said of it as of now.',
      params: draftPath,
      response: { 200: draftSchema, ...problems('not_found') },
    },
    handler: ({ params, actor }) =>
      inTransaction(db, async ({ trx, now }) => {
        const draft = await findDraft(trx, params.draft_id);
        mayActFor(actor, draft.merchantId);
        return shown(trx, deps, draft, now);
      }),
  });
}

/** A draft with what is to be said of it now; of one that is decided there is nothing to say. */
async function shown(trx: Transaction<DB>, deps: RuleDraftDeps, draft: Draft, now: Date) {
  const isOpen = draft.state === 'draft' || draft.state === 'approved';
  const said = isOpen ? await changeOfDraft(deps, draft).check(trx, { now, levelsMax: deps.levelsMax }) : { errors: [], warnings: [] };
  return showDraft(draft, said);
}
