// A market that nobody fitted anything to: merchants, products, promoters and their audiences, with
// heavy tails wherever markets have them. What is seen of it are clicks, orders and refunds; what
// stands behind them is known to the judge alone. It imports nothing of the service.

import { chanceOf, type Chance } from './chance.ts';

/** How large a market is, and how unlike its parts are. */
export interface MarketSettings {
  merchants: number;
  categories: number;
  products: number;
  promoters: number;
  /** Clicks of the history, about. */
  clicks: number;
  historyDays: number;
  /** What comes after it, by which rankings are judged. */
  heldOutDays: number;
  /**
   * Deviations of logarithms: of promoters' strength, of audiences' affinity to categories, of
   * their fit to a single product.
   */
  strength: number;
  affinity: number;
  fit: number;
  /** How far conversion moves with the season at most. */
  season: number;
}

/**
 * Conversion about 2 %, refunds about 12 %, two hundred to four hundred products: a shop of some
 * size.
 */
export const PLAIN: MarketSettings = {
  merchants: 8,
  categories: 12,
  products: 300,
  promoters: 60,
  clicks: 30_000,
  historyDays: 90,
  heldOutDays: 30,
  strength: 0.5,
  affinity: 0.5,
  fit: 0.2,
  season: 0.3,
};

/** A product as anybody sees it. Money is in minor units. */
export interface MarketProduct {
  productId: string;
  merchantId: string;
  category: string;
  price: number | null;
  /** What the promoter that wins an order is paid of what the buyer keeps. */
  paidPpm: number;
}

/** A click; times are days since the history began. */
interface MarketClick {
  at: number;
  promoterId: string;
  productId: string;
}

interface MarketOrder extends MarketClick {
  clickedAt: number;
  paid: number;
  refunded: number;
  /** Infinity: nothing is given back. */
  refundedAt: number;
}

export interface Market {
  settings: MarketSettings;
  /** Within this time after an order most of what goes back has gone back. */
  merchants: { merchantId: string; returnDays: number }[];
  products: MarketProduct[];
  promoterIds: string[];
  clicks: MarketClick[];
  /** Of those clicks, whenever they came: those after the history are not known at its end. */
  orders: MarketOrder[];
  /** What buyers keep of one click in the held-out days, as it is to be expected. */
  keptPerClick: (promoterId: string, productId: string) => number;
  /** What so many clicks in the held-out days brought: the same ones again each time. */
  replay: (promoterId: string, productId: string, clicks: number) => { orders: number; kept: number };
}

interface Merchant {
  merchantId: string;
  returnDays: number;
  appeal: number;
  rate: number;
  /** Part of the orders that come at once, the median of the others in days. */
  atOnce: number;
  later: number;
}

interface Category {
  name: string;
  appeal: number;
  price: number;
  refund: number;
  /** Of the season: how far, how long, from where. */
  swing: number;
  period: number;
  phase: number;
}

interface Product extends MarketProduct {
  truePrice: number;
  conversion: number;
  refund: number;
  popularity: number;
  merchant: Merchant;
  of: Category;
}

interface Promoter {
  promoterId: string;
  volume: number;
  strength: number;
  affinity: Map<string, number>;
}

