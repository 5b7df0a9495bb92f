// What a change of the rules takes from promoters: where, when, and by how much.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lowerNet } from '../../../src/core/rules/promoter-net.ts';
import { changeOf, loweringsOf, type Lowering } from '../../../src/core/rules/rule-change.ts';
import { candidatesFor, conflictsOf, ruleBook, type RuleVersion } from '../../../src/core/rule.ts';
import { runs } from '../../runs.ts';
import { CONTEXTS, day, DAYS, planOf, published, rule, version } from './rule-books.ts';

const NOW = day(3);

function lowerings(before: RuleVersion[], after: RuleVersion[], { until = day(10), merchantId = null as string | null } = {}): Lowering[] {
  return loweringsOf(changeOf(ruleBook(before), ruleBook(after)), { now: NOW, until, merchantId, most: 1000 });
}
const shown = (found: Lowering[]) =>
  found.map(({ before, after, at, net }) => `${before.name} ${net.from} → ${after?.name ?? 'none'} ${net.to} on day ${at.getUTCDate()}`);

const ten = rule('ten', { scope: { merchant_id: 'm1' } });
const wide = (rate: number) => rule('wide', { plan: planOf(rate) });

describe('a lowering', () => {
  test('is a next version that pays less, from its beginning on', () => {
    const next = { ...ten, version: 2, name: 'eight', plan: planOf(80_000), effectiveFrom: day(5) };
    expect(shown(lowerings([ten], [ten, next]))).toEqual(['ten 100000 → eight 80000 on day 5']);
    expect(lowerings([ten], [ten, { ...next, effectiveFrom: day(10) }])).toEqual([]);
    expect(lowerings([ten], [ten, { ...next, plan: planOf(120_000) }])).toEqual([]);
  });

  test('is an end, unless what applies then pays as much', () => {
    const ended = { ...ten, effectiveTo: day(6) };
    expect(shown(lowerings([ten], [ended]))).toEqual(['ten 100000 → none 0 on day 6']);
    expect(shown(lowerings([ten, wide(60_000)], [ended, wide(60_000)]))).toEqual(['ten 100000 → wide 60000 on day 6']);
    expect(lowerings([ten, wide(100_000)], [ended, wide(100_000)])).toEqual([]);
  });

  test('is a version that goes elsewhere, for the lines that it leaves', () => {
    const moved = { ...ten, version: 2, name: 'moved', scope: { merchant_id: 'm1', product_id: 'p1' }, effectiveFrom: day(5) };
    expect(shown(lowerings([ten], [ten, moved]))).toEqual(['ten 100000 → none 0 on day 5']);
  });

  test('is a narrower rule that pays less, and a wider one is none: it does not go before the narrow one', () => {
    const narrow = rule('narrow', { scope: { merchant_id: 'm1', product_id: 'p1' }, plan: planOf(50_000), effectiveFrom: day(4) });
    expect(shown(lowerings([ten], [ten, narrow]))).toEqual(['ten 100000 → narrow 50000 on day 4']);
    expect(lowerings([narrow, ten], [narrow, ten, rule('wide', { plan: planOf(10_000), effectiveFrom: day(4) })])).toEqual([]);
  });

  test('is a rule that goes crosswise to another and weighs more', () => {
    const alice = rule('alice', { scope: { promoter_id: 'alice' } });
    const product = rule('product', { scope: { product_id: 'p1' }, plan: planOf(50_000), effectiveFrom: day(4) });
    const [found] = lowerings([alice], [alice, product]);
    expect(found).toMatchObject({
      scope: { promoter_id: 'alice', product_id: 'p1' },
      before: { name: 'alice' },
      after: { name: 'product' },
    });
  });

  test('is measured at what was told to come, too, and at what applies now', () => {
    const raise = rule('raise', { scope: { merchant_id: 'm1' }, priority: 1, plan: planOf(150_000), effectiveFrom: day(6) });
    const lessOfIt = { ...raise, version: 2, name: 'less', plan: planOf(120_000) };
    expect(shown(lowerings([ten, raise], [ten, raise, lessOfIt]))).toEqual(['raise 150000 → less 120000 on day 6']);
    const ending = { ...ten, effectiveTo: day(6) };
    const after = rule('after', { scope: { merchant_id: 'm1' }, plan: planOf(50_000), effectiveFrom: day(6) });
    expect(shown(lowerings([ending], [ending, after]))).toEqual(['ten 100000 → after 50000 on day 6']);
  });

  test('is of one merchant where that is asked for', () => {
    const gold = rule('wide', { scope: { tier: 'gold' }, plan: planOf(50_000), effectiveFrom: day(4) });
    expect(shown(lowerings([ten], [ten, gold], { merchantId: 'm1' }))).toEqual(['ten 100000 → wide 50000 on day 4']);
    expect(lowerings([ten], [ten, gold], { merchantId: 'm2' })).toEqual([]);
  });
});

/** A book, and the same with one version more, or with a rule that ends. */
const changes = published.chain((before) =>
  fc
    .oneof(
      version('new', 1).map((one) => [one]),
      ...(before.length === 0
        ? []
        : [fc.constantFrom(...before).chain(({ ruleId }) => version(ruleId, 3).map((one) => [{ ...one, name: `${ruleId} anew` }]))]),
    )
    .chain((added) =>
      fc.record({ before: fc.constant(before), added: fc.constant(added), endsAt: fc.option(fc.integer({ min: 4, max: 12 })) }),
    ),
);

test('every line at every time is looked at: what is found is what looking at each of them finds', () => {
  fc.assert(
    fc.property(changes, fc.constantFrom('m1', 'm2', null), ({ before, added, endsAt }, merchantId) => {
      const ended = before[0]?.ruleId;
      const cut = (one: RuleVersion) =>
        endsAt === null || one.ruleId !== ended
          ? one
          : { ...one, effectiveTo: new Date(Math.min(one.effectiveTo?.getTime() ?? Infinity, day(endsAt).getTime())) };
      const allowed = added.filter(
        (one) =>
          conflictsOf(
            one,
            before.filter(({ ruleId }) => ruleId !== one.ruleId),
          ).length === 0,
      );
      const after = [...before, ...allowed].map(cut);
      const [were, are] = [ruleBook(before), ruleBook(after)];
      const until = day(10);
      const isLowered = CONTEXTS.filter((context) => merchantId === null || context.merchantId === merchantId).some((context) => {
        const [current] = candidatesFor(were, context, NOW);
        return DAYS.some((at) => {
          const [[old], [next]] = [candidatesFor(were, context, at), candidatesFor(are, context, at)];
          if (at >= until || (old?.ruleId === next?.ruleId && old?.version === next?.version)) return false;
          return [old, current].some((one) => one !== undefined && lowerNet(one.plan, next?.plan ?? null) !== null);
        });
      });
      expect(lowerings(before, after, { until, merchantId }).length > 0).toBe(isLowered);
    }),
    { numRuns: runs(60) },
  );
});
