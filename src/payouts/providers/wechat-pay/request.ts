// The request that pays one person, and what it says when it is read again: an answer is compared
// with these bytes, and never with what the payout says by then.

import { z } from 'zod';

import { parseJson, stringifyJson } from '../../../platform/http/json.ts';
import type { Bill, FrozenRequest, Payment, ProviderAccess } from '../provider.ts';
import { settingsOf } from './settings.ts';
import { sealingSerialOf, sealName, wechatKeyOf } from './signing.ts';

/** From this amount on, in fen, the real name is required, and is checked by WeChat. */
export const NAME_FROM = 200_000n;
export const BILL_NUMBER_LENGTH = 32;
const BILL_NUMBER = /^[A-Za-z0-9]{1,32}$/;
const NOTICE_URL_LENGTH_MAX = 256;

/**
 * Kept beside the bytes and not sent by this name: who pays. Under another merchant number WeChat
 * truthfully knows no such bill.
 */
const PAYER = 'mchid';
/** Kept and not sent: no bill of these bytes is older. */
const FROZEN_AT = 'date';
/** Kept and sent: the key that the name was sealed with. */
const SEALED_WITH = 'wechatpay-serial';

/**
 * The body of `transfer-bills` (pay.weixin.qq.com/doc/v3/merchant/4012716434). Sealing a name gives
 * other bytes each time, and WeChat compares what comes again under a number: so it is done once.
 * Throws where the payment cannot be one of WeChat's, which its terms have said before.
 */
export function freeze(payment: Payment, access: ProviderAccess): FrozenRequest {
  const settings = settingsOf(access.options);
  const { openid } = payment.payee.account;
  if (payment.currency !== 'CNY') throw new Error(`WeChat Pay pays CNY, and not ${payment.currency}`);
  if (!BILL_NUMBER.test(payment.billNo)) throw new Error('the number of a bill has letters and digits only, 32 at most');
  if (payment.amount <= 0n) throw new Error('nothing is to be paid');
  if (openid === undefined || openid === '') throw new Error('the payee has no openid');
  const sealed = payment.amount < NAME_FROM ? null : sealedName(payment.payee.name, access);
  const noticeUrl = settings.notify_url ?? payment.noticeUrl;
  const body = stringifyJson({
    appid: settings.appid,
    out_bill_no: payment.billNo,
    transfer_scene_id: settings.transfer_scene_id,
    openid,
    ...(sealed === null ? {} : { user_name: sealed.name }),
    transfer_amount: payment.amount,
    transfer_remark: settings.transfer_remark,
    ...(isNoticeUrl(noticeUrl) ? { notify_url: noticeUrl } : {}),
    ...(settings.user_recv_perception === undefined ? {} : { user_recv_perception: settings.user_recv_perception }),
    transfer_scene_report_infos: settings.transfer_scene_report_infos,
  });
  return {
    body: Buffer.from(body),
    headers: {
      [PAYER]: settings.mch_id,
      [FROZEN_AT]: access.now().toUTCString(),
      ...(sealed === null ? {} : { [SEALED_WITH]: sealed.serial }),
    },
  };
}

function sealedName(name: string, { secrets }: ProviderAccess): { name: string; serial: string } {
  if (name.trim() === '') throw new Error(`from ${NAME_FROM} fen on the real name of the payee must be known`);
  const serial = sealingSerialOf(secrets);
  const key = serial === null ? null : wechatKeyOf(secrets, serial);
  if (serial === null || key === null) throw new Error('there is no key of WeChat to seal the name with');
  return { name: sealName(name, key.key), serial };
}

/**
 * WeChat tells its end only to an https address without a query. Anything else it refuses, and the
 * payment with it: then we ask instead.
 */
export function isNoticeUrl(url: string | null): url is string {
  if (url === null || url.length > NOTICE_URL_LENGTH_MAX || !URL.canParse(url)) return false;
  const { protocol, search, hash } = new URL(url);
  return protocol === 'https:' && search === '' && hash === '' && !url.endsWith('?');
}

const sentBody = z.object({
  appid: z.string(),
  out_bill_no: z.string(),
  openid: z.string(),
  transfer_amount: z.int().positive(),
});

/** What a frozen request says of itself. */
export interface Sent {
  appid: string;
  openid: string;
  amount: bigint;
  mchId: string;
  frozenAt: Date;
  sealedWith: string | null;
}

/** The request of a bill as it was frozen, or null when these are not the bytes of this bill. */
export function sentOf({ billNo, amount, currency, request }: Bill): Sent | null {
  let value: unknown;
  try {
    value = parseJson(request.body);
  } catch {
    // Bytes that are no JSON are not the bytes of any bill.
    return null;
  }
  const body = sentBody.safeParse(value);
  const { [PAYER]: mchId, [FROZEN_AT]: date = '', [SEALED_WITH]: sealedWith = null } = request.headers;
  const frozenAt = new Date(date);
  if (!body.success || mchId === undefined || Number.isNaN(frozenAt.getTime())) return null;
  const { appid, out_bill_no, openid, transfer_amount } = body.data;
  if (out_bill_no !== billNo || BigInt(transfer_amount) !== amount || currency !== 'CNY') return null;
  return { appid, openid, amount, mchId, frozenAt, sealedWith };
}