const logistic = (odds: number) => 1 / (1 + Math.exp(-odds));
const MOST_CONVERTED = 0.6;
/** No order is tied to a click that is older. */
const CLICK_WINDOW_DAYS = 30;
/** Who knows its audience picks what suits it, half of the time. */
const KNOWING = 0.5;
const UNPRICED = 0.15;
/** Three days on which everybody buys, a bit cheaper. */
const FESTIVAL = { from: 52, days: 3, conversion: 1.8, price: 0.85 };
const UNITS = [1, 1, 1, 1, 1, 1, 2, 2, 3, 6] as const;
const COUPONS = [1, 1, 0.9, 0.85, 0.75] as const;
const PARTIAL = 0.2;
/** What a partial refund gives back: evenly in between. */
const PARTLY = { least: 0.2, most: 0.9 };

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The market of a seed. */
export function makeMarket(settings: MarketSettings, seed: number): Market {
  const merchants = Array.from({ length: settings.merchants }, (_, index) => makeMerchant(`m${index}`, chanceOf(seed, 'merchant', index)));
  const categories = Array.from({ length: settings.categories }, (_, index) =>
    makeCategory(`c${index}`, chanceOf(seed, 'category', index), settings),
  );
  const products = Array.from({ length: settings.products }, (_, index) =>
    makeProduct(`p${index}`, chanceOf(seed, 'product', index), merchants, categories),
  );
  const promoters = Array.from({ length: settings.promoters }, (_, index) =>
    makePromoter(`r${index}`, chanceOf(seed, 'promoter', index), categories, settings),
  );
  const byId = {
    products: new Map(products.map((one) => [one.productId, one])),
    promoters: new Map(promoters.map((one) => [one.promoterId, one])),
  };
  const fits = new Map<string, number>();
  const chanceToBuy = (promoter: Promoter, product: Product, day: number) => {
    const pair = `${promoter.promoterId} ${product.productId}`;
    const fit = fits.get(pair) ?? chanceOf(seed, 'fit', pair).logNormal(1, settings.fit);
    fits.set(pair, fit);
    const taste = promoter.strength * promoter.affinity.get(product.category)! * fit;
    return Math.min(product.conversion * taste * seasonOf(product.of, day), MOST_CONVERTED);
  };
  const { clicks, orders } = liveThrough(seed, settings, { products, promoters }, chanceToBuy);
  const heldOut = (promoterId: string, productId: string) => {
    const [promoter, product] = [byId.promoters.get(promoterId)!, byId.products.get(productId)!];
    const days = Array.from({ length: settings.heldOutDays }, (_, day) => settings.historyDays + day + 0.5);
    return { product, conversion: mean(days.map((day) => chanceToBuy(promoter, product, day))) };
  };
  return {
    settings,
    merchants: merchants.map(({ merchantId, returnDays }) => ({ merchantId, returnDays })),
    products: products.map(({ productId, merchantId, category, price, paidPpm }) => ({ productId, merchantId, category, price, paidPpm })),
    promoterIds: promoters.map(({ promoterId }) => promoterId),
    clicks,
    orders,
    keptPerClick: (promoterId, productId) => {
      const { product, conversion } = heldOut(promoterId, productId);
      return conversion * product.truePrice * mean(UNITS) * mean(COUPONS) * (1 - product.refund * GIVEN_BACK);
    },
    replay: (promoterId, productId, count) => {
      const { product, conversion } = heldOut(promoterId, productId);
      const chance = chanceOf(seed, 'replay', promoterId, productId);
      const outcome = { orders: 0, kept: 0 };
      for (let click = chance.failures(conversion); click < count; click += 1 + chance.failures(conversion)) {
        const paid = payFor(product, chance);
        outcome.orders += 1;
        outcome.kept += paid - givenBack(product, paid, chance);
      }
      return outcome;
    },
  };
}

function makeMerchant(merchantId: string, chance: Chance): Merchant {
  return {
    merchantId,
    returnDays: [7, 10, 15][chance.below(3)]!,
    appeal: 0.3 * chance.normal(),
    rate: chance.logNormal(0.1, 0.5),
    atOnce: 0.6 + 0.25 * chance.even(),
    later: chance.logNormal(1.5, 0.5),
  };
}

function makeCategory(name: string, chance: Chance, { season }: MarketSettings): Category {
  return {
    name,
    appeal: 0.4 * chance.normal(),
    price: chance.logNormal(8000, 0.8),
    refund: -2.2 + 0.7 * chance.normal(),
    swing: season * chance.even(),
    period: 60 + 120 * chance.even(),
    phase: 2 * Math.PI * chance.even(),
  };
}

function makeProduct(productId: string, chance: Chance, merchants: readonly Merchant[], categories: readonly Category[]): Product {
  const merchant = merchants[Math.floor(merchants.length * chance.even() ** 1.7)]!;
  const of = categories[chance.below(categories.length)]!;
  const truePrice = Math.ceil(chance.logNormal(of.price, 0.6) * chance.pareto(4));
  const dear = Math.log(truePrice / of.price);
  return {
    productId,
    merchantId: merchant.merchantId,
    merchant,
    category: of.name,
    of,
    truePrice,
    price: chance.even() < UNPRICED ? null : truePrice,
    paidPpm: Math.round(1e6 * Math.min(merchant.rate * chance.logNormal(1, 0.5), 0.5)),
    conversion: logistic(-4 + merchant.appeal + of.appeal + 0.6 * chance.student(5) - 0.3 * dear),
    refund: logistic(of.refund + 0.5 * chance.student(5)),
    popularity: chance.pareto(1.1),
  };
}

