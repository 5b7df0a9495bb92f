// Compares the books with the provider's own journal: each payout at most once, paid here exactly
// where it was paid there, and nobody's money more or less than was earned.

import type { Client } from 'pg';

import type { Paid } from '../../payouts/providers/wechat-pay/double-books.ts';
import type { Finding } from '../journal.ts';
import { PROVIDER, type Finance, type Payee } from './finance.ts';

interface KeptPayout {
  payout_id: string;
  state: string;
  net: number;
  promoter_id: string;
  bills: string[] | null;
}

const PAYOUTS = `
  select payout_id, state, (gross - coalesce(withheld, 0))::int as net, promoter_id,
    (select array_agg(bill_no order by sequence) from payout_bill where payout_bill.payout_id = payout.payout_id) as bills
  from payout where provider_id = $1`;
const ENDED = new Set(['paid', 'failed', 'cancelled', 'returned', 'dropped']);

interface Judged {
  finance: Finance;
  client: Client;
  journal: readonly Paid[];
  payees: readonly Payee[];
}

/** Everything that is not as the journal and the orders say. */
export async function judgePayouts(judged: Judged): Promise<Finding[]> {
  const { rows } = await judged.client.query<KeptPayout>(PAYOUTS, [PROVIDER]);
  const byBill = new Map(rows.flatMap((payout) => (payout.bills ?? []).map((billNo) => [billNo, payout] as const)));
  return [
    ...judgeJournal(judged, byBill),
    ...rows.flatMap((payout) => judgePayout(payout, judged.journal)),
    ...(await judgeBalances(judged)),
  ];
}

/** Every payment that the provider made is one that we know, of that amount and to that payee. */
function judgeJournal({ journal, payees }: Judged, byBill: ReadonlyMap<string, KeptPayout>): Finding[] {
  const openids = new Map(payees.map(({ promoterId, openid }) => [promoterId, openid]));
  const counts = new Map<string, number>();
  return journal.flatMap(({ out_bill_no: billNo, amount, openid }): Finding[] => {
    const payout = byBill.get(billNo);
    if (payout === undefined) return [{ column: 'wrong', text: `${amount} was paid to ${openid} under ${billNo}, which we never made` }];
    const { payout_id: payoutId, net, state, promoter_id: promoterId } = payout;
    const count = (counts.get(payoutId) ?? 0) + 1;
    counts.set(payoutId, count);
    const found: Finding[] = [];
    if (count > 1) found.push({ column: 'doubled', text: `the payout ${payoutId} was paid ${count} times` });
    if (amount !== net) found.push({ column: 'wrong', text: `of the payout ${payoutId} ${amount} was paid, and its net is ${net}` });
    if (openid !== openids.get(promoterId)) found.push({ column: 'wrong', text: `the payout ${payoutId} was paid to ${openid}` });
    if (state !== 'paid') found.push({ column: 'wrong', text: `the payout ${payoutId} was paid, and the books say ${state}` });
    return found;
  });
}

function judgePayout({ payout_id: payoutId, state, bills }: KeptPayout, journal: readonly Paid[]): Finding[] {
  if (!ENDED.has(state)) return [{ column: 'lost', text: `the payout ${payoutId} is still ${state} when all is quiet` }];
  const isPaid = journal.some(({ out_bill_no: billNo }) => bills?.includes(billNo));
  return state === 'paid' && !isPaid ? [{ column: 'wrong', text: `the books say that the payout ${payoutId} is paid; it was not` }] : [];
}

/** A promoter has what its orders earned, wherever it lies, and got what the journal says. */
async function judgeBalances({ finance, journal, payees }: Judged): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { promoterId, openid, earned } of payees) {
    const { data } = await finance.must('GET', `/v1/promoters/${promoterId}/balance`);
    const { pending = 0, available = 0, paying = 0, withheld = 0, paid = 0 } = data[0] ?? {};
    const got = journal.filter((one) => one.openid === openid).reduce((sum, { amount }) => sum + amount, 0);
    if (got > earned) findings.push({ column: 'doubled', text: `${promoterId} earned ${earned} and got ${got}` });
    const [is, should] = [JSON.stringify([pending + available + paying + withheld + paid, paid, paying]), JSON.stringify([earned, got, 0])];
    if (is !== should) {
      findings.push({ column: 'wrong', text: `${promoterId}: all, paid and paying should be ${should}, and the books say ${is}` });
    }
  }
  return findings;
}
