// Offers as places and versions: which rules they come to, and what cannot stand beside what.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { candidatesFor, ruleBook, scopeKey, type RuleContext, type RuleVersion } from '../../../src/core/rule.ts';
import {
  conflictsOfProduct,
  countPlaces,
  placesOf,
  versionsFor,
  type OfferContent,
  type PlacedRule,
  type Rival,
} from '../../../src/core/rules/offer.ts';
import { runs } from '../../runs.ts';
import { day, planOf, rule } from './rule-books.ts';

const content = (fields: Partial<OfferContent>): OfferContent => ({
  merchantId: 'm1',
  kind: 'open',
  productIds: ['p1'],
  category: null,
  promoters: [],
  agencies: [],
  plan: planOf(100_000),
  ...fields,
});

/** The rules of an offer after its versions were added. */
function after(rules: ReadonlyMap<string, PlacedRule>, versions: readonly RuleVersion[]): Map<string, PlacedRule> {
  const next = new Map(rules);
  for (const version of versions) {
    const key = scopeKey(version.scope);
    next.set(key, { ruleId: version.ruleId, versions: [...(next.get(key)?.versions ?? []), version] });
  }
  return next;
}

const naming = { offerId: 'o', name: 'offer o', newId: (place: string) => `offer:o:${place}` };
const all = (rules: ReadonlyMap<string, PlacedRule>) => [...rules.values()].flatMap(({ versions }) => versions);

const line: RuleContext = {
  merchantId: 'm1',
  productId: 'p1',
  promoterId: 'bob',
  category: 'baby',
  tier: null,
  agencyId: 'a1',
  campaignId: null,
};

const put = (promoters: string[], at: number, rules: ReadonlyMap<string, PlacedRule>) =>
  versionsFor(rules, { places: placesOf(content({ kind: 'directed', promoters })), at: day(at), until: null }, naming);

const rival = (offer: Rival['offer'], version: Partial<RuleVersion>): Rival => {
  const made = rule(offer?.offerId ?? 'plain', { scope: { merchant_id: 'm1', product_id: 'p1' }, ...version });
  return { period: ruleBook([made]).periods[0]!, offer };
};

const found = (...rivals: Rival[]) =>
  conflictsOfProduct(rivals, 'p1').map(({ offerId, rival: other }) => `${offerId} ${other?.period.rule.ruleId ?? 'alone'}`);

describe('the places of an offer', () => {
  test('rank exclusive and directed above the agency’s, and that above open ones: one applies, never the sum', () => {
    const offers = [
      content({ productIds: null, category: 'baby', plan: planOf(10_000) }),
      content({ plan: planOf(20_000) }),
      content({ kind: 'directed', agencies: ['a1'], plan: planOf(30_000) }),
      content({ kind: 'directed', promoters: ['bob'], plan: planOf(40_000) }),
    ];
    const rules = offers.flatMap((offer, index) =>
      placesOf(offer).map(({ scope, plan }) => rule(`${index}`, { scope, plan, name: `${index}` })),
    );
    const found = candidatesFor(ruleBook(rules), line, day(2));
    expect(found.map(({ plan }) => plan.rate_ppm)).toEqual([40_000, 30_000, 20_000, 10_000]);
  });

  test('pay nothing to those whom an exclusive offer leaves out, also where their category is open', () => {
    const offers = [
      content({ productIds: null, category: 'baby' }),
      content({ kind: 'exclusive', promoters: ['carol'], plan: planOf(90_000) }),
    ];
    const rules = offers.flatMap((offer, index) => placesOf(offer).map(({ scope, plan }, at) => rule(`${index} ${at}`, { scope, plan })));
    const rateOf = (promoterId: string) => candidatesFor(ruleBook(rules), { ...line, promoterId }, day(2))[0]!.plan.rate_ppm;
    expect([rateOf('carol'), rateOf('bob')]).toEqual([90_000, 0]);
  });

  test('are counted as they are made', () => {
    const ids = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 });
    fc.assert(
      fc.property(fc.constantFrom('open', 'directed', 'exclusive'), ids, ids, ids, (kind, productIds, promoters, agencies) => {
        const offer = content({ kind, productIds, promoters, agencies });
        const places = placesOf(offer);
        expect(places).toHaveLength(countPlaces(offer));
        expect(new Set(places.map(({ scope }) => scopeKey(scope))).size).toBe(places.length);
      }),
      { numRuns: runs(100) },
    );
  });
});

