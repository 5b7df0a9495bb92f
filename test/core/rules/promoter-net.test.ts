// What a promoter earns by a plan, as two plans are compared.
import { expect, test } from 'vitest';
import { planSchema } from '../../../src/core/plan.ts';
import { lowerNet } from '../../../src/core/rules/promoter-net.ts';
import type { PlanInput } from '../../commission/set-up.ts';

const worked = (rate_ppm: number, more: Partial<PlanInput> = {}) =>
  planSchema.parse({
    rate_ppm,
    split: [
      {
        to: 'agency',
        share_ppm: 1_000_000,
        pays: [{ to: 'promoter', share_ppm: 700_000, pays: [{ to: 'upline', level: 1, share_ppm: 100_000 }] }],
      },
    ],
    ...more,
  });
const whole = (more: Partial<PlanInput>) => planSchema.parse({ rate_ppm: 0, split: [{ to: 'promoter', share_ppm: 1_000_000 }], ...more });

test('10 % to 8 % of the worked plan takes 63000 to 50400 of a line of 1000000', () => {
  expect(lowerNet(worked(100_000), worked(80_000))).toEqual({ base: 1_000_000n, quantity: 1, currency: null, from: 63_000n, to: 50_400n });
  expect(lowerNet(worked(80_000), worked(100_000))).toBeNull();
  expect(lowerNet(worked(100_000), worked(100_000))).toBeNull();
});

test('no rule at all is lower than one that pays, and than one that pays nothing it is not', () => {
  expect(lowerNet(worked(100_000), null)).toMatchObject({ from: 63_000n, to: 0n });
  expect(lowerNet(worked(0), null)).toBeNull();
});

test('a larger pool of which the promoter gets less is lower', () => {
  const more = planSchema.parse({ rate_ppm: 200_000, split: [{ to: 'promoter', share_ppm: 300_000 }] });
  expect(lowerNet(worked(100_000), more)).toMatchObject({ from: 63_000n, to: 60_000n });
});

test('a cap is seen at the largest base, a fixed amount at ten units, whichever currency it is in', () => {
  expect(lowerNet(whole({ rate_ppm: 100_000 }), whole({ rate_ppm: 120_000, currency: 'CNY', cap_per_line: 50_000 }))).toMatchObject({
    currency: 'CNY',
    base: 1_000_000n,
    from: 100_000n,
    to: 50_000n,
  });
  expect(lowerNet(whole({ rate_ppm: 10_000, fixed_per_unit: 50, currency: 'CNY' }), whole({ rate_ppm: 14_000 }))).toMatchObject({
    quantity: 10,
    base: 10_000n,
    from: 600n,
    to: 140n,
  });
  expect(lowerNet(whole({ fixed_per_unit: 50, currency: 'CNY' }), whole({ fixed_per_unit: 50, currency: 'USD' }))).toMatchObject({
    currency: 'CNY',
    to: 0n,
  });
});

test('another base is lower, whatever the rate', () => {
  expect(lowerNet(whole({ rate_ppm: 100_000 }), whole({ rate_ppm: 900_000, base: 'platform_commission' }))).not.toBeNull();
  expect(lowerNet(whole({ rate_ppm: 100_000, base: 'platform_commission' }), whole({ rate_ppm: 900_000 }))).not.toBeNull();
});

test('a promoter who is paid by two nodes has what both come to', () => {
  const twice = planSchema.parse({
    rate_ppm: 100_000,
    split: [
      { to: 'promoter', share_ppm: 300_000 },
      { to: 'talent', share_ppm: 500_000, pays: [{ to: 'promoter', share_ppm: 1_000_000 }] },
    ],
  });
  expect(lowerNet(twice, worked(100_000))).toMatchObject({ from: 80_000n, to: 63_000n });
});
