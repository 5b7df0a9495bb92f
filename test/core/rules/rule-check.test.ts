// What is said of a rule before it is published.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { warningsOf, WARNING_CODES, type CheckedProduct, type CheckedWorld } from '../../../src/core/rules/rule-check.ts';
import { candidatesFor, conflictsOf, ruleBook, type RuleVersion } from '../../../src/core/rule.ts';
import { runs } from '../../runs.ts';
import { CONTEXTS, day, DAYS, planOf, published, rule, version } from './rule-books.ts';

const NOW = day(3);
const product = (productId: string, more: Partial<CheckedProduct> = {}): CheckedProduct => ({
  merchantId: 'm1',
  productId,
  category: null,
  price: null,
  currency: 'CNY',
  ...more,
});
const check = (one: RuleVersion, others: RuleVersion[] = [], world: Partial<CheckedWorld> = {}) =>
  warningsOf({ rule: one, published: others, now: NOW, world: { products: [], impossible: [], isSettled: true, ...world } });
const codes = (...given: Parameters<typeof check>) => check(...given).map(({ code }) => code);

const M1 = { merchant_id: 'm1' };
const capped = (rate: number) => planOf(rate, { currency: 'CNY', cap_per_line: 10_000_000 });
/** A rule that nothing can be said of. */
const plain = (ruleId: string, fields: Partial<RuleVersion> = {}) => rule(ruleId, { scope: M1, plan: capped(100_000), ...fields });

test('of a plain rule there is nothing to say', () => {
  expect(check(plain('a'))).toEqual([]);
});

const high = (fields: Partial<RuleVersion> = {}) => plain('high', { priority: 1, ...fields });

describe('rules of one scope', () => {
  test('shadowed_by: others go before it all the time', () => {
    expect(check(plain('a', { effectiveFrom: day(4) }), [high()])).toMatchObject([
      { code: 'shadowed_by', ruleId: 'high', path: 'priority' },
    ]);
    const parts = [high({ effectiveTo: day(6) }), plain('later', { priority: 2, effectiveFrom: day(5) })];
    expect(check(plain('a', { effectiveFrom: day(4) }), parts)).toMatchObject([
      { code: 'shadowed_by', ruleId: 'later' },
      { code: 'shadowed_by', ruleId: 'high' },
    ]);
  });

  test('shadows: it leaves another nothing', () => {
    expect(check(high({ effectiveFrom: day(2) }), [plain('a')])).toMatchObject([{ code: 'shadows', ruleId: 'a', path: 'priority' }]);
  });

  test('overlaps: they share the time, and the priority says which of them applies', () => {
    const [warning] = check(high({ effectiveFrom: day(5), effectiveTo: day(8) }), [plain('a')]);
    expect(warning).toMatchObject({ code: 'overlaps', ruleId: 'a', path: 'priority' });
    expect(warning!.message).toContain('this one applies, by its priority');
  });

  test('gap_in_time: between one and the next there is none', () => {
    expect(check(plain('a', { effectiveFrom: day(9) }), [plain('before', { effectiveTo: day(7) })])).toMatchObject([
      { code: 'gap_in_time', ruleId: 'before', path: 'effective_from' },
    ]);
    expect(check(plain('a', { effectiveTo: day(7) }), [plain('next', { effectiveFrom: day(9) })])).toMatchObject([
      { code: 'gap_in_time', ruleId: 'next', path: 'effective_to' },
    ]);
    expect(codes(plain('a', { effectiveFrom: day(7) }), [plain('before', { effectiveTo: day(7) })])).toEqual([]);
  });
});

test('overlaps: rules that go crosswise, and the weight says which of them applies', () => {
  const crosswise = check(plain('a', { scope: { promoter_id: 'alice' } }), [plain('p', { scope: { product_id: 'p1' } })]);
  const warning = crosswise.find(({ code }) => code === 'overlaps');
  expect(warning).toMatchObject({ ruleId: 'p', path: 'scope' });
  expect(warning!.message).toContain('that one applies, by the weight of its scope');
  expect(codes(plain('a', { scope: { ...M1, product_id: 'p1' } }), [plain('p')])).not.toContain('overlaps');
});

test('unreachable: no line has what it asks for', () => {
  const impossible = [{ key: 'promoter_id', message: 'There is no promoter bob.' }] as const;
  expect(check(plain('a'), [], { impossible })).toEqual([
    { code: 'unreachable', path: 'scope.promoter_id', message: 'There is no promoter bob.' },
  ]);
});

