// Which rule wins, and what is said of the others.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planSchema } from '../../src/core/plan.ts';
import {
  candidatesFor,
  conflictsOf,
  explainRules,
  rankOutcomes,
  ruleBook,
  rulesOverlap,
  scopeKey,
  scopeWeight,
} from '../../src/core/rule.ts';
import type { RuleContext, RuleVersion } from '../../src/core/rule.ts';

const plan = planSchema.parse({ rate_ppm: 100_000, split: [] });
const CONTEXT: RuleContext = {
  merchantId: 'm1',
  productId: 'p1',
  promoterId: 'alice',
  category: 'baby',
  tier: 'gold',
  agencyId: 'a1',
  campaignId: '618',
};
const FULL_SCOPE = {
  campaign_id: '618',
  product_id: 'p1',
  promoter_id: 'alice',
  category: 'baby',
  tier: 'gold',
  agency_id: 'a1',
  merchant_id: 'm1',
};

const day = (number: number) => new Date(Date.UTC(2026, 0, number));

function rule(ruleId: string, fields: Partial<RuleVersion> = {}): RuleVersion {
  return { ruleId, version: 1, name: ruleId, scope: {}, priority: 0, effectiveFrom: day(1), effectiveTo: null, plan, ...fields };
}

function winners(rules: RuleVersion[], context: Partial<RuleContext> = {}, at = day(10)): string[] {
  return candidatesFor(ruleBook(rules), { ...CONTEXT, ...context }, at).map(({ ruleId, version }) => `${ruleId}@${version}`);
}

test('the keys of a scope weigh as powers of two, the campaign most', () => {
  const weights = Object.entries(FULL_SCOPE).map(([key, value]) => scopeWeight({ [key]: value }));
  expect(weights).toEqual([64, 32, 16, 8, 4, 2, 1]);
  expect(scopeWeight(FULL_SCOPE)).toBe(127);
  expect(scopeWeight({})).toBe(0);
});

test('two scopes have one key when they say the same, whatever they hold', () => {
  expect(scopeKey({ merchant_id: 'm1', tier: 'gold' })).toBe(scopeKey({ tier: 'gold', merchant_id: 'm1' }));
  expect(scopeKey({ tier: undefined, merchant_id: 'm1' })).toBe(scopeKey({ merchant_id: 'm1' }));
  expect(scopeKey({ category: 'a" tier="b' })).not.toBe(scopeKey({ category: 'a', tier: 'b' }));
});

test('the heaviest matching scope wins, then the higher priority, then the later start', () => {
  const rules = [
    rule('all', { priority: 99 }),
    rule('shop', { scope: { merchant_id: 'm1' }, priority: 1 }),
    rule('shop later', { scope: { merchant_id: 'm1' }, priority: 1, effectiveFrom: day(5) }),
    rule('shop first', { scope: { merchant_id: 'm1' }, priority: 2 }),
    rule('product', { scope: { product_id: 'p1' } }),
    rule('everything below a product', {
      scope: { merchant_id: 'm1', agency_id: 'a1', tier: 'gold', category: 'baby', promoter_id: 'alice' },
    }),
  ];
  const expected = ['product@1', 'everything below a product@1', 'shop first@1', 'shop later@1', 'shop@1', 'all@1'];
  expect(winners(rules)).toEqual(expected);
  expect(winners(rules.toReversed())).toEqual(expected);
});

test('a scope that asks for what is not known does not match', () => {
  const rules = [rule('campaign', { scope: { campaign_id: '618' } }), rule('shop', { scope: { merchant_id: 'm1' } })];
  expect(winners(rules, { campaignId: null })).toEqual(['shop@1']);
  expect(winners(rules, { campaignId: '1111', merchantId: 'm2' })).toEqual([]);
});

