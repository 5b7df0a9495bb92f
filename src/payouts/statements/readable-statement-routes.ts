// The readable statement over HTTP: a month of a promoter's money for people, as a page or a table.

import { Readable } from 'node:stream';

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { isKnownPromoter } from '../../ledger/entry-store.ts';
import { settledXid } from '../../ledger/statement-store.ts';
import { clockOf, spanOfMonths } from '../../platform/calendar.ts';
import type { App } from '../../platform/http/app.ts';
import { STREAM_TIMEOUT_MS } from '../../platform/http/bodies.ts';
import { callerId, month, timeZone } from '../../platform/http/fields.ts';
import { problems } from '../../platform/http/problem.ts';
import { mayActAs } from '../../platform/keys/actor.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { written, type StatementHead } from './form.ts';
import { LANGUAGES, languageOf, WORDS } from './languages.ts';
import { monthPieces } from './month.ts';
import { csvForm } from './statement-csv.ts';
import { htmlForm, STATEMENT_POLICY } from './statement-html.ts';

const query = z.object({
  month,
  format: z.enum(['html', 'csv']).default('html').meta({ description: 'A page, or a table for spreadsheets.' }),
  time_zone: timeZone.optional().meta({ description: 'The zone whose month and times it has; that of taxes where absent.' }),
  lang: z.enum(LANGUAGES).optional().meta({ description: 'By Accept-Language where absent.' }),
  merchant_id: callerId.optional().meta({ description: 'Of one merchant only.' }),
});

/**
 * `GET /v1/promoters/{promoter_id}/statement`; `taxTimeZone` is the zone where none is asked for.
 */
export function readableStatementRoutes(app: App, { db, taxTimeZone }: { db: Kysely<DB>; taxTimeZone: string }): void {
  const text = z.unknown().meta({ type: 'string' });
  app.get('/v1/promoters/:promoter_id/statement', {
    config: { scopes: ['admin', 'auditor', 'promoter'], roles: ['finance', 'risk'] },
    // As long as its reader reads: one who stops is cut off by the idle time-out of his connection.
    handlerTimeout: STREAM_TIMEOUT_MS,
    schema: {
      operationId: 'promoters.readableStatement',
      tags: ['ledger'],
      summary: 'One month of a promoter’s money for people: opening, every entry, tax, payouts, returns, closing',
      description:
        'In Chinese or English, with amounts as decimals. Opening and entries add up to closing, account by account; it has the entries of ' +
        '`statement.csv`, which proves them. It ends with the closing balances: what has none was cut off.',
      params: z.object({ promoter_id: callerId }),
      querystring: query,
      answerHeaders: { 200: { 'Content-Disposition': 'Names the file.', 'Content-Language': 'The language of the words.' } },
      response: {
        200: { description: 'The statement.', content: { 'text/html': { schema: text }, 'text/csv': { schema: text } } },
        ...problems('not_found'),
      },
    },
    handler: async (request, reply) => {
      const { params, query: asked, actor, headers } = request;
      const promoterId = params.promoter_id;
      mayActAs(actor, promoterId);
      if (!(await isKnownPromoter(db, promoterId))) throw new DomainError('not_found', 'There is no such promoter.');
      const zone = asked.time_zone ?? taxTimeZone;
      const words = WORDS[asked.lang ?? languageOf(headers['accept-language'])];
      const span = spanOfMonths(asked.month, zone);
      const question = { promoterId, merchantId: asked.merchant_id ?? null, ...span, belowXid: await settledXid(db) };
      const head: StatementHead = { promoterId, month: asked.month, timeZone: zone, words, clock: clockOf(zone) };
      const form = asked.format === 'csv' ? csvForm(head) : htmlForm(head);
      const place = asked.format === 'csv' ? 'attachment' : 'inline';
      return reply
        .type(form.type)
        .header('content-disposition', `${place}; filename="statement-${asked.month}.${asked.format}"`)
        .header('content-language', words.language)
        .header('content-security-policy', STATEMENT_POLICY)
        .header('vary', 'accept-language')
        .send(Readable.from(written(form, monthPieces(db, question))));
    },
  });
}
