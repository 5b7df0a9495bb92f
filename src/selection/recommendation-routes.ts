// Recommendations over HTTP: what a promoter should share, and why.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { inForce } from '../commission/facts/facts.ts';
import { readMerchants } from '../commission/facts/facts-store.ts';
import type { RuleCache } from '../commission/rules/rule-cache.ts';
import { DomainError } from '../core/errors.ts';
import type { App } from '../platform/http/app.ts';
import { callerId } from '../platform/http/fields.ts';
import { problems } from '../platform/http/problem.ts';
import { mayActAs, mayActFor } from '../platform/keys/actor.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { SCENES } from '../promotion/links/link.ts';
import { promoterExists } from '../promotion/promoters/promoter-store.ts';
import { latestClock } from '../statistics/reading/snapshot-store.ts';
import { EXCLUSIONS } from './excluded-store.ts';
import { learntMarkets } from './learnt-markets.ts';
import { REASONS } from './reasons.ts';
import { recommend, type Recommendation, type Recommendations } from './recommending.ts';

const LIMIT_MAX = 50;
const MERCHANTS_MAX = 10;
const MERCHANTS_LENGTH_MAX = 1300;

const question = z.strictObject({
  promoter_id: callerId.optional().meta({ description: 'For whom; a promoter key may leave it out.', example: 'bob' }),
  merchant_id: z
    .string()
    .min(1)
    .max(MERCHANTS_LENGTH_MAX)
    .optional()
    .meta({ description: `Of these merchants only, up to ${MERCHANTS_MAX} by comma.` }),
  category: callerId.optional().meta({ description: 'Of this category only.' }),
  scene: z.enum(SCENES).optional().meta({ description: 'By what came of links of this scene.' }),
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(10).meta({ description: 'How many places the list has at most.' }),
});

const ppm = z.int().nullable();
const recommendation = z
  .object({
    merchant_id: callerId,
    product_id: callerId,
    title: z.string(),
    category: z.string().nullable(),
    currency: z
      .string()
      .meta({ description: 'Of what is expected. Products of several currencies are each compared with the middle of their own.' }),
    rate_now_ppm: z.int().meta({ description: 'Of the rule that applies now, of all that it pays.' }),
    my_share_now: z.int().meta({ description: 'What this promoter would get of that after the split, in ppm.' }),
    expected_earnings_per_click: z
      .object({
        mean: z.number().meta({ description: 'By which the list is ranked.' }),
        low: z.number().meta({ description: 'One of ten times the truth lies below.' }),
        high: z.number().meta({ description: 'One of ten times the truth lies above.' }),
      })
      .meta({ description: 'Minor units, to the hundredth: it is no money. Four of five times the truth lies between low and high.' }),
    conversion_ppm: ppm.meta({ description: 'Orders of a million clicks on the product in the window; null without clicks.' }),
    refund_ppm: ppm.meta({ description: 'Which part of what was paid went back; null where nothing was paid.' }),
    clicks: z.int().meta({ description: 'On links to the product in the window, without bots.' }),
    orders: z.int(),
    reasons: z
      .array(
        z.object({
          code: z.enum(REASONS),
          value: z.int(),
          baseline: z.int().nullable().meta({ description: 'What it is compared with; null: nothing.' }),
        }),
      )
      .meta({
        description:
          'What speaks for it and against it: ppm of orders or refunds, minor units earned by a click, or a count of clicks. Each number is ' +
          'the one that the statistics give for the window: of the product and its category at its merchant, or of the promoter in the ' +
          'category and over all.',
      }),
    place: z
      .enum(['ranked', 'explored'])
      .meta({ description: 'By what is expected; or shown to learn more of it: the last two of ten places.' }),
  })
  .meta({ id: 'Recommendation' });

const answer = z
  .object({
    window: z
      .object({ from: z.date(), to: z.date(), time_zone: z.string() })
      .meta({ description: 'The 90 local days that figures are of: query the statistics for the same to see them.' }),
    data: z.array(recommendation),
    excluded: z
      .array(z.object({ merchant_id: callerId, product_id: callerId, reason: z.enum(EXCLUSIONS) }))
      .meta({ description: 'Products that the promoter has links to or that offers name, and that are never shown; 200 at most.' }),
  })
  .meta({ id: 'Recommendations' });

interface RecommendationRoutesDeps {
  db: Kysely<DB>;
  levelsMax: number;
  ruleCache: RuleCache;
}

