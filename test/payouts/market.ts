// A small market as people run it: two shops, an agency, a seller under two inviters, a bank and
// WeChat Pay. A service on real sockets with its worker; everything by the client of the API.

import { createSecretKey } from 'node:crypto';

import { expect } from 'vitest';

import { createClient, type FenyongClient } from '../../client/client.ts';
import type { components, paths } from '../../client/api.ts';
import { standardPush, shopifyPush } from '../../src/demo/platforms/signing.ts';
import type { Push } from '../../src/demo/platforms/push.ts';
import { masterKeys } from '../../src/platform/keys/secrets.ts';
import { redisForTests } from '../harness.ts';
import { ADMIN_KEY, openService } from '../running.ts';
import { startWechatPayDouble, type WechatPayDouble } from './providers/wechat-pay/double.ts';

const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148';
const SHOPIFY_SECRET = 'the secret that Shopify shows';
const ERP_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const UNTIL_MS_MAX = 20_000;

export const MARKET_SECRETS = {
  tokenKeys: [createSecretKey(Buffer.from('the market signs clicks with this'))] as [ReturnType<typeof createSecretKey>],
  identityKey: createSecretKey(Buffer.from('the market hashes buyers with this')),
  masterKeys: masterKeys(['the market seals its secrets with this']),
};
/** How far up a chain is paid: a seller and two inviters. */
export const MARKET_LEVELS_MAX = 3;

type Body<Path extends keyof paths, Method extends 'put' | 'post'> = paths[Path][Method] extends {
  requestBody: { content: { 'application/json': infer Json } };
}
  ? Json
  : never;
type OrderReport = Body<'/v1/orders', 'post'>;
type PayeeBody = Body<'/v1/promoters/{promoter_id}/payee', 'put'>;

/** A batch as it was drafted: what an approval names. */
export type Draft = Pick<components['schemas']['PayoutBatchDetail'], 'batch_id' | 'content_hash'>;

export const inBatch = (batch_id: string) => ({ params: { path: { batch_id } } });

export type Market = Awaited<ReturnType<typeof openMarket>>;

/** A moment so many days before now, as the API reads times. */
export const daysAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();

const monthIn = (timeZone: string, at: number): string =>
  new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit' }).format(at);

/** A zone whose month does not end within the next hour, so that all of the walk lies in one. */
function zoneOfOneMonth(now: number): string {
  const zone = 'Asia/Shanghai';
  return monthIn(zone, now) === monthIn(zone, now + 3_600_000) ? zone : 'America/New_York';
}

