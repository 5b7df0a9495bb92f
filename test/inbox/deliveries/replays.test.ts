// Many deliveries processed once more by a filter: after a fault of ours was mended, or of a
// source.
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { furnishedDoor, message, report, SECRET, type Door } from '../door.ts';

let door: Door;

beforeAll(async () => {
  door = await furnishedDoor();
  await door.call('PUT', '/v1/sources/sw2', { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret: SECRET } });
});

beforeEach(async () => {
  await door.database.owner.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx);
    for (const table of ['order_report', 'delivery', 'audit_log']) await sql`delete from ${sql.table(table)}`.execute(trx);
  });
});

afterAll(() => door.close());

let told = 0;

/** Pushes reports that fail: their orders are of a merchant for whom the source does not speak. */
async function pushFailing(sourceId: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await door.push(sourceId, message(report(`failing-${told++}`, { merchant_id: 'm2' })));
}

const replay = (body: unknown, headers: Record<string, string> = {}) => door.call('POST', '/v1/deliveries/replays', body, { headers });

const inState = async (state: string) => (await door.deliveries(`state = '${state}'`)).length;

describe('a replay by filter', () => {
  test('makes due again what fits, of one source, and lets it be processed like any other', async () => {
    await pushFailing('sw', 2);
    await pushFailing('sw2', 1);
    await door.work();
    const nudges = door.nudges();
    const answer = await replay({ state: 'failed', source_id: 'sw' });
    expect(answer).toMatchObject({ status: 202, body: { replayed: 2, more: false } });
    expect(door.nudges()).toBe(nudges + 1);
    expect(await door.deliveries(`source_id = 'sw'`)).toMatchObject([
      { state: 'received', attempts: 0 },
      { state: 'received', attempts: 0 },
    ]);
    expect(await inState('failed')).toBe(1);
    await door.work();
    expect(await inState('failed')).toBe(3);
  });

  test('takes the oldest first, no more than it may, and says that there may be more', async () => {
    await pushFailing('sw', 3);
    await door.work();
    const [first] = await door.deliveries('true');
    expect((await replay({ state: 'failed', limit: 1 })).body).toEqual({ replayed: 1, more: true });
    expect(await door.deliveries(`state = 'received'`)).toMatchObject([{ delivery_id: first!.delivery_id }]);
    expect((await replay({ state: 'failed', limit: 5 })).body).toEqual({ replayed: 2, more: false });
  });

  test('is narrowed by when they came', async () => {
    await pushFailing('sw', 2);
    await door.work();
    await sql`update delivery set received_at = received_at - interval '1 minute'
      where delivery_id = (select delivery_id from delivery order by delivery_id limit 1)`.execute(door.database.owner);
    const { rows } = await sql<{ edge: Date }>`select max(received_at) - interval '30 seconds' as edge from delivery`.execute(
      door.database.owner,
    );
    const edge = rows[0]!.edge.toISOString();
    expect((await replay({ state: 'failed', to: edge })).body).toMatchObject({ replayed: 1 });
    expect((await replay({ state: 'failed', from: edge })).body).toMatchObject({ replayed: 1 });
    expect((await replay({ state: 'failed', from: edge })).body).toMatchObject({ replayed: 0 });
  });

  test('is narrowed by why: the reason of a parked one, words of the error of a failed one', async () => {
    await pushFailing('sw', 1);
    await door.push('sw', '{"type":');
    await door.push('union', message(report('parked', { merchant_id: 'm9' })));
    await door.work();
    expect((await replay({ state: 'failed', reason: 'speaks for m1 only' })).body).toMatchObject({ replayed: 1 });
    expect((await replay({ state: 'parked', reason: 'unmapped_shop' })).body).toMatchObject({ replayed: 0 });
    expect((await replay({ state: 'parked', reason: 'unknown_merchant' })).body).toMatchObject({ replayed: 1 });
  });

  test('counts nothing twice: what was processed has its effect once', async () => {
    await door.push('sw', message(report('once')));
    await door.work();
    const before = await door.order('sw', 'once');
    expect((await replay({ state: 'processed' })).body).toMatchObject({ replayed: 1 });
    await door.work();
    expect(await inState('processed')).toBe(1);
    expect(await door.order('sw', 'once')).toEqual(before);
  });

  test('is done once under one key, and answered again as before', async () => {
    await pushFailing('sw', 2);
    await door.work();
    const key = { 'idempotency-key': 'replay-1' };
    const first = await replay({ state: 'failed', limit: 1 }, key);
    const again = await replay({ state: 'failed', limit: 1 }, key);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(again.body).toEqual(first.body);
    expect(await inState('received')).toBe(1);
  });

  test('is on record, with its filter and how many it was', async () => {
    await pushFailing('sw', 1);
    await door.work();
    await replay({ state: 'failed', source_id: 'sw' });
    const { rows } = await sql`select action, after from audit_log`.execute(door.database.owner);
    expect(rows).toMatchObject([{ action: 'deliveries_replayed', after: { filter: { state: 'failed', source_id: 'sw' }, replayed: 1 } }]);
  });

  test.each([
    ['without a state', {}],
    ['of what is due anyway', { state: 'received' }],
    ['with a filter that does not exist', { state: 'failed', source: 'sw' }],
    ['of more than can be done at once', { state: 'failed', limit: 10_001 }],
  ])('%s is refused', async (_, body) => {
    expect((await replay(body)).status).toBe(400);
  });

  test('is for an administrator', async () => {
    for (const key of [await door.key('storefront', 'm1'), await door.key('storefront'), await door.key('auditor')]) {
      expect((await door.call('POST', '/v1/deliveries/replays', { state: 'failed' }, { key })).status).toBe(403);
    }
  });
});
