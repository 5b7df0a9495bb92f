// What happens in a world: buyers click and become known, sources report orders. Each goes the way
// it goes in the service.
import { createHash, randomUUID, type KeyObject } from 'node:crypto';
import type { Kysely } from 'kysely';
import { markDue, markDueByIdentities } from '../../src/commission/award/due-store.ts';
import { lift } from '../../src/core/merge.ts';
import { canonicalReport } from '../../src/core/report.ts';
import { mergeIntoOrders, relativesOf } from '../../src/orders/merge-store.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { mergeIdentities } from '../../src/promotion/buyers/buyer-store.ts';
import { insertClicks } from '../../src/promotion/clicks/click-store.ts';
import { identitiesOf } from '../../src/promotion/buyers/identity.ts';
import { mintClickToken } from '../../src/promotion/clicks/token.ts';
import { BOUNDS, buyerOf, readAs } from '../core/reading.ts';
import { insertDelivery } from '../guards/deliveries.ts';

interface Keys {
  tokenKey: KeyObject;
  identityKey: KeyObject;
}

interface ClickInput {
  at: string;
  buyer?: Record<string, string>;
  bot?: boolean;
}

/**
 * A report as a sender writes it, and whose word it is: `evidence` is a storefront's about another
 * source's order.
 */
export interface ReportInput {
  fields: Record<string, unknown>;
  sourceId?: string;
  says?: 'all' | 'evidence';
}

const hashOf = (text: string) => createHash('sha256').update(text).digest();

export function happenings(db: Kysely<DB>, { tokenKey, identityKey }: Keys) {
  return {
    /**
     * A click as a storefront tells it, with its touches and the orders they wake. Its answer is
     * the token.
     */
    async click(code: string, { at, buyer = {}, bot = false }: ClickInput) {
      const { merchant_id: merchantId } = await db
        .selectFrom('link')
        .select('merchant_id')
        .where('code', '=', code)
        .executeTakeFirstOrThrow();
      const identities = identitiesOf(identityKey, merchantId, buyer);
      const click = { clickId: uuidv7(Date.now()), linkCode: code, clickedAt: Date.parse(at), bot };
      const touches = identities.map((identity) => ({ ...click, identity }));
      await inTransaction(db, async ({ trx, now }) => {
        await insertClicks(trx, [{ ...click, merchantId, identity: identities[0] ?? null, touches }]);
        await markDueByIdentities(trx, identities, now);
      });
      return mintClickToken(tokenKey, click);
    },

    /** The token of a click of which there is no row. */
    token: (code: string, { at, bot = false }: ClickInput) =>
      mintClickToken(tokenKey, { clickId: uuidv7(Date.now()), linkCode: code, clickedAt: Date.parse(at), bot }),

    /** Somebody says that these are one buyer. */
    async identities(merchantId: string, buyer: Record<string, string>) {
      const identities = identitiesOf(identityKey, merchantId, buyer);
      await inTransaction(db, async ({ trx, now }) => {
        const { buyer: all } = await mergeIdentities(trx, { merchantId, identities, click: null, keyId: 'key', now });
        await markDueByIdentities(trx, all, now);
      });
    },

    async report({ fields, sourceId = 'rest', says = 'all' }: ReportInput) {
      const deliveryId = uuidv7(Date.now());
      const parsed = canonicalReport.parse(fields);
      const identities = identitiesOf(identityKey, parsed.merchant_id, buyerOf(parsed));
      const { merchantId, orderId, ...report } = readAs(parsed, { receivedAt: new Date(), identities });
      // What is told twice is merged twice, and the same words of two orders weigh the same.
      const body = Buffer.from(`${JSON.stringify(fields)} ${randomUUID()}`);
      const contentHash = hashOf(JSON.stringify({ ...fields, order_id: null })).toString('hex');
      const merged = lift({ merchantId, orderId, ...report }, contentHash, says);
      await inTransaction(db, async ({ trx, now }) => {
        const delivery = { delivery_id: deliveryId, source_id: sourceId, merchant_id: merchantId, origin: 'rest', body, headers: '{}' };
        const finished = { received_at: now, state: 'processed', next_attempt_at: now, reports: 1, finished_at: now };
        await insertDelivery(trx, { ...delivery, ...finished, body_hash: hashOf(body.toString()) });
        const reports = [{ merchantId, sourceId, orderId, merged, deliveryId, ordinal: 0 }];
        const { touched } = await mergeIntoOrders(trx, reports, now, BOUNDS);
        await markDue(trx, await relativesOf(trx, touched), now);
      });
    },
  };
}
