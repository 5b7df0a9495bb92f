import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { EventReader } from '../../platform/streams/event-reader.ts';
import { openSocket, until } from '../../platform/sockets.ts';
import { ADMIN_KEY } from '../../running.ts';
import { openStage, type Stage } from './stage.ts';

const READERS = 500;
const FROM = new Date(Date.now() - 3 * 24 * 3_600_000).toISOString();

let stage: Stage;
let codes: string[];

beforeAll(async () => {
  stage = await openStage({ env: { STREAMS_PER_KEY: String(READERS), STREAMS_MAX: String(READERS) } });
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

describe('500 readers', () => {
  test('of one query are told within two seconds', async () => {
    const readers: EventReader[] = [];
    for (let opened = 0; opened < READERS; opened += 50) {
      readers.push(...(await Promise.all(Array.from({ length: 50 }, () => open(`from=${FROM}&group_by=promoter&bucket=hour`)))));
    }
    const times = await toldAfter(readers, codes[0]!);
    expect(Math.max(...times)).toBeLessThan(2000);
  });

  test('of as many queries are told, each of its own, and those of another merchant are not', async () => {
    const queries = Array.from(
      { length: READERS },
      (_, place) => `from=${new Date(Date.parse(FROM) + place).toISOString()}&merchant_id=m${1 + (place % 2)}`,
    );
    const readers: EventReader[] = [];
    for (let opened = 0; opened < READERS; opened += 50) readers.push(...(await Promise.all(queries.slice(opened, opened + 50).map(open))));
    const [ofM1, ofM2] = [readers.filter((_, place) => place % 2 === 0), readers.filter((_, place) => place % 2 === 1)];
    const heard = ofM2.map(({ events }) => events.length);
    await toldAfter(ofM1, codes[0]!);
    expect(ofM2.map(({ events }) => events.length)).toEqual(heard);
  });
});

describe('a reader that does not read', () => {
  /** Questions of so many rows that no system takes a snapshot off our hands unread. */
  const LARGE = `from=${FROM}&group_by=promoter&bucket=15m`;

  test('holds up nobody, costs no memory, and is told what has changed once it reads', async () => {
    await stage.order('W-1', { promoterId: 'alice' });
    const reader = await open(LARGE);
    const silent = Array.from({ length: 50 }, () => openSocket(Number(new URL(stage.service.url).port)));
    for (const { socket } of silent) {
      socket.write(`GET /v1/statistics/stream?${LARGE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n\r\n`);
      socket.pause();
    }
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    for (let clicks = 0; clicks < 4; clicks += 1) expect(Math.max(...(await toldAfter([reader], codes[clicks % 2]!)))).toBeLessThan(2000);
    expect(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
    for (const { socket } of silent) socket.resume();
    const last = reader.events.at(-1)!.id;
    await until(() => silent.every(({ received }) => received().includes(`id: ${last}\n`)));
    for (const { socket } of silent) socket.destroy();
  });
});
