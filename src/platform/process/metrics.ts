// What the process tells Prometheus: its own health, its requests, and whatever its features count
// in the same registry. It is told at GET /metrics to those who have a key, and on a port of its
// own to whoever can reach that.

import { once } from 'node:events';
import { createServer } from 'node:http';

import { collectDefaultMetrics, Counter, Histogram, Registry } from '@prometheus-io/client';

import type { App } from '../http/app.ts';

/** Around the promises: a redirect in milliseconds, an answer in a second, nothing over ten. */
const SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const METRICS_FRESH_MS = 1000;
const METRICS_TIMEOUT_MS = 10_000;

const LABELS = ['http_request_method', 'http_route', 'http_response_status_code'] as const;

/** Makes the registry of the process. Each feature puts its own metrics into it. */
export function buildRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/**
 * Times every later route by its template, but for streams, which last as long as somebody reads
 * them. No id ever becomes a label.
 */
export function timeRequests(app: App, registry: Registry): void {
  const durations = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'How long requests took, from their head to the last byte of the answer.',
    labelNames: LABELS,
    buckets: SECONDS_BUCKETS,
    registers: [registry],
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { url = 'none', config } = request.routeOptions;
    const isRead = config?.isStream === true && reply.statusCode < 400;
    if (!isRead) durations.observe(labelsOf(request.method, url, reply.statusCode), reply.elapsedTime / 1000);
    done();
  });
}

/**
 * Serves GET /metrics to admins and auditors, and on this machine to anybody; keys must be asked
 * for already.
 */
export function serveMetrics(app: App, registry: Registry): void {
  const text = textOf(registry);
  app.get('/metrics', { config: { scopes: [], openToMachine: true }, schema: { hide: true } }, async (_request, reply) =>
    reply.type(registry.contentType).send(await text()),
  );
}

/**
 * Serves GET /metrics to anybody, on a port of its own: for Prometheus, which may reach what the
 * internet may not.
 */
export async function openMetricsPort(
  registry: Registry,
  { host, port }: { host: string; port: number },
): Promise<{ close: () => Promise<void> }> {
  const text = textOf(registry);
  const server = createServer({ requestTimeout: METRICS_TIMEOUT_MS }, (request, response) => {
    if (request.url?.split('?', 1)[0] !== '/metrics' || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(404).end();
      return;
    }
    text().then(
      (metrics) => response.writeHead(200, { 'content-type': registry.contentType }).end(metrics),
      (error: unknown) => response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error)),
    );
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * The text of all metrics, made at most once a second: writing half a megabyte of them takes longer
 * than most requests do.
 */
function textOf(registry: Registry): () => Promise<string> {
  let made: { at: number; text: Promise<string> } | null = null;
  return () => {
    const now = Date.now();
    if (made === null || now - made.at >= METRICS_FRESH_MS || now < made.at) {
      const text = registry.metrics();
      const attempt = { at: now, text };
      made = attempt;
      // A text that could not be made is not kept; whoever waits for it is told.
      text.catch(() => {
        if (made === attempt) made = null;
      });
    }
    return made.text;
  };
}

function labelsOf(method: string, route: string, status: number) {
  return { http_request_method: method, http_route: route, http_response_status_code: status };
}

/** Counts one request of a hot route. */
export type CountHot = (method: string, route: string, status: number) => void;

/**
 * Counts requests of hot routes by hand: a labelled counter takes longer than the route does, so it
 * is brought up to date when it is read.
 */
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
