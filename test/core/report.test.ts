// The canonical report: what is accepted, what is refused and where, and how it is read.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { canonicalReport } from '../../src/core/report.ts';
import { buyerOf, NO_EVIDENCE, readAs } from './reading.ts';

const receivedAt = new Date('2026-06-01T10:06:00.000Z');

const full = {
  merchant_id: 'm1',
  order_id: '3705115058471208928',
  source_id: null,
  status: 'paid',
  void: false,
  currency: 'CNY',
  observed_at: '2026-06-01T10:05:30Z',
  created_at: '2026-06-01T18:05:00.123456+08:00',
  deposit_paid_at: null,
  paid_at: '2026-06-01T10:05:20Z',
  completed_at: null,
  settled_at: null,
  buyer: { openid: 'o1' },
  click_token: null,
  link_code: null,
  coupon_codes: [],
  promoter_id: null,
  talent_id: null,
  scene: null,
  parent: null,
  lines: [{ line_id: '1', product_id: 'p1', category: 'baby', quantity: 1, paid_amount: 9999, platform_commission: null }],
  refunds: [{ refund_id: 'r1', line_id: '1', amount: 3000, status: 'succeeded', refunded_at: '2026-06-03T00:00:00Z' }],
};

const MORE = ['hold_until', 'test', 'sample', 'whole', 'disputes'];
const ids = { merchant_id: 'm1', order_id: '1' };

const line = (fields: object) => ({ lines: [{ line_id: '1' }, { line_id: '2', ...fields }] });
const refund = (fields: object) => ({ refunds: [{ refund_id: '1', ...fields }] });
const many = (count: number, key: string) => Array.from({ length: count }, (_, index) => ({ [key]: index }));

function faults(input: unknown): string[] {
  const { error } = canonicalReport.safeParse(input);
  return (error?.issues ?? []).map((issue) => issue.path.join('.'));
}

function readFrom(fields: object) {
  return readAs(canonicalReport.parse({ ...ids, ...fields }), { receivedAt });
}

