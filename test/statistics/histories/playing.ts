// Plays histories: what is done in a market is told as its people would tell it.

import { DAYS, type Happening, type Order, type SetUp, type Tell } from './history.ts';
import { LANDING, PRODUCTS, promoterIn, PROMOTERS, ruleOf, stateProduct, statePromoter } from './market.ts';
import type { Market, Shop, Told } from './market.ts';

const DAY_MS = 86_400_000;
const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148';

type Of<What extends Happening['does']> = Extract<Happening, { does: What }>;

const chosen = <Item>(items: readonly Item[], pick: number): Item | undefined => items[pick % Math.max(items.length, 1)];
const productOf = (index: number): string | null => (index < PRODUCTS.length ? `p${index}` : null);

/**
 * Links that every market begins with, and a buyer who came by three promoters of the first shop.
 */
export async function openDoors(market: Market): Promise<void> {
  const basic = { does: 'link', from: null } as const;
  await link(market, { ...basic, merchant: 0, promoter: 1, product: 0, scene: 'group', campaign: 'spring' });
  await link(market, { ...basic, merchant: 0, promoter: 2, product: 3, scene: 'moments', campaign: null });
  await link(market, { ...basic, merchant: 0, promoter: 3, product: 1, scene: 'live', campaign: null });
  await link(market, { ...basic, merchant: 1, promoter: 2, product: 3, scene: 'group', campaign: null });
  for (const index of [0, 1, 2]) {
    await click(market, { does: 'click', link: index, day: 30 - index * 4, minute: 700, buyer: 0, bot: false });
  }
}

/** Plays these, one after the other, and awards what is left. */
export async function playAll(market: Market, happenings: readonly Happening[], fold: () => Promise<void>): Promise<void> {
  for (const one of happenings) {
    if (one.does === 'link') await link(market, one);
    else if (one.does === 'click') await click(market, one);
    else if (one.does === 'follow') await follow(market, one);
    else if (one.does === 'order') await order(market, one);
    else if (one.does === 'tell') await tell(market, one);
    else if (one.does === 'set') await set(market, one);
    else if (one.does === 're-rate') await reRate(market, one);
    else if (one.does === 'fold') await fold();
    else {
      market.clock += one.after * DAY_MS;
      await market.desk.awardAt(new Date(market.clock));
    }
  }
  await market.desk.awardAt(new Date(market.clock));
}

async function link(market: Market, { merchant, promoter, product, scene, campaign, from }: Of<'link'>): Promise<void> {
  const shop = market.shops[merchant]!;
  const before =
    from === null
      ? undefined
      : chosen(
          shop.links.filter((one) => one.promoter !== promoter),
          from,
        );
  const { code } = await market.desk.ask('POST', '/v1/links', {
    merchant_id: shop.merchantId,
    promoter_id: promoterIn(market, promoter),
    product_id: productOf(product),
    landing_url: LANDING,
    scene,
    campaign_id: campaign,
    shared_from: before?.code ?? null,
  });
  shop.links.push({ code, promoter });
}

function linkOf({ shops }: Market, pick: number): { shop: Shop; code: string } | undefined {
  return chosen(
    shops.flatMap((shop) => shop.links.map(({ code }) => ({ shop, code }))),
    pick,
  );
}

async function click(market: Market, { link: pick, day, minute, buyer, bot }: Of<'click'>): Promise<void> {
  const { shop, code } = linkOf(market, pick)!;
  const { click_token: token } = await market.desk.ask('POST', '/v1/clicks', {
    code,
    occurred_at: market.atDay(day, minute),
    buyer: buyer === null ? {} : { openid: `b${buyer}` },
    ...(bot && { user_agent: 'curl/8.0' }),
  });
  shop.tokens.push(token);
}