test('a rule is in force from its start until before its end', () => {
  const rules = [rule('a', { effectiveFrom: day(2), effectiveTo: day(4) })];
  expect([1, 2, 3, 4].map((number) => winners(rules, {}, day(number)).length)).toEqual([0, 1, 1, 0]);
  expect(winners([rule('a', { effectiveTo: day(1) })])).toEqual([]);
});

test('a next version takes over when it begins, for good, whatever its scope', () => {
  const rules = [
    rule('a', { scope: { merchant_id: 'm1' } }),
    rule('a', { version: 2, effectiveFrom: day(5), effectiveTo: day(8), scope: { product_id: 'p1' } }),
  ];
  expect(winners(rules, {}, day(4))).toEqual(['a@1']);
  expect(winners(rules, {}, day(5))).toEqual(['a@2']);
  expect(winners(rules, { productId: 'p2' }, day(6))).toEqual([]);
  expect(winners(rules, {}, day(9))).toEqual([]);
});

test('a later version with an earlier start leaves nothing to those between', () => {
  const rules = [rule('a'), rule('a', { version: 2, effectiveFrom: day(5) }), rule('a', { version: 3, effectiveFrom: day(3) })];
  expect([2, 4, 6].map((number) => winners(rules, {}, day(number)))).toEqual([['a@1'], ['a@3'], ['a@3']]);
});

test('every rule is listed with the reason of its outcome', () => {
  const shop = { merchant_id: 'm1' };
  const rules = [
    rule('winner', { scope: shop, priority: 5, effectiveFrom: day(3) }),
    rule('older', { scope: shop, priority: 5 }),
    rule('weaker', { scope: shop, priority: 4 }),
    rule('wide'),
    rule('wide', { version: 2, scope: { product_id: 'p2' }, effectiveFrom: day(20) }),
    rule('elsewhere', { scope: { merchant_id: 'm1', product_id: 'p2' } }),
    rule('ended', { scope: shop, effectiveTo: day(2) }),
    rule('renewed', { scope: shop, priority: 1 }),
    rule('renewed', { scope: shop, priority: 2, version: 2, effectiveFrom: day(2) }),
  ];
  const outcomes = explainRules(ruleBook(rules), CONTEXT, day(10)).map((o) => `${o.ruleId}@${o.version} ${o.outcome}: ${o.reason}`);
  expect(outcomes).toEqual([
    'winner@1 won: later_effective_from',
    'older@1 lost: earlier_effective_from',
    'weaker@1 lost: lower_priority',
    'renewed@2 lost: lower_priority',
    'wide@1 lost: lower_weight',
    'elsewhere@1 lost: scope_mismatch: product_id',
    'ended@1 lost: not_in_force',
    'renewed@1 lost: superseded_version',
    'wide@2 lost: scope_mismatch: product_id',
  ]);
});

test('the winner says what decided', () => {
  const [narrow, high, low] = [rule('narrow', { scope: { tier: 'gold' } }), rule('high', { priority: 2 }), rule('low')];
  expect(rankOutcomes([narrow, low])[0]).toMatchObject({ ruleId: 'narrow', weight: 4, outcome: 'won', reason: 'higher_weight' });
  expect(rankOutcomes([high, low])[0]).toMatchObject({ outcome: 'won', reason: 'higher_priority' });
  expect(rankOutcomes([low])[0]).toMatchObject({ outcome: 'won', reason: 'only_match' });
  expect(rankOutcomes([])).toEqual([]);
});

