// WeChat Pay 商家转账, in the mode in which the payee confirms each payment within a day. The batch
// product 商家转账到零钱 takes no new merchants: a batch of payouts is as many bills of their own.
// (pay.weixin.qq.com/doc/v3/merchant/4012711988)

import { z } from 'zod';

import { oneOrMoreSecrets } from '../../../sources/signing.ts';
import type { ProviderKind } from '../provider.ts';
import { ask, cancel, QUERY_DAYS, send } from './bills.ts';
import { noticeAnswer, readNotice } from './notices.ts';
import { BILL_NUMBER_LENGTH, freeze, NAME_FROM } from './request.ts';
import { settings, settingsOf } from './settings.ts';
import { secretProblems } from './signing.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/**
 * WeChat allows 100 creates and 100 queries in a second, and 20 cancellations; some are left for
 * whatever else the merchant runs.
 */
const CALLS_PER_SECOND = 80;

/**
 * `merchant_private_key`: of the merchant's certificate. `api_v3_key`: opens notices; a list while
 * it is being changed. Each of WeChat's keys by its own name, several at once while they change: a
 * public key by its id (`PUB_KEY_ID_…`), a platform certificate by its serial in capitals.
 */
const secrets = z.record(z.string(), oneOrMoreSecrets).superRefine((given, context) => {
  for (const { name, message } of secretProblems(given)) context.addIssue({ code: 'custom', path: [name], message });
});

export const wechatPay: ProviderKind = {
  kind: 'wechat-pay',
  secrets,
  options: settings,
  account: z.strictObject({
    openid: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/)
      .meta({ description: 'Of the appid that pays.' }),
  }),
  channel: { freeze, send, ask, cancel, readNotice, noticeAnswer, callsPerSecond: CALLS_PER_SECOND },
  terms(options) {
    const { minimum, maximum } = settingsOf(options);
    return {
      currencies: ['CNY'],
      minimum: BigInt(minimum),
      maximum: maximum === null ? null : BigInt(maximum),
      nameFrom: NAME_FROM,
      billNumber: { alphabet: ALPHABET, length: BILL_NUMBER_LENGTH },
      queryDays: QUERY_DAYS,
      payeeActs: true,
      cancellable: true,
    };
  },
};
