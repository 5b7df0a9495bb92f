// Every page of the desk, in both languages, wide and on a phone: it shows itself, has no serious
// fault, asks for nothing that the browser refuses, and nothing of others runs in it.

import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { en } from '../../src/console/words/en.ts';
import { zh } from '../../src/console/words/zh.ts';
import { ADMIN_KEY } from '../running.ts';
import { openBrowser, openReader, signIn, type Language } from './browser.ts';
import { CANARY, HIDING_ID, openShop, type Shop } from './shop.ts';

const WORDS = { en, zh };
/** Those that stand in the menu, and what each is called. */
const LISTS = {
  '/': 'overview',
  '/orders': 'orders',
  '/promoters': 'promoters',
  '/links?promoter_id=bob': 'links',
  '/merchants': 'merchants',
  '/rules': 'rules',
  '/effective-rule?merchant_id=m1': 'which_rule',
  '/deliveries': 'deliveries',
  '/guards': 'guards',
  '/audit-log': 'audit_log',
  '/keys': 'keys',
  '/sessions': 'sessions',
} as const;

let browser: Browser;
let shop: Shop;
let details: string[];

beforeAll(async () => {
  browser = await openBrowser();
  shop = await openShop();
  const { data: rules } = await shop.client.GET('/v1/rules');
  const { data: deliveries } = await shop.client.GET('/v1/deliveries');
  details = [
    '/orders/rest/O-1?merchant_id=m1',
    '/promoters/bob',
    `/links/${shop.code}`,
    '/merchants/m1',
    '/merchants/m1/products/p1',
    `/rules/${rules.data[0]!.rule_id}`,
    `/deliveries/${deliveries.data[0]!.delivery_id}`,
  ];
});

afterAll(async () => {
  await browser.close();
  await shop.close();
});

describe.each([
  { language: 'en' as Language, width: 1280 },
  { language: 'zh' as Language, width: 375 },
])('in $language, $width pixels wide', ({ language, width }) => {
  test('every page shows itself, without a fault, and no wider than the screen', async () => {
    const reader = await openReader(browser, { url: shop.service.url, language, width });
    await signIn(reader, language, ADMIN_KEY);
    for (const path of [...Object.keys(LISTS), ...details]) {
      await reader.goto(`/console${path === '/' ? '' : path}`);
      await reader.isSettled();
      const word = LISTS[path as keyof typeof LISTS];
      if (word !== undefined) expect(await reader.page.$eval('h1', (heading) => heading.textContent), path).toBe(WORDS[language][word]);
      expect(await reader.page.$$eval('[role="alert"]', (alerts) => alerts.map(({ textContent }) => textContent)), path).toEqual([]);
      expect(await reader.page.evaluate('document.documentElement.scrollWidth'), path).toBeLessThanOrEqual(width);
      await reader.isSound();
    }
    await reader.close();
  });
});

test('what others wrote is text, and what hides in it is seen', async () => {
  const reader = await openReader(browser, { url: shop.service.url, language: 'en' });
  await signIn(reader, 'en', ADMIN_KEY);
  await reader.goto('/console/promoters/mallory');
  await reader.sees(CANARY);
  await reader.goto('/console/orders');
  await reader.sees('O-⟨U+202E⟩3');
  expect(await reader.page.evaluate('document.body.innerText')).not.toContain(HIDING_ID);
  expect(await reader.page.title()).not.toContain('pwned');
  await reader.isSound();
  await reader.close();
});

test('what a role may not do is not shown, and its pages say so', async () => {
  const key = await shop.makeKey({ scope: 'merchant', merchant_id: 'm1' });
  const reader = await openReader(browser, { url: shop.service.url, language: 'en' });
  await signIn(reader, 'en', key);
  const menu = await reader.page.$eval('nav', (nav) => nav.textContent);
  expect(menu).toContain(en.orders);
  expect(menu).not.toContain(en.keys);
  await reader.goto('/console/keys');
  await reader.sees(en.not_allowed);
  await reader.isSound();
  await reader.close();
});

test('what is typed survives the end of a session', async () => {
  const reader = await openReader(browser, { url: shop.service.url, language: 'en' });
  await signIn(reader, 'en', ADMIN_KEY);
  await reader.goto('/console/merchants');
  await reader.type(`${en.merchant_id} ${en.required}`, 'm9');
  await reader.type(`${en.name} ${en.required}`, 'Kept');
  await reader.page.deleteCookie({ name: 'fy_session', url: shop.service.url });
  await reader.press('button', en.save);
  await reader.sees(en.signed_out);
  await reader.isSound();
  await reader.type(en.key, ADMIN_KEY);
  await reader.press('button', en.sign_in);
  await reader.page.waitForFunction(`document.querySelector('dialog') === null`);
  await reader.press('button', en.save);
  await reader.sees('m9');
  await reader.page.waitForFunction(`location.pathname.endsWith('/merchants/m9')`);
  expect((await shop.client.GET('/v1/merchants/{merchant_id}', { params: { path: { merchant_id: 'm9' } } })).data.name).toBe('Kept');
  await reader.close();
});
