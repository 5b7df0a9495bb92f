// The promoter's page over HTTP: every page is a document of its own that has its figures in it, as
// the API tells them to whoever asks.

import type { FastifyReply, FastifyRequest } from 'fastify';

import { DomainError } from '../core/errors.ts';
import type { App } from '../platform/http/app.ts';
import { serveBundle, type Bundle } from './bundle.ts';
import { askAs } from './caller.ts';
import { claimsPage } from './pages/claims.ts';
import { figuresOf } from './pages/figures.ts';
import { documentOf, sentencePage, signInPage, type Page, type Visit } from './pages/frame.ts';
import { linkPage } from './pages/link.ts';
import { moneyPage } from './pages/money.ts';
import { orderPage, ordersPage } from './pages/orders.ts';
import { linksPage, sharePage } from './pages/share.ts';
import { todayPage } from './pages/today.ts';
import { languageOf, sayingIn, type Say } from './words/words.ts';

/** Our own script, style and pictures, requests to nobody but us, and no code in a page. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "form-action 'self'",
].join('; ');

const PAGES: Readonly<Record<string, (visit: Visit) => Promise<Page>>> = {
  '/me': todayPage,
  '/me/orders': ordersPage,
  '/me/orders/:source_id/:order_id': orderPage,
  '/me/claims': claimsPage,
  '/me/share': sharePage,
  '/me/links': linksPage,
  '/me/links/:code': linkPage,
  '/me/money': moneyPage,
};

interface MeDeps {
  /** By whose clocks days begin and times are told. */
  timeZone: string;
}

/**
 * GET under /me. Who shows no key and no session is asked to sign in, and who is no promoter is
 * told so.
 */
export function mePageRoutes(app: App, { timeZone }: MeDeps): void {
  const bundleOf = serveBundle(app);
  for (const [url, page] of Object.entries(PAGES)) {
    app.get(url, { schema: { hide: true } }, (request, reply) => answer(request, reply, page, { bundle: bundleOf(), timeZone }));
  }
}

interface Serving {
  bundle: Bundle;
  timeZone: string;
}

async function answer(request: FastifyRequest, reply: FastifyReply, page: (visit: Visit) => Promise<Page>, { bundle, timeZone }: Serving) {
  const language = languageOf(request.headers['accept-language']);
  const say = sayingIn(language);
  const path = request.raw.url?.split('?', 1)[0] ?? '';
  const frame = { bundle, say, language, timeZone, path };
  const ask = askAs(request);
  const { status, shown, csrf } = await shownTo(request, say, async (promoterId) =>
    page({
      promoterId,
      ask,
      say,
      figures: figuresOf(language, timeZone),
      language,
      timeZone,
      now: new Date(),
      params: textsOf(request.params),
      query: textsOf(request.query),
    }),
  );
  return reply
    .code(status)
    .headers({
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'cache-control': 'private, no-cache',
      'content-language': language,
      vary: 'accept-language, cookie, authorization',
    })
    .type('text/html; charset=utf-8')
    .send(documentOf(frame, shown, csrf === undefined ? null : { csrf }));
}

/** `csrf` is undefined for whoever has not signed in, and null where a key was sent. */
interface Shown {
  status: number;
  shown: Page;
  csrf?: string | null;
}

/** The page, or the sentence that stands in its place. */
async function shownTo(request: FastifyRequest, say: Say, pageOf: (promoterId: string) => Promise<Page>): Promise<Shown> {
  const ask = askAs(request);
  let csrf: string | null | undefined;
  try {
    const me = await ask('/v1/me');
    csrf = me.csrf;
    if (me.promoter_id === null) return { status: 403, shown: sentencePage(say('not_a_promoter', { scope: me.scope })), csrf };
    return { status: 200, shown: await pageOf(me.promoter_id), csrf };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const { status, shown } = insteadOf(error, request, say);
    return { status, shown, ...(csrf !== undefined && { csrf }) };
  }
}

function insteadOf({ code }: DomainError, request: FastifyRequest, say: Say): Shown {
  switch (code) {
    case 'unauthorized':
      // A document to sign in on is what was asked for, so it is no error.
      return { status: 200, shown: signInPage(say, { hasEnded: /\bfy_session=[^;]/.test(request.headers.cookie ?? '') }) };
    case 'suspended':
      return { status: 403, shown: sentencePage(say('suspended')) };
    case 'too_many_requests':
      return { status: 429, shown: sentencePage(say('too_often')) };
    case 'not_found':
    case 'forbidden':
    case 'malformed_request':
    case 'invalid_cursor':
      return { status: 404, shown: sentencePage(say('not_there')) };
    default:
      return { status: 503, shown: sentencePage(say('no_answer')) };
  }
}

/** What of an address is a text; a name that comes twice says nothing. */
function textsOf(given: unknown): Record<string, string> {
  const entries = Object.entries(given as Record<string, unknown>);
  return Object.fromEntries(entries.flatMap(([name, value]) => (typeof value === 'string' && value !== '' ? [[name, value]] : [])));
}
