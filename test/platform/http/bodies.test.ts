import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { rawBodyScope, streamScope } from '../../../src/platform/http/bodies.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { NDJSON_TYPES, readNdjson } from '../../../src/platform/lines/ndjson.ts';
import contentTypes from '../content-types.json' with { type: 'json' };
import { exchange, listen, openSocket, until } from '../sockets.ts';
import { buildHttp } from '../furnished.ts';

const STREAM_BYTES_MAX = 3_000_000;

let app: App;
let port: number;
let handled = 0;

beforeAll(async () => {
  app = buildHttp({ requestTimeoutMs: 300 });
  app.post('/orders', { schema: { body: z.strictObject({ amount: z.int().min(0) }) } }, async (request) => {
    handled++;
    return { amount: request.body.amount, raw: request.rawBody?.toString() };
  });
  app.post('/bare', async (request) => ({ body: request.body ?? null, raw: request.rawBody }));
  await app.register(async (scope) => {
    rawBodyScope(scope);
    scope.post('/webhooks/:id', async (request) => ({
      body: request.body,
      hex: request.rawBody?.toString('hex'),
    }));
  });
  await app.register(async (scope) => {
    streamScope(scope, NDJSON_TYPES, { bytesMax: STREAM_BYTES_MAX });
    scope.post<{ Body: AsyncIterable<Buffer> }>('/imports', async (request) => {
      const values: unknown[] = [];
      for await (const line of readNdjson(request.body)) values.push('value' in line ? line.value : line.error);
      return { count: values.length, last: values.at(-1), raw: request.rawBody };
    });
    scope.post<{ Body: AsyncIterable<Buffer> }>('/imports/sums', async (request) => {
      const sum = createHash('sha256');
      for await (const bytes of request.body) sum.update(bytes);
      return { sum: sum.digest('hex') };
    });
  });
  port = await listen(app);
});

afterAll(() => app.close());

describe('a JSON route', () => {
  test.each(contentTypes)('$id: $rule', async ({ content_type: contentType, body, expected_status: status }) => {
    handled = 0;
    const injected = await app.inject({ method: 'POST', url: '/orders', headers: { 'content-type': contentType }, payload: body });
    const head = `POST /orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type:${contentType}\r\ncontent-length: ${body.length}`;
    const sent = await exchange(port, `${head}\r\n\r\n${body}`);
    expect([injected.statusCode, Number(sent.split(' ', 2)[1])]).toEqual([status, status]);
    expect(handled).toBe(0);
  });

  test.each(['application/json', 'application/json; charset=utf-8', 'application/vnd.shop+json', 'Application/JSON'])(
    'reads %s, and keeps the bytes as they came',
    async (contentType) => {
      const payload = '{ "amount" : 5 }';
      const answer = await app.inject({ method: 'POST', url: '/orders', headers: { 'content-type': contentType }, payload });
      expect(answer.json()).toEqual({ amount: 5, raw: payload });
    },
  );

  test.each(['application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx', 'x/y+json'])(
    'refuses %s with 415',
    async (contentType) => {
      const answer = await app.inject({
        method: 'POST',
        url: '/orders',
        headers: { 'content-type': contentType },
        payload: '{"amount":5}',
      });
      expect([answer.statusCode, answer.json().code]).toEqual([415, 'unsupported_media_type']);
    },
  );

  test('a body without a content type is 415, an empty one with it 400', async () => {
    expect(await exchange(port, 'POST /orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}')).toMatch(
      /^HTTP\/1\.1 415/,
    );
    const empty = await app.inject({ method: 'POST', url: '/bare', headers: { 'content-type': 'application/json' } });
    expect([empty.statusCode, empty.json().code]).toEqual([400, 'malformed_request']);
  });

  test('no body at all is no body', async () => {
    expect((await app.inject({ method: 'POST', url: '/bare' })).json()).toEqual({ body: null, raw: null });
  });

  test('a half body is 400, not an order', async () => {
    const answer = await app.inject({
      method: 'POST',
      url: '/orders',
      headers: { 'content-type': 'application/json', 'content-length': '99' },
      payload: '{"amount":5}',
    });
    expect(answer.statusCode).toBe(400);
  });
});

