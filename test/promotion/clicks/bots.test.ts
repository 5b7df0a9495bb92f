// Who is told from a buyer by the headers of a request.

import { expect, test } from 'vitest';

import { isBotRequest, isBotTold } from '../../../src/promotion/clicks/bots.ts';

const WECHAT =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50';

test.each([
  WECHAT,
  'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 aweme_27.0.0 Region/CN',
  'Mozilla/5.0 (Linux; Android 10) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36 DingTalk(4.3.3-Android/27)',
  undefined,
])('a person follows with %s', (agent) => {
  expect(isBotRequest({ 'user-agent': agent, 'sec-fetch-dest': 'document' })).toBe(false);
});

test.each([
  'WhatsApp/2.23.20.0 A',
  'TelegramBot (like TwitterBot)',
  'facebookexternalhit/1.1',
  'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
  'DingTalkBot-LinkService/1.0',
  'Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)',
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0 Safari/537.36',
  'curl/8.5.0',
])('a preview or a crawler is told by %s', (agent) => {
  expect(isBotRequest({ 'user-agent': agent })).toBe(true);
  expect(isBotRequest({ 'user-agent': agent })).toBe(true);
});

test.each([
  { 'sec-purpose': 'prefetch' },
  { 'sec-purpose': 'prefetch;prerender' },
  { purpose: 'prefetch' },
  { 'sec-fetch-dest': 'iframe' },
  { 'sec-fetch-dest': 'image' },
  { 'sec-fetch-dest': 'script' },
])('what a page fetches by itself is no visit: %j', (signs) => {
  expect(isBotRequest({ 'user-agent': WECHAT, ...signs })).toBe(true);
});

test("an app of a storefront's own is no bot when the storefront tells of it, but a crawler is", () => {
  for (const agent of [undefined, 'okhttp/4.9.3', 'MyShop/3.2.1', 'MyShop/3.2 CFNetwork/1490 Darwin/23', WECHAT]) {
    expect(isBotTold(agent)).toBe(false);
  }
  for (const agent of ['WhatsApp/2.23', 'facebookexternalhit/1.1', 'Mozilla/5.0 (compatible; Googlebot/2.1)']) {
    expect(isBotTold(agent)).toBe(true);
  }
});
