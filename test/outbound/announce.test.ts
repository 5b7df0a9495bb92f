import * as fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { announce } from '../../src/outbound/announce.ts';
import { EVENT_TYPES, eventId, SUBSCRIPTIONS, type Event } from '../../src/outbound/event.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { openStage, paid, type Stage } from './stage.ts';

const URL = 'http://127.0.0.1:9/';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
  for (const merchantId of ['m1', 'm2']) await stage.merchant(merchantId);
});

afterAll(() => stage.close());

const told = async (endpointId: string) => (await stage.messages(endpointId)).map((message) => String(message['type'])).toSorted(byName);
const byName = (a: string, b: string) => (a < b ? -1 : 1);
const silence = () => sql`update webhook_endpoint set active = false`.execute(stage.owner);

describe('an event', () => {
  test('is not even described while nobody wants any', async () => {
    await silence();
    const describing = vi.fn<() => Event[]>(() => [paid('1')]);
    await inTransaction(stage.db, ({ trx, now }) => announce(trx, describing, now));
    expect(describing).not.toHaveBeenCalled();
    await stage.endpoint(URL);
    await inTransaction(stage.db, ({ trx, now }) => announce(trx, describing, now));
    expect(describing).toHaveBeenCalledOnce();
  });

  test('is told to every endpoint that names its type or its family, and to no other', async () => {
    await silence();
    const families = await stage.endpoint(URL, { events: ['order.*', 'guard.*'] });
    const single = await stage.endpoint(URL, { events: ['commission.released', 'order.paid'] });
    const other = await stage.endpoint(URL, { events: ['claim.*'] });
    await stage.announce(
      paid('1'),
      paid('1', { type: 'order.reported' }),
      paid('1', { type: 'commission.released' }),
      paid('1', { type: 'commission.estimated' }),
      paid('1', { type: 'guard.violated' }),
    );
    expect(await told(families.endpointId)).toEqual(['guard.violated', 'order.paid', 'order.reported']);
    expect(await told(single.endpointId)).toEqual(['commission.released', 'order.paid']);
    expect(await told(other.endpointId)).toEqual([]);
  });

  test('of a merchant is told to the endpoints of that merchant and of all; one of none only to those of all', async () => {
    await silence();
    const all = await stage.endpoint(URL);
    const one = await stage.endpoint(URL, { merchant_id: 'm1' });
    await stage.announce(paid('1'), paid('2', { merchantId: 'm2' }), paid('3', { merchantId: null }));
    expect(await told(all.endpointId)).toHaveLength(3);
    expect(await told(one.endpointId)).toHaveLength(1);
  });

  test('that is announced twice is told once, under one id for every endpoint', async () => {
    await silence();
    const [first, second] = [await stage.endpoint(URL), await stage.endpoint(URL)];
    await stage.announce(paid('1'), paid('1'));
    await stage.announce(paid('1'));
    const [[one, ...more], [other]] = [await stage.messages(first.endpointId), await stage.messages(second.endpointId)];
    expect(more).toEqual([]);
    expect(one!['event_id']).toBe(other!['event_id']);
    expect(one!['message_id']).not.toBe(other!['message_id']);
  });

  test('is told when its transaction commits, and not otherwise', async () => {
    await silence();
    const { endpointId } = await stage.endpoint(URL);
    const undone = inTransaction(stage.db, async ({ trx, now }) => {
      await announce(trx, () => [paid('1')], now);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await told(endpointId)).toEqual([]);
  });

  test('is laid out as Standard Webhooks says, with amounts to the last digit', async () => {
    await silence();
    const { endpointId } = await stage.endpoint(URL);
    await stage.announce(paid('1', { data: { amount: 9_007_199_254_740_993n } }));
    const [message] = await stage.messages(endpointId);
    const { body } = await stage.call('GET', `/v1/webhook-messages/${String(message!['message_id'])}`);
    expect(body['body']).toBe('{"type":"order.paid","timestamp":"2026-06-01T00:00:00.000Z","data":{"amount":9007199254740993}}');
  });

  test('does not fail the fact that it tells of when its endpoint is removed at the same moment', async () => {
    await silence();
    const { endpointId } = await stage.endpoint(URL);
    const removing = stage.owner.startTransaction().execute();
    const trx = await removing;
    await trx.deleteFrom('webhook_endpoint').where('endpoint_id', '=', endpointId).execute();
    const announcing = stage.announce(paid('1'));
    await waiting(1);
    await trx.commit().execute();
    await announcing;
    expect((await stage.call('GET', `/v1/webhook-endpoints/${endpointId}`)).status).toBe(404);
  });
});

/** Resolves once so many of our sessions wait for a lock. */
async function waiting(count: number): Promise<void> {
  for (;;) {
    const { rows } = await sql<{ waiting: number }>`
      select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
      stage.owner,
    );
    if (rows[0]!.waiting >= count) return;
  }
}

describe('an id of an event', () => {
  test('is a UUID that its type and key alone decide', () => {
    const event = fc.record({ type: fc.constantFrom(...EVENT_TYPES), key: fc.string() });
    fc.assert(
      fc.property(event, event, (a: Pick<Event, 'type' | 'key'>, b) => {
        expect(eventId(a)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(eventId(a) === eventId(b)).toBe(a.type === b.type && a.key === b.key);
      }),
    );
  });
});

test('what can be subscribed to is every type, and every family once', () => {
  expect(SUBSCRIPTIONS).toEqual([
    'order.*',
    'commission.*',
    'claim.*',
    'payout.*',
    'payee.*',
    'debt.*',
    'rule.*',
    're_rating.*',
    'campaign.*',
    'offer.*',
    'guard.*',
    ...EVENT_TYPES,
  ]);
});
