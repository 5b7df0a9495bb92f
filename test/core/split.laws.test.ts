// The arithmetic of commission: what holds for every order.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { planSchema } from '../../src/core/plan.ts';
import type { Plan } from '../../src/core/plan.ts';
import { splitOrder } from '../../src/core/split.ts';
import type { Parties } from '../../src/core/party.ts';
import type { LineSplit, SplitLine, SplitOrder } from '../../src/core/split.ts';

const amountsOf = (result: LineSplit) => result.shares.map((share) => share.amount);
const sum = (amounts: bigint[]) => amounts.reduce((total, amount) => total + amount, 0n);

const trees = fc.constantFrom(
  [
    {
      to: 'agency',
      share_ppm: 1_000_000,
      pays: [{ to: 'promoter', share_ppm: 700_000, pays: [{ to: 'upline', level: 1, share_ppm: 100_000 }] }],
    },
  ],
  [
    {
      to: 'promoter',
      share_ppm: 333_333,
      pays: [{ to: 'upline', level: 2, share_ppm: 250_000, pays: [{ to: 'platform', share_ppm: 99_999 }] }],
    },
    { to: 'talent_agency', share_ppm: 499_999, pays: [{ to: 'talent', share_ppm: 777_777 }] },
    { to: { account: 'promoter:named' }, share_ppm: 123_456 },
  ],
  [
    {
      to: 'platform',
      share_ppm: 1_000_000,
      pays: [{ to: 'promoter', share_ppm: 1_000_000, pays: [{ to: 'agency', share_ppm: 1_000_000 }] }],
    },
  ],
);
const party = (name: string) => fc.constantFrom(name, name, null);
const parties: fc.Arbitrary<Parties> = fc.record({
  promoter: party('bob'),
  uplines: fc.tuple(party('u1'), party('u2')),
  agency: party('a1'),
  talent: party('t1'),
  talentAgency: party('a2'),
  isPresent: fc.constantFrom(
    () => true,
    () => false,
  ),
});
const money = fc.bigInt({ min: 0n, max: 5_000n });
const plans: fc.Arbitrary<Plan> = fc
  .record({
    base: fc.constantFrom('paid_amount', 'platform_commission'),
    currency: fc.constantFrom('CNY', 'USD', null),
    rate_ppm: fc.nat(1_000_000),
    fixed_per_unit: fc.nat(50),
    cap_per_line: fc.option(fc.nat(500)),
    cap_per_order: fc.option(fc.nat(800)),
    split: trees,
  })
  .map((document) => planSchema.parse(document));
const winnersOf = fc.array(
  fc.record({ promoterId: fc.constant('bob'), weight: fc.bigInt({ min: 0n, max: 1_000_000n }), weightPpm: fc.nat(1_000_000), parties }),
  { maxLength: 3 },
);
const lines: fc.Arbitrary<SplitLine[]> = fc
  .tuple(fc.array(plans, { minLength: 1, maxLength: 2 }), fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }))
  .chain(([plans, ids]) => {
    const rules = plans.map((plan, index) => ({ ruleId: `r${index}`, version: 1, plan }));
    const drawn = ids.map((id) =>
      fc.record({
        lineId: fc.constant(String(id)),
        paidAmount: money,
        quantity: fc.nat(3),
        platformCommission: fc.option(money),
        rule: fc.constantFrom(...rules, null),
        winners: winnersOf,
        barred: fc.constant(null),
      }),
    );
    return fc.tuple(...drawn);
  });
const refunds = fc.array(fc.record({ lineId: fc.option(fc.integer({ min: 1, max: 30 }).map(String)), amount: money }), { maxLength: 5 });
const orders: fc.Arbitrary<SplitOrder> = fc.record({
  currency: fc.constant('CNY'),
  barred: fc.constantFrom(null, null, null, 'void' as const, 'pending' as const),
  lines,
  refunds,
});

const byLine = (results: LineSplit[]) => new Map(results.map((result) => [result.lineId, result]));
const uncharged = (result: LineSplit) => sum(result.arithmetic.map((step) => (step.step === 'uncharged' ? BigInt(step.amount) : 0n)));