async function follow(market: Market, { link: pick }: Of<'follow'>): Promise<void> {
  const { shop, code } = linkOf(market, pick)!;
  const answer = await fetch(`${market.desk.url}/r/${code}`, { redirect: 'manual', headers: { 'user-agent': PHONE } });
  await answer.arrayBuffer();
  shop.tokens.push(new URL(answer.headers.get('location')!).searchParams.get('fy_click')!);
}

function report({ desk }: Market, { shop, orderId, pushed }: Told, said: object): Promise<unknown> {
  const stated = { merchant_id: shop.merchantId, order_id: orderId, ...said };
  return pushed ? desk.push(shop.sourceId, stated) : desk.ask('POST', '/v1/orders', stated);
}

async function order(market: Market, { merchant, day, minute, by, who, lines, status, currency, pushed }: Order): Promise<void> {
  const { told, atDay } = market;
  const shop = market.shops[merchant]!;
  const one: Told = { shop, orderId: `o${told.length}`, pushed, lines: lines.length };
  told.push(one);
  const evidence = {
    link: { link_code: chosen(shop.links, who)?.code },
    token: { click_token: chosen(shop.tokens, who) },
    buyer: { buyer: { openid: `b${who % 3 === 2 ? 1 : 0}` } },
    coupon: { coupon_codes: [`C${who % PROMOTERS}`] },
    promoter: { promoter_id: promoterIn(market, who % PROMOTERS) },
    nobody: {},
  };
  await report(market, one, {
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

async function tell(market: Market, { order: pick, what }: Tell): Promise<void> {
  const one = chosen(market.told, pick);
  if (one === undefined) return;
  const said = saidOf(what, one, market);
  if (said !== null) await report(market, one, said);
}

/** What is said of an order; null where there is nothing to say it with. */
function saidOf(what: Tell['what'], one: Told, { atDay }: Market): object | null {
  const lineId = (line: number | null): string | null => (line === null ? null : String((line % one.lines) + 1));
  if ('refund' in what) {
    const { refund, line, amount, status } = what;
    return { refunds: [{ refund_id: `r${refund}`, line_id: lineId(line), amount, status }] };
  }
  if ('dispute' in what) return { disputes: [{ dispute_id: `d${what.dispute}`, line_id: lineId(what.line), state: what.state }] };
  if ('isVoid' in what) return { void: what.isVoid ? { reason: 'cancelled' } : false };
  if ('completedDay' in what) {
    const completed = { completed_at: atDay(what.completedDay) };
    return what.line === null ? { status: 'completed', ...completed } : { lines: [{ line_id: lineId(what.line), ...completed }] };
  }
  if ('token' in what) {
    const token = chosen(one.shop.tokens, what.token);
    return token === undefined ? null : { click_token: token };
  }
  if ('deposit' in what) return { deposit_paid_at: atDay(what.deposit) };
  one.lines = Math.max(one.lines, what.restated.length);
  return { lines: linesOf(what.restated, one.shop) };
}

async function set(market: Market, { what, since }: SetUp): Promise<void> {
  const effective = since === null ? {} : { effective_from: market.atDay(since) };
  if ('promoter' in what) {
    const { promoter, agency, inviter, suspended } = what;
    await statePromoter(market, promoter, { agency, inviter, status: suspended ? 'suspended' : 'active', ...effective });
  } else {
    const { merchant, product, category } = what;
    await stateProduct(market.desk, market.shops[merchant]!.merchantId, product, { category, ...effective });
  }
}

/** Orders that wait for their award are not re-rated: so they are awarded first. */
async function reRate({ desk, shops, atDay, clock }: Market, { merchant, rate }: Of<'re-rate'>): Promise<void> {
  const shop = shops[merchant]!;
  await desk.awardAt(new Date(clock));
  await desk.ask('POST', `/v1/rules/${shop.ruleId}/versions`, ruleOf(shop, rate));
  await desk.reRate({ merchant_id: shop.merchantId, from: atDay(DAYS * 2), to: atDay(-DAYS), currency: shop.currency });
}
