// Small worlds of rules that are drawn, in which every line and every time can be looked at.
import * as fc from 'fast-check';
import { planSchema, type RuleScope } from '../../../src/core/plan.ts';
import { conflictsOf, type RuleContext, type RuleVersion } from '../../../src/core/rule.ts';

export const day = (number: number) => new Date(Date.UTC(2026, 0, number));
export const DAYS = Array.from({ length: 14 }, (_, index) => day(index + 1));

export const planOf = (rate_ppm: number, more: object = {}) =>
  planSchema.parse({ rate_ppm, split: [{ to: 'promoter', share_ppm: 1_000_000 }], ...more });

export function rule(ruleId: string, fields: Partial<RuleVersion> = {}): RuleVersion {
  const defaults = { version: 1, name: ruleId, scope: {}, priority: 0, effectiveFrom: day(1), effectiveTo: null, plan: planOf(100_000) };
  return { ruleId, ...defaults, ...fields };
}

const scope: fc.Arbitrary<RuleScope> = fc.record(
  {
    merchant_id: fc.constantFrom('m1', 'm2'),
    product_id: fc.constantFrom('p1', 'p2'),
    promoter_id: fc.constantFrom('alice', 'bob'),
    tier: fc.constantFrom('gold'),
  },
  { requiredKeys: [] },
);

/** Every line that such scopes can tell apart. */
export const CONTEXTS: RuleContext[] = ['m1', 'm2', 'm3'].flatMap((merchantId) =>
  ['p1', 'p2', null].flatMap((productId) =>
    ['alice', 'bob', 'carol'].flatMap((promoterId) =>
      ['gold', null].map((tier) => ({ merchantId, productId, promoterId, tier, category: null, agencyId: null, campaignId: null })),
    ),
  ),
);

const draw = fc.record({
  scope,
  priority: fc.integer({ min: 0, max: 1 }),
  from: fc.integer({ min: 1, max: 12 }),
  days: fc.option(fc.integer({ min: 1, max: 6 })),
  rate: fc.constantFrom(0, 50_000, 100_000, 150_000),
});

export const version = (ruleId: string, number: number): fc.Arbitrary<RuleVersion> =>
  draw.map(({ from, days, rate, ...fields }) => {
    const effectiveTo = days === null ? null : day(from + days);
    return rule(ruleId, { ...fields, version: number, effectiveFrom: day(from), effectiveTo, plan: planOf(rate) });
  });

/** Rules as they can be published, one after the other: what conflicts was refused. */
export const published: fc.Arbitrary<RuleVersion[]> = fc
  .array(
    fc.integer({ min: 1, max: 2 }).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => version('', index + 1)))),
    { maxLength: 7 },
  )
  .map((rules) => {
    const all: RuleVersion[] = [];
    for (const [index, versions] of rules.entries()) {
      for (const one of versions) {
        const named = {
          ...one,
          ruleId: `r${index}`,
          name: `r${index}`,
          version: all.filter(({ ruleId }) => ruleId === `r${index}`).length + 1,
        };
        const others = all.filter(({ ruleId }) => ruleId !== named.ruleId);
        if (conflictsOf(named, others).length === 0) all.push(named);
      }
    }
    return all;
  });
