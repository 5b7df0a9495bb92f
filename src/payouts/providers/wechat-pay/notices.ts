// What WeChat tells by itself when a bill has ended (MCHTRANSFER.BILL.FINISHED): proven by its
// signature over the raw bytes, opened with the APIv3 key, compared with what was frozen.
// (pay.weixin.qq.com/doc/v3/merchant/4012712115)

import { z } from 'zod';

import { parseJson } from '../../../platform/http/json.ts';
import type { Bill, ProviderAccess, RawNotice, ReadNotice } from '../provider.ts';
import { oneOf } from '../../../sources/signing.ts';
import { compared, queryAnswer } from './bills.ts';
import { sentOf } from './request.ts';
import { apiV3KeysOf, openContent, verifySaid } from './signing.ts';

const NOTICE_BYTES_MAX = 64 * 1024;

const envelope = z.object({
  id: z.string().min(1).max(128),
  event_type: z.string(),
  resource: z.object({
    algorithm: z.literal('AEAD_AES_256_GCM'),
    ciphertext: z.string(),
    associated_data: z.string().nullish(),
    nonce: z.string(),
  }),
});

const no = (reason: string, isProbe = false): ReadNotice => ({ proven: false, reason, isProbe });

/**
 * Reads a notice. Nothing of it is looked at before its signature; what is not of a bill's end, or
 * opens with none of the keys, is not proven either, so that WeChat sends it again.
 */
export function readNotice({ headers, body }: RawNotice, access: ProviderAccess): ReadNotice {
  if (body.length > NOTICE_BYTES_MAX) return no(`the notice has more than ${NOTICE_BYTES_MAX} bytes`);
  try {
    const verified = verifySaid({ header: (name) => oneOf(headers, name), body }, access.secrets, access.now());
    if (!verified.ok) return no(verified.reason, verified.isProbe);
    const notice = envelope.safeParse(parseJson(body));
    if (!notice.success) return no('the notice has not the shape of one');
    const { id, event_type, resource } = notice.data;
    if (event_type !== 'MCHTRANSFER.BILL.FINISHED') return no(`the notice is of ${event_type.slice(0, 64)}`);
    const { nonce, associated_data, ciphertext } = resource;
    const content = openContent({ nonce, associatedData: associated_data ?? '', ciphertext }, apiV3KeysOf(access.secrets));
    if (content === null) return no('no APIv3 key opens the notice');
    const one = queryAnswer.safeParse(parseJson(content));
    if (!one.success) return no('the content of the notice has not the shape of a bill');
    return { proven: true, noticeId: id, billNo: one.data.out_bill_no, answerFor: (bill) => answerFor(one.data, bill) };
  } catch {
    // The words of an error may quote what was sealed.
    return no('the notice, or a key that it wants, cannot be read');
  }
}

function answerFor(one: z.output<typeof queryAnswer>, bill: Bill) {
  const sent = sentOf(bill);
  if (sent === null) return { state: 'unknown' as const, reason: 'the frozen request is not of this bill' };
  if (one.out_bill_no !== bill.billNo) return { state: 'unknown' as const, reason: 'the notice is of another bill' };
  return compared(one, sent);
}

/** 204 is the answer without words to a notice that is kept; any other one brings it again. */
export function noticeAnswer(kept: boolean): { status: number; body: string } {
  return kept ? { status: 204, body: '' } : { status: 500, body: '{"code":"FAIL","message":"not kept"}' };
}
