// What a promoter has sold of a merchant lately, as conditions of offers ask for it.

import { sql, type Kysely } from 'kysely';

import { DAY_MS } from '../../platform/durations.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { readPromoters } from '../facts/facts-store.ts';
import { tierAt } from '../facts/facts.ts';
import { findTierProgramOf } from '../tiers/tier-program-store.ts';
import { readTierPeriods } from '../tiers/tier-store.ts';
import type { SalesRecord } from './application.ts';

const RECORD_DAYS = 90;
/** Of a promoter with more orders these are looked at, the latest. */
const ORDERS_MAX = 5000;

/**
 * The promoter's own lines, of which it is the heaviest winner, that were completed in the 90 days
 * before `now`: orders with something left, and which part of what was paid in the merchant's
 * currency was refunded.
 */
export async function readSalesRecord(
  db: Kysely<DB>,
  { merchantId, promoterId }: { merchantId: string; promoterId: string },
  now: Date,
): Promise<SalesRecord> {
  const { rows } = await sql<{ orders: bigint; refund_ppm: number }>`
    with own as materialized (
      select order_key from decision where promoter_id = ${promoterId} group by order_key order by order_key desc limit ${ORDERS_MAX}
    ), completed as (
      select decision.order_key, paid_amount, refunded_amount, award.currency
      from own join award using (order_key) join orders using (order_key)
      join decision on decision.order_key = award.order_key and decision.revision = award.revision
      cross join lateral jsonb_array_elements(merged -> 'lines') as line
      cross join lateral (
        select timestamptz 'epoch' + coalesce(line ->> 'completedAt', case merged ->> 'status' when 'completed' then merged ->> 'completedAt' end)
          ::bigint * interval '1 millisecond' as completed_at
      ) as told
      where award.merchant_id = ${merchantId} and decision = 'attributed' and decision.promoter_id = ${promoterId} and line ->> 'lineId' = line_id
        and told.completed_at > ${new Date(now.getTime() - RECORD_DAYS * DAY_MS)} and told.completed_at <= ${now}
    ), paid as (
      select sum(paid_amount) as paid, sum(refunded_amount) as refunded from completed
      where currency = (select currency from merchant_version where merchant_id = ${merchantId} limit 1)
    )
    select (select count(distinct order_key) from completed where paid_amount > refunded_amount) as orders,
      coalesce(div(refunded * 1000000, nullif(paid, 0)), 0)::int as refund_ppm from paid`.execute(db);
  const promoters = await readPromoters(db, [promoterId]);
  const tierPeriods = await readTierPeriods(db, { merchantIds: [merchantId], promoterIds: [promoterId], since: now.getTime() });
  const tier = tierAt({ promoters, tierPeriods }, { merchantId, promoterId, at: now.getTime() });
  return { tier, orders: rows[0]!.orders, refundPpm: rows[0]!.refund_ppm };
}

/**
 * Whether a tier is another one or stands above it, in the merchant's tier program or else in the
 * one of all merchants; tiers of no program are only themselves.
 */
export async function isTierAtLeast(
  db: Kysely<DB>,
  tier: string | null,
  { least, merchantId }: { least: string; merchantId: string },
): Promise<boolean> {
  if (tier === null || tier === least) return tier === least;
  for (const owner of [merchantId, null]) {
    const program = await findTierProgramOf(db, owner);
    const rankOf = (name: string) => program?.tiers.findIndex((one) => one.tier === name) ?? -1;
    if (rankOf(least) >= 0) return rankOf(tier) >= rankOf(least);
  }
  return false;
}
