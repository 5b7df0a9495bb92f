// How the gateways are asked, against the same signatures computed plainly here: names and values
// that are empty, foreign or escaped.
import { createHash, createHmac } from 'node:crypto';

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { Asking } from '../../../src/sources/asking.ts';
import { doudian } from '../../../src/sources/doudian/adapter.ts';
import { jd } from '../../../src/sources/unions/jd.ts';
import { pdd } from '../../../src/sources/unions/pdd.ts';
import type { Adapter } from '../../../src/sources/source.ts';
import type { SourceSecrets } from '../../../src/sources/signing.ts';
import { taobao } from '../../../src/sources/unions/taobao.ts';
import { TOP_SIGN_METHODS, topSign, yuan } from '../../../src/sources/unions/union.ts';

const NOW = new Date('2026-06-02T00:00:00Z');

const plainly: Record<(typeof TOP_SIGN_METHODS)[number], (key: string, text: string) => string> = {
  md5: (key, text) =>
    createHash('md5')
      .update(Buffer.from(key + text + key))
      .digest('hex'),
  hmac: (key, text) => createHmac('md5', Buffer.from(key)).update(text).digest('hex'),
  'hmac-sha256': (key, text) => createHmac('sha256', Buffer.from(key)).update(text).digest('hex'),
};

function topSignPlainly(key: string, parameters: Iterable<[string, string]>, method: keyof typeof plainly): string {
  const sorted = [...parameters].toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return plainly[method](key, sorted.map(([name, value]) => name + value).join('')).toUpperCase();
}

describe('the gateways', () => {
  test.each(TOP_SIGN_METHODS)('%s covers all names and values, empty and foreign ones too, in the order of the bytes', (method) => {
    const name = fc.string({ unit: fc.constantFrom('a', 'B', 'z', 'Z', '_', '0', '9', '.'), minLength: 1 });
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', ' ', 'a b+c%20&d=e', '婴儿推车', '1.0', 'true', '0'));
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.uniqueArray(fc.tuple(name, value), { selector: ([one]) => one, maxLength: 12 }),
        (key, parameters) => {
          expect(topSign(key, Object.fromEntries(parameters), method)).toBe(topSignPlainly(key, parameters, method));
        },
      ),
    );
  });

  const wish = {
    productId: '商品 1+1',
    landingUrl: 'https://item.jd.com/1.html?名=值&a=b+c%20d',
    code: 'Ab3_-9',
    names: [{ type: 'relation_id', value: '7' }],
    shops: [],
  };
  const SECRET = 's€cret+/ &=';

  test.each<{ adapter: Adapter; secrets: SourceSecrets; options: Record<string, unknown>; method?: keyof typeof plainly }>([
    ...TOP_SIGN_METHODS.map((method) => ({
      adapter: taobao,
      secrets: { app_key: 'k', app_secret: SECRET },
      options: { sign_method: method, adzone_id: '1' },
      method,
    })),
    { adapter: jd, secrets: { app_key: 'k', app_secret: SECRET, access_token: 't+/=' }, options: { position_id: '7' } },
    { adapter: pdd, secrets: { client_id: 'k', client_secret: SECRET }, options: { pid: '1_2' } },
  ])(
    '$adapter.kind sends what it signs ($method), all of it, and nothing that is empty',
    async ({ adapter, secrets, options, method = 'md5' }) => {
      for (const { body } of await questionsOf(adapter, secrets, options)) {
        const { sign, ...sent } = Object.fromEntries(decoded(body));
        expect(sign).toBe(topSignPlainly(SECRET, Object.entries(sent), method));
        expect(Object.values(sent)).not.toContain('');
      }
    },
  );

  test('抖店 signs the very text that it sends, whose keys are sorted', async () => {
    const secrets = { app_key: 'k', app_secret: SECRET };
    const questions = await questionsOf(doudian, secrets, { shop_id: '1', pid: 'dy_1' });
    expect(questions.length).toBe(doudian.feeds!.length + 1);
    for (const { url, body } of questions) {
      const { sign, ...query } = Object.fromEntries(decoded(new URL(url).search.slice(1)));
      const text = `app_key${query['app_key']}method${query['method']}param_json${body}timestamp${query['timestamp']}v${query['v']}`;
      expect(sign).toBe(createHmac('sha256', SECRET).update(`${SECRET}${text}${SECRET}`).digest('hex'));
      const keys = Object.keys(JSON.parse(body) as object);
      expect(keys).toEqual(keys.toSorted());
    }
  });

  /** What an adapter asks first for each of its lists, and for a link. */
  async function questionsOf(adapter: Adapter, secrets: SourceSecrets, options: Record<string, unknown>) {
    const asked: { url: string; body: string }[] = [];
    const asking: Asking = {
      baseUrl: 'https://gateway.example.com',
      secrets,
      options: adapter.options.parse(options),
      fetch: async (url, init) => {
        asked.push({ url: String(url), body: await new Response(init?.body).text() });
        return new Response('no answer');
      },
      now: NOW,
      token: () => Promise.resolve('token+/='),
    };
    const question = { from: new Date(NOW.getTime() - 3_600_000), until: NOW, cursor: null };
    for (const feed of adapter.feeds!) await expect(feed.list(question, asking)).rejects.toThrow(/not JSON/);
    await expect(adapter.promote!(wish, asking)).rejects.toThrow(/not JSON/);
    return asked;
  }
});

/**
 * A form or a query, unescaped by its own rules: a plus is a space, and everything else that is
 * special is escaped.
 */
function decoded(form: string): [string, string][] {
  expect(form).toMatch(/^[\w.~*+%=&-]*$/);
  return form.split('&').map((pair) => pair.split('=').map((part) => decodeURIComponent(part.replaceAll('+', ' '))) as [string, string]);
}

test('yuan are fen to the last one, as text, with more zeros, or as a number of JSON', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000_000_000 }), (fen) => {
      const text = `${Math.floor(fen / 100)}.${String(fen % 100).padStart(2, '0')}`;
      for (const stated of [text, `${text}00`, Number(text)]) expect(yuan.parse(stated)).toBe(fen);
    }),
  );
});
