// Offers on the wire: what is read of one, and how it is answered.

import { z } from 'zod';

import { planSchema, type Plan } from '../../core/plan.ts';
import { OFFER_KINDS, OFFER_RULES_MAX } from '../../core/rules/offer.ts';
import { bodyExamples, callerId, time, words } from '../../platform/http/fields.ts';
import { APPLICATIONS, OFFER_STATES, stateOf, type Offer, type OfferName, type StatedOffer } from './offer.ts';

const OFFER_ID_LENGTH_MAX = 64;
const NOTE_LENGTH_MAX = 1000;
const ORDERS_MAX = 1000;
const PPM_WHOLE = 1_000_000;

export const offerId = words(OFFER_ID_LENGTH_MAX).meta({ description: 'The offer, by an id of the merchant’s own.', example: 'spring' });

const kind = z.enum(OFFER_KINDS).meta({
  description:
    '`open`: for every promoter. `directed`: for those named or accepted, beside an open offer on the product. `exclusive`: for those named or ' +
    'accepted, and to all others the product pays nothing.',
});
const ids = (description: string) =>
  z
    .array(callerId)
    .max(OFFER_RULES_MAX)
    .transform((list) => [...new Set(list)].toSorted())
    .pipe(z.array(callerId))
    .meta({ description });
const ppm = z.int().min(0).max(PPM_WHOLE);

const conditions = z
  .strictObject({
    min_tier: words(64)
      .nullish()
      .meta({ description: 'This tier, or a higher one of the merchant’s tier program, or of the one of all merchants.' }),
    min_orders: z
      .int()
      .min(0)
      .max(ORDERS_MAX)
      .nullish()
      .meta({ description: 'At least so many completed orders of which something is left.' }),
    max_refund_ppm: ppm.nullish().meta({ description: 'At most this part of what was paid on completed lines was refunded.' }),
  })
  .meta({ description: 'What a promoter must have sold of the merchant in the 90 days before it applies; once accepted it stays.' });

const applications = z
  .enum(APPLICATIONS)
  .meta({ description: 'Whether promoters may apply, and who decides: somebody, or the conditions alone.' });

/** All terms of an offer, without what must fit together. */
const terms = z.strictObject({
  kind,
  product_ids: ids('The products that it is for.').nullish(),
  category: callerId.nullish().meta({ description: 'Of an open offer: all products of this category, in place of `product_ids`.' }),
  rate_ppm: ppm.nullish().meta({ description: 'The rate, all of it to the promoter; or `plan`, which says how it is split.' }),
  plan: planSchema.nullish().meta({ description: 'In place of `rate_ppm`.' }),
  promoters: ids('Whom it is for. Those accepted stand beside them.').default([]),
  agencies: ids('Agencies whose promoters it is for.').default([]),
  applications: applications.default('none'),
  conditions: conditions.nullish(),
  starts_at: time.nullish().meta({ description: 'From when these terms count; absent or in the past: as soon as they may.' }),
  ends_at: time.nullish().meta({ description: 'Until when; in the past: it ends as soon as it may.' }),
  paused: z.boolean().default(false).meta({ description: 'It pays nobody until it is stated without.' }),
  note: words(NOTE_LENGTH_MAX).nullish().meta({ description: 'For promoters, who are shown it.' }),
});

type StatedTerms = z.output<typeof terms>;

/** What of an offer's terms does not fit together: where, and why. */
function* misfits(stated: StatedTerms): Generator<[path: string, message: string]> {
  const { kind: of, product_ids: productIds, category, promoters, agencies } = stated;
  if ((stated.rate_ppm == null) === (stated.plan == null)) yield ['rate_ppm', 'must be given, or plan in its place'];
  if ((productIds == null) === (category == null)) yield ['product_ids', 'must be given, or the category of an open offer in its place'];
  if (productIds?.length === 0) yield ['product_ids', 'must name a product'];
  if (stated.starts_at != null && stated.ends_at != null && stated.ends_at <= stated.starts_at) {
    yield ['ends_at', 'must lie after starts_at'];
  }
  if (of === 'open') {
    if (promoters.length > 0) yield ['promoters', 'must be empty: an open offer is for everybody'];
    if (agencies.length > 0) yield ['agencies', 'must be empty: an open offer is for everybody'];
    if (stated.applications !== 'none') yield ['applications', 'must be none: an open offer is for everybody'];
  } else {
    if (category != null) yield ['category', 'must be left out: only an open offer is of a category'];
    if (promoters.length + agencies.length === 0 && stated.applications === 'none') {
      yield ['promoters', 'or agencies must be named'];
    }
  }
  if (stated.conditions != null && stated.applications === 'none') yield ['conditions', 'need applications'];
}

const fitting = (stated: StatedTerms, context: z.RefinementCtx) => {
  for (const [path, message] of misfits(stated)) context.addIssue({ code: 'custom', path: [path], message });
};

