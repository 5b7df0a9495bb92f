// The promoter's page as a browser gets it: figures in the document, a policy that lets nothing
// else run, only what is the promoter's own, and no more bytes than a phone should wait for.

import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ADMIN_KEY } from '../running.ts';
import { openPhone, type Phone } from './phone.ts';

const FIRST_VIEW_BYTES_MAX = 60_000;
const PAGES = ['/me', '/me/orders', '/me/orders/rest/E-1', '/me/claims', '/me/share', '/me/links', '/me/money'];

let phone: Phone;
beforeAll(async () => {
  phone = await openPhone();
});
afterAll(() => phone.close());

interface Shown {
  cookie?: string;
  key?: string;
  language?: string;
}

async function open(url: string, { cookie, key, language = 'en' }: Shown = {}) {
  const headers = {
    'accept-language': language,
    ...(cookie !== undefined && { cookie }),
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
  };
  const answer = await phone.service.app.inject({ url, headers });
  return { status: answer.statusCode, text: answer.payload, headers: answer.headers };
}

/** What a reader sees: without markup, and with blanks where there were any. */
const seen = (text: string): string =>
  text
    .replaceAll(/<script[\s\S]*?<\/script>|<[^>]*>/g, ' ')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll(/\s+/g, ' ');

const figure = (text: string, name: string) => new RegExp(`data-figure="${name}">([^<]*)<`).exec(text)?.[1];

