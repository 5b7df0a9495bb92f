// Every alarm is raised by a sign that is given for it in a world whose books are in order.

import { sql, type Transaction } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { allGuards } from '../../src/guards/catalogue.ts';
import { askGuard } from '../../src/guards/check.ts';
import type { DB } from '../../src/platform/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { testDatabase, type TestDatabase } from '../harness.ts';
import { foldAll } from '../ledger/books.ts';
import { bookWorld, earningOrder } from './books.ts';
import { writeOrder } from './orders.ts';
import { change, changeMerged, tampering } from './plant.ts';
import { ago, foundWorld } from './world.ts';

const MINUTE = 1 / 1440;

let database: TestDatabase;
let spooled = 0;
const guards = allGuards({ levelsMax: 2, spooled: () => spooled });
const alarms = guards.filter(({ kind }) => kind === 'alarm');

beforeAll(async () => {
  database = await testDatabase();
  await foundWorld(database.owner);
  await bookWorld(database.owner, () => foldAll(database.db));
});

afterAll(() => database.close());

let delivered = 0;

/** One more report of a source. */
async function deliver(trx: Transaction<DB>, days: number, more: object = {}): Promise<void> {
  delivered += 1;
  const hash = Buffer.alloc(32);
  hash.writeUInt32BE(delivered);
  const at = ago(days);
  const row = {
    delivery_id: uuidv7(at.getTime()),
    source_id: 'shop1',
    origin: 'push',
    body: Buffer.from('x'),
    body_hash: hash,
    headers: '{}',
  };
  const state = { received_at: at, next_attempt_at: at, state: 'processed', reports: 0, finished_at: at };
  await trx
    .insertInto('delivery')
    .values({ ...row, ...state, ...more })
    .execute();
}

/** An award on its own, which is all that the share of unattributed orders is counted from. */
async function decide(trx: Transaction<DB>, key: number, days: number, decision: string): Promise<void> {
  await trx
    .insertInto('award')
    .values({
      order_key: BigInt(key),
      merchant_id: 'm1',
      revision: 1,
      state: 'estimated',
      decisions: [decision],
      attribution_at: ago(days),
      awarded_at: ago(days),
    })
    .execute();
}

interface Sign {
  alarm: string;
  sign: string;
  do: (trx: Transaction<DB>) => Promise<unknown>;
  /** How many it counts. */
  violations?: number;
}

const SIGNS: Sign[] = [
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
    alarm: 'retried_awards',
    sign: 'an order that cannot be awarded',
    do: (trx) => sql`insert into award_due select order_key, now(), 1, 'broken' from orders where order_id = 'waiting'`.execute(trx),
  },
  {
    alarm: 'silent_sources',
    sign: 'a source that spoke every five minutes and is silent for two hours',
    do: async (trx) => {
      for (let n = 0; n < 30; n++) await deliver(trx, 2 / 24 + n * 5 * MINUTE);
    },
  },
  {
    alarm: 'missing_webhooks',
    sign: 'an order that only its storefront has told of',
    do: async (trx) => {
      await writeOrder(trx, earningOrder('told', { says: { status: null, paidAt: null }, revisions: [] }));
      await sql`update orders set made_at = now() - interval '20 minutes' where order_id = 'told'`.execute(trx);
    },
  },
  {
    alarm: 'untold_orders',
    sign: 'one of twenty orders of which the storefront has not told',
    do: async (trx) => {
      for (let n = 0; n < 20; n++) await writeOrder(trx, earningOrder(`n${n}`, { revisions: [] }));
      await sql`update orders set made_at = now() - interval '1 hour' where order_id like 'n%' and order_id <> 'nobodys'`.execute(trx);
      await sql`
        update delivery set source_id = 'rest', merchant_id = 'm1' from order_report join orders using (order_key)
        where order_report.delivery_id = delivery.delivery_id and order_id like 'n%' and order_id not in ('nobodys', 'n7')`.execute(trx);
    },
  },
  {
    alarm: 'changed_bodies',
    sign: 'two reports under one signed id',
    do: async (trx) => {
      await deliver(trx, 1, { signed_id: 'msg_1' });
      await deliver(trx, 1, { signed_id: 'msg_1' });
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
    alarm: 'unattributed_jump',
    sign: 'ten of twenty orders of this hour are nobody’s, where it used to be one of twenty',
    do: async (trx) => {
      for (let n = 0; n < 20; n++) await decide(trx, 1000 + n, 3, n === 0 ? 'unattributed' : 'attributed');
      for (let n = 0; n < 20; n++) await decide(trx, 2000 + n, 10 * MINUTE, n < 10 ? 'unattributed' : 'attributed');
    },
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
          to_account_id, amount, booked_at)
        select order_key, revision, 99, 'reverse', merchant_id, currency, promoter_id, line_id, role, to_account_id, from_account_id,
          1000, now() - interval '40 days'
        from transfer where kind = 'release' and promoter_id = 'alice'`.execute(trx);
      await sql`
        update account_balance set balance = balance - 1000 from account
        where account.account_id = account_balance.account_id and kind = 'available' and promoter_id = 'alice'`.execute(trx);
    },
  },
  { alarm: 'click_partitions', sign: 'a day without its partition', do: (trx) => dropTomorrow(trx) },
];

async function dropTomorrow(trx: Transaction<DB>): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select 'click_' || to_char(now() at time zone 'utc' + interval '1 day', 'YYYYMMDD') as name`.execute(trx);
  await sql`drop table ${sql.table(rows[0]!.name)}`.execute(trx);
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

test('a source that never had a habit is not missed', async () => {
  const silent = alarms.find(({ name }) => name === 'silent_sources')!;
  await tampering(database.owner, async (trx) => {
    for (let n = 0; n < 15; n++) await deliver(trx, 3 + n * MINUTE);
    expect((await askGuard(trx, silent)).violations).toBe(0);
  });
});
