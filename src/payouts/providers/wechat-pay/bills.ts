// One bill of 商家转账: sent, asked for, cancelled, and what each answer proves. The status and the
// code of an answer are of that call and not of the bill; only a signed state ends a bill.
// (pay.weixin.qq.com/doc/v3/merchant/4012716434, 4012716437, 4012716458)

import { z } from 'zod';

import { parseJson } from '../../../platform/http/json.ts';
import type { Bill, BillAnswer, ProviderAccess } from '../provider.ts';
import { call, type Call } from './api.ts';
import { sentOf, type Sent } from './request.ts';
import { settingsOf } from './settings.ts';

const BILLS = '/v3/fund-app/mch-transfer/transfer-bills';
const EMPTY = Buffer.alloc(0);
const DAY_MS = 24 * 3_600_000;
/** So long the payee may confirm; then WeChat closes the bill, some time later. */
const CONFIRM_MS = DAY_MS;
/** WeChat forgets after so many days whom it has paid, and then says "not found" of it. */
export const QUERY_DAYS = 30;
/** The last day is not trusted: neither clock says when exactly the bill was made. */
const TRUSTED_MS = (QUERY_DAYS - 1) * DAY_MS;

/**
 * The codes by which a create says, under 400 or 403, that this call has made no bill. Every other
 * answer is unknown:
 * - `ALREADY_EXISTS`: there is a bill of this number, with the same content or another one.
 * - `NOT_ENOUGH`: to be sent again under the same number after a top-up, says WeChat; it may be
 *   kept.
 * - 429, `FREQUENCY_…`, `RATELIMIT_EXCEEDED`: not taken now; the same bytes go again later.
 * - `SYSTEM_ERROR`: the end is not known, whatever the status beside it.
 * - `SIGN_ERROR`: says that our key is not good, and nothing of the bill. The same bytes go again.
 * - A code that nobody has documented: WeChat asks never to change the number for it.
 */
const REFUSING = new Set(['PARAM_ERROR', 'INVALID_REQUEST', 'NO_AUTH']);

/**
 * WeChat also says `INVALID_REQUEST` of a number that exists with other content, and tells it apart
 * in words only. Words are no contract: they are read here towards doubt alone, and a bill that
 * exists is found when it is asked for in any case.
 */
const EXISTS = /单号已存在/;

const WORD_LENGTH_MAX = 4096;
const REASON_LENGTH_MAX = 500;

/** A text that informs; of another type it is not worth losing what stands beside it. */
const word = z.string().min(1).max(WORD_LENGTH_MAX).nullish().catch(null);

const createAnswer = z.object({
  out_bill_no: z.string(),
  transfer_bill_no: word,
  state: z.string(),
  create_time: word,
  update_time: word,
  fail_reason: word,
  package_info: word,
});

/** What a query and a notice say; amounts are whole numbers of fen. */
export const queryAnswer = createAnswer.extend({
  mch_id: z.string(),
  appid: z.string().nullish(),
  transfer_amount: z.int(),
  openid: z.string().nullish(),
});

const refusal = z.object({ code: z.string(), message: z.string().catch('') });

/**
 * Sends the frozen bytes, the first time or again: WeChat takes a number once. A state that comes
 * back is that of the bill, whichever of our calls has made it.
 */
export async function send(bill: Bill, access: ProviderAccess): Promise<BillAnswer> {
  const asked = await askWeChat(bill, access, { method: 'POST', path: BILLS, body: bill.request.body });
  if ('reason' in asked) return unknown(asked.reason);
  const { sent, status, body } = asked;
  if (status === 200) {
    const one = read(createAnswer, body);
    if (one === null || one.out_bill_no !== bill.billNo) return unknown('WeChat answered 200 without the state of this bill');
    return answerOf(one, sent);
  }
  const { code, message } = refusalOf(body);
  const reason = `${code}: ${message}`;
  if ((status !== 400 && status !== 403) || !REFUSING.has(code) || EXISTS.test(message)) {
    return unknown(`WeChat answered ${status} ${reason}`);
  }
  return refused(reason);
}

/**
 * Asks by our number. `not_found` only while WeChat would still know the bill; it may say the same
 * of a create that it is working on, so that a caller believes it some minutes after its last call
 * only. `action_required` comes without its payload, which only a create tells: the one that was
 * kept stays good, and the same bytes sent again bring it again.
 */
export async function ask(bill: Bill, access: ProviderAccess): Promise<BillAnswer> {
  const asked = await askWeChat(bill, access, { method: 'GET', path: pathOf(bill), body: EMPTY });
  if ('reason' in asked) return unknown(asked.reason);
  const { sent, status, body } = asked;
  if (status === 200) {
    const one = read(queryAnswer, body);
    if (one === null || one.out_bill_no !== bill.billNo) return unknown('WeChat answered 200 without this bill');
    return compared(one, sent);
  }
  const { code, message } = refusalOf(body);
  if (status !== 404 || code !== 'NOT_FOUND') return unknown(`WeChat answered ${status} ${code}: ${message}`);
  const age = access.now().getTime() - sent.frozenAt.getTime();
  if (age >= TRUSTED_MS) return unknown(`WeChat knows bills of ${QUERY_DAYS} days, and this one may be older`);
  return { state: 'not_found' };
}

