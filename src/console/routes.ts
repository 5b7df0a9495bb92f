// The web console over HTTP: one page and the files it is made of, read once and served from
// memory. The data comes from the public API.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { App } from '../platform/http/app.ts';

/**
 * Stricter than that of other answers: nothing but our own files, and requests to nobody but us.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "form-action 'self'",
].join('; ');

const PAGE = 'index.html';
/** Named one by one, so that no address reaches anything else that lies in this folder. */
const PARTS = [
  'amounts.js',
  'api.js',
  'books.js',
  'console.css',
  'console.js',
  'deliveries.js',
  'explanation.js',
  'order.js',
  'orders.js',
  'overview.js',
  'page.js',
  'parts.css',
  'rules.js',
  'words.js',
  'words-en.js',
  'words-zh.js',
] as const;

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
};

/**
 * GET /console and the files that it loads from /console/. They hold no data, so no key is asked
 * for; the page asks for one.
 */
export function consoleRoutes(app: App): void {
  serveFile(app, '/console', PAGE);
  for (const name of PARTS) serveFile(app, `/console/${name}`, name);
}

function serveFile(app: App, url: string, name: string): void {
  const body = readFileSync(new URL(name, import.meta.url));
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
  const headers = {
    'content-type': TYPES[name.slice(name.lastIndexOf('.') + 1)],
    'content-security-policy': CONTENT_SECURITY_POLICY,
    // The names stay the same from release to release, so a browser asks each time and is mostly
    // told that nothing changed.
    'cache-control': 'no-cache',
    etag,
  };
  app.get(url, { schema: { hide: true } }, async (request, reply) => {
    reply.headers(headers);
    return isKnown(request.headers['if-none-match'], etag) ? reply.code(304).send() : reply.send(body);
  });
}

/**
 * Whether the browser has this very file. A proxy that compresses marks our tag as weak, and it is
 * ours nevertheless.
 */
function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(etag) || tags.includes('*');
}
