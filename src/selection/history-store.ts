// The past of merchants' products as the roll-ups and what is counted tell it, set-wise. What has
// come within the last second may be missing: no estimate turns on it.

import { sql, type Kysely } from 'kysely';

import { DAY_MS, HOUR_MS } from '../platform/durations.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf } from '../platform/postgres/unnest.ts';
import { countDelays, DELAY_HOURS, ripeness, type History, type KnownProduct, type Outcome } from './history.ts';

/** Pairs of promoter and product that estimates learn from: those with the most clicks. */
const OUTCOMES_MAX = 5000;
/** How many orders of a merchant say how late they come: the latest. */
export const DELAYS_MAX = 500;

/** Whose past, since when, and of links of which scene; null: of any. */
export interface HistoryQuestion {
  merchantIds: readonly string[];
  scene: string | null;
  from: Date;
  now: Date;
}

interface OutcomeRow {
  merchant_id: string;
  product_id: string;
  promoter_id: string;
  category: string | null;
  price: bigint | null;
  clicks: number;
  ripe_clicks: number;
  settled_orders: number;
  settled_paid: number;
  settled_kept: number;
  young_orders: number;
  young_paid: number;
  paid_squares: number;
}

/** What clicks brought. Amounts are numbers here: estimates are no money. */
export async function readHistory(db: Kysely<DB>, question: HistoryQuestion): Promise<History> {
  const { merchantIds, scene, from, now } = question;
  const ages = await readAges(db, question);
  const isOfScene = scene === null ? sql`` : sql`and scene = ${scene}`;
  const { rows } = await sql<OutcomeRow>`
    with age as materialized (select * from ${unnestOf(
      ages,
      {
        merchant_id: ['text', (one) => one.merchantId],
        since: ['timestamptz', (one) => one.since],
        until: ['timestamptz', (one) => one.until],
        part_ppm: ['int', (one) => Math.round(one.part * 1_000_000)],
      },
      'age',
    )}), clicked as (
      select link.merchant_id, link.product_id, link.promoter_id, link_rollup.at, sum(clicks) as clicks
      from link_rollup join link on link.code = link_rollup.link_code
      where ((grain_minutes = 1440 and at >= ${from} and at < ${fineFrom(now)}) or (grain_minutes = 15 and at >= ${fineFrom(now)} and at <= ${now}))
        and link.merchant_id = any(${merchantIds}::text[]) and link.product_id is not null and clicks > 0 ${isOfScene}
      group by 1, 2, 3, 4
    ), clicks as (
      select clicked.merchant_id, product_id, promoter_id, sum(clicks)::int as clicks, sum(clicks * part_ppm)::float8 / 1000000 as ripe_clicks
      from clicked join age on age.merchant_id = clicked.merchant_id and at > age.since and at <= age.until
      group by 1, 2, 3
    ), term as (
      select wanted.merchant_id, ${now}::timestamptz - hold_days * interval '1 day' as settled_until
      from unnest(${merchantIds}::text[]) as wanted (merchant_id), lateral (
        select hold_days from merchant_version as stated where stated.merchant_id = wanted.merchant_id and effective_from <= ${now}
        order by stated.effective_from desc, stated.version desc limit 1
      ) as current
    ), won as (
      select counted.merchant_id, product_id, promoter_id, order_key, at <= settled_until as is_settled, sum(paid_amount)::float8 as paid,
        sum(paid_amount - refunded_amount)::float8 as kept
      from counted join term using (merchant_id)
      where basis = 'order' and wins_order and at >= ${from} and at <= ${now} and product_id is not null ${isOfScene}
      group by 1, 2, 3, 4, 5
    ), sold as (
      select merchant_id, product_id, promoter_id,
        count(*) filter (where is_settled)::int as settled_orders, coalesce(sum(paid) filter (where is_settled), 0) as settled_paid,
        coalesce(sum(kept) filter (where is_settled), 0) as settled_kept, count(*) filter (where not is_settled)::int as young_orders,
        coalesce(sum(paid) filter (where not is_settled), 0) as young_paid, sum(paid * paid) as paid_squares
      from won group by 1, 2, 3
    ), outcome as (
      select merchant_id, product_id, promoter_id, coalesce(clicks, 0) as clicks, coalesce(ripe_clicks, 0) as ripe_clicks,
        coalesce(settled_orders, 0) as settled_orders, coalesce(settled_paid, 0) as settled_paid, coalesce(settled_kept, 0) as settled_kept,
        coalesce(young_orders, 0) as young_orders, coalesce(young_paid, 0) as young_paid, coalesce(paid_squares, 0) as paid_squares
      from clicks full join sold using (merchant_id, product_id, promoter_id)
      order by 4 desc, 1, 2, 3 limit ${OUTCOMES_MAX}
    )
    select outcome.*, category, price from outcome, lateral (
      select category, price from product_version as stated
      where stated.merchant_id = outcome.merchant_id and stated.product_id = outcome.product_id and effective_from <= ${now}
      order by stated.effective_from desc, stated.version desc limit 1
    ) as current`.execute(db);
  const products = new Map(rows.map((row) => [`${row.merchant_id}\0${row.product_id}`, productOf(row)]));
  return { products: [...products.values()], outcomes: rows.map((row) => outcomeOf(row)) };
}

