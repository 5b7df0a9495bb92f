// Histories of orders, from a seed: what may happen to an order in any mixture, told by several
// reports. Which of them arrives first is not said here, because it must not matter; only what
// follows the end of a hold is told in a later phase.

import type { Random } from '../random.ts';
import { lineIds, nobody, NONSENSE, refundId, somebody } from './ids.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from './said.ts';
import type { SaidEvidence, SaidLine, Saying, ToldOrder, WholeList } from './said.ts';
import { NEVER_EARNS, PRODUCTS, type World, type WorldClick } from './world.ts';

/** Tells the service of a click; its token is known afterwards. */
type TellClick = (told: { at: number; buyer: Record<string, string> | null }) => Promise<WorldClick>;

export interface Place {
  world: World;
  random: Random;
  tellClick: TellClick;
}

/** What may be said of an order by its teller. */
interface Means {
  lines: string[];
  /** When it was paid, or its deposit was. */
  paidAt: number;
  tokens: string[];
  buyer: Record<string, string> | null;
  /** Takes the next time at which something is said: each is said by one report only. */
  next: (from: number, until: number) => number;
  isFile: boolean;
}

const AMOUNT_MAX = 10 ** 13;

/** An order, and all that is ever said of it. */
export async function makeOrder(
  { world, random, tellClick }: Place,
  told: Pick<ToldOrder, 'sourceId' | 'orderId' | 'teller'>,
): Promise<ToldOrder> {
  const means = await meansOf({ world, random, tellClick }, told.teller === 'file');
  const { now } = world;
  const sayings: Saying[] = [];
  const say = (at: number, saying: Partial<Saying>) => sayings.push({ at, by: 'source', phase: 0, ...saying });
  const { paidAt, next } = means;
  if (random.chance(0.3)) say(next(paidAt - HOUR_MS, paidAt), { status: 'created', createdAt: paidAt - HOUR_MS, currency: 'CNY' });
  say(next(paidAt, paidAt + HOUR_MS), firstWord(means, world, random));
  for (let changes = random.int(0, 5); changes > 0; changes -= 1) {
    say(next(paidAt, now - HOUR_MS), random.pick(means.isFile ? FILE_CHANGES : CHANGES)(means, world, random));
  }
  if (told.teller === 'webhook' && random.chance(0.4)) say(next(paidAt, now - HOUR_MS), storefrontWord(means, world, random));
  addRefunds(say, means, world, random);
  addEnd(say, means, world, random);
  if (!means.isFile && random.chance(0.08)) {
    say(now + DAY_MS, { isAhead: true, buyer: nobody(random), lines: [{ lineId: means.lines[0]!, paid: amount(random) }] });
  }
  return { ...told, sayings };
}

async function meansOf({ world, random, tellClick }: Place, isFile: boolean): Promise<Means> {
  const times = new Set<number>();
  const paidAt = world.now - random.int(25 * 24, 45 * 24) * HOUR_MS - random.int(0, 3_599) * 1000;
  const name = `buyer-${random.int(0, 2 ** 31)}-${random.int(0, 2 ** 31)}`;
  const buyer = random.chance(0.4) ? somebody(name, random) : null;
  const tokens: string[] = [];
  for (let clicks = random.chance(0.5) ? random.int(1, 3) : 0; clicks > 0; clicks -= 1) {
    const at = paidAt - random.int(-20 * 60, 40 * 24 * 3600) * 1000;
    const isByBuyer = buyer !== null && random.chance(0.5);
    const { token } = await tellClick({ at, buyer: isByBuyer ? buyer : null });
    if (!isByBuyer) tokens.push(token);
  }
  function next(from: number, until: number): number {
    for (;;) {
      const at = Math.floor((from + random.int(0, Math.floor((until - from) / 1000)) * 1000) / 1000) * 1000;
      if (!times.has(at) && times.add(at)) return at;
    }
  }
  const ids = lineIds(random.int(1, isFile ? 2 : 5), random);
  // Blanks around an id are lost in a file.
  const lines = isFile ? [...new Set(ids.map((id) => `L${id.trim()}`))] : ids;
  return { lines, paidAt, tokens, buyer, next, isFile };
}

