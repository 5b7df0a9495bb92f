// The laws of rehearsals, over random orders and random changes.

import { randomUUID } from 'node:crypto';

import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { addVersion, endRule, findVersions, openBook } from '../../../src/commission/rules/rule-store.ts';
import { planSchema } from '../../../src/core/plan.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { runs } from '../../runs.ts';
import type { PlanInput } from '../set-up.ts';
import { ago, openWorld, WORKED_PLAN, type World } from '../world.ts';
import { bookedOf, rehearse, side, sumsOf } from './stage.ts';

let world: World;
const people = { agency: 'agency', alice: 'alice', bob: 'bob', carol: 'carol' };

beforeAll(async () => {
  world = await openWorld();
  await world.promoter(people.agency, { kind: 'agency' });
  await world.promoter(people.alice, { tier: 'gold' });
  await world.promoter(people.bob, { inviter_id: people.alice, agency_id: people.agency });
  await world.promoter(people.carol, { inviter_id: people.bob, status: 'suspended' });
});
afterAll(() => world.close());

const plans = fc
  .record({
    rate_ppm: fc.constantFrom(0, 50_000, 80_000, 123_456, 1_000_000),
    fixed_per_unit: fc.constantFrom(0, 0, 17),
    cap_per_line: fc.constantFrom(null, null, 300),
    cap_per_order: fc.constantFrom(null, null, 500),
    split: fc.constantFrom<PlanInput['split']>(
      WORKED_PLAN.split,
      [{ to: 'promoter', share_ppm: 1_000_000 }],
      [
        { to: 'platform', share_ppm: 333_333 },
        { to: { account: 'promoter:carol' }, share_ppm: 100_000 },
        { to: 'promoter', share_ppm: 500_000, pays: [{ to: 'upline', level: 1, share_ppm: 333_333 }] },
      ],
    ),
  })
  .map((plan): PlanInput => ({ ...plan, currency: 'CNY' }));

const policies = fc.record({
  model: fc.constantFrom('last_click', 'first_click', 'linear', 'position_based'),
  precedence: fc.constantFrom(['click_token', 'click', 'coupon_code'], ['coupon_code', 'click_token', 'click'], ['click']),
  excluded_scenes: fc.constantFrom([], ['live']),
  product_click_days: fc.constantFrom(3, 30),
});

const orders = fc.array(
  fc.record({
    paid_at: fc.constantFrom(ago(2), ago(1)),
    status: fc.constantFrom('paid', 'paid', 'completed', 'created'),
    void: fc.constantFrom(false as const, false as const, false as const, { reason: 'cancelled' }),
    token: fc.nat(2),
    coupon_codes: fc.constantFrom([], ['ALICES']),
    isKnown: fc.boolean(),
    lines: fc
      .array(
        fc.record({
          product_id: fc.constantFrom('p1', 'p2'),
          category: fc.constantFrom(null, 'toys'),
          quantity: fc.constantFrom(0, 1, 3),
          paid_amount: fc.constantFrom(0, 1000, 9999),
        }),
        { minLength: 1, maxLength: 3 },
      )
      .map((lines) => lines.map((line, index) => ({ line_id: String(index + 1), ...line }))),
    refunds: fc
      .array(fc.record({ line_id: fc.constantFrom(null, '1', '2'), amount: fc.constantFrom(1, 700, 5000) }), { maxLength: 2 })
      .map((refunds) => refunds.map((refund, index) => ({ refund_id: `r${index}`, status: 'succeeded', ...refund }))),
  }),
  { minLength: 1, maxLength: 5 },
);

type Told = typeof orders extends fc.Arbitrary<infer Value> ? Value : never;

const changes = fc.oneof(
  fc.record({ kind: fc.constant('version' as const), plan: plans }),
  fc.record({ kind: fc.constant('end' as const) }),
  fc.record({
    kind: fc.constant('rule' as const),
    plan: plans,
    scope: fc.constantFrom<object>(
      { product_id: 'p2' },
      { category: 'toys' },
      { promoter_id: 'bob' },
      { tier: 'gold' },
      { agency_id: 'agency' },
      {},
    ),
  }),
  fc.record({ kind: fc.constant('policy' as const), policy: policies }),
);
type Change = typeof changes extends fc.Arbitrary<infer Value> ? Value : never;

const TERMS = { order_lock_days: 0, product_click_days: 3 };

/**
 * A merchant with two rules, of which the one for everything may be missing; in it an order told.
 */
