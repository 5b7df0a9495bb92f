// Links: made by storefronts and promoters, one or many at a time, found again, and drawn as QR
// codes.

import type { KeyObject } from 'node:crypto';

import type { Kysely } from 'kysely';
import { toBuffer, toString } from 'qrcode';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { mayActAs, mayActFor, type Actor } from '../../platform/keys/actor.ts';
import { bodyExamples, callerId } from '../../platform/http/fields.ts';
import type { App } from '../../platform/http/app.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import { answerOnce } from '../../platform/http/idempotency.ts';
import { cursorText, cursorTime, decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { orNotFound } from '../not-found.ts';
import { linkAnswer, linkWish, sharedBody, showLink, trackableBody, urlOf } from './link-body.ts';
import { findLink, listLinks, makeLinks, planAhead, refuseTooManyLinks, type MadeLink } from './link-store.ts';
import { keepAnswer, readTracking, type AskForLink, type TrackedAnswer } from './link-tracking.ts';
import { drawCode, type LinkRow, type LinkWish } from './link.ts';
import { mayChoose } from '../promoters/promoter-keys.ts';

interface LinkDeps {
  db: Kysely<DB>;
  /** Where links begin, without a slash at the end. */
  publicUrl: string;
  tokenKeys: readonly KeyObject[];
  /** How many links a promoter's own key may make within 24 hours. */
  linksPerDay: number;
  /** Gets the link of a platform for a link of ours. */
  askForLink: AskForLink;
  acceptedInto: AcceptedInto;
}

/** Which of these campaigns a promoter was accepted into, as `campaignKey` names them. */
export type AcceptedInto = (
  db: Kysely<DB>,
  promoterId: string,
  campaigns: readonly { merchantId: string; campaignId: string }[],
) => Promise<ReadonlySet<string>>;

const LINKS_MAX = 1000;
const QR_MARGIN = 4;

const params = z.object({ code: z.string().max(128) });
const filter = pageQuery.extend({
  promoter_id: callerId.optional().meta({ description: 'Whose links; a promoter key may leave it out.', example: 'bob' }),
  merchant_id: callerId.optional(),
});
const LINK = { promoter_id: 'bob', merchant_id: 'm1', product_id: 'p1', scene: 'group' };
const LINKS = [LINK, { promoter_id: 'alice', merchant_id: 'm1', product_id: 'p1', scene: 'live', content_id: 'room-7' }];
const linkBodies = z.array(sharedBody).min(1).max(LINKS_MAX);
const qrQuery = z.object({ size: z.coerce.number().int().min(64).max(2048).default(512).meta({ description: 'Pixels of a side.' }) });
const place = z.tuple([cursorTime, cursorText]);

export function linkRoutes(app: App, deps: LinkDeps): void {
  makingRoutes(app, deps);
  readingRoutes(app, deps);
  qrRoutes(app, deps);
}

/** POST /v1/links. */
const making = {
  operationId: 'links.make',
  tags: ['links'],
  summary: 'Make a link',
  description:
    'With a `source_id` its platform is asked for its tracked link of the product, which the link then leads to. Where it does not ' +
    'answer at once, `tracking.state` is `waiting` and it is asked again; where it refuses, no link is made.',
  body: trackableBody.meta(bodyExamples(LINK)),
  response: {
    201: linkAnswer,
    ...problems(
      'suspended',
      'cannot_choose',
      'unknown_merchant',
      'unknown_promoter',
      'unknown_product',
      'unknown_link',
      'unproven_share',
      'invalid_landing_url',
      'landing_host_not_allowed',
      'unknown_source',
      'cannot_promote',
      'platform_refused',
      'link_limit',
    ),
  },
};

/** POST /v1/links/batch. */
const makingMany = {
  operationId: 'links.makeMany',
  tags: ['links'],
  summary: 'Make up to 1000 links, all of them or none',
  description: 'The links as a list, or as `{"links": [...]}`.',
  body: z.union([linkBodies, z.strictObject({ links: linkBodies })]).meta(bodyExamples({ links: LINKS }, LINKS)),
  response: {
    201: z.object({ data: z.array(linkAnswer) }),
    ...problems(
      'suspended',
      'cannot_choose',
      'unknown_merchant',
      'unknown_promoter',
      'unknown_product',
      'unknown_link',
      'unproven_share',
      'invalid_landing_url',
      'landing_host_not_allowed',
      'link_limit',
    ),
  },
};

function makingRoutes(app: App, deps: LinkDeps): void {
  const { db, publicUrl, linksPerDay: perDay } = deps;
  app.post('/v1/links', {
    config: { scopes: ['storefront', 'promoter'], roles: ['operator'] },
    schema: making,
    handler: async (request, reply) => {
      mayShare(request.actor, request.body);
      mayChoose(await askerOf(deps, request.actor, [request.body]), request.body);
      const { source_id: sourceId } = request.body;
      // The platform is told the code before the link is there. If we end in between, it has made a
      // link that nobody was ever given.
      const wish = { ...linkWish(request.body), code: drawCode() };
      const answer = sourceId == null ? null : await askAhead(deps, request.actor, sourceId, wish);
      return answerOnce(request, reply, db, async ({ trx, now }) => {
        if (answer instanceof DomainError) throw answer;
        await refuseTooManyLinks(trx, request.actor, { more: 1, perDay, now });
        const [link] = allMade(await makeLinks(trx, [wish], { actor: request.actor, now }), () => '');
        const { code, expires_at: linkExpiresAt } = link!;
        const told = answer === null ? null : { code, sourceId: sourceId!, attempts: 0, linkExpiresAt };
        const tracking = told === null ? null : await keepAnswer(trx, told, answer!, now);
        return { status: 201, body: showLink(link!, publicUrl, tracking) };
      });
    },
  });

  app.post('/v1/links/batch', {
    config: { scopes: ['storefront', 'promoter'], roles: ['operator'] },
    schema: makingMany,
    handler: async (request, reply) => {
      const { body } = request;
      const [wanted, path] = Array.isArray(body) ? [body, ''] : [body.links, 'links.'];
      for (const link of wanted) mayShare(request.actor, link);
      const asker = await askerOf(deps, request.actor, wanted);
      for (const [index, link] of wanted.entries()) mayChoose(asker, link, `${path}${index}.`);
      return answerOnce(request, reply, db, async ({ trx, now }) => {
        await refuseTooManyLinks(trx, request.actor, { more: wanted.length, perDay, now });
        const results = await makeLinks(trx, wanted.map(linkWish), { actor: request.actor, now });
        const links = allMade(results, (index) => `${path}${index}.`);
        return { status: 201, body: { data: links.map((link) => showLink(link, publicUrl)) } };
      });
    },
  });
}

function readingRoutes(app: App, { db, publicUrl }: LinkDeps): void {
  app.get('/v1/links/:code', {
    config: { scopes: ['storefront', 'merchant', 'promoter'] },
    schema: {
      operationId: 'links.get',
      tags: ['links'],
      summary: 'A link',
      description: 'A key that is bound to a merchant or a promoter reads links of that one only.',
      params,
      response: { 200: linkAnswer, ...problems('not_found') },
    },
    handler: async ({ params: { code }, actor }) => {
      const link = orNotFound(await findLink(db, code), 'link');
      mayShare(actor, link);
      return showLink(link, publicUrl, (await readTracking(db, [code])).get(code));
    },
  });

  app.get('/v1/links', {
    config: { scopes: ['storefront', 'merchant', 'promoter'] },
    schema: {
      operationId: 'links.list',
      tags: ['links'],
      summary: 'The links of a promoter, the newest first',
      description:
        "A promoter's key lists that promoter's links; any other key says whose by `promoter_id`. A key that is " +
        'bound to a merchant sees the links of that merchant.',
      querystring: filter,
      response: { 200: pageOf(linkAnswer) },
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
      const tracking = await readTracking(
        db,
        links.map((link) => link.code),
      );
      return toPage(
        links,
        limit,
        (link) => showLink(link, publicUrl, tracking.get(link.code)),
        (link) => [link.made_at, link.code],
      );
    },
  });
}

/** Who asks for these links, with the campaigns that it may name on them. */
async function askerOf({ db, tokenKeys, acceptedInto }: LinkDeps, actor: Actor, links: readonly z.output<typeof sharedBody>[]) {
  const campaigns = links.flatMap(({ merchant_id: merchantId, campaign_id: campaignId }) =>
    campaignId == null ? [] : [{ merchantId, campaignId }],
  );
  const { promoterId } = actor;
  const accepted = promoterId === null || campaigns.length === 0 ? new Set<string>() : await acceptedInto(db, promoterId, campaigns);
  return { actor, tokenKeys, accepted };
}

/** What the platform answers for a link that can be made, or why there will be none. */
async function askAhead(
  { db, askForLink, linksPerDay: perDay }: LinkDeps,
  actor: Actor,
  sourceId: string,
  wish: LinkWish & { code: string },
): Promise<TrackedAnswer | DomainError> {
  const { code, merchant_id: merchantId, promoter_id: promoterId, product_id: productId } = wish;
  if (productId === null) {
    throw new DomainError('malformed_request', 'A platform is asked for its link of a product: say which.', {
      errors: [{ path: 'product_id', message: 'must be given with a source_id' }],
    });
  }
  try {
    const { landing_url: landingUrl } = await inTransaction(db, async ({ trx, now }) => {
      await refuseTooManyLinks(trx, actor, { more: 1, perDay, now });
      return planAhead(trx, wish, now);
    });
    return await askForLink(sourceId, { code, merchantId, promoterId, productId, landingUrl });
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

function qrRoutes(app: App, { db, publicUrl }: LinkDeps): void {
  const linkOf = async (code: string, actor: Actor): Promise<string> => {
    const link = orNotFound(await findLink(db, code), 'link');
    mayShare(actor, link);
    return urlOf(publicUrl, link.code);
  };

  app.get('/v1/links/:code/qr.svg', {
    config: { scopes: ['storefront', 'merchant', 'promoter'] },
    schema: {
      operationId: 'links.qrSvg',
      tags: ['links'],
      summary: 'The QR code of a link as SVG',
      description: 'It holds the address of the link and a quiet zone of four modules around it.',
      params,
      response: imageResponse('image/svg+xml'),
    },
    handler: async ({ params: { code }, actor }, reply) => {
      const svg = await toString(await linkOf(code, actor), { type: 'svg', margin: QR_MARGIN });
      return reply.type('image/svg+xml').send(svg);
    },
  });

  app.get('/v1/links/:code/qr.png', {
    config: { scopes: ['storefront', 'merchant', 'promoter'] },
    schema: {
      operationId: 'links.qrPng',
      tags: ['links'],
      summary: 'The QR code of a link as PNG',
      description: 'It holds the address of the link and a quiet zone of four modules around it.',
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
  const shape = type.endsWith('xml') ? { type: 'string' } : { type: 'string', format: 'binary' };
  const content = { [type]: { schema: z.unknown().meta(shape) } };
  return { 200: { description: 'The picture.', content }, ...problems('not_found') };
}

/** Refuses a key that is bound to another merchant or to another promoter. */
function mayShare(actor: Actor, link: { merchant_id: string; promoter_id: string }): void {
  mayActFor(actor, link.merchant_id);
  mayActAs(actor, link.promoter_id);
}

/**
 * The links when all of them were made. Throws with the faults of all that were not, each under the
 * path of its wish.
 */
function allMade(results: MadeLink[], pathOf: (index: number) => string): LinkRow[] {
  const refusals = results.flatMap((result, index) => (result instanceof DomainError ? [{ refusal: result, index }] : []));
  const [first] = refusals;
  if (first === undefined) return results as LinkRow[];
  const errors = refusals.flatMap(({ refusal, index }) =>
    refusal.errors.map(({ path, message }) => ({ path: `${pathOf(index)}${path}`, message })),
  );
  throw new DomainError(first.refusal.code, first.refusal.message, { errors });
}