describe('a raw route', () => {
  test.each(['application/json', 'text/xml', 'application/x-www-form-urlencoded', 'nonsense', ', ;', '', undefined])(
    'takes any bytes under content type %s',
    async (contentType) => {
      const payload = Buffer.from([0x00, 0xff, 0x7b]);
      const headers = contentType === undefined ? {} : { 'content-type': contentType };
      const answer = await app.inject({ method: 'POST', url: '/webhooks/1', headers, payload });
      expect(answer.json()).toEqual({ body: null, hex: '00ff7b' });
    },
  );

  test('no body is an empty one', async () => {
    expect((await app.inject({ method: 'POST', url: '/webhooks/1' })).json()).toMatchObject({ hex: '' });
  });

  test('a body over the limit is 413 here too', async () => {
    const answer = await app.inject({ method: 'POST', url: '/webhooks/1', payload: Buffer.alloc(1024 * 1024 + 1) });
    expect([answer.statusCode, answer.json().code]).toEqual([413, 'payload_too_large']);
  });
});

/** A server that is about to close, and a file that has begun to arrive there. */
async function openClosing(): Promise<{ closing: App; sent: ReturnType<typeof openSocket> }> {
  const closing = buildHttp({});
  await closing.register(async (scope) => {
    streamScope(scope, NDJSON_TYPES, { graceMs: 100 });
    scope.post<{ Body: AsyncIterable<Buffer> }>('/imports', async (request) => {
      let bytes = 0;
      for await (const part of request.body) bytes += part.length;
      return { bytes };
    });
  });
  const sent = openSocket(await listen(closing));
  sent.socket.write('POST /imports HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n');
  sent.socket.write('2\r\n1\n\r\n');
  await sleep(60);
  return { closing, sent };
}

describe('a streamed route', () => {
  const headers = { 'content-type': 'application/x-ndjson' };

  test('reads lines of a body that is larger than a body may be', async () => {
    const line = `${JSON.stringify({ id: 'x'.repeat(1000) })}\n`;
    const answer = await app.inject({
      method: 'POST',
      url: '/imports',
      headers,
      payload: `${line.repeat(2000)}{"id":3705115058471208928}`,
    });
    expect(answer.json()).toEqual({ count: 2001, last: { id: '3705115058471208928' }, raw: null });
  });

  test('gives the bytes as they came', async () => {
    const payload = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 256));
    const answer = await app.inject({ method: 'POST', url: '/imports/sums', headers, payload });
    expect(answer.json().sum).toBe(createHash('sha256').update(payload).digest('hex'));
  });

  test('beyond its own limit is 413, whether the length was told or not', async () => {
    const body = 'x'.repeat(STREAM_BYTES_MAX + 1);
    const told = await fetch(`http://127.0.0.1:${port}/imports/sums`, { method: 'POST', headers, body });
    const chunked: RequestInit = { method: 'POST', headers, body: new Blob([body]).stream(), duplex: 'half' };
    const untold = await fetch(`http://127.0.0.1:${port}/imports/sums`, chunked);
    expect([told.status, untold.status]).toEqual([413, 413]);
  });

  test('other content types are 415', async () => {
    const answer = await app.inject({ method: 'POST', url: '/imports', headers: { 'content-type': 'application/json' }, payload: '{}' });
    expect(answer.statusCode).toBe(415);
  });

  test('may take longer to arrive than a request, and the next request on the connection may not', async () => {
    const { socket, received, closed } = openSocket(port);
    socket.write('POST /imports HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n');
    for (let line = 1; line <= 12; line++) {
      socket.write(`2\r\n${line % 10}\n\r\n`);
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
    socket.write('0\r\n\r\n');
    await until(() => received().includes('"count":12'));
    socket.write('POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{');
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 200 [^]*HTTP\/1\.1 408 /);
  });

  test('is cut off while the server closes, once its grace is over, so that the server can end', async () => {
    const { closing, sent } = await openClosing();
    const sending = setInterval(() => sent.socket.write('2\r\n1\n\r\n'), 20);
    await closing.close();
    await sent.closed;
    clearInterval(sending);
    expect(sent.received()).toMatch(/^HTTP\/1\.1 503 [^]*"code":"unavailable"/);
  });

  test('and so is one whose sender has fallen silent', async () => {
    const { closing, sent } = await openClosing();
    await closing.close();
    await sent.closed;
    expect(sent.received()).not.toContain('200 OK');
  });
});
