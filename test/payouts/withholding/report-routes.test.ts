// The withholding report: what was paid, came back and was withheld in a quarter, as the ledger
// booked it.

import { parse } from 'csv-parse/sync';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { decimalOf } from '../../../src/core/money.ts';
import { withholdingReportRoutes } from '../../../src/payouts/withholding/report-routes.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { keyedApp, newKey } from '../../platform/callers.ts';
import { settle } from '../../ledger/books.ts';
import { openPayoutStage, type PayoutStage } from '../stage.ts';

type Row = Record<string, string>;

let stage: PayoutStage;
let app: App;
let key: string;

async function textOf(quarter: string): Promise<string> {
  await settle(stage.db);
  return (await app.inject({ url: `/v1/withholding/report?quarter=${quarter}`, headers: { authorization: `Bearer ${key}` } })).body;
}
const rowsOf = async (quarter: string) => parse<Row>(await textOf(quarter), { columns: true, bom: true });

beforeAll(async () => {
  stage = await openPayoutStage('cn_labor_service');
  app = keyedApp(stage.db);
  withholdingReportRoutes(app, { db: stage.db, taxes: stage.deps.taxes });
  key = await newKey(stage.db, 'auditor');
  // 3,000.00 twice in a month: 440.00, then 520.00 (960.00 of the month's 6,000.00).
  await stage.earn('2026-10-01T00:00:00Z', 'O-1', 300_000n);
  const first = await stage.pay('2026-10-05T00:00:00Z');
  await stage.earn('2026-10-06T00:00:00Z', 'O-2', 300_000n);
  await stage.pay('2026-10-20T00:00:00Z');
  // 1,000.00 of another payee: 40.00; and what is no yuan is taxed by none.
  await stage.earn('2026-11-01T00:00:00Z', 'O-3', 100_000n, { promoterId: 'alice' });
  await stage.earn('2026-11-01T00:00:00Z', 'O-4', 1234n, { promoterId: 'alice', currency: 'JPY', merchantId: 'm2' });
  await stage.pay('2026-11-02T00:00:00Z');
  await stage.pay('2026-11-02T00:00:00Z', { currency: 'JPY' });
  // Paid in the last moment of the quarter, and in the first one of the next.
  await stage.earn('2026-12-01T00:00:00Z', 'O-5', 10_000n, { promoterId: 'alice' });
  await stage.pay('2026-12-31T15:59:59.999Z');
  await stage.earn('2026-12-01T00:00:00Z', 'O-6', 20_000n, { promoterId: 'alice' });
  await stage.pay('2026-12-31T16:00:00Z');
  // Of the first payment of October all comes back, in January.
  await stage.tell('2027-01-05T00:00:00Z', await stage.payoutOf(first), { state: 'returned' });
  // Drafted and failed: no income of anybody.
  await stage.earn('2026-11-01T00:00:00Z', 'O-7', 777n);
  const failed = await stage.draft('2026-11-20T00:00:00Z', { promoterIds: ['bob'] });
  await stage.approve('2026-11-20T00:00:00Z', failed);
  await stage.tell('2026-11-21T00:00:00Z', await stage.payoutOf(failed), { state: 'failed' });
});

afterAll(async () => {
  await app.close();
  await stage.close();
});

test('a quarter has what was paid in it, by payee, scheme and currency', async () => {
  const rows = await rowsOf('2026-Q4');
  expect(
    rows
      .filter((row) => row['record'] === 'payee')
      .map(({ promoter_id: who, kind, scheme, currency, gross, reversed, net, withheld }) => [
        who,
        kind,
        scheme,
        currency,
        gross,
        reversed,
        net,
        withheld,
      ]),
  ).toEqual([
    ['alice', 'individual', 'cn_labor_service', 'CNY', '1100.00', '0.00', '1100.00', '40.00'],
    ['alice', 'individual', 'none', 'JPY', '1234', '0', '1234', '0'],
    ['bob', 'individual', 'cn_labor_service', 'CNY', '6000.00', '0.00', '6000.00', '960.00'],
  ]);
  expect(rows.filter((row) => row['record'] === 'total')).toMatchObject([
    { scheme: 'cn_labor_service', currency: 'CNY', gross: '7100.00', withheld: '1000.00' },
    { scheme: 'none', currency: 'JPY', gross: '1234' },
  ]);
});

test('a return is of the quarter in which it was booked, and the one before stays as it was declared', async () => {
  expect(await rowsOf('2027-Q1')).toMatchObject([
    { promoter_id: 'alice', gross: '200.00', reversed: '0.00', withheld: '0.00' },
    { promoter_id: 'bob', gross: '0.00', reversed: '3000.00', net: '-3000.00', withheld: '0.00', withheld_reversed: '440.00' },
    { record: 'total', gross: '200.00', reversed: '3000.00', net: '-2800.00' },
  ]);
});

test('its totals are the ledger’s transfers of the quarter', async () => {
  const spans: [string, string, string][] = [
    ['2026-Q3', '2026-06-30T16:00:00Z', '2026-09-30T16:00:00Z'],
    ['2026-Q4', '2026-09-30T16:00:00Z', '2026-12-31T16:00:00Z'],
    ['2027-Q1', '2026-12-31T16:00:00Z', '2027-03-31T16:00:00Z'],
  ];
  let booked = 0;
  for (const [quarter, from, until] of spans) {
    const { rows } = await sql<{ currency: string; paid: string; withheld: string; brought_back: string }>`
      select currency, coalesce(sum(amount) filter (where kind in ('pay', 'withhold')), 0) as paid,
        coalesce(sum(amount) filter (where kind = 'withhold'), 0) as withheld,
        coalesce(sum(amount) filter (where kind = 'bring_back'), 0) as brought_back
      from transfer where kind in ('pay', 'withhold', 'bring_back') and booked_at >= ${from}::timestamptz and booked_at < ${until}::timestamptz
      group by currency order by currency`.execute(stage.db);
    booked += rows.length;
    const totals = (await rowsOf(quarter)).filter((row) => row['record'] === 'total' && row['currency'] !== '');
    expect(totals.map(({ currency, gross, withheld, reversed }) => ({ currency, gross, withheld, reversed }))).toEqual(
      rows.map(({ currency, paid, withheld, brought_back: broughtBack }) => ({
        currency,
        gross: decimalOf(BigInt(paid), currency),
        withheld: decimalOf(BigInt(withheld), currency),
        reversed: decimalOf(BigInt(broughtBack), currency),
      })),
    );
  }
  expect(booked).toBe(3);
});

test('a quarter without payments has a total all the same, so that nobody takes a part for it', async () => {
  expect(await rowsOf('2025-Q1')).toMatchObject([{ record: 'total', gross: '' }]);
  const answer = await app.inject({ url: '/v1/withholding/report?quarter=2026-Q5', headers: { authorization: `Bearer ${key}` } });
  expect(answer.statusCode).toBe(400);
});
