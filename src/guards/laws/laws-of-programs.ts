// Laws of programs: what is kept of won lines is what was awarded, bonuses are what these pay,
// tiers are what figures say.

import { inRange, law, NOT_DUE, ORDER } from '../guard.ts';

/**
 * Orders whose won lines a program counts and that wait for nothing; those from before a program
 * are looked at once all of them were put down.
 */
const COUNTED = `${NOT_DUE} and not exists (select from won_line_due where won_line_due.order_key = orders.order_key)
    and exists (select from program_reach reach where done_at is not null and coalesce(reach.merchant_id, orders.merchant_id) = orders.merchant_id)`;

const wonLinesKept = law(
  'orders',
  'won_lines_kept',
  `with awarded as (
    select orders.order_key, ${ORDER}, decision.line_id, winner.promoter_id, award.currency, told.completed_at,
      div((paid_amount - refunded_amount) * winner.weight, winner.whole) as amount, line_hold.released_at is not null as is_released
    from orders join award on award.order_key = orders.order_key
    join decision on decision.order_key = orders.order_key and decision.revision = award.revision
    left join line_hold on line_hold.order_key = orders.order_key and line_hold.line_id = decision.line_id and ${inRange('line_hold')}
    cross join lateral (
      select won ->> 'promoter_id' as promoter_id, sum(coalesce(won ->> 'weight', won ->> 'weight_ppm')::numeric) as weight,
        sum(sum(coalesce(won ->> 'weight', won ->> 'weight_ppm')::numeric)) over () as whole
      from jsonb_array_elements(decision.pinned -> 'winners') as won group by won ->> 'promoter_id'
    ) as winner
    left join lateral (
      select timestamptz 'epoch' + coalesce(line ->> 'completedAt', case merged ->> 'status' when 'completed' then merged ->> 'completedAt' end)
        ::bigint * interval '1 millisecond' as completed_at
      from jsonb_array_elements(merged -> 'lines') as line where line ->> 'lineId' = decision.line_id
    ) as told on true
    where ${inRange('orders', 'award', 'decision')} and decision = 'attributed' and paid_amount > refunded_amount and ${COUNTED}
  ), kept as (
    select won_line.* from orders join won_line on won_line.order_key = orders.order_key
    where ${inRange('orders', 'won_line')} and ${COUNTED}
  )
  select order_key, line_id, promoter_id, awarded.amount as awarded, kept.amount as kept, awarded.completed_at, kept.completed_at as kept_at
  from awarded full join kept using (order_key, line_id, promoter_id)
  where (awarded.amount, awarded.currency, awarded.completed_at, awarded.is_released, awarded.merchant_id)
    is distinct from (kept.amount, kept.currency, kept.completed_at, kept.is_released, kept.merchant_id)`,
);

const CAUSE_ID = `program_id || '/' || promoter_id || '/' || period`;

/** What each bonus that is not due counts, by which terms, and when its period ends. */
const RECKONED = `
  select bonus.*, finishes, ends_at, measure, steps, mode, paid_amount, orders, is_released,
    case measure when 'orders' then orders else paid_amount end as reckoned
  from bonus join bonus_program program using (program_id), lateral (
    select case when bonus.period <> 'once' then (bonus.period || '-01')::timestamp at time zone time_zone end as begins,
      case when bonus.period <> 'once' then ((bonus.period || '-01')::timestamp + interval '1 month') at time zone time_zone end as finishes
  ) as month, lateral (
    select *, finishes is null or recorded_at < finishes as in_time from bonus_program_version stated
    where stated.program_id = bonus.program_id
    order by in_time desc, case when finishes is null or recorded_at < finishes then -stated.version else stated.version end limit 1
  ) as terms, lateral (
    select coalesce(sum(amount), 0) as paid_amount, count(distinct order_key)::numeric as orders, coalesce(bool_and(is_released), true) as is_released
    from won_line where won_line.promoter_id = bonus.promoter_id and won_line.merchant_id = program.merchant_id
      and won_line.currency = program.currency and completed_at >= coalesce(greatest(begins, starts_at), '-infinity')
      and completed_at < coalesce(least(finishes, ends_at), 'infinity')
  ) as counted
  where due_at is null or due_at > now()`;

