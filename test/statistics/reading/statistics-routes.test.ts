// Statistics over HTTP: what is told, to whom, and as what.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { decimalOf } from '../../../src/core/money.ts';
import { MEASURES } from '../../../src/statistics/reading/query.ts';
import { ago } from '../../commission/world.ts';
import { foldAll, type Market } from './market.ts';
import { openStatistics, sumOf, WHOLE, type Row } from './served.ts';

type Served = Awaited<ReturnType<typeof openStatistics>>;

let market: Market;
let ask: Served['ask'];
let statistics: Served['statistics'];
let close: Served['close'] | undefined;

beforeAll(async () => {
  ({ market, ask, statistics, close } = await openStatistics());
}, 120_000);
afterAll(() => close?.());

/** A row of totals as one of the whole time. */
const asRow = (total: Row): Row => Object.assign({ bucket: null }, total);

describe('an answer', () => {
  test('says what was asked, with every default', async () => {
    const { body } = await ask('/v1/statistics', { group_by: 'promoter', category: 'baby,', promoter_id: '-alice' });
    expect(body.query).toMatchObject({
      group_by: ['promoter'],
      bucket: 'day',
      time_zone: 'Asia/Shanghai',
      compare: null,
      align: 'date',
      basis: 'order',
      sort: '-commission',
      measures: MEASURES.filter((measure) => measure !== 'buyers'),
      limit: 50,
      currency: null,
      category: 'baby,',
      promoter_id: '-alice',
    });
    const { from, to } = body.query as { from: string; to: string };
    expect(Date.now() - Date.parse(to)).toBeLessThan(60_000);
    expect(Date.parse(from)).toBeLessThan(Date.parse(to));
  });

  test('has buckets by the clocks of the zone, zeros in those in which nothing happened', async () => {
    const time = { from: '2026-03-07T00:00:00-05:00', to: '2026-03-10T00:00:00-04:00', time_zone: 'America/New_York' };
    const { body } = await statistics({ ...time, currency: 'CNY', measures: 'clicks,paid_amount,conversion_ppm' });
    expect(body.data).toEqual(
      ['2026-03-07T00:00:00-05:00', '2026-03-08T00:00:00-05:00', '2026-03-09T00:00:00-04:00'].map((bucket) => ({
        bucket,
        currency: 'CNY',
        clicks: 0,
        paid_amount: 0,
        conversion_ppm: null,
      })),
    );
  });

  test('without groups and of no currency in which there is anything is empty', async () => {
    const { body } = await statistics({ from: '2020-03-07T00:00:00Z', to: '2020-03-10T00:00:00Z' });
    expect([body.data, body.totals]).toEqual([[], []]);
  });

  test('has totals in which an order counts once, whoever won of it', async () => {
    const { body } = await statistics({ group_by: 'promoter', bucket: 'none', currency: 'CNY' });
    const { body: alone } = await statistics({ bucket: 'none', currency: 'CNY' });
    expect(body.totals.map(asRow)).toEqual(alone.data);
    expect(sumOf(body.data, 'orders')).toBeGreaterThan(Number(body.totals[0]!['orders']));
    expect(sumOf(body.data, 'paid_amount')).toBe(body.totals[0]!['paid_amount']);
  });

  test('that might be stale is as exact', async () => {
    const [now, stale] = [await statistics({ bucket: 'none' }), await statistics({ bucket: 'none', stale: 'allowed' })];
    expect([stale.body.data, stale.body.totals]).toEqual([now.body.data, now.body.totals]);
    expect((await ask('/v1/statistics', { stale: 'yes' })).status).toBe(400);
  });

  test('has quotients that are rounded down', async () => {
    const { body } = await statistics({ group_by: 'promoter', bucket: 'none' });
    expect(body.data.length).toBeGreaterThan(3);
    for (const row of body.data) {
      const [clicks, orders] = [Number(row['clicks']), Number(row['orders'])];
      const commission = sumOf([row], 'commission_estimated') + sumOf([row], 'commission_confirmed') + sumOf([row], 'commission_released');
      expect(row['conversion_ppm']).toBe(clicks === 0 ? null : Math.floor((orders * 1_000_000) / clicks));
      expect(row['earnings_per_click']).toBe(clicks === 0 ? null : Math.floor(commission / clicks));
    }
  });

  test('by booking equals the ledger, and confirms nothing', async () => {
    const { body } = await statistics({
      group_by: 'promoter',
      bucket: 'none',
      basis: 'booking',
      currency: 'CNY',
      promoter_id: 'bob,alice',
    });
    for (const row of body.data) {
      const booked = await market.db
        .selectFrom('transfer')
        .select(['kind', ({ fn }) => fn.sum<string>('amount').as('amount')])
        .where('promoter_id', '=', String(row['promoter_id']))
        .where('currency', '=', 'CNY')
        .groupBy('kind')
        .execute();
      const amounts = Object.fromEntries(booked.map(({ kind, amount }) => [kind, Number(amount)]));
      expect(row).toMatchObject({
        commission_estimated: amounts['accrue'] ?? 0,
        commission_reversed: amounts['reverse'] ?? 0,
        commission_released: amounts['release'] ?? 0,
        commission_confirmed: null,
      });
    }
    expect(body.data).toHaveLength(2);
  });

  test('names what is compared with, and of it the same figures', async () => {
    const { body } = await statistics({ from: ago(7), to: ago(0), compare: 'previous', measures: 'clicks', bucket: 'none' });
    const { body: before } = await statistics({ from: ago(14), to: ago(7), measures: 'clicks', bucket: 'none' });
    expect(body.data.map((row) => row.compared!['clicks'])).toEqual(before.data.map((row) => row['clicks']));
    const { body: alone } = await statistics({ measures: 'clicks', bucket: 'none' });
    expect(alone.data[0]).not.toHaveProperty('compared');
  });

  test('has levels as numbers, and uplines with commission and without orders', async () => {
    const { body } = await statistics({ group_by: 'level', bucket: 'none', currency: 'CNY' });
    const upline = body.data.find((row) => row['level'] === 1)!;
    expect(Number(upline['commission_estimated'])).toBeGreaterThan(0);
    expect(upline).toMatchObject({ clicks: 0, orders: 0, units: 0, paid_amount: 0 });
    expect(body.data.some((row) => row['level'] === null && Number(row['clicks']) > 0)).toBe(true);
  });

  test('has what nobody won under nobody', async () => {
    const { body } = await statistics({ group_by: 'promoter', bucket: 'none', promoter_id: '' });
    expect(body.data.length).toBeGreaterThan(0);
    for (const row of body.data) expect(row).toMatchObject({ promoter_id: null, orders: 0, clicks: 0 });
    expect(sumOf(body.data, 'orders_unattributed')).toBeGreaterThan(0);
  });
});

