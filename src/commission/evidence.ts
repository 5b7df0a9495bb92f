// What may tie an order to a promoter, read off the order, its parent and the facts around it. Pure; judging it is core/attribution.
import type { KeyObject } from 'node:crypto';
import type { Evidence, EvidenceFault, EvidenceKind } from '../core/attribution.ts';
import type { Order, ToldEvidence } from '../core/order.ts';
import { identityHash } from '../promotion/identity.ts';
import { readClickToken } from '../promotion/token.ts';
import type { ApprovedClaim } from './claim-store.ts';
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

/** What the order itself and its buyer's past hold; of a split child also the parent's. */
export interface Told {
  merchantId: string;
  attributionAt: number;
  tokens: readonly { value: string; read: ReturnType<typeof readClickToken> }[];
  linkCodes: readonly ToldEvidence[];
  couponCodes: readonly ToldEvidence[];
  promoterIds: readonly ToldEvidence[];
  clicks: readonly BuyerClick[];
  locks: readonly BuyerLock[];
  claims: readonly ApprovedClaim[];
  identities: ReadonlySet<string>;
  /** Whether a token is told in place of its click, which it is wherever tokens count. */
  countsTokens: boolean;
  /** Whether a purchase of the promoter's own is to be told apart: it is looked for only where the policy refuses it. */
  refusesSelf: boolean;
}

/** The tokens of an order, each read once; a token that none of the keys signed reads as null. */
export function readTokens(keys: KeyObject[], orders: readonly Order[]): Told['tokens'] {
  const values = new Set(orders.flatMap((order) => order.clickTokens.map((told) => told.value)));
  return [...values].map((value) => ({ value, read: readClickToken(keys, value) }));
}

/** Everything to be considered, each piece once: a click that its token already stands for is not told again by its identity. */
export function gatherEvidence(told: Told, facts: Facts, identityKey: KeyObject): Evidence[] {
  const evidence: Evidence[] = [];
  const byToken = new Set<string>();
  for (const { value, read } of told.tokens) {
    if (read === null) evidence.push(unreadable('click_token', value.slice(0, 24), told.attributionAt, 'unreadable_token'));
    else if (!byToken.has(read.clickId)) evidence.push(ofClick('click_token', read, told, facts));
    if (read !== null && told.countsTokens) byToken.add(read.clickId);
  }
  for (const code of told.linkCodes) evidence.push(ofCode(code, told, facts));
  for (const code of told.couponCodes) evidence.push(ofCoupon(code, told, facts));
  for (const { value, toldAt } of told.promoterIds) evidence.push(ofPromoter('platform', value, value, toldAt, told, facts));
  for (const click of told.clicks) if (!byToken.has(click.clickId)) evidence.push(ofClick('click', click, told, facts));
  for (const lock of told.locks) evidence.push(ofLock(lock, told, facts));
  for (const claim of told.claims) evidence.push(ofClaim(claim, told, facts));
  if (told.refusesSelf) for (const one of evidence) one.selfPurchase = isSelf(one.promoterId, told, identityKey);
  return evidence;
}

const NOTHING_KNOWN = {
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
} as const;

function unreadable(kind: EvidenceKind, reference: string, at: number, fault: EvidenceFault): Evidence {
  return { ...NOTHING_KNOWN, kind, reference, at, chainAt: at, fault };
}

/** What was seen of a link: its code on the order, or a click on it. */
type Seen = Pick<Evidence, 'reference' | 'at' | 'chainAt' | 'clickId' | 'bot'>;

function ofLink(kind: EvidenceKind, seen: Seen, linkCode: string, told: Told, facts: Facts): Evidence {
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
  };
}

function ofClick(kind: 'click_token' | 'click', { clickId, linkCode, clickedAt, bot }: BuyerClick, told: Told, facts: Facts): Evidence {
  return ofLink(kind, { reference: clickId, clickId, at: clickedAt, chainAt: clickedAt, bot }, linkCode, told, facts);
}

function ofCode({ value, toldAt }: ToldEvidence, told: Told, facts: Facts): Evidence {
  return ofLink('link_code', { reference: value, clickId: null, at: toldAt, chainAt: told.attributionAt, bot: false }, value, told, facts);
}

function ofCoupon(code: ToldEvidence, told: Told, facts: Facts): Evidence {
  const holder = inForce(facts.coupons.get(couponKey(told.merchantId, code.value)), told.attributionAt);
  if (holder === null || holder.promoterId === null) return unreadable('coupon_code', code.value, code.toldAt, 'unknown_coupon');
  return ofPromoter('coupon_code', code.value, holder.promoterId, code.toldAt, told, facts);
}

function ofPromoter(kind: EvidenceKind, reference: string, promoterId: string, at: number, told: Told, facts: Facts): Evidence {
  if (!facts.promoters.has(promoterId)) return unreadable(kind, reference, at, 'unknown_promoter');
  const suspended = !isPresent(facts, promoterId, told.attributionAt);
  return { ...NOTHING_KNOWN, kind, reference, at, chainAt: told.attributionAt, promoterId, suspended, fault: null };
}

/** A lock keeps the link that won the locking order, for its chain and campaign, but not its product or expiry. */
function ofLock(lock: BuyerLock, told: Told, facts: Facts): Evidence {
  const evidence = ofPromoter('lock', lock.orderId, lock.promoterId, lock.attributedAt, told, facts);
  return throughLink({ ...evidence, chainAt: lock.chainAt }, lock.linkCode, facts);
}

/** A claim that rests on a click of the buyer keeps that click's link and time, for its chain and campaign. */
function ofClaim(claim: ApprovedClaim, told: Told, facts: Facts): Evidence {
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
function isSelf(promoterId: string | null, told: Told, identityKey: KeyObject): boolean {
  if (promoterId === null || told.identities.size === 0) return false;
  return told.identities.has(identityHash(identityKey, told.merchantId, 'promoter_id', promoterId));
}
