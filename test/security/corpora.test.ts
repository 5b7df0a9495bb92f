// What is known to break servers: malformed JSON, naughty strings, redirects to elsewhere. None of
// it is a fault of ours, and none gets by.

import { Buffer } from 'node:buffer';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ADMIN_KEY } from '../running.ts';
import documents from './json-corpus.json' with { type: 'json' };
import { openMarket, type Market } from './market.ts';
import naughty from './naughty-strings.json' with { type: 'json' };
import redirects from './open-redirects.json' with { type: 'json' };
import { ROUTES } from './routes.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const LINES = { 'content-type': 'application/x-ndjson' };
const HOST = 'shop.example.com';

let market: Market;

beforeAll(async () => {
  market = await openMarket({ env: { RATE_REFUSED: '100000' } });
  await market.service.stopWork();
});

afterAll(() => market.service.close());

/** Sends bytes as they are, and tells how they were answered. */
async function send(method: string, url: string, payload: Buffer, headers: Record<string, string>): Promise<number> {
  const { app } = market.service;
  const answer = await app.inject({
    method: method as 'POST',
    url,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, ...headers },
    payload,
  });
  return answer.statusCode;
}

describe('malformed JSON', () => {
  const corpus = Object.entries(documents as Record<string, { text?: string; base64?: string }>).map(
    ([name, { text, base64 }]) => [name, text === undefined ? Buffer.from(base64!, 'base64') : Buffer.from(text)] as const,
  );

  test.each(corpus)('%s is refused wherever it is sent', async (_name, bytes) => {
    expect(await send('POST', '/v1/orders', bytes, JSON_TYPE)).toBe(400);
    expect(await send('PUT', '/v1/merchants/m9', bytes, JSON_TYPE)).toBe(400);
    expect(await send('POST', '/webhooks/sw', bytes, JSON_TYPE)).toBe(401);
    // A file is read line by line: what is wrong with one is told, and refuses nothing but that
    // line.
    const file = await market.service.app.inject({
      method: 'POST',
      url: '/v1/imports/merchants',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, ...LINES },
      payload: bytes,
    });
    expect([200, 400]).toContain(file.statusCode);
    if (file.statusCode === 200) expect(file.json().accepted).toBe(0);
  });

  test('a body that promises to unfold is taken for what it is', async () => {
    const gzip = Buffer.from('1f8b08000000000000ff', 'hex');
    expect(await send('POST', '/v1/orders', gzip, { ...JSON_TYPE, 'content-encoding': 'gzip' })).toBe(400);
  });

  test.each([
    ['a million levels', '['.repeat(1_000_000)],
    ['a hundred thousand members', `{${Array.from({ length: 80_000 }, (_, at) => `"k${at}":1`).join()}}`],
    ['a number of a million digits', '1'.repeat(1_000_000)],
    ['a hundred thousand escapes', `"${'\\u0041'.repeat(150_000)}"`],
    ['half a million empty arrays', `[${'[],'.repeat(300_000)}0]`],
    ['a million blanks', ' '.repeat(1_000_000)],
  ])('%s are refused', async (_name, text) => {
    expect(await send('POST', '/v1/orders', Buffer.from(text), JSON_TYPE)).toBe(400);
  });
});

describe('redirects to elsewhere', () => {
  test.each(redirects.map((url) => [url]))('%j stays with the shop, or is refused', async (landing) => {
    const made = await market.ask('POST', '/v1/links', { promoter_id: 'alice', merchant_id: 'm1', landing_url: landing });
    if (made.status !== 201) {
      expect([400, 422]).toContain(made.status);
      return;
    }
    const { status, headers } = await market.ask('GET', `/r/${made.body.code}`, undefined, { key: null });
    expect(status).toBe(302);
    const location = String(headers['location']);
    expect(location).toMatch(/^[\x21-\x7e]+$/);
    const { protocol, host, searchParams } = new URL(location);
    expect([protocol, host]).toEqual(['https:', HOST]);
    expect(searchParams.getAll('fy_click')).toEqual([expect.stringMatching(/^[\w.-]{20,}$/)]);
  });

  test('no query and no header of the visitor changes where a link leads', async () => {
    const { code } = market.ids;
    for (const elsewhere of ['//evil.example', 'https://evil.example', '\\\\evil.example']) {
      const names = ['url', 'next', 'redirect', 'landing_url', 'to', 'host'];
      const query = names.map((name) => `${name}=${encodeURIComponent(elsewhere)}`).join('&');
      const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-original-url': elsewhere, referer: elsewhere };
      const answer = await market.ask('GET', `/r/${code}?${query}`, undefined, { key: null, headers });
      expect(answer.status).toBe(302);
      expect(String(answer.headers['location'])).not.toContain('evil');
      expect(new URL(String(answer.headers['location'])).host).toBe(HOST);
    }
  });
});

