// The terms of a merchant that change what its promoters earn: how soon, and by whom they are
// changed.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { midnightFrom } from '../../../src/platform/calendar.ts';
import { openShop, type Shop } from '../shop.ts';

const HOURS = 24;
const ZONE = 'Asia/Kathmandu';
const earliest = () => midnightFrom(new Date(Date.now() + HOURS * 3_600_000), ZONE).toISOString();

let shop: Shop;
let reviewed: Shop;
beforeAll(async () => {
  shop = await openShop();
  reviewed = await openShop({ reviewRequired: true });
});
afterAll(() => Promise.all([shop.close(), reviewed.close()]));

const putAt = async (at: Shop, m: string, more: object) =>
  at.call('PUT', `/v1/merchants/${m}`, { name: m, currency: 'CNY', time_zone: ZONE, ...more });

const refused = async (m: string, more: object) => {
  const [answer, time] = [await putAt(shop, m, more), earliest()];
  expect(answer).toMatchObject({ status: 422, body: { code: 'notice_too_short', errors: [{ message: `must be ${time} or later` }] } });
};

describe('the notice and the lock of rates', () => {
  test('are taken away no sooner than the notice says, and given at once', async () => {
    expect(await putAt(shop, 'm1', { rate_notice: { hours: HOURS }, rate_lock: 'click' })).toMatchObject({
      status: 201,
      body: { rate_notice: { hours: HOURS }, rate_lock: 'click' },
    });
    await refused('m1', { rate_lock: 'click' });
    await refused('m1', { rate_notice: { hours: HOURS - 1 }, rate_lock: 'click' });
    await refused('m1', { rate_notice: { hours: HOURS } });
    expect(await putAt(shop, 'm1', { effective_from: earliest() })).toMatchObject({
      status: 200,
      body: { rate_notice: null, rate_lock: 'none' },
    });
    expect((await putAt(shop, 'm1', { rate_notice: { hours: HOURS + 1 }, rate_lock: 'click' })).status).toBe(200);
    expect((await putAt(shop, 'm1', { rate_notice: { hours: 0 } })).status).toBe(400);
  });

  test('other terms change at once', async () => {
    expect((await putAt(shop, 'm2', { rate_notice: { hours: HOURS } })).status).toBe(201);
    expect(await putAt(shop, 'm2', { rate_notice: { hours: HOURS }, hold_days: 30 })).toMatchObject({
      status: 200,
      body: { hold_days: 30 },
    });
  });
});

describe('where a review is asked for', () => {
  test('a merchant is made and renamed, and its earning terms stay as they are', async () => {
    expect((await putAt(reviewed, 'm1', { rate_notice: { hours: HOURS } })).status).toBe(201);
    expect(
      (await putAt(reviewed, 'm1', { name: 'another name', rate_notice: { hours: HOURS }, landing_hosts: ['a.example.com'] })).status,
    ).toBe(200);
    for (const more of [{ hold_days: 3 }, { rate_notice: null }, { rate_lock: 'click' }, { attribution: { model: 'first_click' } }]) {
      expect(await putAt(reviewed, 'm1', { rate_notice: { hours: HOURS }, ...more })).toMatchObject({
        status: 403,
        body: { code: 'review_required' },
      });
    }
  });

  test('nor do files of merchants change them', async () => {
    await putAt(reviewed, 'm3', {});
    const answer = await reviewed.load('merchants', [{ merchant_id: 'm3', name: 'm3', currency: 'CNY', time_zone: ZONE, hold_days: 1 }]);
    expect(JSON.stringify(answer)).toContain('review_required');
  });
});