function amount(random: Random): number {
  const scale = random.pick([100, 30_000, 30_000, 30_000, 1_000_000, 10 ** 12]);
  return random.chance(0.05) ? 0 : random.int(1, scale);
}

function lineOf(lineId: string, { isFile }: Means, random: Random): SaidLine {
  return {
    lineId,
    paid: amount(random),
    ...(random.chance(0.8) && { productId: random.chance(0.06) ? NEVER_EARNS : random.pick(PRODUCTS) }),
    ...(random.chance(0.5) && { quantity: random.int(1, 9) }),
    ...(!isFile && random.chance(0.06) && { notCommissionable: random.pick(['tip', 'gift_card', '赠品', false] as const) }),
  };
}

function firstWord(means: Means, world: World, random: Random): Partial<Saying> {
  const lines = means.lines.map((lineId) => lineOf(lineId, means, random));
  const isDeposit = random.chance(0.15);
  return {
    status: 'paid',
    paidAt: isDeposit ? means.paidAt + 2 * DAY_MS : means.paidAt,
    ...(isDeposit && { depositPaidAt: means.paidAt }),
    currency: 'CNY',
    lines,
    ...(random.chance(0.6) && evidence(means, world, random)),
    ...(!means.isFile && { buyer: means.buyer === null || random.chance(0.3) ? nobody(random) : means.buyer }),
  };
}

/** One kind of evidence, mostly of somebody who may earn by it. */
function evidence({ tokens }: Means, world: World, random: Random): SaidEvidence {
  const kinds: (() => SaidEvidence)[] = [
    () => ({ linkCode: random.chance(0.85) ? random.pick(world.links).code : random.pick(NONSENSE) }),
    () => ({ couponCodes: random.chance(0.85) ? [cased(random.pick([...world.coupons.keys()]), random)] : [random.pick(NONSENSE)] }),
    () => ({ promoterId: random.pick([...world.platformNames.keys()]) }),
    () => ({ clickToken: tokens.length > 0 && random.chance(0.9) ? random.pick(tokens) : random.pick(NONSENSE) }),
  ];
  return random.pick(kinds)();
}

const cased = (code: string, random: Random) => random.pick([code, code.toUpperCase(), code.toLowerCase()]);

type Change = (means: Means, world: World, random: Random) => Partial<Saying>;

const lineChange: Change = ({ lines }, _world, random) => ({ lines: [{ lineId: random.pick(lines), paid: amount(random) }] });

const orderEvidence: Change = (means, world, random) => evidence(means, world, random);

const lineEvidence: Change = (means, world, random) => ({
  lines: [{ lineId: random.pick(means.lines), ...evidence(means, world, random) }],
});

/** A line that nobody knew before, or one again. */
const lineAdded: Change = (means, _world, random) => {
  if (random.chance(0.5)) means.lines.push(means.isFile ? `L-${means.lines.length}` : `new ${means.lines.length}`);
  return { lines: [lineOf(means.lines.at(-1)!, means, random)] };
};

const lineRemoved: Change = ({ lines }, _world, random) => ({ lines: [{ lineId: random.pick(lines), quantity: random.pick([0, 0, 1]) }] });

/** Everything of some lists: what it does not name is gone. */
const wholeWord: Change = (means, world, random) => {
  const whole: WholeList[] = random.pick([['lines'], ['lines', 'refunds'], ['evidence'], ['lines', 'refunds', 'evidence'], ['refunds']]);
  const kept = means.lines.filter(() => random.chance(0.7));
  return {
    whole,
    ...(whole.includes('lines') && { lines: kept.map((lineId) => lineOf(lineId, means, random)) }),
    ...(whole.includes('evidence') && random.chance(0.6) && evidence(means, world, random)),
    ...(random.chance(0.3) && { currency: 'CNY' }),
  };
};

const voidWord: Change = (_means, _world, random) => ({ void: random.pick([false, false, '取消 \u202e', '']) });

const trialWord: Change = (_means, _world, random) => random.pick([{ test: true }, { test: false }, { sample: true }, { sample: false }]);

