// The notices of the double of WeChat Pay: of every bill that has ended, sent until they are kept,
// signed with either key by turns, and on demand in every way that has been seen to go wrong.

import { randomUUID } from 'node:crypto';

import { chinese, type TransferBill } from './double-books.ts';
import {
  CERTIFICATE_SERIAL,
  PUBLIC_KEY_ID,
  sealedResource,
  SIGNATURE_FAULTS,
  signedHeaders,
  type SignatureFault,
} from './double-signing.ts';

/**
 * After one that lies, or that was not kept, the true notice waits on, as WeChat sends it again.
 */
export const NOTICE_FAULTS = [
  'twice',
  'held',
  'other_amount',
  'other_openid',
  'other_merchant',
  'unknown_number',
  ...SIGNATURE_FAULTS,
] as const;
export type NoticeFault = (typeof NOTICE_FAULTS)[number];

interface Notice {
  id: string;
  url: string;
  content: Record<string, unknown>;
}

/** Each says that something was paid, which is another thing than what it is told of. */
const LIES: Readonly<Record<string, (content: Notice['content']) => object>> = {
  other_amount: ({ transfer_amount }) => ({ transfer_amount: Number(transfer_amount) + 1, state: 'SUCCESS' }),
  other_openid: () => ({ openid: 'o-SomebodyElse', state: 'SUCCESS' }),
  other_merchant: () => ({ mch_id: '1900000001', state: 'SUCCESS' }),
  unknown_number: () => ({ out_bill_no: 'NobodyKnowsThisNumber' }),
};

const isSignatureFault = (fault: string | null): fault is SignatureFault => SIGNATURE_FAULTS.includes(fault as SignatureFault);

export function openNotices({ wall, noticesTo, mchId }: { wall: () => Date; noticesTo: string | (() => string) | null; mchId: string }) {
  let waiting: Notice[] = [];
  const faults: NoticeFault[] = [];
  let sent = 0;

  function push({ notify_url: url, ...bill }: TransferBill): void {
    if (url === null) return;
    const { out_bill_no, transfer_bill_no, state, transfer_amount, openid, fail_reason, createdAt, updatedAt } = bill;
    const times = { create_time: chinese(createdAt), update_time: chinese(updatedAt) };
    const reason = fail_reason === null ? {} : { fail_reason };
    const content = { out_bill_no, transfer_bill_no, state, mch_id: mchId, transfer_amount, openid, ...reason, ...times };
    waiting.push({ id: randomUUID(), url, content });
  }

  async function send({ id, url, content }: Notice, fault: NoticeFault | null): Promise<boolean> {
    const said = { ...content, ...LIES[fault ?? '']?.(content) };
    const body = Buffer.from(
      JSON.stringify({
        id,
        create_time: chinese(wall().getTime()),
        resource_type: 'encrypt-resource',
        event_type: 'MCHTRANSFER.BILL.FINISHED',
        summary: '商家转账单据终态通知',
        resource: sealedResource(said),
      }),
    );
    const serial = sent++ % 2 === 0 ? PUBLIC_KEY_ID : CERTIFICATE_SERIAL;
    const headers = signedHeaders(body, { at: wall(), serial, fault: isSignatureFault(fault) ? fault : null });
    try {
      const to = typeof noticesTo === 'function' ? noticesTo() : (noticesTo ?? url);
      const answer = await fetch(to, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
      await answer.arrayBuffer();
      return answer.status === 200 || answer.status === 204;
    } catch {
      // Nobody is there: it is sent again later.
      return false;
    }
  }

  /**
   * Sends all that wait, each once, with the faults that were given for it in this order; those not
   * kept wait on, the held ones, too.
   */
  async function deliver(): Promise<number> {
    const now = waiting;
    waiting = [];
    for (const notice of now) {
      const fault = faults.shift() ?? null;
      if (fault === 'held') {
        waiting.push(notice);
        continue;
      }
      const kept = (await Promise.all(fault === 'twice' ? [send(notice, null), send(notice, null)] : [send(notice, fault)])).every(Boolean);
      if (!kept || LIES[fault ?? ''] !== undefined) waiting.push(notice);
    }
    faults.length = 0;
    return waiting.length;
  }

  return { push, deliver, fail: (...kinds: NoticeFault[]) => void faults.push(...kinds) };
}

export type Notices = ReturnType<typeof openNotices>;
