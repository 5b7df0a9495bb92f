// Bonus programs over HTTP: stating, showing and listing them, and how far a promoter has come.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { BONUS_MODES } from '../../core/programs/bonus.ts';
import { DomainError } from '../../core/errors.ts';
import { isCurrency } from '../../core/money.ts';
import { MEASURES } from '../../core/programs/steps.ts';
import type { App } from '../../platform/http/app.ts';
import { bodyExamples, callerId, time } from '../../platform/http/fields.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { progressRoute } from './progress-route.ts';
import { findBonusBook, listBonusBooks, showStep } from './bonus-program-store.ts';
import { BONUS_PERIODS, type BonusBook } from './bonus-program.ts';
import { stateBonusProgram, type StatedBonusProgram } from './stating-bonus-program.ts';

const STEPS_MAX = 50;
const FIGURE_MAX = 10 ** 15;
const AMOUNT_MAX = 10 ** 13;

const programId = callerId.meta({ description: 'The program, by an id of yours.', example: 'spring' });
const measure = z.enum(MEASURES).meta({
  description:
    'What is counted: what buyers paid and kept of completed lines, times the weight of the promoter, or orders with such a line.',
});
const period = z.enum(BONUS_PERIODS).meta({ description: 'Each month of the merchant’s zone by itself, or all time at once.' });
const mode = z.enum(BONUS_MODES).meta({
  description:
    '`marginal`: each step pays for what lies on it, and each amount that is reached. `whole`: the highest step reached pays for all.',
});
const atLeast = z.int().min(0).max(FIGURE_MAX).meta({ description: 'From which figure on, that itself included.' });
const step = z
  .strictObject({
    at_least: atLeast,
    rate_ppm: z.int().min(0).max(1_000_000).optional().meta({ description: 'Of what is counted; beside what the rules pay.' }),
    amount: z.int().min(0).max(AMOUNT_MAX).optional().meta({ description: 'Minor units of `currency`.' }),
  })
  .refine((one) => (one.rate_ppm === undefined) !== (one.amount === undefined), 'must pay either rate_ppm or amount');

const body = z
  .strictObject({
    merchant_id: callerId,
    currency: z
      .string()
      .refine(isCurrency, 'is no currency of ISO 4217')
      .meta({ description: 'Of the lines that count, and of the bonus.' }),
    period,
    measure,
    steps: z
      .array(step)
      .min(1)
      .max(STEPS_MAX)
      .refine((steps) => new Set(steps.map((one) => one.at_least)).size === steps.length, 'must begin each at another figure')
      .meta({ description: 'What is paid from which figure on, in any order.' }),
    mode,
    starts_at: time.nullish().meta({ description: 'Lines that were completed before do not count; left out: every line counts.' }),
    ends_at: time.nullish().meta({ description: 'Lines that are completed then or later do not count.' }),
  })
  .meta(
    bodyExamples({
      merchant_id: 'm1',
      currency: 'CNY',
      period: 'month',
      measure: 'paid_amount',
      steps: [
        { at_least: 0, rate_ppm: 0 },
        { at_least: 1_000_000, rate_ppm: 20_000 },
      ],
      mode: 'marginal',
      starts_at: '2026-01-01T00:00:00+08:00',
    }),
  );

const answer = z
  .object({
    program_id: programId,
    merchant_id: callerId,
    currency: z.string(),
    period,
    measure,
    steps: z
      .array(z.object({ at_least: atLeast, rate_ppm: z.int().optional(), amount: z.int().optional() }))
      .meta({ description: 'The lowest first; each with a rate or an amount.' }),
    mode,
    starts_at: z.date().nullable().meta({ description: 'Lines that were completed before do not count; null: every line counts.' }),
    ends_at: z.date().nullable().meta({ description: 'Lines that are completed then or later do not count; null: for ever.' }),
    time_zone: z.string().meta({ description: 'Where its months begin: the merchant’s zone when the program was made.' }),
    version: z.int(),
    made_at: z.date(),
    changed_at: z.date(),
  })
  .meta({ id: 'BonusProgram' });

