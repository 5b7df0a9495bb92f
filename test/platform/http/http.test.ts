import { once } from 'node:events';

import { afterEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';

import { DomainError } from '../../../src/core/errors.ts';
import type { HttpOptions } from '../../../src/platform/http/http.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { buildLogger } from '../../../src/platform/process/log.ts';
import { exchange, listen, openSocket } from '../sockets.ts';
import { buildHttp } from '../furnished.ts';

const opened: App[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()));
});

async function build(options: HttpOptions = {}): Promise<App> {
  const app = buildHttp(options);
  opened.push(app);
  const body = z.strictObject({
    id: z.union([z.string(), z.int()]),
    lines: z.array(z.object({ paid_amount: z.int().min(0) })).default([]),
  });
  app.post('/orders', { schema: { body } }, async (request) => request.body);
  app.get('/orders/:id', { schema: { params: z.object({ id: z.string().max(128) }) } }, async (request) => request.params);
  app.get('/list', { schema: { querystring: z.object({ limit: z.coerce.number().int().max(9) }) } }, async (request) => request.query);
  app.get('/refused', () =>
    Promise.reject(new DomainError('rule_conflict', 'Two rules overlap.', { errors: [{ path: 'scope', message: 'same' }] })),
  );
  app.get('/failed', () => Promise.reject(new Error('password=hunter2')));
  app.get('/lost', () => Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })));
  app.get('/amount', async () => ({ amount: 9007199254740993n }));
  app.get('/hanging', () => new Promise<void>(() => undefined));
  return app;
}

const json = { 'content-type': 'application/json' };

describe('refusals', () => {
  test('input that does not fit its schema is 400 with the dotted path of every fault', async () => {
    const app = await build();
    const payload = { lines: [{ paid_amount: 1 }, { paid_amount: -1 }], extra: 1 };
    const answer = await app.inject({ method: 'POST', url: '/orders', payload });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.json()).toMatchObject({
      type: 'urn:fenyong:problem:malformed_request',
      title: 'Malformed request',
      status: 400,
      code: 'malformed_request',
    });
    expect(
      answer
        .json()
        .errors.map(({ path }: { path: string }) => path)
        .toSorted(),
    ).toEqual(['extra', 'id', 'lines.1.paid_amount']);
  });

  test('a query, a path and a missing body are told apart', async () => {
    const app = await build();
    expect((await app.inject('/list?limit=10')).json()).toMatchObject({ status: 400, errors: [{ path: 'limit' }], detail: /query/ });
    expect((await app.inject(`/orders/${'x'.repeat(129)}`)).json()).toMatchObject({
      status: 400,
      errors: [{ path: 'id' }],
      detail: /path/,
    });
    expect((await app.inject({ method: 'POST', url: '/orders' })).json()).toMatchObject({ status: 400, errors: [{ path: '' }] });
  });

  test('a refusal of the domain keeps its status, code and faults', async () => {
    const answer = await (await build()).inject('/refused');
    expect(answer.json()).toEqual({
      type: 'urn:fenyong:problem:rule_conflict',
      title: 'Rule conflict',
      status: 409,
      detail: 'Two rules overlap.',
      code: 'rule_conflict',
      errors: [{ path: 'scope', message: 'same' }],
    });
  });

  test('a fault of ours is 500, says nothing of itself, and is found in the log by the id of the request', async () => {
    const lines: string[] = [];
    const app = await build({ logger: buildLogger('info', { write: (line) => void lines.push(line) }) });
    const answer = await app.inject('/failed');
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('hunter2');
    expect(answer.json()).toMatchObject({ code: 'internal_error', request_id: answer.headers['x-request-id'] });
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ level: 'error', request_id: answer.headers['x-request-id'], route: '/failed' });
  });

  test('a lost database is 503, to be tried again in five seconds', async () => {
    const answer = await (await build()).inject('/lost');
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('5');
    expect(answer.json().code).toBe('unavailable');
  });

  test('an unknown address is 404, and another method of a known one 405 with those that are answered', async () => {
    const app = await build();
    const unknown = await app.inject('/nowhere');
    expect([unknown.statusCode, unknown.json().code]).toEqual([404, 'not_found']);
    const wrong = await app.inject({ method: 'DELETE', url: '/orders/1?x=1' });
    expect([wrong.statusCode, wrong.json().code, wrong.headers.allow]).toEqual([405, 'method_not_allowed', 'GET']);
  });

  test('addresses that cannot be read are problems too', async () => {
    const app = await build();
    for (const url of ['/orders/%ff', '/orders/%', `/orders/${'x'.repeat(5000)}`, '/orders/a%00b', '/list?limit=%00']) {
      const answer = await app.inject(url);
      expect([url.slice(0, 20), answer.statusCode, answer.json().code]).toEqual([url.slice(0, 20), 400, 'malformed_request']);
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.headers['x-request-id']).toBeTruthy();
    }
    expect((await app.inject(`/orders/${encodeURIComponent('分'.repeat(128))}`)).json()).toEqual({ id: '分'.repeat(128) });
  });

  test('a handler that takes too long is 503', async () => {
    const answer = await (await build({ handlerTimeoutMs: 50 })).inject('/hanging');
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'unavailable']);
  });
});

