// What a decision holds on to: the winners with all that was read of them, so that it stays as it
// is while the world changes.
import { weightsPpm, windowDays, type Credit, type Evidence } from '../../core/attribution.ts';
import type { OrderLine } from '../../core/order.ts';
import type { Policy } from '../../core/policy.ts';
import type { Parties } from '../../core/party.ts';
import type { Combination } from '../../core/programs/boost.ts';
import type { Winner } from '../../core/split.ts';
import { inForce, isPresent, type Facts } from '../facts/facts.ts';

/**
 * A winner with all that the decision read of it: what is pinned is read again, not the world as it
 * has become.
 */
export interface PinnedWinner {
  promoter_id: string;
  weight_ppm: number;
  /**
   * A part of the sum of the winners' weights, exactly; of earlier decisions it is `weight_ppm`.
   */
  weight?: number;
  evidence: Evidence['kind'];
  reference: string;
  link_code: string | null;
  click_id: string | null;
  campaign_id: string | null;
  clicked_at: string;
  /** The days in which this evidence counts; null where it carries no window. */
  window_days: number | null;
  /** The referral chain above the winner, level 1 first, as it was at `chain_at`. */
  chain: string[];
  chain_at: string;
  agency_id: string | null;
  talent_id: string | null;
  talent_agency_id: string | null;
  /** Those of the parties who could not be paid at the attribution time. */
  absent: string[];
}

/**
 * The first three are what was read of the order itself: once its reports say otherwise, the line
 * is decided anew.
 */
export interface Pin {
  attribution_at: string;
  product_id: string | null;
  /** The line's own, which goes before its product's. */
  category: string | null;
  /** Its product's, as it was read; absent in decisions of before. */
  product_category?: string | null;
  merchant_version: number;
  /** The click at which the rule was in force, where the merchant's rate lock kept it. */
  rule_at?: string;
  clock_skew_seconds: number;
  winners: PinnedWinner[];
  /** What a campaign pays beside the rule; absent where none wanted to when it was decided. */
  boost?: PinnedBoost;
  /** The re-rating that chose the rule, and the rule that the line had before it. */
  re_rating?: PinnedReRating;
}

interface PinnedReRating {
  re_rating_id: string;
  former_rule_id: string;
  former_version: number;
}

/** A boost as it was asked for, and what stands of it. Amounts are minor units. */
export interface PinnedBoost {
  campaign_id: string;
  version: number;
  currency: string;
  /** One of both. */
  rate_ppm?: number;
  fixed_per_unit?: number;
  combine: Combination;
  /** Of the attribution time, where the merchant is. */
  day: string;
  /** In the order of the winners. */
  parts: PinnedPart[];
}

/**
 * The part of one winner: `granted` once and for all, `wanted` as the line was decided last,
 * `amount` is what the budget has given for it now.
 */
export interface PinnedPart {
  promoter_id: string;
  wanted: number;
  granted: number;
  amount: number;
}

/** Whether the order still says what the pinned decision read of it. */
export function readsTheSame(pin: Pin, line: OrderLine, attributionAt: number): boolean {
  return pin.attribution_at === toText(attributionAt) && pin.product_id === line.productId && pin.category === line.category;
}

/** Whether the same evidence credits the same promoters in the same parts. */
export function sameWinners(pin: Pin, credits: readonly Credit[], line: OrderLine): boolean {
  if (credits.length !== pin.winners.length) return false;
  const ppm = weightsPpm(credits);
  return credits.every(({ evidence, weight }, index) => {
    const winner = pin.winners[index]!;
    return (
      evidence.promoterId === winner.promoter_id &&
      evidence.kind === winner.evidence &&
      evidence.reference === winner.reference &&
      evidence.linkCode === winner.link_code &&
      toText(evidence.at) === winner.clicked_at &&
      toText(evidence.chainAt) === winner.chain_at &&
      talentOf(evidence, line) === winner.talent_id &&
      (winner.weight === undefined ? ppm[index] === winner.weight_ppm : Number(weight) === winner.weight)
    );
  });
}

interface PinContext {
  line: OrderLine;
  attributionAt: number;
  policy: Policy;
  facts: Facts;
  /** The promoters whom the rule names itself. */
  named: readonly string[];
}

