import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

import type { OpenAPIV3_1 } from 'openapi-types';
import { expect, test } from 'vitest';

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const text = await read('openapi/openapi.json');
const operations = Object.entries((JSON.parse(text) as OpenAPIV3_1.Document).paths!).flatMap(([path, item]) =>
  (['get', 'put', 'post', 'patch', 'delete'] as const).flatMap((method) => {
    const operation = item?.[method];
    return operation === undefined ? [] : [{ path, method, parameters: operation.parameters ?? [] }];
  }),
);

test('the types are those of the document as it is; `npm run client` makes them anew', async () => {
  const made = /sha256 ([0-9a-f]{64})/.exec((await read('client/api.ts')).split('\n')[0]!)?.[1];
  expect(made).toBe(createHash('sha256').update(text).digest('hex'));
});

test('the API replays every POST below /v1 and no other, as the client takes it to', () => {
  const posts = operations.filter(({ method }) => method === 'post');
  expect(posts.length).toBeGreaterThan(20);
  for (const { path, parameters } of posts) {
    const replays = parameters.some((parameter) => '$ref' in parameter && parameter.$ref === '#/components/parameters/IdempotencyKey');
    expect(replays, path).toBe(path.startsWith('/v1/'));
  }
});

test('the client has every method that the API has', () => {
  expect([...new Set(operations.map(({ method }) => method))].toSorted()).toEqual(['delete', 'get', 'post', 'put']);
});

test('the client is at most 15 KB with all that it needs, comments and types included', async () => {
  const parts = await Promise.all(['client/client.ts', 'node_modules/openapi-fetch/dist/index.mjs'].map(read));
  const bytes = parts.map((part) => gzipSync(part).length);
  expect(bytes.reduce((sum, size) => sum + size)).toBeLessThan(15 * 1024);
  const imported = [...parts[0]!.matchAll(/ from '([^']+)'/g)].map(([, specifier]) => specifier);
  expect([...new Set(imported)]).toEqual(['openapi-fetch', './api.ts']);
});
