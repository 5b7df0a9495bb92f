// The bytes that pay somebody: made once, and read again as they are.

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Payment } from '../../../../src/payouts/providers/provider.ts';
import { freeze, isNoticeUrl, sentOf } from '../../../../src/payouts/providers/wechat-pay/request.ts';
import { CERTIFICATE_SERIAL, openedName, PUBLIC_KEY_ID } from './double-signing.ts';
import { billOf, OPENID, paymentOf, stage, type Stage } from './stage.ts';

let one: Stage;
beforeAll(async () => {
  one = await stage();
});
afterAll(() => one.close());

const fieldsOf = (body: Buffer) => JSON.parse(body.toString()) as Record<string, unknown>;

test('a name is sealed from 200000 fen on, and below it is not told', () => {
  const below = freeze(paymentOf({ amount: 199_999n }), one.access);
  expect(fieldsOf(below.body)).not.toHaveProperty('user_name');
  expect(below.headers).not.toHaveProperty('wechatpay-serial');
  const from = freeze(paymentOf({ amount: 200_000n }), one.access);
  expect(from.headers['wechatpay-serial']).toBe(PUBLIC_KEY_ID);
  expect(openedName(String(fieldsOf(from.body)['user_name']), PUBLIC_KEY_ID)).toBe('张三');
  expect(from.body.toString()).not.toContain('张三');
});

test('a merchant that has a certificate only seals the name with that', () => {
  const { [PUBLIC_KEY_ID]: _, ...secrets } = one.double.secrets;
  const frozen = freeze(paymentOf({ amount: 200_000n }), { ...one.access, secrets });
  expect(frozen.headers['wechatpay-serial']).toBe(CERTIFICATE_SERIAL);
  expect(openedName(String(fieldsOf(frozen.body)['user_name']), CERTIFICATE_SERIAL)).toBe('张三');
});

test('WeChat is told where to tell the end only if it would go there', () => {
  const noticeUrl = 'http://localhost:8080/payout-notices/wechat';
  expect(fieldsOf(freeze(paymentOf({ noticeUrl }), one.access).body)).not.toHaveProperty('notify_url');
  const options = { ...one.access.options, notify_url: 'https://elsewhere.example/notices' };
  expect(fieldsOf(freeze(paymentOf({ noticeUrl }), { ...one.access, options }).body)['notify_url']).toBe(
    'https://elsewhere.example/notices',
  );
  expect(
    [null, 'https://a.example/x?', 'https://a.example/x#y', 'no address', `https://a.example/${'x'.repeat(256)}`].filter(isNoticeUrl),
  ).toEqual([]);
});

test('what cannot be a payment of WeChat is not frozen', () => {
  const badly: Partial<Payment>[] = [
    { currency: 'USD' },
    { amount: 0n },
    { billNo: 'with-hyphens' },
    { amount: 200_000n, payee: { promoterId: 'bob', name: ' ', account: { openid: OPENID } } },
    { payee: { promoterId: 'bob', name: '张三', account: {} } },
  ];
  for (const given of badly) expect(() => freeze(paymentOf(given), one.access)).toThrow();
});

test('a frozen request says whom it pays, who pays and since when', () => {
  const bill = billOf(one.access);
  expect(sentOf(bill)).toMatchObject({ openid: OPENID, amount: 88_800n, mchId: '1900001109' });
  expect(sentOf(bill)!.frozenAt.getTime()).toBe(Math.floor(one.now().getTime() / 1000) * 1000);
});

test('bytes of another bill, or of none, are not read as those of this one', () => {
  const bill = billOf(one.access);
  const badly = [
    { ...bill, billNo: 'another' },
    { ...bill, amount: 88_801n },
    { ...bill, currency: 'JPY' },
    { ...bill, request: { ...bill.request, body: Buffer.from('{"out_bill_no":') } },
    { ...bill, request: { ...bill.request, headers: {} } },
  ];
  expect(badly.map(sentOf)).toEqual([null, null, null, null, null]);
});
