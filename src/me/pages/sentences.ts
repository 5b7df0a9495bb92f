// Why an order earns what it earns, and when that is paid, in sentences.

import type { components } from '../../../client/api.ts';
import { wordOf, type Say } from '../words/words.ts';
import type { Visit } from './frame.ts';
import type { Figures } from './figures.ts';

type Order = components['schemas']['Order'];
type Balance = components['schemas']['Balance'];
type Explained = components['schemas']['Explanation']['lines'][number];
type Evidence = Explained['evidence'][number];
type Step = Explained['arithmetic'][number];

type Telling = Pick<Visit, 'promoterId' | 'say' | 'figures'>;

/** What the promoter has of an order, in its minor units; a line of others gives nothing. */
export function earningsOf({ totals }: Order, promoterId: string): number {
  return totals.filter((total) => total.promoter_id === promoterId).reduce((sum, { amount }) => sum + amount, 0);
}

/** When an order is paid: what has still to happen, and the payout that then has it. */
export function whenSentences(order: Order, balances: readonly Balance[], { say, figures }: Telling): string[] {
  const { award, releases_at: releasesAt, released_at: releasedAt } = order;
  if (award === 'none') return [];
  if (award === 'void') return [say('when_void')];
  const next = balances.find(({ currency }) => currency === order.currency)?.next_payout_at;
  const paid = next === undefined ? say('when_asked') : say('when_paid', { date: figures.day(next) });
  if (award === 'estimated') return [say('when_estimated')];
  if (award === 'released') return releasedAt === null ? [paid] : [say('when_released', { date: figures.time(releasedAt) }), paid];
  if (releasesAt === null) return [say('when_confirmed_open')];
  return [say('when_confirmed', { date: figures.time(releasesAt) }), ...(next === undefined ? [paid] : [])];
}

/** Why the promoter has a part in an order, each reason once; or why nobody has. */
export function whySentences(order: Order, { promoterId, say }: Telling): string[] {
  const reasons = order.lines.flatMap(({ shares, evidence, decision, promoter_id: winner }) => {
    const own = shares.filter((share) => share.promoter_id === promoterId);
    if (own.length === 0) {
      if (decision !== 'attributed') return [say(`decision_${decision}`)];
      return winner === promoterId && evidence !== null ? [say('why_promoter', { evidence: say(`by_${evidence}`) })] : [];
    }
    return own.map(({ role, level = 1 }) => {
      if (role !== 'promoter') return say(wordOf(`why_${role}`), { level });
      return evidence === null ? say('decision_attributed') : say('why_promoter', { evidence: say(`by_${evidence}`) });
    });
  });
  return [...new Set(reasons)];
}

/** What a piece of evidence said, and why it did not count where it did not. */
export function evidenceSentence({ kind, promoter_id: whose, won, reason }: Evidence, { promoterId, say }: Telling): string {
  const of = whose === null ? 'of_nobody' : whose === promoterId ? 'of_you' : 'of_another';
  const what = say(of, { kind: say(`kind_${kind}`) });
  return won || reason === null ? say('evidence_won', { what }) : say('evidence_lost', { what, reason: say(`lost_${reason}`) });
}

/** One step of the reckoning. Amounts are of `currency`. */
export function stepSentence(step: Step, currency: string, say: Say, { money, percent }: Figures): string {
  const amount = (units: number | string) => money(units, currency);
  switch (step.step) {
    case 'base':
      return say('step_base', { paid: amount(step.paid), refunded: amount(step.refunded), base: amount(step.base) });
    case 'pool':
      return say('step_pool', { rate: percent(step.rate_ppm), pool: amount(step.pool) });
    case 'cap_per_order':
      return say('step_cap_per_order', { cap: amount(step.cap), pool: amount(step.pool) });
    case 'winner':
      return say('step_winner', { weight: percent(step.weight_ppm), part: amount(step.part) });
    case 'share':
      return say('step_share', { amount: amount(step.amount) });
    case 'absent':
      return say('step_absent', { net: amount(step.net) });
    case 'uncharged':
      return say('step_uncharged', { amount: amount(step.amount) });
    case 'boost':
      return say('step_boost', { campaign: step.campaign_id, amount: amount(step.amount) });
    default:
      return say('step_boost_part', { amount: amount(step.amount) });
  }
}
