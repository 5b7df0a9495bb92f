// Whom the hostile market knows: its merchant and sources, promoters with links and coupons, and
// the clicks that were told. Made over the API, and by the routes that take many lines at once,
// with broken lines between the good ones.

import { randomUUID } from 'node:crypto';

import type { components } from '../../../client/api.ts';
import { ADMIN_KEY } from '../fleet.ts';
import { adminOf, rateAt, type Market } from '../market.ts';
import type { Random } from '../random.ts';
import { DOUDIAN, DOUDIAN_SHOP, TAOBAO, WECHAT, type Asked } from './platforms.ts';
import { DAY_MS, HOUR_MS } from './said.ts';

export const HOLD_DAYS = 7;
export const PRODUCTS = ['p1', 'p2', 'p3', '商品-4'] as const;
/** Nothing is earned on it. */
export const NEVER_EARNS = 'p-never';
export const WEBHOOK_SECRET = Buffer.from('hostile senders sign with this key');
export const SHOP_SECRET = 'hostile shops sign with this text';

type Source = components['schemas']['Source'];

interface WorldLink {
  code: string;
  promoterId: string;
  productId: string | null;
  /** Its window is the short one. */
  isContent: boolean;
}

export interface WorldClick {
  token: string;
  code: string;
  at: number;
  /** Told with this buyer, or tied to it by a statement; null: only the token proves it. */
  buyer: Record<string, string> | null;
}

export interface World {
  merchantId: string;
  url: () => string;
  /**
   * The sources by the words of `Teller`; a later one of the same kind tells of the same orders
   * again.
   */
  sources: Record<'webhook' | 'later' | 'shopify' | 'woocommerce' | 'files' | Asked, string>;
  /** What each platform calls a promoter, and who that is; null where no mapping says so. */
  platformWords: readonly (readonly [word: string, promoterId: string | null])[];
  links: WorldLink[];
  /** Whose they are; they are compared without case. */
  coupons: ReadonlyMap<string, string>;
  /** Whom a platform names, and who that is: null where nobody may earn by it. */
  platformNames: ReadonlyMap<string, string | null>;
  /** Who stands around those who may earn. */
  around: ReadonlyMap<string, { agency: string | null; upline: string | null }>;
  /** Clicks by their tokens. */
  clicks: WorldClick[];
  ratePpm: number;
  now: number;
  /**
   * From when on rows of lists are stamped: no other trial has its own within the hour, because
   * platforms outlive trials.
   */
  listedFrom: number;
}

/** A promoter who may earn, and who stands around; all have the coupon of their name. */
interface WorldSeller {
  promoterId: string;
  agency: string | null;
  upline: string | null;
  coupon: string;
}

/** Makes the market of a trial. */
export async function openWorld(url: () => string, market: Market, trial: number, random: Random): Promise<World> {
  const name = `h${trial}`;
  // Some doors tell times in whole seconds only.
  const now = Math.floor(Date.now() / 1000) * 1000;
  const merchantId = `${name}-m`;
  const merchant = { name: '恶意市场 \u202e<&"', currency: 'CNY', landing_hosts: ['shop.example.com'] };
  await adminOf(url()).PUT('/v1/merchants/{merchant_id}', {
    params: { path: { merchant_id: merchantId } },
    body: { ...merchant, hold_days: HOLD_DAYS, time_zone: 'Asia/Shanghai' },
  });
  const products = [...PRODUCTS, NEVER_EARNS].map((productId) => ({
    merchant_id: merchantId,
    product_id: productId,
    title: productId,
    landing_url: 'https://shop.example.com/p',
    commissionable: productId !== NEVER_EARNS,
  }));
  await importLines(url(), 'products', products, random);
  const sellers: WorldSeller[] = [
    { promoterId: `${name}-dave`, agency: 'a1', upline: 'alice', coupon: `${name}-DAVE-优惠` },
    { promoterId: `${name}-erin`, agency: null, upline: 'bob', coupon: `${name}-erin-off` },
    { promoterId: `${name}-费恩`, agency: 'a1', upline: null, coupon: `${name}-30% OFF` },
  ];
  const sleeper = `${name}-sleeper`;
  await importLines(
    url(),
    'promoters',
    [...sellers.map((one) => promoterLine(merchantId, one)), { ...SLEEPER, promoter_id: sleeper }],
    random,
  );
  const sources = await stateSources(url(), merchantId, name);
  const known = sellers.map(({ promoterId }) => promoterId);
  const links = await importLinks(url(), merchantId, name, [...known, sleeper], random);
  const mapped = await mapNames(url(), sources, name, known);
  const platformWords = await mapWords(url(), sources, known);
  return {
    merchantId,
    url,
    sources,
    platformWords,
    links,
    coupons: new Map(sellers.map(({ promoterId, coupon }) => [coupon, promoterId])),
    platformNames: new Map([...known.map((one): [string, string] => [one, one]), ...mapped, [`${name}-nobody`, null], [sleeper, null]]),
    around: new Map(sellers.map((one) => [one.promoterId, one])),
    clicks: [],
    ratePpm: rateAt(market.rates, now),
    now,
    listedFrom: now - (2 + 2 * trial) * HOUR_MS,
  };
}

