// Laws of the statistics: what is counted of orders is what was awarded and booked, and what is
// summed up by time is what is counted.

import { inRange, law, type SqlGuard } from '../guard.ts';

const ORDER_SUMS = ['units', 'paid_amount', 'refunded_amount'];
const SUMMED = ORDER_SUMS.map((sum) => `sum(${sum}) as ${sum}`).join(', ');
const EACH_SUM = `lateral (values ${ORDER_SUMS.map((sum) => `('${sum}', ${sum})`).join(', ')}) as sum (what, amount)`;

/**
 * Of orders whose award is folded. What it comes to for each promoter is said here a second time,
 * and without the division of a line among its winners.
 */
const countedOrders = law(
  'orders',
  'counted_orders',
  `with folded as (
    select orders.order_key, award.revision, award.currency, award.attribution_at from orders join award using (order_key), statistics_fold
    where ${inRange('orders', 'award')}
      and case when awarded_xid is null then orders.order_key <= orders_up_to else awarded_xid < below_xid end
  ), won as (
    select order_key, line_id, folded.currency, quantity as units, paid_amount, refunded_amount, shares, pinned -> 'winners' as winners
    from folded join decision using (order_key, revision)
    where ${inRange('decision')} and decision = 'attributed' and attribution_at is not null
  ), booked as (
    select order_key, transfer.promoter_id, transfer.currency, kind, amount, attribution_at is not null as is_paid
    from folded join transfer using (order_key)
    where ${inRange('transfer')} and kind in ('accrue', 'reverse', 'release') and transfer.promoter_id is not null
  ), expected as (
    select order_key, 'order' as basis, '' as promoter_id, currency, what, amount from (
      select order_key, currency, ${SUMMED} from won group by order_key, currency
    ) as sums, ${EACH_SUM}
    union all
    select order_key, 'order', winner ->> 'promoter_id', currency, 'won', 1 from won, jsonb_array_elements(winners) as winner group by 1, 3, 4
    union all
    select order_key, 'order', share ->> 'promoter_id', currency, 'share', sum((share ->> 'amount')::bigint)
    from won, jsonb_array_elements(shares) as share where share ->> 'promoter_id' is not null group by 1, 3, 4
    union all
    select order_key, 'order', share ->> 'promoter_id', currency, 'released', sum((share ->> 'amount')::bigint)
    from won join line_hold using (order_key, line_id), jsonb_array_elements(shares) as share
    where ${inRange('line_hold')} and released_at is not null and share ->> 'promoter_id' is not null group by 1, 3, 4
    union all
    select order_key, 'order', promoter_id, currency, 'reverse', sum(amount) from booked where kind = 'reverse' and is_paid group by 1, 3, 4
    union all
    select order_key, 'booking', promoter_id, currency, kind, sum(amount) from booked group by 1, 3, 4, 5
  ), found as (
    select order_key, basis, '' as promoter_id, currency, what, amount from (
      select order_key, basis, counted.currency, ${SUMMED}
      from counted join folded using (order_key) where ${inRange('counted')} group by order_key, basis, counted.currency
    ) as sums, ${EACH_SUM}
    union all
    select order_key, basis, promoter_id, currency, what, amount from (
      select order_key, basis, promoter_id, counted.currency, max(wins_order::int) as won, sum(commission_estimated) as estimated,
        sum(commission_confirmed) as confirmed, sum(commission_released) as released, sum(commission_reversed) as reversed
      from counted join folded using (order_key) where ${inRange('counted')} and promoter_id is not null group by 1, 2, 3, 4
    ) as sums, lateral (values
      ('won', won), ('reverse', reversed),
      (case basis when 'order' then 'share' else 'accrue' end, case basis when 'order' then estimated + confirmed + released else estimated end),
      (case basis when 'order' then 'released' else 'release' end, released)
    ) as sum (what, amount)
  )
  select order_key, basis, promoter_id, currency, what, expected.amount as expected, found.amount as counted
  from expected full join found using (order_key, basis, promoter_id, currency, what)
  where coalesce(expected.amount, 0) <> coalesce(found.amount, 0)`,
);

const COUNTED = [
  'units',
  'paid_amount',
  'refunded_amount',
  'refunds',
  'commission_estimated',
  'commission_confirmed',
  'commission_released',
  'commission_reversed',
];
const VISITS = ['clicks', 'bot_clicks', 'links_made'];
const ROLLED = [...VISITS, 'orders', 'orders_unattributed', ...COUNTED];

const sums = (columns: readonly string[]) => `array[${columns.map((column) => `sum(${column})`).join(', ')}]`;
const QUARTER = (time: string) => `date_bin('15 minutes', ${time}, timestamptz '2000-01-01 00:00:00+00')`;
/** Hours are compared with the facts, and the days around them with their quarters of an hour. */
const IN_HOURS = (time: string) => `hour on ${time} >= hour.begins and ${time} < hour.ends`;
const IN_DAYS = (table: string) => `day on ${table}.at >= day.begins and ${table}.at < day.ends`;

/** A roll-up as rows of `(what, grain, at, name, sums)`, where a name holds all its other keys. */
const rolled = (what: string, table: string, { name, columns }: { name: string; columns: readonly string[] }) => `
    select '${what}' as what, 15 as grain, at, ${name} as name, ${sums(columns)} as sums
    from ${table} join ${IN_HOURS('at')} where grain_minutes = 15 group by at, name
    union all
    select '${what}', 1440, at, ${name} as name, ${sums(columns)} from ${table} join ${IN_DAYS(table)} where grain_minutes = 1440 group by at, name`;