describe('a document', () => {
  test('has its figures in it, as the API tells them', async () => {
    const cookie = await phone.signIn(phone.keys.bob);
    const { status, text } = await open('/me', { cookie });
    expect(status).toBe(200);
    const { data } = await phone.client.GET('/v1/promoters/{promoter_id}/balance', { params: { path: { promoter_id: 'bob' } } });
    const [balance] = data.data;
    // 10 % of 1234.50 are 123.45; the agency passes on 70 %, 86.41, and Bob 10 % to his inviter.
    // By the offer, which came later, 20 %, 246.90, are Bob's alone.
    expect(balance).toMatchObject({ available: 7777, pending: 7777 + 24_690 });
    expect(figure(text, 'available')).toBe('77.77 CNY');
    expect(figure(text, 'pending')).toBe('324.67 CNY');
    expect(figure(text, 'clicks')).toBe('0');
    expect(Number(figure(text, 'orders'))).toBeGreaterThanOrEqual(1);
  });

  test('loads one script and one style, under a policy that lets nothing else run', async () => {
    const cookie = await phone.signIn(phone.keys.bob);
    for (const url of PAGES) {
      const { text, headers } = await open(url, { cookie });
      expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(headers['cache-control']).toBe('private, no-cache');
      expect(text.match(/<script(?! type="application\/json")/g), url).toHaveLength(1);
      expect(text, url).not.toMatch(/<[^>]+\son\w+=|<style|\sstyle=|javascript:|blob:|\bdownload\b/i);
      for (const [, address] of text.matchAll(/(?:src|href)="(\/me\/assets\/[^"]+)"/g)) {
        const file = await open(address!);
        expect(file.status).toBe(200);
        expect(file.headers['cache-control']).toContain('immutable');
      }
    }
    expect((await open('/me/assets/..%2fmanifest.json')).status).toBe(404);
  });

  test('comes whole, with script and style, in less than a phone should wait for', async () => {
    const cookie = await phone.signIn(phone.keys.bob);
    const { text } = await open('/me', { cookie });
    const addresses = [...text.matchAll(/(?:src|href)="(\/me\/assets\/[^"]+)"/g)].map(([, address]) => address!);
    expect(addresses).toHaveLength(2);
    let bytes = gzipSync(text).length;
    for (const url of addresses) {
      const answer = await phone.service.app.inject({ url, headers: { 'accept-encoding': 'gzip' } });
      expect(answer.headers['content-encoding']).toBe('gzip');
      bytes += answer.rawPayload.length;
      // What it loads loads nothing further: two requests in a row, and no third.
      expect((await open(url)).text).not.toMatch(/@import|url\(|import\(/);
    }
    expect(bytes).toBeLessThan(FIRST_VIEW_BYTES_MAX);
  });

  test('is in the language of the browser, amounts with their currency', async () => {
    const cookie = await phone.signIn(phone.keys.bob);
    const zh = await open('/me', { cookie, language: 'zh-CN,zh;q=0.9,en;q=0.8' });
    expect(zh.headers['content-language']).toBe('zh');
    expect(zh.text).toContain('<html lang="zh-CN">');
    expect(figure(zh.text, 'available')).toBe('77.77 元');
    expect((await open('/me', { cookie, language: 'de' })).headers['content-language']).toBe('en');
  });

  test('of names that are markup shows them as text', async () => {
    const { text } = await open('/me/share', { key: phone.keys.bob });
    expect(text).not.toContain('<b>&');
    expect(seen(text)).toContain('Bottle <b>& "cup"</b>');
  });
});

describe('orders', () => {
  test('say why they are the promoter’s and when they are paid', async () => {
    const said = seen((await open('/me/orders', { key: phone.keys.bob })).text);
    expect(said).toContain('You earn 246.90 CNY');
    expect(said).toContain('It is yours because the order was reported with your link.');
    expect(said).toContain('It counts once the buyer has completed the order');
    expect(said).toMatch(/The after-sale period ends on \d{4}-\d\d-\d\d \d\d:\d\d\. Then the money is available\./);
    expect(said).toMatch(/The money is available since \d{4}-\d\d-\d\d/);
    expect(said).toContain('all of it was refunded');
  });

  test('are explained step by step', async () => {
    const said = seen((await open('/me/orders/rest/E-1', { key: phone.keys.bob })).text);
    expect(said).toContain('You (link in the order): this decided.');
    expect(said).toContain('20% of what counts: the merchant pays 246.90 CNY for it.');
    expect(said).toContain('246.90 CNY of it is yours.');
  });

  test('of somebody who was invited are told to the inviter with that part only', async () => {
    const said = seen((await open('/me/orders', { key: phone.keys.alice })).text);
    expect(said).toContain('Somebody whom you invited sold it (level 1), and this is your part.');
    expect(said).toContain('You earn 8.64 CNY');
    expect(said).not.toContain('77.77');
  });
});

describe('only its own', () => {
  test('is shown to a promoter, whoever else there is', async () => {
    const cookie = await phone.signIn(phone.keys.carol);
    for (const url of PAGES) {
      const { text } = await open(url, { cookie });
      expect(text, url).not.toMatch(/77\.77|324\.67|Order [ECRV]-1/);
      expect(text, url).not.toContain(phone.code);
    }
    expect((await open('/me/orders/rest/E-1', { cookie })).status).toBe(404);
    const link = await open(`/me/links/${phone.code}`, { cookie });
    expect(link.status).toBe(404);
    expect(seen(link.text)).toContain('There is nothing of yours at this address.');
  });

  test('a key that is no promoter’s gets a sentence, and no figure', async () => {
    for (const url of PAGES) {
      const { status, text } = await open(url, { key: ADMIN_KEY });
      expect(status).toBe(403);
      expect(seen(text)).toContain('This page is for promoters. You are signed in as admin');
      expect(text).not.toContain('data-figure');
    }
  });

  test('who has not signed in is asked to, and whose session ended is told so', async () => {
    for (const url of PAGES) {
      const { status, text } = await open(url);
      expect(status).toBe(200);
      expect(text).toContain('data-sign-in');
      expect(text).not.toContain('data-figure');
    }
    const cookie = await phone.signIn(phone.keys.bob);
    expect((await open('/me', { cookie: `${cookie}x` })).text).toContain('You were signed out. Sign in again.');
  });
});
