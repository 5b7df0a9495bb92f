// Tier programs over HTTP: stating, showing and listing them, and whom they have set tiers for.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { isCurrency } from '../../core/money.ts';
import { MEASURES } from '../../core/programs/steps.ts';
import { spanOfMonths } from '../../platform/calendar.ts';
import type { App } from '../../platform/http/app.ts';
import { bodyExamples, callerId, timeZone, words } from '../../platform/http/fields.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { stateTierProgram } from './stating-tier-program.ts';
import { findTierProgram, listTierPrograms, showTierStep, type TierProgram } from './tier-program-store.ts';
import { listPromoterTiers, type PromoterTier } from './tier-store.ts';

const TIERS_MAX = 50;
const FIGURE_MAX = 10 ** 15;

const programId = callerId.meta({ description: 'The program, by an id of yours.', example: 'tiers' });
const measure = z.enum(MEASURES).meta({
  description:
    'What is counted: what buyers paid and kept of completed lines, times the weight of the promoter, or orders with such a line.',
});
const tier = z.strictObject({
  tier: words(64).meta({ description: 'As rules name it.' }),
  at_least: z.int().min(0).max(FIGURE_MAX).meta({ description: 'The least figure of a month that sets it; 0: everybody has it.' }),
});

const body = z
  .strictObject({
    merchant_id: callerId
      .nullish()
      .meta({ description: 'Whose lines it counts, and for whose rules it counts; left out: all merchants’.' }),
    measure,
    period: z.literal('month').default('month').meta({ description: 'How long is counted.' }),
    currency: z
      .string()
      .refine(isCurrency, 'is no currency of ISO 4217')
      .nullish()
      .meta({ description: 'Of the lines that count; left out: the merchant’s, or of orders any.' }),
    tiers: z
      .array(tier)
      .min(1)
      .max(TIERS_MAX)
      .refine((tiers) => new Set(tiers.map((one) => one.tier)).size === tiers.length, 'must name each tier once')
      .refine((tiers) => new Set(tiers.map((one) => one.at_least)).size === tiers.length, 'must begin each at another figure')
      .meta({ description: 'Which tiers there are, in any order.' }),
    takes_effect: z.literal('next_period').default('next_period').meta({ description: 'From when a figure sets the tier.' }),
    time_zone: timeZone.nullish().meta({ description: 'Where the months of a program of all merchants begin, Asia/Shanghai if left out.' }),
  })
  .meta(
    bodyExamples({
      merchant_id: 'm1',
      measure: 'paid_amount',
      tiers: [
        { tier: 'silver', at_least: 100_000 },
        { tier: 'gold', at_least: 1_000_000 },
      ],
    }),
  );

const answer = z
  .object({
    program_id: programId,
    merchant_id: callerId.nullable().meta({ description: 'Null: all merchants.' }),
    measure,
    period: z.literal('month').meta({ description: 'How long is counted.' }),
    currency: z.string().nullable().meta({ description: 'Null: orders in any currency count.' }),
    tiers: z.array(tier).meta({ description: 'The lowest first.' }),
    takes_effect: z.literal('next_period').meta({ description: 'From when a figure sets the tier.' }),
    time_zone: z.string().meta({ description: 'Where its months begin: the merchant’s zone when the program was made.' }),
    decides_at: z.date().meta({ description: 'When the next month ends whose figures set tiers; in the past while that is under way.' }),
    version: z.int(),
    made_at: z.date(),
    changed_at: z.date(),
  })
  .meta({ id: 'TierProgram' });

const show = (program: TierProgram): z.output<typeof answer> => ({
  program_id: program.programId,
  merchant_id: program.merchantId,
  measure: program.measure,
  period: 'month',
  currency: program.currency,
  tiers: program.tiers.map(showTierStep),
  takes_effect: 'next_period',
  time_zone: program.timeZone,
  decides_at: spanOfMonths(program.nextMonth, program.timeZone).until,
  version: program.version,
  made_at: program.madeAt,
  changed_at: program.recordedAt,
});

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
const path = z.object({ program_id: programId });
const place = z.tuple([callerId]);

async function programOf(db: Kysely<DB>, programId: string): Promise<TierProgram> {
  const program = await findTierProgram(db, programId);
  if (program === null) throw new DomainError('not_found', `There is no tier program ${programId}.`);
  return program;
}

/** PUT and GET /v1/tier-programs/{program_id}, the list, and the tiers that a program has set. */
export function tierProgramRoutes(app: App, { db }: { db: Kysely<DB> }): void {
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
      body,
      response: { 200: answer, 201: answer, ...problems('unknown_merchant', 'program_conflict', 'conflict', 'unprocessable') },
    },
    handler: async ({ params, body: stated, actor }, reply) => {
      const wanted = {
        programId: params.program_id,
        merchantId: stated.merchant_id ?? null,
        measure: stated.measure,
        currency: stated.currency ?? null,
        tiers: stated.tiers.map((one) => ({ tier: one.tier, atLeast: BigInt(one.at_least) })),
        timeZone: stated.time_zone ?? null,
      };
      const { program, made } = await inTransaction(db, ({ trx, now }) => stateTierProgram(trx, wanted, { actor, now }));
      return reply.code(made ? 201 : 200).send(show(program));
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
      response: { 200: answer, ...problems('not_found') },
    },
    handler: async ({ params }) => show(await programOf(db, params.program_id)),
  });

  app.get('/v1/tier-programs', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'tierPrograms.list',
      tags,
      summary: 'Tier programs, by id',
      description: 'Each with its latest terms.',
      querystring: pageQuery.extend({ merchant_id: callerId.optional().meta({ description: 'Of this merchant.' }) }),
      response: { 200: pageOf(answer) },
    },
    handler: async ({ query: { limit, cursor, merchant_id: merchantId = null } }) => {
      const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
      return toPage(await listTierPrograms(db, { merchantId, after, limit }), limit, show, ({ programId }) => [programId]);
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