export async function openMarket() {
  const zone = zoneOfOneMonth(Date.now());
  const redis = await redisForTests();
  let noticesTo = '';
  const double = await startWechatPayDouble({ noticesTo: () => noticesTo });
  const service = await openService({
    works: true,
    listens: true,
    redisUrl: redis.url,
    secrets: MARKET_SECRETS,
    env: {
      PUBLIC_URL: 'https://pay.example.com',
      PAYOUT_BASE_URLS: `wechat-pay=${double.url}`,
      REFERRAL_LEVELS_MAX: String(MARKET_LEVELS_MAX),
      TAX_TIME_ZONE: zone,
      WITHHOLDING: 'cn_labor_service',
      // The guards are asked at the end.
      GUARD_INTERVAL_MS: '600000',
    },
  });
  noticesTo = `${service.url}/payout-notices/wechat`;
  const as = (key: string): FenyongClient => createClient({ url: service.url, key });
  const admin = as(ADMIN_KEY);
  const keyOf = async (body: Body<'/v1/keys', 'post'>): Promise<FenyongClient> => as((await admin.POST('/v1/keys', { body })).data.key!);
  await openShops(admin, zone);
  await openPromoters(admin);
  await openProviders(admin, double);
  await openRules(admin);

  async function push({ sourceId, headers, body }: Push): Promise<void> {
    const answer = await fetch(`${service.url}/webhooks/${sourceId}`, { method: 'POST', headers, body });
    if (answer.status !== 200) throw new Error(`the push was answered ${answer.status} ${await answer.text()}`);
  }

  const zhang = await keyOf({ scope: 'admin', role: 'finance', person: 'zhang' });
  const li = await keyOf({ scope: 'admin', role: 'finance', person: 'li' });
  const storefront = await keyOf({ scope: 'storefront' });
  const month = monthIn(zone, Date.now());
  return {
    double,
    service,
    zone,
    month,
    admin,
    /** Two persons of finance. */
    zhang,
    li,
    ofPromoter: (promoterId: string) => keyOf({ scope: 'promoter', promoter_id: promoterId }),

    /** 好吃零食铺 tells by Shopify, 木木母婴 by its own system; both sign. */
    pushShopify: (topic: string, message: object) => push(shopifyPush('haochi-shopify', SHOPIFY_SECRET, topic, message)),
    pushErp: (type: string, data: object) =>
      push(standardPush('mumu-erp', ERP_SECRET, { type, timestamp: new Date().toISOString(), data: { currency: 'CNY', ...data } })),
    /** Follows a short link as a telephone does; the click token that the shop is given. */
    async follow(code: string): Promise<string> {
      const { status, headers } = await fetch(`${service.url}/r/${code}`, { headers: { 'user-agent': PHONE }, redirect: 'manual' });
      expect(status).toBe(302);
      return new URL(headers.get('location')!).searchParams.get('fy_click')!;
    },
    link: async (promoter_id: string, merchant_id: string): Promise<string> =>
      (await storefront.POST('/v1/links', { body: { promoter_id, merchant_id, product_id: 'p1' } })).data.code,
    /** Tells of a click that lies so many days back; its token. */
    async clickedDaysAgo(code: string, days: number): Promise<string> {
      const body = { code, buyer: { openid: `o-${code}` }, occurred_at: daysAgo(days) };
      return (await storefront.POST('/v1/clicks', { body })).data.click_token;
    },
    /** Says something of the order M-1 of 木木母婴. */
    report: (body: Omit<OrderReport, 'merchant_id' | 'order_id'>) =>
      storefront.POST('/v1/orders', { body: { merchant_id: 'mumu', order_id: 'M-1', ...body } }),

    draft: async () => (await zhang.POST('/v1/payout-batches', { body: { currency: 'CNY', minimum: 100 } })).data,
    approve: async ({ batch_id, content_hash }: Draft, by = li) =>
      (await by.POST('/v1/payout-batches/{batch_id}/approval', { ...inBatch(batch_id), body: { content_hash } })).data,
    batch: async (id: string) => (await admin.GET('/v1/payout-batches/{batch_id}', inBatch(id))).data,
    async statement(promoter_id: string, query: { format?: 'csv'; lang: 'zh' | 'en'; month?: string }): Promise<string> {
      const params = { path: { promoter_id }, query: { month, ...query } };
      return (await admin.GET('/v1/promoters/{promoter_id}/statement', { params, parseAs: 'text' })).data;
    },
    ...readings(admin),
    async close() {
      await service.close();
      await double.close();
      if (redis.url !== null) await redis.close();
    },
  };
}

/** What the API says of orders and of people's money, asked until it is so. */
function readings(admin: FenyongClient) {
  const order = async (sourceId: string, orderId: string) => {
    const path = { source_id: sourceId, order_id: orderId };
    return (await admin.GET('/v1/orders/{source_id}/{order_id}', { params: { path } })).data;
  };
  type Order = Awaited<ReturnType<typeof order>>;
  return {
    order,
    /** The order once it is as `fields` say. */
    async settled(sourceId: string, orderId: string, fields: object): Promise<Order> {
      await expect.poll(() => order(sourceId, orderId).catch(() => null), { timeout: UNTIL_MS_MAX }).toMatchObject(fields);
      return order(sourceId, orderId);
    },
    /** `role promoter amount` of a line. */
    shares: (of: Order, lineId: string): string[] =>
      of.lines
        .find(({ line_id: id }) => id === lineId)!
        .shares.map(({ role, level, promoter_id: id, amount }) => `${role}${level ?? ''} ${id ?? '-'} ${amount}`),
    /** Pending, available, paying, withheld, paid: over all shops, or of one. */
    async balance(promoterId: string, merchantId?: string): Promise<number[]> {
      const params = { path: { promoter_id: promoterId }, query: merchantId === undefined ? {} : { merchant_id: merchantId } };
      const [cny, ...others] = (await admin.GET('/v1/promoters/{promoter_id}/balance', { params })).data.data;
      expect(others).toEqual([]);
      return [cny!.pending, cny!.available, cny!.paying, cny!.withheld, cny!.paid];
    },
    async payoutsOf(batchId: string): Promise<Record<string, components['schemas']['Payout']>> {
      const params = { path: { batch_id: batchId } };
      const { data } = (await admin.GET('/v1/payout-batches/{batch_id}/payouts', { params })).data;
      return Object.fromEntries(data.map((payout) => [payout.promoter_id, payout]));
    },
    /** `[kind, balance]` of every account that is not empty, and the sum of all. */
    async trialBalance() {
      const { data } = (await admin.GET('/v1/ledger/trial-balance')).data;
      return data.map(({ currency, accounts, sum }) => ({
        currency,
        sum,
        accounts: Object.fromEntries(accounts.map(({ kind, balance }) => [kind, balance])),
      }));
    },
  };
}