const EXAMPLE = {
  kind: 'exclusive',
  product_ids: ['p2'],
  rate_ppm: 150_000,
  promoters: ['alice'],
  applications: 'review',
  conditions: { max_refund_ppm: 200_000 },
  starts_at: '2026-06-01T00:00:00Z',
  note: 'Photos are at https://shop.example.com/photos.',
};

/** The terms of an offer, as they are put. */
export const offerBody = terms.superRefine(fitting).meta(bodyExamples(EXAMPLE));

/** The same with the names of the offer, as they are drafted. */
export const offerDraft = terms.extend({ merchant_id: callerId, offer_id: offerId }).superRefine(fitting);

const WHOLE: Plan['split'] = [{ to: 'promoter', share_ppm: PPM_WHOLE, pays: [] }];

/** What a body states of the offer of this name. */
export function statedOffer({ merchantId, offerId: id }: OfferName, stated: StatedTerms): StatedOffer {
  const { min_tier: minTier = null, min_orders: minOrders = null, max_refund_ppm: maxRefundPpm = null } = stated.conditions ?? {};
  return {
    merchantId,
    offerId: id,
    kind: stated.kind,
    productIds: stated.product_ids ?? null,
    category: stated.category ?? null,
    ratePpm: stated.rate_ppm ?? null,
    plan: stated.plan ?? planSchema.parse({ rate_ppm: stated.rate_ppm, split: WHOLE }),
    promoters: stated.promoters,
    agencies: stated.agencies,
    applications: stated.applications,
    conditions: { minTier, minOrders, maxRefundPpm },
    startsAt: stated.starts_at ?? null,
    endsAt: stated.ends_at ?? null,
    paused: stated.paused,
    note: stated.note ?? null,
  };
}

export const offerPath = z.object({ merchant_id: callerId, offer_id: offerId });

const conditionsAnswer = z.object({ min_tier: z.string().nullable(), min_orders: z.int().nullable(), max_refund_ppm: z.int().nullable() });

const listedOffer = z.object({
  merchant_id: callerId,
  offer_id: z.string(),
  kind,
  state: z.enum(OFFER_STATES).meta({ description: 'What it is now.' }),
  products: z.int().nullable().meta({ description: 'How many products it names; null: it is of a category.' }),
  category: z.string().nullable(),
  rate_ppm: z.int().meta({ description: 'The rate of its plan.' }),
  named: z.int().meta({ description: 'How many promoters and agencies it names.' }),
  applications,
  starts_at: z.date().nullable().meta({ description: 'As it was stated.' }),
  ends_at: z.date().nullable().meta({ description: 'As it was stated; null: it is for good.' }),
  paused: z.boolean(),
  note: z.string().nullable(),
  version: z.int(),
  effective_from: z.date().meta({ description: 'From when its rules say so: later than asked for where promoters are told before.' }),
  made_at: z.date(),
  changed_at: z.date(),
});

export const listedOfferAnswer = listedOffer.meta({ id: 'ListedOffer' });

export const offerAnswer = listedOffer
  .extend({
    product_ids: z.array(z.string()).nullable(),
    plan: planSchema,
    promoters: z.array(z.string()).meta({ description: 'Those named.' }),
    accepted: z.array(z.string()).meta({ description: 'Those accepted, who stay whoever is named.' }),
    agencies: z.array(z.string()),
    conditions: conditionsAnswer,
    rules: z.int().meta({ description: 'How many rules of it are in force, or will be.' }),
  })
  .meta({ id: 'Offer' });

export function showListedOffer(offer: Offer, now: Date): z.output<typeof listedOffer> {
  return {
    merchant_id: offer.merchantId,
    offer_id: offer.offerId,
    kind: offer.kind,
    state: stateOf(offer, now),
    products: offer.productIds?.length ?? null,
    category: offer.category,
    rate_ppm: offer.plan.rate_ppm,
    named: offer.promoters.length + offer.agencies.length,
    applications: offer.applications,
    starts_at: offer.startsAt,
    ends_at: offer.endsAt,
    paused: offer.paused,
    note: offer.note,
    version: offer.version,
    effective_from: offer.effectiveFrom,
    made_at: offer.madeAt,
    changed_at: offer.recordedAt,
  };
}

/** An offer in full, with those accepted and the number of its rules. */
export function showOffer(
  offer: Offer,
  { accepted, rules, now }: { accepted: string[]; rules: number; now: Date },
): z.output<typeof offerAnswer> {
  const { minTier: min_tier, minOrders: min_orders, maxRefundPpm: max_refund_ppm } = offer.conditions;
  const { productIds: product_ids, plan, promoters, agencies } = offer;
  return {
    ...showListedOffer(offer, now),
    product_ids,
    plan,
    promoters,
    accepted,
    agencies,
    conditions: { min_tier, min_orders, max_refund_ppm },
    rules,
  };
}
