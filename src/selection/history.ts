// What is known of the past of products: what clicks on them brought, by promoter. Pure.

/** A product as estimates see it. */
export interface KnownProduct {
  merchantId: string;
  productId: string;
  category: string | null;
  /** Minor units; null: nobody has said. */
  price: number | null;
}

/** What came of one promoter's clicks on one product in the window. Money is in minor units. */
export interface Outcome {
  merchantId: string;
  productId: string;
  promoterId: string;
  clicks: number;
  /** The clicks, each as the part of the orders of its age that had come by then. */
  ripeClicks: number;
  /** Orders whose time to be returned is over, and what is of them. */
  settled: { orders: number; paid: number; kept: number };
  /** Younger orders: nobody knows yet what of them goes back. */
  young: { orders: number; paid: number };
  /** The squares of what was paid, of all of them. */
  paidSquares: number;
}

/** The past of some products; in any order. */
export interface History {
  products: readonly KnownProduct[];
  outcomes: readonly Outcome[];
}

/** Ids hold no control characters. */
export const productKey = ({ merchantId, productId }: Pick<KnownProduct, 'merchantId' | 'productId'>): string =>
  `${merchantId}\0${productId}`;

/** Within how many hours after their click orders come. */
export const DELAY_HOURS = [0.25, 1, 3, 6, 12, 24, 48, 72, 120, 168, 240, 336, 504, 720] as const;

/** Orders by the first of `DELAY_HOURS` within which they came after their click. */
type DelayCounts = readonly number[];

/** How late orders of merchants came after their clicks, counted. */
export function countDelays(delays: readonly { merchantId: string; hours: number }[]): {
  shared: DelayCounts;
  ofMerchant: (merchantId: string) => DelayCounts;
} {
  const shared = DELAY_HOURS.map(() => 0);
  const own = new Map<string, number[]>();
  for (const { merchantId, hours } of delays) {
    const place = DELAY_HOURS.findIndex((limit) => hours <= limit);
    if (place < 0) continue;
    const counts = own.get(merchantId) ?? DELAY_HOURS.map(() => 0);
    own.set(merchantId, counts);
    counts[place]! += 1;
    shared[place]! += 1;
  }
  return { shared, ofMerchant: (merchantId) => own.get(merchantId) ?? DELAY_HOURS.map(() => 0) };
}

/** How many orders of all merchants together weigh as much as a merchant's own. */
const SHARED_ORDERS = 20;

/**
 * Which part of the orders has come, of clicks of an age in hours: the merchant's own orders, and
 * with few of them those of all (`shared`), between two of `DELAY_HOURS` in a straight line. One
 * where nobody has any. After Chapelle, "Modeling Delayed Feedback in Display Advertising" (2014),
 * with what was counted in place of an exponential law.
 */
export function ripeness(own: DelayCounts, shared: DelayCounts): (ageHours: number) => number {
  const total = sum(shared);
  if (total === 0) return () => 1;
  const weights = DELAY_HOURS.map((_, index) => own[index]! + (SHARED_ORDERS * shared[index]!) / total);
  const whole = sum(weights);
  let come = 0;
  const parts = weights.map((weight) => (come += weight) / whole);
  return (ageHours) => {
    if (ageHours <= 0) return 0;
    const index = DELAY_HOURS.findIndex((hours) => ageHours < hours);
    if (index < 0) return 1;
    const [from, before] = index === 0 ? [0, 0] : [DELAY_HOURS[index - 1]!, parts[index - 1]!];
    return before + ((parts[index]! - before) * (ageHours - from)) / (DELAY_HOURS[index]! - from);
  };
}

const sum = (values: readonly number[]) => values.reduce((whole, value) => whole + value, 0);
