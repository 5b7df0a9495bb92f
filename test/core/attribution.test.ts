// Who earns a line: every reason to lose, the windows and the precedence.
import { describe, expect, test } from 'vitest';
import type { Evidence } from '../../src/core/attribution.ts';
import { EVIDENCE_KINDS } from '../../src/core/policy.ts';
import { clicksOf, creditsOf, DAY, evidence, judge, PAID, reasonsOf, SECOND, winnerOf } from './evidence.ts';

describe('which kind wins', () => {
  test('the strongest kind that has anything eligible, however late the others are', () => {
    const all = EVIDENCE_KINDS.map((kind, index) => evidence({ kind, promoterId: kind, at: PAID - 10 * DAY + index * SECOND }));
    for (const [index, kind] of EVIDENCE_KINDS.entries()) {
      expect(reasonsOf(all.slice(index))).toEqual(['won', ...EVIDENCE_KINDS.slice(index + 1).map(() => 'weaker_kind')]);
      expect(winnerOf(all.slice(index).toReversed())).toEqual([kind]);
    }
  });

  test('a strong kind that is not eligible leaves the line to a weaker one', () => {
    const all = [evidence({ kind: 'click_token', bot: true, promoterId: 'token' }), evidence({ kind: 'lock', promoterId: 'locker' })];
    expect(winnerOf(all)).toEqual(['locker']);
  });

  test('the policy says what is strong, and what does not count at all', () => {
    const all = [evidence({ kind: 'click_token', promoterId: 'token' }), evidence({ kind: 'lock', promoterId: 'locker' })];
    expect(winnerOf(all, { precedence: ['lock', 'click_token'] })).toEqual(['locker']);
    expect(reasonsOf(all, { precedence: ['lock'] })).toEqual(['kind_not_counted', 'won']);
  });

  test('an approved claim goes before every kind, whatever the policy, and nothing that weakens others weakens it', () => {
    const ruling = { lineId: null, decidedBy: 'key', reason: 'so ruled' };
    const claim = evidence({ kind: 'claim', at: PAID + 90 * DAY, promoterId: 'claimant', scene: 'live', selfPurchase: true, ruling });
    const all = [...EVIDENCE_KINDS.map((kind) => evidence({ kind })), claim];
    const policy = { excluded_scenes: ['live'], allow_self_purchase: false, model: 'linear' };
    expect(creditsOf(all, policy)).toEqual([['claimant', 1_000_000]]);
    expect(reasonsOf(all, policy)).toEqual([...EVIDENCE_KINDS.map(() => 'weaker_kind'), 'won']);
  });

  test('of two approved claims the later ruling stands', () => {
    const all = [2, 1].map((days) => evidence({ kind: 'claim', at: PAID + days * DAY, promoterId: `after ${days}` }));
    expect(winnerOf(all)).toEqual(['after 2']);
    expect(reasonsOf(all)).toEqual(['won', 'later_ruling_won']);
  });

  test('nothing at all wins nothing', () => {
    expect(judge([])).toEqual({ credits: [], judged: [] });
  });
});

describe('why evidence loses by itself', () => {
  const lost: [reason: string, fields: Partial<Evidence>, policy?: object][] = [
    ['unreadable_token', { kind: 'click_token', fault: 'unreadable_token', promoterId: null }],
    ['unknown_link', { fault: 'unknown_link', promoterId: null }],
    ['unknown_coupon', { kind: 'coupon_code', fault: 'unknown_coupon', promoterId: null }],
    ['unknown_promoter', { kind: 'platform', fault: 'unknown_promoter', promoterId: null }],
    ['link_of_other_merchant', { fault: 'link_of_other_merchant', promoterId: null }],
    ['bot', { bot: true }],
    ['promoter_suspended', { suspended: true }],
    ['scene_excluded', { scene: 'poster' }, { excluded_scenes: ['poster'] }],
    ['self_purchase', { selfPurchase: true }, { allow_self_purchase: false }],
    ['link_expired', { expiresAt: PAID - DAY }],
    ['after_order', { at: PAID + 301 * SECOND }],
    ['outside_window', { at: PAID - 30 * DAY - 1 }],
  ];
  test.each(lost)('%s', (reason, fields, policy = {}) => {
    expect(reasonsOf([evidence(fields)], policy)).toEqual([reason]);
    expect(creditsOf([evidence(fields)], policy)).toEqual([]);
  });

  test('a scene of the order that does not earn shuts out all its evidence', () => {
    const all = [evidence(), evidence({ kind: 'coupon_code', scene: null })];
    expect(reasonsOf(all, { excluded_scenes: ['live'] }, { orderScene: 'live' })).toEqual(['scene_excluded', 'scene_excluded']);
    expect(winnerOf(all, { excluded_scenes: ['live'] }, { orderScene: 'group' })).toEqual(['bob']);
  });

  test('a purchase of the promoter’s own earns where the policy allows it', () => {
    expect(winnerOf([evidence({ selfPurchase: true })])).toEqual(['bob']);
  });

  test('a link must live at its click, and a code that stands on the order at the order', () => {
    const expiresAt = PAID - DAY / 2;
    expect(winnerOf([evidence({ at: PAID - DAY, expiresAt })])).toEqual(['bob']);
    expect(reasonsOf([evidence({ kind: 'link_code', at: PAID - DAY, expiresAt })])).toEqual(['link_expired']);
    expect(winnerOf([evidence({ kind: 'lock', at: PAID - DAY, expiresAt })])).toEqual(['bob']);
  });
});

