// Links: made by storefronts and promoters, one or many at a time, found again, and drawn as QR codes.

import { toBuffer, toString } from 'qrcode';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import { mayActAs, mayActFor, type Actor } from '../platform/actor.ts';
import type { App } from '../platform/http.ts';
import { answerOnce } from '../platform/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../platform/paging.ts';
import { problems } from '../platform/problem.ts';
import type { PromotionDeps } from './deps.ts';
import { callerId } from './fields.ts';
import { found } from './found.ts';
import { linkAnswer, linkBody, linkWish, showLink, urlOf } from './link-body.ts';
import { findLink, listLinks, makeLinks, type MadeLink } from './link-store.ts';
import type { LinkRow } from './link.ts';

type Deps = Pick<PromotionDeps, 'db' | 'publicUrl'>;

const LINKS_MAX = 1000;
const QR_MARGIN = 4;

const params = z.object({ code: z.string().max(128) });
const filter = pageQuery.extend({
  promoter_id: callerId.optional().meta({ description: 'Whose links; a promoter key may leave it out.' }),
  merchant_id: callerId.optional(),
});
const qrQuery = z.object({ size: z.coerce.number().int().min(64).max(2048).default(512).meta({ description: 'Pixels of a side.' }) });
const place = z.tuple([z.iso.datetime(), z.string()]);

export function linkRoutes(app: App, deps: Deps): void {
  makingRoutes(app, deps);
  readingRoutes(app, deps);
  qrRoutes(app, deps);
}

function makingRoutes(app: App, { db, publicUrl }: Deps): void {
  app.post('/v1/links', {
    config: { scopes: ['storefront', 'promoter'] },
    schema: {
      tags: ['links'],
      summary: 'Make a link',
      body: linkBody,
      response: { 201: linkAnswer, ...problems(400, 401, 403, 409, 422) },
    },
    handler: (request, reply) => {
      mayShare(request.actor, request.body);
      return answerOnce(request, reply, db, async ({ trx, now }) => {
        const [link] = allMade(await makeLinks(trx, [linkWish(request.body)], now), () => '');
        return { status: 201, body: showLink(link!, publicUrl) };
      });
    },
  });

  app.post('/v1/links/batch', {
    config: { scopes: ['storefront', 'promoter'] },
    schema: {
      tags: ['links'],
      summary: 'Make up to 1000 links, all of them or none',
      body: z.strictObject({ links: z.array(linkBody).min(1).max(LINKS_MAX) }),
      response: { 201: z.object({ data: z.array(linkAnswer) }), ...problems(400, 401, 403, 409, 422) },
    },
    handler: (request, reply) => {
      for (const link of request.body.links) mayShare(request.actor, link);
      return answerOnce(request, reply, db, async ({ trx, now }) => {
        const links = allMade(await makeLinks(trx, request.body.links.map(linkWish), now), (index) => `links.${index}.`);
        return { status: 201, body: { data: links.map((link) => showLink(link, publicUrl)) } };
      });
    },
  });
}

function readingRoutes(app: App, { db, publicUrl }: Deps): void {
  app.get('/v1/links/:code', {
    config: { scopes: ['storefront', 'promoter'] },
    schema: { tags: ['links'], summary: 'A link', params, response: { 200: linkAnswer, ...problems(400, 401, 403, 404) } },
    handler: async ({ params: { code }, actor }) => {
      const link = found(await findLink(db, code), 'link');
      mayShare(actor, link);
      return showLink(link, publicUrl);
    },
  });

  app.get('/v1/links', {
    config: { scopes: ['storefront', 'promoter'] },
    schema: {
      tags: ['links'],
      summary: 'The links of a promoter, the newest first',
      querystring: filter,
      response: { 200: pageOf(linkAnswer), ...problems(400, 401, 403) },
    },
    handler: async ({ query: { limit, cursor, promoter_id, merchant_id }, actor }) => {
      const promoterId = promoter_id ?? actor.promoterId;
      const merchantId = merchant_id ?? actor.merchantId;
      if (promoterId === null) {
        throw new DomainError('malformed_request', 'Say whose links.', { errors: [{ path: 'promoter_id', message: 'must be given' }] });
      }
      mayActAs(actor, promoterId);
      mayActFor(actor, merchantId);
      const [madeAt, code] = cursor === undefined ? [] : decodeCursor(cursor, place);
      const after = madeAt === undefined || code === undefined ? null : { madeAt, code };
      const links = await listLinks(db, { promoterId, merchantId }, { limit, after });
      return toPage(
        links,
        limit,
        (link) => showLink(link, publicUrl),
        (link) => [link.made_at, link.code],
      );
    },
  });
}

function qrRoutes(app: App, { db, publicUrl }: Deps): void {
  const linkOf = async (code: string, actor: Actor): Promise<string> => {
    const link = found(await findLink(db, code), 'link');
    mayShare(actor, link);
    return urlOf(publicUrl, link.code);
  };

  app.get('/v1/links/:code/qr.svg', {
    config: { scopes: ['storefront', 'promoter'] },
    schema: { tags: ['links'], summary: 'The QR code of a link as SVG', params, response: imageResponse('image/svg+xml') },
    handler: async ({ params: { code }, actor }, reply) => {
      const svg = await toString(await linkOf(code, actor), { type: 'svg', margin: QR_MARGIN });
      return reply.type('image/svg+xml').send(svg);
    },
  });

  app.get('/v1/links/:code/qr.png', {
    config: { scopes: ['storefront', 'promoter'] },
    schema: {
      tags: ['links'],
      summary: 'The QR code of a link as PNG',
      params,
      querystring: qrQuery,
      response: imageResponse('image/png'),
    },
    handler: async ({ params: { code }, query: { size }, actor }, reply) => {
      const png = await toBuffer(await linkOf(code, actor), { type: 'png', margin: QR_MARGIN, width: size });
      return reply.type('image/png').send(png);
    },
  });
}

function imageResponse(type: string) {
  const content = { [type]: { schema: z.unknown() } };
  return { 200: { description: 'The picture.', content }, ...problems(400, 401, 403, 404) };
}

/** Refuses a key that is bound to another merchant or to another promoter. */
function mayShare(actor: Actor, link: { merchant_id: string; promoter_id: string }): void {
  mayActFor(actor, link.merchant_id);
  mayActAs(actor, link.promoter_id);
}

/** The links when all of them were made. Throws with the faults of all that were not, each under the path of its wish. */
function allMade(results: MadeLink[], pathOf: (index: number) => string): LinkRow[] {
  const refusals = results.flatMap((result, index) => (result instanceof DomainError ? [{ refusal: result, index }] : []));
  const [first] = refusals;
  if (first === undefined) return results as LinkRow[];
  const errors = refusals.flatMap(({ refusal, index }) =>
    refusal.errors.map(({ path, message }) => ({ path: `${pathOf(index)}${path}`, message })),
  );
  throw new DomainError(first.refusal.code, first.refusal.message, { errors });
}
