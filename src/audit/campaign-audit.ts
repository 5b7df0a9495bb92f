// Budgets computed again: every line of a merchant with campaigns, what its pin says that it has of
// them, and the sums beside what is kept as spent.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { PinnedBoost } from '../commission/award/pin.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { Difference } from './difference.ts';

const ORDERS_PER_PAGE = 5000;

/** What lines have of one budget; the orders by their keys, each once. */
class Spent {
  total = 0n;
  readonly days = new Map<string, bigint>();
  readonly promoters = new Map<string, bigint>();
  readonly orders = new Set<bigint>();

  add(orderKey: bigint, { day, parts }: PinnedBoost): void {
    for (const { promoter_id: promoterId, amount } of parts) {
      if (amount === 0) continue;
      this.total += BigInt(amount);
      this.days.set(day, (this.days.get(day) ?? 0n) + BigInt(amount));
      this.promoters.set(promoterId, (this.promoters.get(promoterId) ?? 0n) + BigInt(amount));
      this.orders.add(orderKey);
    }
  }
}

/** Where a budget is not what its lines have of it. All is read in one snapshot. */
export async function auditCampaigns(db: Kysely<DB>, onDifference: (difference: Difference) => void): Promise<{ campaigns: number }> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => {
      const { rows } = await sql<{ campaign_id: string; spent: bigint; orders: number }>`
        select campaign_id, spent, orders from campaign_budget order by campaign_id`.execute(trx);
      if (rows.length === 0) return { campaigns: 0 };
      const lines = await countLines(trx);
      const days = await readKept(sql<KeptRow>`select campaign_id, day::text as name, spent from campaign_day`.execute(trx));
      const promoters = await readKept(sql<KeptRow>`select campaign_id, promoter_id as name, spent from campaign_promoter`.execute(trx));
      for (const { campaign_id: campaignId, spent, orders } of rows) {
        const expected = lines.get(campaignId) ?? new Spent();
        lines.delete(campaignId);
        const subject = `campaign ${campaignId}`;
        const compare = (field: string, should: bigint, is: bigint): void => {
          if (should !== is) onDifference({ subject, field, expected: String(should), found: String(is) });
        };
        compare('spent', expected.total, spent);
        compare('orders', BigInt(expected.orders.size), BigInt(orders));
        for (const [kind, sums, kept] of [
          ['day', expected.days, days.get(campaignId)],
          ['promoter', expected.promoters, promoters.get(campaignId)],
        ] as const) {
          const names = new Set([...sums.keys(), ...(kept?.keys() ?? [])]);
          for (const name of names) compare(`${kind} ${name}`, sums.get(name) ?? 0n, kept?.get(name) ?? 0n);
        }
      }
      for (const [campaignId, { total }] of lines) {
        onDifference({ subject: `campaign ${campaignId}`, field: 'spent', expected: String(total), found: 'no budget' });
      }
      return { campaigns: rows.length };
    });
}

/** What all lines have, by campaign, a page of orders at a time. */
async function countLines(trx: Transaction<DB>): Promise<Map<string, Spent>> {
  const spent = new Map<string, Spent>();
  for (let after = 0n; ;) {
    const { rows } = await sql<{ order_key: bigint; boost: PinnedBoost | null }>`
      with page as materialized (
        select order_key, revision from award
        where order_key > ${after} and merchant_id in (select merchant_id from campaign)
        order by order_key limit ${ORDERS_PER_PAGE}
      )
      select order_key, pinned -> 'boost' as boost from page left join decision using (order_key, revision)
      where pinned ? 'boost' or order_key = (select max(order_key) from page) order by order_key`.execute(trx);
    const last = rows.at(-1);
    if (last === undefined) return spent;
    for (const { order_key: orderKey, boost } of rows) {
      if (boost === null) continue;
      const own = spent.get(boost.campaign_id) ?? new Spent();
      spent.set(boost.campaign_id, own);
      own.add(orderKey, boost);
    }
    after = last.order_key;
  }
}

interface KeptRow {
  campaign_id: string;
  name: string;
  spent: bigint;
}

async function readKept(reading: Promise<{ rows: KeptRow[] }>): Promise<Map<string, Map<string, bigint>>> {
  const { rows } = await reading;
  const kept = new Map<string, Map<string, bigint>>();
  for (const { campaign_id: campaignId, name, spent } of rows) {
    const own = kept.get(campaignId) ?? new Map<string, bigint>();
    kept.set(campaignId, own.set(name, spent));
  }
  return kept;
}
