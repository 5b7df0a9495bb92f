// How far a promoter has come in a bonus program, over HTTP: what counts, what may come, the next
// step, and what is paid for it.

import { sql, type Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { nextStepAt } from '../../core/programs/steps.ts';
import type { App } from '../../platform/http/app.ts';
import { callerId, month } from '../../platform/http/fields.ts';
import { problems } from '../../platform/http/problem.ts';
import { mayActAs } from '../../platform/keys/actor.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { promoterExists } from '../../promotion/promoters/promoter-store.ts';
import { measured, readFigures, readPendingFigure } from '../won-lines/figure-store.ts';
import { ONCE } from './bonus-due-store.ts';
import { findBonusBook } from './bonus-program-store.ts';
import { paidFor, periodAt, reckoningOf, type BonusBook } from './bonus-program.ts';
import { causeIdOf, readBookedBonuses } from './bonus-store.ts';

const amount = z.bigint();

const programId = callerId.meta({ description: 'The program, by an id of yours.', example: 'spring' });

const answer = z
  .object({
    program_id: programId,
    promoter_id: callerId,
    period: z.string().meta({ description: 'The month that is told of, YYYY-MM, or `once`.' }),
    ends_at: z.date().nullable().meta({ description: 'When the period ends; null: it has no end.' }),
    confirmed: amount.meta({ description: 'What counts so far: completed lines, after refunds, or orders.' }),
    pending: amount.meta({ description: 'What the promoter has won and is not completed; it counts in the period of its completion.' }),
    next_at: amount.nullable().meta({ description: 'The figure of the next step; null at the top.' }),
    would_pay: amount.meta({ description: 'What `confirmed` pays, in minor units.' }),
    currency: z.string(),
    booked: z
      .object({
        pending: amount.meta({ description: 'Booked, and waits.' }),
        available: amount.meta({ description: 'Booked, and released.' }),
      })
      .meta({ description: 'What is in the books of it, a moment after the orders.' }),
  })
  .meta({ id: 'BonusProgress' });

/** GET /v1/bonus-programs/{program_id}/progress. */
export function progressRoute(app: App, db: Kysely<DB>): void {
  app.get('/v1/bonus-programs/:program_id/progress', {
    config: { scopes: ['promoter'] },
    schema: {
      operationId: 'bonusPrograms.progress',
      tags: ['programs'],
      summary: 'How far a promoter has come',
      description: 'In the running period, or in the month that is named. A promoter’s key reads its own.',
      params: z.object({ program_id: programId }),
      querystring: z.object({
        promoter_id: callerId.meta({ example: 'bob' }),
        period: month.optional().meta({ description: 'A month of a monthly program, YYYY-MM; the running one if left out.' }),
      }),
      response: { 200: answer, ...problems('not_found', 'unprocessable') },
    },
    handler: async ({ params, query: { promoter_id: promoterId, period: asked }, actor }) => {
      mayActAs(actor, promoterId);
      const book = await findBonusBook(db, params.program_id);
      if (book === null) throw new DomainError('not_found', `There is no bonus program ${params.program_id}.`);
      if (!(await promoterExists(db, promoterId))) throw new DomainError('not_found', `There is no promoter ${promoterId}.`);
      if (asked !== undefined && book.period === ONCE) {
        throw new DomainError('unprocessable', 'The program pays once: it has no months.', {
          errors: [{ path: 'period', message: 'is of programs that pay monthly' }],
        });
      }
      return progressOf(db, book, promoterId, asked ?? periodAt(book, await databaseNow(db)));
    },
  });
}

async function progressOf(db: Kysely<DB>, book: BonusBook, promoterId: string, period: string): Promise<z.output<typeof answer>> {
  const { programId, merchantId, currency } = book;
  const { terms, from, until, endsAt } = reckoningOf(book, period);
  const [counted] = await readFigures(db, [{ promoterId, merchantId, currency, from, until }]);
  const pending = await readPendingFigure(db, { promoterId, merchantId, currency });
  const causeId = causeIdOf({ programId, promoterId, period });
  const booked = (await readBookedBonuses(db, [causeId])).get(causeId);
  const confirmed = measured(counted!, terms.measure);
  return {
    program_id: programId,
    promoter_id: promoterId,
    period,
    ends_at: endsAt,
    confirmed,
    pending: measured(pending, terms.measure),
    next_at: nextStepAt(terms.steps, confirmed),
    would_pay: paidFor(terms, counted!),
    currency,
    booked: { pending: booked?.pending ?? 0n, available: booked?.available ?? 0n },
  };
}

async function databaseNow(db: Kysely<DB>): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select now() as now`.execute(db);
  return rows[0]!.now;
}
