// Laws of the way of an order: what was delivered has its effect, what was paid is decided, and
// both agree with what the reports said.

import { inRange, isGone, isToldLine, law, NOT_DUE, ORDER } from '../guard.ts';

const OVERDUE = `interval '60 seconds'`;
/** Sweeps run every few seconds; what time has made due may wait for one that is slow. */
const SWEPT = `interval '5 minutes'`;

const epoch = (milliseconds: string) => `timestamptz 'epoch' + (${milliseconds})::bigint * interval '1 millisecond'`;

const deliveriesFinished = law(
  'present',
  'deliveries_finished',
  `select delivery_id, source_id, merchant_id, received_at, next_attempt_at, attempts, error
  from delivery where state = 'received' and next_attempt_at < now() - ${OVERDUE} order by next_attempt_at`,
);

const effectsOnce = law(
  'deliveries',
  'effects_once',
  `select delivery_id, source_id, reports, count(order_report.ordinal) as effects
  from delivery left join (
    select delivery_id, ordinal from order_report where within(order_report.delivery_id)
  ) as order_report using (delivery_id)
  where within(delivery.delivery_id) and state = 'processed'
  group by delivery_id having count(order_report.ordinal) is distinct from reports`,
);

const deliveriesOnce = law(
  'deliveries',
  'deliveries_once',
  `select delivery.delivery_id, delivery.source_id, delivery.received_at, known_body.delivery_id as kept_before
  from delivery left join known_body on known_body.body_hash = delivery.body_hash and known_body.source_id = delivery.source_id
    and known_body.merchant_id is not distinct from delivery.merchant_id
  where within(delivery.delivery_id) and known_body.delivery_id is distinct from delivery.delivery_id
    and (known_body.delivery_id is not null or (select filled_at is not null from known_body_fill))`,
);

const partsOnce = law(
  'orders',
  'parts_once',
  `select order_key, ${ORDER}, 'line' as part, line ->> 'lineId' as id, count(*) as counted
  from orders, jsonb_array_elements(merged -> 'lines') as line where ${inRange('orders')}
  group by order_key, line ->> 'lineId' having count(*) > 1
  union all
  select order_key, ${ORDER}, 'refund', refund ->> 'refundId', count(*)
  from orders, jsonb_array_elements(merged -> 'refunds') as refund where ${inRange('orders')}
  group by order_key, refund ->> 'refundId' having count(*) > 1`,
);

const oneDoor = law(
  'orders',
  'one_door',
  `select order_key, ${ORDER} from orders
  where ${inRange('orders')} and not exists (
    select from order_report where order_report.order_key = orders.order_key and ${inRange('order_report')})`,
);

const ordersReadOff = law(
  'orders',
  'orders_read_off',
  `select order_key, ${ORDER}, status, is_void, currency, attribution_at
  from orders, lateral (
    select array_agg(code) as codes from (
      select case jsonb_typeof(told) when 'array' then told ->> 0 else told #>> '{}' end as code,
        case jsonb_typeof(told) when 'array' then (told ->> 1)::bigint else 0 end as told_at,
        max(case jsonb_typeof(told) when 'array' then (told ->> 1)::bigint else 0 end) over () as latest,
        coalesce(greatest((merged #>> '{whole,lines}')::bigint, (merged #>> '{whole,refunds}')::bigint,
          (merged #>> '{whole,evidence,0}')::bigint), 0) as stamp
      from jsonb_array_elements(merged -> 'currencies') as told
    ) as told where told_at >= least(stamp, latest)
  ) as currencies
  where ${inRange('orders')} and (
    status <> coalesce(merged ->> 'status', 'created')
    or is_void <> coalesce(jsonb_typeof(merged -> 'void' -> 0) = 'string', false)
    or currency_conflict <> (coalesce(cardinality(codes), 0) > 1)
    or currency is distinct from case when cardinality(codes) = 1 then codes[1] end
    or line_count <> jsonb_array_length(merged -> 'lines')
    or attribution_at is distinct from ${epoch(`coalesce(merged ->> 'depositPaidAt', merged ->> 'paidAt')`)}
    or parent_order_id is distinct from merged -> 'parent' -> 0 ->> 0
    or parent_kind is distinct from merged -> 'parent' -> 0 ->> 1
  )`,
);

const paidOrdersDecided = law(
  'orders',
  'paid_orders_decided',
  `select orders.order_key, ${ORDER}, line ->> 'lineId' as line_id, award.revision
  from orders left join award on award.order_key = orders.order_key and ${inRange('award')},
    jsonb_array_elements(merged -> 'lines') as line
  where ${inRange('orders')} and orders.attribution_at is not null and ${isToldLine('line')} and ${NOT_DUE} and not exists (
    select from decision
    where ${inRange('decision')} and decision.order_key = orders.order_key and decision.revision = award.revision
      and decision.line_id = line ->> 'lineId'
  )`,
);

const awardsInTime = law(
  'present',
  'awards_in_time',
  `select order_key, due_at as since, attempts, error from award_due where due_at < now() - ${OVERDUE}
  union all
  select order_key, least(releases_at, recheck_at), 0, null from award
  where (releases_at < now() - ${SWEPT} or recheck_at < now() - ${SWEPT})
    and not exists (select from award_due where award_due.order_key = award.order_key)
  union all
  select null, made_at, 0, 'the later orders of a buyer were not looked for' from relocked where made_at < now() - ${OVERDUE}
  order by since`,
);

