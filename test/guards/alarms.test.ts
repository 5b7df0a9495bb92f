// Every alarm is raised by a sign that is given for it in a world whose books are in order.

import { sql, type Transaction } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { allGuards } from '../../src/guards/catalogue.ts';
import { askGuard } from '../../src/guards/check.ts';
import { DAY_MS } from '../../src/platform/durations.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { foldStatistics } from '../../src/statistics/fold/fold.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { foldAll } from '../ledger/books.ts';
import { until } from '../platform/sockets.ts';
import { bookWorld } from './books.ts';
import { change, changeMerged, tampering } from './plant.ts';
import { payWorld } from './payouts.ts';
import { SIGNS_OF_PAYOUTS } from './signs-of-payouts.ts';
import { SIGNS_OF_SOURCES } from './signs-of-sources.ts';
import { deliver, type Sign } from './signs.ts';
import { ago, foundWorld, KEY_ID } from './world.ts';

let database: TestDatabase;
let spooled = 0;
const guards = allGuards({ levelsMax: 2, spooled: () => spooled });
const alarms = guards.filter(({ kind }) => kind === 'alarm');

beforeAll(async () => {
  database = await testDatabase();
  await foundWorld(database.owner);
  await bookWorld(database.owner, () => foldAll(database.db));
  // However long ago this database was made, what stands in it is counted.
  await until(async () => ((await foldStatistics(database.db))?.facts ?? 0) > 0);
  await payWorld(database.db, 'none');
});

afterAll(() => database.close());

const CLAIM_ID = '22222222-2222-4222-8222-222222222222';