async function openMerchant(isRuled: boolean, policy: object = {}, rate_lock = 'none') {
  const m = `m-${randomUUID().slice(0, 8)}`;
  await world.merchant(m, { ...TERMS, ...policy, rate_lock });
  await world.product(m, 'p1', { category: 'baby' });
  await world.product(m, 'p2', { category: 'toys' });
  await world.coupon(m, 'ALICES', people.alice);
  const base = isRuled ? await world.rule({ scope: { merchant_id: m }, plan: WORKED_PLAN }) : null;
  const toys = await world.rule({ scope: { merchant_id: m, category: 'toys' }, plan: { ...WORKED_PLAN, rate_ppm: 200_000 } });
  const codes = [await world.link(m, people.bob, { product_id: 'p1' }), await world.link(m, people.alice, { scene: 'live' })];
  const buyer = { openid: 'o' };
  await world.click(codes[0]!, { at: ago(2.5), buyer });
  await world.click(codes[1]!, { at: ago(2.2), buyer });
  const tokens = [world.token(codes[0]!, { at: ago(3.5) }), world.token(codes[1]!, { at: ago(2.1) })];
  return {
    m,
    base,
    toys,
    async tell(told: Told) {
      for (const [index, { token, isKnown, ...fields }] of told.entries()) {
        const evidence = { click_token: tokens[token], ...(isKnown && { buyer }) };
        await world.report({ fields: { merchant_id: m, order_id: `o${index}`, currency: 'CNY', ...fields, ...evidence } });
      }
      await world.award();
    },
  };
}

type Merchant = Awaited<ReturnType<typeof openMerchant>>;

/** A change as it is rehearsed for a merchant. */
function asRehearsed(change: Change, { m, base, toys }: Merchant): object {
  if (change.kind === 'version') return { rule_id: base ?? toys, plan: change.plan };
  if (change.kind === 'end') return { end: toys };
  if (change.kind === 'rule') return { name: 'new', scope: { merchant_id: m, ...change.scope }, priority: 7, plan: change.plan };
  return { merchant_id: m, attribution: { ...TERMS, ...change.policy } };
}

/**
 * The same as it is published before the first order. A policy is the merchant's from its
 * beginning.
 */
async function publish(change: Change, { m, base, toys }: Merchant): Promise<void> {
  if (change.kind === 'rule') await world.rule({ scope: { merchant_id: m, ...change.scope }, priority: 7, plan: change.plan });
  if (change.kind === 'policy' || change.kind === 'rule') return;
  await inTransaction(world.owner, async ({ trx, now }) => {
    await openBook(trx);
    if (change.kind === 'end') return endRule(trx, toys, new Date(Date.UTC(2020)), now);
    const last = (await findVersions(trx, base ?? toys)).at(-1)!;
    return addVersion(trx, { ...last, version: last.version + 1, plan: planSchema.parse(change.plan) }, now);
  });
}

test('before is what the books have, and no effective change leaves every fen where it is', async () => {
  const property = fc.asyncProperty(orders, fc.boolean(), async (told, isRuled) => {
    const merchant = await openMerchant(isRuled);
    await merchant.tell(told);
    // The same plan as a next version is chosen anew for every line, and split again.
    const same = [
      { rule_id: merchant.toys, name: 'the same' },
      { merchant_id: merchant.m, attribution: TERMS },
      { name: 'for nobody', scope: { merchant_id: merchant.m, promoter_id: 'nobody' }, plan: WORKED_PLAN },
      ...(merchant.base === null ? [] : [{ rule_id: merchant.base, name: 'the same' }]),
    ];
    const rehearsed = await rehearse(world, same, { merchantId: merchant.m });
    const booked = await bookedOf(world, merchant.m);
    const promoters = sumsOf(rehearsed, 'promoter');
    expect(side(promoters, 0)).toEqual(booked);
    expect(side(promoters, 1)).toEqual(booked);
    const { before, after, changed_orders: changed } = rehearsed.result;
    const sum = Object.values(booked).reduce((all, one) => all + one, 0);
    expect([Number(before), Number(after), changed]).toEqual([sum, sum, 0]);
  });
  await fc.assert(property, { numRuns: runs(5) });
}, 600_000);

test('a change comes to what publishing it gives when the same orders are told under it', async () => {
  const property = fc.asyncProperty(
    orders,
    changes,
    fc.boolean(),
    fc.constantFrom('none', 'click'),
    async (told, change, isRuled, rateLock) => {
      const as = await openMerchant(isRuled, {}, rateLock);
      const under = await openMerchant(isRuled, change.kind === 'policy' ? change.policy : {}, rateLock);
      await publish(change, under);
      await as.tell(told);
      await under.tell(told);
      const rehearsed = await rehearse(world, [asRehearsed(change, as)], { merchantId: as.m });
      expect(side(sumsOf(rehearsed, 'promoter'), 0)).toEqual(await bookedOf(world, as.m));
      expect(side(sumsOf(rehearsed, 'promoter'), 1)).toEqual(await bookedOf(world, under.m));
      for (const kind of ['role', 'product', 'day'] as const) {
        const sums = Object.values(sumsOf(rehearsed, kind));
        const totals = [0, 1].map((which) => sums.reduce((all, both) => all + both[which]!, 0));
        expect(totals).toEqual([Number(rehearsed.result.before), Number(rehearsed.result.after)]);
      }
    },
  );
  await fc.assert(property, { numRuns: runs(12) });
}, 600_000);
