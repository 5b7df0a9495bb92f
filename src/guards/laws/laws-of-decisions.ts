// Laws of the decisions that stand: the split stays within what there is to split, and whoever is
// credited may be.

import { inRange, law, ORDER } from '../guard.ts';

const STANDING = 'from orders join award using (order_key) join decision using (order_key, revision)';
const IN_RANGE = inRange('orders', 'award', 'decision');

/**
 * A line that was told of anew after its release, or past its cutoff, keeps its winners and rules,
 * whatever its time has become.
 */
const NOT_FIXED = `coalesce(orders.changed_at <= (select line_hold.released_at from line_hold
      where line_hold.order_key = decision.order_key and line_hold.line_id = decision.line_id), true) and orders.changed_at <= orders.attribution_at
    + interval '24 hours' * (select (policy ->> 'cutoff_days')::integer from merchant_version
      where merchant_version.merchant_id = orders.merchant_id and merchant_version.version = (pinned ->> 'merchant_version')::integer)`;

/** A transaction that began before another one may commit after it, but never so much later. */
const KNOWN_BY = `least(orders.attribution_at, orders.made_at) - interval '5 minutes'`;

const sharesWithinPool = law(
  'orders',
  'shares_within_pool',
  `select orders.order_key, ${ORDER}, line_id, base, pool, total as shares ${STANDING}, lateral (
    select coalesce(sum((share ->> 'amount')::bigint) filter (where share ->> 'role' <> 'boost'), 0) as total,
      coalesce(min((share ->> 'amount')::bigint), 1) as least
    from jsonb_array_elements(shares) as share
  ) as split
  where ${IN_RANGE} and (total > pool or pool > base or least <= 0 or (decision <> 'attributed' and (pool <> 0 or total <> 0)))`,
);

const poolsByRule = law(
  'orders',
  'pools_by_rule',
  `with priced as (
    select orders.order_key, ${ORDER}, line_id, rule_id, rule_version, base, pool,
      div(base::numeric * (plan ->> 'rate_ppm')::bigint, 1000000)
        + case when own and base > 0 then (plan ->> 'fixed_per_unit')::numeric * quantity else 0 end as rated,
      least(base, case when own then (plan ->> 'cap_per_line')::numeric end) as most,
      case when own then (plan ->> 'cap_per_order')::numeric end as cap_per_order
    ${STANDING} join rule_version using (rule_id), lateral (select coalesce(plan ->> 'currency' = award.currency, false) as own) as currency
    where ${IN_RANGE} and version = rule_version and decision = 'attributed'
  ), summed as (
    select *, sum(pool) over rules as pools, sum(least(rated, most)) over rules as pools_uncapped
    from priced window rules as (partition by order_key, rule_id, rule_version)
  )
  select order_key, merchant_id, source_id, order_id, line_id, base, pool, least(rated, most) as expected, cap_per_order, pools
  from summed where pool > least(rated, most) or pools <> least(pools_uncapped, cap_per_order)`,
);

const headsReadOff = law(
  'orders',
  'heads_read_off',
  `select orders.order_key, ${ORDER}, award.revision, award.decisions, award.releases_at, award.is_open
  from orders join award using (order_key)
  where ${inRange('orders', 'award')} and (
    decisions is distinct from coalesce((
      select array_agg(distinct decision collate "C" order by decision collate "C") from decision
      where decision.order_key = award.order_key and decision.revision = award.revision), '{}')
    or releases_at is distinct from (
      select min(ends_at) from line_hold where line_hold.order_key = award.order_key and line_hold.released_at is null)
    or is_open = (decisions <> '{}' and not exists (
      select from decision left join line_hold using (order_key, line_id)
      where decision.order_key = award.order_key and decision.revision = award.revision and line_hold.released_at is null))
  )`,
);

