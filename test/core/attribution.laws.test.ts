// Who earns a line: what holds for whatever evidence and policy.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { attribute, weightsPpm, type Evidence, type Verdict } from '../../src/core/attribution.ts';
import { EVIDENCE_KINDS, MODELS, policySchema } from '../../src/core/policy.ts';

const DAY = 86_400_000;
const PAID = Date.UTC(2026, 5, 1);
const often = <Value>(value: Value, ...others: Value[]) => fc.constantFrom(...Array<Value>(6).fill(value), ...others);

const evidences: fc.Arbitrary<Evidence[]> = fc
  .array(
    fc.record({
      kind: fc.constantFrom(...EVIDENCE_KINDS),
      hours: fc.integer({ min: -48, max: 24 * 40 }),
      promoterId: fc.constantFrom('a', 'b', 'c', 'd'),
      productId: fc.constantFrom(null, 'p1', 'p2'),
      content: fc.boolean(),
      scene: often<string | null>(null, 'live'),
      expires: often(false, true),
      bot: often(false, true),
      suspended: often(false, true),
      selfPurchase: often(false, true),
      fault: often<Evidence['fault']>(null, 'unknown_link'),
    }),
    { maxLength: 12 },
  )
  .map((all) =>
    all.map(({ hours, expires, ...fields }, index): Evidence => {
      const at = PAID - (hours * DAY) / 24;
      const known = { linkCode: null, clickId: null, talentId: null, campaignId: null, ruling: null, lineId: null };
      return { ...fields, ...known, reference: String(index), at, chainAt: at, expiresAt: expires ? at : null };
    }),
  );

const policies = fc
  .record({
    precedence: fc.shuffledSubarray([...EVIDENCE_KINDS], { minLength: 1 }),
    model: fc.constantFrom(...MODELS),
    product_click_days: fc.integer({ min: 1, max: 40 }),
    content_click_days: fc.integer({ min: 1, max: 10 }),
    order_lock_days: fc.nat(40),
    exact_product_first: fc.boolean(),
    allow_self_purchase: fc.boolean(),
    excluded_scenes: fc.subarray(['live']),
    clock_skew_seconds: fc.nat(3600),
    time_decay_half_life_days: fc.integer({ min: 1, max: 30 }),
  })
  .map((policy) => policySchema.parse(policy));

const questions = fc.record({ policy: policies, productId: fc.constantFrom(null, 'p1') }).map(({ policy, productId }) => {
  return { policy, productId, attributionAt: PAID, paidAt: PAID + DAY, orderScene: null };
});

const textOf = ({ credits, judged }: Verdict) => ({
  credits: credits.map(({ evidence, weight }) => [evidence.reference, weight]),
  judged: new Map(judged.map(({ evidence, won, reason }) => [evidence.reference, { won, reason }])),
});

test('everything considered has won or says why it lost, and the winners share the whole', () => {
  fc.assert(
    fc.property(evidences, questions, (all, question) => {
      const { credits, judged } = attribute(all, question);
      expect(judged.map((one) => one.evidence)).toEqual(all);
      for (const { won, reason } of judged) expect(won).toBe(reason === null);
      const sum = weightsPpm(credits).reduce((total, ppm) => total + ppm, 0);
      expect(sum).toBe(credits.length === 0 ? 0 : 1_000_000);
      expect(credits.every(({ weight }) => weight > 0n)).toBe(true);
      const winners = new Set(judged.filter(({ won }) => won).map(({ evidence }) => evidence.promoterId));
      expect(new Set(credits.map(({ evidence }) => evidence.promoterId))).toEqual(winners);
      expect(credits).toHaveLength(winners.size);
    }),
  );
});

test('the order in which evidence is told changes nothing', () => {
  const shuffled = evidences.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })));
  fc.assert(
    fc.property(shuffled, questions, ([all, other], question) => {
      expect(textOf(attribute(other, question))).toEqual(textOf(attribute(all, question)));
    }),
  );
});

test('what loses by itself changes nothing for the others', () => {
  const own = new Set(['weaker_kind', 'other_product', 'later_click_won', 'earlier_click_won', 'later_order_locks']);
  fc.assert(
    fc.property(evidences, questions, (all, question) => {
      const { credits, judged } = attribute(all, question);
      const eligible = judged.filter(({ reason }) => reason === null || own.has(reason)).map(({ evidence }) => evidence);
      expect(attribute(eligible, question).credits).toEqual(credits);
    }),
  );
});

test('winners stand by their clicks, the earlier one first, and all are of one kind', () => {
  fc.assert(
    fc.property(evidences, questions, (all, question) => {
      const { credits } = attribute(all, question);
      const times = credits.map(({ evidence }) => evidence.at);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(new Set(credits.map(({ evidence }) => evidence.kind)).size).toBeLessThan(2);
    }),
  );
});
