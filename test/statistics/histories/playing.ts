// Plays histories: a market of its own for each, and what is done in it told as its people would
// tell it.

import { randomUUID } from 'node:crypto';

import type { Desk } from './desk.ts';
import { DAYS, type Happening, type History, type Order, type SetUp, type Tell } from './history.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148';
const LANDING = 'https://shop.example.com/p';
const PRODUCTS = ['baby', 'toys', null] as const;
const AGENCY_OF: Readonly<Record<number, number>> = { 1: 0, 2: 0, 3: 1 };
const PROMOTERS = 6;

const whole = 1_000_000;
const chain = [{ to: 'upline', level: 1, share_ppm: 100_000, pays: [{ to: 'upline', level: 2, share_ppm: 200_000 }] }];

interface Shop {
  merchantId: string;
  currency: string;
  sourceId: string;
  terms: object;
  ruleId: string;
  plan: (rate: number) => object;
  links: { code: string; promoter: number }[];
  tokens: string[];
}

interface Told {
  shop: Shop;
  orderId: string;
  pushed: boolean;
  lines: number;
}

export type Played = Awaited<ReturnType<typeof openMarket>>;

/** A market of two merchants in which a history can be played. */
export async function openMarket(desk: Desk, model: History['model']) {
  const name = randomUUID().slice(0, 8);
  const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const atDay = (day: number, minute = 0): string => new Date(midnight - (day + 1) * DAY_MS + minute * MINUTE_MS + day).toISOString();
  const promoterId = (index: number): string => `${name}-p${index}`;
  const agencyId = (index: number): string => `${name}-a${index}`;
  const partner = `${name}-partner`;
  const shops = [
    await openShop(desk, {
      merchantId: `${name}-m`,
      currency: 'CNY',
      terms: {
        hold_days: 3,
        attribution: { model, exact_product_first: false, product_click_days: 60, content_click_days: 60, cutoff_days: 300 },
      },
      plan: (rate) => ({
        rate_ppm: rate,
        split: [
          {
            to: 'platform',
            share_ppm: whole,
            pays: [
              { to: 'agency', share_ppm: 900_000, pays: [{ to: 'promoter', share_ppm: 700_000, pays: chain }] },
              { to: { account: `promoter:${partner}` }, share_ppm: 50_000 },
            ],
          },
        ],
      }),
    }),
    await openShop(desk, {
      merchantId: `${name}-n`,
      currency: 'USD',
      terms: { hold_days: 0 },
      plan: (rate) => ({ rate_ppm: rate, split: [{ to: 'promoter', share_ppm: whole, pays: chain }] }),
    }),
  ] as const;
  const [first] = shops;
  const statePromoter = (
    index: number,
    { agency, inviter = true, ...more }: { agency?: number | null; inviter?: boolean; [field: string]: unknown },
  ) =>
    desk.ask('PUT', `/v1/promoters/${promoterId(index)}`, {
      name: promoterId(index),
      kind: 'person',
      inviter_id: inviter && index > 0 ? promoterId(index - 1) : null,
      agency_id: agency == null ? null : agencyId(agency),
      coupon_codes: [{ merchant_id: first.merchantId, code: `C${index}` }],
      ...more,
    });
  for (const index of [0, 1]) await desk.ask('PUT', `/v1/promoters/${agencyId(index)}`, { name: 'Agency', kind: 'agency' });
  await desk.ask('PUT', `/v1/promoters/${partner}`, { name: 'Partner', kind: 'person' });
  for (let index = 0; index < PROMOTERS; index += 1) await statePromoter(index, { agency: AGENCY_OF[index] ?? null });
  await statePrograms(desk, first.merchantId, { name, from: atDay(DAYS * 2), to: atDay(-DAYS) });

  const told: Told[] = [];
  let clock = Date.parse(atDay(20));
  const chosen = <Item>(items: readonly Item[], pick: number): Item | undefined => items[pick % Math.max(items.length, 1)];
  const linkOf = (pick: number) => {
    const all = shops.flatMap((shop) => shop.links.map((link) => ({ shop, ...link })));
    return chosen(all, pick);
  };
  const productOf = (index: number): string | null => (index < PRODUCTS.length ? `p${index}` : null);

  async function link({ merchant, promoter, product, scene, campaign, from }: Extract<Happening, { does: 'link' }>): Promise<void> {
    const shop = shops[merchant]!;
    const before =
      from === null
        ? undefined
        : chosen(
            shop.links.filter((one) => one.promoter !== promoter),
            from,
          );
    const { code } = await desk.ask('POST', '/v1/links', {
      merchant_id: shop.merchantId,
      promoter_id: promoterId(promoter),
      product_id: productOf(product),
      landing_url: LANDING,
      scene,
      campaign_id: campaign,
      shared_from: before?.code ?? null,
    });
    shop.links.push({ code, promoter });
  }

  async function click({ link: pick, day, minute, buyer, bot }: Extract<Happening, { does: 'click' }>): Promise<void> {
    const found = linkOf(pick);
    if (found === undefined) return;
    const { click_token: token } = await desk.ask('POST', '/v1/clicks', {
      code: found.code,
      occurred_at: atDay(day, minute),
      buyer: buyer === null ? {} : { openid: `b${buyer}` },
      ...(bot && { user_agent: 'curl/8.0' }),
    });
    found.shop.tokens.push(token);
  }

  async function follow(pick: number): Promise<void> {
    const found = linkOf(pick);
    if (found === undefined) return;
    const answer = await fetch(`${desk.url}/r/${found.code}`, { redirect: 'manual', headers: { 'user-agent': PHONE } });
    await answer.arrayBuffer();
    found.shop.tokens.push(new URL(answer.headers.get('location')!).searchParams.get('fy_click')!);
  }

  const report = (one: Told, said: object): Promise<unknown> => {
    const whole = { merchant_id: one.shop.merchantId, order_id: one.orderId, ...said };
    return one.pushed ? desk.push(one.shop.sourceId, whole) : desk.ask('POST', '/v1/orders', whole);
  };

  async function order({ merchant, day, minute, by, who, lines, status, currency, pushed }: Order): Promise<void> {
    const shop = shops[merchant]!;
    const one: Told = { shop, orderId: `o${told.length}`, pushed, lines: lines.length };
    told.push(one);
    const evidence = {
      link: { link_code: chosen(shop.links, who)?.code },
      token: { click_token: chosen(shop.tokens, who) },
      buyer: { buyer: { openid: `b${who % 3 === 2 ? 1 : 0}` } },
      coupon: { coupon_codes: [`C${who % PROMOTERS}`] },
      promoter: { promoter_id: promoterId(who % PROMOTERS) },
      nobody: {},
    };
    await report(one, {
      status,
      ...(status !== 'created' && { paid_at: atDay(day, minute) }),
      ...(status === 'completed' && { completed_at: atDay(Math.max(day - 2, 0), minute) }),
      ...(currency !== null && { currency }),
      lines: linesOf(lines, shop),
      ...evidence[by],
    });
  }

  const linesOf = (lines: Order['lines'], { links }: Shop): object[] =>
    lines.map(({ product, category, quantity, paid, link: pick }, index) => {
      const own = pick === null ? {} : { link_code: chosen(links, pick)?.code };
      return { line_id: String(index + 1), product_id: productOf(product), category, quantity, paid_amount: paid, ...own };
    });

  async function tell({ order: pick, what }: Tell): Promise<void> {
    const one = chosen(told, pick);
    if (one === undefined) return;
    const lineId = (line: number | null): string | null => (line === null ? null : String((line % one.lines) + 1));
    if ('refund' in what) {
      const { refund, line, amount, status } = what;
      await report(one, { refunds: [{ refund_id: `r${refund}`, line_id: lineId(line), amount, status }] });
    } else if ('dispute' in what) {
      await report(one, { disputes: [{ dispute_id: `d${what.dispute}`, line_id: lineId(what.line), state: what.state }] });
    } else if ('isVoid' in what) await report(one, { void: what.isVoid ? { reason: 'cancelled' } : false });
    else if ('completedDay' in what) {
      const completed = { completed_at: atDay(what.completedDay) };
      await report(
        one,
        what.line === null ? { status: 'completed', ...completed } : { lines: [{ line_id: lineId(what.line), ...completed }] },
      );
    } else if ('token' in what) {
      const token = chosen(one.shop.tokens, what.token);
      if (token !== undefined) await report(one, { click_token: token });
    } else if ('restated' in what) {
      one.lines = Math.max(one.lines, what.restated.length);
      await report(one, { lines: linesOf(what.restated, one.shop) });
    } else await report(one, { deposit_paid_at: atDay(what.deposit) });
  }

  async function set({ what, since }: SetUp): Promise<void> {
    const effective = since === null ? {} : { effective_from: atDay(since) };
    if ('promoter' in what) {
      const { promoter, agency, inviter, suspended } = what;
      await statePromoter(promoter, { agency, inviter, status: suspended ? 'suspended' : 'active', ...effective });
      return;
    }
    const { merchant, product, category } = what;
    await stateProduct(desk, shops[merchant]!.merchantId, product, { category, ...effective });
  }

  async function reRate(merchant: number, rate: number): Promise<void> {
    const shop = shops[merchant]!;
    await desk.awardAt(new Date(clock));
    await desk.ask('POST', `/v1/rules/${shop.ruleId}/versions`, ruleOf(shop, rate));
    await desk.reRate({ merchant_id: shop.merchantId, from: atDay(DAYS * 2), to: atDay(-DAYS), currency: shop.currency });
  }

  async function play(one: Happening, fold: () => Promise<void>): Promise<void> {
    if (one.does === 'link') await link(one);
    else if (one.does === 'click') await click(one);
    else if (one.does === 'follow') await follow(one.link);
    else if (one.does === 'order') await order(one);
    else if (one.does === 'tell') await tell(one);
    else if (one.does === 'set') await set(one);
    else if (one.does === 're-rate') await reRate(one.merchant, one.rate);
    else if (one.does === 'fold') await fold();
    else {
      clock += one.after * DAY_MS;
      await desk.awardAt(new Date(clock));
    }
  }

  const basic = { does: 'link', from: null } as const;
  await link({ ...basic, merchant: 0, promoter: 1, product: 0, scene: 'group', campaign: 'spring' });
  await link({ ...basic, merchant: 0, promoter: 2, product: 3, scene: 'moments', campaign: null });
  await link({ ...basic, merchant: 0, promoter: 3, product: 1, scene: 'live', campaign: null });
  await link({ ...basic, merchant: 1, promoter: 2, product: 3, scene: 'group', campaign: null });
  // A buyer who came by three promoters, so that lines have several winners.
  for (const index of [0, 1, 2]) await click({ does: 'click', link: index, day: 30 - index * 4, minute: 700, buyer: 0, bot: false });

  return {
    merchantIds: shops.map(({ merchantId }) => merchantId),
    /** Plays these, one after the other, and awards what is left. */
    async playAll(happenings: readonly Happening[], fold: () => Promise<void>): Promise<void> {
      for (const one of happenings) await play(one, fold);
      await desk.awardAt(new Date(clock));
    },
  };
}