/** 木木母婴 holds for a week, 好吃零食铺 for three days. */
async function openShops(admin: FenyongClient, time_zone: string): Promise<void> {
  for (const [merchant_id, name, hold_days] of [
    ['mumu', '木木母婴', 7],
    ['haochi', '好吃零食铺', 3],
  ] as const) {
    const body = { name, currency: 'CNY', landing_hosts: ['shop.example.com'], hold_days, time_zone };
    await admin.PUT('/v1/merchants/{merchant_id}', { params: { path: { merchant_id } }, body });
    const product = { title: '婴儿车', landing_url: `https://shop.example.com/${merchant_id}` };
    await admin.PUT('/v1/merchants/{merchant_id}/products/{product_id}', {
      params: { path: { merchant_id, product_id: 'p1' } },
      body: product,
    });
  }
  await admin.PUT('/v1/sources/{source_id}', {
    params: { path: { source_id: 'haochi-shopify' } },
    body: { kind: 'shopify', merchant_id: 'haochi', secrets: { secret: SHOPIFY_SECRET }, options: { completed_on: 'paid' } },
  });
  await admin.PUT('/v1/sources/{source_id}', {
    params: { path: { source_id: 'mumu-erp' } },
    body: { kind: 'standard-webhooks', merchant_id: 'mumu', secrets: { secret: ERP_SECRET } },
  });
}

/** Carol invited Alice, who invited Bob, who works with an agency. */
async function openPromoters(admin: FenyongClient): Promise<void> {
  const people = {
    xinghe: { name: '星河传媒', kind: 'agency' },
    carol: { name: '卡罗', kind: 'person' },
    alice: { name: '艾丽丝', kind: 'person', inviter_id: 'carol' },
    bob: { name: '阿博', kind: 'person', inviter_id: 'alice', agency_id: 'xinghe' },
  } satisfies Record<string, Body<'/v1/promoters/{promoter_id}', 'put'>>;
  for (const [promoter_id, body] of Object.entries(people)) {
    await admin.PUT('/v1/promoters/{promoter_id}', { params: { path: { promoter_id } }, body });
  }
}

const byBank = (account_no: string) => ({ provider_id: 'bank', account: { account_no, bank_name: '招商银行' } });

/** Carol is paid by hand, Bob by WeChat Pay, Alice and the agency by a file for the bank. */
async function openProviders(admin: FenyongClient, double: WechatPayDouble): Promise<void> {
  const { secrets, options } = double;
  for (const [provider_id, body] of [
    ['bank', { kind: 'file', secrets: {}, options: {} }],
    ['wechat', { kind: 'wechat-pay', secrets, options }],
  ] as const) {
    await admin.PUT('/v1/payout-providers/{provider_id}', { params: { path: { provider_id } }, body });
  }
  double.knowName('openid-of-bob', '阿博');
  const payees = {
    carol: { kind: 'individual', name: '卡罗', tax_id: '110101199001010011', provider_id: 'manual' },
    alice: { kind: 'individual', name: '艾丽丝', tax_id: '110101199001010022', ...byBank('6222021234567890123') },
    bob: { kind: 'individual', name: '阿博', tax_id: '110101199001010033', provider_id: 'wechat', account: { openid: 'openid-of-bob' } },
    xinghe: { kind: 'company', name: '星河传媒', ...byBank('1100012345678') },
  } satisfies Record<string, PayeeBody>;
  for (const [promoter_id, body] of Object.entries(payees)) {
    await admin.PUT('/v1/promoters/{promoter_id}/payee', { params: { path: { promoter_id } }, body });
  }
}

/** 10 % down to the second inviter at the one shop; 5 % of which we keep a fifth at the other. */
async function openRules(admin: FenyongClient): Promise<void> {
  const since = { effective_from: '2020-01-01T00:00:00Z', retroactive: true };
  const inviters = [
    { to: 'upline' as const, level: 1, share_ppm: 100_000, pays: [{ to: 'upline' as const, level: 2, share_ppm: 200_000 }] },
  ];
  await admin.POST('/v1/rules', {
    body: {
      name: '10%',
      scope: { merchant_id: 'mumu' },
      ...since,
      plan: {
        rate_ppm: 100_000,
        split: [{ to: 'agency', share_ppm: 1_000_000, pays: [{ to: 'promoter', share_ppm: 700_000, pays: inviters }] }],
      },
    },
  });
  const seller = { to: 'promoter' as const, share_ppm: 800_000, pays: [{ to: 'upline' as const, level: 1, share_ppm: 250_000 }] };
  await admin.POST('/v1/rules', {
    body: {
      name: '5%',
      scope: { merchant_id: 'haochi' },
      ...since,
      plan: { rate_ppm: 50_000, split: [{ to: 'platform', share_ppm: 1_000_000, pays: [seller] }] },
    },
  });
}