describe('what a report may say', () => {
  test('a full report is read with times in milliseconds and nulls where nothing is said', () => {
    expect(readAs(canonicalReport.parse(full), { receivedAt, identities: ['hash-of-o1'] })).toEqual({
      merchantId: 'm1',
      orderId: '3705115058471208928',
      sourceId: null,
      status: 'paid',
      void: false,
      currency: 'CNY',
      observedAt: Date.UTC(2026, 5, 1, 10, 5, 30),
      createdAt: Date.UTC(2026, 5, 1, 10, 5, 0, 123),
      depositPaidAt: null,
      paidAt: Date.UTC(2026, 5, 1, 10, 5, 20),
      completedAt: null,
      settledAt: null,
      holdUntil: null,
      test: null,
      sample: null,
      whole: [],
      identities: ['hash-of-o1'],
      evidence: NO_EVIDENCE,
      parent: null,
      lines: [
        {
          lineId: '1',
          productId: 'p1',
          category: 'baby',
          quantity: 1,
          paidAmount: 9999,
          platformCommission: null,
          completedAt: null,
          settledAt: null,
          holdUntil: null,
          notCommissionable: null,
          evidence: NO_EVIDENCE,
        },
      ],
      refunds: [{ refundId: 'r1', lineId: '1', amount: 3000, status: 'succeeded', reason: null, refundedAt: Date.UTC(2026, 5, 3) }],
      disputes: [],
    });
  });

  test('an absent field and a null field say the same: nothing', () => {
    const nulls = Object.fromEntries(Object.keys(full).map((key) => [key, null]));
    expect(readFrom({ ...nulls, ...ids })).toEqual(readFrom({}));
  });

  test('a report without observed_at was observed when it was received', () => {
    expect(readFrom({}).observedAt).toBe(receivedAt.getTime());
  });

  test('ids may be whole numbers and are read as their decimal text', () => {
    const report = readFrom({
      order_id: 9007199254740991,
      lines: [{ line_id: 7, product_id: 0 }],
      refunds: [{ refund_id: 8, line_id: 7 }],
    });
    expect(report.orderId).toBe('9007199254740991');
    expect(report.lines[0]).toMatchObject({ lineId: '7', productId: '0' });
    expect(report.refunds[0]).toMatchObject({ refundId: '8', lineId: '7' });
  });

  test('an empty token, code, category or identity says nothing and refuses no order', () => {
    const report = readFrom({
      click_token: '',
      link_code: '',
      coupon_codes: ['', 'A'],
      scene: '',
      lines: [{ line_id: '1', category: '' }],
    });
    expect(report).toMatchObject({ evidence: { ...NO_EVIDENCE, couponCodes: ['A'] }, lines: [{ category: null }] });
    const parsed = canonicalReport.parse({ ...ids, buyer: { openid: 'o1', phone: '', email: null, customer_id: 42 } });
    expect(buyerOf(parsed)).toEqual({ openid: 'o1', customer_id: '42' });
  });

  test('a void keeps its reason, line breaks and all, and false is a statement too', () => {
    expect(readFrom({ void: { reason: 'cancelled:\nout of stock' } }).void).toEqual({ reason: 'cancelled:\nout of stock' });
    expect(readFrom({ void: false }).void).toBe(false);
    expect(readFrom({}).void).toBeNull();
  });

  test('no line and no order is of more than ten million million minor units', () => {
    const lines = (...amounts: number[]) => ({
      ...ids,
      lines: amounts.map((paid_amount, index) => ({ line_id: `${index}`, paid_amount })),
    });
    expect(faults(lines(10 ** 13))).toEqual([]);
    expect(faults(lines(10 ** 13 + 1))).toContain('lines.0.paid_amount');
    expect(faults(lines(10 ** 13, 1))).toEqual(['lines']);
    expect(faults({ ...ids, refunds: [{ refund_id: 'r', amount: 2 ** 53 - 1 }] })).toEqual(['refunds.0.amount']);
    expect(faults({ ...ids, lines: [{ line_id: '1', platform_commission: 10 ** 13 + 1 }] })).toEqual(['lines.0.platform_commission']);
  });

  test('a quantity fits where it is kept', () => {
    expect(faults({ ...ids, lines: [{ line_id: '1', quantity: 2 ** 31 - 1 }] })).toEqual([]);
    expect(faults({ ...ids, lines: [{ line_id: '1', quantity: 2 ** 31 }] })).toEqual(['lines.0.quantity']);
  });

  test('a time further ahead of the receipt than clocks may differ is read as the receipt', () => {
    const observedMax = new Date(receivedAt.getTime() + 300_000);
    for (const [seconds, read] of [
      [-60, -60],
      [300, 300],
      [301, 0],
    ] as const) {
      const parsed = canonicalReport.parse({ ...ids, observed_at: new Date(receivedAt.getTime() + seconds * 1000).toISOString() });
      expect(readAs(parsed, { receivedAt, observedMax }).observedAt - receivedAt.getTime()).toBe(read * 1000);
    }
  });

  test('a report that says nothing of its time counts as what the door stamps it with', () => {
    const untimedAt = new Date(receivedAt.getTime() - 1);
    expect(readAs(canonicalReport.parse(ids), { receivedAt, untimedAt }).observedAt).toBe(untimedAt.getTime());
  });

  test('as many lines, refunds, coupon codes and identities as the limits say are accepted', () => {
    expect(
      faults({
        ...ids,
        lines: many(1000, 'line_id'),
        refunds: many(1000, 'refund_id'),
        coupon_codes: Array.from({ length: 50 }, (_, index) => `C${index}`),
        buyer: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`type-${index}`, 'value'])),
      }),
    ).toEqual([]);
  });
});

