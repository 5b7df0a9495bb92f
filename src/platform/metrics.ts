// What the process tells Prometheus, at GET /metrics: its own health, its requests, and whatever its features count in the same registry.

import { collectDefaultMetrics, Counter, Histogram, Registry } from '@prometheus-io/client';

import type { App } from './http.ts';

/** Around the promises: a redirect in milliseconds, an answer in a second, nothing over ten. */
const SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const LABELS = ['http_request_method', 'http_route', 'http_response_status_code'] as const;

/** Makes the registry of the process. Each feature puts its own metrics into it. */
export function buildRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Serves GET /metrics and times every later route by its template. No id ever becomes a label. */
export function serveMetrics(app: App, registry: Registry): void {
  const durations = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'How long requests took, from their head to the last byte of the answer.',
    labelNames: LABELS,
    buckets: SECONDS_BUCKETS,
    registers: [registry],
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { url = 'none' } = request.routeOptions;
    durations.observe(labelsOf(request.method, url, reply.statusCode), reply.elapsedTime / 1000);
    done();
  });
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    const text = await registry.metrics();
    return reply.type(registry.contentType).send(text);
  });
}

function labelsOf(method: string, route: string, status: number) {
  return { http_request_method: method, http_route: route, http_response_status_code: status };
}

/** Counts one request of a hot route. */
export type CountHot = (method: string, route: string, status: number) => void;

/** Counts requests of hot routes by hand: a labelled counter takes longer than the route does, so it is brought up to date when it is read. */
export function hotCounter(registry: Registry): CountHot {
  const counts = new Map<string, { labels: ReturnType<typeof labelsOf>; count: number }>();
  const counter: Counter<(typeof LABELS)[number]> = new Counter({
    name: 'http_server_hot_requests_total',
    help: 'Requests of routes that are too hot to be timed.',
    labelNames: LABELS,
    registers: [registry],
    collect: () => {
      for (const hot of counts.values()) {
        counter.inc(hot.labels, hot.count);
        hot.count = 0;
      }
    },
  });
  return (method, route, status) => {
    const name = `${method} ${status} ${route}`;
    const hot = counts.get(name);
    if (hot === undefined) counts.set(name, { labels: labelsOf(method, route, status), count: 1 });
    else hot.count += 1;
  };
}
