import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { Actor } from '../../../src/platform/keys/actor.ts';
import { statisticsFields } from '../../../src/statistics/reading/query-fields.ts';
import { understandWish } from '../../../src/statistics/stream/stream-wish.ts';
import { statisticsWatch } from '../../../src/statistics/stream/watch.ts';
import type { StreamReader } from '../../../src/statistics/stream/watched-query.ts';
import { buildLogger } from '../../../src/platform/process/log.ts';
import { testLog } from '../../harness.ts';
import type { EventReader } from '../../platform/streams/event-reader.ts';
import { openSocket, until } from '../../platform/sockets.ts';
import { ADMIN_KEY } from '../../running.ts';
import { openStage, type Stage } from './stage.ts';

const READERS = 500;
const QUERIES = 100;
const FROM = new Date(Date.now() - 3 * 24 * 3_600_000).toISOString();

const admin: Actor = { keyId: 'k1', scope: 'admin', role: null, person: 'k1', merchantId: null, promoterId: null };

const wishOf = (fields: Record<string, string>) =>
  understandWish(statisticsFields.parse({ from: FROM, bucket: 'hour', ...fields }), admin, new Date());

/** A reader that takes nothing. */
const silentReader = (): StreamReader => ({
  keyId: '',
  sessionId: null,
  revision: 1,
  toldAt: 0,
  stream: { isReady: () => false, send: () => undefined, end: () => undefined },
});

/** What the service has warned of. */
const logged: string[] = [];

let stage: Stage;
let codes: string[];

beforeAll(async () => {
  const log = buildLogger('warn', { write: (line) => void logged.push(line) });
  stage = await openStage({ log, env: { STREAMS_PER_KEY: String(READERS), STREAMS_MAX: String(READERS) } });
  codes = [await stage.link('alice', 'm1'), await stage.link('bob', 'm2')];
});

afterEach(() => stage.closeReaders());

afterAll(() => stage.close());

async function open(query: string): Promise<EventReader> {
  const reader = await stage.stream(query);
  await until(() => reader.events.length === 1);
  return reader;
}

/** When each of the readers had another event, in milliseconds since the click. */
async function toldAfter(readers: readonly EventReader[], code: string): Promise<number[]> {
  const before = readers.map(({ events }) => events.length);
  const clickedAt = Date.now();
  await stage.click(code);
  const times: number[] = [];
  await until(() => {
    readers.forEach(({ events }, place) => {
      if (events.length > before[place]!) times[place] ??= Date.now() - clickedAt;
    });
    return Object.keys(times).length === readers.length;
  });
  return times;
}

const memory = (): number => process.memoryUsage().arrayBuffers;

async function openStreams(): Promise<number> {
  const { body } = await stage.ask('GET', '/metrics');
  return Number(/^fenyong_streams_open (\d+)$/m.exec(body as string)?.[1]);
}

describe('many readers', () => {
  test('of one query are told within seconds', async () => {
    const readers: EventReader[] = [];
    for (let opened = 0; opened < READERS; opened += 50) {
      readers.push(...(await Promise.all(Array.from({ length: 50 }, () => open(`from=${FROM}&group_by=promoter&bucket=hour`)))));
    }
    const times = await toldAfter(readers, codes[0]!);
    expect(Math.max(...times)).toBeLessThan(4000);
  });

  test('are told of as many queries as they have, and those of another merchant are told nothing', async () => {
    const queries = Array.from(
      { length: QUERIES },
      (_, place) => `from=${new Date(Date.parse(FROM) + place).toISOString()}&merchant_id=m${1 + (place % 2)}`,
    );
    const readers: EventReader[] = [];
    for (let opened = 0; opened < QUERIES; opened += 50) readers.push(...(await Promise.all(queries.slice(opened, opened + 50).map(open))));
    const [ofM1, ofM2] = [readers.filter((_, place) => place % 2 === 0), readers.filter((_, place) => place % 2 === 1)];
    const heard = ofM2.map(({ events }) => events.length);
    await toldAfter(ofM1, codes[0]!);
    expect(ofM2.map(({ events }) => events.length)).toEqual(heard);
  });
});