/** Known, and never to be paid. */
const SLEEPER = { name: 'Sleeper', kind: 'person', status: 'suspended' };

function promoterLine(merchantId: string, { promoterId, agency, upline, coupon }: WorldSeller) {
  const coupon_codes = [{ merchant_id: merchantId, code: coupon }];
  return { promoter_id: promoterId, name: promoterId, kind: 'person', agency_id: agency, inviter_id: upline, coupon_codes };
}

/** What the signing sources call a promoter of ours. */
async function mapNames(url: string, sources: World['sources'], name: string, known: string[]): Promise<[string, string][]> {
  const word = `${name} 分享员/1%`;
  const body = { promoter_id: known[0]!, effective_from: new Date(Date.UTC(2020)).toISOString() };
  for (const sourceId of [sources.webhook, sources.later, sources.files]) {
    await putMapping(url, { source_id: sourceId, type: 'promoter', value: word }, body);
  }
  return [[word, known[0]!]];
}

/** Channels of 淘宝客 are numbers; 微信小店's sharers are given the same. */
const WORDS = ['2000000001', '2000000002', '2000000003', '2000000009'];

/** What platforms call our promoters; the last of their words nobody has explained. */
async function mapWords(url: string, sources: World['sources'], known: string[]): Promise<World['platformWords']> {
  const effective_from = new Date(Date.UTC(2020)).toISOString();
  for (const [index, promoter_id] of known.entries()) {
    for (const [sourceId, type] of [
      [sources.taobao, 'relation_id'],
      [sources['wechat-shop'], 'sharer'],
    ] as const) {
      await putMapping(url, { source_id: sourceId, type, value: WORDS[index]! }, { promoter_id, effective_from });
    }
  }
  return WORDS.map((word, index) => [word, known[index] ?? null] as const);
}

async function putMapping(
  url: string,
  path: { source_id: string; type: string; value: string },
  body: { promoter_id: string; effective_from: string },
): Promise<void> {
  await adminOf(url).PUT('/v1/sources/{source_id}/mappings/{type}/{value}', { params: { path }, body });
}

async function stateSources(url: string, merchantId: string, name: string): Promise<World['sources']> {
  const secret = `whsec_${WEBHOOK_SECRET.toString('base64')}`;
  const of = async (sourceId: string, kind: Source['kind'], secrets: Record<string, string | string[]>, options = {}) => {
    await adminOf(url).PUT('/v1/sources/{source_id}', {
      params: { path: { source_id: sourceId } },
      body: { kind, merchant_id: merchantId, secrets, options },
    });
    return sourceId;
  };
  return {
    webhook: await of(`${name}-hooks`, 'standard-webhooks', { secret }),
    later: await of(`${name}-hooks-again`, 'standard-webhooks', { secret: [`whsec_${randomSecret()}`, secret] }),
    shopify: await of(`${name}-shopify`, 'shopify', { secret: SHOP_SECRET }),
    woocommerce: await of(`${name}-woo`, 'woocommerce', { secret: SHOP_SECRET }),
    files: await of(`${name}-files`, 'standard-webhooks', { secret }),
    'wechat-shop': await of(`${name}-wechat`, 'wechat-shop', WECHAT),
    doudian: await of(`${name}-doudian`, 'doudian', DOUDIAN, { shop_id: DOUDIAN_SHOP }),
    taobao: await of(`${name}-taobao`, 'taobao', TAOBAO),
  };
}

