// Where links may lead: written by the well-meaning, by the careless and by the hostile.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { DomainError } from '../../../src/core/errors.ts';
import { checkLanding, cutLanding, isAllowed, normaliseHost } from '../../../src/promotion/links/landing.ts';

const HOSTS = ['shop.example.com', 'xn--fiq228c.example', 'localhost:3001'];

function refusal(text: string, hosts = HOSTS): string {
  try {
    return `accepted as ${checkLanding(text, hosts)}`;
  } catch (error) {
    if (error instanceof DomainError) return error.code;
    throw error;
  }
}

describe('a landing URL is kept as it is parsed', () => {
  test.each([
    ['https://shop.example.com', 'https://shop.example.com/'],
    ['HTTPS://SHOP.Example.COM:443/A?b=%41#c', 'https://shop.example.com/A?b=%41#c'],
    ['https://shop.example.com/a/../b', 'https://shop.example.com/b'],
    ['https://shop.example.com/商品?名=值#锚', 'https://shop.example.com/%E5%95%86%E5%93%81?%E5%90%8D=%E5%80%BC#%E9%94%9A'],
    ['https://中文.example/', 'https://xn--fiq228c.example/'],
    ['https://shop.example.com/?fy_click=stale&a=1', 'https://shop.example.com/?a=1'],
    ['https://shop.example.com/?%66y_click=stale', 'https://shop.example.com/'],
    ['http://localhost:3001/x', 'http://localhost:3001/x'],
    ['https://localhost:3001/x', 'https://localhost:3001/x'],
  ])('%s', (given, kept) => {
    expect(checkLanding(given, HOSTS)).toBe(kept);
  });
});

test.each([
  'https://evil.example/',
  'https://shop.example.com.evil.example/',
  'https://evilshop.example.com/',
  'https://sub.shop.example.com/',
  'https://shop.example.com./',
  'https://shop.example.com:8443/',
  'https://shop.example.com:80/',
  'http://shop.example.com/',
  'https://shop.example.com@evil.example/',
  'https://user@shop.example.com/',
  'https://user:password@shop.example.com/',
  'https://:@evil.example/',
  'https://shop%2eexample.com.evil.example/',
  'https://shop.example.com%00.evil.example/',
  'https://1.1.1.1/',
  'https://0xd83ad6ce/',
  'https://3627734734/',
  'https://[::1]/',
  'http://localhost/',
  'http://localhost:3002/',
  'http://localhost:3001@evil.example/',
  'https://evil.example#https://shop.example.com',
  'https://evil.example?https://shop.example.com',
])('%s leads to a host that was not named', (text) => {
  expect(['landing_host_not_allowed', 'invalid_landing_url']).toContain(refusal(text));
});

test.each([
  '',
  '/',
  '//shop.example.com/',
  '///shop.example.com',
  'https:shop.example.com',
  'https:/shop.example.com',
  'https:///shop.example.com',
  'https:\\\\shop.example.com',
  'https://shop.example.com\\@evil.example',
  'https://evil.example\\.shop.example.com',
  ' https://shop.example.com/',
  'https://shop.example.com/ ',
  'https://shop.example.com/a b',
  'https://shop.example.com/\r\nSet-Cookie: a=b',
  'https://shop.example.com/\0',
  'https://shop.exam\tple.com/',
  'https://shop.example.com/\u2028',
  'https://shop.example.com/\uD800',
  'javascript:alert(1)//https://shop.example.com/',
  'data:text/html,x',
  'ftp://shop.example.com/',
  'java\nscript:alert(1)',
  'shop.example.com',
  'https://',
  `https://shop.example.com/${'a'.repeat(2048)}`,
  `https://shop.example.com/${'中'.repeat(300)}`,
])('%j is no landing URL', (text) => {
  expect(refusal(text)).toBe('invalid_landing_url');
});

