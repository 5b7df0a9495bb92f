// What a provider says of a bill becomes what the payout is: by an answer to a call or by a notice,
// in any order, however often.

import { isOpen } from '../../core/payouts/payout.ts';
import type { Payout } from '../payout.ts';
import type { BillAnswer } from '../providers/provider.ts';
import { settle, type Settling, type Told } from '../settling.ts';
import { keepAction, noteRefusal, putOff, type KeptBill } from './bill-store.ts';

interface Applying extends Settling {
  /** When to look at the payout again, where it goes on. */
  nextLook: Date | null;
  /**
   * For so long after the last sending a provider may still say "not found" of a bill that it is
   * making.
   */
  believeAfterMs: number;
}

/**
 * Applies an answer to a payout that this transaction has locked. An answer that comes after the
 * end changes nothing, but that a bank may return what it has paid. True where the bytes have to be
 * sent again, because the provider provably knows no such bill and has refused none.
 */
export async function applyAnswer(applying: Applying, payout: Payout, bill: KeptBill, answer: BillAnswer): Promise<{ sendAgain: boolean }> {
  const { trx, nextLook } = applying;
  if (answer.state === 'returned') await bringBack(applying, payout, answer);
  else if (!isOpen(payout.state) || payout.state === 'disputed') await putOff(trx, payout.payoutId, null);
  else if (answer.state === 'paid' || answer.state === 'failed' || answer.state === 'cancelled') {
    await settle(applying, payout, endOf(answer));
  } else if (answer.state === 'not_found') return notFound(applying, payout, bill);
  else return goOn(applying, payout, bill, { answer, nextLook });
  return { sendAgain: false };
}

function endOf(answer: BillAnswer & { state: 'paid' | 'failed' | 'cancelled' }): Told {
  if (answer.state === 'paid') return { state: 'paid', reference: answer.reference, at: answer.at };
  return { state: answer.state, reference: answer.reference, reason: answer.reason };
}

async function bringBack(applying: Applying, payout: Payout, { reference, reason }: BillAnswer & { state: 'returned' }): Promise<void> {
  let standing = payout;
  if (isOpen(payout.state) && payout.state !== 'disputed') {
    // What came back had arrived: the books tell both.
    await settle(applying, payout, { state: 'paid', reference });
    standing = { ...payout, state: 'paid' };
  }
  if (standing.state === 'paid') await settle(applying, standing, { state: 'returned', reference, reason });
}

/**
 * Only two proven words together end a bill that nobody knows: that it was refused, and that it is
 * not there, the second long enough after the last sending.
 */
async function notFound(applying: Applying, payout: Payout, bill: KeptBill): Promise<{ sendAgain: boolean }> {
  const { trx, now, believeAfterMs } = applying;
  if (bill.refusal === null) return { sendAgain: true };
  const waited = now.getTime() - (bill.sentAt ?? bill.madeAt).getTime();
  if (waited < believeAfterMs) {
    await putOff(trx, payout.payoutId, new Date(now.getTime() + believeAfterMs - waited));
    return { sendAgain: false };
  }
  await settle(applying, payout, { state: 'failed', reason: bill.refusal });
  return { sendAgain: false };
}

type Unended = Exclude<BillAnswer, { state: 'paid' | 'failed' | 'cancelled' | 'returned' | 'not_found' }>;

/**
 * The payout goes on: what is known of it is kept, and it is looked at again. What the payee must
 * do is told by a sending alone: where it is not known the same bytes bring it back.
 */
async function goOn(
  applying: Applying,
  payout: Payout,
  bill: KeptBill,
  { answer, nextLook }: { answer: Unended; nextLook: Date | null },
): Promise<{ sendAgain: boolean }> {
  const { trx } = applying;
  if (answer.state === 'refused') await noteRefusal(trx, bill, answer.reason);
  else if (bill.refusal !== null && answer.state !== 'unknown') await noteRefusal(trx, bill, null);
  const told = toldBy(answer, nextLook);
  if (told.state === payout.state && (payout.hasAction || told.action == null)) await putOff(trx, payout.payoutId, nextLook);
  else if (told.state === payout.state) await keepAction(trx, payout.payoutId, told.action!, nextLook);
  else await settle(applying, payout, told);
  return { sendAgain: answer.state === 'action_required' && answer.payload === null && !payout.hasAction };
}

function toldBy(answer: Unended, dueAt: Date | null): Told {
  if (answer.state === 'accepted') return { state: 'sent', reference: answer.reference, dueAt };
  if (answer.state === 'differs') return { state: 'disputed', reason: answer.reason, dueAt: null };
  if (answer.state === 'refused' || answer.state === 'unknown') return { state: 'unknown', reason: answer.reason, dueAt };
  const { payload, expiresAt, reference } = answer;
  const action = payload === null ? null : { payload, expires_at: expiresAt?.toISOString() ?? null };
  return { state: 'action_required', reference, action, dueAt };
}