type NewShop = Pick<Shop, 'merchantId' | 'currency' | 'terms' | 'plan'>;

const stateProduct = (desk: Desk, merchantId: string, index: number, said: object) =>
  desk.ask('PUT', `/v1/merchants/${merchantId}/products/p${index}`, { title: `Product ${index}`, landing_url: LANDING, ...said });

const ruleOf = ({ merchantId, plan }: Pick<NewShop, 'merchantId' | 'plan'>, rate: number) => ({
  name: `${rate}`,
  scope: { merchant_id: merchantId },
  effective_from: '2020-01-01T00:00:00Z',
  retroactive: true,
  plan: plan(rate),
});

async function openShop(desk: Desk, shop: NewShop): Promise<Shop> {
  const { merchantId, currency, terms } = shop;
  await desk.ask('PUT', `/v1/merchants/${merchantId}`, { name: merchantId, currency, landing_hosts: ['shop.example.com'], ...terms });
  for (const [index, category] of PRODUCTS.entries()) await stateProduct(desk, merchantId, index, { category });
  const sourceId = `${merchantId}-erp`;
  const source = { kind: 'standard-webhooks', merchant_id: merchantId, secrets: { secret: desk.pushSecret } };
  await desk.ask('PUT', `/v1/sources/${sourceId}`, source);
  const { rule_id: ruleId } = await desk.ask('POST', '/v1/rules', ruleOf(shop, 100_000));
  return { ...shop, sourceId, ruleId, links: [], tokens: [] };
}

/** A campaign that boosts, and a bonus for whatever is completed. */
async function statePrograms(
  desk: Desk,
  merchantId: string,
  { name, from, to }: { name: string; from: string; to: string },
): Promise<void> {
  await desk.ask('PUT', `/v1/campaigns/${name}`, {
    merchant_id: merchantId,
    name,
    starts_at: from,
    ends_at: to,
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
