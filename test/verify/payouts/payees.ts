// What happens outside of the service while payouts are under way: payees confirm, or never do;
// notices come early, late, twice and lying; and people decide what is disputed by looking at the
// provider's own list.

import type { Client } from 'pg';

import type { NoticeFault } from '../../payouts/providers/wechat-pay/double-notices.ts';
import { NOTICE_FAULTS } from '../../payouts/providers/wechat-pay/double-notices.ts';
import type { TransferBill } from '../../payouts/providers/wechat-pay/double-books.ts';
import type { WechatPayDouble } from '../../payouts/providers/wechat-pay/double.ts';
import type { Random } from '../random.ts';
import { PROVIDER, type Finance } from './finance.ts';

/** What a payee does with each of its payments. */
const HABITS = ['confirms', 'confirms', 'confirms', 'late', 'never', 'frozen'] as const;
/** What the first notice of a payment that failed says besides: that another one was paid. */
const LIES = ['other_amount', 'other_openid', 'other_merchant'] as const;
/** How often a late one is asked before it confirms. */
const LATE_LOOKS = 6;
/** Closing a bill that was cancelled takes the provider a minute. */
const MINUTE_MS = 60_000;
const BEYOND_CONFIRMATION_MS = 26 * 3_600_000;
const NOTICE_FAULT_CHANCE = 0.4;

interface OpenBill {
  payout_id: string;
  promoter_id: string;
  bill_no: string;
  openid: string;
  state: string;
}

const OPEN_BILLS = `
  select payout_id, payout.promoter_id, bill_no, payout.state, convert_from(body, 'UTF8')::jsonb ->> 'openid' as openid
  from payout_bill join payout using (payout_id) where payout_bill.provider_id = $1 and end_state is null`;

export interface Outside {
  /** Everybody does the next thing. */
  step: () => Promise<void>;
  /** So much time goes by at the provider that what nobody confirmed lapses. */
  lapse: () => void;
}

/**
 * The world of one trial. Reads open bills past the API: a payee knows its own, the provider all.
 */
export function openOutside(finance: Finance, double: WechatPayDouble, client: Client, random: Random): Outside {
  const habits = new Map<string, (typeof HABITS)[number]>();
  const looks = new Map<string, number>();
  let lies = 0;

  async function act({ bill_no: billNo, openid }: OpenBill): Promise<void> {
    // One at least is frozen, so that it is lied about.
    const habit = habits.get(billNo) ?? (habits.size === 0 ? 'frozen' : random.pick(HABITS));
    habits.set(billNo, habit);
    const looked = (looks.get(billNo) ?? 0) + 1;
    if (double.bill(billNo) === undefined) return;
    looks.set(billNo, looked);
    if (habit === 'never' || (habit === 'late' && looked < LATE_LOOKS)) return;
    double.confirm(billNo, openid);
    if (habit === 'frozen') await fail(billNo);
    else double.settle(billNo);
  }

  /** The payment fails, and a notice of it lies at once, before anybody has asked. */
  async function fail(billNo: string): Promise<void> {
    if (double.bill(billNo)?.state === 'FAIL') return;
    await double.deliver();
    if (!double.settle(billNo, 'ACCOUNT_FROZEN')) return;
    double.failNotice(LIES[lies % LIES.length]!);
    lies += 1;
    await double.deliver();
  }

  return {
    async step() {
      const { rows } = await client.query<OpenBill>(OPEN_BILLS, [PROVIDER]);
      for (const row of rows) {
        await act(row);
        if (row.state === 'disputed') await decide(finance, row.payout_id, double.bill(row.bill_no));
      }
      double.advance(MINUTE_MS);
      if (random.chance(NOTICE_FAULT_CHANCE)) double.failNotice(random.pick<NoticeFault>(NOTICE_FAULTS));
      if (random.chance(0.5)) await double.deliver();
    },
    lapse: () => double.advance(BEYOND_CONFIRMATION_MS),
  };
}

/** Two persons say what the provider's list says, once that is final. */
async function decide({ must, zhang, li }: Finance, payoutId: string, bill: TransferBill | undefined): Promise<void> {
  const isPaid = bill?.state === 'SUCCESS';
  if (!isPaid && !(bill?.state === 'FAIL' || bill?.state === 'CANCELLED')) return;
  const result = isPaid ? { state: 'paid', reference: bill.transfer_bill_no } : { state: 'failed', reason: bill.fail_reason ?? bill.state };
  await must('POST', `/v1/payouts/${payoutId}/results`, result, zhang);
  await must('POST', `/v1/payouts/${payoutId}/results/confirmation`, undefined, li);
}
