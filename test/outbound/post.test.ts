import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { subnets, type Resolve } from '../../src/platform/net/address.ts';
import { post, type Post } from '../../src/outbound/post.ts';
import { freePort } from '../harness.ts';
import { openReceiver, type Receiver } from './receiver.ts';

const LOOPBACK = subnets(['127.0.0.0/8']);
const NOWHERE = subnets([]);

let receiver: Receiver;
let elsewhere: Receiver;

beforeEach(async () => {
  receiver = await openReceiver();
});

afterEach(() => receiver.close());

beforeAll(async () => {
  elsewhere = await openReceiver();
});

afterAll(() => elsewhere.close());

const send = (more: Partial<Post> = {}) =>
  post({
    url: receiver.url,
    headers: { 'webhook-id': 'e1' },
    body: '{"名":1}',
    allowed: LOOPBACK,
    signal: new AbortController().signal,
    ...more,
  });

describe('a post', () => {
  test('brings the body and its headers, and tells the status', async () => {
    expect(await send()).toEqual({ status: 204, retryAfter: null });
    expect(receiver.received).toMatchObject([
      { method: 'POST', path: '/hooks', body: '{"名":1}', headers: { 'content-type': 'application/json', 'webhook-id': 'e1' } },
    ]);
  });

  test('tells what is asked for in Retry-After', async () => {
    receiver.status(429, { 'retry-after': '30' });
    expect(await send()).toEqual({ status: 429, retryAfter: '30' });
  });

  test('follows no redirect', async () => {
    for (const status of [301, 302, 307, 308]) {
      receiver.status(status, { location: elsewhere.url });
      expect(await send()).toEqual({ status, retryAfter: null });
    }
    expect(elsewhere.connections()).toBe(0);
  });

  test('reads no endless answer: its status has been said', async () => {
    receiver.answer((response) => {
      response.writeHead(200);
      const pour = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', pour);
      pour();
    });
    expect(await send()).toEqual({ status: 200, retryAfter: null });
  });

  test('is not waited for longer than it may take', async () => {
    receiver.answer(() => undefined);
    expect(await send({ timeoutMs: 50 })).toEqual({ status: null, error: 'no answer within 50 ms' });
  });

  test('ends when it is told to', async () => {
    const stop = new AbortController();
    receiver.answer(() => stop.abort());
    expect(await send({ signal: stop.signal })).toEqual({ status: null, error: 'we were shut down meanwhile' });
  });

  test('to a port where nobody is, or in another protocol, is not answered', async () => {
    const port = await freePort();
    expect(await send({ url: `http://127.0.0.1:${port}/` })).toMatchObject({
      status: null,
      error: expect.stringContaining('ECONNREFUSED'),
    });
    expect(await send({ url: receiver.url.replace('http:', 'https:') })).toMatchObject({ status: null });
    expect(receiver.received).toEqual([]);
  });
});

describe('an address that we do not call', () => {
  test('is not connected to, in whatever form the url writes it', async () => {
    for (const host of ['127.0.0.1', '2130706433', '[::ffff:127.0.0.1]']) {
      const url = `http://${host}:${receiver.port}/`;
      expect(await send({ url, allowed: NOWHERE })).toEqual({ status: null, error: 'the url is at an address that we do not call' });
    }
    expect(receiver.connections()).toBe(0);
  });

  test('is not connected to when a name that was public leads to it now', async () => {
    const answers = ['8.8.8.8', '127.0.0.1'];
    const rebinding: Resolve = (_host, _options, done) => done(null, [{ address: answers.shift()!, family: 4 }]);
    rebinding('hooks.test', { all: true }, (_error, found) => expect(found[0]!.address).toBe('8.8.8.8'));
    const url = `http://hooks.test:${receiver.port}/`;
    expect(await send({ url, allowed: NOWHERE, resolve: rebinding })).toEqual({
      status: null,
      error: 'hooks.test is at an address that we do not call',
    });
    expect(answers).toEqual([]);
    expect(receiver.connections()).toBe(0);
  });

  test('the address that was looked up is the one that is connected to', async () => {
    let asked = 0;
    const resolve: Resolve = (_host, _options, done) => {
      asked += 1;
      done(null, [{ address: '127.0.0.1', family: 4 }]);
    };
    expect(await send({ url: `http://hooks.test:${receiver.port}/`, resolve })).toMatchObject({ status: 204 });
    expect(asked).toBe(1);
    expect(receiver.received[0]!.headers.host).toBe(`hooks.test:${receiver.port}`);
  });
});
