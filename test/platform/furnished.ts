// A server that has all that the scopes of the service have in common.

import type { App } from '../../src/platform/http/app.ts';
import { furnish, openHttp, type HttpOptions } from '../../src/platform/http/http.ts';

/** A furnished server that does not listen; routes that are registered later have all of it. */
export function buildHttp(options: HttpOptions = {}): App {
  const app = openHttp(options);
  furnish(app, options);
  return app;
}
