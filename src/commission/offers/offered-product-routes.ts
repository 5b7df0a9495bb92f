// The product pool over HTTP: what a promoter may share, and what it would get for it.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { OFFER_KINDS } from '../../core/rules/offer.ts';
import type { App } from '../../platform/http/app.ts';
import { callerId, words } from '../../platform/http/fields.ts';
import { cursorText, decodeCursor, pageOf, pageQuery, toPage } from '../../platform/http/paging.ts';
import { problems } from '../../platform/http/problem.ts';
import { mayActAs, mayActFor } from '../../platform/keys/actor.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { promoterExists } from '../../promotion/promoters/promoter-store.ts';
import type { RuleCache } from '../rules/rule-cache.ts';
import { SHARED_PRODUCT_SORTS, readSharedProducts, type ProductPlace, type SharingWish, type SharedProduct } from './offered-products.ts';
import { SHARED_PRODUCTS_MAX } from './offered-product-store.ts';

const WORDS_LENGTH_MAX = 100;

const question = pageQuery.extend({
  merchant_id: callerId.optional().meta({ description: 'Of this merchant.' }),
  category: callerId.optional().meta({ description: 'Of this category.' }),
  promoter_id: callerId.optional().meta({ description: 'For whom; a promoter key may leave it out.', example: 'bob' }),
  q: words(WORDS_LENGTH_MAX).optional().meta({
    description: 'What stands in the title, in large or small letters and with no sign for others; or the whole id of a product.',
  }),
  sort: z.enum(SHARED_PRODUCT_SORTS).default('newest').meta({
    description: 'The highest rate first, the greatest share of one unit, the lowest price, or what came into the pool last.',
  }),
});

const sharedProduct = z
  .object({
    merchant_id: callerId,
    product_id: callerId,
    title: z.string(),
    category: z.string().nullable(),
    price: z.bigint().nullable().meta({ description: 'Of one unit.' }),
    currency: z.string(),
    landing_url: z.string().nullable(),
    offer_id: z
      .string()
      .meta({ description: 'The offer by which it may be shared: where there are several, the one that goes before the others.' }),
    kind: z.enum(OFFER_KINDS),
    note: z.string().nullable().meta({ description: 'What the merchant says of the offer.' }),
    rule_id: z.string().meta({ description: 'The rule that applies now, which may be no offer’s.' }),
    rule_version: z.int(),
    rate_now: z.int().meta({ description: 'Its rate in ppm, of all that it pays.' }),
    my_share_now: z
      .object({
        amount: z
          .bigint()
          .nullable()
          .meta({ description: 'Of one unit at its price; null where there is no price, or it is of what a platform pays.' }),
        rate_ppm: z.int().meta({ description: 'Of the base, without fixed amounts and caps.' }),
      })
      .meta({ description: 'What this promoter would get after the split, with its agency and those above it as they are now.' }),
    rate_coming: z
      .object({ rate_ppm: z.int().meta({ description: 'Zero where no rule will apply.' }), from: z.date() })
      .nullable()
      .meta({ description: 'The next rule that will pay otherwise; null: none is known.' }),
    lock_until: z
      .date()
      .nullable()
      .meta({ description: 'Before then the rules pay it no less, but for an emergency; null: the merchant gives no notice.' }),
    listed_at: z.date().meta({ description: 'When it came into the pool.' }),
  })
  .meta({ id: 'SharedProduct' });

function showShared(one: SharedProduct): z.output<typeof sharedProduct> {
  const { merchantId: merchant_id, productId: product_id, title, category, price, currency, landingUrl: landing_url, rule, coming } = one;
  return {
    merchant_id,
    product_id,
    title,
    category,
    price,
    currency,
    landing_url,
    offer_id: one.offerId,
    kind: one.kind,
    note: one.note,
    rule_id: rule.ruleId,
    rule_version: rule.version,
    rate_now: rule.plan.rate_ppm,
    my_share_now: { amount: one.share.amount, rate_ppm: one.share.ratePpm },
    rate_coming: coming === null ? null : { rate_ppm: coming.ratePpm, from: coming.from },
    lock_until: one.lockUntil,
    listed_at: one.listedAt,
  };
}

const place = z.tuple([z.enum(SHARED_PRODUCT_SORTS), z.string().regex(/^-?\d{1,18}$/), cursorText, cursorText]);

interface SharedProductRoutesDeps {
  db: Kysely<DB>;
  levelsMax: number;
  ruleCache: RuleCache;
}

/** GET /v1/offers. */
export function sharedProductRoutes(app: App, { db, ...deps }: SharedProductRoutesDeps): void {
  app.get('/v1/offers', {
    config: { scopes: ['storefront', 'merchant', 'promoter'] },
    schema: {
      operationId: 'offers.shared',
      tags: ['offers'],
      summary: 'What a promoter may share, and what it would be paid',
      description:
        'The products of offers that are in force for this promoter, each once, with the rule that would decide an order now: what counts is ' +
        'not what the offer says but what the promoter would get. Offers for others, and what an exclusive one keeps to others, are not among ' +
        `them. A page is chosen among the ${SHARED_PRODUCTS_MAX} that match and came into the pool last: with more, say more of what is looked for.`,
      querystring: question,
      response: { 200: pageOf(sharedProduct), ...problems('unknown_promoter') },
    },
    handler: ({ query, actor }) => {
      const { limit, cursor, sort, category = null, q = null } = query;
      const promoterId = query.promoter_id ?? actor.promoterId;
      if (promoterId === null) {
        throw new DomainError('malformed_request', 'Say for whom.', { errors: [{ path: 'promoter_id', message: 'must be given' }] });
      }
      mayActAs(actor, promoterId);
      const merchantId = query.merchant_id ?? actor.merchantId;
      mayActFor(actor, merchantId);
      const after = cursor === undefined ? null : placeAfter(cursor, sort);
      return inTransaction(db, async ({ trx, now }) => {
        if (!(await promoterExists(trx, promoterId))) {
          const errors = [{ path: 'promoter_id', message: 'is not a known promoter' }];
          throw new DomainError('unknown_promoter', `There is no promoter ${promoterId}.`, { errors });
        }
        const wish = { promoterId, merchantId, category, words: q, sort, limit, after };
        const products = await readSharedProducts(trx, deps, wish, now);
        return toPage(products, limit, showShared, (one) => [sort, one.place.rank, one.merchantId, one.productId]);
      });
    },
  });
}

/** The place that a cursor of a list in this order names. Throws `invalid_cursor`. */
function placeAfter(cursor: string, sort: SharingWish['sort']): ProductPlace {
  const [of, rank, merchantId, productId] = decodeCursor(cursor, place);
  if (of !== sort) throw new DomainError('invalid_cursor', 'The cursor is one of a list in another order.');
  return { rank: BigInt(rank), merchantId, productId };
}
