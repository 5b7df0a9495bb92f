// Which evidence earns a line: each piece is judged by itself, then against the others. Pure; every
// loser keeps its reason.
import { allocate } from './money.ts';
import type { Policy } from './policy.ts';

/**
 * The kinds that a policy ranks, and above them all the approved claim, which no policy can rank or
 * leave out.
 */
export type EvidenceKind = Policy['precedence'][number] | 'claim';

/**
 * One thing that may tie an order to a promoter, with what is known of it at the attribution time.
 * Times are epoch milliseconds.
 */
export interface Evidence {
  kind: EvidenceKind;
  /**
   * What names it: a click's id, a link's code, a coupon's code, a promoter's id, the order of a
   * lock.
   */
  reference: string;
  /**
   * When the buyer clicked, when an order was told of the code, when the locking order was paid,
   * when the claim was approved.
   */
  at: number;
  /**
   * As of when the chain above the promoter is read: the click, of a lock the locking order's, and
   * where nobody clicked the attribution time.
   */
  chainAt: number;
  promoterId: string | null;
  linkCode: string | null;
  clickId: string | null;
  productId: string | null;
  /** A link to a live room, a video or an article; its window is the shorter content window. */
  content: boolean;
  scene: string | null;
  talentId: string | null;
  campaignId: string | null;
  expiresAt: number | null;
  bot: boolean;
  suspended: boolean;
  selfPurchase: boolean;
  /**
   * Why it cannot be read at all: it names nothing that we know, or something of another merchant.
   */
  fault: EvidenceFault | null;
  /** What was ruled of an approved claim; null for all other evidence. */
  ruling: Ruling | null;
  /**
   * The line of which a report says it; null: it speaks for every line that names none of its kind.
   */
  lineId: string | null;
}

/**
 * An approved claim: the one line that it is about (null: the whole order), whose key approved it,
 * and why.
 */
export interface Ruling {
  lineId: string | null;
  decidedBy: string;
  reason: string;
}

/**
 * Why a piece of evidence cannot be read at all: it names nothing that we know, or something of
 * another merchant.
 */
const EVIDENCE_FAULTS = ['unreadable_token', 'unknown_link', 'unknown_coupon', 'unknown_promoter', 'link_of_other_merchant'] as const;
export type EvidenceFault = (typeof EVIDENCE_FAULTS)[number];

/** Why a piece of evidence lost. */
export const LOSS_REASONS = [
  ...EVIDENCE_FAULTS,
  'kind_not_counted',
  'bot',
  'promoter_suspended',
  'scene_excluded',
  'self_purchase',
  'link_expired',
  'after_order',
  'outside_window',
  'weaker_kind',
  'other_product',
  'later_click_won',
  'earlier_click_won',
  'later_order_locks',
  'later_ruling_won',
  'too_late',
] as const;
export type LossReason = (typeof LOSS_REASONS)[number];

export interface Judged {
  evidence: Evidence;
  won: boolean;
  reason: LossReason | null;
}

/** A credited promoter; the weight is a part of the sum of all weights, exactly. */
export interface Credit {
  evidence: Evidence;
  weight: bigint;
}

export interface AttributionQuestion {
  policy: Policy;
  attributionAt: number;
  /** From when the age of a click counts for the time decay. */
  paidAt: number;
  orderScene: string | null;
  productId: string | null;
}

export interface Verdict {
  /** Who is credited, earlier click first, each promoter once. Empty: unattributed. */
  credits: Credit[];
  judged: Judged[];
}

const DAY_MS = 86_400_000;
const WHOLE_PPM = 1_000_000n;
// Weights of the time decay are integers before they are normalised: fine enough for parts per
// million.
const DECAY_SCALE = 2 ** 50;

/**
 * Judges all evidence of one line: the strongest kind that has anything eligible wins, and within
 * it the policy's model. An approved claim goes before every kind, whatever the policy, so that
 * nothing which is told later moves what was ruled.
 */
