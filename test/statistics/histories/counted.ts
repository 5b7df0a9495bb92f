// What the facts count for, one by one, as the contract of the statistics says it: no sum, no
// roll-up and no code of the service that counts.

import type { PinnedWinner } from '../../../src/commission/award/pin.ts';
import { allocate } from '../../../src/core/money.ts';
import { compareLineIds } from '../../../src/core/split.ts';
import type { DecisionFact, Facts, OrderFact, TransferFact, Version } from './facts.ts';

/** Under what something counts; null is without one. */
export interface Keys {
  merchant_id: string;
  promoter_id: string | null;
  product_id: string | null;
  category: string | null;
  scene: string | null;
  campaign_id: string | null;
  link_code: string | null;
  source_id: string | null;
  agency_id: string | null;
  level: number | null;
}

export type Basis = 'order' | 'booking';

/** What adds up. */
export const SUMS = [
  'clicks',
  'bot_clicks',
  'links_made',
  'units',
  'paid_amount',
  'refunded_amount',
  'refunds',
  'commission_estimated',
  'commission_confirmed',
  'commission_released',
  'commission_reversed',
] as const;
export type Sum = (typeof SUMS)[number];

/** One thing that counts at its time. Orders and buyers count once, however often they are here. */
export interface Counted {
  at: number;
  currency: string;
  keys: Keys;
  sums: Partial<Record<Sum, number>>;
  order?: bigint;
  unattributed?: bigint;
  buyer?: string;
}

const NOBODY: Omit<Keys, 'merchant_id'> = {
  promoter_id: null,
  product_id: null,
  category: null,
  scene: null,
  campaign_id: null,
  link_code: null,
  source_id: null,
  agency_id: null,
  level: null,
};

/** All that counts, with commission by the basis. */
export function countAll(facts: Facts, basis: Basis): Counted[] {
  return [
    ...countTraffic(facts),
    ...facts.orders.flatMap((order) => [
      ...countWon(order, facts),
      ...(basis === 'order' ? [...countShares(order, facts), ...countTakenBack(order, facts)] : countBooked(order, facts)),
    ]),
    ...(basis === 'booking' ? facts.bonuses.map(countBonus) : []),
  ];
}

/** What was in force at `at` of what was written before `recordedAt`. */
function known(versions: readonly Version[] | undefined, at: number, recordedAt: number): string | null {
  let best: Version | null = null;
  for (const one of versions ?? []) {
    if (one.from > at || one.recordedAt > recordedAt) continue;
    if (best === null || one.from > best.from || (one.from === best.from && one.version > best.version)) best = one;
  }
  return best?.value ?? null;
}

function countTraffic({ links, clicks, agencies, categories, currencies }: Facts): Counted[] {
  const rowOf = (code: string, at: number, recordedAt: number) => {
    const link = links.get(code)!;
    const category = link.productId === null ? null : known(categories.get(`${link.merchantId} ${link.productId}`), at, recordedAt);
    const keys: Keys = {
      ...NOBODY,
      merchant_id: link.merchantId,
      promoter_id: link.promoterId,
      product_id: link.productId,
      category,
      scene: link.scene,
      campaign_id: link.campaignId,
      link_code: code,
      agency_id: known(agencies.get(link.promoterId), at, recordedAt),
    };
    return { at, currency: known(currencies.get(link.merchantId), at, recordedAt)!, keys };
  };
  return [
    ...[...links.values()].map(({ code, madeAt }) => ({ ...rowOf(code, madeAt, madeAt), sums: { links_made: 1 } })),
    ...clicks.map(({ linkCode, clickedAt, recordedAt, identity, bot }) => ({
      ...rowOf(linkCode, clickedAt, recordedAt),
      sums: bot ? { bot_clicks: 1 } : { clicks: 1 },
      ...(identity !== null && !bot && { buyer: identity }),
    })),
  ];
}

const linesOf = ({ decisions, revision }: OrderFact): DecisionFact[] =>
  decisions.filter((one) => one.revision === revision).toSorted((a, b) => compareLineIds(a.lineId, b.lineId));

/** The category is what the decision pinned: the line's own, else that of its product. */
function orderKeys({ productId, pin }: DecisionFact, { merchantId, sourceId }: OrderFact): Keys {
  const category = pin?.category ?? pin?.product_category ?? null;
  return { ...NOBODY, merchant_id: merchantId, product_id: productId, category, source_id: sourceId };
}

function winnerKeys(winner: PinnedWinner, { links }: Facts) {
  return {
    scene: winner.link_code === null ? null : (links.get(winner.link_code)?.scene ?? null),
    campaign_id: winner.campaign_id,
    link_code: winner.link_code,
    agency_id: winner.agency_id,
  };
}

const weightOf = ({ weight, weight_ppm }: PinnedWinner): bigint => BigInt(weight ?? weight_ppm);

/** What buyers bought: each line divided among its winners. */
function countWon(order: OrderFact, facts: Facts): Counted[] {
  if (order.attributionAt === null || order.currency === null) return [];
  const [at, currency] = [order.attributionAt, order.currency];
  const lines = linesOf(order);
  const won = lines.filter(({ decision }) => decision === 'attributed');
  if (won.length === 0) {
    return lines
      .filter(({ decision }) => decision === 'unattributed')
      .map((line) => ({ at, currency, keys: orderKeys(line, order), sums: {}, unattributed: order.orderKey }));
  }
  const refunds = order.told.refunds.filter(({ status, amount }) => status === 'succeeded' && amount > 0n);
  return won.flatMap((line, index) => {
    const { winners } = line.pin!;
    const count = refunds.filter(({ lineId }) => lineId === line.lineId || (lineId === null && index === 0)).length;
    const parts = (total: bigint | number): number[] => allocate(BigInt(total), winners.map(weightOf)).map(Number);
    const [units, paid, refunded, times] = [parts(line.quantity), parts(line.paid), parts(line.refunded), parts(count)];
    return winners.map((winner, place) => ({
      at,
      currency,
      keys: { ...orderKeys(line, order), ...winnerKeys(winner, facts), promoter_id: winner.promoter_id },
      sums: { units: units[place]!, paid_amount: paid[place]!, refunded_amount: refunded[place]!, refunds: times[place]! },
      order: order.orderKey,
    }));
  });
}

