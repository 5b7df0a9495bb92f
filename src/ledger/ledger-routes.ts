// The books over HTTP: what a promoter has and how it came to that, and for auditors every
// transfer, account and the trial balance.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import { ACCOUNT_KINDS } from '../core/posting.ts';
import { mayActAs, type Actor } from '../platform/keys/actor.ts';
import type { App } from '../platform/http/app.ts';
import { cursorNumber, decodeCursor, pageOf, pageQuery, toPage } from '../platform/http/paging.ts';
import { problems } from '../platform/http/problem.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { balancesOf, trialBalance } from './balances.ts';
import { listAccounts, listEntries, listTransfers, isKnownPromoter } from './entry-store.ts';
import { statementRoutes } from './statement-routes.ts';
import {
  accountAnswer,
  balanceAnswer,
  entryAnswer,
  showAccount,
  showBalance,
  showEntry,
  showTransfer,
  transferAnswer,
  trialAnswer,
  type NextPayout,
} from './ledger-answers.ts';

const tags = ['ledger'];
const ofPromoter = ['admin', 'auditor', 'promoter'] as const;
const ofBooks = ['admin', 'auditor'] as const;

const callerId = z.string().min(1).max(128);
const params = z.object({ promoter_id: callerId });
const merchantId = callerId.optional().meta({ description: 'Of one merchant only.' });

const accountPlace = z.tuple([cursorNumber]);
const transferPlace = z.tuple([cursorNumber, cursorNumber]);
const entryPlace = z.tuple([cursorNumber, cursorNumber, z.enum(['0', '1'])]);

interface LedgerDeps {
  db: Kysely<DB>;
  /** When a promoter is paid next, by currency; nothing where nobody drafts payouts by itself. */
  nextPayouts?: (promoterId: string) => Promise<ReadonlyMap<string, NextPayout>>;
}

/** GET /v1/promoters/{promoter_id}/balance and /entries, and GET under /v1/ledger. */
export function ledgerRoutes(app: App, { db, nextPayouts = async () => new Map() }: LedgerDeps): void {
  promoterRoutes(app, db, nextPayouts);
  statementRoutes(app, { db });
  bookRoutes(app, db);
}

function promoterRoutes(app: App, db: Kysely<DB>, nextPayouts: NonNullable<LedgerDeps['nextPayouts']>): void {
  app.get('/v1/promoters/:promoter_id/balance', {
    config: { scopes: [...ofPromoter] },
    schema: {
      operationId: 'promoters.balance',
      tags,
      summary: 'What a promoter has, per currency, exact to this moment; nothing where nothing was ever booked',
      description:
        'Summed over all merchants, or of one. What is on its way in a payout is no longer available. The next payout is of all merchants.',
      params,
      querystring: z.object({ merchant_id: merchantId }),
      response: { 200: z.object({ data: z.array(balanceAnswer) }), ...problems('not_found') },
    },
    handler: async ({ params: { promoter_id: promoterId }, query, actor }) => {
      await requirePromoter(db, promoterId, actor);
      const balances = await balancesOf(db, promoterId, query.merchant_id ?? null);
      const next = await nextPayouts(promoterId);
      return { data: balances.map((balance) => showBalance(balance, next.get(balance.currency))) };
    },
  });

  app.get('/v1/promoters/:promoter_id/entries', {
    config: { scopes: [...ofPromoter] },
    schema: {
      operationId: 'promoters.entries',
      tags,
      summary: 'Everything that was booked for a promoter, the newest first, with the balance after each',
      description: 'Entries are never changed: a correction is another entry.',
      params,
      querystring: pageQuery.extend({ merchant_id: merchantId }),
      response: { 200: pageOf(entryAnswer), ...problems('not_found') },
    },
    handler: async ({ params: { promoter_id: promoterId }, query: { limit, cursor, merchant_id }, actor }) => {
      await requirePromoter(db, promoterId, actor);
      const place = cursor === undefined ? null : decodeCursor(cursor, entryPlace);
      const before = place && { bookedXid: BigInt(place[0]), transferId: BigInt(place[1]), side: Number(place[2]) };
      const rows = await listEntries(db, { promoterId, merchantId: merchant_id ?? null }, { limit, before });
      return toPage(rows, limit, showEntry, (row) => [row.booked_xid, row.transfer_id, row.side]);
    },
  });
}

function bookRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/ledger/trial-balance', {
    config: { scopes: [...ofBooks] },
    schema: {
      operationId: 'ledger.trialBalance',
      tags,
      summary: 'The whole book per currency; every sum is 0',
      description: 'The accounts of each currency by their kind. A sum that is not 0 would be a broken law, and a guard would say so.',
      response: { 200: z.object({ data: z.array(trialAnswer) }) },
    },
    handler: async () => ({ data: await trialBalance(db) }),
  });

  app.get('/v1/ledger/accounts', {
    config: { scopes: [...ofBooks] },
    schema: {
      operationId: 'ledger.accounts',
      tags,
      summary: 'Accounts with their balances, in the order they were opened',
      description: 'One account for each kind, merchant, promoter and currency that something was ever booked for.',
      querystring: pageQuery.extend({
        kind: z.enum(ACCOUNT_KINDS).optional(),
        merchant_id: merchantId,
        promoter_id: callerId.optional(),
        currency: z.string().length(3).optional(),
      }),
      response: { 200: pageOf(accountAnswer) },
    },
    handler: async ({ query: { limit, cursor, kind, merchant_id, promoter_id, currency } }) => {
      const after = cursor === undefined ? null : BigInt(decodeCursor(cursor, accountPlace)[0]);
      const filter = { kind: kind ?? null, merchantId: merchant_id ?? null, promoterId: promoter_id ?? null, currency: currency ?? null };
      return toPage(await listAccounts(db, filter, { limit, after }), limit, showAccount, (row) => [row.account_id]);
    },
  });

  app.get('/v1/ledger/transfers', {
    config: { scopes: [...ofBooks] },
    schema: {
      operationId: 'ledger.transfers',
      tags,
      summary: 'Transfers, the newest first: of an order, a source, a merchant, a promoter, or all',
      description: 'Each moves an amount above zero from one account to another, and is never changed.',
      querystring: pageQuery.extend({
        order_id: callerId.optional(),
        source_id: callerId.optional(),
        merchant_id: merchantId,
        promoter_id: callerId.optional(),
      }),
      response: { 200: pageOf(transferAnswer) },
    },
    handler: async ({ query: { limit, cursor, order_id, source_id, merchant_id, promoter_id } }) => {
      const place = cursor === undefined ? null : decodeCursor(cursor, transferPlace);
      const before = place && { bookedXid: BigInt(place[0]), transferId: BigInt(place[1]) };
      const filter = {
        orderId: order_id ?? null,
        sourceId: source_id ?? null,
        merchantId: merchant_id ?? null,
        promoterId: promoter_id ?? null,
      };
      const rows = await listTransfers(db, filter, { limit, before });
      return toPage(rows, limit, showTransfer, (row) => [row.booked_xid, row.transfer_id]);
    },
  });
}

/** A promoter's own key may not ask whether others exist. */
async function requirePromoter(db: Kysely<DB>, promoterId: string, actor: Actor): Promise<void> {
  mayActAs(actor, promoterId);
  if (!(await isKnownPromoter(db, promoterId))) throw new DomainError('not_found', 'There is no such promoter.');
}
