// What campaigns pay beside the rules: what the lines of an order have of them and want, and what
// the budgets grant. A grant is asked for once, when a line is first decided for its winners. Pure.
import { allocate, jsonAmount } from '../../core/money.ts';
import type { ExplainedCampaign, ExplainedStep } from '../../core/explanation.ts';
import type { OrderLine } from '../../core/order.ts';
import { boostOf, compareWishes, mismatchOf, wantedBoost, type BoostTerms } from '../../core/programs/boost.ts';
import type { BoostPart, Budget } from '../../core/programs/budget.ts';
import { dayOf } from '../../platform/calendar.ts';
import type { BudgetNeed, LockedBudgets } from '../campaigns/budget-store.ts';
import { isPausedAt, versionAt, type Campaign, type CampaignVersion } from '../campaigns/campaign.ts';
import { inForce, type Facts } from '../facts/facts.ts';
import type { SettledLine, Subject } from './decide.ts';
import type { StandingLine } from './decision.ts';
import { explainBoost } from './explanation-text.ts';
import { heaviestWinner, readsTheSame, samePromoters, toWinner, type Pin, type PinnedBoost, type PinnedPart } from './pin.ts';

/** Campaigns that an explanation names at most, those that want most first. */
const CAMPAIGNS_EXPLAINED_MAX = 20;

/** A campaign that a line may be granted something of. */
export interface Candidate {
  campaign: Campaign;
  version: CampaignVersion;
  wanted: bigint;
}

/** What a line has of a campaign, and what it wants. */
export interface LineWish {
  /** What it has now: given back where it is not kept. */
  taken: PinnedBoost | null;
  /** What it was granted before and keeps, null being nothing, its parts as they are wanted now. */
  kept: { boost: PinnedBoost | null; wanted: bigint[] } | null;
  /** Campaigns to be asked, in that order; only where nothing is kept. */
  candidates: readonly Candidate[];
  /** Those that are not asked, and why; of what is kept, all that were looked at then. */
  passedOver: readonly ExplainedCampaign[];
  /** Of candidates: the day YYYY-MM-DD, and who won. */
  day: string;
  promoterIds: readonly string[];
}

/** What each line has and wants of campaigns; null where that is nothing. */
export function wishesOf(settled: readonly SettledLine[], subject: Subject, facts: Facts): (LineWish | null)[] {
  return settled.map((one) => wishOf(one, subject, facts));
}

const NOTHING_WANTED = { kept: null, candidates: [], passedOver: [], day: '', promoterIds: [] };

function wishOf(one: SettledLine, subject: Subject, facts: Facts): LineWish | null {
  const { line, choice } = one;
  const standing = subject.standing.get(line.lineId);
  const taken = takenBy(standing);
  const { attributionAt } = subject.order;
  if (choice.decision !== 'attributed' || attributionAt === null) return taken === null ? null : { ...NOTHING_WANTED, taken };
  const held = standing?.held?.pin ?? null;
  if (held !== null && isSameLine(held, choice.pin!, line, attributionAt)) {
    const boost = held.boost ?? null;
    const passedOver = standing?.held?.campaigns ?? [];
    if (boost === null && passedOver.length === 0) return null;
    const wanted = boost !== null && boost.currency === subject.currency ? wantedNow(boost, one) : 0n;
    return { ...NOTHING_WANTED, taken, kept: { boost, wanted: divide(wanted, choice.pin!) }, passedOver };
  }
  const asked = campaignsFor(one, subject, facts, attributionAt);
  return taken === null && asked === null ? null : { ...NOTHING_WANTED, taken, ...asked };
}

/**
 * What a boost that was granted wants of the line as it is now. A re-rating changes the pool beside
 * it only: it wants what it would by the rule before, as far as the new pool leaves that of the
 * base.
 */
export function wantedNow(boost: PinnedBoost, one: SettledLine): bigint {
  const terms = pinnedTerms(boost);
  if (one.former === null) return wantedBoost(terms, splitOf(one));
  const wanted = wantedBoost(terms, { ...splitOf(one), base: one.former.base, pool: one.former.pool });
  const left = one.split.base - one.split.pool;
  return wanted < left ? wanted : left;
}

