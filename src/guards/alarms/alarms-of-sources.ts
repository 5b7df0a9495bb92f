// Alarms about what order systems and storefronts do not send us, each measured by its own habit.

import { alarm, firstIdAt, ORDER } from '../guard.ts';
import { hourOfWeek } from './habits.ts';

/** From so many on a habit is a habit. */
const SAMPLE_MIN = 20;
/**
 * How many hours of one kind (a Monday from nine to ten) have to be known before one is expected to
 * be like them.
 */
const HOURS_MIN = 3;
/**
 * When so many reports should have come and none has, chance is no explanation: less than one time
 * in twenty thousand.
 */
const EXPECTED_MIN = 10;

/**
 * What should have come since the last report, by the same hours of earlier weeks; an hour in which
 * a source is often silent counts nothing, so that one busy evening is no habit. A source that is
 * too young for that is measured by the median of its last gaps, because a mean would learn the
 * nights; bursts have no gap at all, so a quarter of an hour is no silence.
 */
const silentSources = alarm(
  'present',
  'silent_sources',
  `select source.source_id, last, now() - last as silence, round(expected, 1) as expected, habit as usual_gap
  from source, lateral (
    select max(received_at) as last, percentile_cont(0.5) within group (order by gap) as habit, count(gap) as gaps from (
      select received_at, received_at - lag(received_at) over (order by received_at) as gap from (
        select received_at from delivery
        where delivery.source_id = source.source_id and origin in ('push', 'pull') order by delivery_id desc limit 500
      ) as latest
    ) as gaps
  ) as heard, lateral (
    select count(*) = 168 as is_known from source_habit
    where source_habit.source_id = source.source_id and hours >= ${HOURS_MIN}
  ) as week, lateral (
    select sum(deliveries::numeric / hours
      * extract(epoch from least(now(), hour + interval '1 hour') - greatest(last, hour)) / 3600) as expected
    from generate_series(date_trunc('hour', greatest(last, now() - interval '7 days')), now(), interval '1 hour') as hour
    join source_habit on source_habit.source_id = source.source_id and hour_of_week = ${hourOfWeek('hour')}
    where is_known and busy * 4 >= hours * 3
  ) as usual
  where now() - last > interval '15 minutes' and case when is_known then expected >= ${EXPECTED_MIN}
    else gaps >= ${SAMPLE_MIN} and last > now() - interval '7 days' and now() - last > 10 * habit end`,
);

/**
 * The latest orders of sources, with when a storefront first told of each and when its own source
 * did.
 */
const BOTH_WAYS = `latest as (
    select order_key, merchant_id, source_id, order_id, made_at, told, reported
    from (select * from orders order by order_key desc limit 5000) as orders, lateral (
      select min(received_at) filter (where delivery.source_id = 'rest') as told,
        min(received_at) filter (where delivery.source_id = orders.source_id) as reported
      from order_report join delivery using (delivery_id) where order_report.order_key = orders.order_key
        and order_report.delivery_id >= coalesce(orders.first_delivery_id, '00000000-0000-0000-0000-000000000000')
    ) as news
    where source_id <> 'rest'
  )`;

const usualWait = (late: string) => `percentile_cont(0.99) within group (order by ${late}) filter (where ${late} > interval '0')`;

const missingWebhooks = alarm(
  'present',
  'missing_webhooks',
  `with ${BOTH_WAYS}, habit as (
    select source_id, ${usualWait('reported - told')} as delay from latest where reported > told
    group by source_id having count(*) >= ${SAMPLE_MIN}
  )
  select order_key, ${ORDER}, made_at, delay as usual_delay from orders left join habit using (source_id)
  where status = 'created' and attribution_at is null and source_id <> 'rest' and merged ->> 'status' is null
    and made_at between now() - interval '30 days' and now() - interval '5 minutes'
    and made_at < now() - coalesce(greatest(2 * delay, interval '5 minutes'), interval '15 minutes')
  order by made_at`,
);

/** The other way round: only of storefronts that tell of nine orders in ten, among the latest. */
const untoldOrders = alarm(
  'present',
  'untold_orders',
  `with ${BOTH_WAYS}, habit as (
    select merchant_id, source_id, ${usualWait('told - reported')} as delay from latest
    where reported between now() - interval '7 days' and now() - interval '15 minutes'
    group by merchant_id, source_id having count(*) >= ${SAMPLE_MIN} and avg((told is not null)::integer) >= 0.9
  )
  select merchant_id, source_id, order_id, reported from latest join habit using (merchant_id, source_id)
  where told is null and reported > now() - interval '7 days'
    and reported < now() - greatest(2 * delay, interval '15 minutes')`,
);

