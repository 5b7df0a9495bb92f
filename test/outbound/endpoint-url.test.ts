import { describe, expect, test } from 'vitest';

import { allowedFor, type Resolve } from '../../src/platform/net/address.ts';
import { readEndpointUrl } from '../../src/outbound/endpoint-url.ts';
import { errorOf } from '../platform/answers.ts';

const outside = allowedFor('https://fy.example.com');
const athome = allowedFor('http://localhost:3000');
const at =
  (address: string): Resolve =>
  (_host, _options, done) =>
    done(null, [{ address, family: 4 }]);
const unknown: Resolve = (_host, _options, done) => done(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), []);

describe('the address of an endpoint', () => {
  test('is https and public', async () => {
    expect(await readEndpointUrl('https://Example.com/hooks?a=1', outside, at('8.8.8.8'))).toBe('https://example.com/hooks?a=1');
    expect(await readEndpointUrl('https://8.8.8.8:8443/', outside)).toBe('https://8.8.8.8:8443/');
  });

  test.each([
    ['no URL', 'example.com'],
    ['plain http', 'http://example.com/'],
    ['another protocol', 'file:///etc/passwd'],
    ['a password', 'https://me:secret@example.com/'],
    ['a fragment', 'https://example.com/#a'],
    ['loopback', 'https://127.0.0.1/'],
    ['loopback over http', 'http://127.0.0.1/'],
    ['loopback in other digits', 'https://2130706433/'],
    ['mapped loopback', 'https://[::ffff:127.0.0.1]/'],
    ['metadata', 'https://169.254.169.254/latest/meta-data'],
  ])('is refused with %s: %s', async (_what, url) => {
    expect(await errorOf(readEndpointUrl(url, outside, at('8.8.8.8')))).toMatchObject({
      code: 'invalid_webhook_url',
      status: 422,
      errors: [{ path: 'url' }],
    });
  });

  test('is refused when its name leads to a private address', async () => {
    expect(await errorOf(readEndpointUrl('https://inside.example.com/', outside, at('10.0.0.1')))).toMatchObject({
      code: 'invalid_webhook_url',
      message: 'The url leads to a private, local or reserved address; it must be reachable from the internet.',
    });
  });

  test('is taken when its name is not known now: it is asked for again with every message', async () => {
    expect(await readEndpointUrl('https://soon.example.com/', outside, unknown)).toBe('https://soon.example.com/');
  });

  test('may be http on this machine, where the service is at home there', async () => {
    expect(await readEndpointUrl('http://localhost:9000/', athome)).toBe('http://localhost:9000/');
    expect(await readEndpointUrl('http://127.0.0.1:9000/', athome)).toBe('http://127.0.0.1:9000/');
    expect(await errorOf(readEndpointUrl('http://example.com/', athome, at('127.0.0.1')))).toMatchObject({ code: 'invalid_webhook_url' });
    expect(await errorOf(readEndpointUrl('https://10.0.0.1/', athome))).toMatchObject({ code: 'invalid_webhook_url' });
  });
});
