// The service with promoters who have earned, and the persons who pay them: everything over HTTP
// but the earning, which is booked as an award would book it.

import type { Kysely } from 'kysely';

import { auditPayouts } from '../../src/audit/payout-audit.ts';
import { differenceLine } from '../../src/audit/difference.ts';
import { allGuards } from '../../src/guards/catalogue.ts';
import { askGuard } from '../../src/guards/check.ts';
import { accountCache, bookTransfers } from '../../src/ledger/booking-store.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { openOrder, transferOf } from '../ledger/shop.ts';
import { send } from '../platform/callers.ts';
import { ADMIN_KEY, openService } from '../running.ts';

interface Answered {
  status: number;
  /** A test looks into whatever was answered. */
  body: ReturnType<typeof JSON.parse>;
}

export type Till = Awaited<ReturnType<typeof openTill>>;

/** Opens the service; `zhang` and `li` are persons of finance, beside the admin of the tests. */
export async function openTill(options: Partial<Parameters<typeof openService>[0]> = {}) {
  const service = await openService({ works: false, listens: false, ...options });
  const { db, owner } = service.database;
  let orders = 0;

  async function ask(method: string, url: string, body?: unknown, key: string = ADMIN_KEY): Promise<Answered> {
    const { status, body: answered } = await send<Answered['body']>(service.app, {
      method,
      url,
      body,
      headers: { authorization: `Bearer ${key}` },
    });
    return { status, body: answered };
  }

  async function must(method: string, url: string, body?: unknown, key?: string): Promise<Answered['body']> {
    const answer = await ask(method, url, body, key);
    if (answer.status >= 300) throw new Error(`${method} ${url}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  const keyOf = async (wish: object): Promise<string> => (await must('POST', '/v1/keys', wish)).key as string;
  const zhang = await keyOf({ scope: 'admin', role: 'finance', person: 'zhang' });
  const li = await keyOf({ scope: 'admin', role: 'finance', person: 'li' });

  return {
    service,
    db,
    owner,
    ask,
    must,
    keyOf,
    zhang,
    li,
    close: () => service.close(),

    merchant: (merchantId: string, more: object = {}) =>
      must('PUT', `/v1/merchants/${merchantId}`, { name: merchantId, currency: 'CNY', landing_hosts: ['shop.example.com'], ...more }),
    promoter: (promoterId: string, more: object = {}) =>
      must('PUT', `/v1/promoters/${promoterId}`, { name: promoterId, kind: 'person', ...more }),

    /**
     * Lets an order of the merchant give the promoter this, released; below zero it is taken back
     * from what is available.
     */
    async earn(promoterId: string, amount: number, { merchantId = 'm1', currency = 'CNY' } = {}) {
      await earn(db, owner, { promoterId, amount: BigInt(amount), merchantId, currency, orderId: `earned-${orders++}` });
    },

    /** What the promoter has in one currency, as the service says. */
    async balance(promoterId: string, currency = 'CNY') {
      const { data } = await must('GET', `/v1/promoters/${promoterId}/balance`);
      return data.find((one: { currency: string }) => one.currency === currency);
    },

    draft: (wish: object = {}, key = zhang) => must('POST', '/v1/payout-batches', { currency: 'CNY', ...wish }, key),
    approve: (batch: { batch_id: string; content_hash: string }, key = li) =>
      ask('POST', `/v1/payout-batches/${batch.batch_id}/approval`, { content_hash: batch.content_hash }, key),
    batch: (batchId: string) => must('GET', `/v1/payout-batches/${batchId}`),
    payouts: async (batchId: string): Promise<Answered['body'][]> =>
      (await must('GET', `/v1/payout-batches/${batchId}/payouts?limit=200`)).data,
    tell: (payoutId: string, result: object, key = zhang) => ask('POST', `/v1/payouts/${payoutId}/results`, result, key),
    /**
     * Every law but those of orders that is broken, and every payout that the audit computes
     * otherwise: none.
     */
    async faults(): Promise<string[]> {
      const faults: string[] = [];
      for (const law of allGuards({ levelsMax: 2, spooled: () => 0 }).filter(
        ({ kind, scope }) => kind === 'law' && (scope === 'whole' || scope === 'present'),
      )) {
        const { violations, sample } = await askGuard(db, law);
        if (violations > 0) faults.push(`${law.name}: ${JSON.stringify(sample)}`);
      }
      await auditPayouts(db, (difference) => faults.push(differenceLine(difference)));
      return faults;
    },
    /** Sums of all accounts by currency: zero, or the books are wrong. */
    async sums() {
      const { data } = await must('GET', '/v1/ledger/trial-balance');
      return data.map(({ sum }: { sum: number }) => sum);
    },
  };
}

async function earn(
  db: Kysely<DB>,
  owner: Kysely<DB>,
  wanted: { promoterId: string; amount: bigint; merchantId: string; currency: string; orderId: string },
): Promise<void> {
  const { promoterId, merchantId, currency, orderId } = wanted;
  const orderKey = await openOrder(owner, merchantId, orderId);
  const amount = wanted.amount < 0n ? -wanted.amount : wanted.amount;
  const move = { promoterId, merchantId, currency, amount };
  const transfers =
    wanted.amount < 0n
      ? [transferOf(orderKey, { ...move, kind: 'reverse', from: 'available', to: 'commission' })]
      : [
          transferOf(orderKey, { ...move, kind: 'accrue', from: 'commission', to: 'pending' }),
          transferOf(orderKey, { ...move, kind: 'release', from: 'pending', to: 'available' }),
        ];
  await inTransaction(db, ({ trx, now }) => bookTransfers(trx, transfers, accountCache(), now));
}
