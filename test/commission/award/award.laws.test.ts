// The award converges: however reports, clicks and awards follow each other, the books end where
// one award of everything would have put them.
import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askGuard } from '../../../src/guards/check.ts';
import { LAWS_OF_BOOKS } from '../../../src/guards/laws/laws-of-books.ts';
import { lawsOfDecisions } from '../../../src/guards/laws/laws-of-decisions.ts';
import { LAWS_OF_ORDERS } from '../../../src/guards/laws/laws-of-orders.ts';
import { ago, openShop, openWorld, SIMPLE_PLAN, type World } from '../world.ts';
import { runs } from '../../runs.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

type Shop = Awaited<ReturnType<typeof openShop>>;
const DAYS = { deposit: ago(4.5), early: ago(3), late: ago(2), now: ago(1) };
const often = <Value>(value: Value, ...others: Value[]) => fc.constantFrom(...Array.from({ length: 3 }, () => value), ...others);

/** One report: each field said or not, by senders whose words are a minute apart. */
const reports = fc.record(
  {
    observed_at: fc.nat(4).map((minutes) => new Date(Date.parse(DAYS.now) + minutes * 60_000).toISOString()),
    status: often('paid', 'created', 'completed'),
    paid_at: fc.constantFrom(DAYS.early, DAYS.late),
    deposit_paid_at: fc.constantFrom(null, null, DAYS.deposit),
    void: often<unknown>(null, false, { reason: 'cancelled' }),
    currency: often('CNY', 'CNY', 'USD'),
    token: fc.nat(1),
    code: fc.nat(1),
    coupon_codes: fc.constantFrom([], ['ALICES']),
    isKnown: fc.boolean(),
    scene: often('group', 'poster'),
    lines: fc.uniqueArray(
      fc.record({
        line_id: fc.constantFrom('1', '2'),
        product_id: fc.constantFrom(null, 'p1', 'p2'),
        category: often(null, 'toys'),
        quantity: often(null, 0, 2),
        paid_amount: fc.constantFrom(null, 1000, 9999),
      }),
      { selector: (line) => line.line_id, maxLength: 2 },
    ),
    refunds: fc.uniqueArray(
      fc.record({
        refund_id: fc.constantFrom('r1', 'r2', 'r3'),
        line_id: fc.constantFrom(null, '1', '2'),
        amount: fc.constantFrom(1, 700, 5000),
        status: often('succeeded', 'failed', 'open'),
      }),
      { selector: (refund) => refund.refund_id, maxLength: 2 },
    ),
  },
  { requiredKeys: ['observed_at'] },
);

/** Said of every order, sooner or later, so that there is something to earn. */
const PAYMENT = {
  observed_at: DAYS.now,
  status: 'paid',
  paid_at: DAYS.late,
  lines: ['1', '2'].map((id) => ({ line_id: id, product_id: 'p1', paid_amount: 9999 })),
};

/**
 * What happens: a report is told, a click of the buyer becomes known, or an award comes in between.
 */
const happenings = fc
  .tuple(fc.array(reports, { maxLength: 4 }), fc.array(fc.nat(20), { maxLength: 4 }), fc.infiniteStream(fc.nat(99)))
  .map(([others, again, dice]) => {
    const told: Record<string, unknown>[] = [PAYMENT, ...others];
    const events: ({ report: number } | { click: number } | 'award')[] = [
      ...told.map((_, report) => ({ report })),
      ...again.map((index) => ({ report: index % told.length })),
      { click: 0 },
      { click: 1 },
      ...Array.from({ length: 5 }, () => 'award' as const),
    ];
    const sequence = events.map((event) => ({ event, die: dice.next().value! })).toSorted((a, b) => a.die - b.die);
    return { told, sequence: sequence.map(({ event }) => event) };
  });

/** A shop in which everything that a report may say makes a difference. */
async function openBusyShop(model: string): Promise<Shop & { codes: string[]; tokens: string[] }> {
  const shop = await openShop(world, {
    model,
    order_lock_days: 0,
    excluded_scenes: ['poster'],
    product_click_days: 3,
    content_click_days: 2,
  });
  await world.product(shop.m, 'p2', { category: 'toys' });
  await shop.rule();
  await shop.rule({ ...SIMPLE_PLAN, cap_per_order: 800, currency: 'CNY' }, { scope: { merchant_id: shop.m, category: 'toys' } });
  await shop.rule({ ...SIMPLE_PLAN, rate_ppm: 50_000 }, { priority: 1, to: ago(4) });
  await world.coupon(shop.m, 'ALICES', shop.alice);
  const codes = [await world.link(shop.m, shop.bob, { product_id: 'p1' }), await world.link(shop.m, shop.alice, { scene: 'live' })];
  const tokens = [world.token(codes[0]!, { at: ago(5) }), world.token(codes[1]!, { at: ago(3.5) })];
  return { ...shop, codes, tokens };
}

