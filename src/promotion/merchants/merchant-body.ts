// Merchants and products on the wire: what is set of them, and how they are answered.

import { z } from 'zod';

import { isCurrency } from '../../core/money.ts';
import { defaultPolicy, policySchema } from '../../core/policy.ts';
import { callerId, effectiveFrom, effectiveFromAnswer, timeZone, words } from '../../platform/http/fields.ts';
import { normaliseHost, parseLanding } from '../links/landing.ts';
import { RATE_LOCKS } from './earning-terms.ts';
import { PAYOUTS_OF_MERCHANTS, type MerchantRow, type MerchantTerms, type ProductRow, type ProductTerms } from './merchant-store.ts';

const HOSTS_MAX = 100;

const currency = z
  .string()
  .refine(isCurrency, { error: 'must be an upper-case ISO 4217 code' })
  .meta({ description: 'ISO 4217.', example: 'CNY' });

const landingHost = z
  .string()
  .max(260)
  .transform((text, context) => {
    const host = normaliseHost(text);
    if (host !== null) return host;
    context.addIssue({ code: 'custom', message: 'must be the name of a host, without scheme, port or path (localhost may have a port)' });
    return z.NEVER;
  });

const payoutsOfMerchant = z
  .enum(PAYOUTS_OF_MERCHANTS)
  .meta({ description: 'When its promoters are paid: always, or only while the merchant owes nothing in that currency.' });

const NOTICE_HOURS_MAX = 8760;

/** For how long before promoters know of what lets them earn less. */
export const rateNotice = z
  .strictObject({ hours: z.int().min(1).max(NOTICE_HOURS_MAX).meta({ description: 'At least so long before; 24 is a day.' }) })
  .nullable()
  .meta({
    description:
      'What lets promoters earn less takes effect at the first midnight of `time_zone` that is at least so many hours away; null: at once. ' +
      'What lets them earn more never waits.',
    example: { hours: 24 },
  });

export const rateLock = z
  .enum(RATE_LOCKS)
  .meta({ description: '`click`: of the rules in force at the click and at the attribution time that which pays the winner more.' });

/** What is set of a merchant: all of it; what is left out takes its default. */
export const merchantBody = z.strictObject({
  name: words(200),
  currency,
  time_zone: timeZone
    .default('Asia/Shanghai')
    .meta({ description: 'Where the days of the merchant begin, and what a time in its files means that names no zone.' }),
  landing_hosts: z
    .array(landingHost)
    .max(HOSTS_MAX)
    .default([])
    .meta({ description: 'The hosts that links may lead to, each exactly.', example: ['shop.example.com'] }),
  hold_days: z.int().min(0).max(3650).default(7).meta({ description: 'Days from completion to release.' }),
  payouts: payoutsOfMerchant.default('always'),
  rate_notice: rateNotice.default(null),
  rate_lock: rateLock.default('none'),
  attribution: policySchema.optional(),
  effective_from: effectiveFrom,
});

export const merchantAnswer = z
  .object({
    merchant_id: callerId,
    name: z.string(),
    currency: z.string(),
    time_zone: z.string(),
    landing_hosts: z.array(z.string()),
    hold_days: z.int(),
    payouts: payoutsOfMerchant,
    rate_notice: rateNotice,
    rate_lock: rateLock,
    attribution: policySchema,
    version: z.int(),
    effective_from: effectiveFromAnswer,
  })
  .meta({ id: 'Merchant' });

export function merchantTerms(body: z.output<typeof merchantBody>): MerchantTerms {
  const { name, currency, time_zone, landing_hosts, hold_days, payouts, rate_notice, rate_lock, attribution } = body;
  const hosts = [...new Set(landing_hosts)];
  const rates = { rate_notice_hours: rate_notice?.hours ?? null, rate_lock };
  return { name, currency, time_zone, landing_hosts: hosts, hold_days, payouts, ...rates, policy: attribution ?? defaultPolicy };
}

export function showMerchant(row: MerchantRow): z.output<typeof merchantAnswer> {
  const { merchant_id, name, currency, time_zone, landing_hosts, hold_days, payouts, rate_lock, policy, version, effective_from } = row;
  const rates = { rate_notice: row.rate_notice_hours === null ? null : { hours: row.rate_notice_hours }, rate_lock };
  return {
    merchant_id,
    name,
    currency,
    time_zone,
    landing_hosts,
    hold_days,
    payouts,
    ...rates,
    attribution: policy,
    version,
    effective_from,
  };
}

export const productBody = z.strictObject({
  title: words(500),
  category: words(128).nullish().meta({ description: 'What rules of a category look at; the category of an order line goes before it.' }),
  price: z.int().min(0).nullish().meta({ description: "Minor units of the merchant's currency." }),
  landing_url: z.string().nullish().meta({ description: 'Where links lead that name none themselves.' }),
  commissionable: z.boolean().default(true),
  effective_from: effectiveFrom,
});

export const productAnswer = z
  .object({
    merchant_id: callerId,
    product_id: callerId,
    title: z.string(),
    category: z.string().nullable(),
    price: z.int().nullable(),
    landing_url: z.string().nullable(),
    commissionable: z.boolean(),
    version: z.int(),
    effective_from: effectiveFromAnswer,
  })
  .meta({ id: 'Product' });

/** Throws `invalid_landing_url`; whether its host is allowed is asked when a link is made. */
export function productTerms(body: z.output<typeof productBody>): ProductTerms {
  return {
    title: body.title,
    category: body.category ?? null,
    price: body.price == null ? null : BigInt(body.price),
    landing_url: body.landing_url == null ? null : parseLanding(body.landing_url).href,
    commissionable: body.commissionable,
  };
}

export function showProduct(row: ProductRow): z.output<typeof productAnswer> {
  const { merchant_id, product_id, title, category, price, landing_url, commissionable, version, effective_from } = row;
  const stated = { title, category, price: price === null ? null : Number(price), landing_url, commissionable };
  return { merchant_id, product_id, ...stated, version, effective_from };
}
