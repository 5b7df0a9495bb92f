// Schedules: each month is drafted once, at the first moment of its day in its zone, or late; and
// promoters are told when, and why not.

import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { ledgerRoutes } from '../../../src/ledger/ledger-routes.ts';
import { dueIn, nextDue } from '../../../src/payouts/schedules/due.ts';
import { draftScheduled, nextPayouts } from '../../../src/payouts/schedules/scheduled-drafts.ts';
import { scheduleRoutes } from '../../../src/payouts/schedules/schedule-routes.ts';
import { monthAfter } from '../../../src/platform/calendar.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { callersOf, keyedApp } from '../../platform/callers.ts';
import { openPayoutStage, type PayoutStage } from '../stage.ts';

describe('a month is due', () => {
  const shanghai = { dayOfMonth: 15, timeZone: 'Asia/Shanghai' };

  test('at 00:00 of its day in its zone', () => {
    expect(dueIn('2026-06', shanghai).at.toISOString()).toBe('2026-06-14T16:00:00.000Z');
    expect(dueIn('2026-03', { dayOfMonth: 8, timeZone: 'America/New_York' }).at.toISOString()).toBe('2026-03-08T05:00:00.000Z');
    expect(dueIn('2026-03', { dayOfMonth: 9, timeZone: 'America/New_York' }).at.toISOString()).toBe('2026-03-09T04:00:00.000Z');
  });

  test('on its last day where it has no day 29, 30 or 31', () => {
    const days = ['2026-01', '2026-02', '2028-02', '2026-04'].map((month) => dueIn(month, { dayOfMonth: 31, timeZone: 'UTC' }).at);
    expect(days.map((at) => at.toISOString().slice(0, 10))).toEqual(['2026-01-31', '2026-02-28', '2028-02-29', '2026-04-30']);
  });

  test('after now: that of this month, or of the next one from its very moment on', () => {
    expect(nextDue(shanghai, new Date('2026-06-14T15:59:59.999Z')).month).toBe('2026-06');
    expect(nextDue(shanghai, new Date('2026-06-14T16:00:00.000Z')).month).toBe('2026-07');
    expect(nextDue({ ...shanghai, dayOfMonth: 31 }, new Date('2026-12-30T16:00:00.000Z')).month).toBe('2027-01');
  });
});

interface Body {
  next_at: string;
  code: string;
  data: { currency: string; next_payout_at: string | null; next_payout_skip: string | null }[];
}

let stage: PayoutStage;
let app: App;
let callers: Awaited<ReturnType<typeof callersOf<Body>>>;

beforeAll(async () => {
  stage = await openPayoutStage();
  app = keyedApp(stage.db);
  scheduleRoutes(app, { db: stage.db });
  ledgerRoutes(app, { db: stage.db, nextPayouts: (promoterId) => nextPayouts(stage.db, stage.deps, promoterId) });
  callers = await callersOf<Body>(app, stage.db);
});

afterAll(async () => {
  await app.close();
  await stage.close();
});

beforeEach(async () => {
  await stage.db.deleteFrom('payout_schedule').execute();
});

const terms = { currency: 'CNY', day_of_month: 15, time_zone: 'Asia/Shanghai', minimum: 100 };
const put = (id: string, more: object = {}) => callers.call('PUT', `/v1/payout-schedules/${id}`, { ...terms, ...more });

/** As if it had been stated long ago, so that the month is what it waits for. */
async function waitFor(id: string, month: string, more: object = {}): Promise<void> {
  const { body } = await put(id, more);
  const { day_of_month: dayOfMonth, time_zone: timeZone } = { ...terms, ...more };
  expect(body.next_at).toBeDefined();
  await stage.db
    .updateTable('payout_schedule')
    .set({ next_month: month, next_at: dueIn(month, { dayOfMonth, timeZone }).at })
    .where('schedule_id', '=', id)
    .execute();
}

const run = (at: string) => draftScheduled(stage.db, stage.deps, new Date(at));

const draftedBy = async (id: string) => {
  const rows = await stage.db
    .selectFrom('payout_batch')
    .select(['schedule_month', 'drafted_by', 'drafted_person', 'approved_at'])
    .where('schedule_id', '=', id)
    .orderBy('drafted_at')
    .execute();
  return rows.map((row) => row.schedule_month);
};