/** One share of one line, whatever it came to from revision to revision. */
interface Slot {
  lineId: string;
  role: string;
  level: number | null;
  promoterId: string;
  campaignId: string | null;
}

/** What a winner's part of a line gives to one slot. */
interface Part {
  slot: Slot;
  amount: number;
  winner: PinnedWinner;
}

/**
 * The shares of promoters as the reckoning tells them, winner by winner, and what a campaign pays
 * each winner beside them.
 */
function partsOf({ lineId, pin, arithmetic }: DecisionFact): Part[] {
  if (pin === null) return [];
  const winnerNamed = (id: string): PinnedWinner => pin.winners.find((one) => one.promoter_id === id)!;
  const parts: Part[] = [];
  let winner = pin.winners[0]!;
  for (const step of arithmetic) {
    if (step.step === 'winner') winner = winnerNamed(step.promoter_id);
    if (step.step !== 'share' || step.promoter_id === null) continue;
    const slot = { lineId, role: step.role, level: step.level ?? null, promoterId: step.promoter_id, campaignId: null };
    parts.push({ slot, amount: Number(step.amount), winner });
  }
  for (const { promoter_id: promoterId, amount } of pin.boost?.parts ?? []) {
    const slot = { lineId, role: 'boost', level: null, promoterId, campaignId: pin.boost!.campaign_id };
    parts.push({ slot, amount, winner: winnerNamed(promoterId) });
  }
  return parts.filter(({ amount }) => amount > 0);
}

const isOf = ({ lineId, role, level, promoterId, campaignId }: Slot, transfer: TransferFact): boolean =>
  lineId === transfer.lineId &&
  role === transfer.role &&
  level === transfer.level &&
  promoterId === transfer.promoterId &&
  campaignId === transfer.campaignId;

function partKeys({ slot, winner }: Part, decision: DecisionFact, order: OrderFact, facts: Facts): Keys {
  const { promoterId, level } = slot;
  return { ...orderKeys(decision, order), ...winnerKeys(winner, facts), promoter_id: promoterId, level };
}

/** What the lines of an order pay now, by what they have come to. */
function countShares(order: OrderFact, facts: Facts): Counted[] {
  return linesOf(order).flatMap((line) => {
    const isReleased = order.releasedLines.has(line.lineId);
    const isComplete = order.told.lines.find(({ lineId }) => lineId === line.lineId)?.completedAt != null;
    const sum: Sum = isReleased ? 'commission_released' : isComplete ? 'commission_confirmed' : 'commission_estimated';
    return partsOf(line).map((part) => ({
      at: order.attributionAt!,
      currency: order.currency!,
      keys: partKeys(part, line, order, facts),
      sums: { [sum]: part.amount },
    }));
  });
}

/**
 * A booking under the keys of the last decision until a revision in which its share stood; one that
 * several winners had part in is divided by their parts in it.
 */
function countTransfer(
  transfer: TransferFact,
  { order, facts, until, at, sum }: { order: OrderFact; facts: Facts; until: number; at: number; sum: Sum },
): Counted[] {
  const standing = order.decisions
    .filter(({ revision }) => revision <= until)
    .map((decision) => ({ decision, parts: partsOf(decision).filter(({ slot }) => isOf(slot, transfer)) }))
    .filter(({ parts }) => parts.length > 0);
  const { decision, parts } = standing.reduce((last, one) => (one.decision.revision > last.decision.revision ? one : last));
  const divided = allocate(
    BigInt(transfer.amount),
    parts.map(({ amount }) => BigInt(amount)),
  );
  return parts.map((part, index) => ({
    at,
    currency: transfer.currency,
    keys: partKeys(part, decision, order, facts),
    sums: { [sum]: Number(divided[index]) },
  }));
}

/** What was booked and taken back, at the time of the order. */
function countTakenBack(order: OrderFact, facts: Facts): Counted[] {
  const as = { order, facts, until: Infinity, at: order.attributionAt!, sum: 'commission_reversed' } as const;
  return order.transfers.filter(({ kind }) => kind === 'reverse').flatMap((transfer) => countTransfer(transfer, as));
}

const SUM_OF_KIND = { accrue: 'commission_estimated', reverse: 'commission_reversed', release: 'commission_released' } as const;

/** What was booked of an order, when it was booked. */
function countBooked(order: OrderFact, facts: Facts): Counted[] {
  return order.transfers.flatMap((transfer) => {
    const { revision, bookedAt: at, kind } = transfer;
    return countTransfer(transfer, { order, facts, until: revision!, at, sum: SUM_OF_KIND[kind] });
  });
}

function countBonus({ kind, merchantId, promoterId, currency, bookedAt, amount }: TransferFact): Counted {
  const keys: Keys = { ...NOBODY, merchant_id: merchantId, promoter_id: promoterId };
  return { at: bookedAt, currency, keys, sums: { [SUM_OF_KIND[kind]]: amount } };
}
