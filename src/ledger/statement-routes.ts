// The statement over HTTP: one month of a promoter's money as CSV, with what is needed to check it without us.

import { Readable } from 'node:stream';

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import { mayActAs } from '../platform/actor.ts';
import { callerId } from '../platform/fields.ts';
import type { App } from '../platform/http.ts';
import { problems } from '../platform/problem.ts';
import type { DB } from '../platform/tables.ts';
import { promoterExists } from './entry-store.ts';
import { balanceRow, entryRow, linkRow, statementHead } from './statement.ts';
import {
  linksBetween,
  openingBalances,
  proofsOf,
  readEntries,
  settledXid,
  type EntryPlace,
  type StatementQuestion,
} from './statement-store.ts';

const ENTRIES_PER_PAGE = 1000;

const month = z
  .string()
  .regex(/^20\d\d-(0[1-9]|1[0-2])$/, 'must be a month as YYYY-MM')
  .meta({ description: 'The month in UTC, as YYYY-MM.' });

/** `GET /v1/promoters/{promoter_id}/statement.csv`. */
export function statementRoutes(app: App, { db }: { db: Kysely<DB> }): void {
  app.get('/v1/promoters/:promoter_id/statement.csv', {
    config: { scopes: ['admin', 'auditor', 'promoter'] },
    schema: {
      tags: ['ledger'],
      summary: 'One month of a promoter’s money as CSV: opening balances, entries, closing balances, and their proofs in the hash chain',
      params: z.object({ promoter_id: callerId }),
      querystring: z.object({ month, merchant_id: callerId.optional().meta({ description: 'Of one merchant only.' }) }),
      response: {
        200: { description: 'The statement.', content: { 'text/csv': { schema: z.unknown() } } },
        ...problems(400, 401, 403, 404),
      },
    },
    handler: async ({ params: { promoter_id: promoterId }, query, actor }, reply) => {
      mayActAs(actor, promoterId);
      if (!(await promoterExists(db, promoterId))) throw new DomainError('not_found', 'There is no such promoter.');
      const question = { promoterId, merchantId: query.merchant_id ?? null, ...bounds(query.month), belowXid: await settledXid(db) };
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="statement-${query.month}.csv"`)
        .send(Readable.from(statementRows(db, question)));
    },
  });
}

function bounds(text: string): { from: Date; until: Date } {
  const [year, number] = text.split('-').map(Number) as [number, number];
  return { from: new Date(Date.UTC(year, number - 1)), until: new Date(Date.UTC(year, number)) };
}

/** The rows of a statement, page by page. Whoever is cut off has no closing balances, and so cannot take a part for the whole. */
export async function* statementRows(db: Kysely<DB>, question: StatementQuestion): AsyncGenerator<string> {
  yield statementHead();
  const accounts = await openingBalances(db, question);
  for (const account of accounts) yield balanceRow('opening', account);
  const present = new Map(accounts.map((account) => [account.accountId, account]));
  const links = { first: 0n, last: 0n };
  let after: EntryPlace = { bookedXid: -1n, transferId: -1n, side: 0 };
  for (;;) {
    const entries = await readEntries(db, question, after, ENTRIES_PER_PAGE);
    const proofs = await proofsOf(db, entries);
    for (const [index, { accountId, amount, transfer }] of entries.entries()) {
      const account = present.get(accountId)!;
      account.balance += amount;
      const proof = proofs[index]!;
      yield entryRow({ ...account, amount, transfer, proof });
      if (proof === null) continue;
      if (links.first === 0n) links.first = proof.linkNo;
      links.last = proof.linkNo;
    }
    if (entries.length < ENTRIES_PER_PAGE) break;
    after = entries.at(-1)!;
  }
  for (const account of accounts) yield balanceRow('closing', account);
  if (links.first > 0n) for await (const link of linksBetween(db, links.first, links.last)) yield linkRow(link);
}
