// Compares a campaign with what was sold: no limit exceeded by a fen, every boost what its line
// wants as far as it was granted, and the sums those that the campaign tells.

import type { Finding } from '../journal.ts';
import type { Finance } from '../payouts/finance.ts';
import { LIMITS, MERCHANT, wantedOf, type Sold } from './story.ts';

interface Judged {
  finance: Pick<Finance, 'must'>;
  campaignId: string;
  sold: readonly Sold[];
}

interface Boost {
  wanted: number;
  granted: number;
  amount: number;
}

/** Everything that is not as it must be. */
export async function judgeCampaign({ finance, campaignId, sold }: Judged): Promise<Finding[]> {
  const findings: Finding[] = [];
  const wrong = (text: string): void => void findings.push({ column: 'wrong', text });
  const sums = { total: 0, days: new Map<string, number>(), promoters: new Map<string, number>() };
  let boosted = 0;
  for (const one of sold) {
    const { lines } = await finance.must('GET', `/v1/orders/rest/${one.orderId}?merchant_id=${MERCHANT}`);
    const [line] = lines as { boost?: Boost; pool: number; shares: { role: string; promoter_id: string; amount: number }[] }[];
    const boost = line?.boost ?? { wanted: 0, granted: 0, amount: 0 };
    const wanted = wantedOf(one);
    const shared = (line?.shares ?? []).filter(({ role }) => role === 'boost').reduce((sum, { amount }) => sum + amount, 0);
    if (boost.amount !== shared) wrong(`${one.orderId}: its boost is ${boost.amount}, and its shares are ${shared}`);
    if (boost.amount > Math.min(boost.granted, wanted)) {
      wrong(`${one.orderId} has ${boost.amount} of ${boost.granted}, and wants ${wanted}`);
    }
    if (!one.isCancelled && line?.boost === undefined) wrong(`${one.orderId} was not looked at for its campaign`);
    if (line?.boost !== undefined && boost.wanted !== wanted) wrong(`${one.orderId} wants ${wanted}, and is told to want ${boost.wanted}`);
    sums.total += boost.amount;
    sums.days.set(one.day, (sums.days.get(one.day) ?? 0) + boost.amount);
    sums.promoters.set(one.promoterId, (sums.promoters.get(one.promoterId) ?? 0) + boost.amount);
    if (boost.amount > 0) boosted += 1;
  }
  if (sums.total > LIMITS.total) wrong(`${sums.total} of ${LIMITS.total} are spent`);
  for (const [day, spent] of sums.days) if (spent > LIMITS.per_day) wrong(`${spent} of ${LIMITS.per_day} are spent for ${day}`);
  for (const [who, spent] of sums.promoters) if (spent > LIMITS.per_promoter) wrong(`${who} has ${spent} of ${LIMITS.per_promoter}`);
  const told = await finance.must('GET', `/v1/campaigns/${campaignId}`);
  if (told.spent !== sums.total || told.orders !== boosted || told.left !== LIMITS.total - sums.total) {
    wrong(`${campaignId} tells ${told.spent} spent of ${told.orders} orders, and lines have ${sums.total} in ${boosted}`);
  }
  return findings;
}