/** What the days of a roll-up must be: the sums of their quarters of an hour. */
const quarters = (what: string, table: string, { name, columns }: { name: string; columns: readonly string[] }) => `
    select '${what}', 1440, day.begins, ${name} as name, ${sums(columns)} from ${table} join ${IN_DAYS(table)} where grain_minutes = 15
    group by day.begins, name`;

const OF_MERCHANT = 'jsonb_build_array(merchant_id, currency, basis)';
const OF_PROMOTER = 'jsonb_build_array(merchant_id, currency, basis, promoter_id)';
const OF_LINK = 'jsonb_build_array(link_code, category, agency_id)';
const MERCHANT_ROLLUP = { name: OF_MERCHANT, columns: ROLLED };
const PROMOTER_ROLLUP = { name: OF_PROMOTER, columns: ROLLED };
const LINK_ROLLUP = { name: OF_LINK, columns: VISITS };

/**
 * The last hour, this one, and one that is drawn from all time: of each a roll-up says what its
 * facts say, and so do the days around it.
 */
const rollups: SqlGuard = law(
  'present',
  'rollups',
  `with fold as materialized (
    select below_xid from statistics_fold where history_done_at is not null
  ), hour as materialized (
    select begins, begins + interval '1 hour' as ends from fold, lateral (
      select date_trunc('hour', now()) as begins union select date_trunc('hour', now()) - interval '1 hour'
      union select date_trunc('hour', at) from (
        select at from merchant_rollup where grain_minutes = 15 and at >= (
          select min(at) + random() * (max(at) - min(at)) from merchant_rollup where grain_minutes = 15
        ) order by at limit 1
      ) as drawn
    ) as hours
  ), day as materialized (
    select distinct date_trunc('day', begins, 'UTC') as begins, date_trunc('day', begins, 'UTC') + interval '24 hours' as ends from hour
  ), visit as materialized (
    select ${QUARTER('clicked_at')} as at, link_code, count(*) filter (where not bot) as clicks, count(*) filter (where bot) as bot_clicks,
      0 as links_made
    from click join ${IN_HOURS('clicked_at')}, fold where recorded_xid is null or recorded_xid < below_xid group by 1, 2
    union all
    select ${QUARTER('made_at')}, code, 0, 0, count(*) from link join ${IN_HOURS('made_at')}, fold
    where made_xid is null or made_xid < below_xid group by 1, 2
  ), fact as materialized (
    select ${QUARTER('at')} as at, merchant_id, currency, basis, promoter_id, order_key, wins_order, unattributed, ${COUNTED.join(', ')},
      ${VISITS.map((visit) => `0 as ${visit}`).join(', ')}
    from counted join ${IN_HOURS('at')}
    union all
    select at, merchant_id, (select currency from merchant_version as stated where stated.merchant_id = link.merchant_id limit 1), 'order',
      promoter_id, null, false, false, ${COUNTED.map(() => '0').join(', ')}, ${VISITS.join(', ')}
    from visit join link on code = link_code
  ), expected as (
    select case when grouping(promoter_id) = 1 then 'merchant' else 'promoter' end as what, 15 as grain, at,
      case when grouping(promoter_id) = 1 then ${OF_MERCHANT} else ${OF_PROMOTER} end as name, array[
        ${VISITS.map((visit) => `sum(${visit})`).join(', ')}, count(distinct order_key) filter (where wins_order),
        count(distinct order_key) filter (where unattributed), ${COUNTED.map((column) => `sum(${column})`).join(', ')}
      ] as sums
    from fact group by grouping sets ((at, merchant_id, currency, basis), (at, merchant_id, currency, basis, promoter_id))
    union all
    select 'link', 15, at, jsonb_build_array(link_code), ${sums(VISITS)} from visit join link on code = link_code group by at, link_code
    union all ${quarters('merchant', 'merchant_rollup', MERCHANT_ROLLUP)}
    union all ${quarters('promoter', 'promoter_rollup', PROMOTER_ROLLUP)}
    union all ${quarters('link in full', 'link_rollup', LINK_ROLLUP)}
  ), found as (${rolled('merchant', 'merchant_rollup', MERCHANT_ROLLUP)}
    union all ${rolled('promoter', 'promoter_rollup', PROMOTER_ROLLUP)}
    union all
    select 'link', 15, at, jsonb_build_array(link_code), ${sums(VISITS)} from link_rollup join ${IN_HOURS('at')} where grain_minutes = 15
    group by at, link_code
    union all
    select 'link in full', 1440, at, ${OF_LINK} as name, ${sums(VISITS)} from link_rollup join ${IN_DAYS('link_rollup')}
    where grain_minutes = 1440 group by at, name
  )
  select what, grain, at, name, expected.sums as expected, found.sums as found
  from expected full join found using (what, grain, at, name)
  where coalesce(expected.sums, array_fill(0::numeric, array[cardinality(found.sums)]))
    <> coalesce(found.sums, array_fill(0::numeric, array[cardinality(expected.sums)]))`,
);

export const LAWS_OF_STATISTICS = [countedOrders, rollups];
