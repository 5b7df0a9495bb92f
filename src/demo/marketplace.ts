// The marketplace of the demo: who sells what, who shares it, what is earned on it, and which order
// systems tell of the orders.

import type { components, paths } from '../../client/api.ts';
import { createClient, type FenyongClient } from '../../client/client.ts';
import { openOrderSystems, type Secrets, type SystemId } from './platforms/order-systems.ts';
import type { Platforms } from './platforms/platforms.ts';
import { DAY_MS } from '../platform/durations.ts';

type PromoterBody = paths['/v1/promoters/{promoter_id}']['put']['requestBody']['content']['application/json'];
type RuleBody = paths['/v1/rules']['post']['requestBody']['content']['application/json'];
type LinkBody = paths['/v1/links']['post']['requestBody']['content']['application/json'];
type PlanNode = components['schemas']['PlanNodeInput'];
type Link = components['schemas']['Link'];

/** Rules that were there before the oldest order. */
const RULES_SINCE_DAYS = 60;

/** The shops. Money is in fen: minor units of CNY. */
export const MERCHANTS = {
  mumu: { name: '木木母婴', hold_days: 7 },
  haochi: { name: '好吃零食铺', hold_days: 0 },
  shuma: { name: '极客数码', hold_days: 7 },
  qinghe: { name: '青禾茶铺', hold_days: 7 },
  taotao: { name: '陶陶家居', hold_days: 7 },
  guoyuan: { name: '果园鲜果', hold_days: 0 },
} as const;

export type MerchantId = keyof typeof MERCHANTS;

/** By the ids that their order systems have for them. */
const PRODUCTS = {
  naifen: { merchant_id: 'mumu', title: '婴儿配方奶粉 900 克', category: '奶粉', price: 29_900 },
  niaoku: { merchant_id: 'mumu', title: '云柔纸尿裤 L 码', category: '纸品', price: 9_999 },
  zongzi: { merchant_id: 'haochi', title: '咸蛋黄肉粽礼盒', category: '粽子', price: 10_000 },
  jianguo: { merchant_id: 'haochi', title: '每日坚果礼盒', category: '坚果', price: 8_800 },
  mangguo: { merchant_id: 'haochi', title: '芒果干', category: '果干', price: 2_590 },
  erji: { merchant_id: 'shuma', title: '降噪蓝牙耳机', category: '音频', price: 49_900 },
  chongdian: { merchant_id: 'shuma', title: '氮化镓充电器', category: '配件', price: 12_900 },
  '731': { merchant_id: 'qinghe', title: '明前龙井 100 克', category: '茶叶', price: 12_800 },
  '740': { merchant_id: 'qinghe', title: '茉莉花茶 250 克', category: '茶叶', price: 6_400 },
  '10000000139': { merchant_id: 'taotao', title: '手作紫砂壶', category: '茶具', price: 15_800 },
  '10000000147': { merchant_id: 'taotao', title: '柴烧花瓶', category: '花器', price: 23_900 },
  '660021934': { merchant_id: 'guoyuan', title: '赣南脐橙 5 斤', category: '水果', price: 5_980 },
  '660035712': { merchant_id: 'guoyuan', title: '阳光玫瑰礼盒', category: '水果', price: 12_900 },
} as const;

/** Stated in this order: whoever is named stands before who names them. */
export const PROMOTERS = {
  xinghe: { name: '星河传媒', kind: 'agency' },
  yunduan: { name: '云端机构', kind: 'agency' },
  lin: { name: '林老师', kind: 'talent', agency_id: 'yunduan' },
  mo: { name: '小莫', kind: 'talent', agency_id: 'yunduan' },
  alice: { name: '艾丽丝', kind: 'person', agency_id: 'xinghe', tier: 'silver' },
  bob: { name: '阿博', kind: 'person', agency_id: 'xinghe', inviter_id: 'alice' },
  carol: { name: '卡罗', kind: 'person', inviter_id: 'bob', tier: 'silver', coupon_codes: [{ merchant_id: 'qinghe', code: 'CHA88' }] },
  dave: { name: '大伟', kind: 'person', inviter_id: 'carol', tier: 'gold', coupon_codes: [{ merchant_id: 'shuma', code: 'DAWEI8' }] },
} satisfies Record<string, PromoterBody>;