describe('answers', () => {
  test('a bigint goes out as an integer with all its digits', async () => {
    expect((await (await build()).inject('/amount')).body).toBe('{"amount":9007199254740993}');
  });

  test('a harmless request id of the caller is kept, any other replaced', async () => {
    const app = await build();
    const idOf = async (given: string): Promise<unknown> => {
      const answer = await app.inject({ url: '/amount', headers: { 'x-request-id': given } });
      return answer.headers['x-request-id'];
    };
    expect(await idOf('order-4711_b')).toBe('order-4711_b');
    for (const given of ['a b', 'x"}', '', 'x'.repeat(65)]) expect(await idOf(given)).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('every answer has security headers', async () => {
    const app = await build();
    const { headers } = await app.inject('/nowhere');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'strict-transport-security': expect.any(String) });
    expect(headers['content-security-policy']).toContain("default-src 'self'");
  });
});

describe('on the wire', () => {
  test('what is no HTTP, and a header that is too large, are answered as problems', async () => {
    const port = await listen(await build());
    const garbage = await exchange(port, 'HELLO\r\n\r\n');
    expect(garbage).toMatch(/^HTTP\/1\.1 400 [^]*application\/problem\+json[^]*"code":"malformed_request"/);
    const large = await exchange(port, `GET /amount HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(large).toMatch(/^HTTP\/1\.1 431 [^]*application\/problem\+json[^]*"code":"header_too_large"/);
  });

  test('two lengths of one body are refused, so that nothing can be smuggled', async () => {
    const port = await listen(await build());
    const head = 'POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
    expect(await exchange(port, `${head}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400/);
    expect(await exchange(port, `${head}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`)).toMatch(/^HTTP\/1\.1 400/);
  });

  test('a request that arrives too slowly is cut off with 408', async () => {
    const port = await listen(await build({ requestTimeoutMs: 200 }));
    const answer = await exchange(
      port,
      'POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 408 [^]*"code":"request_timeout"/);
  });

  test('a body over the limit is 413, whether its length was told or not, and the sender gets to read that', async () => {
    const port = await listen(await build());
    for (let round = 0; round < 20; round++) {
      const body = JSON.stringify({ id: 'x'.repeat(9_000_000) });
      const told = await fetch(`http://127.0.0.1:${port}/orders`, { method: 'POST', headers: json, body });
      expect([told.status, ((await told.json()) as { code: string }).code]).toEqual([413, 'payload_too_large']);
      const chunked: RequestInit = { method: 'POST', headers: json, body: new Blob([body]).stream(), duplex: 'half' };
      const untold = await fetch(`http://127.0.0.1:${port}/orders`, chunked);
      expect(untold.status).toBe(413);
    }
  });

  test('who goes on sending what was refused is cut off when the time of a request is over', async () => {
    const port = await listen(await build({ requestTimeoutMs: 300 }));
    const { socket, received, closed } = openSocket(port);
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const send = (): void => {
      while (socket.writable && socket.write(chunk));
      socket.once('drain', send);
    };
    socket.write('POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n');
    send();
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('a connection ends once the request is answered that began before the server closed', async () => {
    const app = await build();
    let finish: ((value: object) => void) | undefined;
    app.get('/slow', () => new Promise((resolve) => (finish = resolve)));
    const { socket, received, closed } = openSocket(await listen(app));
    const requested = once(app.server, 'request');
    socket.write('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n');
    await requested;
    const closing = app.close();
    await vi.waitUntil(() => !app.server.listening);
    finish?.({ done: true });
    await Promise.all([closing, closed]);
    expect(received()).toMatch(/^HTTP\/1\.1 200 [^]*connection: keep-alive[^]*\{"done":true\}$/i);
  });

  test('while closing, what arrives on an open connection is served, and is the last on it', async () => {
    const app = await build();
    let finish: ((value: object) => void) | undefined;
    app.get(
      '/slow',
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    const port = await listen(app);
    const { socket, received, closed } = openSocket(port);
    const requested = once(app.server, 'request');
    socket.write('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n');
    await requested;
    const closing = app.close();
    const again = once(app.server, 'request');
    socket.write('GET /amount HTTP/1.1\r\nhost: x\r\n\r\n');
    await again;
    finish?.({ done: true });
    await closing;
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 200 [^]*\{"done":true\}[^]*HTTP\/1\.1 200 [^]*connection: close/i);
  });
});
