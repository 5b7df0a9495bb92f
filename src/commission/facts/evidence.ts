// What may tie an order to a promoter, read off the order, its parent and the facts around it.
// Pure; judging it is core/attribution.
import type { KeyObject } from 'node:crypto';
import type { Evidence, EvidenceFault, EvidenceKind } from '../../core/attribution.ts';
import type { Order, ReportedEvidence, ReportedKind } from '../../core/order.ts';
import { identityHash } from '../../promotion/buyers/identity.ts';
import { readClickToken } from '../../promotion/clicks/token.ts';
import type { ApprovedClaim } from './approved-claim-store.ts';
import { couponKey, inForce, isContentLink, isPresent, type Facts } from './facts.ts';

/** A click of the buyer, found by one of the buyer's identities or proven by a token. */
export interface BuyerClick {
  clickId: string;
  linkCode: string;
  clickedAt: number;
  bot: boolean;
}

/** An earlier order of the buyer that was attributed, and so locks the buyer to its promoter. */
export interface BuyerLock {
  orderId: string;
  promoterId: string;
  linkCode: string | null;
  attributedAt: number;
  /** As of when the chain above that promoter was read. */
  chainAt: number;
}

/** Pieces of reported evidence that count: those that were told first. */
const PIECES_MAX = 200;

/** What reports brought of an order, and of a split child what its parent's brought too. */
export interface Reported {
  /** The pieces that count, the first told first. */
  pieces: readonly ReportedEvidence[];
  /** How many more there are that do not. */
  more: number;
  /**
   * The kinds of evidence that a line names itself, so that it takes none of them from the order.
   */
  ownKinds: ReadonlyMap<string, ReadonlySet<ReportedKind>>;
}

/**
 * Lays together what the reports of an order, and of the order that it is a part of, brought; each
 * piece once.
 */