type PromoterId = keyof typeof PROMOTERS;

/** What a promoter pays on to whoever stands above. */
const toInviter = (sharePpm: number): PlanNode[] => [{ to: 'upline', level: 1, share_ppm: sharePpm }];

const RULES: readonly RuleBody[] = [
  {
    name: '默认 10%',
    scope: {},
    plan: {
      rate_ppm: 100_000,
      split: [{ to: 'agency', share_ppm: 1_000_000, pays: [{ to: 'promoter', share_ppm: 700_000, pays: toInviter(100_000) }] }],
    },
  },
  {
    name: '奶粉 15%',
    scope: { category: '奶粉' },
    plan: { rate_ppm: 150_000, split: [{ to: 'promoter', share_ppm: 1_000_000, pays: toInviter(200_000) }] },
  },
  {
    name: '金牌 12%',
    scope: { tier: 'gold' },
    plan: { rate_ppm: 120_000, split: [{ to: 'promoter', share_ppm: 1_000_000, pays: toInviter(100_000) }] },
  },
  {
    name: '双十一 20%',
    scope: { campaign_id: 'double-11' },
    plan: {
      rate_ppm: 200_000,
      currency: 'CNY',
      cap_per_order: 5_000,
      split: [{ to: 'promoter', share_ppm: 1_000_000, pays: toInviter(150_000) }],
    },
  },
  {
    // The union pays; this divides what it pays, once it has.
    name: '联盟佣金 80%',
    scope: { merchant_id: 'guoyuan' },
    plan: { base: 'platform_commission', rate_ppm: 800_000, split: [{ to: 'promoter', share_ppm: 1_000_000, pays: toInviter(100_000) }] },
  },
  {
    // Each pays the next out of its own share: of 10.00 they keep 4, 2, 2, 1 and 1.
    name: '直播五方 10%',
    scope: { merchant_id: 'haochi', product_id: 'zongzi' },
    plan: {
      rate_ppm: 100_000,
      split: [
        waterfall(['platform', 1_000_000], ['talent_agency', 600_000], ['talent', 666_667], ['agency', 500_000], ['promoter', 500_000]),
      ],
    },
  },
];

type Part = [to: PlanNode['to'], sharePpm: number];

function waterfall([to, share_ppm]: Part, ...rest: Part[]): PlanNode {
  const [next, ...others] = rest;
  return { to, share_ppm, pays: next === undefined ? [] : [waterfall(next, ...others)] };
}

interface LinkWish extends Pick<LinkBody, 'scene' | 'content_id' | 'campaign_id'> {
  promoter: PromoterId;
  /** A product, or the whole shop. */
  leadsTo: keyof typeof PRODUCTS | MerchantId;
  /** The name of the link that is shared again. */
  again?: string;
  talent_id?: PromoterId;
  /** The order system that is asked for its own link. */
  source_id?: SystemId;
}

const LINKS = {
  diapersOfAlice: { promoter: 'alice', leadsTo: 'niaoku', scene: 'group' },
  diapersOfBob: { promoter: 'bob', leadsTo: 'niaoku', scene: 'moments', again: 'diapersOfAlice' },
  milkOfCarol: { promoter: 'carol', leadsTo: 'naifen', scene: 'chat' },
  milkOfMo: { promoter: 'mo', leadsTo: 'naifen', scene: 'article', content_id: 'how-to-choose-milk' },
  liveOfBob: { promoter: 'bob', leadsTo: 'zongzi', scene: 'live', content_id: 'live-room-618', talent_id: 'lin' },
  nutsOfDave: { promoter: 'dave', leadsTo: 'jianguo', scene: 'group', campaign_id: 'double-11' },
  nutsOfAlice: { promoter: 'alice', leadsTo: 'jianguo', scene: 'moments' },
  snacksOfCarol: { promoter: 'carol', leadsTo: 'haochi', scene: 'group' },
  headphonesOfDave: { promoter: 'dave', leadsTo: 'erji', scene: 'group' },
  headphonesOfAlice: { promoter: 'alice', leadsTo: 'erji', scene: 'moments', again: 'headphonesOfDave' },
  teaOfBob: { promoter: 'bob', leadsTo: '731', scene: 'chat' },
  orangesOfCarol: { promoter: 'carol', leadsTo: '660021934', scene: 'group', source_id: 'duoduo' },
} as const satisfies Record<string, LinkWish>;

