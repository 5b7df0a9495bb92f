// The job of whoever is asked about an order: sign in, find it, and tell why it earned what it
// earned.

import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ADMIN_KEY } from '../running.ts';
import { openBrowser, openReader, signIn, type Language, type Reader } from './browser.ts';
import { openShop, type Shop } from './shop.ts';

const WORDS = {
  en: {
    key: 'API key',
    signIn: 'Sign in',
    orders: 'Orders',
    decision: 'Decision',
    filter: 'Filter',
    unattributed: 'unattributed',
  },
  zh: { key: 'API 密钥', signIn: '登录', orders: '订单', decision: '判定', filter: '筛选', unattributed: '未归因' },
};
const STORY = {
  en: ['Line 1 was earned by bob.', '123.45 CNY paid, less 0.00 CNY refunded, leaves 123.45 CNY.', 'The pool is 24.69 CNY.'],
  zh: ['订单行 1', '实付 123.45 CNY', '佣金池为 24.69 CNY'],
};

let browser: Browser;
let shop: Shop;

beforeAll(async () => {
  browser = await openBrowser();
  shop = await openShop();
});

afterAll(async () => {
  await browser.close();
  await shop.close();
});

async function signedIn(language: Language): Promise<Reader> {
  const reader = await openReader(browser, { url: shop.service.url, language });
  await reader.goto('/console/orders');
  await signIn(reader, language, ADMIN_KEY);
  await reader.sees('O-1');
  return reader;
}

describe.each(['en', 'zh'] as const)('in %s', (language) => {
  const words = WORDS[language];

  test('whoever has no key is asked for it, and for another one where it is refused', async () => {
    const reader = await openReader(browser, { url: shop.service.url, language });
    await reader.goto('/console/orders');
    await reader.sees(words.signIn);
    await reader.isSound();
    await reader.type(words.key, 'fy_nobody');
    await reader.press('button', words.signIn);
    await reader.sees('unauthorized');
    await reader.isSound();
    await reader.close();
  });

  test('an order is found among the others, and its story is told in sentences', async () => {
    const reader = await signedIn(language);
    await reader.isSound();
    expect(await reader.page.title()).toContain(words.orders);
    await reader.choose(words.decision, 'unattributed');
    await reader.press('button', words.filter);
    await reader.sees('O-2');
    await reader.page.waitForFunction(`!document.querySelector('table').innerText.includes('O-1')`);
    await reader.goto('/console/orders');
    await reader.press('link', 'O-1');
    for (const sentence of STORY[language]) await reader.sees(sentence);
    expect(await reader.page.title()).toContain('O-1');
    await reader.isSound();
    await reader.close();
  });
});