/** What a line has of a boost now; one that is set aside has nothing. */
export function takenBy(standing: StandingLine | undefined): PinnedBoost | null {
  return standing?.decision === 'attributed' ? (standing.held?.pin.boost ?? null) : null;
}

/** Whether a line is still won by the same promoters, for the same product and time. */
export function isSameLine(held: Pin, pin: Pin, line: OrderLine, attributionAt: number): boolean {
  return pin === held || (readsTheSame(held, line, attributionAt) && samePromoters(held, pin));
}

const splitOf = ({ line, split }: SettledLine) => ({ base: split.base, pool: split.pool, quantity: line.quantity });

function pinnedTerms({ combine, rate_ppm: ratePpm, fixed_per_unit: fixed }: PinnedBoost): BoostTerms {
  return ratePpm === undefined ? { combine, fixedPerUnit: BigInt(fixed!) } : { combine, ratePpm };
}

/** By the weights of the winners, as the pool is. */
export function divide(amount: bigint, pin: Pin): bigint[] {
  return allocate(
    amount,
    pin.winners.map((winner) => toWinner(winner).weight),
  );
}

/** The campaigns in whose time the line was attributed; null where there are none. */
export function campaignsFor(one: SettledLine, subject: Subject, facts: Facts, attributionAt: number) {
  const campaigns = facts.campaigns.byMerchant.get(subject.merchantId);
  if (campaigns === undefined) return null;
  const at = new Date(attributionAt);
  const lead = heaviestWinner(one.choice.pin!);
  const scene = one.line.scene ?? facts.links.get(lead.link_code ?? '')?.scene ?? null;
  const line = { productId: one.line.productId, promoterId: lead.promoter_id, scene };
  const candidates: Candidate[] = [];
  const passedOver: ExplainedCampaign[] = [];
  for (const campaign of campaigns) {
    const version = versionAt(campaign, at);
    if (version === null || version.startsAt > at || version.endsAt <= at) continue;
    const wanted = wantedBoost(version.boost, splitOf(one));
    const reason = isPausedAt(campaign, at)
      ? 'paused'
      : campaign.currency !== subject.currency
        ? 'currency'
        : (mismatchOf(version.scope, line) ?? (wanted === 0n ? 'wants_nothing' : null));
    if (reason === null) candidates.push({ campaign, version, wanted });
    else passedOver.push(explain({ campaign, version, wanted: reason === 'currency' ? 0n : wanted }, 'lost', reason));
  }
  if (candidates.length === 0 && passedOver.length === 0) return null;
  candidates.sort((a, b) => compareWishes(wishIn(a), wishIn(b)));
  const timeZone = inForce(facts.merchants.get(subject.merchantId), attributionAt)!.timeZone;
  const promoterIds = one.choice.pin!.winners.map((winner) => winner.promoter_id);
  return { candidates, passedOver, day: dayOf(at, timeZone), promoterIds };
}

const wishIn = ({ campaign, version, wanted }: Candidate) => ({
  campaignId: campaign.campaignId,
  startsAt: version.startsAt.getTime(),
  wanted,
});

function explain(
  { campaign, version, wanted }: Candidate,
  outcome: 'won' | 'lost',
  reason: ExplainedCampaign['reason'],
): ExplainedCampaign {
  return { campaign_id: campaign.campaignId, version: version.version, wanted: jsonAmount(wanted), outcome, reason };
}

/** Which rows of budgets a wish takes from or gives back to; none where nothing moves. */
export function needsOf({ taken, kept, candidates, day, promoterIds }: LineWish): BudgetNeed[] {
  const asked = candidates.map(({ campaign: { campaignId } }) => ({ campaignId, day, promoterIds }));
  if (kept !== null) return kept.boost !== null && movesOf(kept.boost, taken, kept.wanted).some(isMove) ? [needOf(kept.boost)] : asked;
  return taken === null ? asked : [needOf(taken), ...asked];
}

