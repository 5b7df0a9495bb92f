import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { EventReader, ReadEvent } from '../../platform/streams/event-reader.ts';
import { until } from '../../platform/sockets.ts';
import { ADMIN_KEY } from '../../running.ts';
import { openStage, type Stage } from './stage.ts';

type Row = Record<string, string | number | null>;
interface Told {
  watermark: string;
  data: Row[];
  totals: Row[];
  query: { from: string; to: string };
  next_cursor: string | null;
}

/** Yesterday and today, where the service is. */
const FROM = new Date(Date.now() - 24 * 3_600_000).toISOString();

let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ env: { STREAMS_PER_KEY: '30', STREAMS_MAX: '40' } });
});

afterEach(() => stage.closeReaders());

afterAll(() => stage.close());

const toldBy = ({ data }: ReadEvent): Told => data as Told;

/** What GET /v1/statistics says of the same question at this moment. */
async function statistics(query: string): Promise<Told> {
  const { status, body } = await stage.ask('GET', `/v1/statistics?limit=200&${query}`);
  expect([status, body.code]).toEqual([200, undefined]);
  return body as Told;
}

const placeOf = ({ bucket, currency, promoter_id }: Row): string => JSON.stringify([bucket, promoter_id, currency]);

/** The rows as a reader has them who takes every event in its turn, without empty groups. */
function rowsOf({ events }: EventReader): Row[] {
  const rows = new Map<string, Row>();
  for (const one of events) {
    if (one.event === 'snapshot') rows.clear();
    for (const row of toldBy(one).data) rows.set(placeOf(row), row);
  }
  return [...rows.values()].filter(hasFigures).toSorted(byPlace);
}

const hasFigures = (row: Row): boolean =>
  Object.entries(row).some(([name, value]) => /^(clicks|orders|links|paid|comm)/.test(name) && value !== 0);
const byPlace = (a: Row, b: Row): number => placeOf(a).localeCompare(placeOf(b));

/** Waits until the reader has what is asked for at this moment. */
async function untilCurrent(reader: EventReader, query: string): Promise<void> {
  const expected = (await statistics(query)).data.filter(hasFigures).toSorted(byPlace);
  await until(() => JSON.stringify(rowsOf(reader)) === JSON.stringify(expected)).catch(() => expect(rowsOf(reader)).toEqual(expected));
}

const textOf = async (): Promise<string> => (await stage.ask('GET', '/metrics')).body as string;

/** How many evaluations there have been until now: the metrics are as of up to a second ago. */
async function evaluations(): Promise<number> {
  const earlier = await textOf();
  let text = earlier;
  await until(async () => (text = await textOf()) !== earlier);
  return Number(/^fenyong_stream_evaluations_total (\d+)$/m.exec(text)?.[1]);
}

const snapshotOf = async (reader: EventReader): Promise<Told> => {
  await until(() => reader.events.length > 0);
  expect(reader.events[0]!.event).toBe('snapshot');
  return toldBy(reader.events[0]!);
};

