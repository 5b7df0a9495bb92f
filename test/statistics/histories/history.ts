// Random histories of a market: what is done in it, one after the other, as numbers that whoever
// plays it takes for the things that are there by then.

import * as fc from 'fast-check';

/** Days before the end of a history at which something is said to have happened. */
export const DAYS = 45;

const pick = fc.nat(999);
const day = fc.integer({ min: 0, max: DAYS - 1 });
/** Of a day; many things happen at midnight of some zone. */
const minute = fc.oneof(fc.nat(1439), fc.constantFrom(0, 240, 300, 960, 1095, 959, 239));
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { freq: 1, nil: null });
const often = <Value>(value: Value, ...others: Value[]) => fc.constantFrom(value, value, value, ...others);

const line = fc.record({
  product: fc.nat(3),
  category: maybe(fc.constantFrom('own', 'toys')),
  quantity: often(1, 2, 3, 0),
  paid: fc.oneof(fc.nat(20_000), fc.constantFrom(1, 3, 9999)),
  /** A line may name a link of its own. */
  link: fc.option(pick, { freq: 3, nil: null }),
});
const lines = fc.array(line, { minLength: 1, maxLength: 3, size: 'max' });

const link = fc.record({
  does: fc.constant('link' as const),
  merchant: fc.nat(1),
  promoter: fc.nat(5),
  product: fc.nat(3),
  scene: fc.constantFrom('group', 'moments', 'live'),
  campaign: maybe(fc.constantFrom('spring', 'autumn')),
  from: maybe(pick),
});
const click = fc.record({
  does: fc.constant('click' as const),
  link: pick,
  day: fc.integer({ min: 8, max: DAYS - 1 }),
  minute,
  buyer: fc.constantFrom(0, 0, 1, 1, null),
  bot: often(false, false, true),
});
const follow = fc.record({ does: fc.constant('follow' as const), link: pick });
const order = fc.record({
  does: fc.constant('order' as const),
  merchant: often(0, 1),
  day: fc.nat(20),
  minute,
  by: fc.constantFrom('link', 'token', 'token', 'buyer', 'buyer', 'buyer', 'buyer', 'coupon', 'promoter', 'nobody'),
  who: pick,
  lines,
  status: often('paid', 'completed', 'created'),
  currency: often(null, 'USD'),
  pushed: fc.boolean(),
});
const tell = fc.record({
  does: fc.constant('tell' as const),
  order: pick,
  what: fc.oneof(
    fc.record({
      refund: fc.nat(2),
      line: maybe(fc.nat(2)),
      amount: fc.oneof(fc.nat(9000), fc.constantFrom(0, 1, 30_000)),
      status: often('succeeded', 'open', 'failed'),
    }),
    fc.record({ dispute: fc.nat(1), line: maybe(fc.nat(2)), state: fc.constantFrom('open', 'closed') }),
    fc.record({ isVoid: often(true, false) }),
    fc.record({ completedDay: day, line: maybe(fc.nat(2)) }),
    fc.record({ token: pick }),
    fc.record({ restated: lines }),
    fc.record({ deposit: day }),
  ),
});
const set = fc.record({
  does: fc.constant('set' as const),
  what: fc.oneof(
    fc.record({ promoter: fc.nat(5), agency: maybe(fc.nat(1)), inviter: fc.boolean(), suspended: often(false, true) }),
    fc.record({ merchant: fc.nat(1), product: fc.nat(2), category: maybe(fc.constantFrom('toys', 'baby', 'food')) }),
  ),
  since: maybe(day),
});
const reRate = fc.record({ does: fc.constant('re-rate' as const), merchant: fc.nat(1), rate: fc.integer({ min: 20_000, max: 300_000 }) });
const award = fc.record({ does: fc.constant('award' as const), after: fc.nat(12) });
const fold = fc.record({ does: fc.constant('fold' as const) });

const happening = fc.oneof(
  { weight: 2, arbitrary: link },
  { weight: 9, arbitrary: click },
  { weight: 1, arbitrary: follow },
  { weight: 8, arbitrary: order },
  { weight: 8, arbitrary: tell },
  { weight: 2, arbitrary: set },
  { weight: 1, arbitrary: reRate },
  { weight: 5, arbitrary: award },
  { weight: 1, arbitrary: fold },
);
export type Happening = typeof happening extends fc.Arbitrary<infer Value> ? Value : never;
export type Order = Extract<Happening, { does: 'order' }>;
export type Tell = Extract<Happening, { does: 'tell' }>;
export type SetUp = Extract<Happening, { does: 'set' }>;

/** What is told before anything is folded, what is told then, and how the first merchant shares. */
export const histories = fc.record({
  model: often<'linear' | 'position_based' | 'time_decay' | 'last_click'>('linear', 'position_based', 'time_decay', 'last_click'),
  first: fc.array(happening, { minLength: 15, maxLength: 40, size: 'medium' }),
  later: fc.array(happening, { minLength: 3, maxLength: 15, size: 'medium' }),
});
export type History = typeof histories extends fc.Arbitrary<infer Value> ? Value : never;