const randomSecret = () => Buffer.from(randomUUID()).toString('base64');

async function importLinks(url: string, merchantId: string, name: string, owners: string[], random: Random): Promise<WorldLink[]> {
  const links: WorldLink[] = [];
  for (const [place, promoterId] of owners.entries()) {
    for (const [index, productId] of [null, null, 'p1', 'p2'].entries()) {
      links.push({ code: `${name}-${place}-${index}`, promoterId, productId, isContent: index === 1 });
    }
  }
  const lines = links.map(({ code, promoterId, productId, isContent }) => ({
    code,
    promoter_id: promoterId,
    merchant_id: merchantId,
    ...(productId !== null && { product_id: productId }),
    ...(productId === null && { landing_url: 'https://shop.example.com/all' }),
    ...(isContent && { scene: 'live', content_id: '直播间 1' }),
  }));
  await importLines(url, 'links', lines, random);
  return links;
}

const BROKEN_LINES = ['{', '[]', '"text"', '{"__proto__": {"admin": true}}', '{"code": null}', '\u0001', '{"merchant_id": "\\u0000"}'];

/** Sends lines of JSON with broken ones between; throws unless exactly these were refused. */
async function importLines(url: string, kind: string, good: readonly object[], random: Random): Promise<void> {
  const lines: string[] = [];
  let broken = 0;
  for (const line of good) {
    if (random.chance(0.3)) {
      lines.push(random.pick(BROKEN_LINES));
      broken += 1;
    }
    lines.push(JSON.stringify(line));
    if (random.chance(0.2)) lines.push('');
  }
  const end = random.pick(['\n', '\r\n']);
  const answer = await fetch(`${url}/v1/imports/${kind}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/x-ndjson', 'idempotency-key': randomUUID() },
    body: random.pick(['', '\ufeff']) + lines.join(end),
  });
  const text = await answer.text();
  const told = JSON.parse(text) as { accepted?: number; refused?: number };
  if (!answer.ok || told.accepted !== good.length || told.refused !== broken) {
    throw new Error(`${good.length} good and ${broken} broken lines of ${kind} were answered ${answer.status}: ${text.slice(0, 2000)}`);
  }
}

/**
 * Tells of a click that happened `at`; with a buyer it is told with that, or tied to it by a
 * statement of another identity.
 */
export async function tellClick(
  world: World,
  random: Random,
  { at, buyer }: { at: number; buyer: Record<string, string> | null },
): Promise<WorldClick> {
  const { code } = random.pick(world.links);
  const isTied = buyer !== null && random.chance(0.4);
  const alias = isTied ? { device: randomOf(random) } : buyer;
  const body = { code, occurred_at: new Date(at).toISOString(), ...(alias !== null && { buyer: alias }) };
  const admin = adminOf(world.url());
  const { data: told } = await admin.POST('/v1/clicks', { body });
  if (isTied) {
    const identities = { ...buyer, ...alias };
    await admin.POST('/v1/identities', { body: { merchant_id: world.merchantId, identities } });
  }
  const click = { token: told.click_token, code, at, buyer };
  world.clicks.push(click);
  return click;
}

const randomOf = (random: Random) => `d-${random.int(0, 2 ** 31)}-${random.int(0, 2 ** 31)}`;

/** How long before an order a click on that link counts. */
export const windowMs = ({ isContent }: WorldLink): number => (isContent ? 3 : 30) * DAY_MS;
