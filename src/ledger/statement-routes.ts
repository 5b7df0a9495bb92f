// The statement over HTTP: one month of a promoter's money as CSV, with what is needed to check it
// without us.

import { Readable } from 'node:stream';

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import { spanOfMonths } from '../platform/calendar.ts';
import { mayActAs } from '../platform/keys/actor.ts';
import { STREAM_TIMEOUT_MS } from '../platform/http/bodies.ts';
import { callerId, month, timeZone } from '../platform/http/fields.ts';
import type { App } from '../platform/http/app.ts';
import { problems } from '../platform/http/problem.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { isKnownPromoter } from './entry-store.ts';
import { balanceRow, entryRow, chainEntryRow, statementHead } from './statement.ts';
import { chainEntriesBetween, monthPages, openingBalances, prover, settledXid, type StatementQuery } from './statement-store.ts';

/** So much of a page is proven and written at once; in between others are served. */
const TRANSFERS_PER_CHUNK = 100;

/** `GET /v1/promoters/{promoter_id}/statement.csv`. */
export function statementRoutes(app: App, { db }: { db: Kysely<DB> }): void {
  app.get('/v1/promoters/:promoter_id/statement.csv', {
    config: { scopes: ['admin', 'auditor', 'promoter'] },
    // As long as its reader reads: one who stops is cut off by the idle time-out of his connection.
    handlerTimeout: STREAM_TIMEOUT_MS,
    schema: {
      operationId: 'promoters.statement',
      tags: ['ledger'],
      summary: 'One month of a promoter’s money as CSV: opening balances, entries, closing balances, and their proofs in the hash chain',
      description: 'It ends with the closing balances and the links of the hash chain: a file without them was cut off.',
      params: z.object({ promoter_id: callerId }),
      querystring: z.object({
        month,
        time_zone: timeZone.default('UTC').meta({ description: 'The zone whose month it is. Times in the file stay those of UTC.' }),
        merchant_id: callerId.optional().meta({ description: 'Of one merchant only.' }),
      }),
      answerHeaders: { 200: { 'Content-Disposition': 'Names the file.' } },
      response: {
        200: { description: 'The statement.', content: { 'text/csv': { schema: z.unknown().meta({ type: 'string' }) } } },
        ...problems('not_found'),
      },
    },
    handler: async ({ params: { promoter_id: promoterId }, query, actor }, reply) => {
      mayActAs(actor, promoterId);
      if (!(await isKnownPromoter(db, promoterId))) throw new DomainError('not_found', 'There is no such promoter.');
      const span = spanOfMonths(query.month, query.time_zone);
      const question = { promoterId, merchantId: query.merchant_id ?? null, ...span, belowXid: await settledXid(db) };
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="statement-${query.month}.csv"`)
        .send(Readable.from(statementRows(db, question)));
    },
  });
}

/**
 * The rows of a statement, in chunks. Whoever is cut off has no closing balances, and so cannot
 * take a part for the whole; his connection breaks, too.
 */
async function* statementRows(db: Kysely<DB>, question: StatementQuery): AsyncGenerator<string> {
  const accounts = await openingBalances(db, question);
  yield statementHead() + accounts.map((account) => balanceRow('opening', account)).join('');
  const present = new Map(accounts.map((account) => [account.accountId, account]));
  const proofOf = prover(db);
  const links = { first: 0n, last: 0n };
  for await (const page of monthPages(db, question)) {
    for (let from = 0; from < page.length; from += TRANSFERS_PER_CHUNK) {
      let chunk = '';
      for (const transfer of page.slice(from, from + TRANSFERS_PER_CHUNK)) {
        const found = proofOf(transfer);
        const proof = found instanceof Promise ? await found : found;
        if (proof !== null) {
          if (links.first === 0n) links.first = proof.linkNo;
          links.last = proof.linkNo;
        }
        for (const { accountId, amount } of transfer.entries) {
          const account = present.get(accountId)!;
          account.balance += amount;
          chunk += entryRow({ ...account, amount, transfer: transfer.transfer, proof });
        }
      }
      yield chunk;
    }
  }
  yield accounts.map((account) => balanceRow('closing', account)).join('');
  if (links.first > 0n) for await (const link of chainEntriesBetween(db, links.first, links.last)) yield chainEntryRow(link);
}
