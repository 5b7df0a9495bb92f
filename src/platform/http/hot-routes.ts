// Hot routes: a scope of its own for a route whose every microsecond counts. It lies beside the
// furnished scope of all other routes, so that none of their hooks runs in it; its one hook does
// what is left of them.

import { closingOf } from './http.ts';
import type { App } from './app.ts';
import type { CountHot } from '../process/metrics.ts';

interface HotRoutes {
  /** The template of its routes, for the metrics. */
  url: string;
  count: CountHot;
  routes: (scope: App) => void;
}

/**
 * Serves the routes of one template, which declare no scopes and send the headers that they need
 * themselves.
 */
export async function openHotRoutes(app: App, { url, count, routes }: HotRoutes): Promise<void> {
  const isClosing = closingOf(app);
  await app.register(async (instance) => {
    const scope = instance as App;
    scope.addHook('onSend', (request, reply, payload, done) => {
      reply.header('x-request-id', request.id);
      if (isClosing()) reply.header('connection', 'close');
      count(request.method, url, reply.statusCode);
      done(null, payload);
    });
    routes(scope);
  });
}
