// Tier programs over HTTP: stating, showing and listing them, and whom they have set tiers for.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import type { App } from '../../platform/http/app.ts';
import { callerId } from '../../platform/http/fields.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import { refuseUnreviewed } from '../../platform/keys/persons.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { stateTierProgram } from './stating-tier-program.ts';
import { showTierProgram, tierProgramAnswer, tierProgramBody, tierProgramId, tierProgramStated } from './tier-program-body.ts';
import { findTierProgram, listTierPrograms, type TierProgram } from './tier-program-store.ts';
import { listPromoterTiers, type PromoterTier } from './tier-store.ts';

const promoterTier = z
  .object({
    promoter_id: callerId,
    tier: z.string(),
    figure: z.bigint().meta({ description: 'What was counted of the month.' }),
    month: z.string().meta({ description: 'The month that was counted, YYYY-MM.' }),
    effective_from: z.date().meta({ description: 'From when the tier is in force.' }),
  })
  .meta({ id: 'PromoterTier' });

const showTier = (one: PromoterTier): z.output<typeof promoterTier> => ({
  promoter_id: one.promoterId,
  tier: one.tier,
  figure: one.figure,
  month: one.month,
  effective_from: one.effectiveFrom,
});

const tags = ['programs'];
const path = z.object({ program_id: tierProgramId });
const place = z.tuple([callerId]);

async function programOf(db: Kysely<DB>, programId: string): Promise<TierProgram> {
  const program = await findTierProgram(db, programId);
  if (program === null) throw new DomainError('not_found', `There is no tier program ${programId}.`);
  return program;
}

/** PUT and GET /v1/tier-programs/{program_id}, the list, and the tiers that a program has set. */
export function tierProgramRoutes(app: App, { db, reviewRequired }: { db: Kysely<DB>; reviewRequired: boolean }): void {
  app.put('/v1/tier-programs/:program_id', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'tierPrograms.put',
      tags,
      summary: 'Let tiers be set by what promoters sell',
      description:
        'At the end of every month, by the merchant’s zone, what each promoter has won and kept in it sets its tier of the next, from the ' +
        'first instant of that on. Rules of a tier are matched with the tier that the merchant’s program has set, else the one of the ' +
        'program of all merchants, else the one stated with the promoter. Lines that were decided before stay, and what comes late changes ' +
        'no tier. A merchant has one program. Changed terms count from the next decision on.',
      params: path,
      body: tierProgramBody,
      response: {
        200: tierProgramAnswer,
        201: tierProgramAnswer,
        ...problems('review_required', 'unknown_merchant', 'program_conflict', 'conflict', 'unprocessable'),
      },
    },
    handler: async ({ params, body: stated, actor }, reply) => {
      refuseUnreviewed({ reviewRequired });
      const wanted = tierProgramStated(params.program_id, stated);
      const { program, made } = await inTransaction(db, ({ trx, now }) => stateTierProgram(trx, wanted, { actor, now }));
      return reply.code(made ? 201 : 200).send(showTierProgram(program));
    },
  });

  readingRoutes(app, db);
}

function readingRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/tier-programs/:program_id', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'tierPrograms.get',
      tags,
      summary: 'One tier program',
      description: 'With its latest terms, and when it decides next.',
      params: path,
      response: { 200: tierProgramAnswer, ...problems('not_found') },
    },
    handler: async ({ params }) => showTierProgram(await programOf(db, params.program_id)),
  });

  app.get('/v1/tier-programs', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'tierPrograms.list',
      tags,
      summary: 'Tier programs, by id',
      description: 'Each with its latest terms.',
      querystring: pageQuery.extend({ merchant_id: callerId.optional().meta({ description: 'Of this merchant.' }) }),
      response: { 200: pageOf(tierProgramAnswer) },
    },
    handler: async ({ query: { limit, cursor, merchant_id: merchantId = null } }) => {
      const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
      return toPage(await listTierPrograms(db, { merchantId, after, limit }), limit, showTierProgram, ({ programId }) => [programId]);
    },
  });

  app.get('/v1/tier-programs/:program_id/tiers', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'tierPrograms.tiers',
      tags,
      summary: 'The tiers that a program has set, by promoter',
      description: 'Those of the period that was decided last, each with the figure that has set it.',
      params: path,
      querystring: pageQuery.extend({ promoter_id: callerId.optional().meta({ description: 'Of this promoter.' }) }),
      response: { 200: pageOf(promoterTier), ...problems('not_found') },
    },
    handler: async ({ params, query: { limit, cursor, promoter_id: promoterId = null } }) => {
      const { programId } = await programOf(db, params.program_id);
      const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
      return toPage(await listPromoterTiers(db, programId, { promoterId, after, limit }), limit, showTier, (one) => [one.promoterId]);
    },
  });
}