export function attribute(all: readonly Evidence[], question: AttributionQuestion): Verdict {
  const judged = clicksOnce(
    all.map((evidence): Judged => ({ evidence, won: false, reason: weakness(evidence, question) })),
    question.policy,
  );
  const eligible = judged.filter((one) => one.reason === null);
  const kind = (['claim', ...question.policy.precedence] as const).find((candidate) =>
    eligible.some((one) => one.evidence.kind === candidate),
  );
  if (kind === undefined) return { credits: [], judged };

  const rivals: Judged[] = [];
  for (const one of eligible) {
    if (one.evidence.kind === kind) rivals.push(one);
    else one.reason = 'weaker_kind';
  }
  const contenders = exactProductFirst(rivals, question).toSorted(byTime);
  const weights = weigh(contenders, kind, question);
  contenders.forEach((one, index) => {
    if (weights[index]! > 0n) one.won = true;
    else one.reason = lossReason(kind, question.policy);
  });
  return { credits: perPromoter(contenders, weights), judged };
}

/**
 * A click that its token proves and its buyer as well is told once: as the stronger kind that the
 * policy ranks.
 */
function clicksOnce(judged: Judged[], { precedence }: Policy): Judged[] {
  const rank = (kind: EvidenceKind) => (precedence as readonly string[]).indexOf(kind);
  if (rank('click_token') < 0 || rank('click') < 0) return judged;
  const weaker = rank('click_token') < rank('click') ? 'click' : 'click_token';
  const told = new Set(judged.flatMap(({ evidence }) => (isClick(evidence) && evidence.kind !== weaker ? (evidence.clickId ?? []) : [])));
  return judged.filter(({ evidence: { kind, clickId } }) => kind !== weaker || clickId === null || !told.has(clickId));
}

/** Why this evidence would not count even if it stood alone; null when it would. */
function weakness(evidence: Evidence, { policy, attributionAt, orderScene }: AttributionQuestion): LossReason | null {
  if (evidence.fault !== null) return evidence.fault;
  // Whether it may count was looked into when it was approved.
  if (evidence.kind === 'claim') return null;
  if (!policy.precedence.includes(evidence.kind)) return 'kind_not_counted';
  if (evidence.bot) return 'bot';
  if (evidence.suspended) return 'promoter_suspended';
  if (isExcluded(policy, evidence.scene) || isExcluded(policy, orderScene)) return 'scene_excluded';
  if (evidence.selfPurchase && !policy.allow_self_purchase) return 'self_purchase';
  return untimely(evidence, policy, attributionAt);
}

function isExcluded(policy: Policy, scene: string | null): boolean {
  return scene !== null && (policy.excluded_scenes as readonly string[]).includes(scene);
}

function untimely(evidence: Evidence, policy: Policy, attributionAt: number): LossReason | null {
  const usedAt = usedAtOf(evidence, attributionAt);
  if (evidence.expiresAt !== null && evidence.kind !== 'lock' && usedAt >= evidence.expiresAt) return 'link_expired';
  if (isClick(evidence) && evidence.at > attributionAt + policy.clock_skew_seconds * 1000) return 'after_order';
  const days = windowDays(evidence, policy);
  // Two orders of one moment: a lock of no days holds not even then.
  return days !== null && (days === 0 || evidence.at < attributionAt - days * DAY_MS) ? 'outside_window' : null;
}

const isClick = ({ kind }: Evidence) => kind === 'click_token' || kind === 'click';

/** What was said on the order was used when it was paid, whenever a report told it. */
function usedAtOf(evidence: Evidence, attributionAt: number): number {
  return isClick(evidence) ? evidence.at : attributionAt;
}

/**
 * The days before the attribution time in which this evidence counts; null where no window applies
 * (codes on the order itself).
 */
export function windowDays(evidence: Pick<Evidence, 'kind' | 'content'>, policy: Policy): number | null {
  if (evidence.kind === 'lock') return policy.order_lock_days;
  if (evidence.kind !== 'click_token' && evidence.kind !== 'click') return null;
  return evidence.content ? policy.content_click_days : policy.product_click_days;
}