describe('windows', () => {
  const edges: [what: string, days: number, fields: Partial<Evidence>][] = [
    ['a click on a product link', 30, {}],
    ['a click on a content link', 3, { content: true }],
    ['a token of a product link', 30, { kind: 'click_token' }],
    ['a token of a content link', 3, { kind: 'click_token', content: true }],
    ['a lock', 20, { kind: 'lock', content: true }],
  ];
  test.each(edges)('%s counts to the very end of its %d days', (_, days, fields) => {
    const at = PAID - days * DAY;
    expect(reasonsOf([evidence({ ...fields, at })], { order_lock_days: 20 })).toEqual(['won']);
    expect(reasonsOf([evidence({ ...fields, at: at - 1 })], { order_lock_days: 20 })).toEqual(['outside_window']);
  });

  test.each(['link_code', 'coupon_code', 'platform'] as const)('%s has none: it stands on the order', (kind) => {
    expect(reasonsOf([evidence({ kind, at: PAID - 365 * DAY })])).toEqual(['won']);
    expect(reasonsOf([evidence({ kind, at: PAID + 365 * DAY })])).toEqual(['won']);
  });

  test.each(['click', 'click_token'] as const)('a %s may come as much after the order as clocks may differ', (kind) => {
    expect(reasonsOf([evidence({ kind, at: PAID + 300 * SECOND })])).toEqual(['won']);
    expect(reasonsOf([evidence({ kind, at: PAID + 300 * SECOND + 1 })])).toEqual(['after_order']);
    expect(reasonsOf([evidence({ kind, at: PAID + 1 })], { clock_skew_seconds: 0 })).toEqual(['after_order']);
  });

  test('orders lock nobody where the policy gives the lock no days, not even in the same moment', () => {
    expect(reasonsOf([evidence({ kind: 'lock', at: PAID })], { order_lock_days: 0 })).toEqual(['outside_window']);
  });

  test('of several locks the last order’s holds, whatever the model', () => {
    const locks = clicksOf('alice', 'bob').map((one): Evidence => ({ ...one, kind: 'lock' }));
    for (const model of ['last_click', 'first_click', 'linear']) {
      expect(reasonsOf(locks, { model })).toEqual(['later_order_locks', 'won']);
    }
  });
});

describe('exactly this product first', () => {
  const onThis = evidence({ productId: 'p1', promoterId: 'early', at: PAID - 5 * DAY });
  const onOther = evidence({ productId: 'p2', promoterId: 'late' });
  const onShop = evidence({ promoterId: 'later', at: PAID - DAY / 2 });

  test('a link to exactly this product beats later clicks on others and on the shop', () => {
    expect(reasonsOf([onThis, onOther, onShop])).toEqual(['won', 'other_product', 'other_product']);
  });

  test('it does so within its kind only, and not after its window', () => {
    expect(winnerOf([{ ...onThis, kind: 'lock' }, onOther])).toEqual(['late']);
    expect(winnerOf([{ ...onThis, at: PAID - 31 * DAY }, onOther])).toEqual(['late']);
  });

  test('it is no matter where the policy does not care or the product is not known', () => {
    expect(winnerOf([onThis, onOther], { exact_product_first: false })).toEqual(['late']);
    expect(winnerOf([onThis, onOther], {}, { productId: null })).toEqual(['late']);
    expect(winnerOf([onOther, onShop])).toEqual(['later']);
  });
});
