// The OpenAPI document is a golden file: what the routes say is what is kept, and a change of it is seen in review.

import { readFile, writeFile } from 'node:fs/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openApiDocument } from '../src/platform/http/openapi.ts';
import { openService, type Service } from './running.ts';

const GOLDEN = new URL('../openapi/openapi.json', import.meta.url);

describe('the OpenAPI document', () => {
  let service: Service;

  beforeAll(async () => {
    service = await openService({ works: false, listens: false });
  });

  afterAll(() => service.close());

  it('is the one that is kept; UPDATE=1 keeps a new one', async () => {
    const text = `${JSON.stringify(openApiDocument(service.app), null, 2)}\n`;
    if (process.env['UPDATE'] === '1') await writeFile(GOLDEN, text);
    // Components stand in the order in which modules were read, which nothing rests on.
    expect(JSON.parse(text)).toEqual(JSON.parse(await readFile(GOLDEN, 'utf8')));
  });

  it('is served as it is kept', async () => {
    const answer = await service.app.inject({ url: '/openapi.json' });
    expect(answer.json()).toEqual(JSON.parse(await readFile(GOLDEN, 'utf8')));
    expect(answer.json().openapi).toMatch(/^3\.1/);
  });
});