/** Clicks of the last two days are weighed by quarters of an hour, older ones by days of UTC. */
const FINE_DAYS = 2;

function fineFrom(now: Date): Date {
  return new Date(Math.floor(now.getTime() / DAY_MS - FINE_DAYS) * DAY_MS);
}

const productOf = (row: OutcomeRow): KnownProduct => ({
  merchantId: row.merchant_id,
  productId: row.product_id,
  category: row.category,
  price: row.price === null ? null : Number(row.price),
});

const outcomeOf = (row: OutcomeRow): Outcome => ({
  merchantId: row.merchant_id,
  productId: row.product_id,
  promoterId: row.promoter_id,
  clicks: row.clicks,
  ripeClicks: row.ripe_clicks,
  settled: { orders: row.settled_orders, paid: row.settled_paid, kept: row.settled_kept },
  young: { orders: row.young_orders, paid: row.young_paid },
  paidSquares: row.paid_squares,
});

interface Age {
  merchantId: string;
  since: Date | '-infinity';
  until: Date | 'infinity';
  /** Which part of the orders of clicks of that time has come. */
  part: number;
}

/** How ripe the clicks of each merchant are, by times between which it hardly differs. */
async function readAges(db: Kysely<DB>, { merchantIds, from, now }: HistoryQuestion): Promise<Age[]> {
  const { rows } = await sql<{ merchant_id: string; hours: number }>`
    select merchant_id, hours from unnest(${merchantIds}::text[]) as wanted (merchant_id), lateral (
      select extract(epoch from attribution_at - (winner ->> 'clicked_at')::timestamptz)::float8 / 3600 as hours
      from (
        select distinct order_key, at from counted
        where counted.merchant_id = wanted.merchant_id and at >= ${from} and at <= ${now} and basis = 'order' and wins_order
        order by at desc, order_key desc limit ${DELAYS_MAX}
      ) as latest join award using (order_key) join decision using (order_key, revision), jsonb_array_elements(pinned -> 'winners') as winner
      where decision = 'attributed' and winner ->> 'evidence' in ('click', 'click_token')
    ) as delay where hours >= 0`.execute(db);
  const { shared, ofMerchant } = countDelays(rows.map(({ merchant_id: merchantId, hours }) => ({ merchantId, hours })));
  return merchantIds.flatMap((merchantId) => {
    const partOf = ripeness(ofMerchant(merchantId), shared);
    return EDGES.slice(1).map((hours, index) => ({
      merchantId,
      since: hours === Infinity ? ('-infinity' as const) : new Date(now.getTime() - hours * HOUR_MS),
      until: index === 0 ? ('infinity' as const) : new Date(now.getTime() - EDGES[index]! * HOUR_MS),
      part: hours === Infinity ? 1 : partOf((EDGES[index]! + hours) / 2),
    }));
  });
}

const EDGES = [0, ...DELAY_HOURS, Infinity];

/**
 * Of the lines whose base is what a platform pays: which part that is of what buyers keep, by
 * merchant, of the latest. Of others nothing.
 */
export async function readPlatformParts(
  db: Kysely<DB>,
  { merchantIds, from, now }: Omit<HistoryQuestion, 'scene'>,
): Promise<Map<string, number>> {
  const { rows } = await sql<{ merchant_id: string; part: number }>`
    select merchant_id, sum(base)::float8 / sum(kept)::float8 as part from unnest(${merchantIds}::text[]) as wanted (merchant_id), lateral (
      select base, decision.paid_amount - decision.refunded_amount as kept
      from (
        select distinct order_key, at from counted
        where counted.merchant_id = wanted.merchant_id and at >= ${from} and at <= ${now} and basis = 'order' and wins_order
        order by at desc, order_key desc limit ${DELAYS_MAX}
      ) as latest join award using (order_key) join decision using (order_key, revision) join rule_version using (rule_id)
      where decision = 'attributed' and rule_version.version = decision.rule_version and plan ->> 'base' = 'platform_commission'
    ) as line group by merchant_id having sum(kept) > 0`.execute(db);
  return new Map(rows.map(({ merchant_id: merchantId, part }) => [merchantId, part]));
}
