// The job of whoever asks how sales go: what came, by whom, and what a figure is made of.

import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ADMIN_KEY } from '../running.ts';
import { openBrowser, openReader, type Language, type Reader } from './browser.ts';
import { openShop, type Shop } from './shop.ts';

const WORDS = {
  en: {
    key: 'API key',
    signIn: 'Sign in',
    by: 'By',
    promoter: 'Promoter',
    filter: 'Filter',
    live: 'Live, as of',
    bob: 'bob',
    made: 'Made',
  },
  zh: { key: 'API 密钥', signIn: '登录', by: '按', promoter: '推广者', filter: '筛选', live: '实时，截至', bob: 'bob', made: '已创建' },
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
  await reader.goto('/console/statistics');
  await reader.type(WORDS[language].key, ADMIN_KEY);
  await reader.press('button', WORDS[language].signIn);
  await reader.sees(WORDS[language].live);
  return reader;
}

describe.each(['en', 'zh'] as const)('in %s', (language) => {
  const words = WORDS[language];

  test('figures are live, stand by promoter, and open to the orders that they count', async () => {
    const reader = await signedIn(language);
    await reader.sees(words.made);
    await reader.page.waitForSelector('.chart canvas');
    await reader.isSound();
    await shop.client.POST('/v1/clicks', { body: { code: shop.code } });
    await reader.page.waitForFunction(
      `[...document.querySelectorAll('td.number')].some((cell) => cell.innerText.trim() === '${language === 'en' ? 1 : 2}')`,
    );
    await reader.choose(words.by, 'promoter');
    await reader.press('button', words.filter);
    await reader.sees(words.bob);
    await reader.isSound();
    const row = await reader.page.waitForSelector(`xpath///tr[td[contains(., 'bob')]]//a[contains(@href, 'measure=orders')]`);
    await row!.click();
    await reader.sees('O-1');
    await reader.isSound();
    expect(await reader.page.evaluate(`document.querySelector('table').innerText`)).not.toContain('O-2');
    await reader.close();
  });
});
