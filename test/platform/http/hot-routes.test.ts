// The hot routes beside the furnished scope: what its routes have of their own, and what they are
// spared.

import { afterEach, beforeEach, expect, test } from 'vitest';

import { openHotRoutes } from '../../../src/platform/http/hot-routes.ts';
import { furnish, openHttp } from '../../../src/platform/http/http.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { buildRegistry, hotCounter, serveMetrics, timeRequests } from '../../../src/platform/process/metrics.ts';

let app: App;

beforeEach(async () => {
  app = openHttp();
  const registry = buildRegistry();
  await openHotRoutes(app, {
    url: '/r/:code',
    count: hotCounter(registry),
    routes: (scope) => {
      scope.get('/r/:code', (request, reply) => {
        const { code } = request.params as { code: string };
        if (code === 'broken') throw new Error('out of order');
        void reply.redirect('https://shop.example/');
      });
    },
  });
  await app.register(async (scope) => {
    furnish(scope);
    timeRequests(scope, registry);
    serveMetrics(scope, registry);
    scope.get('/orders/:id', async () => ({}));
  });
});
afterEach(() => app.close());

const counted = (status: number) => `{http_request_method="GET",http_route="/r/:code",http_response_status_code="${status}"}`;
const metrics = async (): Promise<string> => (await app.inject('/metrics')).body;

test('its requests are counted by the template of their route, refused ones too, and no code becomes a label', async () => {
  await app.inject('/r/secret-1');
  await app.inject('/r/secret-2');
  await app.inject('/r/broken');
  const body = await metrics();
  expect(body).toContain(`http_server_hot_requests_total${counted(302)} 2`);
  expect(body).toContain(`http_server_hot_requests_total${counted(500)} 1`);
  expect(body).not.toContain(`http_server_request_duration_seconds_count${counted(302)}`);
  expect(body).not.toContain('secret');
});

test('its answers name their request, and send no headers but their own', async () => {
  const { headers } = await app.inject({ url: '/r/abcd', headers: { 'x-request-id': 'mine' } });
  expect(headers['x-request-id']).toBe('mine');
  expect(headers['content-security-policy']).toBeUndefined();
});

test('what is beside it is furnished, and so is what does not exist', async () => {
  for (const url of ['/orders/1', '/nowhere']) {
    const { headers } = await app.inject(url);
    expect(headers['content-security-policy']).toContain("default-src 'self'");
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  }
});