function exactProductFirst(rivals: Judged[], { policy, productId }: AttributionQuestion): Judged[] {
  if (!policy.exact_product_first || productId === null) return rivals;
  const exact = rivals.filter((one) => one.evidence.productId === productId);
  if (exact.length === 0) return rivals;
  for (const one of rivals) if (one.evidence.productId !== productId) one.reason = 'other_product';
  return exact;
}

function byTime(a: Judged, b: Judged): number {
  if (a.evidence.at !== b.evidence.at) return a.evidence.at - b.evidence.at;
  return a.evidence.reference === b.evidence.reference ? 0 : a.evidence.reference < b.evidence.reference ? -1 : 1;
}

/**
 * Weights of contenders in time order: exact parts, but of the time decay, which is normalised to
 * parts per million. A lock is the last order's and a claim the last ruling's, whatever the model.
 */
function weigh(contenders: Judged[], kind: EvidenceKind, { policy, attributionAt, paidAt }: AttributionQuestion): bigint[] {
  const model = kind === 'lock' || kind === 'claim' ? 'last_click' : policy.model;
  const last = contenders.length - 1;
  if (model === 'last_click') return contenders.map((_, index) => (index === last ? 1n : 0n));
  if (model === 'first_click') return contenders.map((_, index) => (index === 0 ? 1n : 0n));
  if (model === 'time_decay') {
    const ages = contenders.map(({ evidence }) => Math.max(0, paidAt - usedAtOf(evidence, attributionAt)));
    return allocate(WHOLE_PPM, decayed(ages, policy.time_decay_half_life_days));
  }
  // 40 % for the first, 40 % for the last, and 20 % for all between them, where there are any.
  const ofAnEnd = model === 'position_based' && last > 1 ? 2n * BigInt(last - 1) : 1n;
  return contenders.map((_, index) => (index === 0 || index === last ? ofAnEnd : 1n));
}

/**
 * 2^(−age / half-life) as integers; a click after the payment has no age. Only ratios count, so
 * ages are taken beyond the youngest's.
 */
function decayed(ages: readonly number[], halfLifeDays: number): bigint[] {
  const youngest = Math.min(...ages);
  return ages.map((age) => BigInt(Math.round(DECAY_SCALE * 2 ** (-(age - youngest) / (halfLifeDays * DAY_MS)))));
}

function lossReason(kind: EvidenceKind, policy: Policy): LossReason {
  if (kind === 'lock') return 'later_order_locks';
  if (kind === 'claim') return 'later_ruling_won';
  return policy.model === 'first_click' ? 'earlier_click_won' : 'later_click_won';
}

/**
 * A promoter with several winning clicks is one winner: the weights add up, and the latest click
 * stands for them, in its place.
 */
function perPromoter(contenders: Judged[], weights: bigint[]): Credit[] {
  const credits = new Map<string, Credit>();
  contenders.forEach(({ evidence }, index) => {
    const weight = weights[index]!;
    if (weight === 0n) return;
    const earlier = credits.get(evidence.promoterId!);
    credits.delete(evidence.promoterId!);
    credits.set(evidence.promoterId!, { evidence, weight: weight + (earlier?.weight ?? 0n) });
  });
  return [...credits.values()];
}

/**
 * The credit that chooses the rule and stands for the line: the heaviest, of equals the later
 * click.
 */
export function heaviest(credits: readonly Credit[]): Credit | null {
  let best: Credit | null = null;
  for (const credit of credits) if (best === null || credit.weight >= best.weight) best = credit;
  return best;
}

/**
 * The weights as parts per million that sum to 1 000 000, for people to read: ties of the last
 * parts go to the earlier.
 */
export function weightsPpm(credits: readonly Credit[]): number[] {
  return allocate(
    WHOLE_PPM,
    credits.map(({ weight }) => weight),
  ).map(Number);
}
