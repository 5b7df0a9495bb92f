// The console as a browser gets it: its files and nothing else, under a policy that lets only them
// run.

import { readdir, readFile } from 'node:fs/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { consoleRoutes } from '../../src/console/routes.ts';
import type { App } from '../../src/platform/http/app.ts';
import { collectOpenApi, openApiDocument, serveOpenApi } from '../../src/platform/http/openapi.ts';
import { buildHttp } from '../platform/furnished.ts';

const FOLDER = new URL('../../src/console/', import.meta.url);
const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
};

let app: App;
let files: { name: string; url: string }[];

beforeAll(async () => {
  app = buildHttp();
  await collectOpenApi(app, { version: '0' });
  await serveOpenApi(app);
  consoleRoutes(app);
  await app.ready();
  const names = (await readdir(FOLDER)).filter((name) => name !== 'routes.ts');
  files = names.map((name) => ({ name, url: name === 'index.html' ? '/console' : `/console/${name}` }));
});

afterAll(() => app.close());

describe('the files', () => {
  test('every file of the folder is served as it lies there, with its type', async () => {
    expect(files.map(({ name }) => name)).toContain('index.html');
    for (const { name, url } of files) {
      const answer = await app.inject(url);
      expect(answer.statusCode, url).toBe(200);
      expect(answer.body).toBe(await readFile(new URL(name, FOLDER), 'utf8'));
      expect(answer.headers['content-type']).toBe(TYPES[name.split('.').at(-1)!]);
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
    }
  });

  test('whatever a file names is served too', async () => {
    const named: string[] = [];
    for (const { url } of files) {
      const { body } = await app.inject(url);
      for (const [, target] of body.matchAll(/(?:from|href=|src=)\s*["'](\.?[\w./-]+\.(?:js|css))["']/g)) {
        named.push(new URL(target!, `http://localhost${url}`).pathname);
      }
    }
    expect(named).toEqual(expect.arrayContaining(['/console/console.js', '/console/console.css', '/console/words-zh.js']));
    for (const path of named) expect((await app.inject(path)).statusCode, path).toBe(200);
  });

  test('nothing else is reached, by whatever address', async () => {
    const addresses = [
      '/console/',
      '/console/index.html',
      '/console/routes.ts',
      '/console/nothing.js',
      '/console/../app.ts',
      '/console/..%2Fapp.ts',
      '/console/%2e%2e/app.ts',
      '/console/%2e%2e%2fapp.ts',
      '/console/..%5capp.ts',
      '/console/console.js/../routes.ts',
      '/console//etc/passwd',
      '/console/%2Fetc%2Fpasswd',
    ];
    for (const url of addresses) {
      const answer = await app.inject(url);
      expect(answer.statusCode, url).toBe(404);
      expect(answer.json().code).toBe('not_found');
    }
  });

  test('they are no part of the documented API', () => {
    expect(Object.keys(openApiDocument(app).paths ?? {})).toEqual([]);
  });
});

describe('the headers', () => {
  test('only our own files run, nothing is sent elsewhere, and nobody frames the page', async () => {
    for (const { url } of files) {
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

  test('a browser asks each time, and gets only what it does not have', async () => {
    for (const { url } of files) {
      const { headers } = await app.inject(url);
      expect(headers['cache-control']).toBe('no-cache');
      const etag = headers.etag as string;
      for (const known of [etag, `W/${etag}`, `"older", ${etag}`]) {
        const again = await app.inject({ url, headers: { 'if-none-match': known } });
        expect([again.statusCode, again.body, again.headers.etag], url).toEqual([304, '', etag]);
      }
      expect((await app.inject({ url, headers: { 'if-none-match': '"older"' } })).statusCode).toBe(200);
    }
  });

  test('no two files have one tag', async () => {
    const tags = await Promise.all(files.map(async ({ url }) => (await app.inject(url)).headers.etag));
    expect(new Set(tags).size).toBe(files.length);
  });
});
