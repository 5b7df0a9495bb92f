import { EventEmitter, once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { json } from 'node:stream/consumers';

import { afterEach, expect, test } from 'vitest';

import { ANSWERED_LATE } from '../../../src/platform/http/late-answers.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { buildHttp } from '../furnished.ts';
import { listen } from '../sockets.ts';

const opened: App[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()));
});

function build(handlerTimeoutMs: number): App {
  const app = buildHttp({ handlerTimeoutMs });
  opened.push(app);
  return app;
}

test('what is answered late is not cut off where others are', async () => {
  const app = build(50);
  const done = new EventEmitter();
  const work = once(done, 'done');
  app.get('/late', { ...ANSWERED_LATE }, async () => work);
  app.get('/usual', async () => work);
  const url = `http://127.0.0.1:${await listen(app)}`;
  const late = fetch(`${url}/late`);
  // Both have begun, and the time of the second one is over.
  expect((await fetch(`${url}/usual`)).status).toBe(503);
  done.emit('done');
  expect((await late).status).toBe(200);
});

const connectionOf = async ({ raw: { socket } }: { raw: { socket: unknown } }) =>
  socket instanceof Socket ? { timeout: socket.timeout, port: socket.remotePort } : null;

test('its connection may be silent, until the next request on it', async () => {
  const app = build(10_000);
  app.get('/late', { ...ANSWERED_LATE }, connectionOf);
  app.get('/usual', connectionOf);
  const port = await listen(app);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = async (path: string) => {
    const [answer] = (await once(get({ port, path, agent }), 'response')) as [IncomingMessage];
    return (await json(answer)) as { timeout: number; port: number };
  };
  const [late, usual] = [await ask('/late'), await ask('/usual')];
  agent.destroy();
  expect([late.timeout, usual]).toEqual([0, { timeout: 20_000, port: late.port }]);
});
