// Loads what a batch of orders is decided from, and lays out for each order what it and its buyer's
// past tell. A constant number of queries.
import type { KeyObject } from 'node:crypto';
import type { Kysely } from 'kysely';
import { viewOrder, type Order } from '../../core/order.ts';
import type { Policy } from '../../core/policy.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { groupsOf } from '../../promotion/buyers/buyer-store.ts';
import { parentKey, readParents } from '../award/award-store.ts';
import type { DueOrder } from '../award/standing-award.ts';
import { readClicks, readLocks, type BuyerQuestion } from './buyer-orders-store.ts';
import { readApprovedClaims } from './approved-claim-store.ts';
import { readTokens, reportedOf, type Reported, type EvidenceSources } from './evidence.ts';
import type { Facts, LinkFacts } from './facts.ts';
import { readCoupons, readLinks, readMerchants, readProducts, readPromoters } from './facts-store.ts';
import { NO_CAMPAIGNS } from '../campaigns/campaign-cache.ts';
import type { Rules } from '../rules/rule-cache.ts';
import { readTierPeriods } from '../tiers/tier-store.ts';
import { DAY_MS } from '../../platform/durations.ts';

// Evidence that is too old or too late loses with its reason; this far beyond the window it is
// still looked at.
const LOOK_BACK_MS = 30 * DAY_MS;
const LOOK_AHEAD_MS = DAY_MS;

/**
 * An order of the batch with everything it says, and of a split order's child what its parent says
 * too.
 */
export interface AwardInput {
  due: DueOrder;
  order: Order;
  told: EvidenceSources;
}

/** An order with what its own reports, and those of the order that it is a part of, brought. */
interface ReadOrder {
  due: DueOrder;
  order: Order;
  reported: Reported;
  identities: readonly string[];
}

interface InputDeps {
  tokenKeys: KeyObject[];
  levelsMax: number;
}

/**
 * Reads the facts for a batch of orders and what each of them tells. Reads only; nothing is decided
 * here.
 */
export async function gatherInputs(
  db: Kysely<DB>,
  due: readonly DueOrder[],
  rules: Rules,
  deps: InputDeps,
): Promise<{ inputs: AwardInput[]; facts: Facts }> {
  const parents = await readParents(
    db,
    due.flatMap((one) => (one.parentKind === 'split' ? [{ ...one, parentOrderId: one.parentOrderId! }] : [])),
  );
  const read = due.map((one): ReadOrder => {
    const parent = parents.get(parentKey(one.merchantId, one.sourceId, one.parentOrderId ?? ''));
    const order = viewOrder(one.merged);
    if (parent === undefined) return { due: one, order, reported: reportedOf([order]), identities: order.identities };
    const whole = viewOrder(parent, { wholeUntil: order.toldFrom ?? undefined });
    const part = withParent(order, whole);
    return { due: one, order: part, reported: reportedOf([part, whole]), identities: [...part.identities, ...whole.identities] };
  });
  const facts: Facts = {
    merchants: await readMerchants(db, [...new Set(due.map((one) => one.merchantId))]),
    products: await readProducts(
      db,
      read.flatMap(({ due: { merchantId }, order }) => productsOf(merchantId, order)),
    ),
    coupons: await loadCoupons(db, read),
    promoters: new Map(),
    links: new Map(),
    tierPeriods: [],
    rules: rules.book,
    campaigns: NO_CAMPAIGNS,
    levelsMax: deps.levelsMax,
  };
  const inputs = read.map((one) => ({ due: one.due, order: one.order, told: toldBy(one, facts, deps.tokenKeys) }));
  const claims = await readApprovedClaims(db, due);
  for (const { due: one, told } of inputs) told.claims = claims.get(one.orderKey) ?? [];
  await addBuyersPast(db, inputs, facts);
  for (const link of await loadLinks(db, inputs)) facts.links.set(link.code, link);
  await loadPromoters(db, inputs, facts, rules.named);
  facts.tierPeriods = await loadTiers(db, inputs, facts);
  return { inputs, facts };
}

/**
 * A part of a split order has its parent's evidence too, line by line and for the whole, of
 * which talent and scene are single words.
 */
function withParent(order: Order, parent: Order): Order {
  const ofParent = new Map(parent.lines.map((line) => [line.lineId, line]));
  const lines = order.lines.map((line) => {
    const { talentId, scene } = ofParent.get(line.lineId) ?? parent;
    return { ...line, talentId: line.talentId ?? talentId, scene: line.scene ?? scene };
  });
  return { ...order, lines, talentId: order.talentId ?? parent.talentId, scene: order.scene ?? parent.scene };
}

function productsOf(merchantId: string, order: Order) {
  return order.lines.flatMap(({ productId }) => (productId === null ? [] : [{ merchantId, productId }]));
}

async function loadCoupons(db: Kysely<DB>, read: readonly ReadOrder[]): Promise<Facts['coupons']> {
  const wanted = read.flatMap(({ due: { merchantId }, reported }) =>
    reported.pieces.flatMap(({ kind, value }) => (kind === 'coupon_code' ? [{ merchantId, code: value }] : [])),
  );
  return wanted.length === 0 ? new Map() : readCoupons(db, wanted);
}

