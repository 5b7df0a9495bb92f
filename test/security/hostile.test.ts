// Every place of every route, with what the database, the time or a number cannot hold: refused or
// taken, and never a fault of ours.

import { readFile } from 'node:fs/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ADMIN_KEY } from '../running.ts';
import { sampleOf } from '../runs.ts';
import { CURSORS, IN_ADDRESS, IN_BODY, LONG } from './hostile-values.ts';
import { openMarket, type Market } from './market.ts';
import { ROUTES } from './routes.ts';

interface Schema {
  $ref?: string;
  properties?: Record<string, Schema>;
  anyOf?: Schema[];
}

interface Operation {
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

const document = JSON.parse(await readFile(new URL('../../openapi/openapi.json', import.meta.url), 'utf8')) as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};

const AT_ONCE = 16;
let market: Market;

beforeAll(async () => {
  market = await openMarket({ env: { RATE_REFUSED: '1000000' } });
  await market.service.stopWork();
  market.ids['guard'] = (await market.ask('GET', '/v1/guards')).body.data[0].name;
});

afterAll(() => market.service.close());

interface Attack {
  method: string;
  url: string;
  payload?: string | Buffer;
  type?: string;
}

/** Sends them all, a few at a time, and tells which of them were answered as faults of ours. */
async function faultsOf(attacks: readonly Attack[]): Promise<string[]> {
  const faults: string[] = [];
  for (let at = 0; at < attacks.length; at += AT_ONCE) {
    await Promise.all(
      attacks.slice(at, at + AT_ONCE).map(async ({ method, url, payload, type = 'application/json' }) => {
        const headers = { authorization: `Bearer ${ADMIN_KEY}`, ...(payload === undefined ? {} : { 'content-type': type }) };
        const answer = await market.service.app.inject({
          method: method as 'GET',
          url,
          headers,
          ...(payload === undefined ? {} : { payload }),
        });
        if (answer.statusCode >= 500) faults.push(`${answer.statusCode} ${method} ${url} ${String(payload ?? '')}`.slice(0, 300));
      }),
    );
  }
  return faults;
}

const operationOf = (name: string): Operation => {
  const [method, path] = name.split(' ') as [string, string];
  return document.paths[path]![method.toLowerCase()]!;
};

/** Addresses with a strange text in the place of each of its ids. */
function pathsWith(name: string, url: string): string[] {
  const template = name.split(' ')[1]!.split('/');
  const [path = '', query] = url.split('?');
  const parts = path.split('/');
  const at = template.flatMap((part, place) => (part.startsWith('{') ? [place] : []));
  return at.flatMap((place) => IN_ADDRESS.map((text) => parts.with(place, text).join('/') + (query === undefined ? '' : `?${query}`)));
}

/** Addresses with a strange text, and with two, in each parameter of its query. */
function queriesWith(operation: Operation, url: string): string[] {
  const names = (operation.parameters ?? []).filter((one) => one.in === 'query').map(({ name }) => name);
  const [path = '', query = ''] = url.split('?');
  const others = (name: string) => query.split('&').filter((pair) => pair !== '' && !pair.startsWith(`${name}=`));
  return names.flatMap((name) => {
    const texts = name === 'cursor' ? CURSORS : IN_ADDRESS;
    return [...texts.map((text) => `${name}=${text}`), `${name}=a&${name}=b`].map((pair) => `${path}?${[...others(name), pair].join('&')}`);
  });
}

/**
 * The texts of a body with each strange value in each of its places, those that the document names
 * beside those that are there.
 */
function bodiesWith(body: unknown, named: readonly string[]): string[] {
  const hole = '"\u{F0000}"';
  const filled = (withHole: unknown) => IN_BODY.map((value) => JSON.stringify(withHole).replace(hole, () => value));
  const missing = named.map((name) => ({ ...(body as object), [name]: '\u{F0000}' }));
  return [...holesIn(body), ...missing].flatMap(filled);
}

