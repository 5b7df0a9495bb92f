// "Pay me": one open request for a promoter and currency, refused for what a draft would skip for,
// and closed by the draft that pays it.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { payoutRequestRoutes } from '../../../src/payouts/requests/request-routes.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { callersOf, keyedApp } from '../../platform/callers.ts';
import { openPayoutStage, type PayoutStage } from '../stage.ts';

interface Body {
  code?: string;
  errors?: { path: string; message: string }[];
  made_at?: string;
  closed_by?: string | null;
  data?: { currency: string; closed_at: string | null; closed_by: string | null }[];
}

let stage: PayoutStage;
let app: App;
let callers: Awaited<ReturnType<typeof callersOf<Body>>>;
let bob: string;

beforeAll(async () => {
  stage = await openPayoutStage();
  app = keyedApp(stage.db);
  payoutRequestRoutes(app, { db: stage.db, ...stage.deps });
  callers = await callersOf<Body>(app, stage.db);
  bob = await callers.keyOf('promoter');
});

afterAll(async () => {
  await app.close();
  await stage.close();
});

const ask = (payload: object, key = bob) => callers.post('/v1/payout-requests', payload, { key });

test('who has nothing to be paid is told why not', async () => {
  const { status, body } = await ask({ currency: 'CNY' });
  expect([status, body.code, body.errors]).toEqual([422, 'not_payable', [{ path: 'currency', message: 'below_minimum' }]]);
});

test('a request is open until a draft pays it, and asking again meanwhile is the same request', async () => {
  await stage.earn('2026-06-01T00:00:00Z', 'O-1', 4811n);
  await stage.earn('2026-06-01T00:00:00Z', 'O-2', 700n, { promoterId: 'alice' });
  const asked = await Promise.all(Array.from({ length: 5 }, () => ask({ currency: 'CNY' })));
  expect(new Set(asked.map(({ status }) => status))).toEqual(new Set([202]));
  expect(new Set(asked.map(({ body }) => body.made_at)).size).toBe(1);

  const batchId = await stage.draft('2026-06-02T00:00:00Z', { requested: true });
  const listed = await callers.get('/v1/promoters/bob/payout-requests', bob);
  expect(listed.body.data).toMatchObject([{ currency: 'CNY', closed_by: batchId }]);
  const rows = await stage.db.selectFrom('payout').select(['promoter_id', 'gross']).where('batch_id', '=', batchId).execute();
  expect(rows).toEqual([{ promoter_id: 'bob', gross: 4811n }]);

  await stage.earn('2026-06-03T00:00:00Z', 'O-3', 100n);
  expect(await ask({ currency: 'CNY' })).toMatchObject({ status: 202, body: { closed_by: null } });
  const two = await callers.get('/v1/promoters/bob/payout-requests?limit=1', bob);
  expect(two.body).toMatchObject({ data: [{ closed_at: null }], next_cursor: expect.any(String) });
});

const openOf = async () => (await callers.get('/v1/promoters/bob/payout-requests', bob)).body.data!.filter((one) => one.closed_at === null);

test('any draft that pays the promoter closes what it asked for, and one of another currency does not', async () => {
  await stage.earn('2026-06-03T00:00:00Z', 'J-1', 500n, { currency: 'JPY' });
  expect((await ask({ currency: 'JPY' })).status).toBe(202);
  await stage.draft('2026-06-04T00:00:00Z', { currency: 'CNY' });
  expect((await openOf()).map(({ currency }) => currency)).toEqual(['JPY']);
  await stage.draft('2026-06-05T00:00:00Z', { currency: 'JPY' });
  expect(await openOf()).toEqual([]);
});

test('who owes a merchant anything is refused with `negative_balance`', async () => {
  await stage.earn('2026-06-06T00:00:00Z', 'O-9', 1000n, { promoterId: 'alice', merchantId: 'm2' });
  await stage.takeBack('2026-06-06T00:00:00Z', 'O-2', 189n, { promoterId: 'alice' });
  const { status, body } = await callers.post('/v1/payout-requests', { currency: 'CNY', promoter_id: 'alice' });
  expect([status, body.errors?.[0]?.message]).toEqual([422, 'negative_balance']);
});

test('a promoter asks for itself only, and an admin says for whom', async () => {
  expect((await ask({ currency: 'CNY', promoter_id: 'alice' })).status).toBe(403);
  expect((await callers.post('/v1/payout-requests', { currency: 'CNY' })).status).toBe(400);
  expect((await callers.post('/v1/payout-requests', { currency: 'CNY', promoter_id: 'nobody' })).body.code).toBe('unknown_promoter');
  expect((await callers.get('/v1/promoters/alice/payout-requests', bob)).status).toBe(403);
});