function show({ programId, merchantId, currency, period: every, timeZone, madeAt, versions }: BonusBook): z.output<typeof answer> {
  const { measure: counted, steps, mode: paid, startsAt, endsAt, version, recordedAt } = versions.at(-1)!;
  return {
    program_id: programId,
    merchant_id: merchantId,
    currency,
    period: every,
    measure: counted,
    steps: steps.map(showStep),
    mode: paid,
    starts_at: startsAt,
    ends_at: endsAt,
    time_zone: timeZone,
    version,
    made_at: madeAt,
    changed_at: recordedAt,
  };
}

function statedBy(programId: string, stated: z.output<typeof body>): StatedBonusProgram {
  const steps = stated.steps.map(({ at_least: from, rate_ppm: ratePpm, amount }) =>
    amount === undefined ? { atLeast: BigInt(from), ratePpm: ratePpm! } : { atLeast: BigInt(from), amount: BigInt(amount) },
  );
  const terms = { measure: stated.measure, steps, mode: stated.mode, startsAt: stated.starts_at ?? null, endsAt: stated.ends_at ?? null };
  return { programId, merchantId: stated.merchant_id, currency: stated.currency, period: stated.period, terms };
}

const tags = ['programs'];
const path = z.object({ program_id: programId });
const place = z.tuple([callerId]);

/** PUT and GET /v1/bonus-programs/{program_id}, the list, and the progress of a promoter. */
export function bonusProgramRoutes(app: App, { db }: { db: Kysely<DB> }): void {
  app.put('/v1/bonus-programs/:program_id', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'bonusPrograms.put',
      tags,
      summary: 'Pay promoters a bonus by all that they have won in a period',
      description:
        'On top of what the rules pay: who pays 10 % by rule and means 12 % from a figure on states 0 and 20000. It counts the completed ' +
        'lines that a promoter has won, in the period of their completion, those from before the program too unless `starts_at` says since ' +
        'when. What it pays waits with the promoter until the period has ended and every line that it counts is released; refunds and late ' +
        'orders change it whenever they come. Merchant, currency and period stay as they were made. Changed terms count for the month ' +
        'that is running and those after it; months that have ended keep theirs.',
      params: path,
      body,
      response: { 200: answer, 201: answer, ...problems('unknown_merchant', 'conflict', 'unprocessable') },
    },
    handler: async ({ params, body: stated, actor }, reply) => {
      const wanted = statedBy(params.program_id, stated);
      const { book, made } = await inTransaction(db, ({ trx, now }) => stateBonusProgram(trx, wanted, { actor, now }));
      return reply.code(made ? 201 : 200).send(show(book));
    },
  });

  app.get('/v1/bonus-programs/:program_id', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'bonusPrograms.get',
      tags,
      summary: 'One bonus program',
      description: 'With its latest terms.',
      params: path,
      response: { 200: answer, ...problems('not_found') },
    },
    handler: async ({ params: { program_id: programId } }) => {
      const book = await findBonusBook(db, programId);
      if (book === null) throw new DomainError('not_found', `There is no bonus program ${programId}.`);
      return show(book);
    },
  });

  app.get('/v1/bonus-programs', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'bonusPrograms.list',
      tags,
      summary: 'Bonus programs, by id',
      description: 'Each with its latest terms.',
      querystring: pageQuery.extend({ merchant_id: callerId.optional().meta({ description: 'Of this merchant.' }) }),
      response: { 200: pageOf(answer) },
    },
    handler: async ({ query: { limit, cursor, merchant_id: merchantId = null } }) => {
      const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
      return toPage(await listBonusBooks(db, { merchantId, after, limit }), limit, show, ({ programId }) => [programId]);
    },
  });

  progressRoute(app, db);
}
