// Signs that order systems and storefronts have stopped to tell us something.

import { sql, type Transaction } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';
import { deliver, tellOrder, type Sign } from './signs.ts';
import { ago } from './world.ts';

const MINUTE = 1 / 1440;
const HOUR = 60 * MINUTE;

/** So many orders of which the storefront told, and their source so many minutes later. */
export async function tellPairs(trx: Transaction<DB>, count: number, minutes: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const days = 2 + n * HOUR;
    await tellOrder(trx, `pair${n}`, [
      { by: 'rest', days },
      { by: 'shop1', days: days - minutes * MINUTE },
    ]);
  }
}

/**
 * An award of an order of its own, which is all that the share of unattributed orders is counted
 * from.
 */
async function decide(trx: Transaction<DB>, orderId: string, days: number, decision: string, sourceId: string): Promise<void> {
  await tellOrder(trx, orderId, [{ by: 'shop1', days }], { sourceId });
  await sql`
    insert into award (order_key, merchant_id, revision, state, decisions, attribution_at, awarded_at)
    select order_key, merchant_id, 1, 'estimated', ${[decision]}, ${ago(days)}, ${ago(days)} from orders
    where order_id = ${orderId}`.execute(trx);
}

/**
 * A source that is asked every five minutes, stated so many days ago, with one list as its row
 * says.
 */
async function pullSource(trx: Transaction<DB>, feed: { every?: number; stated?: number; row?: object | null } = {}): Promise<void> {
  const { every = 300, stated = 30, row = {} } = feed;
  await trx
    .updateTable('source')
    .set({ options: JSON.stringify({ pull: { every_seconds: every } }), changed_at: ago(stated) })
    .where('source_id', '=', 'shop1')
    .execute();
  const read = { reached: ago(0), due_at: ago(0), asked_at: ago(0), read_at: ago(0), reached_at: ago(0) };
  if (row === null) return;
  await trx
    .insertInto('pull_feed')
    .values({ source_id: 'shop1', feed: 'orders', ...read, ...row })
    .execute();
}

export const SIGNS_OF_SOURCES: Sign[] = [
  {
    alarm: 'stalled_feeds',
    sign: 'a list that is to be read every five minutes and was not for twenty-five',
    do: (trx) => pullSource(trx, { row: { read_at: ago(25 * MINUTE) } }),
  },
  {
    alarm: 'stalled_feeds',
    sign: 'a list that was last read twenty minutes ago is none',
    violations: 0,
    do: (trx) => pullSource(trx, { row: { read_at: ago(20 * MINUTE) } }),
  },
  {
    alarm: 'stalled_feeds',
    sign: 'a list that is read once a day is none after twenty-nine hours, whatever it does meanwhile',
    violations: 0,
    do: (trx) => pullSource(trx, { every: 86_400, row: { read_at: ago(29 * HOUR), reached_at: ago(29 * HOUR), asked_at: null } }),
  },
  {
    alarm: 'stalled_feeds',
    sign: 'a list that is read once a day and was not for thirty-one hours',
    do: (trx) => pullSource(trx, { every: 86_400, row: { read_at: ago(31 * HOUR) } }),
  },
  {
    alarm: 'stalled_feeds',
    sign: 'a list whose pages come again and again and which gets no further for two days',
    do: (trx) => pullSource(trx, { row: { reached_at: ago(2) } }),
  },
  { alarm: 'stalled_feeds', sign: 'a source that was never asked at all', do: (trx) => pullSource(trx, { row: null }) },
  {
    alarm: 'stalled_feeds',
    sign: 'a source that was stated a moment ago has its time',
    violations: 0,
    do: (trx) => pullSource(trx, { stated: 10 * MINUTE, row: { read_at: null, reached_at: null } }),
  },
  {
    alarm: 'stalled_feeds',
    sign: 'a list that its options do not let it have any more is none',
    violations: 0,
    do: async (trx) => {
      await pullSource(trx);
      await pullSource(trx, { row: { feed: 'others', due_at: null, read_at: ago(9) } });
    },
  },
  {
    alarm: 'refused_keys',
    sign: 'a platform that refuses our keys, at once',
    do: (trx) => pullSource(trx, { row: { failure: 'refused', error: '48001 api unauthorized', failing_since: ago(0) } }),
  },
  {
    alarm: 'refused_keys',
    sign: 'a platform that refuses what only pushes name',
    do: (trx) =>
      sql`insert into pull_feed (source_id, feed, due_at, failure, error, failing_since)
        values ('shop1', 'detail', now(), 'refused', '40125 invalid appsecret', now())`.execute(trx),
  },
  {
    alarm: 'silent_sources',
    sign: 'a young source that spoke every five minutes and is silent for two hours',
    do: async (trx) => {
      for (let n = 0; n < 30; n++) await deliver(trx, 2 * HOUR + n * 5 * MINUTE);
    },
  },
  {
    alarm: 'missing_webhooks',
    sign: 'an order that only its storefront has told of',
    do: (trx) => tellOrder(trx, 'told', [{ by: 'rest', days: 20 * MINUTE }], { paid: false }),
  },
  {
    alarm: 'missing_webhooks',
    sign: 'an order that a quick source has not reported after six minutes',
    do: async (trx) => {
      await tellPairs(trx, 20, 1);
      await tellOrder(trx, 'told', [{ by: 'rest', days: 6 * MINUTE }], { paid: false });
    },
  },
  {
    alarm: 'untold_orders',
    sign: 'one of twenty orders of which the storefront has not told',
    do: async (trx) => {
      await tellPairs(trx, 19, 1);
      await tellOrder(trx, 'untold', [{ by: 'shop1', days: HOUR }]);
    },
  },
  {
    alarm: 'subscriptions_alive',
    sign: 'five new orders that had to be fetched from a source that used to push',
    do: async (trx) => {
      await deliver(trx, 2 * HOUR);
      for (let n = 0; n < 5; n++) await tellOrder(trx, `fetched${n}`, [{ by: 'shop1', days: HOUR, origin: 'pull' }]);
    },
  },
  {
    alarm: 'unattributed_jump',
    sign: 'ten of twenty orders of this hour are nobody’s, where it used to be one of twenty, and another source is as ever',
    do: async (trx) => {
      for (const source of ['shop1', 'shop2']) {
        for (let n = 0; n < 20; n++) await decide(trx, `${source} then ${n}`, 3, n === 0 ? 'unattributed' : 'attributed', source);
        const lost = source === 'shop1' ? 10 : 1;
        for (let n = 0; n < 20; n++) {
          await decide(trx, `${source} now ${n}`, 10 * MINUTE, n < lost ? 'unattributed' : 'attributed', source);
        }
      }
    },
  },
];
