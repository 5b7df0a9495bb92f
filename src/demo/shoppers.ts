// What buyers do, and what the storefront tells of it: clicks, who a buyer is, and the orders of
// the shop that reports by REST.

import type { paths } from '../../client/api.ts';
import type { FenyongClient } from '../../client/client.ts';
import type { LinkName, Marketplace } from './marketplace.ts';
import { HOUR_MS } from '../platform/durations.ts';

const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50';
const ROBOT = 'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)';
const REDIRECT_TIMEOUT_MS = 30_000;

type Report = paths['/v1/orders']['post']['requestBody']['content']['application/json'];

/** The click tokens that buyers bring along, by what they are used for. */
export type Tokens = Record<'milk' | 'live' | 'snacks' | 'nuts' | 'headphones' | 'tea' | 'campaign' | 'article' | 'robot', string>;

/** A time so many hours ago, as the API reads times. */
export function hoursAgo(hours: number): string {
  return new Date(Date.now() - hours * HOUR_MS).toISOString();
}

/**
 * Everybody clicks. One buyer is told by her openid first and by her browser later, and the
 * storefront says that both are she.
 */
export async function browse(market: Marketplace): Promise<Tokens> {
  const { storefront } = market;
  const follow = async (name: LinkName, userAgent = PHONE) => tokenIn(await landingOf(market, name, userAgent));
  await tellClick(market, 'diapersOfAlice', 'o-mei', hoursAgo(2));
  const ofBob = await follow('diapersOfBob');
  await storefront.POST('/v1/identities', { body: { merchant_id: 'mumu', identities: { openid: 'o-mei' }, click_token: ofBob } });
  return {
    milk: await follow('milkOfCarol'),
    live: await follow('liveOfBob'),
    snacks: await follow('snacksOfCarol'),
    nuts: await follow('nutsOfAlice'),
    headphones: await follow('headphonesOfAlice'),
    tea: await follow('teaOfBob'),
    campaign: await tellClick(market, 'nutsOfDave', 'o-hua', hoursAgo(21 * 24)),
    article: await tellClick(market, 'milkOfMo', 'o-jing', hoursAgo(21 * 24)),
    robot: await follow('diapersOfAlice', ROBOT),
  };
}

/** Where the link leads to. */
async function landingOf({ links, signal }: Marketplace, name: LinkName, userAgent = PHONE): Promise<string> {
  return followLink(links[name].url, userAgent, signal);
}

/** Follows a link as a browser does, as far as the shop. Answers with the address it is led to. */
async function followLink(url: string, userAgent: string, signal: AbortSignal): Promise<string> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(REDIRECT_TIMEOUT_MS)]);
  const response = await fetch(url, { headers: { 'user-agent': userAgent }, redirect: 'manual', signal: limited });
  const landing = response.headers.get('location');
  if (response.status === 302 && landing !== null) return landing;
  throw new Error(`GET ${url} was answered ${response.status} to ${landing ?? 'nowhere'}`);
}

function tokenIn(landing: string): string {
  const token = new URL(landing).searchParams.get('fy_click');
  if (token === null) throw new Error(`${landing} carries no click token`);
  return token;
}

/** A click in the mini-program, which knows its user. */
async function tellClick({ storefront, links }: Marketplace, name: LinkName, openid: string, occurredAt: string): Promise<string> {
  const click = { code: links[name].code, buyer: { openid }, occurred_at: occurredAt, user_agent: PHONE };
  return (await storefront.POST('/v1/clicks', { body: click })).data.click_token;
}

/** The orders of 木木母婴, each told as far as it has come. */
export async function orderFromMumu(market: Marketplace, tokens: Tokens): Promise<void> {
  const niaoku = { line_id: '1', product_id: 'niaoku', quantity: 1, paid_amount: 9_999 };
  const naifen = { line_id: '1', product_id: 'naifen', quantity: 1, paid_amount: 29_900 };
  const mei = { order_id: 'M-1001', buyer: { openid: 'o-mei' }, lines: [niaoku] };
  const jing = {
    order_id: 'M-1007',
    buyer: { openid: 'o-jing' },
    click_token: tokens.article,
    // A nursery buys forty.
    lines: [{ ...naifen, quantity: 40, paid_amount: 1_196_000 }],
    paid_at: hoursAgo(20 * 24),
  };
  await report(market, { ...mei, status: 'paid', paid_at: hoursAgo(0) });
  await report(market, { order_id: 'M-1001', status: 'completed' });
  await report(market, { order_id: 'M-1002', status: 'paid', buyer: { openid: 'o-lan' }, click_token: tokens.milk, lines: [naifen] });
  const two = { ...niaoku, quantity: 2, paid_amount: 19_998 };
  await report(market, { order_id: 'M-1004', status: 'paid', paid_at: hoursAgo(3), buyer: { openid: 'o-jin' }, lines: [two] });
  await report(market, { order_id: 'M-1005', status: 'paid', buyer: { openid: 'o-bai' }, click_token: tokens.robot, lines: [niaoku] });
  await report(market, { order_id: 'M-1006', status: 'paid', buyer: { openid: 'o-wu' }, coupon_codes: ['NOSUCHCODE'], lines: [naifen] });
  await report(market, { ...jing, status: 'paid' });
  await report(market, { order_id: 'M-1007', status: 'completed', completed_at: hoursAgo(8 * 24) });
}

/** The buyer of M-1002 comes again, without any link. */
export async function orderAgain(market: Marketplace): Promise<void> {
  const niaoku = { line_id: '1', product_id: 'niaoku', quantity: 1, paid_amount: 9_999 };
  await report(market, { order_id: 'M-1003', status: 'paid', buyer: { openid: 'o-lan' }, lines: [niaoku] });
}

/** Of the buyer of M-1004 the storefront tells only now that she had clicked before she bought. */
export async function tellLateClick(market: Marketplace): Promise<void> {
  await tellClick(market, 'diapersOfAlice', 'o-jin', hoursAgo(5));
}

/**
 * A buyer is led to the union by its own link, and buys there. The union tells nobody; so the
 * service is told to ask.
 */
export async function orderAtDuoduo(market: Marketplace, admin: FenyongClient): Promise<void> {
  market.platforms.duoduo.sell(await landingOf(market, 'orangesOfCarol'));
  const asked = { source_id: 'duoduo', from: hoursAgo(1), to: hoursAgo(0) };
  const { error } = (await admin.POST('/v1/reconciliations', { body: asked })).data;
  if (error !== null) throw new Error(`The union gave no answer: ${error}`);
}

async function report({ storefront }: Marketplace, order: Omit<Report, 'merchant_id' | 'currency'>): Promise<void> {
  await storefront.POST('/v1/orders', { body: { merchant_id: 'mumu', currency: 'CNY', ...order } });
}