const buyerWord: Change = ({ buyer }, _world, random) => ({ buyer: buyer !== null && random.chance(0.7) ? buyer : nobody(random) });

const disputeWord: Change = ({ lines }, _world, random) => ({
  disputes: [
    {
      disputeId: random.pick(['c1', 'c2']),
      state: random.pick(['open', 'closed'] as const),
      ...(random.chance(0.7) && { lineId: random.pick(lines) }),
    },
  ],
});

const otherCurrency: Change = (_means, _world, random) => ({ currency: random.pick(['CNY', 'CNY', 'CNY', 'USD']) });

const CHANGES: readonly Change[] = [
  lineChange,
  lineChange,
  orderEvidence,
  orderEvidence,
  lineEvidence,
  lineEvidence,
  lineAdded,
  lineRemoved,
  wholeWord,
  wholeWord,
  voidWord,
  trialWord,
  buyerWord,
  disputeWord,
  otherCurrency,
];

const FILE_CHANGES: readonly Change[] = [lineChange, orderEvidence, lineAdded];

/** What a storefront says of an order of another source: only evidence and buyer count. */
function storefrontWord(means: Means, world: World, random: Random): Partial<Saying> {
  return {
    by: 'storefront',
    ...evidence(means, world, random),
    ...(means.buyer !== null && random.chance(0.5) && { buyer: means.buyer }),
    ...(random.chance(0.3) && { lines: [{ lineId: random.pick(means.lines), ...evidence(means, world, random), paid: 1 }] }),
    ...(random.chance(0.3) && {
      status: 'completed',
      paidAt: means.paidAt,
      void: 'said by nobody who may',
      refunds: [{ refundId: 'r0', amount: 1 }],
    }),
  };
}

type Say = (at: number, saying: Partial<Saying>) => void;

/** Refunds, told as open first or as they ended, of a line or of the order. */
function addRefunds(say: Say, means: Means, { now }: World, random: Random): void {
  for (let n = random.chance(0.5) ? random.int(1, 3) : 0; n > 0; n -= 1) {
    const refund = {
      refundId: refundId(n, random),
      ...((means.isFile || random.chance(0.6)) && { lineId: random.pick(means.lines) }),
      amount: random.chance(0.1) ? AMOUNT_MAX : random.int(1, 20_000),
    };
    if (means.isFile) {
      say(means.next(means.paidAt, now - HOUR_MS), { refunds: [refund] });
      continue;
    }
    const openAt = means.next(means.paidAt, now - DAY_MS);
    if (random.chance(0.5)) say(openAt, { refunds: [{ ...refund, status: 'open' }] });
    const ends = random.pick(['succeeded', 'succeeded', 'failed', null] as const);
    if (ends !== null) {
      say(means.next(openAt, now - HOUR_MS), {
        refunds: [{ ...refund, ...(random.chance(0.3) && { amount: random.int(0, 9_999) }), status: ends }],
      });
    }
  }
}

/**
 * Completed lately, so that its hold runs; or long ago, which is told once everything else has been
 * decided, and what follows after that.
 */
function addEnd(say: Say, means: Means, { now }: World, random: Random): void {
  const { next, lines, paidAt } = means;
  const way = random.pick(['none', 'late', 'late line', 'long ago', 'long ago', 'long ago line'] as const);
  const lately = now - random.int(1, 4 * 24) * HOUR_MS;
  if (way === 'late') {
    say(next(now - 4 * DAY_MS, now - HOUR_MS), { status: 'completed', ...(random.chance(0.5) && { completedAt: lately }) });
  }
  if (way === 'late line' && !means.isFile) {
    say(next(paidAt, now - HOUR_MS), { lines: [{ lineId: random.pick(lines), completedAt: lately }] });
  }
  if (!way.startsWith('long ago')) return;
  const completedAt = paidAt + random.int(2 * 24, 4 * 24) * HOUR_MS;
  const phase = 1;
  if (way === 'long ago' || means.isFile) say(next(completedAt, now - HOUR_MS), { phase, status: 'completed', completedAt });
  else say(next(completedAt, now - HOUR_MS), { phase, lines: [{ lineId: random.pick(lines), completedAt }] });
  if (random.chance(0.4) && !means.isFile) {
    say(next(now - HOUR_MS, now - 10 * MINUTE_MS), random.pick(AFTERWARDS)(means, random));
  }
}

