// Who follows a link without being a buyer: crawlers, previews of messengers, browsers that fetch
// ahead, pages that embed.

import { isbot } from 'isbot';

/** Previews whose user agent looks like a browser's in some versions. */
const PREVIEW = /WhatsApp\/|TelegramBot|externalhit|LinkPreview|UrlPreview|WeChat.?(?:Bot|Preview)|LarkUrl|DingTalkBot|Tencent.?Safe/i;

const AGENTS_MAX = 10_000;
const AGENT_LENGTH_MAX = 1024;

/**
 * The same few thousand agents come again and again, and judging one takes as long as signing a
 * token.
 */
const judged = new Map<string, boolean>();

/**
 * Whether this user agent names a crawler, a preview or a tool. None at all is not called a bot:
 * some proxies strip it.
 */
function isBot(userAgent: string | undefined): boolean {
  if (userAgent === undefined || userAgent === '') return false;
  const known = judged.get(userAgent);
  if (known !== undefined) return known;
  const agent = userAgent.slice(0, AGENT_LENGTH_MAX);
  const bot = PREVIEW.test(agent) || isbot(agent);
  if (judged.size >= AGENTS_MAX) judged.clear();
  if (userAgent.length <= AGENT_LENGTH_MAX) judged.set(userAgent, bot);
  return bot;
}

/** Crawlers and tools by their own words. */
const CRAWLER = /bot\b|bot\/|spider|crawl|slurp|scrap|curl\/|wget\/|python|headless/i;

/**
 * The same of a click that a storefront tells. An app of its own may call itself "Shop/3.1" or
 * "okhttp/4.9": that is no bot.
 */
export function isBotTold(userAgent: string | undefined): boolean {
  if (userAgent === undefined) return false;
  return userAgent.startsWith('Mozilla/') ? isBot(userAgent) : PREVIEW.test(userAgent) || CRAWLER.test(userAgent);
}

interface Signs {
  'user-agent'?: string | undefined;
  purpose?: string | string[] | undefined;
  'sec-purpose'?: string | string[] | undefined;
  'sec-fetch-dest'?: string | string[] | undefined;
}

/**
 * Whether a request for a link is something else than a person who follows it. Beside the agents:
 * pages fetched ahead, and links that a page loads as an image, a script or a frame, which is how
 * clicks are forged in the browsers of others.
 */
export function isBotRequest(headers: Signs): boolean {
  if (headers['sec-purpose'] !== undefined || headers.purpose !== undefined) {
    if (/prefetch|prerender|preview/i.test(`${String(headers['sec-purpose'])} ${String(headers.purpose)}`)) return true;
  }
  const destination = headers['sec-fetch-dest'];
  if (destination !== undefined && destination !== 'document' && destination !== 'empty') return true;
  return isBot(headers['user-agent']);
}
