// Alarms about the reports that order systems and storefronts send us, and what becomes of them.

import { alarm, firstIdAt, inRange, ORDER } from '../guard.ts';

const deadLetters = alarm(
  'present',
  'dead_letters',
  `select delivery_id, source_id, merchant_id, received_at, attempts, left(error, 300) as error from delivery
  where state = 'failed' order by delivery_id desc`,
);

const parkedReports = alarm(
  'present',
  'parked_reports',
  `select reason, waits_for, source_id, count(*) as times, min(received_at) as oldest from delivery
  where state = 'parked' group by reason, waits_for, source_id order by count(*) desc`,
);

const retriedReports = alarm(
  'present',
  'retried_reports',
  `select delivery_id, source_id, received_at, attempts, next_attempt_at, left(error, 300) as error from delivery
  where state = 'received' and attempts >= 3 order by attempts desc`,
);

const retriedAwards = alarm(
  'present',
  'retried_awards',
  `select ${ORDER}, due_at, attempts, left(error, 300) as error from award_due join orders using (order_key)
  where attempts > 0 order by attempts desc`,
);

const changedBodies = alarm(
  'whole',
  'changed_bodies',
  `select source_id, signed_id, count(*) as bodies from delivery
  where signed_id is not null and delivery_id >= ${firstIdAt(`now() - interval '7 days'`)}
  group by source_id, signed_id having count(*) > 1`,
);

const senderClocks = alarm(
  'orders',
  'sender_clocks',
  `select order_key, ${ORDER}, changed_at, timestamptz 'epoch' + ahead * interval '1 millisecond' as told_time
  from orders, lateral (
    select max(at) as ahead
    from unnest(array[merged ->> 'createdAt', merged ->> 'depositPaidAt', merged ->> 'paidAt', merged ->> 'completedAt']::bigint[]) as at
  ) as told
  where ${inRange('orders')} and changed_at > now() - interval '7 days'
    and timestamptz 'epoch' + ahead * interval '1 millisecond' > changed_at + interval '5 minutes'`,
);

const reportsAhead = alarm(
  'present',
  'reports_ahead',
  `select delivery_id, source_id, merchant_id, origin, received_at, clock_skew_seconds as allowed_seconds from delivery
  where is_ahead and received_at > now() - interval '7 days' order by received_at desc`,
);

const waitingErasures = alarm(
  'present',
  'waiting_erasures',
  `select erasure_id, merchant_id, made_at from erasure where finished_at is null and made_at < now() - interval '1 day' order by made_at`,
);

export const ALARMS_OF_REPORTS = [
  deadLetters,
  parkedReports,
  retriedReports,
  retriedAwards,
  changedBodies,
  senderClocks,
  reportsAhead,
  waitingErasures,
];