const needOf = ({ campaign_id: campaignId, day, parts }: PinnedBoost): BudgetNeed => ({
  campaignId,
  day,
  promoterIds: parts.map((part) => part.promoter_id),
});

/** What of one part stays, what goes back, and what more is asked for. */
interface Move {
  stays: bigint;
  back: bigint;
  more: bigint;
}

const isMove = ({ back, more }: Move): boolean => back > 0n || more > 0n;

/**
 * What a boost that is kept moves: a fall gives back at once; more is asked for when more is wanted
 * than was before, up to what was granted.
 */
function movesOf(boost: PinnedBoost, taken: PinnedBoost | null, wanted: readonly bigint[]): Move[] {
  return boost.parts.map(({ granted }, index) => {
    const before = taken?.parts[index];
    const [had, wantedBefore] = [BigInt(before?.amount ?? 0), BigInt(before?.wanted ?? 0)];
    const now = wanted[index]!;
    const stays = now < had ? now : had;
    const most = now < BigInt(granted) ? now : BigInt(granted);
    return { stays, back: had - stays, more: now > wantedBefore && most > stays ? most - stays : 0n };
  });
}

/** The lines with what campaigns pay them; without budgets at hand no more than before. */
export function grantWishes(
  settled: readonly SettledLine[],
  wishes: readonly (LineWish | null)[],
  budgets: LockedBudgets | null,
): readonly SettledLine[] {
  if (wishes.every((wish) => wish === null)) return settled;
  const had = new Set<string>();
  const has = new Set<string>();
  const lines = settled.map((one, index) => {
    const wish = wishes[index] ?? null;
    if (wish === null) return one;
    const { boost, campaigns } = grantWish(one, wish, budgets);
    if (isPaid(wish.taken)) had.add(wish.taken!.campaign_id);
    if (isPaid(boost)) has.add(boost!.campaign_id);
    return withBoost(one, boost, campaigns);
  });
  for (const campaignId of new Set([...had, ...has])) {
    const change = Number(has.has(campaignId)) - Number(had.has(campaignId));
    const budget = budgets?.get(campaignId);
    if (change !== 0 && budget !== undefined) budget.orders += change;
  }
  return lines;
}

const isPaid = (boost: PinnedBoost | null): boolean => boost?.parts.some(({ amount }) => amount > 0) ?? false;

interface Granted {
  boost: PinnedBoost | null;
  campaigns: readonly ExplainedCampaign[];
}

function grantWish(one: SettledLine, wish: LineWish, budgets: LockedBudgets | null): Granted {
  const { taken, kept, passedOver } = wish;
  if (kept !== null) return { boost: kept.boost === null ? null : keepBoost(kept.boost, wish, budgets), campaigns: passedOver };
  if (taken !== null) {
    const parts = partsOf(taken, ({ amount }) => BigInt(amount));
    budgets?.get(taken.campaign_id)?.giveBack(taken.day, parts);
  }
  return askCampaigns(one, wish, budgets);
}

export function partsOf({ parts }: PinnedBoost, amountOf: (part: PinnedPart, index: number) => bigint): BoostPart[] {
  return parts.map((part, index) => ({ promoterId: part.promoter_id, amount: amountOf(part, index) }));
}

function keepBoost(boost: PinnedBoost, { taken, kept }: LineWish, budgets: LockedBudgets | null): PinnedBoost {
  const { wanted } = kept!;
  const moves = movesOf(boost, taken, wanted);
  const budget = budgets?.get(boost.campaign_id) ?? null;
  let more: readonly bigint[] = [];
  if (budget !== null && moves.some(isMove)) {
    budget.giveBack(
      boost.day,
      partsOf(boost, (_, index) => moves[index]!.back),
    );
    more = budget.rise(
      boost.day,
      partsOf(boost, (_, index) => moves[index]!.more),
    );
  }
  const parts = boost.parts.map((part, index) => ({
    ...part,
    wanted: Number(wanted[index]!),
    amount: Number(moves[index]!.stays + (more[index] ?? 0n)),
  }));
  return { ...boost, parts };
}