describe('the versions of an offer', () => {
  const drawn = fc.record({
    at: fc.integer({ min: 1, max: 10 }),
    days: fc.option(fc.integer({ min: 0, max: 6 })),
    promoters: fc.subarray(['alice', 'bob', 'carol']),
    rate: fc.constantFrom(50_000, 100_000),
  });

  test('make the rules pay in just these places from that time on, until then as before, whatever was put when', () => {
    fc.assert(
      fc.property(fc.array(drawn, { minLength: 1, maxLength: 6 }), (puts) => {
        let rules = new Map<string, PlacedRule>();
        for (const { at, days, promoters, rate } of puts) {
          const places = placesOf(content({ kind: 'directed', promoters, plan: planOf(rate) }));
          const wanted = { places, at: day(at), until: days === null ? null : day(at + days) };
          const before = ruleBook(all(rules));
          const versions = versionsFor(rules, wanted, naming);
          rules = after(rules, versions);
          const now = ruleBook(all(rules));
          for (let number = 1; number <= 18; number += 1) {
            for (const promoterId of ['alice', 'bob', 'carol']) {
              const rate2 = (book: typeof now) => candidatesFor(book, { ...line, promoterId }, day(number))[0]?.plan.rate_ppm ?? null;
              const isOn = number >= at && (days === null || number < at + days) && promoters.includes(promoterId);
              expect(rate2(now)).toBe(number < at ? rate2(before) : isOn ? rate : null);
            }
          }
          expect(versionsFor(rules, wanted, naming)).toEqual([]);
        }
        for (const { versions } of rules.values()) {
          expect(versions.map(({ version }) => version)).toEqual(versions.map((_, index) => index + 1));
        }
      }),
      { numRuns: runs(200) },
    );
  });

  test('are those alone in which something differs', () => {
    const first = after(new Map(), put(['alice', 'bob'], 1, new Map()));
    const second = put(['bob', 'carol'], 3, first);
    expect(
      second.map(({ scope, version, effectiveFrom, effectiveTo }) => [scope.promoter_id, version, effectiveFrom, effectiveTo]),
    ).toEqual([
      ['carol', 1, day(3), null],
      ['alice', 2, day(3), day(3)],
    ]);
  });
});

describe('what cannot stand beside what', () => {
  const open = (fields: Partial<RuleVersion> = {}) => rival({ offerId: 'open', kind: 'open', part: 'pays' }, fields);
  const bobs = { merchant_id: 'm1', product_id: 'p1', promoter_id: 'bob' };
  const directed = (fields: Partial<RuleVersion> = {}) =>
    rival({ offerId: 'directed', kind: 'directed', part: 'pays' }, { scope: bobs, ...fields });
  const closing = rival({ offerId: 'exclusive', kind: 'exclusive', part: 'closes' }, {});

  test('a directed offer needs open ones for all its time', () => {
    expect(found(directed())).toEqual(['directed alone']);
    expect(found(directed(), open())).toEqual([]);
    expect(found(directed(), open({ effectiveTo: day(5) }))).toEqual(['directed alone']);
    const next = rival({ offerId: 'next', kind: 'open', part: 'pays' }, { effectiveFrom: day(5) });
    expect(found(directed(), open({ effectiveTo: day(5) }), next)).toEqual([]);
  });

  test('an exclusive offer excludes every other that names the product, at the same time', () => {
    expect(found(closing, open())).toEqual(['exclusive open', 'open exclusive']);
    expect(found(closing, directed())).toEqual(['directed alone', 'exclusive directed']);
    const until = rival({ offerId: 'exclusive', kind: 'exclusive', part: 'closes' }, { effectiveTo: day(5) });
    expect(found(until, open({ effectiveFrom: day(5) }))).toEqual([]);
  });

  test('a rule of no offer stands in nobody’s place, and pays nobody whom an exclusive offer leaves out', () => {
    expect(found(open(), rival(null, { priority: 7 }))).toEqual(['open plain']);
    expect(found(open(), rival(null, { scope: { merchant_id: 'm1', product_id: 'p1', tier: 'gold' } }))).toEqual([]);
    expect(found(closing, rival(null, { scope: { merchant_id: 'm1', product_id: 'p1', tier: 'gold' } }))).toEqual(['exclusive plain']);
    expect(found(closing, rival(null, { scope: { merchant_id: 'm1' } }))).toEqual([]);
  });
});