/** The credited promoters, each with the chain above and the parties around, as of their times. */
export function pinWinners(credits: readonly Credit[], context: PinContext): PinnedWinner[] {
  const ppm = weightsPpm(credits);
  return credits.map((credit, index) => pinWinner(credit, ppm[index]!, context));
}

function pinWinner(
  { evidence, weight }: Credit,
  weightPpm: number,
  { line, attributionAt, policy, facts, named }: PinContext,
): PinnedWinner {
  const promoterId = evidence.promoterId!;
  const chain = chainAbove(evidence, facts);
  const agencyOf = (id: string | null) => (id === null ? null : (inForce(facts.promoters.get(id), attributionAt)?.agencyId ?? null));
  const agencyId = agencyOf(promoterId);
  const talentId = talentOf(evidence, line);
  const talentAgencyId = agencyOf(talentId);
  const parties = [...chain, agencyId, talentId, talentAgencyId, ...named].filter((id) => id !== null);
  return {
    promoter_id: promoterId,
    weight_ppm: weightPpm,
    weight: Number(weight),
    evidence: evidence.kind,
    reference: evidence.reference,
    link_code: evidence.linkCode,
    click_id: evidence.clickId,
    campaign_id: evidence.campaignId,
    clicked_at: toText(evidence.at),
    window_days: windowDays(evidence, policy),
    chain,
    chain_at: toText(evidence.chainAt),
    agency_id: agencyId,
    talent_id: talentId,
    talent_agency_id: talentAgencyId,
    absent: [...new Set(parties.filter((id) => !isPresent(facts, id, attributionAt)))],
  };
}

/**
 * The talent of the live room or content: the evidence's own, else whom the line or its order
 * names.
 */
function talentOf(evidence: Evidence, line: OrderLine): string | null {
  return evidence.talentId ?? line.talentId;
}

/**
 * The chain above a winner: who shared the link it was re-shared from, and so on, then who invited
 * the last of them, and so on. Nobody stands in it twice, and it is as long as chains may be paid.
 */
function chainAbove({ promoterId, linkCode, chainAt }: Evidence, facts: Facts): string[] {
  const sharers = linkCode === null ? [] : (facts.links.get(linkCode)?.sharers ?? []);
  const chain = sharers.filter((id) => id !== promoterId).slice(0, facts.levelsMax - 1);
  while (chain.length < facts.levelsMax - 1) {
    const last = chain.at(-1) ?? promoterId!;
    const inviter = inForce(facts.promoters.get(last), chainAt)?.inviterId ?? null;
    if (inviter === null || inviter === promoterId || chain.includes(inviter)) break;
    chain.push(inviter);
  }
  return chain;
}

/** A pinned winner as the split asks for it; whoever cannot be paid is not there. */
export function toWinner(winner: PinnedWinner): Winner {
  const present = (id: string | null) => (id === null || winner.absent.includes(id) ? null : id);
  const parties: Parties = {
    promoter: winner.promoter_id,
    uplines: winner.chain.map(present),
    agency: present(winner.agency_id),
    talent: present(winner.talent_id),
    talentAgency: present(winner.talent_agency_id),
    isPresent: (id) => !winner.absent.includes(id),
  };
  return { promoterId: winner.promoter_id, weight: BigInt(weightOf(winner)), weightPpm: winner.weight_ppm, parties };
}

/** Whether the same promoters won in the same parts, by whatever evidence. */
export function samePromoters(a: Pin, b: Pin): boolean {
  if (a.winners.length !== b.winners.length) return false;
  return a.winners.every((winner, index) => {
    const other = b.winners[index]!;
    return winner.promoter_id === other.promoter_id && weightOf(winner) === weightOf(other);
  });
}

const weightOf = (winner: PinnedWinner) => winner.weight ?? winner.weight_ppm;

/** Who stands for the line; of equals the later click, as it is the one that chooses the rule. */
export function heaviestWinner(pin: Pin): PinnedWinner {
  return pin.winners.reduce((best, winner) => (weightOf(winner) >= weightOf(best) ? winner : best));
}

const toText = (at: number) => new Date(at).toISOString();