describe('a reader that does not read', () => {
  /** A question of 18,000 rows: no system takes its answer of 7 MB off our hands unread. */
  const LARGE = `from=${FROM}&group_by=promoter&bucket=15m`;
  const PROMOTERS = 60;
  const SILENT = 20;

  beforeAll(async () => {
    const ids = Array.from({ length: PROMOTERS }, (_, place) => `promoter-${place}`);
    for (const id of ids) await stage.ask('PUT', `/v1/promoters/${id}`, { name: id, kind: 'person' });
    for (const id of ids) await stage.click(await stage.link(id));
  });

  test('holds up nobody, costs no memory, and is told what has changed once it reads', async () => {
    const reader = await open(LARGE);
    const port = Number(new URL(stage.service.url).port);
    const silent = Array.from({ length: SILENT }, () => openSocket(port));
    for (const { socket } of silent) {
      socket.write(`GET /v1/statistics/stream?${LARGE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n\r\n`);
      socket.pause();
    }
    await until(async () => (await openStreams()) === SILENT + 1);
    const before = memory();
    for (let clicks = 0; clicks < 4; clicks += 1) expect(Math.max(...(await toldAfter([reader], codes[clicks % 2]!)))).toBeLessThan(4000);
    // What they have not taken is one snapshot, which all of them share.
    expect(memory() - before).toBeLessThan((SILENT / 2) * 7_000_000);
    for (const { received } of silent) expect(received()).not.toContain('event: rows');
    const last = reader.events.at(-1)!.id;
    for (const { socket } of silent) socket.resume();
    await until(() => silent.every(({ received }) => received().includes(`event: rows\nid: ${last}\n`)));
    for (const { received } of silent) expect(received().split('event: rows').length).toBe(2);
    for (const { socket } of silent) socket.destroy();
  });
});

describe('what is kept', () => {
  test('is bounded: what nobody reads makes room for what somebody asks for, and what is read stays', async () => {
    const { db } = stage.service.database;
    const watch = statisticsWatch({ db, log: testLog, onEvaluated: () => undefined, rowsMax: 200 });
    const [first, second, third] = [wishOf({ merchant_id: 'm1' }), wishOf({ merchant_id: 'm2' }), wishOf({ merchant_id: 'm1,m2' })];
    const read = await watch.open(first);
    expect(read.rows.size()).toBeGreaterThan(70);
    read.readers.add(silentReader());
    const left = await watch.open(second);
    expect(await watch.open(second)).toBe(left);
    const another = await watch.open(third);
    expect(await watch.open(first)).toBe(read);
    another.readers.add(silentReader());
    await expect(watch.open(second)).rejects.toMatchObject({ code: 'too_many_streams' });
    await watch.close();
  });
});

test('a fact that lies ahead of the time is told when its time has come', async () => {
  const reader = await open(`from=${FROM}&merchant_id=m1`);
  const { rows } = await sql<{ at: Date }>`
    insert into click (click_id, link_code, clicked_at, bot)
    select partition_key('click', at)::uuid, ${codes[0]!}, at, false from (select now() + interval '3 seconds' as at) as ahead
    returning clicked_at as at`.execute(stage.service.database.owner);
  await until(() => reader.events.length > 1);
  expect(Date.now()).toBeGreaterThanOrEqual(rows[0]!.at.getTime());
});

test('streams stay open while it cannot be asked what came, and tell it then', async () => {
  const { owner } = stage.service.database;
  const reader = await open(`from=${FROM}&merchant_id=m2`);
  await sql`alter table decision rename to hidden`.execute(owner);
  await stage.click(codes[1]!);
  await until(() => logged.some((line) => line.includes('streams were not told what came')));
  await sql`alter table hidden rename to decision`.execute(owner);
  expect(reader.events).toHaveLength(1);
  await until(() => reader.events.length > 1);
  expect(reader.isEnded()).toBe(false);
});