function makePromoter(
  promoterId: string,
  chance: Chance,
  categories: readonly Category[],
  { strength, affinity }: MarketSettings,
): Promoter {
  return {
    promoterId,
    volume: chance.pareto(1.2),
    strength: chance.logNormal(1, strength),
    affinity: new Map(categories.map(({ name }) => [name, chance.logNormal(1, affinity)])),
  };
}

function seasonOf({ swing, period, phase }: Category, day: number): number {
  const isFestival = day >= FESTIVAL.from && day < FESTIVAL.from + FESTIVAL.days;
  return (1 + swing * Math.sin((2 * Math.PI * day) / period + phase)) * (isFestival ? FESTIVAL.conversion : 1);
}

const GIVEN_BACK = 1 - PARTIAL + (PARTIAL * (PARTLY.least + PARTLY.most)) / 2;

function payFor({ truePrice }: Product, chance: Chance): number {
  return Math.round(truePrice * UNITS[chance.below(UNITS.length)]! * COUPONS[chance.below(COUPONS.length)]!);
}

function givenBack({ refund }: Product, paid: number, chance: Chance): number {
  if (chance.even() >= refund) return 0;
  const part = chance.even() < PARTIAL ? PARTLY.least + (PARTLY.most - PARTLY.least) * chance.even() : 1;
  return Math.round(paid * part);
}

type ChanceToBuy = (promoter: Promoter, product: Product, day: number) => number;

/** What happens in the history: who shares what, who clicks on it when, and what comes of it. */
function liveThrough(
  seed: number,
  { clicks: wanted, historyDays }: MarketSettings,
  { products, promoters }: { products: readonly Product[]; promoters: readonly Promoter[] },
  chanceToBuy: ChanceToBuy,
): Pick<Market, 'clicks' | 'orders'> {
  const shares = promoters.flatMap((promoter) => sharesOf(promoter, products, chanceOf(seed, 'shares', promoter.promoterId)));
  const weight = shares.reduce((sum, share) => sum + share.weight, 0);
  const clicks: MarketClick[] = [];
  const orders: MarketOrder[] = [];
  for (const { promoter, product, weight: own } of shares) {
    const chance = chanceOf(seed, 'clicks', promoter.promoterId, product.productId);
    const sharedAt = chance.even() * historyDays;
    const count = Math.floor((wanted * own) / weight + chance.even());
    for (let index = 0; index < count; index += 1) {
      // A share is clicked on in the days after it, and what was shared late is clicked on before.
      const at = (sharedAt - 12 * Math.log(1 - chance.even())) % historyDays;
      const click = { at, promoterId: promoter.promoterId, productId: product.productId };
      clicks.push(click);
      if (chance.even() >= chanceToBuy(promoter, product, at)) continue;
      const order = orderOf(click, product, chance);
      if (order.at - at < CLICK_WINDOW_DAYS) orders.push(order);
    }
  }
  return { clicks, orders };
}

interface Share {
  promoter: Promoter;
  product: Product;
  weight: number;
}

function sharesOf(promoter: Promoter, products: readonly Product[], chance: Chance): Share[] {
  const likings = products.map(({ popularity, category }) => popularity * promoter.affinity.get(category)! ** KNOWING);
  const total = likings.reduce((sum, liking) => sum + liking, 0);
  const shares: Share[] = [];
  const count = 3 + Math.floor(6 * chance.pareto(1.5));
  for (let index = 0; index < Math.min(count, products.length / 2); index += 1) {
    let left = chance.even() * total;
    const at = likings.findIndex((liking) => (left -= liking) < 0);
    const product = products[Math.max(at, 0)]!;
    if (shares.some((share) => share.product === product)) continue;
    shares.push({ promoter, product, weight: promoter.volume * chance.pareto(1.3) });
  }
  return shares;
}

function orderOf(click: MarketClick, product: Product, chance: Chance): MarketOrder {
  const { atOnce, later, returnDays } = product.merchant;
  const delay = chance.even() < atOnce ? chance.logNormal(0.015, 1.2) : chance.logNormal(later, 1);
  const at = click.at + delay;
  const isFestival = click.at >= FESTIVAL.from && click.at < FESTIVAL.from + FESTIVAL.days;
  const paid = Math.round(payFor(product, chance) * (isFestival ? FESTIVAL.price : 1));
  const refunded = givenBack(product, paid, chance);
  const back = chance.even() < 0.04 ? returnDays * (1 + chance.even()) : Math.min(chance.logNormal(0.5 * returnDays, 0.5), returnDays);
  return { ...click, clickedAt: click.at, at, paid, refunded, refundedAt: refunded === 0 ? Infinity : at + back };
}
