import { describe, expect, test } from 'vitest';

import type { Actor } from '../../../src/platform/keys/actor.ts';
import { statisticsFields } from '../../../src/statistics/reading/query-fields.ts';
import { understandWish } from '../../../src/statistics/stream/stream-wish.ts';

const NOW = new Date('2026-06-08T00:00:00Z');
const FROM = '2026-06-05T00:00:00Z';
const admin: Actor = { keyId: 'k1', scope: 'admin', role: null, person: 'k1', merchantId: null, promoterId: null };

const wishOf = (fields: Record<string, string>, { actor = admin, now = NOW } = {}) =>
  understandWish(statisticsFields.parse({ from: FROM, ...fields }), actor, now);

const limitOf = (fields: Record<string, string>) => wishOf({ group_by: 'promoter', ...fields }).understand(NOW).limit;

describe('a stream', () => {
  test.each([
    ['two groups', { group_by: 'promoter,product' }],
    ['another time beside its own', { compare: 'year' }],
    ['buyers', { measures: 'clicks,buyers' }],
    ['the order of buyers', { sort: '-buyers' }],
    ['more than seven days', { from: '2026-05-31T23:58:00Z' }],
    ['more than seven days of another time', { from: '2026-05-01T00:00:00Z', to: '2026-05-08T00:00:00.001+00:00' }],
  ])('has no %s', (_, fields) => {
    expect(() => wishOf({ time_zone: 'UTC', ...fields })).toThrow(expect.objectContaining({ code: 'not_streamable', status: 422 }));
  });

  test('has seven local days, of 25 hours too, and all that a query may say beside', () => {
    wishOf({ from: '2026-10-24T22:00:00Z', to: '2026-10-31T23:00:00Z', time_zone: 'Europe/Berlin' });
    wishOf({ from: '2026-06-01T00:00:00Z', group_by: 'level', merchant_id: 'm1,-m2', basis: 'booking', bucket: 'hour', sort: 'clicks' });
  });

  test('without an end grows with the time, and by a day more than it may begin with', () => {
    const wish = wishOf({ from: '2026-06-01T00:00:00Z' });
    expect(wish.isMoving).toBe(true);
    const later = new Date('2026-06-08T12:00:00Z');
    expect(wish.understand(later).to.getTime()).toBe(later.getTime() + 1);
    expect(() => wish.understand(new Date('2026-06-09T12:00:00Z'))).toThrow(expect.objectContaining({ code: 'not_streamable' }));
    expect(wishOf({ to: '2026-06-06T00:00:00Z' }).isMoving).toBe(false);
  });

  test('has as many groups as have 20,000 rows, and 200 at most', () => {
    expect([limitOf({}), limitOf({ limit: '5' }), limitOf({ bucket: '15m' })]).toEqual([200, 5, 20_000 / (3 * 96 + 1)].map(Math.floor));
  });
});

describe('equal wishes', () => {
  test('are those of one time, or of now whenever that is, whoever has them', () => {
    const another = { ...admin, keyId: 'k2', scope: 'auditor' as const };
    const key = wishOf({}).key;
    expect(wishOf({}, { actor: another, now: new Date('2026-06-08T00:00:09Z') }).key).toBe(key);
    expect(wishOf({ bucket: 'day', sort: '-commission', from: '2026-06-05T08:00:00+08:00' }).key).toBe(key);
  });

  test('are not those of who is held to something, or of something else', () => {
    const promoter: Actor = { ...admin, scope: 'promoter', promoterId: 'alice' };
    const keys = [
      wishOf({}),
      wishOf({ to: '2026-06-08T00:00:00Z' }),
      wishOf({}, { actor: promoter }),
      wishOf({}, { actor: { ...promoter, promoterId: 'bob' } }),
      wishOf({ promoter_id: 'alice' }),
      wishOf({ promoter_id: '-alice' }),
      wishOf({ limit: '3' }),
      wishOf({ time_zone: 'UTC' }),
    ].map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
