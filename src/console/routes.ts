// The desk over HTTP: one page, whatever its address below /console, and the files that were built
// for it. The data comes from the public API.

import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { z } from 'zod';

import type { App } from '../platform/http/app.ts';
import { DomainError } from '../core/errors.ts';

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

const BUILT = fileURLToPath(new URL('../../dist/console', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
};
/** Their names hold a hash of what is in them. */
const FOR_EVER = 'public, max-age=31536000, immutable';

const manifest = z.object({
  script: z.string(),
  style: z.string(),
  preloads: z.array(z.string()),
  words: z.object({ en: z.string(), zh: z.string() }),
  files: z.array(z.string()),
});
type Manifest = z.infer<typeof manifest>;

interface File {
  body: Buffer;
  gzipped: Buffer;
}

/** What was built, as it is read once and served from memory. */
interface Desk {
  manifest: Manifest;
  readAt: number;
  files: Map<string, File>;
}

/**
 * GET /console, its deep links, and the files below /console/assets. They hold no data, so no key
 * is asked for; the page asks for one. `folder` is where the desk was built.
 */
export function consoleRoutes(app: App, folder = BUILT): void {
  const deskOf = openFolder(folder);
  for (const url of ['/console', '/console/*'] as const) {
    app.get(url, { schema: { hide: true } }, async (request, reply) => {
      const path = request.raw.url?.split('?')[0] ?? '';
      const body = pageOf(deskOf().manifest, languageOf(request.headers['accept-language']), rootFrom(path));
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
      // It names the files of this release, so a browser asks each time.
      reply.headers({ 'content-security-policy': CONTENT_SECURITY_POLICY, 'cache-control': 'no-cache', vary: 'accept-language', etag });
      if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send();
      return reply.type('text/html; charset=utf-8').send(body);
    });
  }
  app.get('/console/assets/:name', { schema: { hide: true, params: z.object({ name: z.string() }) } }, async (request, reply) => {
    const { name } = request.params;
    const { body, gzipped } = fileOf(deskOf(), folder, name);
    const isZipped = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    reply.headers({ 'content-security-policy': CONTENT_SECURITY_POLICY, 'cache-control': FOR_EVER, vary: 'accept-encoding' });
    reply.header('content-type', TYPES[name.slice(name.lastIndexOf('.') + 1)]);
    if (isZipped) reply.header('content-encoding', 'gzip');
    return reply.send(isZipped ? gzipped : body);
  });
}

/** What is built there now: it is built anew while somebody works on it. */
function openFolder(folder: string): () => Desk {
  const path = join(folder, 'manifest.json');
  let desk: Desk | null = null;
  return () => {
    const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: null };
    if (mtimeMs === null) throw new DomainError('not_found', 'The desk is not built. Build it with: node src/console/build.mjs');
    if (desk?.readAt !== mtimeMs) {
      desk = { manifest: manifest.parse(JSON.parse(readFileSync(path, 'utf8'))), readAt: mtimeMs, files: new Map() };
    }
    return desk;
  };
}

/** Named by the manifest, so that no address reaches anything else of the folder. */
function fileOf({ manifest: { files: names }, files }: Desk, folder: string, name: string): File {
  if (!names.includes(name)) throw new DomainError('not_found', 'The desk has no file of this name.');
  const known = files.get(name);
  if (known !== undefined) return known;
  const body = readFileSync(join(folder, name));
  const file = { body, gzipped: gzipSync(body, { level: 9 }) };
  files.set(name, file);
  return file;
}

/**
 * Relative, so that the desk works below a path of a proxy too: one step up for each part of the
 * address after /console.
 */
function rootFrom(path: string): string {
  return '../'.repeat(path.split('/').length - 2);
}

function languageOf(acceptLanguage: string | undefined): keyof Manifest['words'] {
  return /^\s*zh\b/i.test(acceptLanguage ?? '') ? 'zh' : 'en';
}

function pageOf({ script, style, preloads, words }: Manifest, language: keyof Manifest['words'], root: string): string {
  const at = (name: string) => `${root}console/assets/${name}`;
  const preload = [...preloads, words[language]].map((name) => `    <link rel="modulepreload" href="${at(name)}" />\n`).join('');
  return `<!doctype html>
<html lang="${language === 'zh' ? 'zh-CN' : 'en'}">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Fenyong 分佣</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="${at(style)}" />
${preload}    <script type="module" src="${at(script)}"></script>
  </head>
  <body>
    <noscript>The desk needs JavaScript. 工作台需要 JavaScript。</noscript>
    <div id="desk"></div>
  </body>
</html>
`;
}

/**
 * Whether the browser has this very page. A proxy that compresses marks our tag as weak, and it is
 * ours nevertheless.
 */
function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(etag) || tags.includes('*');
}
