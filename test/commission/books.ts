// What the books of a world say: orders as they are shown, why, what was booked for them, and what
// promoters have.
import type { Kysely } from 'kysely';
import { showOrder } from '../../src/commission/orders/order-answer.ts';
import { explain } from '../../src/commission/orders/order-view-routes.ts';
import { findShown, readOrderTransfers } from '../../src/commission/orders/order-view-store.ts';
import { balancesOf } from '../../src/ledger/balances.ts';
import type { Actor } from '../../src/platform/keys/actor.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';

const ADMIN: Actor = { keyId: 'admin', scope: 'admin', role: null, person: 'zhang', merchantId: null, promoterId: null };

export function books(db: Kysely<DB>) {
  async function find(merchantId: string, orderId: string, sourceId: string) {
    const [found] = await findShown(db, sourceId, orderId, merchantId);
    if (found === undefined) throw new Error(`there is no order ${orderId}`);
    return found;
  }

  return {
    /** The order as an operator sees it. */
    shown: async (merchantId: string, orderId: string, sourceId = 'rest') => showOrder(await find(merchantId, orderId, sourceId), ADMIN),

    async explained(merchantId: string, orderId: string, sourceId = 'rest') {
      const found = await find(merchantId, orderId, sourceId);
      return explain(db, found, { limit: 200 }, ADMIN);
    },

    /** The head and the decisions of the standing award, and how many revisions there were. */
    async standing(merchantId: string, orderId: string, sourceId = 'rest') {
      const { order_key: orderKey, lines } = await find(merchantId, orderId, sourceId);
      return { head: await db.selectFrom('award').selectAll().where('order_key', '=', orderKey).executeTakeFirst(), lines };
    },

    /** Everything that was booked for the order, first to last, signed from the promoter's side. */
    async transfers(merchantId: string, orderId: string, sourceId = 'rest') {
      const { order_key: orderKey, lines } = await find(merchantId, orderId, sourceId);
      const lineIds = lines.map((line) => line.line_id);
      const transfers = await readOrderTransfers(db, orderKey, { lineIds, promoterId: null, most: 1000 });
      return transfers.map(({ kind, role, promoter_id: promoterId, from, to, amount }) => {
        return { kind, role, promoterId, way: `${from} > ${to}`, amount: Number(kind === 'reverse' ? -amount : amount) };
      });
    },

    /** What a promoter has of one merchant: pending and available, of every currency. */
    async balance(promoterId: string, merchantId: string | null = null) {
      const balances = await balancesOf(db, promoterId, merchantId);
      return balances.map(({ currency, pending, available }) => [currency, Number(pending), Number(available)]);
    },
  };
}