describe('a schedule', () => {
  test('drafts at its moment and not before, once, whoever looks how often', async () => {
    await waitFor('once', '2026-06');
    await stage.earn('2026-06-01T00:00:00Z', 'O-1', 21_000n);
    expect(await run('2026-06-14T15:59:59.999Z')).toBe(0);
    const runs = await Promise.all(Array.from({ length: 4 }, () => run('2026-06-14T16:00:00Z')));
    expect(runs.reduce((sum, count) => sum + count, 0)).toBe(1);
    expect(await run('2026-06-20T00:00:00Z')).toBe(0);
    expect(await draftedBy('once')).toEqual(['2026-06']);
    expect((await callers.get('/v1/payout-schedules/once')).body.next_at).toBe('2026-07-14T16:00:00.000Z');
    const payouts = stage.db.selectFrom('payout').innerJoin('payout_batch', 'payout_batch.batch_id', 'payout.batch_id');
    const rows = await payouts
      .select(['gross', 'state', 'drafted_by', 'drafted_person', 'payout_batch.approved_at'])
      .where('schedule_id', '=', 'once')
      .execute();
    expect(rows).toMatchObject([{ gross: 21_000n, state: 'drafted', drafted_by: null, approved_at: null }]);
    // Its drafter is who stated it: another person approves.
    expect(rows[0]!.drafted_person).toMatch(/^key:/);
  });

  test('that missed months drafts the latest of them, late and once', async () => {
    await waitFor('late', '2026-03');
    await stage.earn('2026-03-01T00:00:00Z', 'O-2', 500n);
    expect(await run('2026-06-20T00:00:00Z')).toBe(1);
    expect(await run('2026-06-20T00:00:01Z')).toBe(0);
    expect(await draftedBy('late')).toEqual(['2026-06']);
    expect(await run('2026-07-14T16:00:00Z')).toBe(1);
    expect(await draftedBy('late')).toEqual(['2026-06', '2026-07']);
  });

  test('drafts no month twice, however it is changed, removed and stated again', async () => {
    const day = { dayOfMonth: 1, timeZone: 'UTC' };
    const { month, at } = nextDue(day, new Date());
    await put('again', { day_of_month: 1, time_zone: 'UTC' });
    expect(await run(at.toISOString())).toBe(1);
    expect((await callers.call('DELETE', '/v1/payout-schedules/again')).status).toBe(204);
    const again = await put('again', { day_of_month: 1, time_zone: 'UTC' });
    expect([again.status, again.body.next_at]).toEqual([201, dueIn(monthAfter(month), day).at.toISOString()]);
    expect(await run(at.toISOString())).toBe(0);
    expect(await draftedBy('again')).toEqual([month]);
  });

  test('that is changed while it is late stays due, and the same statement changes nothing', async () => {
    await waitFor('due', '2026-06');
    expect((await put('due', { minimum: 5 })).body.next_at).toBe('2026-06-14T16:00:00.000Z');
    expect((await put('due', { minimum: 5 })).status).toBe(200);
    expect(await run('2026-06-20T00:00:00Z')).toBe(1);
  });

  test('for more promoters than one batch pays drafts several batches, until nobody is left', async () => {
    const crowd = ['carol', 'dave', 'erin'];
    for (const promoterId of crowd) {
      await stage.owner.insertInto('promoter').values({ promoter_id: promoterId, made_at: new Date() }).execute();
      await stage.earn('2026-06-01T00:00:00Z', 'M-1', 700n, { promoterId, currency: 'KWD' });
    }
    await waitFor('many', '2026-06', { currency: 'KWD' });
    const deps = { ...stage.deps, payoutsPerBatchMax: 1 };
    const drafted = [];
    for (let run = 0; run < 4; run++) drafted.push(await draftScheduled(stage.db, deps, new Date(`2026-06-14T16:00:0${run}Z`)));
    expect(drafted).toEqual([1, 1, 1, 0]);
    expect(await draftedBy('many')).toEqual(['2026-06', null, null]);
    const { rows } = await sql<object>`
      select promoter_id, gross from payout join payout_batch using (batch_id) where schedule_id = 'many' order by payout_batch.drafted_at`.execute(
      stage.db,
    );
    expect(rows).toEqual(crowd.map((promoterId) => ({ promoter_id: promoterId, gross: 700n })));
    expect((await callers.get('/v1/payout-schedules/many')).body.next_at).toBe('2026-07-14T16:00:00.000Z');
  });

  test('that cannot draft keeps no other from it, and is told of', async () => {
    await waitFor('broken', '2026-06', { currency: 'EUR' });
    await waitFor('whole', '2026-06', { currency: 'USD' });
    const deps = {
      ...stage.deps,
      merchantsOwing: async (_trx: unknown, currency: string) => {
        if (currency === 'EUR') throw new Error('no rates today');
        return new Set<string>();
      },
    };
    await expect(draftScheduled(stage.db, deps, new Date('2026-06-20T00:00:00Z'))).rejects.toThrow('1 schedules could not draft');
    expect([await draftedBy('broken'), await draftedBy('whole')]).toEqual([[], ['2026-06']]);
    expect(await run('2026-06-20T00:00:01Z')).toBe(1);
    expect(await draftedBy('broken')).toEqual(['2026-06']);
  });

  test('by a provider that is not there, of a day or a zone that is none, is refused', async () => {
    expect((await put('wrong', { provider_id: 'nobody' })).body.code).toBe('unknown_provider');
    for (const more of [{ day_of_month: 32 }, { day_of_month: 0 }, { time_zone: 'Mars/Base' }, { currency: 'XYZ' }, { minimum: -1 }]) {
      expect((await put('wrong', more)).status).toBe(400);
    }
    expect((await callers.get('/v1/payout-schedules/wrong')).status).toBe(404);
  });
});

const balanceOf = async () => (await callers.get('/v1/promoters/alice/balance')).body.data;

describe('the balance', () => {
  test('says when a payout is drafted next, and why it would pass over the promoter now', async () => {
    await stage.earn('2026-06-01T00:00:00Z', 'B-1', 99n, { promoterId: 'alice' });
    expect(Object.keys((await balanceOf())[0]!)).not.toContain('next_payout_at');
    const { body } = await put('monthly');
    expect(await balanceOf()).toMatchObject([{ next_payout_at: body.next_at, next_payout_skip: 'below_minimum' }]);
    await stage.earn('2026-06-01T00:00:00Z', 'B-1', 1n, { promoterId: 'alice' });
    expect(await balanceOf()).toMatchObject([{ next_payout_at: body.next_at, next_payout_skip: null }]);
    await stage.takeBack('2026-06-02T00:00:00Z', 'B-2', 1n, { promoterId: 'alice', merchantId: 'm2' });
    expect(await balanceOf()).toMatchObject([{ next_payout_skip: 'negative_balance' }]);
  });
});
