import { expect, test } from 'vitest';

import { buildHttp } from '../../src/platform/http.ts';
import { buildRegistry, serveMetrics } from '../../src/platform/metrics.ts';

test('requests are timed by the template of their route, and no id becomes a label', async () => {
  const app = buildHttp();
  serveMetrics(app, buildRegistry());
  app.get('/orders/:id', async () => ({}));
  await app.inject('/orders/secret-1');
  await app.inject('/orders/secret-2');
  await app.inject('/nowhere/secret-4');
  const { body, headers } = await app.inject('/metrics');
  expect(headers['content-type']).toMatch(/^text\/plain/);
  const timed = 'http_request_method="GET",http_route="/orders/:id",http_response_status_code="200"';
  expect(body).toContain(`http_server_request_duration_seconds_count{${timed}} 2`);
  expect(body).toContain(`http_server_request_duration_seconds_bucket{le="+Inf",${timed}} 2`);
  expect(body).toMatch(/http_route="none",http_response_status_code="404"\} 1/);
  expect(body).toContain('nodejs_eventloop_lag_seconds');
  expect(body).not.toContain('secret');
  await app.close();
});