const AFTERWARDS: readonly ((means: Means, random: Random) => Partial<Saying>)[] = [
  ({ lines }, random) => ({ phase: 2, refunds: [{ refundId: 'late', lineId: random.pick(lines), amount: random.int(1, 30_000) }] }),
  (_means, random) => ({ phase: 2, refunds: [{ refundId: 'late', amount: random.int(1, 100_000) }] }),
  ({ lines }, random) => ({ phase: 2, refunds: [{ refundId: 'late', lineId: random.pick(lines), amount: 5, status: 'open' }] }),
  ({ lines }, random) => ({ phase: 2, disputes: [{ disputeId: 'late', lineId: random.pick(lines), state: 'open' }] }),
  ({ lines }, random) => ({ phase: 2, lines: [{ lineId: random.pick(lines), paid: random.int(0, 50_000) }] }),
  () => ({ phase: 2, void: 'charged back' }),
];

/**
 * An order that locks its buyer, though it is told late who that is, and a later one of the same
 * buyer that nobody is named on.
 */
export async function lockFamily(
  { world, random }: Place,
  name: (n: number) => Pick<ToldOrder, 'sourceId' | 'orderId' | 'teller'>,
): Promise<ToldOrder[]> {
  const buyer = somebody(`family-${random.int(0, 2 ** 31)}-${random.int(0, 2 ** 31)}`, random);
  const paidAt = world.now - random.int(15, 20) * DAY_MS;
  const earning = world.links.filter(({ promoterId, productId }) => world.around.has(promoterId) && productId === null);
  const paid = (at: number, more: Partial<Saying>): Saying => ({
    at: at + MINUTE_MS,
    by: 'source',
    phase: 0,
    status: 'paid',
    paidAt: at,
    lines: [{ lineId: '1', paid: random.int(1, 30_000), productId: 'p1' }],
    ...more,
  });
  const first: ToldOrder = {
    ...name(0),
    sayings: [
      paid(paidAt, { linkCode: random.pick(earning).code }),
      { at: paidAt + DAY_MS, by: 'source', phase: random.pick([0, 1]), buyer },
    ],
  };
  const second: ToldOrder = { ...name(1), sayings: [paid(paidAt + 2 * HOUR_MS, { buyer })], lockedBy: first };
  return [first, second];
}

/** An order with its evidence, and orders that it was split into or that it gave. */
export async function parentFamily(
  { world, random }: Place,
  name: (n: number) => Pick<ToldOrder, 'sourceId' | 'orderId' | 'teller'>,
): Promise<ToldOrder[]> {
  const kind = random.pick(['split', 'gift'] as const);
  const paidAt = world.now - random.int(15, 20) * DAY_MS;
  const paid = (at: number, more: Partial<Saying>): Saying => {
    const lines = Array.from({ length: random.int(1, 3) }, (_, n) => ({
      lineId: String(n + 1),
      paid: random.int(1, 30_000),
      productId: 'p1',
    }));
    return { at, by: 'source', phase: 0, status: 'paid', currency: 'CNY', paidAt, lines, ...more };
  };
  const own = { linkCode: random.pick(world.links).code };
  const parent: ToldOrder = { ...name(0), sayings: [paid(paidAt, own)], ...(kind === 'split' && { isSplit: true as const }) };
  const children = Array.from({ length: random.int(1, 3) }, (_, n): ToldOrder => {
    const told = name(n + 1);
    const sayings = [
      paid(paidAt + (n + 1) * MINUTE_MS, {}),
      { at: paidAt + (n + 9) * MINUTE_MS, by: 'source' as const, phase: 0, parent: { orderId: parent.orderId, kind } },
    ];
    return { ...told, sayings, ...(kind === 'split' && { parentOf: [parent] }) };
  });
  return [parent, ...children];
}
