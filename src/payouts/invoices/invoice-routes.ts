// Invoices over HTTP: what a merchant is charged for a month, and what it owes in all. Whoever
// reads anything of the merchant's reads these, its own key too.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { ROLES } from '../../core/party.ts';
import type { App } from '../../platform/http/app.ts';
import { callerId } from '../../platform/http/fields.ts';
import { cursorNumber, decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import { mayActFor, type Actor } from '../../platform/keys/actor.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { merchantExists } from '../../promotion/merchants/merchant-store.ts';
import { invoiceBonuses, invoiceMonths, invoiceOrders, invoiceTotals, TRANSFERS_SHOWN_MAX, type InvoicedOrder } from './invoice-store.ts';
import { merchantBalances } from './merchant-balance.ts';
import { rangesOfMonth, readZones } from './merchant-months.ts';

const tags = ['merchants'];
const readers = ['admin', 'auditor', 'merchant'] as const;
const params = z.object({ merchant_id: callerId });

const month = z
  .string()
  .regex(/^20\d\d-(0[1-9]|1[0-2])$/, 'must be a month as YYYY-MM')
  .meta({ description: 'The month as YYYY-MM, in the time zone of the merchant.', example: '2026-06' });

const money = (description: string) => z.bigint().meta({ description });

const total = z
  .object({
    currency: z.string(),
    released: money('What promoters’ shares were released.'),
    reversed: money('What was taken back of released shares; never above zero.'),
    revenue: money('What the platform’s shares came to, less what was taken back of them.'),
    bonuses: money('What was released and booked of bonuses, less what was taken back of them.'),
    amount: money('The sum of these four: what the month is charged with. Below zero it is a credit.'),
  })
  .meta({
    id: 'InvoiceTotal',
    examples: [{ currency: 'CNY', released: 99900, reversed: -300, revenue: 0, bonuses: 0, amount: 99600 }],
  });

const invoicedOrder = z
  .object({
    source_id: z.string(),
    order_id: z.string(),
    currency: z.string(),
    amount: money('What the month is charged with for this order, in this currency.'),
    transfers_count: z.bigint().meta({ description: 'How many transfers that is.' }),
    transfers: z
      .array(
        z.object({
          transfer_id: z.string(),
          kind: z.enum(['accrue', 'reverse', 'release']).meta({ description: 'Why it moved.' }),
          line_id: z.string(),
          role: z.enum(ROLES),
          level: z.int().nullable(),
          promoter_id: z.string().nullable().meta({ description: 'Null: the platform.' }),
          amount: money('With its sign on the invoice.'),
          booked_at: z.date(),
        }),
      )
      .meta({ description: `First to last; of more than ${TRANSFERS_SHOWN_MAX} the first of them. The explanation of the order has all.` }),
  })
  .meta({ id: 'InvoicedOrder' });

const invoice = z
  .object({
    merchant_id: callerId,
    month,
    totals: z.array(total).meta({ description: 'Of the whole invoice, whichever page this is.' }),
    bonuses: z
      .array(
        z.object({
          program_id: z.string().meta({ description: 'The program that pays it.' }),
          currency: z.string(),
          amount: money('What the month is charged with for this program.'),
          transfers_count: z.bigint().meta({ description: 'How many transfers that is.' }),
        }),
      )
      .meta({ description: 'By program; of the whole invoice, too.' }),
    ...pageOf(invoicedOrder).shape,
  })
  .meta({ id: 'Invoice' });

const balance = z
  .object({
    currency: z.string(),
    owed: money('All invoices less all payments: what is to be paid now. Below zero it was paid ahead.'),
    pending: money('What promoters have earned and still wait for: it comes onto invoices when it is released.'),
    paid: money('All payments.'),
  })
  .meta({ id: 'MerchantBalance', examples: [{ currency: 'CNY', owed: 99600, pending: 1884, paid: 0 }] });

/** GET /v1/merchants/{merchant_id}/invoices, …/invoices/{month} and …/balance. */
export function invoiceRoutes(app: App, { db }: { db: Kysely<DB> }): void {
  oneInvoice(app, db);
  app.get('/v1/merchants/:merchant_id/invoices', {
    config: { scopes: [...readers] },
    schema: {
      operationId: 'merchants.invoices',
      tags,
      summary: 'The months that a merchant is charged for, the newest first, with what each comes to',
      description:
        'A month is one of the time zone that was in force when a transfer was booked, so that a zone stated later moves nothing. The sum of ' +
        'all invoices is what is owed and was paid.',
      params,
      querystring: pageQuery,
      response: { 200: pageOf(z.object({ month, totals: z.array(total) })), ...problems('not_found') },
    },
    handler: async ({ params: { merchant_id: merchantId }, query: { limit, cursor }, actor }) => {
      await requireMerchant(db, merchantId, actor);
      const before = cursor === undefined ? null : decodeCursor(cursor, z.tuple([month]))[0];
      const stretches = await readZones(db, merchantId);
      const months = await invoiceMonths(db, { merchantId, stretches }, { before, limit });
      return toPage(
        months,
        limit,
        (row) => row,
        (row) => [row.month],
      );
    },
  });

  app.get('/v1/merchants/:merchant_id/balance', {
    config: { scopes: [...readers] },
    schema: {
      operationId: 'merchants.balance',
      tags,
      summary: 'What a merchant owes and has paid, per currency, exact to this moment',
      description:
        'A list, since orders and payments may be in several currencies, which are never added up; nothing where nothing was ever booked.',
      params,
      response: { 200: z.object({ data: z.array(balance) }), ...problems('not_found') },
    },
    handler: async ({ params: { merchant_id: merchantId }, actor }) => {
      await requireMerchant(db, merchantId, actor);
      return { data: await merchantBalances(db, merchantId) };
    },
  });
}

function oneInvoice(app: App, db: Kysely<DB>): void {
  app.get('/v1/merchants/:merchant_id/invoices/:month', {
    config: { scopes: [...readers] },
    schema: {
      operationId: 'merchants.invoice',
      tags,
      summary: 'What a merchant is charged for a month, order by order',
      description:
        'What was released to promoters, what was taken back of it, what the platform’s shares came to, and bonuses. A month that goes on ' +
        'grows; one that is over stays as it is: what changes later stands on the invoice of that later month. What we write off is on none.',
      params: params.extend({ month }),
      querystring: pageQuery,
      response: { 200: invoice, ...problems('not_found') },
    },
    handler: async ({ params: { merchant_id: merchantId, month: asked }, query: { limit, cursor }, actor }) => {
      await requireMerchant(db, merchantId, actor);
      const after = cursor === undefined ? null : BigInt(decodeCursor(cursor, z.tuple([cursorNumber]))[0]);
      const question = { merchantId, ranges: await rangesOfMonth(db, await readZones(db, merchantId), asked) };
      // One snapshot, so that the totals are those of the rows.
      return db
        .transaction()
        .setIsolationLevel('repeatable read')
        .setAccessMode('read only')
        .execute(async (trx) => ({
          merchant_id: merchantId,
          month: asked,
          totals: await invoiceTotals(trx, question),
          bonuses: (await invoiceBonuses(trx, question)).map(({ transfers, ...bonus }) => ({ ...bonus, transfers_count: transfers })),
          ...toPage(await invoiceOrders(trx, question, { after, limit }), limit, showOrder, (row) => [row.transfer_id]),
        }));
    },
  });
}

function showOrder({ source_id, order_id, currency, amount, count, transfers }: InvoicedOrder) {
  return {
    source_id,
    order_id,
    currency,
    amount,
    transfers_count: count,
    transfers: transfers.map((one) => ({ ...one, amount: BigInt(one.amount), booked_at: new Date(one.booked_at) })),
  };
}

/** A key of another merchant may not ask whether this one exists. */
export async function requireMerchant(db: Kysely<DB>, merchantId: string, actor: Actor): Promise<void> {
  mayActFor(actor, merchantId);
  if (!(await merchantExists(db, merchantId))) throw new DomainError('not_found', 'There is no such merchant.');
}