test('the shares and what stays uncharged are the pool, no share is below one, and the pool is within its base', () => {
  fc.assert(
    fc.property(orders, (order) => {
      for (const result of splitOrder(order)) {
        const amounts = amountsOf(result);
        if (result.pool > 0n) expect(sum(amounts) + uncharged(result)).toBe(result.pool);
        else expect(amounts).toEqual([]);
        expect(amounts.every((amount) => amount > 0n)).toBe(true);
        expect(result.pool <= result.base).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

test('the reckoning agrees with the shares, and nets sum to the grosses of the top', () => {
  fc.assert(
    fc.property(orders, (order) => {
      for (const result of splitOrder(order)) {
        const paid = result.arithmetic.filter((step) => step.step === 'share').map((step) => BigInt(step.amount));
        expect(paid.filter((amount) => amount > 0n)).toEqual(amountsOf(result));
        const nets = result.arithmetic.map((step) => (step.step === 'share' || step.step === 'absent' ? BigInt(step.net) : 0n));
        const lost = result.arithmetic.map((step) => (step.step === 'absent' && step.kept_by === 'merchant' ? BigInt(step.net) : 0n));
        expect(sum(nets) - sum(lost)).toBe(sum(amountsOf(result)));
      }
    }),
    { numRuns: 500 },
  );
});

test('a cap per order holds over the lines of its rule', () => {
  fc.assert(
    fc.property(orders, (order) => {
      const results = byLine(splitOrder(order));
      for (const { rule } of order.lines) {
        if (rule === null || rule.plan.cap_per_order === null || rule.plan.currency !== 'CNY') continue;
        const won = order.lines.filter((line) => line.rule === rule).map((line) => results.get(line.lineId)!.pool);
        expect(sum(won) <= BigInt(rule.plan.cap_per_order)).toBe(true);
      }
    }),
  );
});

test('neither the order of the lines nor that of the refunds matters', () => {
  fc.assert(
    fc.property(orders, (order) => {
      const turned = { ...order, lines: order.lines.toReversed(), refunds: order.refunds.toReversed() };
      expect(splitOrder(turned)).toEqual(splitOrder(order).toReversed());
    }),
  );
});

test('what is absent never raises the total and never changes the pool', () => {
  const full: Parties = { promoter: 'bob', uplines: ['u1', 'u2', 'u3'], agency: 'a1', talent: 't1', talentAgency: 'a2' };
  fc.assert(
    fc.property(orders, (order) => {
      const present = order.lines.map((line) => ({ ...line, winners: line.winners.map((winner) => ({ ...winner, parties: full })) }));
      const most = splitOrder({ ...order, lines: present });
      for (const [index, result] of splitOrder(order).entries()) {
        expect(sum(amountsOf(result)) <= sum(amountsOf(most[index]!))).toBe(true);
        expect(result.pool).toBe(most[index]!.pool);
      }
    }),
  );
});

test('the refunded amounts are what was refunded, as far as it can fall on the lines', () => {
  fc.assert(
    fc.property(orders, (order) => {
      const results = byLine(splitOrder(order));
      const ids = new Set(order.lines.map((line) => line.lineId));
      const own = order.refunds.filter(({ lineId }) => lineId !== null && ids.has(lineId));
      const wholeOrder = sum(order.refunds.filter(({ lineId }) => lineId === null).map(({ amount }) => amount));
      const left = order.lines.map((line) => {
        const paid = line.quantity === 0 ? 0n : line.paidAmount;
        const refunded = sum(own.filter(({ lineId }) => lineId === line.lineId).map(({ amount }) => amount));
        return refunded > paid ? 0n : paid - refunded;
      });
      const spread = wholeOrder < sum(left) ? wholeOrder : sum(left);
      expect(sum([...results.values()].map((result) => result.refundedAmount))).toBe(sum(own.map(({ amount }) => amount)) + spread);
    }),
  );
});
