// Campaigns on the wire: what is read of one, and how it is answered.

import { z } from 'zod';

import { isCurrency } from '../../core/money.ts';
import { COMBINATIONS } from '../../core/programs/boost.ts';
import { bodyExamples, callerId, time, words } from '../../platform/http/fields.ts';
import { SCENES } from '../../promotion/links/link.ts';
import {
  CAMPAIGN_STATES,
  isPausedAt,
  latestOf,
  leftOf,
  openPause,
  stateAt,
  type Campaign,
  type CampaignSpend,
  type CampaignTerms,
  type CampaignVersion,
  type StatedCampaign,
} from './campaign.ts';

const NAME_LENGTH_MAX = 200;
const SCOPE_MAX = 1000;
const AMOUNT_MAX = 10 ** 13;

export const campaignId = callerId.meta({ description: 'The campaign, by an id of yours.', example: 'june-double' });
const amount = z.int().min(0).max(AMOUNT_MAX);
const some = <Item extends z.ZodType<string>>(item: Item, description: string) =>
  z
    .array(item)
    .min(1)
    .max(SCOPE_MAX)
    .refine((all) => new Set(all).size === all.length, 'must name each once')
    .nullish()
    .meta({ description });

const boost = z
  .strictObject({
    rate_ppm: z.int().min(0).max(1_000_000).optional().meta({ description: 'Of the base of the line’s rule.' }),
    fixed_per_unit: amount.optional().meta({ description: 'Minor units for each unit that the buyer keeps.' }),
  })
  .refine((one) => (one.rate_ppm === undefined) !== (one.fixed_per_unit === undefined), 'must be either rate_ppm or fixed_per_unit');
const combine = z.enum(COMBINATIONS).meta({
  description: '`add`: it is paid beside what the rule pays. `max`: only what it is above the pool of the rule.',
});
const budget = z.strictObject({
  currency: z
    .string()
    .refine(isCurrency, 'is no currency of ISO 4217')
    .meta({ description: 'Only orders in this currency are granted anything.' }),
  total: amount.meta({ description: 'In minor units; never exceeded by one of them, nor is any other limit.' }),
  per_day: amount.nullish().meta({ description: 'Of the lines that are attributed on a day of the merchant’s zone; left out: no limit.' }),
  per_promoter: amount.nullish().meta({ description: 'Of what a promoter wins; left out: no limit.' }),
});
const partialLast = z.boolean().meta({ description: 'Where less is left than is wanted, that is granted; else nothing.' });
const reopens = z.boolean().meta({
  description: 'What refunds give back after a grant did not fit the total is granted to lines that are decided later; else to nobody.',
});

/** The terms of a campaign, as they are stated of its id. */
export const campaignBody = z
  .strictObject({
    merchant_id: callerId,
    name: words(NAME_LENGTH_MAX),
    starts_at: time.meta({ description: 'Lines that are attributed then or later.' }),
    ends_at: time.meta({ description: 'And before this time.' }),
    products: some(callerId, 'Left out: all.'),
    promoters: some(callerId, 'Who wins the line; left out: anybody.'),
    scenes: some(z.enum(SCENES), 'That of the line, else of the link by which it was won; left out: any.'),
    boost,
    combine: combine.default('max'),
    budget,
    partial_last: partialLast.default(true),
    reopens: reopens.default(false),
    effective_from: time.nullish().meta({
      description:
        'From when a change counts, for lines that are attributed then or later. Left out: now, or where it lowers what promoters earn the ' +
        'earliest time that the merchant’s notice allows. Of a new campaign nothing is to be said: it counts from its start.',
    }),
  })
  .meta(
    bodyExamples({
      merchant_id: 'm1',
      name: 'June, doubled',
      starts_at: '2026-06-01T00:00:00+08:00',
      ends_at: '2026-07-01T00:00:00+08:00',
      products: ['p1'],
      boost: { rate_ppm: 100_000 },
      combine: 'add',
      budget: { currency: 'CNY', total: 1_000_000, per_day: 100_000, per_promoter: 50_000 },
    }),
  );

/** The same beside its id, where it does not stand in the path. */
export const campaignTerms = z.strictObject({ campaign_id: campaignId, ...campaignBody.shape });

export const pauseBody = z
  .strictObject({
    effective_from: time.nullish().meta({
      description: 'From when on nothing is granted; left out: now, or the earliest time that the merchant’s notice allows.',
    }),
  })
  .nullish()
  .meta(bodyExamples({}));