const PIECES = [
  'https:',
  'http:',
  '//',
  '/',
  '\\',
  '@',
  ':',
  '#',
  '?',
  '.',
  '%',
  '%2f',
  '%40',
  'shop.example.com',
  'evil.example',
  'localhost',
  ':3001',
  '443',
  '\t',
  '\n',
  '。',
  '／',
  'user',
  '[',
  ']',
  '::1',
  'javascript:',
  ' ',
  '\0',
];

const nasty = fc.oneof(
  fc.webUrl({ withFragments: true, withQueryParameters: true }),
  fc.array(fc.constantFrom(...PIECES), { maxLength: 10 }).map((parts) => `https://${parts.join('')}`),
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => `https://shop.example.com${text}`),
);

test('no input leaves the named hosts, before or after a token is added', () => {
  let accepted = 0;
  fc.assert(
    fc.property(nasty, fc.stringMatching(/^[\w-]{66}$/), (text, token) => {
      let href: string;
      try {
        href = checkLanding(text, HOSTS);
      } catch (error) {
        expect(error).toBeInstanceOf(DomainError);
        return;
      }
      accepted += 1;
      const { plain, before, after } = cutLanding(href);
      expect(plain).toBe(href);
      for (const location of [href, before + token + after]) expect(location).toMatch(/^[\x21-\x7e]+$/);
      const landed = new URL(before + token + after);
      expect(isAllowed(landed, HOSTS)).toBe(true);
      expect(landed.host).toBe(new URL(href).host);
      expect(landed.searchParams.getAll('fy_click')).toEqual([token]);
      expect(landed.hash).toBe(new URL(href).hash);
    }),
    { numRuns: 5000 },
  );
  expect(accepted).toBeGreaterThan(100);
});

test.each([
  ['https://shop.example.com/', 'https://shop.example.com/?fy_click=T'],
  ['https://shop.example.com/?', 'https://shop.example.com/?fy_click=T'],
  ['https://shop.example.com/?a=1', 'https://shop.example.com/?a=1&fy_click=T'],
  ['https://shop.example.com/?a=1&', 'https://shop.example.com/?a=1&fy_click=T'],
  ['https://shop.example.com/#/p?x=1', 'https://shop.example.com/?fy_click=T#/p?x=1'],
  ['https://shop.example.com/?a=1#b?c', 'https://shop.example.com/?a=1&fy_click=T#b?c'],
])('the token goes into the query of %s', (href, landed) => {
  const { before, after } = cutLanding(href);
  expect(`${before}T${after}`).toBe(landed);
});

test.each([
  ['Shop.Example.COM', 'shop.example.com'],
  ['中文.example', 'xn--fiq228c.example'],
  ['LOCALHOST', 'localhost'],
  ['localhost:3000', 'localhost:3000'],
  ['localhost:443', 'localhost'],
])('the host %s is kept as %s', (given, kept) => {
  expect(normaliseHost(given)).toBe(kept);
});

test.each([
  '',
  ' ',
  'example',
  '*.example.com',
  '.example.com',
  'example..com',
  'shop.example.com.',
  'https://shop.example.com',
  'shop.example.com/path',
  'shop.example.com:8443',
  'user@shop.example.com',
  '1.2.3.4',
  '0x7f.1',
  '127.1',
  '[::1]',
  '::1',
  'shop example.com',
  'shop.example.com\n',
  'shop.example.com#',
  'shop.example.com?',
  'a%2eb.com',
  'localhost:0',
  'localhost:70000',
  'localhost:',
  `${'a'.repeat(64)}.com`,
])('%j is no host that links may lead to', (text) => {
  expect(normaliseHost(text)).toBeNull();
});

const added = (href: string) => new URL(`${cutLanding(href).before}t`).searchParams.get('fy_click');

test('a query that holds a question mark, or nothing yet, still gets the token as a parameter of its own', () => {
  for (const query of ['', '?', '??', '?a=1', '?a=1&', '?a=?', '?a=?&']) {
    expect(added(`https://shop.example.com/${query}`), query).toBe('t');
  }
});