describe('what is refused, with its path', () => {
  test.each<[string, object, string]>([
    ['an empty order id', { order_id: '' }, 'order_id'],
    ['an order id of 129 characters', { order_id: 'x'.repeat(129) }, 'order_id'],
    ['an order id with a control character', { order_id: 'a\u0000b' }, 'order_id'],
    ['an order id that is half a character', { order_id: '\ud800' }, 'order_id'],
    ['an order id that is no text', { order_id: 1.5 }, 'order_id'],
    ['an order id beyond exact numbers', { order_id: 2 ** 53 }, 'order_id'],
    ['an unknown status', { status: 'shipped' }, 'status'],
    ['a void without a reason', { void: true }, 'void'],
    ['a currency in lower case', { currency: 'cny' }, 'currency'],
    ['an unknown currency', { currency: 'XQZ' }, 'currency'],
    ['a time without its offset', { observed_at: '2026-06-01T10:05:30' }, 'observed_at'],
    ['a day that does not exist', { paid_at: '2026-02-30T00:00:00Z' }, 'paid_at'],
    ['a time in seconds', { paid_at: 1780000000 }, 'paid_at'],
    ['a time before 2000', { paid_at: '1999-12-31T23:59:59Z' }, 'paid_at'],
    ['a time after 2100', { paid_at: '2101-01-01T00:00:00Z' }, 'paid_at'],
    ['a negative amount', line({ paid_amount: -5 }), 'lines.1.paid_amount'],
    ['a fractional amount', line({ paid_amount: 1.5 }), 'lines.1.paid_amount'],
    ['an amount as text', line({ paid_amount: '100' }), 'lines.1.paid_amount'],
    ['a negative commission of the platform', line({ platform_commission: -1 }), 'lines.1.platform_commission'],
    ['a negative quantity', line({ quantity: -1 }), 'lines.1.quantity'],
    ['half a piece', line({ quantity: 0.5 }), 'lines.1.quantity'],
    ['a negative refund', refund({ amount: -1 }), 'refunds.0.amount'],
    ['an unknown status of a refund', refund({ status: 'done' }), 'refunds.0.status'],
    ['a line without its id', { lines: [{}] }, 'lines.0.line_id'],
    ['a refund without its id', { refunds: [{}] }, 'refunds.0.refund_id'],
    ['a line told twice', { lines: [{ line_id: '1' }, { line_id: '2' }, { line_id: 1 }] }, 'lines.2.line_id'],
    ['a refund told twice', { refunds: [{ refund_id: 'r' }, { refund_id: 'r' }] }, 'refunds.1.refund_id'],
    ['more than 1000 lines', { lines: many(1001, 'line_id') }, 'lines'],
    ['more than 1000 refunds', { refunds: many(1001, 'refund_id') }, 'refunds'],
    ['more than 50 coupon codes', { coupon_codes: Array.from({ length: 51 }, (_, index) => `${index}`) }, 'coupon_codes'],
    ['more than 20 identities', { buyer: Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`t${index}`, 'v'])) }, 'buyer'],
    ['an endless identity', { buyer: { openid: 'x'.repeat(513) } }, 'buyer.openid'],
    ['an identity without a type', { buyer: { '': 'x' } }, 'buyer.'],
    ['a parent of an unknown kind', { parent: { order_id: '2', kind: 'copy' } }, 'parent.kind'],
  ])('%s', (_name, fields, path) => {
    expect(faults({ ...ids, ...fields })).toEqual([path]);
  });

  test('a report without its order', () => {
    expect(faults({ merchant_id: 'm1' })).toEqual(['order_id']);
    expect(faults({ order_id: '1' })).toEqual(['merchant_id']);
  });

  test.each<[object, string, string]>([
    [{ total: 5 }, '', 'total'],
    [{ lines: [{ line_id: '1', price: 5 }] }, 'lines.0', 'price'],
    [{ refunds: [{ refund_id: '1', note: 'x' }] }, 'refunds.0', 'note'],
    [{ parent: { order_id: '1', kind: 'gift', giver: 'x' } }, 'parent', 'giver'],
  ])('an unknown key %j', (fields, path, key) => {
    const issue = canonicalReport.safeParse({ ...ids, ...fields }).error?.issues[0];
    expect(issue?.path.join('.')).toBe(path);
    expect(issue).toMatchObject({ code: 'unrecognized_keys', keys: [key] });
  });
});

test('the schema is representable as JSON schema, closed, with only the ids required', () => {
  const schema = z.toJSONSchema(canonicalReport, { io: 'input' });
  expect(schema).toMatchObject({ type: 'object', required: ['merchant_id', 'order_id'], additionalProperties: false });
  expect(Object.keys(schema.properties ?? {}).toSorted()).toEqual([...Object.keys(full), ...MORE].toSorted());
});