const SIGNS: Sign[] = [
  ...SIGNS_OF_SOURCES,
  ...SIGNS_OF_PAYOUTS,
  {
    alarm: 'dead_letters',
    sign: 'a report that failed for good',
    do: (trx) => deliver(trx, 1, { state: 'failed', error: 'unreadable', reports: null }),
  },
  {
    alarm: 'parked_reports',
    sign: 'three reports of two unknown shops',
    violations: 3,
    do: async (trx) => {
      for (const shop of ['a', 'a', 'b']) {
        await deliver(trx, 1, { state: 'parked', reason: 'unmapped_shop', waits_for: `mapping:shop1/shop/${shop}`, reports: null });
      }
    },
  },
  {
    alarm: 'retried_reports',
    sign: 'a report that failed three times',
    do: (trx) => deliver(trx, 0, { state: 'received', attempts: 3, finished_at: null, reports: null }),
  },
  {
    alarm: 'secrets_in_database',
    sign: 'a secret that an earlier version has made',
    do: (trx) => sql`insert into setting (name, value) values ('IDENTITY_KEY', 'of an earlier version')`.execute(trx),
  },
  {
    alarm: 'claims_overdue',
    sign: 'a claim that nobody has looked at for three days',
    do: (trx) =>
      sql`insert into claim (claim_id, promoter_id, merchant_id, order_id, evidence, state, made_by, made_at, due_at)
        values (${CLAIM_ID}, 'bob', 'm1', 'not-there', 'it was mine', 'waiting', ${KEY_ID}, ${ago(4)}, ${ago(1)})`.execute(trx),
  },
  {
    alarm: 'retried_awards',
    sign: 'an order that cannot be awarded',
    do: (trx) => sql`insert into award_due select order_key, now(), 1, 'broken' from orders where order_id = 'waiting'`.execute(trx),
  },
  {
    alarm: 'changed_bodies',
    sign: 'two reports under one signed id',
    do: async (trx) => {
      await deliver(trx, 1, { signed_id: 'msg_1' });
      await deliver(trx, 1, { signed_id: 'msg_1' });
      for (const days of [8, 9]) await deliver(trx, days, { signed_id: 'long ago' });
    },
  },
  {
    alarm: 'sender_clocks',
    sign: 'a payment in ten minutes from now',
    do: async (trx) => {
      await changeMerged('paidAt', Date.now() + 600_000)(trx);
      await change('orders', 'changed_at = now()')(trx);
    },
  },
  {
    alarm: 'reports_ahead',
    sign: 'a report that claims to be of the next hour',
    do: (trx) =>
      sql`update delivery set clock_skew_seconds = 300, is_ahead = true, received_at = now()
        where delivery_id = (select min(delivery_id::text)::uuid from delivery)`.execute(trx),
  },
  {
    alarm: 'waiting_erasures',
    sign: 'a buyer who should have been forgotten yesterday',
    do: (trx) =>
      sql`insert into erasure (erasure_id, merchant_id, made_at) select gen_random_uuid(), min(merchant_id), now() - interval '25 hours'
        from merchant`.execute(trx),
  },
  {
    alarm: 'unknown_products',
    sign: 'a line of a product that nobody stated',
    violations: 2,
    do: (trx) => sql`update decision set product_id = 'p9' where line_id in ('9', 'x')`.execute(trx),
  },
  {
    alarm: 'unknown_codes',
    sign: 'a link code that is none',
    do: async (trx) => {
      const evidence = [{ kind: 'link_code', reference: 'typo', reason: 'unknown_link' }];
      await change('decision', `explanation = '${JSON.stringify({ evidence })}'`)(trx);
      await change('award', 'awarded_at = now()')(trx);
    },
  },
  {
    alarm: 'over_refunds',
    sign: 'a refund above what was paid',
    do: changeMerged('refunds', [{ refundId: 'r', lineId: null, amount: [10_000, 1, ''], status: null, refundedAt: null }]),
  },
  { alarm: 'currency_conflicts', sign: 'an order in two currencies', do: change('orders', 'currency_conflict = true') },
  {
    alarm: 'old_negative_balances',
    sign: 'a promoter from whom more was taken back, forty days ago, than was there',
    do: async (trx) => {
      await sql`
        insert into transfer (order_key, revision, position, kind, merchant_id, currency, promoter_id, line_id, role, from_account_id,
          to_account_id, amount, booked_at, booked_xid)
        select order_key, revision, 99, 'reverse', merchant_id, currency, promoter_id, line_id, role, to_account_id, from_account_id,
          1000, now() - interval '40 days', (select below_xid - 1 from ledger_fold)
        from transfer where kind = 'release' and promoter_id = 'alice'`.execute(trx);
      await sql`
        update account_balance set balance = balance - 1000 from account
        where account.account_id = account_balance.account_id and kind = 'available' and promoter_id = 'alice'`.execute(trx);
    },
  },
  {
    alarm: 'fold_advances',
    sign: 'a transfer of long ago that is in no balance, and a fold that took nothing for ten minutes',
    do: (trx) => sql`update ledger_fold set advanced_at = now() - interval '10 minutes'`.execute(trx),
  },
  {
    alarm: 'statistics_advance',
    sign: 'an award of long ago that is not counted, and a fold that took nothing for ten minutes',
    do: async (trx) => {
      await sql`update statistics_fold set advanced_at = now() - interval '10 minutes'`.execute(trx);
      await sql`update award set awarded_at = now() - interval '10 minutes', awarded_xid = ledger_xid()`.execute(trx);
    },
  },
  { alarm: 'partitions_made', sign: 'months ahead without their partitions', do: (trx) => dropMonthsAhead(trx) },
  {
    alarm: 'partitions_made',
    sign: 'a click of a time that no partition is made for',
    do: (trx) =>
      sql`insert into click (click_id, link_code, clicked_at, bot)
        values (${uuidv7(Date.now() + 400 * DAY_MS)}::uuid, 'code', now(), false)`.execute(trx),
  },
];

async function dropMonthsAhead(trx: Transaction<DB>): Promise<void> {
  const { rows } = await sql<{ partition: string }>`select partition from partition_ranges('touch') where lower_at > now()`.execute(trx);
  for (const { partition } of rows) await sql`drop table ${sql.table(partition)}`.execute(trx);
}

test('every alarm that the database can raise has a sign that is given for it', () => {
  const ofDatabase = alarms.filter(({ scope }) => scope !== 'process').map(({ name }) => name);
  expect(new Set(SIGNS.map(({ alarm }) => alarm))).toEqual(new Set(ofDatabase));
});

describe('an alarm is raised by its sign', () => {
  test.each(SIGNS)('$alarm: $sign', async ({ alarm, do: give, violations = 1 }) => {
    const guard = alarms.find(({ name }) => name === alarm)!;
    await tampering(database.owner, async (trx) => {
      expect(await askGuard(trx, guard)).toEqual({ violations: 0, sample: [] });
      await give(trx);
      expect((await askGuard(trx, guard)).violations).toBe(violations);
    });
  });
});

test('a spool that is not empty tells how much waits in it', async () => {
  const spool = alarms.find(({ name }) => name === 'spool_empty')!;
  spooled = 7;
  expect(await askGuard(database.db, spool)).toEqual({ violations: 7, sample: [{ files: 7, times: 7 }] });
  spooled = 0;
  expect((await askGuard(database.db, spool)).violations).toBe(0);
});
