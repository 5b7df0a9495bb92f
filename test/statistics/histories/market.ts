// A market of its own for each history: two merchants with products, rules and a source each, six
// promoters under each other and two agencies, a campaign and a bonus.

import { randomUUID } from 'node:crypto';

import { PUSH_SECRET, type Desk } from './desk.ts';
import { DAYS, type History } from './history.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
export const LANDING = 'https://shop.example.com/p';
export const PRODUCTS = ['baby', 'toys', null] as const;
export const PROMOTERS = 6;
const AGENCY_OF: Readonly<Record<number, number>> = { 1: 0, 2: 0, 3: 1 };

const WHOLE = 1_000_000;
const UPLINES = [{ to: 'upline', level: 1, share_ppm: 100_000, pays: [{ to: 'upline', level: 2, share_ppm: 200_000 }] }];

export interface Shop {
  merchantId: string;
  currency: string;
  sourceId: string;
  ruleId: string;
  plan: (ratePpm: number) => object;
  links: { code: string; promoter: number }[];
  tokens: string[];
}

/** An order as far as it was told. */
export interface Told {
  shop: Shop;
  orderId: string;
  pushed: boolean;
  lines: number;
}

export interface Market {
  desk: Desk;
  name: string;
  shops: readonly [Shop, Shop];
  told: Told[];
  /** Minutes of a day before today, as the API reads times. */
  atDay: (day: number, minute?: number) => string;
  /** As of when what is due is awarded. */
  clock: number;
  /**
   * Of who may ask, beside operators: the third promoter, and the storefront of the first merchant.
   */
  keys: { promoter: string; storefront: string };
}

export const promoterIn = ({ name }: Pick<Market, 'name'>, index: number): string => `${name}-p${index}`;
const agencyIn = ({ name }: Pick<Market, 'name'>, index: number): string => `${name}-a${index}`;

export async function openMarket(desk: Desk, model: History['model']): Promise<Market> {
  const name = randomUUID().slice(0, 8);
  const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const atDay = (day: number, minute = 0): string => new Date(midnight - (day + 1) * DAY_MS + minute * MINUTE_MS + day).toISOString();
  const shops = await openShops(desk, { name, model });
  const clock = Date.parse(atDay(20));
  const market: Market = { desk, name, shops, told: [], atDay, clock, keys: { promoter: '', storefront: '' } };
  for (const index of [0, 1]) await desk.ask('PUT', `/v1/promoters/${agencyIn(market, index)}`, { name: 'Agency', kind: 'agency' });
  await desk.ask('PUT', `/v1/promoters/${name}-partner`, { name: 'Partner', kind: 'person' });
  for (let index = 0; index < PROMOTERS; index += 1) await statePromoter(market, index, { agency: AGENCY_OF[index] ?? null });
  await statePrograms(market);
  const keyOf = async (body: object): Promise<string> => (await desk.ask('POST', '/v1/keys', { label: name, ...body })).key;
  const promoter = await keyOf({ scope: 'promoter', promoter_id: promoterIn(market, 2) });
  const storefront = await keyOf({ scope: 'storefront', merchant_id: shops[0].merchantId });
  return { ...market, keys: { promoter, storefront } };
}

/** The first pays agencies, chains and a partner beside the platform; the second two levels. */
async function openShops(desk: Desk, { name, model }: { name: string; model: History['model'] }): Promise<[Shop, Shop]> {
  const attribution = { model, exact_product_first: false, product_click_days: 60, content_click_days: 60, cutoff_days: 300 };
  const toSeller = { to: 'agency', share_ppm: 900_000, pays: [{ to: 'promoter', share_ppm: 700_000, pays: UPLINES }] };
  const toPartner = { to: { account: `promoter:${name}-partner` }, share_ppm: 50_000 };
  const first = await openShop(desk, {
    merchantId: `${name}-m`,
    currency: 'CNY',
    terms: { hold_days: 3, attribution },
    plan: (ratePpm) => ({ rate_ppm: ratePpm, split: [{ to: 'platform', share_ppm: WHOLE, pays: [toSeller, toPartner] }] }),
  });
  const second = await openShop(desk, {
    merchantId: `${name}-n`,
    currency: 'USD',
    terms: { hold_days: 0 },
    plan: (ratePpm) => ({ rate_ppm: ratePpm, split: [{ to: 'promoter', share_ppm: WHOLE, pays: UPLINES }] }),
  });
  return [first, second];
}

async function openShop(desk: Desk, stated: Pick<Shop, 'merchantId' | 'currency' | 'plan'> & { terms: object }): Promise<Shop> {
  const { merchantId, currency, plan, terms } = stated;
  await desk.ask('PUT', `/v1/merchants/${merchantId}`, { name: merchantId, currency, landing_hosts: ['shop.example.com'], ...terms });
  for (const [index, category] of PRODUCTS.entries()) await stateProduct(desk, merchantId, index, { category });
  const sourceId = `${merchantId}-erp`;
  await desk.ask('PUT', `/v1/sources/${sourceId}`, {
    kind: 'standard-webhooks',
    merchant_id: merchantId,
    secrets: { secret: PUSH_SECRET },
  });
  const { rule_id: ruleId } = await desk.ask('POST', '/v1/rules', ruleOf({ merchantId, plan }, 100_000));
  return { merchantId, currency, plan, sourceId, ruleId, links: [], tokens: [] };
}

export const stateProduct = (desk: Desk, merchantId: string, index: number, said: object): Promise<unknown> =>
  desk.ask('PUT', `/v1/merchants/${merchantId}/products/p${index}`, { title: `Product ${index}`, landing_url: LANDING, ...said });

/** A rule of all that the merchant sells, in force since long ago. */
export const ruleOf = ({ merchantId, plan }: Pick<Shop, 'merchantId' | 'plan'>, ratePpm: number) => ({
  name: String(ratePpm),
  scope: { merchant_id: merchantId },
  effective_from: '2020-01-01T00:00:00Z',
  retroactive: true,
  plan: plan(ratePpm),
});

interface PromoterTerms {
  agency: number | null;
  inviter?: boolean;
  [field: string]: unknown;
}

/** Each is invited by the one before it, if anybody has invited it. */
export function statePromoter(market: Market, index: number, { agency, inviter = true, ...more }: PromoterTerms): Promise<unknown> {
  const [{ merchantId }] = market.shops;
  return market.desk.ask('PUT', `/v1/promoters/${promoterIn(market, index)}`, {
    name: promoterIn(market, index),
    kind: 'person',
    inviter_id: inviter && index > 0 ? promoterIn(market, index - 1) : null,
    agency_id: agency === null ? null : agencyIn(market, agency),
    coupon_codes: [{ merchant_id: merchantId, code: `C${index}` }],
    ...more,
  });
}

/** A campaign that boosts, and a bonus for whatever is completed. */
async function statePrograms({ desk, name, shops: [{ merchantId }], atDay }: Market): Promise<void> {
  await desk.ask('PUT', `/v1/campaigns/${name}`, {
    merchant_id: merchantId,
    name,
    starts_at: atDay(DAYS * 2),
    ends_at: atDay(-DAYS),
    boost: { rate_ppm: 30_000 },
    combine: 'add',
    budget: { currency: 'CNY', total: 3000, per_promoter: 2000 },
    reopens: true,
  });
  await desk.ask('PUT', `/v1/bonus-programs/${name}`, {
    merchant_id: merchantId,
    currency: 'CNY',
    period: 'once',
    measure: 'paid_amount',
    steps: [{ at_least: 0, rate_ppm: 10_000 }],
    mode: 'marginal',
  });
}
