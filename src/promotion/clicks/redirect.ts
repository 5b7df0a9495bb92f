// GET /r/{code}: the click is durable before the redirect answers. The hot path: no zod, no log
// line, nothing allocated without need.

import type { KeyObject } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

import type { FastifyReply } from 'fastify';
import { z } from 'zod';

import type { App } from '../../platform/http/app.ts';
import { uuidv7 } from '../../platform/uuid.ts';
import { isBotRequest } from './bots.ts';
import type { Click, Touch } from './click-store.ts';
import type { ClickWriter } from './click-writer.ts';
import { floodGate } from './flood.ts';
import { identityHash } from '../buyers/identity.ts';
import { CODE } from '../links/link.ts';
import type { Landing } from '../links/landing.ts';
import { isAway, type LinkCache, type LiveLink } from '../links/link-cache.ts';
import { mintClickToken } from './token.ts';
import { firstClickOf, makeVisitor, VISITOR, VISITOR_COOKIE, visitorIn } from './visitor.ts';

const COOKIE_SECONDS = 365 * 24 * 60 * 60;
const RETRY_SECONDS = 2;

/** For the documents only; the answers are written by hand. */
const PAGE = { 'text/html': { schema: z.string() } };
const RESPONSES = {
  302: z.undefined().meta({ description: 'To the landing URL.' }),
  404: { description: 'There is no such link: a page that says so.', content: PAGE },
  503: { description: 'The link cannot be looked up right now: a page that says so.', content: PAGE },
};
const HEADERS = {
  302: {
    Location: 'The landing URL with `fy_click`, or the tracked link of the platform.',
    'Set-Cookie': '`fy_vid`, which knows the visitor again; on the first visit.',
    'Cache-Control': '`no-store`: every visit is to be seen.',
  },
  503: { 'Retry-After': 'When to try again, in seconds.' },
};

interface RedirectDeps {
  /** Where links begin, without a slash at the end. */
  publicUrl: string;
  /** The first signs click tokens. */
  tokenKeys: readonly [KeyObject, ...KeyObject[]];
  identityKey: KeyObject;
  links: LinkCache;
  clicks: ClickWriter;
  /**
   * A click that could be made durable nowhere. Its redirect is answered all the same: the token
   * proves the click.
   */
  onLost: (error: unknown) => void;
  /** How many redirects a minute of one address are kept as clicks, each for itself. */
  redirectsPerAddress: number;
  /** Counts a click beyond that. */
  onFlooded: () => void;
}

export const REDIRECT = '/r/:code';

/** GET /r/{code}, in a scope of its own. */
export function redirectRoutes(app: App, deps: RedirectDeps): void {
  const { links } = deps;
  const visit = visitor(deps);

  app.get(REDIRECT, {
    schema: {
      operationId: 'links.follow',
      tags: ['links'],
      summary: 'Follow a link',
      description:
        'Leads to the landing URL with the click token added to its query as `fy_click`, or to the tracked link of its platform.',
      response: RESPONSES,
      answerHeaders: HEADERS,
    },
    handler: (request, reply) => {
      const { code } = request.params as { code: string };
      const now = Date.now();
      const link = CODE.test(code) ? links.peek(code, now) : null;
      if (link === undefined) return lookUp(code, request, reply);
      return follow(link, now, request, reply);
    },
  });

  async function lookUp(code: string, request: Request, reply: FastifyReply): Promise<void> {
    let link: LiveLink | null;
    try {
      link = await links.load(code);
    } catch (error) {
      if (!isAway(error)) throw error;
      return page(reply.header('retry-after', String(RETRY_SECONDS)), 503, 'Just a moment', 'This link cannot be opened right now.');
    }
    return follow(link, Date.now(), request, reply);
  }

  function follow(link: LiveLink | null, now: number, request: Request, reply: FastifyReply): void | Promise<void> {
    if (link === null || link.landing === null) return page(reply, 404, 'Not found', 'There is no such link.');
    if (request.method === 'HEAD' || !link.active || now >= link.expiresAt) return lead(reply, link.landing.plain);
    return visit(link, link.landing, now, request, reply);
  }
}

interface Request {
  method: string;
  ip: string;
  headers: IncomingHttpHeaders;
}

type Visit = (link: LiveLink, landing: Landing, now: number, request: Request, reply: FastifyReply) => void | Promise<void>;

/**
 * Records the visit of a link that may earn, and answers once that is durable. It never resolves
 * with the reply: that is a thenable, and whoever awaits it waits with listeners of his own until
 * the last byte is sent. A visit that is one of a flood is answered at once, with its token as any
 * other, which is all that an order needs to earn by it.
 */
function visitor(deps: RedirectDeps): Visit {
  const { publicUrl, identityKey, clicks, onLost } = deps;
  const [tokenKey] = deps.tokenKeys;
  const flood = floodGate(deps.redirectsPerAddress);
  const cookieEnd = `; Path=/; Max-Age=${COOKIE_SECONDS}; HttpOnly; SameSite=Lax${publicUrl.startsWith('https:') ? '; Secure' : ''}`;

  return (link, landing, now, { headers, ip }, reply) => {
    const click: Click = {
      clickId: uuidv7(now),
      linkCode: link.code,
      merchantId: link.merchantId,
      clickedAt: now,
      identity: null,
      bot: isBotRequest(headers),
      touches: NO_TOUCHES,
    };
    if (!click.bot) {
      const known = visitorIn(headers.cookie);
      const value = known ?? makeVisitor(link.visitorTag, click.clickId);
      click.identity = identityHash(identityKey, link.merchantId, VISITOR, value);
      // A first visit is written without a touch: most visitors come once, and the cookie remembers
      // the click for when they come again.
      if (known === null) reply.header('set-cookie', `${VISITOR_COOKIE}=${value}${cookieEnd}`);
      else click.touches = touchesOf(known, click.identity, click, link.visitorTag);
    }
    const location = link.tracked ?? landing.before + mintClickToken(tokenKey, click) + landing.after;
    if (flood.isOver(ip, now)) {
      deps.onFlooded();
      if (flood.isSample(link.code, now)) clicks.write({ ...click, bot: true, flooded: true, touches: NO_TOUCHES }).catch(onLost);
      return lead(reply, location);
    }
    return clicks.write(click).then(
      () => lead(reply, location),
      (error: unknown) => {
        onLost(error);
        return lead(reply, location);
      },
    );
  };
}

const NO_TOUCHES: Touch[] = [];

function touchesOf(value: string, identity: string, { clickId, clickedAt }: Click, tag: string): Touch[] {
  const touches: Touch[] = [{ identity, clickId, clickedAt }];
  const first = firstClickOf(value, tag);
  if (first !== null) touches.push({ identity, ...first });
  return touches;
}

function lead(reply: FastifyReply, location: string): void {
  void reply
    .code(302)
    .header('location', location)
    .header('cache-control', 'no-store')
    .header('referrer-policy', 'origin')
    .header('x-robots-tag', 'noindex')
    .send();
}

function page(reply: FastifyReply, status: number, title: string, text: string): void {
  void reply
    .code(status)
    .header('cache-control', 'no-store')
    .header('x-robots-tag', 'noindex')
    .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
    .type('text/html; charset=utf-8')
    .send(
      `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>` +
        `<body style="font:16px/1.5 system-ui;margin:20vh auto;max-width:30em;padding:0 1em;text-align:center"><h1>${title}</h1><p>${text}</p>`,
    );
}