/**
 * The arithmetic of refunds once more, in SQL: those of the whole order go over what the lines have
 * left, by largest remainder.
 */
const amountsRecomputed = law(
  'orders',
  'amounts_recomputed',
  `with checked as (
    select order_key, merged, revision from orders join award using (order_key)
    where ${inRange('orders', 'award')} and ${NOT_DUE}
  ), line as (
    select order_key, revision, line ->> 'lineId' as line_id,
      case when ${isGone('line', 'lines')} or (line ->> 'lineId' = '*' and count(*) over (partition by order_key) > 1) then 0
        else coalesce((line -> 'quantity' ->> 0)::bigint, 1) end as quantity,
      coalesce((line -> 'paidAmount' ->> 0)::numeric, 0) as paid, (line -> 'platformCommission' ->> 0)::numeric as commission
    from checked, jsonb_array_elements(merged -> 'lines') as line where ${isToldLine('line')}
  ), told_refund as (
    select order_key, refund -> 'lineId' ->> 0 as line_id, coalesce((refund -> 'amount' ->> 0)::numeric, 0) as amount,
      refund ->> 'refundId' = '*' and count(*) over (partition by order_key) > 1 as is_known_better,
      coalesce(refund -> 'status' ->> 0, 'succeeded') = 'succeeded' as counts
    from checked, jsonb_array_elements(merged -> 'refunds') as refund where not ${isGone('refund', 'refunds')}
  ), refund as (
    select order_key, line_id, sum(amount) as amount from told_refund where counts and not is_known_better group by 1, 2
  ), own as (
    select line.*, coalesce(own.amount, 0) as own, coalesce(whole.amount, 0) as whole,
      case when quantity = 0 then 0 else greatest(paid - coalesce(own.amount, 0), 0) end as room
    from line left join refund own on own.order_key = line.order_key and own.line_id = line.line_id
    left join refund whole on whole.order_key = line.order_key and whole.line_id is null
  ), spread as (
    select *, least(whole, sum(room) over orders) as total, nullif(sum(room) over orders, 0) as rooms
    from own window orders as (partition by order_key)
  ), part as (
    select *, coalesce(div(total * room, rooms), 0) as part, coalesce(mod(total * room, rooms), 0) as remainder from spread
  ), ranked as (
    select *, total - sum(part) over (partition by order_key) as units, row_number() over (
      partition by order_key
      order by remainder desc, line_id !~ '^[0-9]+$', case when line_id ~ '^[0-9]+$' then line_id::numeric end, line_id collate "C"
    ) as place from part
  ), refunded as (
    select *, own + part + case when place <= units then 1 else 0 end as refunded from ranked
  ), kept as (
    select *, case when quantity = 0 then 0 else greatest(paid - refunded, 0) end as kept from refunded
  ), expected as (
    select kept.*, decision.decision, decision.quantity as decided_quantity, paid_amount, refunded_amount, base,
      case
        when decision in ('void', 'pending', 'duplicate_order', 'parent_earns') then 0
        when plan ->> 'base' = 'platform_commission' then coalesce(div(coalesce(commission, 0) * kept, nullif(paid, 0)), 0)
        else kept
      end as base_expected
    from kept join decision using (order_key, revision, line_id)
    left join rule_version on rule_version.rule_id = decision.rule_id and version = rule_version
    where ${inRange('decision')}
  )
  select order_key, line_id, decision, paid_amount, paid as paid_expected, refunded_amount, refunded as refunded_expected,
    base, base_expected
  from expected
  where paid_amount <> paid or refunded_amount <> refunded or base <> base_expected or decided_quantity <> quantity`,
);

const ordersEarnOnce = law(
  'orders',
  'orders_earn_once',
  `with earning as (
    select orders.order_key, ${ORDER}, orders.parent_order_id, orders.parent_kind, award.decisions
    from orders join award using (order_key)
    where ${inRange('orders', 'award')} and ${NOT_DUE} and 'attributed' = any(award.decisions)
  )
  select earning.order_key, earning.merchant_id, earning.source_id, earning.order_id, 'told by ' || earlier.source_id as reason
  from earning join source on source.source_id = earning.source_id
  join orders on orders.merchant_id = earning.merchant_id and orders.order_id = earning.order_id and orders.source_id <> earning.source_id
  join source earlier on earlier.source_id = orders.source_id and earlier.kind = source.kind and earlier.source_no < source.source_no
  where merged ->> 'status' is not null and ${NOT_DUE}
  union all
  select earning.order_key, earning.merchant_id, earning.source_id, earning.order_id, 'split into ' || orders.order_id
  from earning join orders on orders.merchant_id = earning.merchant_id and orders.source_id = earning.source_id
    and orders.parent_order_id = earning.order_id and orders.parent_kind = 'split'
  where ${NOT_DUE}
  union all
  select order_key, merchant_id, source_id, order_id, 'gift of ' || parent_order_id from earning where parent_kind = 'gift'`,
);

export const LAWS_OF_ORDERS = [
  deliveriesFinished,
  effectsOnce,
  deliveriesOnce,
  partsOnce,
  oneDoor,
  ordersReadOff,
  paidOrdersDecided,
  awardsInTime,
  amountsRecomputed,
  ordersEarnOnce,
];
