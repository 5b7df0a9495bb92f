// A promoter walks through the page in a real browser: signs in, reads, claims, makes a link and
// its poster, says where the money goes, and signs out; once in Chinese and once in English.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { launch, type Browser, type Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { sayingIn, type Language } from '../../src/me/words/words.ts';
import { openPhone, type Phone } from '../me/phone.ts';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const NARROW = { width: 320, height: 640, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const POSTER_BYTES_MAX = 1_500_000;
const ADDRESSES = ['/me', '/me/orders', '/me/orders/rest/E-1', '/me/claims', '/me/share', '/me/links', '/me/money'];

let phone: Phone;
let browser: Browser;
let axe: string;
beforeAll(async () => {
  phone = await openPhone();
  browser = await launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
});
afterAll(async () => {
  await browser.close();
  await phone.close();
});

/** What axe finds that is serious. It is put in past the policy, which would not let it run. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = (await page.evaluate('axe.run(document)')) as { violations: { id: string; impact: string; nodes: { html: string }[] }[] };
  const serious = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return serious.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

/** Whether something stands out to the right of a narrow phone. */
const isTooWide = (page: Page) => page.evaluate('document.documentElement.scrollWidth > innerWidth') as Promise<boolean>;

async function openPage(language: Language) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const broken: string[] = [];
  page.on('pageerror', (error) => broken.push(String(error)));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) broken.push(message.text());
  });
  await page.setViewport(NARROW);
  await page.setExtraHTTPHeaders({ 'accept-language': language === 'zh' ? 'zh-CN,zh' : 'en' });
  const visit = (path: string) => page.goto(phone.service.url + path);
  // As a person does, who scrolls what would be behind the bar at the bottom into sight.
  const tap = async (selector: string) => {
    await page.$eval(selector, (place) => place.scrollIntoView({ block: 'center' }));
    await page.click(selector);
  };
  const press = (selector: string) => Promise.all([page.waitForNavigation(), tap(selector)]);
  const text = () => page.$eval('main', (main) => main.textContent);
  return { page, broken, visit, tap, press, text, close: () => context.close() };
}

describe.each<{ language: Language; promoter: 'bob' | 'alice' }>([
  { language: 'zh', promoter: 'bob' },
  { language: 'en', promoter: 'alice' },
])('in $language', ({ language, promoter }) => {
  const say = sayingIn(language);
  let walk: Awaited<ReturnType<typeof openPage>>;
  beforeAll(async () => {
    walk = await openPage(language);
  });
  afterAll(() => walk.close());

  test('a wrong key is told so, and the right one signs in', async () => {
    await walk.visit('/me');
    expect(await faultsOf(walk.page)).toEqual([]);
    await walk.page.type('#key', 'fy_nobody');
    await walk.tap('form[data-sign-in] button');
    await walk.page.waitForFunction(
      (said) => document.querySelector('[role=alert]')?.textContent === said,
      {},
      say('refused_unauthorized'),
    );
    await walk.page.$eval('#key', (field) => {
      (field as HTMLInputElement).value = '';
    });
    await walk.page.type('#key', phone.keys[promoter]);
    await walk.press('form[data-sign-in] button');
    expect(await walk.text()).toContain(say('available'));
  });

  test('every page is there, is no wider than the phone, and has no serious fault for anybody', async () => {
    for (const address of ADDRESSES.filter((one) => promoter === 'bob' || !one.includes('E-1'))) {
      const answer = await walk.visit(address);
      expect(answer?.status(), address).toBe(200);
      expect(await isTooWide(walk.page), address).toBe(false);
      expect(await faultsOf(walk.page), address).toEqual([]);
    }
  });

  test('a missing order is claimed in two taps and its number', async () => {
    await walk.visit('/me/orders');
    await walk.press('a[href="/me/claims"]');
    await walk.page.type('#order', `lost-${language}`);
    await walk.press('form[data-send] button');
    expect(await walk.text()).toContain(say('order_of', { order: `lost-${language}` }));
    expect(await walk.text()).toContain(say('claim_waiting'));
  });

  test('a link is made, copied or selected, and becomes a poster that a long press saves', async () => {
    await walk.visit('/me/share');
    await walk.press('form[data-send] button');
    await walk.tap('[data-copy]');
    await walk.page.waitForFunction(
      (...words) => words.includes(document.querySelector('[role=status]')?.textContent ?? ''),
      {},
      say('copied'),
      say('selected'),
    );
    await walk.tap('[data-draw]');
    const poster = await walk.page.waitForSelector('img.poster');
    const drawn = await poster!.evaluate(async (image) => {
      await image.decode();
      return { src: image.src, width: image.naturalWidth };
    });
    expect(drawn.src).toMatch(/^data:image\/jpeg;base64,/);
    expect(drawn.src.length).toBeLessThan(POSTER_BYTES_MAX);
    expect(drawn.width).toBe(750);
    expect(await walk.page.$$('a[download]')).toEqual([]);
  });

  test('where the money goes is said, and a payout is asked for', async () => {
    await walk.visit('/me/money');
    await walk.tap('summary');
    await walk.page.type('#name', '王小明');
    await walk.press('details button');
    expect(await walk.text()).toContain(say('payee_is', { provider: 'manual', kind: say('payee_individual') }));
    await walk.press('form[action="/v1/payout-requests"] button');
    expect(await walk.text()).toContain(say('payouts'));
    expect(await walk.page.$('form[action="/v1/payout-requests"]')).toBeNull();
  });

  test('a statement is a page', async () => {
    await walk.visit('/me/money');
    await walk.press('.months a');
    expect(await walk.page.$eval('html', (html) => html.lang.slice(0, 2))).toBe(language);
  });

  test('a code in the address is asked about before it is used', async () => {
    await walk.visit('/me');
    expect(await walk.page.$eval('#code', (section) => (section as HTMLElement).hidden)).toBe(true);
    await walk.page.evaluate(() => {
      location.hash = '#abcdefghijklmnopqrstuvwx';
    });
    await walk.page.waitForSelector('#code:not([hidden])');
  });

  test('signing out ends the session, and nothing broke on the way', async () => {
    await walk.visit('/me');
    await walk.press('[data-sign-out]');
    expect(await walk.page.$('form[data-sign-in]')).not.toBeNull();
    expect(walk.broken).toEqual([]);
  });
});
