// What a promoter would be paid of a product now, and what of that will change: by the rules, the
// split and the parties that an award would take.

import { isDeepStrictEqual } from 'node:util';

import type { Evidence } from '../../core/attribution.ts';
import type { OrderLine } from '../../core/order.ts';
import type { Plan } from '../../core/plan.ts';
import { defaultPolicy } from '../../core/policy.ts';
import { candidatesFor, periodsFor, type RuleContext, type RuleVersion } from '../../core/rule.ts';
import { lowerNet } from '../../core/rules/promoter-net.ts';
import { splitOrder, type Winner } from '../../core/split.ts';
import { pinWinners, toWinner } from '../award/pin.ts';
import { NOTHING_KNOWN } from '../facts/evidence.ts';
import { inForce, tierAt, type Facts } from '../facts/facts.ts';
import { namedAccounts } from '../rules/rule-cache.ts';

/** What a part of a price is told of. */
const PPM_WHOLE = 1_000_000n;

/** A product as it would stand on the line of an order. */
interface ShareQuestion {
  merchantId: string;
  productId: string;
  category: string | null;
  price: bigint | null;
  currency: string;
}

/** What a line of this product and promoter looks for its rule with, without any campaign. */
export function contextOf(facts: Facts, promoterId: string, { merchantId, productId, category }: ShareQuestion, now: Date): RuleContext {
  const at = now.getTime();
  const tier = tierAt(facts, { merchantId, promoterId, at });
  const agencyId = inForce(facts.promoters.get(promoterId), at)?.agencyId ?? null;
  return { merchantId, productId, promoterId, category, tier, agencyId, campaignId: null };
}

/** The rules that apply, the one that counts first. */
export const rulesFor = (facts: Facts, context: RuleContext, now: Date): RuleVersion[] => candidatesFor(facts.rules, context, now);

/**
 * The promoter as the winner of such a line, with its chain, its agency and whom the rule names as
 * they are now: of a link that was not shared again, and with nobody's live room around it.
 */
export function winnerOf(facts: Facts, promoterId: string, rule: RuleVersion, now: Date): Winner {
  const at = now.getTime();
  const evidence: Evidence = { ...NOTHING_KNOWN, kind: 'link_code', reference: '', at, chainAt: at, promoterId, fault: null };
  const context = { line: LINE, attributionAt: at, policy: defaultPolicy, facts, named: namedAccounts(rule.plan.split) };
  return toWinner(pinWinners([{ evidence, weight: 1n }], context)[0]!);
}

const LINE: OrderLine = {
  lineId: '1',
  productId: null,
  category: null,
  quantity: 1,
  isGone: false,
  paidAmount: 0n,
  platformCommission: null,
  completedAt: null,
  settledAt: null,
  holdUntil: null,
  isHeld: false,
  notCommissionable: null,
  talentId: null,
  scene: null,
};

/** What the promoter gets. */
export interface MyShare {
  /** Minor units of one unit at its price; null where nobody has said the price or the base. */
  amount: bigint | null;
  /** Of the base, without fixed amounts and caps. */
  ratePpm: number;
}

/** The promoter's share of one unit, alone in its order, whatever it is paid as. */
export function shareOf(rule: RuleVersion, winner: Winner, { price, currency }: Pick<ShareQuestion, 'price' | 'currency'>): MyShare {
  const isKnown = price !== null && rule.plan.base === 'paid_amount';
  const ofRate: Plan = { ...rule.plan, base: 'paid_amount', fixed_per_unit: 0, cap_per_line: null, cap_per_order: null };
  return {
    amount: isKnown ? paidTo(winner, rule, { paidAmount: price, currency }) : null,
    ratePpm: Number(paidTo(winner, { ...rule, plan: ofRate }, { paidAmount: PPM_WHOLE, currency })),
  };
}

function paidTo(winner: Winner, rule: RuleVersion, { paidAmount, currency }: { paidAmount: bigint; currency: string }): bigint {
  const line = { lineId: '1', paidAmount, quantity: 1, platformCommission: null, rule, winners: [winner], barred: null };
  const [split] = splitOrder({ currency, lines: [line], refunds: [] });
  let amount = 0n;
  for (const share of split!.shares) if (share.promoterId === winner.promoterId) amount += share.amount;
  return amount;
}

/** A rule that will pay otherwise; null: none will apply. */
interface Coming {
  rule: RuleVersion | null;
  from: Date;
}

/** The rules that are to apply after now, the next first: those whose plan is another one. */
export function comingRules(facts: Facts, context: RuleContext, now: Date): Coming[] {
  const periods = periodsFor(facts.rules, context);
  const appliesAt = (time: number) => periods.find(({ from, until }) => from <= time && time < until)?.rule ?? null;
  const times = new Set(periods.flatMap(({ from, until }) => [from, until]).filter((time) => time > now.getTime() && time < Infinity));
  let before = appliesAt(now.getTime());
  const coming: Coming[] = [];
  for (const time of [...times].toSorted((a, b) => a - b)) {
    const rule = appliesAt(time);
    if (!isDeepStrictEqual(rule?.plan, before?.plan)) coming.push({ rule, from: new Date(time) });
    before = rule;
  }
  return coming;
}

/**
 * Until when the promoter can count on earning no less by the rules: until one that pays less is to
 * apply, and no longer than its merchant's notice; null where there is no notice.
 */
export function lockedUntil(rule: RuleVersion, coming: readonly Coming[], notice: Date | null): Date | null {
  if (notice === null) return null;
  const lowering = coming.find(({ rule: next, from }) => from < notice && lowerNet(rule.plan, next?.plan ?? null) !== null);
  return lowering?.from ?? notice;
}