describe('a stream', () => {
  const query = `group_by=promoter&bucket=hour&from=${FROM}`;

  test('begins with the answer of the statistics, and brings whole rows that changed, within seconds', async () => {
    const code = await stage.link('alice');
    const reader = await stage.stream(query);
    const snapshot = await snapshotOf(reader);
    const { data, totals, query: asked, next_cursor: next } = await statistics(query);
    expect({ ...snapshot, watermark: '', query: { ...snapshot.query, to: '' } }).toEqual({
      data,
      totals,
      watermark: '',
      query: { ...asked, to: '' },
      next_cursor: next,
    });
    expect(reader.events[0]!.id).toBe(snapshot.watermark);
    const clickedAt = Date.now();
    const clickToken = await stage.click(code);
    await until(() => reader.events.length > 1);
    expect(Date.now() - clickedAt).toBeLessThan(3000);
    const told = toldBy(reader.events[1]!);
    expect([reader.events[1]!.event, reader.events[1]!.id, Object.keys(told)]).toEqual(['rows', told.watermark, ['watermark', 'data']]);
    expect(told.data).toMatchObject([{ promoter_id: 'alice', clicks: 1, orders: 0 }]);
    expect(Object.keys(told.data[0]!)).toEqual(Object.keys(snapshot.data[0]!));
    await stage.order('S-1', { clickToken });
    await untilCurrent(reader, query);
    expect(rowsOf(reader).at(-1)).toMatchObject({
      promoter_id: 'alice',
      clicks: 1,
      orders: 1,
      paid_amount: 10_000,
      commission_estimated: 1000,
    });
  });

  test('tells of an order that moves that one has it and the other has nothing any more', async () => {
    await stage.order('S-2', { merchantId: 'm2', promoterId: 'alice' });
    const ofMerchant = `${query}&merchant_id=m2`;
    const reader = await stage.stream(ofMerchant);
    await snapshotOf(reader);
    await stage.order('S-2', { merchantId: 'm2', promoterId: 'bob' });
    await untilCurrent(reader, ofMerchant);
    const changed = toldBy(reader.events.at(-1)!).data;
    expect(changed.find((row) => row['promoter_id'] === 'alice')).toMatchObject({
      orders: 0,
      paid_amount: 0,
      commission_estimated: 0,
      conversion_ppm: null,
    });
    expect(changed.find((row) => row['orders'] === 1)).toMatchObject({
      promoter_id: 'bob',
      paid_amount: 10_000,
      commission_estimated: 1000,
    });
  });

  test('is told at most once a second, whatever comes', async () => {
    const code = await stage.link('bob');
    const reader = await stage.stream(query);
    await snapshotOf(reader);
    const seen: number[] = [];
    for (let clicks = 0; seen.length < 3; clicks += 1) {
      await stage.click(code);
      if (reader.events.length - 1 > seen.length) seen.push(Date.now());
    }
    expect(seen[2]! - seen[0]!).toBeGreaterThan(1900);
    await untilCurrent(reader, query);
  });

  test('of a promoter’s key is of that promoter, of a storefront’s of its merchant, totals too', async () => {
    const alice = await stage.makeKey({ scope: 'promoter', promoter_id: 'alice' });
    const shop = await stage.makeKey({ scope: 'storefront', merchant_id: 'm2' });
    for (const [{ key }, filter] of [
      [alice, 'promoter_id=alice'],
      [shop, 'merchant_id=m2'],
    ] as const) {
      const own = await snapshotOf(await stage.stream(query, { authorization: `Bearer ${key}` }));
      const { data, totals } = await statistics(`${query}&${filter}`);
      expect([own.data, own.totals]).toEqual([data, totals]);
    }
    for (const [{ key }, filter] of [
      [alice, 'promoter_id=bob'],
      [shop, 'merchant_id=m1'],
    ] as const) {
      expect((await stage.ask('GET', `/v1/statistics/stream?${query}&${filter}`, undefined, key)).status).toBe(403);
    }
    const merchant = await stage.makeKey({ scope: 'merchant', merchant_id: 'm1' });
    expect((await stage.ask('GET', `/v1/statistics/stream?${query}`, undefined, merchant.key)).status).toBe(403);
  });

  test.each([
    [422, 'not_streamable', 'group_by=promoter,product'],
    [422, 'not_streamable', 'compare=year'],
    [422, 'not_streamable', 'from=2026-01-01T00:00:00Z'],
    [422, 'range_too_long', 'bucket=minute&from=2026-01-01T00:00:00Z'],
    [422, 'not_streamable', 'group_by=promoter&limit=1'],
    [400, 'malformed_request', 'group_by=nothing'],
  ])('is refused with %i %s for %s', async (status, code, wrong) => {
    const fields = wrong.includes('from=') ? wrong : `from=${FROM}&${wrong}`;
    const answer = await stage.ask('GET', `/v1/statistics/stream?${fields}`);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  test('answers no HEAD', async () => {
    const answer = await fetch(`${stage.service.url}/v1/statistics/stream?${query}`, { method: 'HEAD' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET']);
  });
});

describe('evaluations', () => {
  test('are shared by equal queries, and none is done that no fact of its merchant or promoter has touched', async () => {
    const [ofAlice, ofBob] = [await stage.link('alice', 'm1'), await stage.link('bob', 'm2')];
    const ofM1 = `from=${FROM}&merchant_id=m1&group_by=promoter`;
    const before = await evaluations();
    const readers = await Promise.all(Array.from({ length: 5 }, () => stage.stream(ofM1)));
    for (const reader of readers) await snapshotOf(reader);
    expect((await evaluations()) - before).toBe(1);
    const other = await stage.stream(`from=${FROM}&merchant_id=m2`);
    await snapshotOf(other);
    const opened = await evaluations();
    await stage.click(ofBob);
    await until(() => other.events.length === 2);
    expect((await evaluations()) - opened).toBe(1);
    await stage.click(ofAlice);
    await until(() => readers.every(({ events }) => events.length === 2));
    expect((await evaluations()) - opened).toBe(2);
    expect([other.events.length, readers.map(({ events }) => events.length)]).toEqual([2, [2, 2, 2, 2, 2]]);
  });
});

const back = (query: string, lastEventId: string) =>
  stage.stream(query, { authorization: `Bearer ${ADMIN_KEY}`, 'last-event-id': lastEventId });

describe('a reader that comes back', () => {
  test('is told what has changed since it left, and nothing where nothing has', async () => {
    const query = `group_by=promoter&from=${FROM}&merchant_id=m2`;
    const code = await stage.link('bob', 'm2');
    const first = await stage.stream(query);
    await snapshotOf(first);
    first.close();
    const second = await back(query, first.events[0]!.id);
    await until(() => second.retryMs() !== null);
    await stage.click(code);
    await until(() => second.events.length > 0);
    second.close();
    await stage.click(code);
    const third = await back(query, second.events[0]!.id);
    await until(() => third.events.length > 0);
    for (const reader of [second, third]) expect(reader.events.map(({ event }) => event)).toEqual(['rows']);
    const { data } = await statistics(query);
    const ofBob = data.find((row) => row['promoter_id'] === 'bob' && Number(row['clicks']) > 1);
    expect(toldBy(third.events[0]!).data).toContainEqual(ofBob);
  });

  test('begins anew where it names what we do not know, or nothing of ours', async () => {
    const query = `from=${FROM}&merchant_id=m2&bucket=hour`;
    const first = await stage.stream(query);
    await snapshotOf(first);
    for (const id of ['1', '0', '-7', 'x', '9'.repeat(40), '']) await snapshotOf(await back(query, id));
    // Of another question nothing is known of before it was asked.
    await stage.click(await stage.link('bob', 'm2'));
    await snapshotOf(await back(`${query}&sort=clicks`, first.events[0]!.id));
  });
});

describe('of several processes', () => {
  test('each tells its readers of facts that came by another', async () => {
    const another = await stage.another();
    const query = `from=${FROM}&merchant_id=m1`;
    const here = await stage.stream(query);
    const there = await stage.stream(`${another.url}/v1/statistics/stream?${query}`);
    await Promise.all([snapshotOf(here), snapshotOf(there)]);
    await stage.click(await stage.link('alice'));
    await untilCurrent(here, query);
    await untilCurrent(there, query);
    expect(there.events.length).toBeGreaterThan(1);
  });
});

async function refusal(url: string, headers: Record<string, string>): Promise<[number, string]> {
  const answer = await fetch(url, { headers });
  return [answer.status, ((await answer.json()) as { code: string }).code];
}

describe('a key', () => {
  test('that is revoked has no stream any more within ten seconds, by a ticket either; others go on', async () => {
    const { keyId, key } = await stage.makeKey({ scope: 'auditor' });
    const { body } = await stage.ask('POST', '/v1/stream-tickets', undefined, key);
    const query = `from=${FROM}`;
    const byKey = await stage.stream(query, { authorization: `Bearer ${key}` });
    const byTicket = await stage.stream(`${query}&ticket=${body.ticket}`, {});
    const other = await stage.stream(query);
    await Promise.all([byKey, byTicket, other].map(snapshotOf));
    const revokedAt = Date.now();
    await stage.ask('DELETE', `/v1/keys/${keyId}`);
    await until(() => byKey.isEnded() && byTicket.isEnded());
    expect(Date.now() - revokedAt).toBeLessThan(10_000);
    expect(other.isEnded()).toBe(false);
    expect((await stage.stream(`${query}&ticket=${body.ticket}`, {})).status).toBe(401);
  });

  test('that has signed in reads by its session, until that ends', async () => {
    const { key } = await stage.makeKey({ scope: 'auditor' });
    const signed = await fetch(`${stage.service.url}/v1/sessions`, { method: 'POST', headers: { authorization: `Bearer ${key}` } });
    const { csrf } = (await signed.json()) as { csrf: string };
    const cookie = signed.headers.get('set-cookie')!.split(';')[0]!;
    const bySession = await stage.stream(`from=${FROM}`, { cookie });
    const byKey = await stage.stream(`from=${FROM}`, { authorization: `Bearer ${key}` });
    await Promise.all([bySession, byKey].map(snapshotOf));
    const headers = { cookie, 'x-csrf-token': csrf };
    expect((await fetch(`${stage.service.url}/v1/sessions/current`, { method: 'DELETE', headers })).status).toBe(204);
    await until(() => bySession.isEnded());
    expect(byKey.isEnded()).toBe(false);
  });

  test('has so many streams and no more, until one is closed', async () => {
    const { key } = await stage.makeKey({ scope: 'auditor' });
    const headers = { authorization: `Bearer ${key}` };
    const another = await stage.another({ STREAMS_PER_KEY: '2', STREAMS_MAX: '3' });
    const url = `${another.url}/v1/statistics/stream?from=${FROM}`;
    const [first] = [await stage.stream(url, headers), await stage.stream(url, headers)];
    expect(await refusal(url, headers)).toEqual([429, 'too_many_streams']);
    await snapshotOf(await stage.stream(url));
    expect(await refusal(url, { authorization: `Bearer ${ADMIN_KEY}` })).toEqual([429, 'too_many_streams']);
    first.close();
    await until(async () => (await stage.stream(url, headers)).status === 200);
  });
});

describe('a process that closes', () => {
  test('sends its readers away, each to come back at a time of its own', async () => {
    const another = await stage.another();
    const query = `from=${FROM}`;
    const url = `${another.url}/v1/statistics/stream?${query}`;
    const readers = await Promise.all(Array.from({ length: 12 }, () => stage.stream(url)));
    for (const reader of readers) await snapshotOf(reader);
    const closedAt = Date.now();
    await another.app.close();
    expect(Date.now() - closedAt).toBeLessThan(5000);
    await until(() => readers.every(({ isEnded }) => isEnded()));
    expect(new Set(readers.map(({ retryMs }) => retryMs())).size).toBeGreaterThan(8);
  });
});