test('no_cap_on_open_scope: neither goods nor campaign nor cap', () => {
  expect(codes(plain('a', { plan: planOf(100_000) }))).toEqual(['no_cap_on_open_scope']);
  expect(codes(plain('a', { plan: planOf(100_000), scope: { ...M1, category: 'baby' } }))).toEqual([]);
  expect(codes(plain('a', { plan: planOf(0) }))).toEqual([]);
});

test('products_without_rule: those of the merchant that nothing is paid for', () => {
  const products = [product('p1'), product('p2', { category: 'baby' }), product('p3')];
  const narrow = plain('a', { scope: { ...M1, product_id: 'p1' } });
  const warnings = check(narrow, [plain('baby', { scope: { category: 'baby' } })], { products });
  const warning = warnings.find(({ code }) => code === 'products_without_rule');
  expect(warning).toMatchObject({ path: 'scope' });
  expect(warning!.message).toMatch(/: p3\.$/);
  expect(codes(plain('a'), [], { products })).toEqual([]);
});

test('never_released_base: nobody tells what is settled', () => {
  const plan = planOf(100_000, { base: 'platform_commission', currency: 'CNY', cap_per_line: 100 });
  expect(codes(plain('a', { plan }), [], { isSettled: false })).toEqual(['never_released_base']);
  expect(codes(plain('a', { plan }))).toEqual([]);
});

test('lowers_rate: whose, from what and to what', () => {
  const [warning] = check(plain('a', { version: 2, plan: capped(80_000), effectiveFrom: day(5) }), [plain('a')]);
  expect(warning).toMatchObject({ code: 'lowers_rate', ruleId: 'a', path: 'plan' });
  expect(warning!.message).toContain('100000 becomes 80000 of a line of 1000000 with one unit');
  expect(codes(plain('a', { version: 2, plan: capped(120_000), effectiveFrom: day(5) }), [plain('a')])).toEqual([]);
});

const fixed = (amount: number) => ({ plan: planOf(100_000, { currency: 'CNY', fixed_per_unit: amount, cap_per_line: 10_000 }) });

test('pays_above_base: the fixed amount is more than is paid', () => {
  const products = [product('cheap', { price: 500n }), product('dear', { price: 50_000n })];
  expect(check(plain('a', fixed(451)), [], { products })).toMatchObject([{ code: 'pays_above_base', path: 'plan.fixed_per_unit' }]);
  expect(codes(plain('a', fixed(450)), [], { products })).toEqual([]);
  expect(codes(plain('a', fixed(91)))).toEqual(['pays_above_base']);
  expect(codes(plain('a', fixed(90)))).toEqual([]);
});

test('every code is one that is tested here', () => {
  expect(WARNING_CODES).toHaveLength(10);
});

/** A rule beside others that may be published beside it. */
const candidates = fc
  .record({ others: published, one: version('new', 1) })
  .filter(({ others, one }) => conflictsOf(one, others).length === 0);

function appliesSomewhere(rules: RuleVersion[], name: string, times: Date[]): boolean {
  const book = ruleBook(rules);
  return times.some((at) => CONTEXTS.some((context) => candidatesFor(book, context, at)[0]?.ruleId === name));
}

test('a rule that is shadowed never applies, and one whose scope is shared applies unless it is shadowed', () => {
  fc.assert(
    fc.property(candidates, ({ others, one }) => {
      const isShadowed = check(one, others).some(({ code }) => code === 'shadowed_by');
      const context = CONTEXTS.filter((each) => candidatesFor(ruleBook([one]), each, one.effectiveFrom).length > 0);
      const book = ruleBook([...others, one]);
      const isFirstOfItsScope = DAYS.some((at) =>
        context.some(
          (each) => candidatesFor(book, each, at).find(({ scope }) => JSON.stringify(scope) === JSON.stringify(one.scope)) === one,
        ),
      );
      expect(isShadowed).toBe(!isFirstOfItsScope);
      if (isShadowed) expect(appliesSomewhere([...others, one], 'new', DAYS)).toBe(false);
    }),
    { numRuns: runs(60) },
  );
});

test('a rule that is shadowed by a new one applied before, and never does again', () => {
  const later = DAYS.filter((at) => at >= NOW);
  fc.assert(
    fc.property(candidates, ({ others, one }) => {
      for (const warning of check(one, others)) {
        if (warning.code !== 'shadows') continue;
        const versions = others.filter(({ ruleId }) => ruleId === warning.ruleId);
        if (versions.length === 1) expect(appliesSomewhere([...others, one], warning.ruleId!, later)).toBe(false);
      }
    }),
    { numRuns: runs(60) },
  );
});