/** What a figure pays by the steps of its terms. */
const PAID = `case
      when orders = 0 then 0
      when mode = 'whole' then coalesce((
        select coalesce((step ->> 'amount')::numeric, div(reckoned * (step ->> 'rate_ppm')::numeric, 1000000))
        from jsonb_array_elements(steps) as step where (step ->> 'at_least')::numeric <= reckoned
        order by (step ->> 'at_least')::numeric desc limit 1
      ), 0)
      else coalesce((
        select div(sum((least(reckoned, coalesce(next_at, reckoned)) - at_least) * rate), 1000000) from (
          select (step ->> 'at_least')::numeric as at_least, (step ->> 'rate_ppm')::numeric as rate,
            lead((step ->> 'at_least')::numeric) over (order by (step ->> 'at_least')::numeric) as next_at
          from jsonb_array_elements(steps) as step where step ? 'rate_ppm'
        ) as rates where at_least < reckoned
      ), 0) + coalesce((
        select sum((step ->> 'amount')::numeric) from jsonb_array_elements(steps) as step
        where step ? 'amount' and (step ->> 'at_least')::numeric <= reckoned
      ), 0)
    end`;

/**
 * Every bonus reckoned again: what is booked of it, where that is, and that each difference took
 * the next place. It is released for good at the end of its period, and not before.
 */
const bonuses = law(
  'whole',
  'bonuses',
  `with reckoned as (${RECKONED}), paid as (
    select *, ${PAID} as pays from reckoned
  ), booked as (
    select cause_id, count(*) as transfers, max(position) as last, min(booked_at) filter (where transfer.kind = 'release') as released_at,
      sum(case transfer.kind when 'accrue' then amount when 'reverse' then -amount else 0 end) as amount,
      sum(case when 'pending' = target.kind then amount when 'pending' = source.kind then -amount else 0 end) as pending
    from transfer join account source on source.account_id = from_account_id join account target on target.account_id = to_account_id
    where cause = 'bonus' and order_key is null group by cause_id
  )
  select program_id, promoter_id, period, reckoned as figure, pays, booked.amount as booked, pending, booked.transfers
  from paid left join booked on cause_id = ${CAUSE_ID}
  where pays <> paid.amount or reckoned <> figure or coalesce(booked.amount, 0) <> pays
    or coalesce(transfers, 0) <> revision or coalesce(last, -1) <> revision - 1
    or booked.released_at < coalesce(finishes, ends_at)
    or (coalesce(pending, 0) <> 0 and (paid.released_at is not null
      or (is_released and coalesce(finishes, ends_at, '-infinity') <= now())))
  union all
  select null, transfer.promoter_id, cause_id, null, null, sum(amount), null, count(*) from transfer
  where cause = 'bonus' and not exists (select from bonus where ${CAUSE_ID} = cause_id) group by transfer.promoter_id, cause_id
  union all
  select program.program_id, won_line.promoter_id, completed_at::text, null, null, null, null, 0
  from bonus_program program join program_reach reach on reach.kind = 'bonus' and reach.program_id = program.program_id
  join won_line on won_line.merchant_id = program.merchant_id and won_line.currency = program.currency
  where done_at is not null and completed_at is not null and not exists (
    select from bonus where bonus.program_id = program.program_id and bonus.promoter_id = won_line.promoter_id
      and bonus.period = case program.period when 'once' then 'once' else to_char(completed_at at time zone time_zone, 'YYYY-MM') end
  )`,
);

const tiers = law(
  'whole',
  'tiers',
  `with decided as (
    select program_id, effective_from, promoter_id, figure, tier from promoter_tier
    union all
    select program_id, effective_from, null, 0, base_tier from tier_period
  )
  select program_id, effective_from, promoter_id, figure, tier
  from decided join tier_period using (program_id, effective_from) join tier_program_version using (program_id, version)
  where tier is distinct from (
    select step ->> 'tier' from jsonb_array_elements(tiers) as step where (step ->> 'at_least')::bigint <= figure
    order by (step ->> 'at_least')::bigint desc limit 1
  )`,
);

export const LAWS_OF_PROGRAMS = [wonLinesKept, bonuses, tiers];
