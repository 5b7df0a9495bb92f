// The desk as a browser gets it: one page and the files that were built for it, under a policy that
// lets only them run.

import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { consoleRoutes } from '../../src/console/routes.ts';
import type { App } from '../../src/platform/http/app.ts';
import { collectOpenApi, openApiDocument, serveOpenApi } from '../../src/platform/http/openapi.ts';
import { buildHttp } from '../platform/furnished.ts';

const BUILT = fileURLToPath(new URL('../../dist/console', import.meta.url));
/** What a browser may have to fetch before it shows the first page, in bytes on the wire. */
const FIRST_LOAD_MAX = 600_000;

let app: App;
let folder: string;
let assets: string[];

/** The files that a page names, as a browser asks for them. */
function namedBy(body: string, url: string): string[] {
  return [...body.matchAll(/(?:href|src)="([^"]+\.(?:js|css))"/g)].map(([, target]) => new URL(target!, `http://localhost${url}`).pathname);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fenyong-desk-'));
  await cp(BUILT, folder, { recursive: true });
  app = buildHttp();
  await collectOpenApi(app, { version: '0' });
  await serveOpenApi(app);
  consoleRoutes(app, folder);
  await app.ready();
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as { files: string[] };
  assets = manifest.files.map((name) => `/console/assets/${name}`);
});

afterAll(async () => {
  await app.close();
  await rm(folder, { recursive: true });
});

describe('the page', () => {
  test('is the same at every deep link, and names files that are there, wherever it stands', async () => {
    for (const url of ['/console', '/console/', '/console/orders', '/console/orders/rest/O%2F1?merchant_id=m1']) {
      const answer = await app.inject(url);
      expect([answer.statusCode, answer.headers['content-type']], url).toEqual([200, 'text/html; charset=utf-8']);
      const named = namedBy(answer.body, url);
      expect(named.length).toBeGreaterThan(2);
      for (const path of named) expect(assets, `${path} of ${url}`).toContain(path);
    }
  });

  test('speaks the language that the browser asks for', async () => {
    const inChinese = await app.inject({ url: '/console', headers: { 'accept-language': 'zh-TW,zh;q=0.9,en;q=0.8' } });
    expect(inChinese.body).toContain('<html lang="zh-CN">');
    const inEnglish = await app.inject({ url: '/console', headers: { 'accept-language': 'en-GB,zh;q=0.5' } });
    expect(inEnglish.body).toContain('<html lang="en">');
    expect(inEnglish.headers.vary).toContain('accept-language');
  });

  test('is asked for each time, and sent only where it is not known', async () => {
    const { headers } = await app.inject('/console');
    expect(headers['cache-control']).toBe('no-cache');
    const etag = headers.etag as string;
    for (const known of [etag, `W/${etag}`, `"older", ${etag}`]) {
      const again = await app.inject({ url: '/console', headers: { 'if-none-match': known } });
      expect([again.statusCode, again.body, again.headers.etag]).toEqual([304, '', etag]);
    }
    expect((await app.inject({ url: '/console', headers: { 'if-none-match': '"older"' } })).statusCode).toBe(200);
  });

  test(`comes with all that it needs at first in at most ${FIRST_LOAD_MAX} bytes`, async () => {
    const { body } = await app.inject({ url: '/console', headers: { 'accept-language': 'zh' } });
    const sent = await Promise.all(
      namedBy(body, '/console').map(async (url) => {
        const answer = await app.inject({ url, headers: { 'accept-encoding': 'gzip, br' } });
        expect(answer.headers['content-encoding']).toBe('gzip');
        return answer.rawPayload.length;
      }),
    );
    expect(sent.reduce((sum, length) => sum + length, body.length)).toBeLessThan(FIRST_LOAD_MAX);
  });

  test('says how it is built where it is not', async () => {
    const bare = buildHttp();
    consoleRoutes(bare, join(folder, 'nowhere'));
    const answer = await bare.inject('/console');
    expect(answer.statusCode).toBe(404);
    expect(answer.json().detail).toContain('node src/console/build.mjs');
    await bare.close();
  });
});

describe('the files', () => {
  test('are served as they were built, compressed or not, and kept for ever', async () => {
    for (const url of assets) {
      const [plain, zipped] = await Promise.all([app.inject(url), app.inject({ url, headers: { 'accept-encoding': 'gzip' } })]);
      expect([plain.statusCode, zipped.statusCode], url).toEqual([200, 200]);
      const text = await readFile(join(folder, url.slice('/console/assets/'.length)), 'utf8');
      expect(plain.body).toBe(text);
      expect(gunzipSync(zipped.rawPayload).toString()).toBe(text);
      expect(plain.headers['content-type']).toMatch(url.endsWith('.css') ? /^text\/css/ : /^text\/javascript/);
      expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable');
      expect(plain.headers['x-content-type-options']).toBe('nosniff');
    }
  });

  test('are all that is reached, by whatever address', async () => {
    const addresses = [
      'manifest.json',
      'nothing.js',
      '../routes.ts',
      '..%2Fmanifest.json',
      '%2e%2e/manifest.json',
      '%2e%2e%2fmanifest.json',
      '..%5cmanifest.json',
      '%2Fetc%2Fpasswd',
      '/etc/passwd',
    ];
    for (const address of addresses) {
      const answer = await app.inject(`/console/assets/${address}`);
      const isPage = answer.statusCode === 200 && answer.body.startsWith('<!doctype html>');
      expect(isPage || answer.json().code === 'not_found', address).toBe(true);
    }
  });

  test('are no part of the documented API', () => {
    expect(Object.keys(openApiDocument(app).paths ?? {})).toEqual([]);
  });
});

test('only our own files run, nothing is sent elsewhere, and nobody frames the page', async () => {
  for (const url of ['/console', '/console/orders', ...assets]) {
    const policy = String((await app.inject(url)).headers['content-security-policy']).split('; ');
    expect(policy).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self' data:",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      "form-action 'self'",
    ]);
  }
});