/**
 * Asks to cancel, which is possible until the payee has confirmed. An answer of 200 says that the
 * wish was taken, also where its state is CANCELLED already: WeChat wants the end to be asked for.
 */
export async function cancel(bill: Bill, access: ProviderAccess): Promise<BillAnswer> {
  const asked = await askWeChat(bill, access, { method: 'POST', path: `${pathOf(bill)}/cancel`, body: EMPTY });
  if ('reason' in asked) return unknown(asked.reason);
  const { status, body } = asked;
  if (status === 200) {
    const one = read(createAnswer, body);
    if (one === null || one.out_bill_no !== bill.billNo) return unknown('WeChat answered 200 without the state of this bill');
    return { state: 'accepted', reference: one.transfer_bill_no ?? null };
  }
  const { code, message } = refusalOf(body);
  const reason = `${code}: ${message}`;
  return status === 400 && REFUSING.has(code) ? refused(reason) : unknown(`WeChat answered ${status} ${reason}`);
}

/** What a signed query or notice says of the bill, if it is of what was frozen. */
export function compared(one: z.output<typeof queryAnswer>, sent: Sent): BillAnswer {
  const other = [
    one.mch_id !== sent.mchId ? 'merchant number' : null,
    one.appid && one.appid !== sent.appid ? 'appid' : null,
    BigInt(one.transfer_amount) !== sent.amount ? 'amount' : null,
    // WeChat leaves it out where it cannot tell.
    one.openid && one.openid !== sent.openid ? 'openid' : null,
  ].filter((name) => name !== null);
  if (other.length > 0) return { state: 'differs', reason: `the bill has another ${other.join(', ')}` };
  return answerOf(one, sent);
}

function answerOf(one: z.output<typeof createAnswer>, sent: Sent): BillAnswer {
  const reference = one.transfer_bill_no ?? null;
  switch (one.state) {
    case 'SUCCESS':
      return { state: 'paid', reference, at: timeOf(one.update_time) };
    case 'FAIL':
      return { state: 'failed', reference, reason: (one.fail_reason ?? 'FAIL').slice(0, REASON_LENGTH_MAX) };
    case 'CANCELLED':
      return { state: 'cancelled', reference, reason: one.fail_reason ?? null };
    case 'WAIT_USER_CONFIRM':
      return actionOf(one, sent, reference);
    // Money is being locked (or lacks, until a top-up), or is on its way; a cancellation is.
    case 'ACCEPTED':
    case 'PROCESSING':
    case 'TRANSFERING': // WeChat spells it so
    case 'CANCELING':
      return { state: 'accepted', reference };
    default:
      return unknown(`WeChat says ${one.state} of the bill, which is not known here`);
  }
}

/**
 * What the page needs that asks the payee: `wx.requestMerchantTransfer({mchId, appId, package})`.
 */
function actionOf(one: z.output<typeof createAnswer>, { mchId, appid }: Sent, reference: string | null): BillAnswer {
  const since = timeOf(one.create_time);
  return {
    state: 'action_required',
    reference,
    payload: one.package_info == null ? null : { mch_id: mchId, appid, package_info: one.package_info },
    expiresAt: since === null ? null : new Date(since.getTime() + CONFIRM_MS),
  };
}

const unknown = (reason: string): BillAnswer => ({ state: 'unknown', reason: reason.slice(0, REASON_LENGTH_MAX) });

const refused = (reason: string): BillAnswer => ({ state: 'refused', reason: reason.slice(0, REASON_LENGTH_MAX) });

const pathOf = ({ billNo }: Bill): string => `${BILLS}/out-bill-no/${encodeURIComponent(billNo)}`;

type Asked = { sent: Sent; status: number; body: Buffer } | { reason: string };

/**
 * Calls for a bill under the merchant number that froze it. A provider that has been given another
 * number since then knows no such bill, and would say so truthfully.
 */
async function askWeChat(bill: Bill, access: ProviderAccess, question: Pick<Call, 'method' | 'path' | 'body'>): Promise<Asked> {
  const sent = sentOf(bill);
  if (sent === null) return { reason: 'the frozen request is not of this bill' };
  const settings = settingsOf(access.options);
  if (settings.mch_id !== sent.mchId) return { reason: `the bill is of merchant number ${sent.mchId}, which is no longer this provider’s` };
  const { sealedWith } = sent;
  const answered = await call(
    {
      ...question,
      mchId: sent.mchId,
      merchantSerialNo: settings.merchant_serial_no,
      sealedWith: question.body.length === 0 ? null : sealedWith,
    },
    access,
  );
  return answered.proven ? { sent, status: answered.status, body: answered.body } : { reason: answered.reason };
}

function read<Shape extends z.ZodType>(shape: Shape, body: Buffer): z.output<Shape> | null {
  try {
    return shape.safeParse(parseJson(body)).data ?? null;
  } catch {
    // It is no JSON that we read, and so says nothing.
    return null;
  }
}

const refusalOf = (body: Buffer): z.output<typeof refusal> => read(refusal, body) ?? { code: 'no code', message: '' };

function timeOf(text: string | null | undefined): Date | null {
  const time = new Date(text ?? '');
  return Number.isNaN(time.getTime()) ? null : time;
}
