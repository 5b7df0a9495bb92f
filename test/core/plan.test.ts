// What a plan may say, and how it is refused.

import { expect, test } from 'vitest';
import { DomainError } from '../../src/core/errors.ts';
import { checkPlan, planSchema, scopeSchema } from '../../src/core/plan.ts';
import type { Plan } from '../../src/core/plan.ts';

const LEVELS = 2;

function plan(document: Record<string, unknown>): Plan {
  return planSchema.parse({ rate_ppm: 100_000, split: [], ...document });
}

function refusal(document: Record<string, unknown>, levels = LEVELS): DomainError {
  try {
    checkPlan(plan(document), levels);
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('the plan was not refused');
}

function pathsOf(document: Record<string, unknown>): string[] {
  return refusal(document).errors.map((fault) => fault.path);
}

function nested(depth: number): unknown[] {
  let nodes: unknown[] = [];
  for (let level = depth; level > 0; level -= 1) nodes = [{ to: { account: `promoter:${level}` }, share_ppm: 1, pays: nodes }];
  return nodes;
}

const twice = (to: unknown) => [{ to, share_ppm: 1, pays: [{ to: 'talent', share_ppm: 1, pays: [{ to, share_ppm: 1 }] }] }];
const nodes = (count: number) => Array.from({ length: count }, () => ({ to: 'platform', share_ppm: 1 }));

test('what a plan does not say has its default', () => {
  expect(planSchema.parse({ rate_ppm: 1, split: [{ to: 'promoter', share_ppm: 2 }] })).toEqual({
    base: 'paid_amount',
    currency: null,
    rate_ppm: 1,
    fixed_per_unit: 0,
    cap_per_line: null,
    cap_per_order: null,
    split: [{ to: 'promoter', share_ppm: 2, pays: [] }],
  });
});

test('the plan of the worked example may be published, and reading it again changes nothing', () => {
  const upline = { to: 'upline', level: 1, share_ppm: 100_000 };
  const document = { split: [{ to: 'agency', share_ppm: 1_000_000, pays: [{ to: 'promoter', share_ppm: 700_000, pays: [upline] }] }] };
  expect(() => checkPlan(plan(document), LEVELS)).not.toThrow();
  expect(planSchema.parse(plan(document))).toEqual(plan(document));
});

test('a plan may pay nothing, or a fixed amount only', () => {
  expect(() => checkPlan(plan({ rate_ppm: 0 }), LEVELS)).not.toThrow();
  expect(() => checkPlan(plan({ rate_ppm: 0, fixed_per_unit: 50, currency: 'CNY' }), LEVELS)).not.toThrow();
});

test('unknown keys, fractions, negative amounts and ratios above the whole are not of the shape', () => {
  const refused = [
    { rat_ppm: 1 },
    { rate_ppm: 0.5 },
    { rate_ppm: 1_000_001 },
    { rate_ppm: '1' },
    { fixed_per_unit: -1 },
    { cap_per_line: 1.5 },
    { cap_per_order: 2 ** 60 },
    { split: [{ to: 'promoter', share_ppm: 1, note: 'x' }] },
    { split: [{ to: 'promoter', share_ppm: -1 }] },
    { split: [{ to: 'seller', share_ppm: 1 }] },
    { split: [{ to: { account: 'alice' }, share_ppm: 1 }] },
    { split: [{ to: { account: 'promoter:' }, share_ppm: 1 }] },
    { split: [{ to: { account: 'promoter:a', extra: 1 }, share_ppm: 1 }] },
    { split: [{ to: 'upline', level: 0, share_ppm: 1 }] },
  ];
  for (const document of refused) {
    expect(planSchema.safeParse({ rate_ppm: 1, split: [], ...document }).success, JSON.stringify(document)).toBe(false);
  }
  expect(planSchema.safeParse({ split: [] }).success).toBe(false);
});

test('the children of one node take no more than all of it, and so do the top nodes', () => {
  const top = [
    { to: 'promoter', share_ppm: 900_000 },
    { to: 'platform', share_ppm: 200_000 },
  ];
  expect(refusal({ split: top })).toMatchObject({ code: 'invalid_plan', status: 422 });
  expect(pathsOf({ split: top })).toEqual(['plan.split']);
  expect(pathsOf({ split: [{ to: 'agency', share_ppm: 1, pays: top }] })).toEqual(['plan.split.0.pays']);
  expect(() => checkPlan(plan({ split: [{ ...top[0], share_ppm: 800_000 }, top[1]] }), LEVELS)).not.toThrow();
});

test('a level of the chain beyond those that may be paid is refused by its own name', () => {
  const pays = [
    { to: 'upline', level: 1, share_ppm: 1 },
    { to: 'upline', level: 2, share_ppm: 1 },
  ];
  const document = { split: [{ to: 'promoter', share_ppm: 1_000_000, pays }] };
  expect(refusal(document)).toMatchObject({ code: 'referral_levels_exceeded', status: 422 });
  expect(pathsOf(document)).toEqual(['plan.split.0.pays.1.level']);
  expect(() => checkPlan(plan(document), 3)).not.toThrow();
  expect(refusal({ split: [pays[0]] }, 1).code).toBe('referral_levels_exceeded');
});

test('an upline has a level and nobody else has', () => {
  expect(pathsOf({ split: [{ to: 'upline', share_ppm: 1 }] })).toEqual(['plan.split.0.level']);
  expect(pathsOf({ split: [{ to: 'agency', level: 1, share_ppm: 1 }] })).toEqual(['plan.split.0.level']);
});

test('nobody is paid twice on one path, but two levels, two accounts and two branches are different', () => {
  expect(pathsOf({ split: twice('agency') })).toEqual(['plan.split.0.pays.0.pays.0.to']);
  expect(pathsOf({ split: twice({ account: 'promoter:a' }) })).toEqual(['plan.split.0.pays.0.pays.0.to']);
  const distinct = [
    { to: 'upline', level: 1, share_ppm: 1, pays: [{ to: 'upline', level: 2, share_ppm: 1 }] },
    { to: { account: 'promoter:a' }, share_ppm: 1, pays: [{ to: { account: 'promoter:b' }, share_ppm: 1 }] },
    { to: 'platform', share_ppm: 1 },
    { to: 'platform', share_ppm: 1 },
  ];
  expect(() => checkPlan(plan({ split: distinct }), 3)).not.toThrow();
});

test('fixed amounts and caps need a currency, a real one', () => {
  for (const document of [{ fixed_per_unit: 1 }, { cap_per_line: 0 }, { cap_per_order: 100 }]) {
    expect(pathsOf(document)).toEqual(['plan.currency']);
    expect(() => checkPlan(plan({ ...document, currency: 'CNY' }), LEVELS)).not.toThrow();
  }
  expect(pathsOf({ currency: 'RMB' })).toEqual(['plan.currency']);
});

test('a plan that the schema did not read is checked for its ratios too', () => {
  const document = { ...plan({}), split: [{ to: 'promoter' as const, share_ppm: -1, pays: [] }] };
  expect(() => checkPlan(document, LEVELS)).toThrow(expect.objectContaining({ code: 'invalid_plan' }));
});

test('a tree is at most sixteen deep', () => {
  expect(() => checkPlan(plan({ split: nested(16) }), LEVELS)).not.toThrow();
  expect(pathsOf({ split: nested(17) })).toEqual([`plan.split${'.0.pays'.repeat(16)}`]);
});

test('a tree has at most sixty-four nodes', () => {
  expect(() => checkPlan(plan({ split: nodes(64) }), LEVELS)).not.toThrow();
  expect(pathsOf({ split: nodes(65) })).toEqual(['plan.split']);
});

test('all faults are told at once, from where the plan stands in the request', () => {
  const document = plan({ cap_per_line: 5, split: [{ to: 'upline', share_ppm: 1 }] });
  const refuse = () => checkPlan(document, LEVELS, 'rule.plan');
  expect(refuse).toThrow(
    expect.objectContaining({
      errors: [expect.objectContaining({ path: 'rule.plan.currency' }), expect.objectContaining({ path: 'rule.plan.split.0.level' })],
    }),
  );
});

test('a scope states what it states and knows no other key', () => {
  expect(scopeSchema.parse({})).toEqual({});
  expect(scopeSchema.parse({ merchant_id: 'm1', campaign_id: '618' })).toEqual({ merchant_id: 'm1', campaign_id: '618' });
  expect(scopeSchema.safeParse({ shop: 'm1' }).success).toBe(false);
  expect(scopeSchema.safeParse({ tier: '' }).success).toBe(false);
  expect(scopeSchema.safeParse({ tier: 'a\u0000' }).success).toBe(false);
});