export const campaignAnswer = z
  .object({
    campaign_id: campaignId,
    merchant_id: callerId,
    name: z.string(),
    starts_at: z.date(),
    ends_at: z.date(),
    products: z.array(callerId).nullable().meta({ description: 'Null: all.' }),
    promoters: z.array(callerId).nullable().meta({ description: 'Null: anybody.' }),
    scenes: z.array(z.enum(SCENES)).nullable().meta({ description: 'Null: any.' }),
    boost: z.object({ rate_ppm: z.int().optional(), fixed_per_unit: z.int().optional() }),
    combine,
    budget: z.object({ currency: z.string(), total: z.int(), per_day: z.int().nullable(), per_promoter: z.int().nullable() }),
    partial_last: partialLast,
    reopens,
    version: z.int(),
    effective_from: z.date().meta({ description: 'From when on these terms count; until then those before them do.' }),
    state: z.enum(CAMPAIGN_STATES).meta({
      description: '`exhausted`: a grant did not fit the total. `paused`: what is attributed now is granted nothing.',
    }),
    paused_from: z.date().nullable().meta({ description: 'From when on it is paused, until somebody resumes it.' }),
    spent: z.bigint().meta({ description: 'What lines have of it now, in minor units.' }),
    left: z.bigint().meta({ description: 'Of the total.' }),
    orders: z.int().meta({ description: 'Orders that have something of it now.' }),
    made_at: z.date(),
    changed_at: z.date(),
  })
  .meta({ id: 'Campaign' });

type Scene = (typeof SCENES)[number];

const listOf = (names: ReadonlySet<string> | null): string[] | null => (names === null ? null : [...names]);

/** The terms of one version, as they are answered, recorded and told. */
export function showTerms({ currency }: Pick<Campaign, 'currency'>, version: CampaignVersion) {
  const { scope, boost: pays, limits } = version;
  return {
    name: version.name,
    starts_at: version.startsAt,
    ends_at: version.endsAt,
    products: listOf(scope.products),
    promoters: listOf(scope.promoters),
    scenes: listOf(scope.scenes) as Scene[] | null,
    boost: 'ratePpm' in pays ? { rate_ppm: pays.ratePpm } : { fixed_per_unit: Number(pays.fixedPerUnit) },
    combine: pays.combine,
    budget: {
      currency,
      total: Number(limits.total),
      per_day: limits.perDay === null ? null : Number(limits.perDay),
      per_promoter: limits.perPromoter === null ? null : Number(limits.perPromoter),
    },
    partial_last: limits.partialLast,
    reopens: limits.reopens,
    version: version.version,
    effective_from: version.effectiveFrom,
  };
}

/** A campaign by its latest terms, as it stands at a time. */
export function showCampaign(campaign: Campaign, spend: CampaignSpend, now: Date): z.output<typeof campaignAnswer> {
  const version = latestOf(campaign);
  const pause =
    openPause(campaign) ?? (isPausedAt(campaign, now) ? campaign.pauses.find(({ until }) => until !== null && until > now)! : null);
  return {
    campaign_id: campaign.campaignId,
    merchant_id: campaign.merchantId,
    ...showTerms(campaign, version),
    state: stateAt(campaign, spend, now),
    paused_from: pause?.from ?? null,
    spent: spend.spent,
    left: leftOf(campaign, spend, now),
    orders: spend.orders,
    made_at: campaign.madeAt,
    changed_at: version.recordedAt,
  };
}

const setOf = (names: readonly string[] | null | undefined): ReadonlySet<string> | null => (names == null ? null : new Set(names));
const limitOf = (limit: number | null | undefined): bigint | null => (limit == null ? null : BigInt(limit));

/** What a body states of the campaign of this id. */
export function campaignStated(id: string, stated: z.output<typeof campaignBody>): StatedCampaign {
  const { rate_ppm: ratePpm, fixed_per_unit: fixed } = stated.boost;
  const { currency, total, per_day: perDay, per_promoter: perPromoter } = stated.budget;
  const terms: CampaignTerms = {
    name: stated.name,
    startsAt: stated.starts_at,
    endsAt: stated.ends_at,
    scope: { products: setOf(stated.products), promoters: setOf(stated.promoters), scenes: setOf(stated.scenes) },
    boost: { combine: stated.combine, ...(ratePpm === undefined ? { fixedPerUnit: BigInt(fixed!) } : { ratePpm }) },
    limits: {
      total: BigInt(total),
      perDay: limitOf(perDay),
      perPromoter: limitOf(perPromoter),
      partialLast: stated.partial_last,
      reopens: stated.reopens,
    },
  };
  return { campaignId: id, merchantId: stated.merchant_id, currency, terms, effectiveFrom: stated.effective_from ?? null };
}
