// The OpenAPI document is a golden file: what the routes say is what is kept, and a change of it is
// seen in review.

import { readFile, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';

import type { OpenAPIV3_1 } from 'openapi-types';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { API_DOCUMENT } from '../src/api-document.ts';
import { ERROR_CODES } from '../src/core/errors.ts';
import { openApiDocument } from '../src/platform/http/openapi.ts';
import { openService, type Service } from './running.ts';

type Operation = OpenAPIV3_1.OperationObject & { 'x-scopes'?: string[] };
type Schema = OpenAPIV3_1.NonArraySchemaObject & { properties?: Record<string, Schema> };

/**
 * What is refused before it is known which operation is meant, and what no request can bring about.
 */
const OF_NO_OPERATION = ['method_not_allowed', 'unknown_currency', 'header_too_large'];

/** Every field of every schema, and every parameter, of which the document says what it means. */
function* fieldsIn(node: unknown): Generator<{ name: string; node: Record<string, unknown> }> {
  if (typeof node !== 'object' || node === null) return;
  const { properties, in: place, name } = node as Record<string, unknown>;
  if (typeof place === 'string' && typeof name === 'string') yield { name, node: node as Record<string, unknown> };
  for (const [property, schema] of Object.entries(properties ?? {})) yield { name: property, node: schema as Record<string, unknown> };
  for (const [key, child] of Object.entries(node)) if (key !== 'example' && key !== 'examples') yield* fieldsIn(child);
}

const GOLDEN = new URL('../openapi/openapi.json', import.meta.url);

/** All under /v1 do. */
const asksForKey = (place: string): boolean => place.includes(' /v1/');

describe('the OpenAPI document', () => {
  let service: Service;
  let document: OpenAPIV3_1.Document;
  let operations: [string, Operation][];

  beforeAll(async () => {
    service = await openService({ works: false, listens: false });
    document = openApiDocument(service.app) as OpenAPIV3_1.Document;
    operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
      Object.entries(item ?? {}).map(([method, operation]): [string, Operation] => [`${method} ${path}`, operation as Operation]),
    );
  });

  afterAll(() => service.close());

  it('is the one that is kept; UPDATE=1 keeps a new one', async () => {
    const text = `${JSON.stringify(openApiDocument(service.app), null, 2)}\n`;
    if (process.env['UPDATE'] === '1') await writeFile(GOLDEN, text);
    // Components stand in the order in which modules were read, which nothing rests on.
    expect(JSON.parse(text)).toEqual(JSON.parse(await readFile(GOLDEN, 'utf8')));
  });

  it('names every operation once, describes it, and says who may call it and how it refuses', () => {
    const faults = operations.flatMap(([place, { operationId = '', description, security, responses = {}, ...operation }]) => {
      const scopes = operation['x-scopes'];
      const isPublic = scopes === undefined;
      return [
        ...(/^[a-z][A-Za-z]+\.[a-z][A-Za-z]+$/.test(operationId) ? [] : ['has no id that a client can be made of']),
        ...(operation.summary === undefined || description === undefined ? ['is not described'] : []),
        ...(isPublic === (security?.length === 0) && isPublic !== asksForKey(place) ? [] : ['does not say who may call it']),
        ...(isPublic || description?.includes(`Needs a key of scope ${scopes.join(', ').replace(/, (?=[^,]+$)/, ' or ')}.`)
          ? []
          : ['hides its scopes']),
        ...(Object.keys(responses).some((status) => status.startsWith('4')) ? [] : ['never refuses']),
      ].map((fault) => `${place} ${fault}`);
    });
    expect(faults).toEqual([]);
    expect(new Set(operations.map(([, { operationId }]) => operationId)).size).toBe(operations.length);
    expect(operations.length).toBeGreaterThan(80);
  });

  it('gives every POST with a key its Idempotency-Key, and no other', () => {
    const reference = { $ref: '#/components/parameters/IdempotencyKey' };
    const honouring = operations.filter(([, { parameters = [] }]) => parameters.some((one) => isDeepStrictEqual(one, reference)));
    const posts = operations.map(([place]) => place).filter((place) => place.startsWith('post ') && asksForKey(place));
    expect(honouring.map(([place]) => place)).toEqual(posts);
  });

  it('says what every field and every parameter means, and has no word that is of none', () => {
    const named = [...fieldsIn(document)];
    expect(named.filter(({ node }) => node['description'] === undefined && node['$ref'] === undefined).map(({ name }) => name)).toEqual([]);
    const [names, texts] = [new Set(named.map(({ name }) => name)), new Set(named.map(({ node }) => node['description']))];
    const idle = Object.entries(API_DOCUMENT.words ?? {}).filter(([name, text]) => !names.has(name.split('.').at(-1)!) || !texts.has(text));
    expect(idle).toEqual([]);
  });

  it('has ids that are strings everywhere', () => {
    const ids = [...fieldsIn(document)].filter(({ name }) => name.endsWith('_id'));
    expect(ids.filter(({ node }) => JSON.stringify(node['schema'] ?? node).includes('"integer"')).map(({ name }) => name)).toEqual([]);
    expect(ids.length).toBeGreaterThan(100);
  });

  it('asks of nobody what has a default: in what is sent it may be left out', () => {
    const sent = Object.entries(document.components?.schemas ?? {}).filter(([name]) => name.endsWith('Input')) as [string, Schema][];
    const asked = sent.flatMap(([name, { properties = {}, required = [] }]) =>
      Object.entries(properties).flatMap(([property, { default: usual, description = '' }]) =>
        usual !== undefined || (description.includes('when left out') && required.includes(property)) ? [`${name}.${property}`] : [],
      ),
    );
    expect(asked).toEqual([]);
    expect(sent.map(([name]) => name).toSorted()).toEqual(['PlanInput', 'PlanNodeInput', 'RuleScopeInput']);
    expect(document.components?.schemas?.['PlanNodeInput']).toMatchObject({ required: ['to', 'share_ppm'] });
  });

  it('shows every code that a request of these operations may be refused with', () => {
    const shown = new Set([...JSON.stringify(document.paths).matchAll(/#\/components\/examples\/(\w+)/g)].map(([, code]) => code));
    for (const [name, response] of Object.entries(document.components?.responses ?? {})) {
      if (JSON.stringify(document.paths).includes(`"#/components/responses/${name}"`)) {
        for (const [, code] of JSON.stringify(response).matchAll(/#\/components\/examples\/(\w+)/g)) shown.add(code);
      }
    }
    expect(ERROR_CODES.filter((code) => !shown.has(code))).toEqual(OF_NO_OPERATION);
  });

  it('has a guide whose requests are examples of operations', () => {
    const requests = [...document.info.description!.matchAll(/^```http\n(\w+) (\S+)[^`]*?(?:\n\n([^`]*))?```$/gm)];
    expect(requests.length).toBe(API_DOCUMENT.description!.match(/^\{\{.*\}\}$/gm)!.length);
    const examples = JSON.stringify(document.paths);
    for (const [, , , body = ''] of requests) {
      const text = body.trim();
      if (text === '') continue;
      expect(examples).toContain(text.startsWith('{\n') ? JSON.stringify(JSON.parse(text)) : JSON.stringify(text).slice(0, -1));
    }
  });

  it('is served as it is kept', async () => {
    const answer = await service.app.inject({ url: '/openapi.json' });
    expect(answer.json()).toEqual(JSON.parse(await readFile(GOLDEN, 'utf8')));
    expect(answer.json().openapi).toMatch(/^3\.1/);
  });
});
