// What Prometheus is told, to whom, and how seldom it is written.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { App } from '../../../src/platform/http/app.ts';
import { buildRegistry, openMetricsPort, serveMetrics, timeRequests } from '../../../src/platform/process/metrics.ts';
import { freePort, testDatabase, type TestDatabase } from '../../harness.ts';
import { keyedApp, keyOfEvery } from '../callers.ts';
import { buildHttp } from '../furnished.ts';

test('requests are timed by the template of their route, and no id becomes a label', async () => {
  const app = buildHttp();
  const registry = buildRegistry();
  timeRequests(app, registry);
  app.get('/orders/:id', async () => ({}));
  await app.inject('/orders/secret-1');
  await app.inject('/orders/secret-2');
  await app.inject('/nowhere/secret-4');
  const body = await registry.metrics();
  const timed = 'http_request_method="GET",http_route="/orders/:id",http_response_status_code="200"';
  expect(body).toContain(`http_server_request_duration_seconds_count{${timed}} 2`);
  expect(body).toContain(`http_server_request_duration_seconds_bucket{le="+Inf",${timed}} 2`);
  expect(body).toMatch(/http_route="none",http_response_status_code="404"\} 1/);
  expect(body).toContain('nodejs_eventloop_lag_seconds');
  expect(body).not.toContain('secret');
  await app.close();
});

/** A registry that tells how often its text was written, and takes its time. */
function countedRegistry() {
  const registry = buildRegistry();
  let written = 0;
  const write = registry.metrics.bind(registry);
  registry.metrics = async () => {
    written += 1;
    return write();
  };
  return { registry, written: () => written };
}

describe('GET /metrics', () => {
  let database: TestDatabase;
  let app: App;
  let keys: Record<string, string>;
  const { registry, written } = countedRegistry();

  beforeAll(async () => {
    database = await testDatabase();
    app = keyedApp(database.db);
    serveMetrics(app, registry);
    keys = await keyOfEvery(database.db);
  });

  afterAll(async () => {
    await app.close();
    await database.close();
  });

  const ask = (key?: string) => app.inject({ url: '/metrics', headers: key === undefined ? {} : { authorization: `Bearer ${key}` } });

  const from = async (remoteAddress: string, headers = {}) => (await app.inject({ url: '/metrics', remoteAddress, headers })).statusCode;

  test('is for admins and auditors, and without a key only for who asks on this machine, behind no proxy', async () => {
    expect([await from('127.0.0.1'), await from('::1'), await from('::ffff:127.0.0.1')]).toEqual([200, 200, 200]);
    expect([await from('10.0.0.7'), await from('192.0.2.1')]).toEqual([401, 401]);
    for (const name of ['x-forwarded-for', 'forwarded', 'via']) expect(await from('127.0.0.1', { [name]: '192.0.2.1' }), name).toBe(401);
    for (const scope of ['storefront', 'promoter']) expect((await ask(keys[scope])).statusCode).toBe(403);
    for (const scope of ['admin', 'auditor']) {
      const { statusCode, headers, body } = await ask(keys[scope]);
      expect([statusCode, headers['content-type']]).toEqual([200, expect.stringMatching(/^text\/plain/)]);
      expect(body).toContain('nodejs_eventloop_lag_seconds');
    }
  });

  test('is written at most once a second, however many ask', async () => {
    const [before, begun] = [written(), Date.now()];
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(keys['auditor'])));
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
    expect(written() - before).toBeLessThanOrEqual(1 + Math.ceil((Date.now() - begun) / 1000));
  });
});

test('on a port of its own metrics are told without a key, and nothing else is', async () => {
  const port = await freePort();
  const metrics = await openMetricsPort(buildRegistry(), { host: '127.0.0.1', port });
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('nodejs_eventloop_lag_seconds')]);
  expect((await fetch(`http://127.0.0.1:${port}/v1/orders`)).status).toBe(404);
  expect((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST' })).status).toBe(404);
  await expect(openMetricsPort(buildRegistry(), { host: '127.0.0.1', port })).rejects.toThrow('EADDRINUSE');
  await metrics.close();
  await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow('fetch failed');
});
