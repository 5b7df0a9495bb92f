import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { createClient } from '../../client/client.ts';
import { openDouble, type Double } from './double.ts';

let double: Double;

beforeAll(async () => {
  double = await openDouble();
});

afterAll(() => double.close());
afterEach(() => vi.unstubAllEnvs());

const open = () => createClient({ url: double.url, key: 'k1' });

test('the address and the key come from the environment where they are not given', async () => {
  double.answers({ status: 200 });
  vi.stubEnv('FENYONG_URL', `${double.url}/behind/a/proxy/`);
  vi.stubEnv('FENYONG_KEY', 'k of the environment');
  await createClient().GET('/healthz');
  await createClient({ url: double.url, key: 'k1' }).GET('/healthz');
  expect(double.asked.map(({ path, headers }) => [path, headers.authorization])).toEqual([
    ['/behind/a/proxy/healthz', 'Bearer k of the environment'],
    ['/healthz', 'Bearer k1'],
  ]);
});

test('a client without an address or a key is not opened', () => {
  vi.stubEnv('FENYONG_URL', '');
  vi.stubEnv('FENYONG_KEY', undefined);
  expect(() => createClient({ key: 'k1' })).toThrow('There is no url: give one, or set FENYONG_URL.');
  expect(() => createClient({ url: double.url })).toThrow('There is no key: give one, or set FENYONG_KEY.');
  expect(() => createClient({ url: 'fenyong', key: 'k1' })).toThrow(TypeError);
});

test('a redirect is not followed, because a report would be lost as a GET', async () => {
  double.answers({ status: 301, headers: { location: 'https://fy.example.com/v1/orders' } });
  const report = open().POST('/v1/orders', { body: { merchant_id: 'm1', order_id: '1' } });
  await expect(report).rejects.toMatchObject({
    code: 'unexpected_answer',
    status: 301,
    detail: 'Something that is not the API answered 301: to go to https://fy.example.com/v1/orders',
  });
  expect(double.asked).toHaveLength(1);
});

test('an answer of something else is thrown, whether it calls itself a success or not', async () => {
  const html = { headers: { 'content-type': 'text/html' }, body: '<h1>Sign in</h1>' };
  for (const status of [200, 403]) {
    double.answers({ status, ...html });
    await expect(open().GET('/v1/orders')).rejects.toMatchObject({ code: 'unexpected_answer', status });
  }
  double.answers({ status: 403, body: { error: 'no such door' } });
  await expect(open().GET('/v1/orders')).rejects.toMatchObject({ code: 'unexpected_answer', status: 403 });
});

test('an id that would be read as a step in the path is asked of nobody', async () => {
  double.answers({ status: 200 });
  for (const promoter_id of ['', '.', '..']) {
    await expect(open().GET('/v1/promoters/{promoter_id}', { params: { path: { promoter_id } } })).rejects.toBeInstanceOf(TypeError);
  }
  expect(double.asked).toEqual([]);
  await open().GET('/v1/promoters/{promoter_id}', { params: { path: { promoter_id: 'a/../b?c#d%' } } });
  expect(double.asked[0]!.path).toBe('/v1/promoters/a%2F..%2Fb%3Fc%23d%25');
});

test('a body goes as what it is: an object as JSON, a text as JSON lines, a file as its type, or as it is said', async () => {
  double.answers({ status: 200 });
  const client = open();
  await client.POST('/v1/orders', { body: { merchant_id: 'm1', order_id: '1' } });
  await client.POST('/v1/imports/links', { body: '{"code":"c1"}\n' });
  await client.POST('/v1/reconciliations', { body: 'order_id\n1\n', headers: { 'content-type': 'text/csv' } });
  await client.POST('/v1/reconciliations', { body: new Blob(['order_id\n'], { type: 'text/csv' }) });
  await client.POST('/v1/reconciliations', { body: new TextEncoder().encode('PK'), headers: { 'content-type': 'text/csv' } });
  await client.POST('/v1/guards/{name}/runs', { params: { path: { name: 'g1' } } });
  const form = new FormData();
  form.set('file', new Blob(['order_id\n'], { type: 'text/csv' }), 'orders.csv');
  await client.POST('/v1/reconciliations', { body: form });
  expect(double.asked.map(({ headers, body }) => [headers['content-type']?.split(';')[0], body.slice(0, 13)])).toEqual([
    ['application/json', '{"merchant_id'],
    ['application/x-ndjson', '{"code":"c1"}'],
    ['text/csv', 'order_id\n1\n'],
    ['text/csv', 'order_id\n'],
    ['text/csv', 'PK'],
    [undefined, ''],
    ['multipart/form-data', expect.stringMatching(/^--/)],
  ]);
});

test('a list asks for its next page by the cursor of the one before, with all else as it was', async () => {
  double.answers(
    { status: 200, body: { data: [{ order_id: '1' }], next_cursor: 'c&1' } },
    { status: 200, body: { data: [], next_cursor: 'c2' } },
    { status: 200, body: { data: [{ order_id: '2' }], next_cursor: null } },
  );
  const read: string[] = [];
  for await (const { order_id } of open().each('/v1/orders', { query: { merchant_id: 'm1' } })) read.push(order_id);
  expect(read).toEqual(['1', '2']);
  expect(double.asked.map(({ path }) => path)).toEqual([
    '/v1/orders?merchant_id=m1',
    '/v1/orders?merchant_id=m1&cursor=c%261',
    '/v1/orders?merchant_id=m1&cursor=c2',
  ]);
});
