// Payments of merchants over HTTP: told once each, by the reference that the bank or the sender has
// for it.

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { isCurrency } from '../../core/money.ts';
import type { AccountCache } from '../../ledger/booking-store.ts';
import type { App } from '../../platform/http/app.ts';
import { bodyExamples, callerId, time, words } from '../../platform/http/fields.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChange } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import { requireMerchant } from './invoice-routes.ts';
import { findPayment, insertPayment, listPayments, type MerchantPayment } from './payment-store.ts';

/** As of an order: a payment of more is a mistake. */
const AMOUNT_MAX = 10 ** 13;
const tags = ['merchants'];
const params = z.object({ merchant_id: callerId });
const reference = words(128).meta({ description: 'What the payment is called at the bank or with its sender: it is booked once by it.' });

const newPayment = z
  .strictObject({
    amount: z.int().min(1).max(AMOUNT_MAX).meta({ description: 'What was paid, in minor units.' }),
    currency: z.string().refine(isCurrency, { error: 'must be an upper-case ISO 4217 code' }),
    reference,
    occurred_at: time.nullish().meta({ description: 'When the money came; it is booked when it is told.' }),
  })
  .meta(bodyExamples({ amount: 99600, currency: 'CNY', reference: 'ICBC 2026-07-03 0017', occurred_at: '2026-07-03T09:30:00+08:00' }));

const payment = z
  .object({
    payment_id: z.string().meta({ description: 'The payment, by an id of ours.' }),
    merchant_id: callerId,
    reference,
    currency: z.string(),
    amount: z.bigint().meta({ description: 'What was paid, in minor units.' }),
    occurred_at: z.date().nullable().meta({ description: 'When the money came; null where nobody said.' }),
    made_at: z.date().meta({ description: 'When it was told, and booked.' }),
  })
  .meta({ id: 'MerchantPayment' });

interface PaymentDeps {
  db: Kysely<DB>;
  accounts: AccountCache;
}

/** POST and GET /v1/merchants/{merchant_id}/payments. */
export function paymentRoutes(app: App, { db, accounts }: PaymentDeps): void {
  app.post('/v1/merchants/:merchant_id/payments', {
    config: { scopes: ['admin'], roles: ['finance'] },
    schema: {
      operationId: 'merchants.pay',
      tags,
      summary: 'Tell that a merchant has paid',
      description:
        'Booked once for each reference of a merchant: the same once more is answered as before, another amount, currency or time under it is a ' +
        'conflict. What is paid ahead makes `owed` fall below zero.',
      params,
      body: newPayment,
      response: { 201: payment, ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      const { actor, body, params: path } = request;
      await requireMerchant(db, path.merchant_id, actor);
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const told = {
          payment_id: uuidv7(now.getTime()),
          merchant_id: path.merchant_id,
          reference: body.reference,
          currency: body.currency,
          amount: BigInt(body.amount),
          occurred_at: body.occurred_at ?? null,
          made_at: now,
        };
        return { status: 201, body: await receive(trx, told, { actor, accounts, now }) };
      });
    },
  });

  app.get('/v1/merchants/:merchant_id/payments', {
    config: { scopes: ['admin', 'auditor', 'merchant'], roles: ['finance', 'risk'] },
    schema: {
      operationId: 'merchants.payments',
      tags,
      summary: 'What a merchant has paid, the newest first',
      description: 'In the order in which it was told. A merchant’s own key reads its own.',
      params,
      querystring: pageQuery,
      response: { 200: pageOf(payment), ...problems('not_found') },
    },
    handler: async ({ params: { merchant_id: merchantId }, query: { limit, cursor }, actor }) => {
      await requireMerchant(db, merchantId, actor);
      const before = cursor === undefined ? null : decodeCursor(cursor, z.tuple([z.uuid()]))[0];
      return toPage(
        await listPayments(db, { merchantId, before, limit }),
        limit,
        (row) => row,
        (row) => [row.payment_id],
      );
    },
  });
}

/** Books the payment, or answers with the one that was booked under its reference. */
async function receive(
  trx: Transaction<DB>,
  told: MerchantPayment,
  { actor, accounts, now }: { actor: Actor; accounts: AccountCache; now: Date },
): Promise<MerchantPayment> {
  if (await insertPayment(trx, told, { keyId: actor.keyId, accounts, now })) {
    const subject = { subjectKind: 'merchant_payment', subjectId: told.payment_id };
    await recordChange(trx, { actor, now, action: 'merchant_payment_received', ...subject, before: null, after: told });
    return told;
  }
  const known = await findPayment(trx, told.merchant_id, told.reference);
  if (known === null) throw new Error(`broken law: payment ${told.reference} of ${told.merchant_id} is there`);
  const isSame =
    known.amount === told.amount && known.currency === told.currency && known.occurred_at?.getTime() === told.occurred_at?.getTime();
  if (isSame) return known;
  throw new DomainError('conflict', 'Another payment was told under this reference.', {
    errors: [{ path: 'reference', message: `is that of ${known.amount} ${known.currency}` }],
  });
}