export function reportedOf(orders: readonly Order[]): Reported {
  const once = new Map<string, ReportedEvidence>();
  const ownKinds = new Map<string, Set<ReportedKind>>();
  for (const piece of orders.flatMap((order) => order.evidence)) {
    // Neither kinds nor ids hold a line feed.
    const key = `${piece.kind}\n${piece.lineId ?? ''}\n${piece.value}`;
    if (!once.has(key)) once.set(key, piece);
    if (piece.lineId !== null) ownKinds.set(piece.lineId, (ownKinds.get(piece.lineId) ?? new Set()).add(piece.kind));
  }
  const all = [...once.values()];
  const ranked =
    orders.length < 2 ? all : all.toSorted((a, b) => a.toldAt - b.toldAt || (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
  return { pieces: ranked.slice(0, PIECES_MAX), more: Math.max(0, ranked.length - PIECES_MAX), ownKinds };
}

/** What the order itself and its buyer's past hold; of a split child also the parent's. */
export interface EvidenceSources {
  merchantId: string;
  attributionAt: number;
  reported: Reported;
  /** What the tokens among the pieces say; one that none of our keys signed says null. */
  tokens: ReadonlyMap<string, ReturnType<typeof readClickToken>>;
  clicks: readonly BuyerClick[];
  locks: readonly BuyerLock[];
  claims: readonly ApprovedClaim[];
  /** The buyer's, with those that are known to be the same buyer's. */
  identities: ReadonlySet<string>;
  /** How many of them reports told. */
  identitiesTold: number;
  /**
   * Whether a purchase of the promoter's own is to be told apart: it is looked for only where the
   * policy refuses it.
   */
  refusesSelf: boolean;
}

/** The tokens among the pieces, each read once. */
export function readTokens(keys: KeyObject[], pieces: readonly ReportedEvidence[]): EvidenceSources['tokens'] {
  const values = new Set(pieces.flatMap((piece) => (piece.kind === 'click_token' ? [piece.value] : [])));
  return new Map([...values].map((value) => [value, readClickToken(keys, value)]));
}

/**
 * Everything to be considered: what reports brought, the buyer's clicks and locks, approved claims.
 */
export function gatherEvidence(told: EvidenceSources, facts: Facts, identityKey: KeyObject): Evidence[] {
  const evidence = told.reported.pieces.flatMap((piece) => ofPiece(piece, told, facts));
  const once = new Set<string>();
  const distinct = evidence.filter((one) => {
    if (one.kind !== 'click_token' || one.clickId === null) return true;
    // Several tokens of one click prove one click.
    const key = `${one.clickId}\n${one.lineId ?? ''}`;
    return !once.has(key) && once.add(key);
  });
  for (const click of told.clicks) distinct.push(ofClick('click', click, told, facts));
  for (const lock of told.locks) distinct.push(ofLock(lock, told, facts));
  for (const claim of told.claims) distinct.push(ofClaim(claim, told, facts));
  if (told.refusesSelf) for (const one of distinct) one.selfPurchase = isSelf(one.promoterId, told, identityKey);
  return distinct;
}

function ofPiece(piece: ReportedEvidence, told: EvidenceSources, facts: Facts): Evidence {
  return { ...readPiece(piece, told, facts), lineId: piece.lineId };
}

function readPiece({ kind, value, toldAt }: ReportedEvidence, told: EvidenceSources, facts: Facts): Evidence {
  if (kind === 'click_token') {
    const read = told.tokens.get(value) ?? null;
    return read === null ? unreadable(kind, value.slice(0, 24), told.attributionAt, 'unreadable_token') : ofClick(kind, read, told, facts);
  }
  if (kind === 'coupon_code') return ofCoupon(value, toldAt, told, facts);
  if (kind === 'platform') return ofPromoter('platform', value, value, toldAt, told, facts);
  return ofLink('link_code', { reference: value, clickId: null, at: toldAt, chainAt: told.attributionAt, bot: false }, value, told, facts);
}

/** Evidence of which no more is known than that it is there. */
export const NOTHING_KNOWN = {
  promoterId: null,
  linkCode: null,
  clickId: null,
  productId: null,
  content: false,
  scene: null,
  talentId: null,
  campaignId: null,
  expiresAt: null,
  bot: false,
  suspended: false,
  selfPurchase: false,
  ruling: null,
  lineId: null,
} as const;

function unreadable(kind: EvidenceKind, reference: string, at: number, fault: EvidenceFault): Evidence {
  return { ...NOTHING_KNOWN, kind, reference, at, chainAt: at, fault };
}

/** What was seen of a link: its code on the order, or a click on it. */
type Seen = Pick<Evidence, 'reference' | 'at' | 'chainAt' | 'clickId' | 'bot'>;

function ofLink(kind: EvidenceKind, seen: Seen, linkCode: string, told: EvidenceSources, facts: Facts): Evidence {
  const link = facts.links.get(linkCode);
  if (link === undefined) return { ...unreadable(kind, seen.reference, seen.at, 'unknown_link'), linkCode };
  if (link.merchantId !== told.merchantId) return { ...unreadable(kind, seen.reference, seen.at, 'link_of_other_merchant'), linkCode };
  return {
    kind,
    reference: seen.reference,
    at: seen.at,
    chainAt: seen.chainAt,
    clickId: seen.clickId,
    bot: seen.bot,
    linkCode,
    promoterId: link.promoterId,
    productId: link.productId,
    content: isContentLink(link),
    scene: link.scene,
    talentId: link.talentId,
    campaignId: link.campaignId,
    expiresAt: link.expiresAt,
    suspended: !isPresent(facts, link.promoterId, told.attributionAt),
    selfPurchase: false,
    fault: null,
    ruling: null,
    lineId: null,
  };
}

function ofClick(
  kind: 'click_token' | 'click',
  { clickId, linkCode, clickedAt, bot }: BuyerClick,
  told: EvidenceSources,
  facts: Facts,
): Evidence {
  return ofLink(kind, { reference: clickId, clickId, at: clickedAt, chainAt: clickedAt, bot }, linkCode, told, facts);
}

function ofCoupon(code: string, toldAt: number, told: EvidenceSources, facts: Facts): Evidence {
  const holder = inForce(facts.coupons.get(couponKey(told.merchantId, code)), told.attributionAt);
  if (holder === null || holder.promoterId === null) return unreadable('coupon_code', code, toldAt, 'unknown_coupon');
  return ofPromoter('coupon_code', code, holder.promoterId, toldAt, told, facts);
}

function ofPromoter(kind: EvidenceKind, reference: string, promoterId: string, at: number, told: EvidenceSources, facts: Facts): Evidence {
  if (!facts.promoters.has(promoterId)) return unreadable(kind, reference, at, 'unknown_promoter');
  const suspended = !isPresent(facts, promoterId, told.attributionAt);
  return { ...NOTHING_KNOWN, kind, reference, at, chainAt: told.attributionAt, promoterId, suspended, fault: null };
}

/**
 * A lock keeps the link that won the locking order, for its chain and campaign, but not its product
 * or expiry.
 */
function ofLock(lock: BuyerLock, told: EvidenceSources, facts: Facts): Evidence {
  const evidence = ofPromoter('lock', lock.orderId, lock.promoterId, lock.attributedAt, told, facts);
  return throughLink({ ...evidence, chainAt: lock.chainAt }, lock.linkCode, facts);
}

/**
 * A claim that rests on a click of the buyer keeps that click's link and time, for its chain and
 * campaign.
 */
function ofClaim(claim: ApprovedClaim, told: EvidenceSources, facts: Facts): Evidence {
  const { lineId, decidedBy, reason } = claim;
  const evidence = ofPromoter('claim', claim.claimId, claim.promoterId, claim.decidedAt, told, facts);
  const ruled = { ...evidence, chainAt: claim.clickedAt ?? told.attributionAt, ruling: { lineId, decidedBy, reason } };
  return throughLink(ruled, claim.linkCode, facts);
}

function throughLink(evidence: Evidence, linkCode: string | null, facts: Facts): Evidence {
  const link = linkCode === null ? undefined : facts.links.get(linkCode);
  return link === undefined ? evidence : { ...evidence, linkCode: link.code, talentId: link.talentId, campaignId: link.campaignId };
}

/** A storefront says that a buyer is a promoter by an identity of the type `promoter_id`. */
function isSelf(promoterId: string | null, told: EvidenceSources, identityKey: KeyObject): boolean {
  if (promoterId === null || told.identities.size === 0) return false;
  return told.identities.has(identityHash(identityKey, told.merchantId, 'promoter_id', promoterId));
}
