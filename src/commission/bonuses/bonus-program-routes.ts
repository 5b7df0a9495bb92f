// Bonus programs over HTTP: stating, showing and listing them, and how far a promoter has come.

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
import { bonusProgramAnswer, bonusProgramBody, bonusProgramId, bonusProgramStated, showBonusProgram } from './bonus-program-body.ts';
import { progressRoute } from './progress-route.ts';
import { findBonusBook, listBonusBooks } from './bonus-program-store.ts';
import { stateBonusProgram } from './stating-bonus-program.ts';

const tags = ['programs'];
const path = z.object({ program_id: bonusProgramId });
const place = z.tuple([callerId]);

/** PUT and GET /v1/bonus-programs/{program_id}, the list, and the progress of a promoter. */
export function bonusProgramRoutes(app: App, { db, reviewRequired }: { db: Kysely<DB>; reviewRequired: boolean }): void {
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
      body: bonusProgramBody,
      response: {
        200: bonusProgramAnswer,
        201: bonusProgramAnswer,
        ...problems('review_required', 'unknown_merchant', 'conflict', 'unprocessable'),
      },
    },
    handler: async ({ params, body: stated, actor }, reply) => {
      refuseUnreviewed({ reviewRequired });
      const wanted = bonusProgramStated(params.program_id, stated);
      const { book, made } = await inTransaction(db, ({ trx, now }) => stateBonusProgram(trx, wanted, { actor, now }));
      return reply.code(made ? 201 : 200).send(showBonusProgram(book));
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
      response: { 200: bonusProgramAnswer, ...problems('not_found') },
    },
    handler: async ({ params: { program_id: programId } }) => {
      const book = await findBonusBook(db, programId);
      if (book === null) throw new DomainError('not_found', `There is no bonus program ${programId}.`);
      return showBonusProgram(book);
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
      response: { 200: pageOf(bonusProgramAnswer) },
    },
    handler: async ({ query: { limit, cursor, merchant_id: merchantId = null } }) => {
      const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
      return toPage(await listBonusBooks(db, { merchantId, after, limit }), limit, showBonusProgram, ({ programId }) => [programId]);
    },
  });

  progressRoute(app, db);
}