/** Every way to put a text where a text stands in a body. */
function bodiesWith(body: unknown, text: string): unknown[] {
  if (typeof body === 'string') return [text];
  if (Array.isArray(body)) return body.flatMap((item, at) => bodiesWith(item, text).map((other) => body.with(at, other)));
  if (typeof body !== 'object' || body === null) return [];
  const members = Object.entries(body);
  return members.flatMap(([name, value]) => bodiesWith(value, text).map((other) => ({ ...body, [name]: other })));
}

/** Addresses with a text in the place of each of their ids, and of each value of their query. */
function addressesWith(url: string, text: string): string[] {
  const [path = '', query = ''] = url.split('?');
  const encoded = encodeURIComponent(text);
  const parts = path.split('/');
  const ids = parts.flatMap((part, at) =>
    at < 3 || /^(?:batch|end|effective|previews|reversal|statements|replays|decision|runs|messages|redeliveries)$/.test(part)
      ? []
      : [parts.with(at, encoded).join('/')],
  );
  const pairs = query === '' ? [] : query.split('&');
  return [...ids, ...pairs.map((pair, at) => `${path}?${pairs.with(at, `${pair.split('=')[0]}=${encoded}`).join('&')}`)];
}

describe('naughty strings', () => {
  test.each(Object.entries(ROUTES))('in the places of %s are no fault of ours', async (name, route) => {
    const method = name.split(' ')[0]!;
    const url = market.fill(route.url);
    const body = typeof route.body === 'object' ? (JSON.parse(market.fill(JSON.stringify(route.body))) as object) : undefined;
    const faults: string[] = [];
    const third = Object.keys(ROUTES).indexOf(name) % 3;
    for (const [at, text] of naughty.entries()) {
      if (at % 3 !== third) continue;
      const inAddress = addressesWith(url, text).map((address) => ({ address, payload: body }));
      const inBody = bodiesWith(body, text).map((payload) => ({ address: url, payload }));
      const places = [...inAddress, ...inBody];
      if (places.length === 0) return;
      // A third of the texts, each in another place, and another third in the next route: all in
      // all places would take minutes.
      const { address, payload } = places[Math.floor(at / 3) % places.length]!;
      const { status } = await market.ask(method, address, payload);
      if (status >= 500) faults.push(`${status} ${address} ${JSON.stringify(payload)}`);
    }
    expect(faults).toEqual([]);
  });

  test('come back as they went in, or are refused', async () => {
    for (const [at, text] of naughty.entries()) {
      const url = `/v1/merchants/naughty${at}`;
      const { status, body } = await market.ask('PUT', url, { name: text, currency: 'CNY' });
      expect([201, 400], JSON.stringify(text)).toContain(status);
      if (status === 400) continue;
      expect(body.name).toBe(text);
      expect((await market.ask('GET', url)).body.name).toBe(text);
    }
  });

  test('in headers are no fault of ours, and never come back in one', async () => {
    const names = ['x-request-id', 'idempotency-key', 'authorization', 'cookie', 'x-forwarded-for', 'x-forwarded-host', 'origin'];
    const sendable = naughty.filter((one) => /^[\t\x20-\x7e]*$/.test(one));
    for (const [at, text] of sendable.entries()) {
      for (const header of [names[at % names.length]!, 'idempotency-key']) {
        const answer = await market.ask('POST', '/v1/links', { promoter_id: 'nobody', merchant_id: 'm1' }, { headers: { [header]: text } });
        expect(answer.status, `${header}: ${text}`).toBeLessThan(500);
        expect(Object.keys(answer.headers)).not.toContain('set-cookie');
        expect(Object.keys(answer.headers).filter((one) => one.startsWith('access-control'))).toEqual([]);
      }
    }
  });

  test('line breaks in an address make no header', async () => {
    for (const id of ['%0d%0aset-cookie:%20a=b', '%0aset-cookie:a', '%E5%98%8A%E5%98%8Dset-cookie:a', '%c0%8d%c0%8aset-cookie:a']) {
      for (const url of [
        `/r/${id}`,
        `/v1/links/${id}/qr.svg`,
        `/v1/merchants/${id}`,
        `/console/assets/${id}`,
        `/documentation/${id}`,
        `/${id}`,
      ]) {
        const answer = await market.ask('GET', url);
        expect(answer.status, url).toBeGreaterThanOrEqual(400);
        expect(answer.status, url).toBeLessThan(500);
        expect(Object.keys(answer.headers)).not.toContain('set-cookie');
      }
    }
  });
});