/** Asks one campaign after the other until one grants something. */
export function askCampaigns(
  { choice }: SettledLine,
  { candidates, passedOver, day }: Pick<LineWish, 'candidates' | 'passedOver' | 'day'>,
  budgets: LockedBudgets | null,
): Granted {
  let won: PinnedBoost | null = null;
  const asked = candidates.map((candidate): ExplainedCampaign => {
    if (won !== null) return explain(candidate, 'lost', 'wants_less');
    const wanted = partsFor(candidate, choice.pin!);
    const budget = budgets?.get(candidate.campaign.campaignId);
    const { granted, shortage } = budget === undefined ? NOT_ASKED : budget.grant(day, wanted);
    if (!granted.some((amount) => amount > 0n)) return explain(candidate, 'lost', shortage ?? 'exhausted');
    won = boostFrom(candidate, day, wanted, granted);
    return explain(candidate, 'won', shortage === null ? 'granted' : 'granted_in_part');
  });
  const [first] = candidates;
  const boost = won ?? (first === undefined ? null : boostFrom(first, day, partsFor(first, choice.pin!), []));
  return { boost, campaigns: [...asked, ...passedOver].slice(0, CAMPAIGNS_EXPLAINED_MAX) };
}

const NOT_ASKED: ReturnType<Budget['grant']> = { granted: [], shortage: null };

function partsFor({ wanted }: Candidate, pin: Pin): BoostPart[] {
  const parts = divide(wanted, pin);
  return pin.winners.map((winner, index) => ({ promoterId: winner.promoter_id, amount: parts[index]! }));
}

function boostFrom({ campaign, version }: Candidate, day: string, wanted: readonly BoostPart[], granted: readonly bigint[]): PinnedBoost {
  const { boost } = version;
  return {
    campaign_id: campaign.campaignId,
    version: version.version,
    currency: campaign.currency,
    ...('ratePpm' in boost ? { rate_ppm: boost.ratePpm } : { fixed_per_unit: Number(boost.fixedPerUnit) }),
    combine: boost.combine,
    day,
    parts: wanted.map(({ promoterId, amount }, index) => {
      const given = Number(granted[index] ?? 0n);
      return { promoter_id: promoterId, wanted: Number(amount), granted: given, amount: given };
    }),
  };
}

/** A settled line with what stands of its boost, beside the shares of its pool. */
export function withBoost(one: SettledLine, boost: PinnedBoost | null, campaigns: readonly ExplainedCampaign[]): SettledLine {
  const { choice, split } = one;
  const explained = campaigns.length === 0 ? choice : { ...choice, campaigns: [...campaigns] };
  if (boost === null) return { ...one, choice: explained };
  const shares = boost.parts.flatMap(({ promoter_id: promoterId, amount }) =>
    amount === 0 ? [] : [{ role: 'boost' as const, level: null, promoterId, amount: BigInt(amount), campaignId: boost.campaign_id }],
  );
  return {
    ...one,
    choice: { ...explained, pin: { ...choice.pin!, boost } },
    split: { ...split, shares: [...split.shares, ...shares], arithmetic: [...split.arithmetic, ...stepsOf(one, boost)] },
  };
}

function stepsOf(one: SettledLine, boost: PinnedBoost): ExplainedStep[] {
  const { campaign_id, wanted, granted, amount } = explainBoost(boost);
  const { rate_ppm, fixed_per_unit, combine, parts } = boost;
  const terms = { ...(rate_ppm !== undefined && { rate_ppm }), ...(fixed_per_unit !== undefined && { fixed_per_unit }), combine };
  const whole = jsonAmount(boostOf(pinnedTerms(boost), splitOf(one)));
  const step = { step: 'boost' as const, campaign_id, ...terms, boost: whole, wanted, granted, amount };
  if (parts.length < 2) return [step];
  return [
    step,
    ...parts.map((part) => ({ step: 'boost_part' as const, promoter_id: part.promoter_id, granted: part.granted, amount: part.amount })),
  ];
}
