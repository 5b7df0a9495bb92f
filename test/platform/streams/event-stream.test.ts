import { afterEach, describe, expect, test } from 'vitest';

import type { App } from '../../../src/platform/http/app.ts';
import { frameOf, openEventStream, type EventStream } from '../../../src/platform/streams/event-stream.ts';
import { buildHttp } from '../furnished.ts';
import { listen, openSocket, until } from '../sockets.ts';
import { readEvents, type EventReader } from './event-reader.ts';

const opened: App[] = [];
const readers: EventReader[] = [];

afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close();
  await Promise.all(opened.splice(0).map((app) => app.close()));
});

interface Opened {
  port: number;
  url: string;
  streams: EventStream[];
  closed: () => number;
}

async function open(options: { commentMs?: number; patienceMs?: number } = {}): Promise<Opened> {
  const app = buildHttp({ handlerTimeoutMs: 300 });
  opened.push(app);
  const streams: EventStream[] = [];
  let closed = 0;
  app.get('/stream', (_request, reply) => {
    streams.push(openEventStream(reply, { ...options, onClosed: () => (closed += 1) }));
  });
  const port = await listen(app);
  return { port, url: `http://127.0.0.1:${port}/stream`, streams, closed: () => closed };
}

async function read(url: string): Promise<EventReader> {
  const reader = await readEvents(url, { 'accept-encoding': 'gzip, br' });
  readers.push(reader);
  return reader;
}

const event = (id: number) => frameOf({ event: 'rows', id: String(id), data: '{}' });

describe('a stream', () => {
  test('is not kept, compressed or held up by anybody on the way, and says when to come back', async () => {
    const { url } = await open();
    const { status, headers, retryMs } = await read(url);
    expect([status, headers['content-type'], headers['cache-control'], headers['x-accel-buffering']]).toEqual([
      200,
      'text/event-stream',
      'no-store, no-transform',
      'no',
    ]);
    expect(headers['content-encoding']).toBeUndefined();
    expect(headers).toMatchObject({ 'x-request-id': expect.any(String) as string, 'x-content-type-options': 'nosniff' });
    await until(() => retryMs() === 3000);
  });

  test('brings events by name, with their id, whatever their texts hold', async () => {
    const { url, streams } = await open();
    const reader = await read(url);
    const data = { name: 'id: 1\n\nevent: 推客\r\u2028' };
    streams[0]!.send(frameOf({ event: 'snapshot', id: '7', data: JSON.stringify(data) }));
    streams[0]!.send(event(8));
    await until(() => reader.events.length === 2);
    expect(reader.events).toMatchObject([
      { event: 'snapshot', id: '7', data },
      { event: 'rows', id: '8', data: {} },
    ]);
  });

  test('has no deadline: comments keep it open beyond that of requests', async () => {
    const { url } = await open({ commentMs: 200 });
    const reader = await read(url);
    await until(() => reader.comments() >= 3);
    expect([reader.isEnded(), reader.events]).toEqual([false, []]);
  });

  test('that is ended lets its reader come back soon; where all are sent away each has a time of its own', async () => {
    const { url, streams, closed } = await open();
    const all = await Promise.all(Array.from({ length: 20 }, () => read(url)));
    await until(() => streams.length === 20);
    streams[0]!.end();
    for (const stream of streams.slice(1)) stream.end({ spread: true });
    await until(() => all.every(({ isEnded }) => isEnded()));
    const times = all.map(({ retryMs }) => retryMs()!);
    const spread = times.filter((ms) => ms !== 3000);
    expect(spread.length).toBeGreaterThanOrEqual(18);
    expect(new Set(spread).size).toBeGreaterThan(15);
    expect(times.every((ms) => ms >= 3000 && ms < 18_000)).toBe(true);
    await until(() => closed() === 20);
  });

  test('whose reader hangs up is over', async () => {
    const { url, streams, closed } = await open();
    const reader = await read(url);
    reader.close();
    await until(() => closed() === 1);
    expect(streams[0]!.isReady()).toBe(false);
    streams[0]!.end();
    expect(closed()).toBe(1);
  });
});

describe('a reader that does not read', () => {
  const ASKED = 'GET /stream HTTP/1.1\r\nHost: x\r\n\r\n';

  /** As many bytes as no system takes off our hands unread. */
  const LARGE = frameOf({ event: 'rows', id: '1', data: `"${'x'.repeat(32 * 1024 * 1024)}"` });

  test('is not ready, and is ready again once it has taken what it was sent', async () => {
    const { port, streams } = await open();
    const { socket, received } = openSocket(port);
    socket.write(ASKED);
    await until(() => received().includes('retry: 3000'));
    socket.pause();
    expect(streams[0]!.isReady()).toBe(true);
    streams[0]!.send(LARGE);
    expect(streams[0]!.isReady()).toBe(false);
    socket.resume();
    await until(() => streams[0]!.isReady());
    socket.destroy();
  });

  test('is dropped after a while, and at once when streams are ended; others are told meanwhile', async () => {
    const { port, url, streams, closed } = await open({ commentMs: 50, patienceMs: 300 });
    const silent = [openSocket(port), openSocket(port)];
    for (const { socket } of silent) socket.write(ASKED);
    await until(() => silent.every(({ received }) => received().includes('retry: 3000')));
    for (const { socket } of silent) socket.pause();
    streams[0]!.send(LARGE);
    streams[1]!.send(LARGE);
    streams[1]!.end({ spread: true });
    const reader = await read(url);
    await until(() => closed() === 1);
    streams[2]!.send(event(2));
    await until(() => reader.events.length === 1);
    await until(() => closed() === 2);
    expect(reader.isEnded()).toBe(false);
    for (const { socket } of silent) socket.destroy();
  });
});