/** GET /v1/recommendations. */
export function recommendationRoutes(app: App, { db, levelsMax, ruleCache }: RecommendationRoutesDeps): void {
  const deps = { levelsMax, ruleCache, learnt: learntMarkets(db) };
  app.get('/v1/recommendations', {
    config: { scopes: ['storefront', 'merchant', 'promoter'] },
    schema: {
      operationId: 'recommendations.list',
      tags: ['offers'],
      summary: 'What a promoter should share, by what a click on it would earn it, with reasons',
      description:
        'What is expected of a click is how often clicks become orders, times what an order keeps after refunds, times what the promoter ' +
        'would be paid of that now. Little evidence is drawn towards the category, the merchant and all; what others sold counts beside what ' +
        'they usually sell. Of each ten places that can be filled the last two explore, the same all day; ten have at most three of a merchant ' +
        'and four of a category, unless there is but one. What was learnt is kept for five minutes; prices, rules and figures are those of now.',
      querystring: question,
      response: { 200: answer, ...problems('unknown_promoter', 'unknown_merchant') },
    },
    handler: async ({ query, actor }) => {
      const promoterId = query.promoter_id ?? actor.promoterId;
      if (promoterId === null) throw refused('promoter_id', 'must be given');
      mayActAs(actor, promoterId);
      const merchantIds = merchantsOf(query.merchant_id) ?? (actor.merchantId === null ? null : [actor.merchantId]);
      for (const merchantId of merchantIds ?? [null]) mayActFor(actor, merchantId);
      const now = await latestClock(db);
      if (!(await promoterExists(db, promoterId))) throw unknown('unknown_promoter', 'promoter', promoterId);
      const timeZone = await timeZoneOf(db, merchantIds ?? [], now);
      const { category = null, scene = null, limit } = query;
      return show(await recommend(db, deps, { promoterId, merchantIds, category, scene, limit, timeZone }, now));
    },
  });
}

function refused(path: string, message: string): DomainError {
  return new DomainError('malformed_request', `${path} ${message}.`, { errors: [{ path, message }] });
}

function unknown(code: 'unknown_promoter' | 'unknown_merchant', kind: string, id: string): DomainError {
  return new DomainError(code, `There is no ${kind} ${id}.`, { errors: [{ path: `${kind}_id`, message: `is not a known ${kind}` }] });
}

/** The merchants that are named, each once; null: none is. */
function merchantsOf(list: string | undefined): string[] | null {
  if (list === undefined) return null;
  const ids = [...new Set(list.split(','))];
  if (ids.length > MERCHANTS_MAX) throw refused('merchant_id', `must not name more than ${MERCHANTS_MAX}`);
  for (const id of ids) if (!callerId.safeParse(id).success) throw refused('merchant_id', 'must be ids, by comma');
  return ids;
}

/** The zone of the first merchant that is named, else UTC. Throws `unknown_merchant`. */
async function timeZoneOf(db: Kysely<DB>, merchantIds: readonly string[], now: Date): Promise<string> {
  const merchants = await readMerchants(db, merchantIds);
  for (const id of merchantIds) if (!merchants.has(id)) throw unknown('unknown_merchant', 'merchant', id);
  const [first] = merchantIds;
  return first === undefined ? 'UTC' : (inForce(merchants.get(first), now.getTime())?.timeZone ?? 'UTC');
}

const PPM = 1_000_000;
const hundredths = (amount: number): number => Math.round(amount * 100) / 100;

/** What the promoter gets of all that the rule pays. */
function shareInPpm({ rule: { plan }, share }: Recommendation['product']): number {
  if (plan.rate_ppm > 0) return Math.floor((share.ratePpm * PPM) / plan.rate_ppm);
  return plan.fixed_per_unit > 0 && share.amount !== null ? Math.floor((Number(share.amount) * PPM) / plan.fixed_per_unit) : 0;
}

function show({ window: { from, to, timeZone }, list, excluded }: Recommendations): z.output<typeof answer> {
  return {
    window: { from, to, time_zone: timeZone },
    data: list.map(({ product, earnings, place, ...figures }) => ({
      merchant_id: product.merchantId,
      product_id: product.productId,
      title: product.title,
      category: product.category,
      currency: product.currency,
      rate_now_ppm: product.rule.plan.rate_ppm,
      my_share_now: shareInPpm(product),
      expected_earnings_per_click: {
        mean: hundredths(earnings.mean),
        low: hundredths(earnings.low),
        high: hundredths(earnings.high),
      },
      conversion_ppm: figures.conversionPpm,
      refund_ppm: figures.refundPpm,
      clicks: figures.clicks,
      orders: figures.orders,
      reasons: figures.reasons,
      place,
    })),
    excluded: excluded.map(({ merchantId, productId, reason }) => ({ merchant_id: merchantId, product_id: productId, reason })),
  };
}
