// The further risks of the OWASP API list: members that nobody asked for, appetites without end,
// doors of other functions, careless headers.

import { readFile } from 'node:fs/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { exchange, openSocket } from '../platform/sockets.ts';
import { openMarket, type Market } from './market.ts';
import { ROUTES } from './routes.ts';

interface Schema {
  $ref?: string;
  type?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
  items?: Schema;
  anyOf?: Schema[];
}

interface Operation {
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

interface PublishedDocument {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

const document = JSON.parse(await readFile(new URL('../../openapi/openapi.json', import.meta.url), 'utf8')) as PublishedDocument;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
);

let market: Market;
let port: number;

beforeAll(async () => {
  market = await openMarket({ listens: true });
  await market.service.stopWork();
  port = Number(new URL(market.service.url).port);
});

afterAll(() => market.service.close());

/**
 * Where in a schema an object takes members that it does not name. A map, which names none, takes
 * any.
 */
function openObjects(schema: Schema, path: string, seen: readonly string[] = []): string[] {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1)!;
    return seen.includes(name) ? [] : openObjects(document.components.schemas[name]!, path, [...seen, name]);
  }
  const named = Object.entries(schema.properties ?? {});
  const own = named.length > 0 && schema.additionalProperties !== false ? [path] : [];
  const inner = [
    ...named.flatMap(([name, member]) => openObjects(member, `${path}.${name}`, seen)),
    ...(schema.anyOf ?? []).flatMap((choice) => openObjects(choice, path, seen)),
  ];
  return [...own, ...inner, ...(schema.items === undefined ? [] : openObjects(schema.items, `${path}[]`, seen))];
}

describe('members that nobody asked for', () => {
  test('no body of any route has room for them, at any depth', () => {
    const bodies = operations.flatMap(({ name, operation }) =>
      Object.values(operation.requestBody?.content ?? {}).map(({ schema }) => ({ name, schema })),
    );
    expect(bodies.length).toBeGreaterThan(10);
    expect(bodies.flatMap(({ name, schema }) => openObjects(schema, name))).toEqual([]);
    expect(openObjects({ properties: { a: { items: { properties: { b: {} } } } }, additionalProperties: false }, 'x')).toEqual(['x.a[]']);
  });

  const sent = Object.entries(ROUTES).flatMap(([name, { url, body }]) => (typeof body === 'object' ? [{ name, url, body }] : []));
  test.each(sent)('are refused by $name, whatever else is right', async ({ name, url, body }) => {
    for (const member of ['is_admin', 'key_id', 'version', 'made_at', 'balance']) {
      const answer = await market.ask(name.split(' ')[0]!, market.fill(url), { ...body, [member]: 1 });
      expect([400, 422]).toContain(answer.status);
      expect(answer.body.errors).toContainEqual({ path: member, message: 'Unknown key' });
    }
  });
});

test('a question to a source, which no schema of its route describes, has no room for them either', async () => {
  const range = { source_id: 'sw', from: '2026-06-01T00:00:00Z', to: '2026-06-02T00:00:00Z', is_admin: true };
  const answer = await market.ask('POST', '/v1/reconciliations', range);
  expect([answer.status, answer.body.errors]).toEqual([400, [{ path: 'is_admin', message: 'Unknown key' }]]);
});

function many<Item>(count: number, item: (at: number) => Item): Item[] {
  return Array.from({ length: count }, (_, at) => item(at));
}