type MutableTold = { -readonly [Key in keyof EvidenceSources]: EvidenceSources[Key] };

function toldBy({ due: { merchantId }, order, reported, identities: told }: ReadOrder, facts: Facts, tokenKeys: KeyObject[]): MutableTold {
  const identities = new Set(told);
  return {
    merchantId,
    attributionAt: order.attributionAt ?? 0,
    reported,
    tokens: readTokens(tokenKeys, reported.pieces),
    clicks: [],
    locks: [],
    claims: [],
    identities,
    identitiesTold: identities.size,
    refusesSelf: policiesOf(merchantId, facts).some((policy) => !policy.allow_self_purchase),
  };
}

/**
 * All policies that the merchant ever had: a decision may hold on to one that is not in force any
 * more.
 */
function policiesOf(merchantId: string, facts: Facts): Policy[] {
  return facts.merchants.get(merchantId)?.map((terms) => terms.policy) ?? [];
}

const clickDays = (policy: Policy) => Math.max(policy.product_click_days, policy.content_click_days);
const lockDays = (policy: Policy) => policy.order_lock_days;

async function addBuyersPast(db: Kysely<DB>, inputs: readonly (AwardInput & { told: MutableTold })[], facts: Facts): Promise<void> {
  const identified = inputs.filter(({ told, order }) => told.identities.size > 0 && order.attributionAt !== null);
  if (identified.length === 0) return;
  const groups = await groupsOf(db, [...new Set(identified.flatMap(({ told }) => [...told.identities]))]);
  for (const { told } of identified) told.identities = new Set([...told.identities].flatMap((identity) => groups.get(identity)!));

  const ask = (daysOf: (policy: Policy) => number, aheadMs: number): BuyerQuestion[] =>
    identified.map(({ due: { orderKey }, told: { merchantId, attributionAt, identities } }) => ({
      orderKey,
      identities: [...identities],
      from: attributionAt - Math.max(0, ...policiesOf(merchantId, facts).map(daysOf)) * DAY_MS - LOOK_BACK_MS,
      until: attributionAt + aheadMs,
    }));
  const clicks = await readClicks(db, ask(clickDays, LOOK_AHEAD_MS));
  const locks = await readLocks(db, ask(lockDays, 0));
  for (const one of identified) {
    one.told.clicks = clicks.get(one.due.orderKey) ?? [];
    one.told.locks = locks.get(one.due.orderKey) ?? [];
  }
}

async function loadLinks(db: Kysely<DB>, inputs: readonly AwardInput[]): Promise<LinkFacts[]> {
  const codes = new Set<string>();
  for (const { told } of inputs) {
    for (const read of told.tokens.values()) if (read !== null) codes.add(read.linkCode);
    for (const { kind, value } of told.reported.pieces) if (kind === 'link_code') codes.add(value);
    for (const { linkCode } of told.clicks) codes.add(linkCode);
    for (const { linkCode } of [...told.locks, ...told.claims]) if (linkCode !== null) codes.add(linkCode);
  }
  return codes.size === 0 ? [] : readLinks(db, [...codes]);
}

/** The tiers of all who may win, as of the earliest time for which an order is attributed. */
async function loadTiers(db: Kysely<DB>, inputs: readonly AwardInput[], facts: Facts): Promise<Facts['tierPeriods']> {
  const paid = inputs.flatMap(({ order: { attributionAt } }) => (attributionAt === null ? [] : [attributionAt]));
  if (paid.length === 0) return [];
  const since = paid.reduce((earliest, at) => Math.min(earliest, at));
  return readTierPeriods(db, { merchantIds: [...facts.merchants.keys()], promoterIds: [...facts.promoters.keys()], since });
}

/**
 * All promoters who may win, and round by round those above them: inviters as far as chains are
 * paid, agencies, talents.
 */
async function loadPromoters(db: Kysely<DB>, inputs: readonly AwardInput[], facts: Facts, named: readonly string[]): Promise<void> {
  let wanted = new Set<string>(named);
  for (const { told, order } of inputs) {
    for (const { kind, value } of told.reported.pieces) if (kind === 'platform') wanted.add(value);
    for (const { promoterId } of [...told.locks, ...told.claims]) wanted.add(promoterId);
    for (const { talentId } of order.lines) if (talentId !== null) wanted.add(talentId);
  }
  for (const link of facts.links.values()) {
    for (const id of [link.promoterId, link.talentId, ...link.sharers]) if (id !== null) wanted.add(id);
  }
  for (const history of facts.coupons.values()) for (const { promoterId } of history) if (promoterId !== null) wanted.add(promoterId);

  for (let round = 0; round <= facts.levelsMax && wanted.size > 0; round++) {
    const found = await readPromoters(db, [...wanted]);
    wanted = new Set();
    for (const [promoterId, history] of found) {
      facts.promoters.set(promoterId, history);
      for (const terms of history) for (const id of [terms.inviterId, terms.agencyId]) if (id !== null) wanted.add(id);
    }
    for (const id of wanted) if (facts.promoters.has(id)) wanted.delete(id);
  }
}