describe('two rules conflict', () => {
  const shop = rule('a', { scope: { merchant_id: 'm1' }, effectiveFrom: day(5), effectiveTo: day(8) });
  const other = (fields: Partial<RuleVersion>) => rule('b', { ...shop, ruleId: 'b', ...fields });

  test('when scope, priority and time coincide', () => {
    expect(rulesOverlap(shop, other({}))).toBe(true);
    expect(rulesOverlap(shop, other({ effectiveFrom: day(1), effectiveTo: null }))).toBe(true);
    expect(rulesOverlap(other({ effectiveFrom: day(7), effectiveTo: day(9) }), shop)).toBe(true);
  });

  test('not when one begins as the other ends, nor with another scope or priority, nor as versions of one rule', () => {
    expect(rulesOverlap(shop, other({ effectiveFrom: day(8), effectiveTo: null }))).toBe(false);
    expect(rulesOverlap(shop, other({ effectiveFrom: day(1), effectiveTo: day(5) }))).toBe(false);
    expect(rulesOverlap(shop, other({ scope: {} }))).toBe(false);
    expect(rulesOverlap(shop, other({ priority: 1 }))).toBe(false);
    expect(rulesOverlap(shop, { ...shop, version: 2 })).toBe(false);
  });

  test('not with a version that its successor has taken over by then', () => {
    const open = { ...shop, effectiveTo: null };
    const published = [open, { ...open, version: 2, priority: 7, effectiveFrom: day(10) }];
    expect(conflictsOf(other({ effectiveFrom: day(9), effectiveTo: null }), published)).toEqual([open]);
    expect(conflictsOf(other({ effectiveFrom: day(10), effectiveTo: null }), published)).toEqual([]);
  });
});

const scopes = fc.record(
  {
    merchant_id: fc.constantFrom('m1', 'm2'),
    product_id: fc.constantFrom('p1', 'p2'),
    promoter_id: fc.constantFrom('alice', 'bob'),
    category: fc.constantFrom('baby', 'food'),
    tier: fc.constantFrom('gold', 'iron'),
    agency_id: fc.constantFrom('a1', 'a2'),
    campaign_id: fc.constantFrom('618', '1111'),
  },
  { requiredKeys: [] },
);
const versions = fc.record({ rule: fc.nat(8), scope: scopes, priority: fc.nat(2), from: fc.nat(20), length: fc.option(fc.nat(10)) });

test('the index answers what looking at every rule would', () => {
  fc.assert(
    fc.property(fc.array(versions, { maxLength: 30 }), fc.nat(25), (drawn, time) => {
      const counts = new Map<number, number>();
      const rules = drawn.map(({ rule: id, scope, priority, from, length }) => {
        const version = (counts.get(id) ?? 0) + 1;
        counts.set(id, version);
        return rule(`r${id}`, {
          version,
          scope,
          priority,
          effectiveFrom: day(from),
          effectiveTo: length === null ? null : day(from + length),
        });
      });
      const at = day(time);
      const keys: [keyof RuleContext, keyof RuleVersion['scope']][] = [
        ['merchantId', 'merchant_id'],
        ['productId', 'product_id'],
        ['promoterId', 'promoter_id'],
        ['category', 'category'],
        ['tier', 'tier'],
        ['agencyId', 'agency_id'],
        ['campaignId', 'campaign_id'],
      ];
      const expected = rules
        .filter((one) => one.effectiveFrom <= at && (one.effectiveTo === null || at < one.effectiveTo))
        .filter((one) => !rules.some((next) => next.ruleId === one.ruleId && next.version > one.version && next.effectiveFrom <= at))
        .filter(({ scope }) => keys.every(([known, key]) => scope[key] === undefined || scope[key] === CONTEXT[known]))
        .toSorted(
          (a, b) =>
            scopeWeight(b.scope) - scopeWeight(a.scope) ||
            b.priority - a.priority ||
            b.effectiveFrom.getTime() - a.effectiveFrom.getTime() ||
            a.ruleId.localeCompare(b.ruleId),
        );
      expect(candidatesFor(ruleBook(rules), CONTEXT, at)).toEqual(expected);
      const outcomes = explainRules(ruleBook(rules), CONTEXT, at);
      expect(outcomes.length).toBe(rules.length);
      expect(outcomes.filter(({ outcome }) => outcome === 'won').length).toBe(expected.length > 0 ? 1 : 0);
    }),
  );
});