/**
 * Platforms end a subscription after some failures, without a word. Orders that are new to us since
 * the last push are what gives it away.
 */
const subscriptionsAlive = alarm(
  'present',
  'subscriptions_alive',
  `select source.source_id, last_push, pulled, told from source, lateral (
    select delivery_id, received_at as last_push from delivery
    where delivery.source_id = source.source_id and origin = 'push' and delivery_id >= ${firstIdAt(`now() - interval '30 days'`)}
    order by delivery_id desc limit 1
  ) as push, lateral (
    select count(distinct order_key) as pulled from (
      select delivery_id from delivery
      where delivery.source_id = source.source_id and origin = 'pull' and delivery.delivery_id > push.delivery_id
      order by delivery_id limit 500
    ) as pull join order_report using (delivery_id) join orders using (order_key) where made_at > last_push
  ) as pulls, lateral (
    select count(*) as told from orders
    where orders.source_id = source.source_id and status = 'created' and attribution_at is null and source_id <> 'rest'
      and made_at > last_push and merged ->> 'status' is null
  ) as storefront
  where last_push < now() - interval '15 minutes' and pulled + told >= 5`,
);

/** The latest quarter of what is known, but no more than an hour, against what was before it. */
const unattributedJump = alarm(
  'present',
  'unattributed_jump',
  `with latest as (
    select orders.merchant_id, orders.source_id, award.attribution_at, ('unattributed' = any(decisions))::integer as is_nobodys
    from (select order_key, merchant_id, source_id from orders order by order_key desc limit 20000) as orders join award using (order_key)
    where award.attribution_at > now() - interval '7 days' and state <> 'void'
  ), edge as (
    select greatest(now() - interval '1 hour', now() - (now() - min(attribution_at)) / 4) as late_from from latest
  ), counted as (
    select merchant_id, source_id, attribution_at > late_from as is_late, count(*) as orders, avg(is_nobodys) as share
    from latest, edge group by 1, 2, 3
  )
  select late.merchant_id, late.source_id, late.orders, round(late.share, 3) as share, round(usual.share, 3) as usual_share
  from counted late join counted usual using (merchant_id, source_id)
  where late.is_late and not usual.is_late and late.orders >= ${SAMPLE_MIN} and usual.orders >= ${SAMPLE_MIN}
    and late.share > 2 * usual.share and late.share > usual.share + 0.1`,
);

/**
 * A list is read once in `every_seconds`; a quarter of that, and a quarter of an hour for a
 * platform that wants rest, is no standstill. One that is read page by page for a whole day without
 * coming further is. A new statement of its source gives it that time anew.
 */
const stalledFeeds = alarm(
  'present',
  'stalled_feeds',
  `select source.source_id, feed.feed, asked_at, read_at, reached as read_until, failing_since, left(feed.error, 300) as error
  from source left join pull_feed as feed on feed.source_id = source.source_id and feed.reconciliation_id is null
    and feed.feed <> 'detail' and feed.due_at is not null,
  lateral (
    select now() - (1.25 * coalesce((options #>> '{pull,every_seconds}')::numeric, 300) + 900) * interval '1 second' as late
  ) as bound
  where options ? 'pull' and (greatest(read_at, changed_at) < late or greatest(reached_at, changed_at) < late - interval '1 day')
  order by source.source_id, feed.feed`,
);

/** Only an operator can mend it, so it is told at once. */
const refusedKeys = alarm(
  'present',
  'refused_keys',
  `select source.source_id, feed.feed, failing_since, left(feed.error, 300) as error
  from pull_feed as feed join source using (source_id)
  where failure = 'refused' and reconciliation_id is null and (feed.feed = 'detail' or (options ? 'pull' and feed.due_at is not null))
  order by source.source_id, feed.feed`,
);

export const ALARMS_OF_SOURCES = [
  silentSources,
  missingWebhooks,
  untoldOrders,
  subscriptionsAlive,
  unattributedJump,
  stalledFeeds,
  refusedKeys,
];
