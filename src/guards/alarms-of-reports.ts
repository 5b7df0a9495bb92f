// Alarms about what order systems and storefronts send us, and what they do not.

import { alarm, inRange, ORDER } from './guard.ts';

/** From so many on a habit is a habit. */
const SAMPLE_MIN = 20;

const deadLetters = alarm(
  'present',
  'dead_letters',
  'No report was given up on.',
  `select delivery_id, source_id, merchant_id, received_at, attempts, left(error, 300) as error from delivery
  where state = 'failed' order by delivery_id desc`,
);

const parkedReports = alarm(
  'present',
  'parked_reports',
  'No report waits for something that we do not know yet, such as the mapping of a shop.',
  `select reason, waits_for, source_id, count(*) as times, min(received_at) as oldest from delivery
  where state = 'parked' group by reason, waits_for, source_id order by count(*) desc`,
);

const retriedReports = alarm(
  'present',
  'retried_reports',
  'No report has to be tried again and again.',
  `select delivery_id, source_id, received_at, attempts, next_attempt_at, left(error, 300) as error from delivery
  where state = 'received' and attempts >= 3 order by attempts desc`,
);

const retriedAwards = alarm(
  'present',
  'retried_awards',
  'No order fails to be awarded.',
  `select ${ORDER}, due_at, attempts, left(error, 300) as error from award_due join orders using (order_key)
  where attempts > 0 order by attempts desc`,
);

/** The median of the last gaps, because a mean would learn the nights; bursts have no gap at all, so a quarter of an hour is no silence. */
const silentSources = alarm(
  'present',
  'silent_sources',
  'No order system has fallen silent for more than ten times its habit.',
  `select source_id, last, habit, now() - last as silence from source, lateral (
    select max(received_at) as last, percentile_cont(0.5) within group (order by gap) as habit, count(gap) as gaps from (
      select received_at, received_at - lag(received_at) over (order by received_at) as gap from (
        select received_at from delivery
        where delivery.source_id = source.source_id and origin in ('push', 'pull') order by delivery_id desc limit 500
      ) as latest where received_at > now() - interval '7 days'
    ) as gaps
  ) as heard
  where gaps >= ${SAMPLE_MIN} and now() - last > greatest(10 * habit, interval '15 minutes')`,
);

const missingWebhooks = alarm(
  'orders',
  'missing_webhooks',
  'Every order that a storefront told of was reported by its own source within a quarter of an hour.',
  `select order_key, ${ORDER}, made_at from orders
  where ${inRange('orders')} and source_id <> 'rest' and status = 'created' and attribution_at is null
    and made_at between now() - interval '30 days' and now() - interval '15 minutes'
    and merged ->> 'status' is null`,
);

/** The other way round: only of storefronts that tell of nine orders in ten, among the latest. */
const untoldOrders = alarm(
  'present',
  'untold_orders',
  'Storefronts that tell us who bought go on telling: no order of their source comes without their word.',
  `with latest as (
    select order_key, merchant_id, source_id, order_id, made_at, exists (
      select from order_report join delivery using (delivery_id)
      where order_report.order_key = orders.order_key and delivery.source_id = 'rest'
    ) as told
    from orders
    where order_key > (select max(order_key) - 2000 from orders) and source_id <> 'rest' and merged ->> 'status' is not null
      and made_at between now() - interval '7 days' and now() - interval '15 minutes'
  ), habit as (
    select merchant_id, source_id from latest group by 1, 2 having count(*) >= ${SAMPLE_MIN} and avg(told::integer) >= 0.9
  )
  select merchant_id, source_id, order_id, made_at from latest join habit using (merchant_id, source_id) where not told`,
);

const changedBodies = alarm(
  'whole',
  'changed_bodies',
  'No sender signed two different reports with one and the same id.',
  `select source_id, signed_id, count(*) as bodies from delivery where signed_id is not null
  group by source_id, signed_id having count(*) > 1`,
);

const senderClocks = alarm(
  'orders',
  'sender_clocks',
  'No sender tells of what has not happened yet: its clock is not more than five minutes ahead of ours.',
  `select order_key, ${ORDER}, changed_at, timestamptz 'epoch' + ahead * interval '1 millisecond' as told_time
  from orders, lateral (
    select max(at) as ahead from (
      select unnest(array[merged ->> 'createdAt', merged ->> 'depositPaidAt', merged ->> 'paidAt', merged ->> 'completedAt'])::bigint as at
      union all
      select (line -> 'paidAmount' ->> 1)::bigint from jsonb_array_elements(merged -> 'lines') as line
    ) as told
  ) as told
  where ${inRange('orders')} and changed_at > now() - interval '7 days'
    and timestamptz 'epoch' + ahead * interval '1 millisecond' > changed_at + interval '5 minutes'`,
);

export const ALARMS_OF_REPORTS = [
  deadLetters,
  parkedReports,
  retriedReports,
  retriedAwards,
  silentSources,
  missingWebhooks,
  untoldOrders,
  changedBodies,
  senderClocks,
];