const rulesInForce = law(
  'orders',
  'rules_in_force',
  `select orders.order_key, ${ORDER}, line_id, rule_id, rule_version, orders.attribution_at ${STANDING}
  join rule_version using (rule_id) left join rule_end using (rule_id)
  cross join lateral (
    select (pinned ->> 'rule_at')::timestamptz as clicked_at, coalesce((pinned ->> 'rule_at')::timestamptz, orders.attribution_at) as at
  ) as chosen
  where ${IN_RANGE} and version = rule_version and ${NOT_FIXED} and (
    chosen.at < effective_from or chosen.at >= effective_to
    or (ends_at <= chosen.at and rule_end.recorded_at <= ${KNOWN_BY})
    or (chosen.clicked_at is not null and (chosen.clicked_at >= orders.attribution_at
      or not exists (
        select from merchant_version where merchant_version.merchant_id = orders.merchant_id
          and merchant_version.version = (pinned ->> 'merchant_version')::integer and rate_lock = 'click'
      )))
    or exists (
      select from rule_version higher
      where higher.rule_id = decision.rule_id and higher.version > decision.rule_version
        and higher.effective_from <= chosen.at and higher.recorded_at <= ${KNOWN_BY}
    )
  )`,
);

const creditsDue = law(
  'orders',
  'credits_due',
  `select orders.order_key, ${ORDER}, line_id, winner.promoter_id, winner.evidence, winner.link_code, winner.click_id, winner.clicked_at
  ${STANDING}, jsonb_to_recordset(pinned -> 'winners') as winner
    (promoter_id text, evidence text, link_code text, click_id uuid, clicked_at timestamptz, window_days integer)
  left join link on link.code = winner.link_code left join click using (click_id)
  where ${IN_RANGE} and (
    (winner.link_code is not null and (
      link.code is null or link.merchant_id <> orders.merchant_id or link.promoter_id <> winner.promoter_id))
    or (click.link_code <> winner.link_code or (click.bot and click.bot_reason is null))
    or (${NOT_FIXED} and (
      winner.clicked_at < orders.attribution_at - window_days * interval '24 hours'
      or (winner.evidence in ('click_token', 'click')
        and winner.clicked_at > orders.attribution_at + (pinned ->> 'clock_skew_seconds')::integer * interval '1 second')))
  )`,
);

const winnersWhole = law(
  'orders',
  'winners_whole',
  `select orders.order_key, ${ORDER}, line_id, weight, pinned -> 'winners' as winners ${STANDING}, lateral (
    select sum((winner ->> 'weight_ppm')::bigint) as weight, count(*) <> count(distinct winner ->> 'promoter_id') as doubled,
      bool_or(winner ->> 'promoter_id' = decision.promoter_id) as leads
    from jsonb_array_elements(pinned -> 'winners') as winner
  ) as winners
  where ${IN_RANGE} and decision = 'attributed' and (weight is distinct from 1000000 or doubled or leads is not true)`,
);

const inviters = law(
  'whole',
  'inviters_acyclic',
  `with recursive current as (
    select distinct on (promoter_id) promoter_id, inviter_id from promoter_version where effective_from <= now()
    order by promoter_id, effective_from desc, version desc
  ), climb as (
    select promoter_id, inviter_id, 1 as steps from current where inviter_id is not null
    union all
    select climb.promoter_id, current.inviter_id, steps + 1 from climb join current on current.promoter_id = climb.inviter_id
    where current.inviter_id is not null and climb.inviter_id <> climb.promoter_id and steps < 100
  )
  select promoter_id, steps from climb where inviter_id = promoter_id`,
);

/**
 * The laws of decisions; `levelsMax` is how many levels of a chain may be paid, the seller being
 * the first.
 */
export function lawsOfDecisions(levelsMax: number) {
  const chains = law(
    'orders',
    'chains_sound',
    `select orders.order_key, ${ORDER}, line_id, winner.promoter_id, winner.chain ${STANDING},
      jsonb_to_recordset(pinned -> 'winners') as winner (promoter_id text, chain text[])
    where ${IN_RANGE} and (cardinality(chain) > ${levelsMax - 1} or winner.promoter_id = any(chain)
      or cardinality(chain) <> (select count(distinct one) from unnest(chain) as one))
    union all
    select orders.order_key, ${ORDER}, line_id, share ->> 'promoter_id', null ${STANDING}, jsonb_array_elements(shares) as share
    where ${IN_RANGE} and share ->> 'role' = 'upline' and not exists (
      select from jsonb_array_elements(pinned -> 'winners') as winner
      where winner -> 'chain' ->> ((share ->> 'level')::integer - 1) = share ->> 'promoter_id'
    )`,
  );
  return [sharesWithinPool, poolsByRule, headsReadOff, rulesInForce, creditsDue, winnersWhole, chains, inviters];
}
