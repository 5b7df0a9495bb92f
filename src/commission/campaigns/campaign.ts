// A campaign: what it pays beside the rules, when, of what budget, and how it stands. Pure.

import type { BoostScope, BoostTerms } from '../../core/programs/boost.ts';
import { isExhausted, type BudgetLimits } from '../../core/programs/budget.ts';

/** What may change of a campaign, each time as a new version. */
export interface CampaignTerms {
  name: string;
  startsAt: Date;
  endsAt: Date;
  scope: BoostScope;
  boost: BoostTerms;
  limits: BudgetLimits;
}

export interface CampaignVersion extends CampaignTerms {
  version: number;
  /** It counts for lines that are attributed then or later, until a higher version does. */
  effectiveFrom: Date;
  recordedAt: Date;
}

/** Lines that are attributed in it are granted nothing; null: until somebody resumes. */
export interface CampaignPause {
  from: Date;
  until: Date | null;
}

/** Every version of a campaign, the first one first, and its pauses. */
export interface Campaign {
  campaignId: string;
  merchantId: string;
  currency: string;
  madeAt: Date;
  versions: CampaignVersion[];
  pauses: CampaignPause[];
}

/** A campaign as it is to be. */
export interface StatedCampaign extends Pick<Campaign, 'campaignId' | 'merchantId' | 'currency'> {
  terms: CampaignTerms;
  /** Null: as soon as it may. */
  effectiveFrom: Date | null;
}

/** The version that counts for what is attributed at a time; null before the first. */
export function versionAt({ versions }: Pick<Campaign, 'versions'>, at: Date): CampaignVersion | null {
  return versions.findLast(({ effectiveFrom }) => effectiveFrom <= at) ?? null;
}

/** The latest version, whether or not it counts yet. */
export const latestOf = ({ versions }: Pick<Campaign, 'versions'>): CampaignVersion => versions.at(-1)!;

export function isPausedAt({ pauses }: Pick<Campaign, 'pauses'>, at: Date): boolean {
  return pauses.some(({ from, until }) => from <= at && (until === null || until > at));
}

/** A pause that nobody has ended; it may begin later. */
export function openPause({ pauses }: Pick<Campaign, 'pauses'>): CampaignPause | null {
  return pauses.find(({ until }) => until === null) ?? null;
}

/**
 * The limits that hold at a time, whenever the lines were attributed that something is granted to:
 * those of the version that counts then, and before the first one its own.
 */
export function limitsAt(campaign: Pick<Campaign, 'versions'>, now: Date): BudgetLimits {
  return (versionAt(campaign, now) ?? campaign.versions[0]!).limits;
}

/** What is spent of a campaign, as it is told. */
export interface CampaignSpend {
  spent: bigint;
  orders: number;
  /** The total that a grant did not fit. */
  exhaustedTotal: bigint | null;
}

export const CAMPAIGN_STATES = ['scheduled', 'running', 'exhausted', 'paused', 'ended'] as const;
type CampaignState = (typeof CAMPAIGN_STATES)[number];

/**
 * How a campaign stands at a time. It is exhausted once a grant did not fit the total: for good, or
 * where it reopens for as long as nothing is left.
 */
export function stateAt(campaign: Campaign, { spent, exhaustedTotal }: CampaignSpend, now: Date): CampaignState {
  const { startsAt, endsAt } = versionAt(campaign, now) ?? latestOf(campaign);
  const limits = limitsAt(campaign, now);
  if (endsAt <= now) return 'ended';
  if (startsAt > now) return 'scheduled';
  if (isPausedAt(campaign, now)) return 'paused';
  return isExhausted(limits.total, exhaustedTotal) && (!limits.reopens || spent >= limits.total) ? 'exhausted' : 'running';
}

/** What is left of the total; nothing where it was lowered below what is spent. */
export function leftOf(campaign: Campaign, { spent }: CampaignSpend, now: Date): bigint {
  const { total } = limitsAt(campaign, now);
  return total > spent ? total - spent : 0n;
}

/**
 * By what new terms let somebody earn less than the old ones, as a path of the request; null where
 * they do not. A boost of the other kind is lower: nobody knows what it will come to.
 */
export function loweringOf(before: CampaignTerms, after: CampaignTerms): string | null {
  const boosts = loweredBoost(before.boost, after.boost);
  if (boosts !== null) return boosts;
  if (after.startsAt > before.startsAt) return 'starts_at';
  if (after.endsAt < before.endsAt) return 'ends_at';
  for (const name of ['products', 'promoters', 'scenes'] as const) if (narrows(before.scope[name], after.scope[name])) return name;
  const [was, is] = [before.limits, after.limits];
  if (is.total < was.total) return 'budget.total';
  if (is.perDay !== null && (was.perDay === null || is.perDay < was.perDay)) return 'budget.per_day';
  if (is.perPromoter !== null && (was.perPromoter === null || is.perPromoter < was.perPromoter)) return 'budget.per_promoter';
  if (was.partialLast && !is.partialLast) return 'partial_last';
  return was.reopens && !is.reopens ? 'reopens' : null;
}

function loweredBoost(before: BoostTerms, after: BoostTerms): string | null {
  if (before.combine === 'add' && after.combine === 'max') return 'combine';
  if ('ratePpm' in before) return 'ratePpm' in after && after.ratePpm >= before.ratePpm ? null : 'boost';
  return 'fixedPerUnit' in after && after.fixedPerUnit >= before.fixedPerUnit ? null : 'boost';
}

function narrows(before: ReadonlySet<string> | null, after: ReadonlySet<string> | null): boolean {
  if (after === null) return false;
  return before === null || [...before].some((one) => !after.has(one));
}
