// A merchant, a double of WeChat Pay and a clock, as the tests of this provider need them.

import type { Bill, Payment, ProviderAccess } from '../../../../src/payouts/providers/provider.ts';
import { freeze } from '../../../../src/payouts/providers/wechat-pay/request.ts';
import { wechatPay } from '../../../../src/payouts/providers/wechat-pay/wechat-pay.ts';
import { startWechatPayDouble, type WechatPayDouble } from './double.ts';

export const OPENID = 'o-MYE42l80oelYMDE34nYD456Xoy';
const NOTICE_URL = 'https://pay.example.com/payout-notices/wechat';
const START = new Date('2026-06-01T00:00:00.500Z');

export interface Stage {
  double: WechatPayDouble;
  access: ProviderAccess;
  /** Moves the clock of everybody. */
  later: (ms: number) => void;
  now: () => Date;
  close: () => Promise<void>;
}

/** The times of signatures are those of a clock that only tests move. */
export async function stage({ noticesTo }: { noticesTo?: string } = {}): Promise<Stage> {
  let at = START.getTime();
  const now = (): Date => new Date(at);
  const double = await startWechatPayDouble({ wall: now, ...(noticesTo === undefined ? {} : { noticesTo }) });
  return {
    double,
    now,
    later: (ms) => {
      at += ms;
      double.advance(0);
    },
    access: {
      providerId: 'wechat',
      secrets: double.secrets,
      options: wechatPay.options.parse(double.options),
      fetch,
      baseUrl: double.url,
      now,
    },
    close: () => double.close(),
  };
}

let numbers = 0;

export const paymentOf = (given: Partial<Payment> = {}): Payment => ({
  payoutId: '0199a0b1-0000-7000-8000-000000000001',
  billNo: `FY${String(numbers++).padStart(30, '0')}`,
  amount: 88_800n,
  currency: 'CNY',
  payee: { promoterId: 'bob', name: '张三', account: { openid: OPENID } },
  noticeUrl: NOTICE_URL,
  ...given,
});

export function billOf(access: ProviderAccess, given: Partial<Payment> = {}): Bill {
  const payment = paymentOf(given);
  const { billNo, amount, currency } = payment;
  return { billNo, amount, currency, request: freeze(payment, access) };
}
