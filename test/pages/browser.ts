// A real browser for the walks: what a reader presses and types is found as assistive technology
// finds it, by role and name.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { launch, type Browser, type Page } from 'puppeteer-core';
import { expect } from 'vitest';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WAIT_MS = 15_000;

export type Language = 'en' | 'zh';
type Role = 'button' | 'link' | 'textbox' | 'searchbox' | 'combobox' | 'heading' | 'checkbox' | 'table' | 'alert' | 'dialog';

/** Opens Chromium without a screen. It is root's in a container, where it has no sandbox. */
export function openBrowser(): Promise<Browser> {
  return launch({
    executablePath: CHROMIUM,
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-dev-shm-usage', '--force-prefers-reduced-motion'],
  });
}

/** One reader: a window with cookies of its own, and what he does in it. */
export interface Reader {
  page: Page;
  goto: (path: string) => Promise<void>;
  /** Presses what has this name. */
  press: (role: Role, name: string) => Promise<void>;
  /** Types into a field, in the place of what stands there. */
  type: (label: string, text: string, role?: Role) => Promise<void>;
  choose: (label: string, value: string) => Promise<void>;
  /** Waits until the page says this. */
  sees: (text: string) => Promise<void>;
  /** Waits until nothing is on its way any more. */
  isSettled: () => Promise<void>;
  /** No serious fault for those who read otherwise, and nothing that the browser refused. */
  isSound: () => Promise<void>;
  close: () => Promise<void>;
}

export async function openReader(browser: Browser, { url, language, width = 1280 }: { url: string; language: Language; width?: number }) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.setViewport({ width, height: 900 });
  await page.setExtraHTTPHeaders({ 'accept-language': language === 'zh' ? 'zh-CN,zh;q=0.9' : 'en-GB,en;q=0.9' });
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    // What the API refuses is told by the page, and by the browser too.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(message.text());
  });
  const find = (role: Role, name: string) => page.locator(`::-p-aria([role="${role}"][name="${name}"])`);
  const reader: Reader = {
    page,
    goto: async (path) => {
      await page.goto(`${url}${path}`);
    },
    press: async (role, name) => {
      await find(role, name).click();
    },
    type: async (label, text, role = 'textbox') => {
      await find(role, label).fill(text);
    },
    choose: async (label, value) => {
      const handle = await find('combobox', label).waitHandle();
      await handle.asElement()!.select(value);
    },
    sees: async (text) => {
      await page.waitForFunction(`document.body.innerText.includes(${JSON.stringify(text)})`);
    },
    isSettled: async () => {
      await page.waitForFunction(`document.querySelector('h1') !== null && document.querySelector('.waiting') === null`);
    },
    isSound: async () => {
      await expectAccessible(page);
      expect(faults).toEqual([]);
    },
    close: () => context.close(),
  };
  return reader;
}

const SIGN_IN = {
  en: { key: 'API key', signIn: 'Sign in', signOut: 'Sign out' },
  zh: { key: 'API 密钥', signIn: '登录', signOut: '退出' },
};

/** Signs in with a key, at the page on which the reader is, or at the first one. */
export async function signIn(reader: Reader, language: Language, key: string): Promise<void> {
  const words = SIGN_IN[language];
  if (reader.page.url() === 'about:blank') await reader.goto('/console');
  await reader.type(words.key, key);
  await reader.press('button', words.signIn);
  await reader.sees(words.signOut);
}

interface AxeResults {
  violations: { id: string; impact: string; help: string; nodes: { html: string; failureSummary: string }[] }[];
}

/** Axe finds nothing serious on the page as it stands. */
async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(AXE);
  const { violations } = (await page.evaluate(`axe.run(document, { resultTypes: ['violations'] })`)) as AxeResults;
  const serious = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(({ html, failureSummary }) => `  ${html}\n  ${failureSummary}`).join('\n')}`,
    );
  expect(serious.join('\n'), `of ${page.url()}`).toBe('');
}