function holesIn(body: unknown): unknown[] {
  if (Array.isArray(body)) return body.flatMap((item, at) => holesIn(item).map((other) => body.with(at, other)));
  if (typeof body !== 'object' || body === null) return ['\u{F0000}'];
  return Object.entries(body).flatMap(([name, value]) => holesIn(value).map((other) => ({ ...body, [name]: other })));
}

function namesOf(schema: Schema | undefined): string[] {
  if (schema === undefined) return [];
  const target = schema.$ref === undefined ? schema : document.components.schemas[schema.$ref.split('/').at(-1)!]!;
  return [...Object.keys(target.properties ?? {}), ...(target.anyOf ?? []).flatMap(namesOf)];
}

describe.each(Object.entries(ROUTES))('%s', (name, { url: template, body }) => {
  const method = name.split(' ')[0]!;
  const operation = operationOf(name);
  const sent = typeof body === 'string' ? body : undefined;
  const turn = Object.keys(ROUTES).indexOf(name);

  test('with strange texts in its address', async () => {
    const url = market.fill(template);
    const payload = body === undefined ? {} : { payload: sent ?? market.fill(JSON.stringify(body)) };
    const urls = [...pathsWith(name, url), ...queriesWith(operation, url)];
    expect(await faultsOf(sampleOf(urls, turn).map((address) => ({ method, url: address, ...payload })))).toEqual([]);
  });

  if (typeof body === 'object') {
    test('with strange values in its body', async () => {
      const url = market.fill(template);
      const whole = JSON.parse(market.fill(JSON.stringify(body))) as object;
      const named = namesOf(operation.requestBody?.content['application/json']?.schema);
      const payloads = [...bodiesWith(whole, Array.isArray(whole) ? [] : named), ...IN_BODY];
      expect(await faultsOf(sampleOf(payloads, turn).map((payload) => ({ method, url, payload })))).toEqual([]);
    });
  }

  if (sent?.startsWith('{')) {
    test('with strange values in its lines', async () => {
      const url = market.fill(template);
      const lines = bodiesWith(JSON.parse(market.fill(sent)), []);
      const payload = `${lines.join('\n')}\n`;
      expect(await faultsOf([{ method, url, payload, type: 'application/x-ndjson' }])).toEqual([]);
    });
  }
});

test('files of orders with strange cells', async () => {
  const cells = ['\0', '\uFFFD', LONG, '9223372036854775808', '1e400', '-1', '0000-01-01T00:00:00Z', '+275760-09-13T00:00:00Z', '"', ''];
  const columns = ['order_id', 'status', 'currency', 'paid_at', 'line_id', 'quantity', 'paid_amount'];
  const good = ['O-1', 'paid', 'CNY', '2026-06-01T00:00:00Z', '1', '1', '100'];
  const attacks = columns.flatMap((column, at) =>
    sampleOf(cells, at).map((cell) => ({
      method: 'POST',
      url: '/v1/reconciliations?merchant_id=m1',
      payload: `${columns.join(',')}\n${good.with(at, cell).join(',')}\n${column},${cell}`,
      type: 'text/csv',
    })),
  );
  const bytes = [Buffer.from([0xff, 0xfe, 0, 0]), Buffer.from([0x80]), Buffer.alloc(100_000)];
  const raw = bytes.map((payload) => ({ method: 'POST', url: '/v1/reconciliations?merchant_id=m1', payload, type: 'text/csv' }));
  expect(await faultsOf([...attacks, ...raw])).toEqual([]);
});

test('public addresses with strange texts', async () => {
  const urls = IN_ADDRESS.flatMap((text) =>
    ['/r/', '/webhooks/', '/console/', '/documentation/', '/openapi.json?', '/metrics?', '/healthz?x='].map((path) => `${path}${text}`),
  );
  expect(await faultsOf(urls.map((url) => ({ method: 'GET', url })))).toEqual([]);
  const pushes = IN_ADDRESS.map((text) => ({ method: 'POST', url: `/webhooks/${text}`, payload: text, type: 'text/plain' }));
  expect(await faultsOf(pushes)).toEqual([]);
});
