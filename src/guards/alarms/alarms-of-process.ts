// Alarms about what the service runs on: this process, its disk, its clock and the partitions that
// are to take tomorrow's clicks.

import { sql } from 'kysely';

import { alarm, type ProcessGuard } from '../guard.ts';
import { guardTexts } from '../guard-words.ts';

const CLOCK_DIFFERENCE_MS_MAX = 2000;

/** What lies in a default partition is found all the same; it has no month yet. */
const partitionsMade = alarm(
  'present',
  'partitions_made',
  `select name as partitioned, made_until, outside from (
    select 'click' as name, exists (select from click_other) as outside
    union all select 'touch', exists (select from touch_other)
    union all select 'delivery', exists (select from delivery_other)
    union all select 'order_report', exists (select from order_report_other)
  ) as tables, lateral (select max(upper_at) as made_until from partition_ranges(name)) as ranges
  where outside or made_until is null or made_until < now() + interval '32 days'`,
);

/**
 * The oldest transfer that is in no balance yet is found by its index. A transaction that was left
 * open keeps the fold below it too.
 */
const foldAdvances = alarm(
  'present',
  'fold_advances',
  `select oldest.booked_xid, oldest.booked_at, below_xid, advanced_at from ledger_fold, lateral (
    select booked_xid, booked_at from transfer where booked_xid >= below_xid order by booked_xid limit 1
  ) as oldest where greatest(booked_at, advanced_at) < now() - interval '5 minutes'`,
);

/** As the fold of balances: what is not counted yet is found by the number of its transaction. */
const statisticsAdvance = alarm(
  'present',
  'statistics_advance',
  `select below_xid, advanced_at from statistics_fold where advanced_at < now() - interval '5 minutes' and (
    exists (select from award where awarded_xid >= below_xid and awarded_at < now() - interval '5 minutes')
    or exists (
      select from click where recorded_xid >= below_xid and click_id >= partition_key('click', complete_at - interval '1 day')::uuid
        and click_id < partition_key('click', now() - interval '5 minutes')::uuid
    )
  )`,
);

/** Earlier versions kept there what nobody had given. */
const secretsInDatabase = alarm(
  'present',
  'secrets_in_database',
  `select name, made_at from setting where name in ('TOKEN_SECRET', 'SECRETS_KEY', 'IDENTITY_KEY') order by name`,
);

/** The clocks are read as a pair of which ours is twice: a slow answer is no difference. */
const clocksAgree: ProcessGuard = {
  name: 'clocks_agree',
  words: guardTexts('clocks_agree'),
  kind: 'alarm',
  scope: 'process',
  rows: async (db) => {
    const before = Date.now();
    const { rows } = await sql<{ clock: Date }>`select clock_timestamp() as clock`.execute(db);
    const clock = rows[0]!.clock.getTime();
    const difference = Math.max(before - clock, clock - Date.now());
    return difference > CLOCK_DIFFERENCE_MS_MAX ? [{ difference_ms: difference }] : [];
  },
};

/**
 * The alarms of this process; `spooled` says how many files of clicks wait on its disk for the
 * database.
 */
export function alarmsOfProcess({ spooled }: { spooled: () => number }) {
  const spoolEmpty: ProcessGuard = {
    name: 'spool_empty',
    words: guardTexts('spool_empty'),
    kind: 'alarm',
    scope: 'process',
    rows: () => (spooled() === 0 ? [] : [{ files: spooled(), times: spooled() }]),
  };
  return [partitionsMade, foldAdvances, statisticsAdvance, clocksAgree, spoolEmpty, secretsInDatabase];
}