/**
 * What there is to say of an order when all is done; locks between the two orders of a run are left
 * out.
 */
async function outcomeOf({ m }: Shop, orderId: string) {
  const { order, lines, transfers } = await world.explained(m, orderId);
  const booked = new Map<string, bigint>();
  for (const { kind, amount, line_id: lineId, role, promoter_id: promoterId, currency } of transfers) {
    const slot = `${lineId} ${role} ${promoterId} ${currency}`;
    booked.set(slot, (booked.get(slot) ?? 0n) + (kind === 'reverse' ? -amount : amount));
  }
  const { order_id: _, ...shown } = order;
  return {
    ...shown,
    booked: new Map([...booked].filter(([, amount]) => amount !== 0n)),
    why: lines.map((line) => ({ ...line, evidence: line.evidence.filter(({ kind }) => kind !== 'lock') })),
  };
}

test.each(['last_click', 'linear', 'time_decay'])(
  'any sequence of reports, clicks and awards ends like one award of all: %s',
  async (model) => {
    const shop = await openBusyShop(model);
    const property = fc.asyncProperty(happenings, async ({ told, sequence }) => {
      const run = randomUUID().slice(0, 8);
      const buyer = { openid: run };
      const tell = async (orderId: string, index: number) => {
        const { token, code, isKnown, ...fields } = told[index]!;
        const evidence = {
          click_token: shop.tokens[Number(token ?? 9)],
          link_code: shop.codes[Number(code ?? 9)],
          ...(isKnown === true && { buyer }),
        };
        await world.report({ fields: { merchant_id: shop.m, order_id: orderId, ...fields, ...evidence } });
      };
      const [piecemeal, atOnce] = [`${run}-piecemeal`, `${run}-at-once`];
      for (const event of sequence) {
        if (event === 'award') await world.award();
        else if ('report' in event) await tell(piecemeal, event.report);
        else await world.click(shop.codes[event.click]!, { at: [ago(3.2), ago(2.6)][event.click]!, buyer });
      }
      await world.award();
      for (const index of told.keys()) await tell(atOnce, index);
      await world.award();
      expect(await outcomeOf(shop, piecemeal)).toEqual(await outcomeOf(shop, atOnce));
      expect((await world.standing(shop.m, atOnce)).head!.revision).toBe(1);
    });
    await fc.assert(property, { numRuns: runs(8) });
  },
);

/**
 * Orders of one buyer, a day apart: whose link each names, whether it is void, and in which order
 * they become known, with awards between.
 */
const histories = fc
  .array(fc.record({ of: fc.constantFrom(null, null, 'alice', 'bob'), isVoid: often(false, true) }), { minLength: 2, maxLength: 5 })
  .chain((orders) =>
    fc.tuple(fc.constant(orders), fc.shuffledSubarray([...orders.keys()], { minLength: orders.length }), fc.array(fc.boolean())),
  );

test('orders lock their buyer for the orders after them in whatever order they become known', async () => {
  const shop = await openShop(world, { product_click_days: 30 });
  await shop.rule();
  const codes = { bob: shop.code, alice: await world.link(shop.m, shop.alice) };
  const property = fc.asyncProperty(histories, async ([orders, sequence, awards]) => {
    const run = randomUUID().slice(0, 8);
    for (const [turn, index] of sequence.entries()) {
      const { of, isVoid } = orders[index]!;
      const said = {
        paid_at: ago(20 - index),
        buyer: { openid: run },
        link_code: of && codes[of],
        void: isVoid && { reason: 'cancelled' },
      };
      await world.report({ fields: shop.fields(`${run}-${index}`, said) });
      if (awards[turn] === true) await world.award();
    }
    await world.award();
    const winners = await Promise.all(orders.map(async (_, index) => (await shop.line(`${run}-${index}`)).promoter_id));
    let locked: string | null = null;
    for (const [index, { of, isVoid }] of orders.entries()) {
      const winner: string | null = isVoid ? null : of === null ? locked : shop[of];
      expect([index, winners[index]]).toEqual([index, winner]);
      locked = winner ?? locked;
    }
  });
  await fc.assert(property, { numRuns: runs(8) });
});

test('all laws of the books, the decisions and the orders hold over what they have left', async () => {
  for (const law of [...LAWS_OF_BOOKS, ...LAWS_OF_ORDERS, ...lawsOfDecisions(world.deps.levelsMax)]) {
    expect([law.name, (await askGuard(world.owner, law)).sample]).toEqual([law.name, []]);
  }
});
