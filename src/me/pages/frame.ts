// The frame of every page: its document, the way between the pages, signing in and out, and the one
// sentence where there is nothing to show.

import type { Bundle } from '../bundle.ts';
import type { Ask } from '../caller.ts';
import type { Word } from '../words/words-en.ts';
import type { Language, Say } from '../words/words.ts';
import type { Figures } from './figures.ts';
import { dataBlock, html, type Markup } from './html.ts';

/** Who opened a page, and how that promoter reads. */
export interface Visit {
  promoterId: string;
  ask: Ask;
  say: Say;
  figures: Figures;
  language: Language;
  timeZone: string;
  now: Date;
  /** What stands in the address. */
  params: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string>>;
}

/** What a page is made of. */
export interface Page {
  title: Word;
  main: Markup;
  /** It shows what changes by itself, so that it is asked for again while somebody looks. */
  isLive?: boolean;
}

const NAVIGATION = [
  ['/me', 'today'],
  ['/me/orders', 'orders'],
  ['/me/share', 'share'],
  ['/me/money', 'money'],
] as const satisfies readonly (readonly [string, Word])[];

/** What the script says by itself; the rest stands in the pages. */
const SCRIPT_WORDS = ['sending', 'done', 'refused', 'offline', 'copied', 'selected', 'poster_alt', 'poster_failed', 'poster_scan'] as const;

/** What answers by a word of its own when something is sent. */
const REFUSALS = [
  'claim_exists',
  'already_credited',
  'claim_too_late',
  'order_not_claimable',
  'claim_limit',
  'ambiguous_order',
  'unknown_order',
  'unknown_merchant',
  'suspended',
  'link_limit',
  'unauthorized',
  'not_payable',
  'too_many_requests',
  'unknown_provider',
  'malformed_request',
  'invalid_landing_url',
] as const;

/** What all documents share: built files, words, and where the visitor is. */
interface Frame {
  bundle: Bundle;
  say: Say;
  language: Language;
  timeZone: string;
  /** Without the query. */
  path: string;
}

interface SignedIn {
  csrf: string | null;
}

/** A whole document. `signedIn` is null for whoever has yet to sign in. */
export function documentOf({ bundle, say, language, timeZone, path }: Frame, page: Page, signedIn: SignedIn | null): string {
  const data = {
    csrf: signedIn?.csrf ?? null,
    words: Object.fromEntries(SCRIPT_WORDS.map((word) => [word, say(word, { detail: '{detail}' })])),
    refusals: Object.fromEntries(REFUSALS.map((code) => [code, say(`refused_${code}`, { detail: '{detail}' })])),
  };
  const title = say(page.title);
  return html`<!doctype html>
    <html lang="${language === 'zh' ? 'zh-CN' : 'en'}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="format-detection" content="telephone=no" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · ${say('title')}</title>
        <link rel="stylesheet" href="${bundle.style}" />
        <script src="${bundle.script}" defer></script>
        <link rel="icon" href="data:," />
      </head>
      <body>
        <main id="main" ${page.isLive === true ? { markup: ' data-live' } : null}>
          <h1>${title}</h1>
          ${page.main}
        </main>
        ${codeQuestion(say)} ${signedIn === null ? null : foot(say, path, timeZone)} ${dataBlock('page', data)}
        <noscript><p>${say('needs_script')}</p></noscript>
      </body>
    </html> `.markup;
}

function foot(say: Say, path: string, timeZone: string): Markup {
  const links = NAVIGATION.map(([address, word]) => {
    const isHere = address === '/me' ? path === address : path === address || path.startsWith(`${address}/`);
    return html`<a href="${address}" ${isHere ? { markup: ' aria-current="page"' } : null}>${say(word)}</a>`;
  });
  return html`<nav aria-label="${say('pages')}">${links}</nav>
    <footer>
      <p>${say('times_of', { zone: timeZone })}</p>
      <p><button type="button" data-sign-out>${say('sign_out')}</button></p>
    </footer>`;
}

/**
 * Shown by the script where the address ends in a code: a preview of a link that somebody sent must
 * not use the code up, so a person is asked.
 */
function codeQuestion(say: Say): Markup {
  return html`<section id="code" hidden aria-labelledby="code-heading">
    <h2 id="code-heading">${say('link_found')}</h2>
    <p><button type="button" class="main" data-use-code>${say('use_link')}</button></p>
    <p role="alert"></p>
  </section>`;
}

/** Where a visitor signs in; `hasEnded` where a session was shown that is none any more. */
export function signInPage(say: Say, { hasEnded }: { hasEnded: boolean }): Page {
  const main = html`${hasEnded ? html`<p role="status">${say('session_ended')}</p>` : null}
    <p>${say('sign_in_words')}</p>
    <form data-sign-in>
      <p>
        <label for="key">${say('your_key')}</label>
        <input id="key" name="key" type="password" required autocomplete="current-password" autocapitalize="off" spellcheck="false" />
      </p>
      <p><button class="main">${say('sign_in')}</button></p>
      <p role="alert"></p>
    </form>`;
  return { title: 'title', main };
}

/** A page of one sentence. */
export function sentencePage(sentence: string): Page {
  return { title: 'title', main: html`<p role="status">${sentence}</p>` };
}
