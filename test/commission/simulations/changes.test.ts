// What changes make of the rules: as publishing would have it, over the whole of a period.

import { expect, test } from 'vitest';

import { planSchema } from '../../../src/core/plan.ts';
import { candidatesFor, ruleBook, type RuleVersion } from '../../../src/core/rule.ts';
import { applyChanges, readChange } from '../../../src/commission/simulations/changes.ts';
import { SIMPLE_PLAN } from '../world.ts';

const day = (number: number) => new Date(Date.UTC(2026, 5, number));
const period = { from: day(1), to: day(30) };
const now = new Date(Date.UTC(2026, 11));

function rule(ruleId: string, more: Partial<RuleVersion> = {}): RuleVersion {
  const plan = planSchema.parse(SIMPLE_PLAN);
  const terms = { name: ruleId, scope: {}, priority: 0, plan };
  return { ruleId, version: 1, ...terms, effectiveFrom: new Date(Date.UTC(2020)), effectiveTo: null, ...more };
}

function apply(versions: RuleVersion[], changes: unknown[], ends: [string, Date][] = []) {
  return applyChanges(changes.map(readChange), { versions, ends: new Map(ends), campaigns: [], period, levelsMax: 2, now });
}

/** Which version is chosen for a line of which nothing is known but the time. */
function chosenAt(versions: readonly RuleVersion[], at: Date): string | null {
  const context = { merchantId: null, productId: null, promoterId: null, category: null, tier: null, agencyId: null, campaignId: null };
  const [rule] = candidatesFor(ruleBook(versions), context, at);
  return rule === undefined ? null : `${rule.ruleId}/${rule.version}`;
}

test('a next version is in force over all of the period, and keeps what it leaves out', () => {
  const later = rule('a', { version: 2, effectiveFrom: day(20) });
  const { versions } = apply([rule('a'), later], [{ rule_id: 'a', priority: 3 }]);
  expect([day(1), day(10), day(25)].map((at) => chosenAt(versions, at))).toEqual(['a/3', 'a/3', 'a/3']);
  expect(versions.at(-1)).toMatchObject({ version: 3, priority: 3, name: 'a', plan: later.plan });
});

test('a new rule that is meant to follow another one of its place takes over from it', () => {
  const ended = rule('a', { effectiveTo: new Date(Date.UTC(2027)) });
  const { versions } = apply([ended], [{ name: 'next', plan: SIMPLE_PLAN, effective_from: '2027-01-01T00:00:00Z' }]);
  expect(chosenAt(versions, day(10))).toBe('changes.0/1');
});

/** What is thrown of these changes, beside one rule for everything; null where nothing is. */
function refusal(changes: unknown[], ends: [string, Date][] = []): unknown {
  try {
    apply([rule('a')], changes, ends);
  } catch (error) {
    return error;
  }
  return null;
}

const CAMPAIGN = {
  campaign_id: 'june',
  merchant_id: 'm1',
  name: 'June',
  starts_at: '2026-06-10T00:00:00Z',
  ends_at: '2026-06-20T00:00:00Z',
  boost: { rate_ppm: 30_000 },
  budget: { currency: 'CNY', total: 10_000 },
};

test('a campaign is rehearsed by its own terms, and is refused as it would be stated', () => {
  const { campaigns } = apply([rule('a')], [{ campaign: CAMPAIGN }]);
  expect(campaigns).toMatchObject([{ campaignId: 'june', versions: [{ version: 1, startsAt: day(10), effectiveFrom: day(10) }] }]);
  const upsideDown = { ...CAMPAIGN, ends_at: '2026-06-10T00:00:00Z' };
  expect(refusal([{ rule_id: 'a' }, { campaign: upsideDown }])).toMatchObject({
    code: 'unprocessable',
    errors: [{ path: 'changes.1.campaign.ends_at' }],
  });
  expect(refusal([{ campaign: { ...CAMPAIGN, budget: undefined } }])).toMatchObject({ code: 'malformed_request' });
});

test('what could not be published cannot be rehearsed, and says which change it is', () => {
  const plan = { rate_ppm: 1, split: [{ to: 'upline', level: 2, share_ppm: 1 }] };
  expect(refusal([{ name: 'same place', plan: SIMPLE_PLAN }])).toMatchObject({ code: 'rule_conflict', errors: [{ path: 'changes.0' }] });
  expect(refusal([{ rule_id: 'a', plan }])).toMatchObject({
    code: 'referral_levels_exceeded',
    errors: [{ path: 'changes.0.plan.split.0.level' }],
  });
  expect(refusal([{ rule_id: 'a' }], [['a', day(1)]])).toMatchObject({ code: 'rule_ended' });
  expect(refusal([{ end: 'b' }])).toMatchObject({ code: 'not_found' });
  const [from, to] = ['2027-02-01T00:00:00Z', '2027-01-01T00:00:00Z'];
  expect(refusal([{ rule_id: 'a', effective_from: from, effective_to: to }])).toMatchObject({ code: 'unprocessable' });
  expect(refusal([{ rule_id: 'a', plan: { rate_ppm: -1, split: [] } }])).toMatchObject({
    code: 'invalid_plan',
    errors: [{ path: 'changes.0.plan.rate_ppm' }],
  });
  expect(refusal([{ rule_id: 'a' }, 7])).toMatchObject({ code: 'malformed_request', errors: [{ path: 'changes.1' }] });
});

test('changes build on those before them: what one ends, another may replace', () => {
  const { versions } = apply([rule('a')], [{ end: 'a' }, { name: 'instead', plan: SIMPLE_PLAN }]);
  expect(chosenAt(versions, day(10))).toBe('changes.1/1');
});

test('a policy takes its defaults where it says nothing, as a merchant’s does', () => {
  const { versions, policies } = apply([rule('a')], [{ merchant_id: 'm1', attribution: { model: 'linear' } }]);
  expect(versions).toEqual([rule('a')]);
  expect(policies.get('m1')).toMatchObject({ model: 'linear', product_click_days: 30 });
});