describe('appetites without end', () => {
  const lists = operations.filter(({ operation }) => operation.parameters?.some(({ name }) => name === 'limit') === true);

  test.each(lists.map(({ name }) => [name]))('%s gives at most 200 at once', async (name) => {
    const url = market.fill(ROUTES[name]!.url);
    for (const limit of ['201', '0', '-1', '1e9', 'NaN', '9007199254740993', '']) {
      const answer = await market.ask('GET', `${url}${url.includes('?') ? '&' : '?'}limit=${limit}`);
      expect([answer.status, answer.body.code], limit).toEqual([400, 'malformed_request']);
    }
  });

  test('a list in a body has its end', async () => {
    const link = { promoter_id: 'alice', merchant_id: 'm1' };
    const line = { line_id: '1', quantity: 1, paid_amount: 1 };
    const tooMany: [string, string, object][] = [
      ['POST', '/v1/links/batch', { links: many(1001, () => link) }],
      ['PUT', '/v1/merchants/m9', { name: 'x', currency: 'CNY', landing_hosts: many(101, (at) => `h${at}.example.com`) }],
      ['POST', '/v1/identities', { merchant_id: 'm1', identities: Object.fromEntries(many(21, (at) => [`t${at}`, 'v'])) }],
      ['POST', '/v1/orders', { merchant_id: 'm1', order_id: 'O-3', status: 'paid', lines: many(10_000, () => line) }],
    ];
    for (const [method, url, body] of tooMany) expect((await market.ask(method, url, body)).status, url).toBe(400);
  });

  test('one picture is never larger than a screen', async () => {
    expect((await market.ask('GET', `/v1/links/${market.ids['code']}/qr.png?size=100000`)).status).toBe(400);
  });
});

describe('careless headers', () => {
  const pages = ['/', '/console', '/documentation', '/openapi.json', '/healthz', '/v1/merchants', '/v1/nowhere', '/nowhere', '/metrics'];

  test.each(pages)('%s is sent with the headers that keep a browser in its place, and tells nobody what we are', async (url) => {
    const { headers } = await market.ask('GET', url, undefined, { key: null, headers: { origin: 'https://evil.example' } });
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      'strict-transport-security': expect.stringContaining('max-age='),
    });
    for (const name of ['server', 'x-powered-by', 'access-control-allow-origin']) expect(headers[name]).toBeUndefined();
  });

  test('a script is only ever our own', async () => {
    const { headers } = await market.ask('GET', '/console', undefined, { key: null });
    expect(headers['content-security-policy']).not.toContain('unsafe');
  });

  test('methods that no route has are refused, and echo nothing', async () => {
    for (const method of ['TRACE', 'OPTIONS', 'PATCH', 'PROPFIND']) {
      const told = await exchange(port, `${method} /v1/merchants HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-canary: 4711\r\n\r\n`);
      expect(told, method).toMatch(/^HTTP\/1\.1 40[45] /);
      expect(told).not.toContain('4711');
    }
  });
});

describe('on the wire', () => {
  test('a flood of headers is refused, be they long or many', async () => {
    for (const flood of [`x: ${'x'.repeat(17_000)}\r\n`, 'a: b\r\n'.repeat(20_000), `cookie: ${'a=b; '.repeat(4000)}\r\n`]) {
      expect(await exchange(port, `GET /healthz HTTP/1.1\r\nhost: x\r\n${flood}\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
    }
  });

  test.each([
    ['a space before the colon', 'content-length : 2'],
    ['a folded line', 'x: a\r\n b: c'],
    ['a line that ends in a bare carriage return', 'x: a\rb: c'],
    ['a zero byte', 'x: a\0b'],
    ['an unknown transfer coding', 'transfer-encoding: chunked, cow'],
    ['a length that is no number', 'content-length: 0x2'],
    ['a negative length', 'content-length: -1'],
  ])('a request with %s is no request', async (_name, header) => {
    expect(await exchange(port, `POST /v1/orders HTTP/1.1\r\nhost: x\r\n${header}\r\nconnection: close\r\n\r\n{}`)).toMatch(
      /^HTTP\/1\.1 400 /,
    );
  });

  test('a chunk that is larger than it says ends the connection, and is not read as the next request', async () => {
    const head = 'POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
    const told = await exchange(port, `${head}2\r\n{}GET /healthz HTTP/1.1\r\n\r\n0\r\n\r\n`);
    expect(told).not.toContain('"status":"ok"');
    expect(told.match(/HTTP\/1\.1/g)!.length).toBeLessThanOrEqual(2);
  });

  test('two hundred connections that say nothing keep nobody out', async () => {
    const idle = Array.from({ length: 200 }, () => openSocket(port));
    for (const { socket } of idle) socket.write('GET /healthz HTTP/1.1\r\nhost:');
    expect((await fetch(`${market.service.url}/healthz`)).status).toBe(200);
    for (const { socket } of idle) socket.destroy();
  });
});