const read = async (): Promise<Row> => {
  const { body } = await ask('/v1/statistics', { currency: 'CNY', promoter_id: 'carol', bucket: 'none' });
  return body.data[0]!;
};

describe('a figure is there at once', () => {
  test('when the click, the link and the order were answered, whatever is folded', async () => {
    const before = await read();
    const code = await market.link('m1', 'carol', { made_at: new Date() });
    await market.click(code, { at: new Date().toISOString() });
    await market.report({
      fields: {
        merchant_id: 'm1',
        order_id: 'at once',
        status: 'paid',
        currency: 'CNY',
        paid_at: new Date().toISOString(),
        link_code: code,
        lines: [{ line_id: '1', product_id: 'p1', quantity: 2, paid_amount: 5000 }],
      },
    });
    await market.award();
    const after = await read();
    const gained = (field: string) => Number(after[field]) - Number(before[field]);
    expect(['clicks', 'links_made', 'orders', 'units', 'paid_amount'].map(gained)).toEqual([1, 1, 1, 2, 5000]);
    expect(gained('commission_estimated')).toBeGreaterThan(0);
    await foldAll(market);
    expect(await read()).toEqual(after);
  });

  test('and nothing is told while what was there before is counted', async () => {
    await market.owner.updateTable('statistics_fold').set({ history_done_at: null }).execute();
    const { status, body } = await statistics({});
    await market.owner.updateTable('statistics_fold').set({ history_done_at: new Date() }).execute();
    expect([status, body.code]).toEqual([503, 'unavailable']);
  });
});

describe('who is told', () => {
  test.each(['admin', 'auditor', 'every shop'])('%s: everything', async (key) => {
    const { body } = await statistics({ group_by: 'merchant', bucket: 'none' }, { key });
    expect(new Set(body.data.map((row) => row['merchant_id']))).toEqual(new Set(['m1', 'm2']));
    expect(body.totals.map((row) => row['currency'])).toEqual(['CNY', 'USD']);
  });

  test('a storefront of one merchant: that merchant, in the totals too', async () => {
    const { body } = await statistics({ group_by: 'merchant', bucket: 'none' }, { key: 'm2' });
    expect(body.data.map((row) => row['merchant_id'])).toEqual(['m2']);
    const { body: asAdmin } = await statistics({ group_by: 'merchant', bucket: 'none', merchant_id: 'm2' });
    expect([body.data, body.totals]).toEqual([asAdmin.data, asAdmin.totals]);
    expect(body.query['merchant_id']).toBe('m2');
  });

  test('a promoter: itself, in the totals too', async () => {
    const { body } = await statistics({ group_by: 'promoter', bucket: 'none' }, { key: 'bob' });
    expect(new Set(body.data.map((row) => row['promoter_id']))).toEqual(new Set(['bob']));
    const { body: asAdmin } = await statistics({ group_by: 'promoter', bucket: 'none', promoter_id: 'bob' });
    expect([body.data, body.totals]).toEqual([asAdmin.data, asAdmin.totals]);
  });

  test('nobody of another: neither figures nor what they count', async () => {
    for (const [key, filter] of [
      ['m1', { merchant_id: 'm2' }],
      ['bob', { promoter_id: 'alice' }],
      ['bob', { promoter_id: 'bob,alice' }],
    ] as const) {
      for (const path of ['/v1/statistics', '/v1/statistics/rows', '/v1/funnel']) {
        const more = path.endsWith('rows') ? { measure: 'orders' } : {};
        const { status, body } = await ask(path, { ...WHOLE, ...filter, ...more }, { key });
        expect([path, status, body.code]).toEqual([path, 403, 'forbidden']);
      }
    }
    for (const [path, query] of [
      ['/v1/statistics', {}],
      ['/v1/statistics/rows', { measure: 'clicks' }],
      ['/v1/funnel', {}],
    ] as const) {
      expect((await ask(path, query, { key: 'merchant' })).status).toBe(403);
    }
  });

  test('a promoter opens no cell of another', async () => {
    const { body } = await ask('/v1/statistics/rows', { ...WHOLE, measure: 'clicks', limit: 200 }, { key: 'bob' });
    expect(new Set(body.data.map((row) => row['promoter_id']))).toEqual(new Set(['bob']));
  });
});

