// Laws of campaigns: a boost is what its campaign wants of its line and no more than was granted,
// and what is spent of a budget is what lines have of it, within every limit.

import { inRange, law, ORDER } from '../guard.ts';

const STANDING = 'from orders join award using (order_key) join decision using (order_key, revision)';
const IN_RANGE = inRange('orders', 'award', 'decision');

/** The parts of a pinned boost. */
const PARTS = `jsonb_to_recordset(boost -> 'parts') as part (promoter_id text, wanted bigint, granted bigint, amount bigint)`;

/** What a line has of campaigns, by promoter. */
const SHARED = `(
      select share ->> 'promoter_id' as promoter_id, sum((share ->> 'amount')::bigint) as amount,
        bool_and(share ->> 'campaign_id' = boost ->> 'campaign_id') as is_tagged
      from jsonb_array_elements(shares) as share where share ->> 'role' = 'boost' group by 1
    )`;

/** A transaction that began before another one may commit after it, but never so much later. */
const KNOWN = `interval '5 minutes'`;

/**
 * Of every line with a boost: it is what its campaign wants by the version of the time, beside the
 * pool (its own before a re-rating) and within the base; nobody has more of it than was granted;
 * its shares are its parts.
 */
const boostsGranted = law(
  'orders',
  'boosts_granted',
  `with boosted as (
    select orders.order_key, ${ORDER}, line_id, decision, decision.promoter_id, base, pool, quantity, shares, award.currency,
      coalesce((explanation #>> '{re_rating,former,base}')::bigint, base) as own_base,
      coalesce((explanation #>> '{re_rating,former,pool}')::bigint, pool) as own_pool,
      pinned -> 'boost' as boost, (pinned ->> 'attribution_at')::timestamptz as at, pinned ->> 'product_id' as product_id
    ${STANDING} where ${IN_RANGE} and (pinned ? 'boost' or shares @> '[{"role": "boost"}]')
  ), reckoned as (
    select boosted.*, version, effective_from, starts_at, ends_at, products, promoters, parts.*,
      campaign.merchant_id is distinct from boosted.merchant_id or campaign.currency is distinct from boost ->> 'currency' as is_others,
      (version.rate_ppm, version.fixed_per_unit, version.combine) is distinct from
        ((boost ->> 'rate_ppm')::integer, (boost ->> 'fixed_per_unit')::bigint, boost ->> 'combine') as is_restated,
      case when boosted.currency = boost ->> 'currency' then greatest(0, least(base - pool, own_base - own_pool,
        case when rate_ppm is null then case when own_base > 0 then fixed_per_unit * quantity else 0 end
          else div(own_base::numeric * rate_ppm, 1000000) end - case combine when 'max' then own_pool else 0 end)) else 0 end as expected
    from boosted
    left join campaign on campaign.campaign_id = boost ->> 'campaign_id'
    left join campaign_version version on version.campaign_id = campaign.campaign_id and version.version = (boost ->> 'version')::integer
    cross join lateral (
      select coalesce(sum(wanted), 0) as wanted, coalesce(sum(granted), 0) as granted, coalesce(sum(amount), 0) as amount,
        bool_and(amount between 0 and least(wanted, granted)) as is_within
      from ${PARTS}
    ) as parts
  )
  select order_key, merchant_id, source_id, order_id, line_id, boost ->> 'campaign_id' as campaign_id, base, pool, expected, wanted, granted, amount
  from reckoned
  where version is null or decision <> 'attributed' or is_others or is_restated or is_within is not true or wanted <> expected
    or pool + amount > base or at < effective_from or at < starts_at or at >= ends_at
    or product_id <> all(products) or (products is not null and product_id is null) or promoter_id <> all(promoters)
    or exists (
      select from ${PARTS} full join ${SHARED} as shared using (promoter_id)
      where coalesce(part.amount, 0) <> coalesce(shared.amount, 0) or is_tagged is false
    )
    or exists (
      select from campaign_version higher
      where higher.campaign_id = boost ->> 'campaign_id' and higher.version > reckoned.version
        and higher.effective_from <= at and higher.recorded_at <= at - ${KNOWN}
    )
    or (granted > 0 and exists (
      select from campaign_pause pause where pause.campaign_id = boost ->> 'campaign_id'
        and paused_from <= at and coalesce(paused_until, 'infinity') > at and recorded_at <= at - ${KNOWN}
    ))`,
);

/** What lines have of budgets, as their decisions pin it. */
const PINNED = `
  select order_key, boost ->> 'campaign_id' as campaign_id, (boost ->> 'day')::date as day, part.promoter_id, part.amount
  from (select distinct order_key from transfer where campaign_id is not null) as boosted
  join award using (order_key) join decision using (order_key, revision)
  cross join lateral (select pinned -> 'boost' as boost) as pin cross join lateral ${PARTS}
  where decision = 'attributed' and pinned ? 'boost'`;

const SIGNED = `case transfer.kind when 'accrue' then amount when 'reverse' then -amount else 0 end`;

/** A limit is exceeded, or is higher than any version has ever said. */
const exceeded = (limit: string) => `(spent > cap or cap > (
      select max(${limit}) from campaign_version stated where stated.campaign_id = kept.campaign_id having count(*) = count(${limit})))`;

/**
 * What is spent of every budget, in all, by day and by promoter, is what lines have of it, as
 * pinned and as booked, and within its limits; and so many orders have something of it.
 */
const budgetsKept = law(
  'whole',
  'budgets_kept',
  `with pinned as materialized (${PINNED}), booked as (
    select campaign_id, promoter_id, sum(${SIGNED}) as amount from transfer where campaign_id is not null group by 1, 2
  ), kept as (
    select 'total' as what, campaign_id, null as name, cap, spent from campaign_budget
    union all
    select 'day', campaign_id, day::text, cap, spent from campaign_day
    union all
    select 'promoter', campaign_id, promoter_id, cap, spent from campaign_promoter
  ), had as (
    select 'total' as what, campaign_id, null as name, sum(amount) as amount from pinned group by campaign_id
    union all
    select 'day', campaign_id, day::text, sum(amount) from pinned group by campaign_id, day
    union all
    select 'promoter', campaign_id, promoter_id, sum(amount) from pinned group by campaign_id, promoter_id
    union all
    select 'total', campaign_id, null, sum(amount) from booked group by campaign_id
    union all
    select 'promoter', campaign_id, promoter_id, amount from booked
  )
  select what, campaign_id, kept.name, cap, spent, amount
  from kept join had using (what, campaign_id) where kept.name is not distinct from had.name
    and coalesce(spent, 0) <> coalesce(amount, 0)
  union all
  select what, campaign_id, name, cap, spent, null from kept
  where (spent <> 0 and not exists (
      select from had where had.what = kept.what and had.campaign_id = kept.campaign_id and had.name is not distinct from kept.name))
    or case what when 'total' then ${exceeded('total')} when 'day' then ${exceeded('per_day')} else ${exceeded('per_promoter')} end
  union all
  select what, campaign_id, name, null, null, amount from had
  where amount <> 0 and not exists (
    select from kept where kept.what = had.what and kept.campaign_id = had.campaign_id and kept.name is not distinct from had.name)
  union all
  select 'orders', campaign_id, null, null, budget.orders, count(distinct order_key) filter (where amount > 0)
  from campaign_budget budget left join pinned using (campaign_id)
  group by campaign_id having budget.orders <> count(distinct order_key) filter (where amount > 0)`,
);

export const LAWS_OF_CAMPAIGNS = [boostsGranted, budgetsKept];