export type LinkName = keyof typeof LINKS;

/** What shoppers and order systems need of the marketplace. */
export interface Marketplace {
  url: string;
  signal: AbortSignal;
  /** The shops' mini-program: it makes links, tells clicks and reports orders. */
  storefront: FenyongClient;
  links: Record<LinkName, Link>;
  secrets: Secrets;
  platforms: Platforms;
}

/**
 * Throws when the service has a marketplace already: the figures of two would add up to neither's.
 */
export async function refuseInhabited(admin: FenyongClient): Promise<void> {
  const first = { params: { query: { limit: 1 } } };
  const { data: orders } = await admin.GET('/v1/orders', first);
  const { data: rules } = await admin.GET('/v1/rules', first);
  if (orders.data.length + rules.data.length > 0) {
    throw new Error('There are orders or rules in DATA_DIR already. The demo needs an empty folder, or none: then it makes one.');
  }
}

/** States everything, over HTTP as any operator does. */
export async function openMarketplace(admin: FenyongClient, url: string, platforms: Platforms, signal: AbortSignal): Promise<Marketplace> {
  for (const [merchant_id, { name, hold_days }] of Object.entries(MERCHANTS)) {
    await admin.PUT('/v1/merchants/{merchant_id}', {
      params: { path: { merchant_id } },
      body: { name, currency: 'CNY', landing_hosts: [hostOf(merchant_id)], hold_days },
    });
  }
  for (const [product_id, { merchant_id, ...product }] of Object.entries(PRODUCTS)) {
    await admin.PUT('/v1/merchants/{merchant_id}/products/{product_id}', {
      params: { path: { merchant_id, product_id } },
      body: { ...product, landing_url: `https://${hostOf(merchant_id)}/p/${product_id}` },
    });
  }
  for (const [promoter_id, promoter] of Object.entries(PROMOTERS)) {
    await admin.PUT('/v1/promoters/{promoter_id}', { params: { path: { promoter_id } }, body: promoter });
  }
  const since = new Date(Date.now() - RULES_SINCE_DAYS * DAY_MS).toISOString();
  for (const rule of RULES) await admin.POST('/v1/rules', { body: { ...rule, effective_from: since, retroactive: true } });

  const secrets = await openOrderSystems(admin, platforms);
  const { key } = (await admin.POST('/v1/keys', { body: { scope: 'storefront', label: '商城小程序' } })).data;
  const storefront = createClient({ url, key, signal });
  return { url, signal, storefront, links: await makeLinks(storefront), secrets, platforms };
}

function hostOf(merchantId: string): string {
  return `${merchantId}.example.com`;
}

/** The promoters' links. A link that shares another one again comes after it. */
async function makeLinks(storefront: FenyongClient): Promise<Record<LinkName, Link>> {
  const made: Partial<Record<string, Link>> = {};
  for (const [name, wish] of Object.entries<LinkWish>(LINKS)) {
    const { promoter, leadsTo, again, ...others } = wish;
    const shared = again === undefined ? {} : { shared_from: made[again]!.code };
    const body = { promoter_id: promoter, ...targetOf(leadsTo), ...others, ...shared };
    made[name] = (await storefront.POST('/v1/links', { body })).data;
  }
  return made as Record<LinkName, Link>;
}

function targetOf(leadsTo: LinkWish['leadsTo']): Pick<LinkBody, 'merchant_id' | 'product_id' | 'landing_url'> {
  const product = Object.entries(PRODUCTS).find(([id]) => id === leadsTo)?.[1];
  if (product !== undefined) return { merchant_id: product.merchant_id, product_id: leadsTo };
  return { merchant_id: leadsTo, landing_url: `https://${hostOf(leadsTo)}/` };
}