describe('pages', () => {
  test('have whole groups, and the time of the first one', async () => {
    const query = { group_by: 'link', time_zone: 'Asia/Kathmandu', limit: 2 };
    const first = (await ask('/v1/statistics', query)).body;
    const buckets = new Set(first.data.map((row) => row['bucket'])).size;
    expect(first.data).toHaveLength(2 * buckets);
    const second = (await ask('/v1/statistics', { ...query, cursor: first.next_cursor! })).body;
    expect([second.query['from'], second.query['to']]).toEqual([first.query['from'], first.query['to']]);
    const [links, others] = [first, second].map(({ data }) => new Set(data.map((row) => `${row['link_code']} ${row['currency']}`)));
    expect([...others!].filter((name) => links!.has(name))).toEqual([]);
    expect(second.totals).toEqual(first.totals);
  });

  test('are refused where the cursor is of another list', async () => {
    const { next_cursor: cursor } = (await statistics({ group_by: 'link', limit: 1 })).body;
    const { status, body } = await statistics({ group_by: 'promoter', limit: 1, cursor: cursor! });
    expect([status, body.code]).toEqual([400, 'invalid_cursor']);
  });
});

const cellOf = (row: Row, column: string): string => {
  const [, other, field = ''] = /^(compared_)?(.+)$/.exec(column)!;
  const from = other === undefined ? row : (row.compared ?? {});
  const value = from[field] ?? null;
  if (value === null) return '';
  const isAmount = /^(commission_|earnings_|paid_amount|refunded_amount)/.test(field);
  return isAmount ? decimalOf(BigInt(value), String(row['currency'])) : String(value);
};

const table = (text: string) =>
  text
    .replace('\uFEFF', '')
    .trimEnd()
    .split('\r\n')
    .map((line) => line.split(',').map((cell) => cell.replaceAll('"', '')));

describe('as a table', () => {
  test('it has the rows and totals of all pages, amounts as decimals', async () => {
    const query = { group_by: 'promoter,merchant', compare: 'previous', bucket: 'week', measures: MEASURES.join(',') };
    const json = (await statistics({ ...query, limit: 200 })).body;
    const answer = await ask<string>('/v1/statistics', { ...WHOLE, ...query, limit: 2 }, { accept: 'text/csv' });
    expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8');
    const [head, ...lines] = table(answer.body);
    const expected = [
      ...json.data.map((row) => head!.map((column) => (column === 'record' ? 'row' : cellOf(row, column)))),
      ...json.totals.map((row) => head!.map((column) => (column === 'record' ? 'total' : cellOf(row, column)))),
    ];
    expect(json.data.length).toBeGreaterThan(20);
    expect(lines).toEqual(expected);
  });

  test('so are the rows behind a figure, with their sum', async () => {
    const query = { ...WHOLE, measure: 'paid_amount', currency: 'CNY', limit: 200 };
    const json = (await ask('/v1/statistics/rows', query)).body;
    const [, ...lines] = table((await ask<string>('/v1/statistics/rows', query, { accept: 'text/csv' })).body);
    expect(lines.map((line) => [line[0], line[5], line[12]])).toEqual([
      ...json.data.map((row) => ['row', row['order_id'], decimalOf(BigInt(row['value']!), 'CNY')]),
      ['total', '', decimalOf(BigInt(sumOf(json.data, 'value')), 'CNY')],
    ]);
  });

  test('what is refused is refused in JSON, and whoever takes both gets JSON', async () => {
    const refused = await ask('/v1/statistics', { bucket: 'minute', ...WHOLE }, { accept: 'text/csv' });
    expect([refused.status, refused.body.code]).toEqual([422, 'range_too_long']);
    const both = await ask('/v1/statistics', WHOLE, { accept: 'text/csv, application/json' });
    expect(both.body.data.length).toBeGreaterThan(0);
  });
});
