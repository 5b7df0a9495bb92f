// What an order of the hostile market must come to, reckoned from everything that was said of it.

import { SELLER_PPM, UPLINE_PPM } from '../../market.ts';
import { factsOf, type Facts, type LineFacts } from './facts.ts';
import { DAY_MS, type SaidRefund, type Status, type ToldOrder } from './said.ts';
import { HOLD_DAYS, NEVER_EARNS, windowMs, type World } from './world.ts';

type Decision = 'attributed' | 'unattributed' | 'not_commissionable' | 'duplicate_order' | 'parent_earns' | 'void' | 'pending';

interface ReckonedLine {
  lineId: string;
  paid: number;
  refunded: number;
  award: string;
  decision: Decision;
  evidence: string | null;
  promoterId: string | null;
  pool: number;
  /** `role promoter amount`, sorted. */
  shares: string[];
  completedAt: number | null;
}

export interface ReckonedOrder {
  status: Status;
  void: boolean;
  currency: string | null;
  award: string;
  createdAt: number | null;
  paidAt: number | null;
  completedAt: number | null;
  lines: ReckonedLine[];
  /** Nobody agrees on its currency. */
  isConflict: boolean;
  /** More was given back than was paid. */
  isOverRefunded: boolean;
}

interface Winner {
  kind: string;
  promoterId: string;
}

const KINDS = ['click_token', 'link_code', 'coupon_code', 'platform'] as const;

/**
 * Who earns a line by what is said on it and on its order, else by the buyer's clicks, else by the
 * buyer's earlier order.
 */
function winnerOf(line: LineFacts, facts: Facts, attributionAt: number, order: ToldOrder, world: World): Winner | null {
  const asked = { productId: line.productId, attributionAt, world, hasWords: order.sourceId !== 'rest' };
  const parents = (order.parentOf ?? []).map((parent) => factsOf(parent.sayings));
  for (const kind of KINDS) {
    const ofLine = [line, ...parents.flatMap((parent) => parent.lines.get(line.lineId) ?? [])].flatMap(({ evidence }) => [
      ...evidence[kind],
    ]);
    const ofOrder = [facts, ...parents].flatMap(({ evidence }) => [...evidence[kind]]);
    const winner = strongest(kind, ofLine.length > 0 ? ofLine : ofOrder, asked);
    if (winner !== null) return { kind, promoterId: winner };
  }
  const clicked = strongest('click_token', clicksOf(facts.buyer, world), asked);
  if (clicked !== null) return { kind: 'click', promoterId: clicked };
  return order.lockedBy === undefined ? null : lockOf(order.lockedBy, world);
}

/** The tokens of the clicks that the buyer is known to have made. */
function clicksOf(buyers: readonly Record<string, string>[], { clicks }: World): [string, number][] {
  const identities = new Set(buyers.flatMap((buyer) => Object.entries(buyer).map(([type, value]) => `${type} ${value}`)));
  return clicks
    .filter(({ buyer }) => Object.entries(buyer ?? {}).some(([type, value]) => identities.has(`${type} ${value}`)))
    .map(({ token, at }) => [token, at]);
}

/** An order locks its buyer by the line that was paid most for. */
function lockOf(order: ToldOrder, world: World): Winner | null {
  const lines = reckonOrder(order, world).lines.filter(({ decision }) => decision === 'attributed');
  const [best] = lines.toSorted((a, b) => b.paid - a.paid);
  return best === undefined ? null : { kind: 'lock', promoterId: best.promoterId! };
}

interface Asked {
  productId: string | null;
  attributionAt: number;
  world: World;
  /** The source has words of its own for promoters, which mappings explain. */
  hasWords: boolean;
}

const fold = (text: string) => text.toUpperCase();

interface Candidate {
  promoterId: string;
  productId: string | null;
  at: number;
  reference: string;
}

/**
 * The promoter of the last of those that count: those for exactly this product go before all
 * others.
 */
function strongest(kind: (typeof KINDS)[number], values: readonly (readonly [value: string, at: number])[], asked: Asked): string | null {
  const { productId, world } = asked;
  const candidates = values
    .flatMap(([value, at]) => candidateOf(kind, value, at, asked))
    .filter(({ promoterId }) => world.around.has(promoterId));
  const exact = candidates.filter((one) => productId !== null && one.productId === productId);
  const rivals = (exact.length > 0 ? exact : candidates).toSorted((a, b) => a.at - b.at || (a.reference < b.reference ? -1 : 1));
  return rivals.at(-1)?.promoterId ?? null;
}

function candidateOf(kind: (typeof KINDS)[number], value: string, at: number, { attributionAt, world, hasWords }: Asked): Candidate[] {
  const linkOf = (code: string) => world.links.find((link) => link.code === code);
  if (kind === 'click_token') {
    const click = world.clicks.find(({ token }) => token === value);
    const link = click && linkOf(click.code);
    if (click === undefined || link === undefined) return [];
    const isInTime = click.at <= attributionAt + 300_000 && click.at >= attributionAt - windowMs(link);
    return isInTime ? [{ ...link, at: click.at, reference: value }] : [];
  }
  if (kind === 'link_code') {
    const link = linkOf(value);
    return link === undefined ? [] : [{ ...link, at, reference: value }];
  }
  const promoterId =
    kind === 'coupon_code'
      ? [...world.coupons].find(([code]) => fold(code) === fold(value))?.[1]
      : hasWords
        ? (world.platformNames.get(value) ?? undefined)
        : value;
  return promoterId === undefined ? [] : [{ promoterId, productId: null, at, reference: value }];
}

/** What an order must come to after all that is ever said of it. */
export function reckonOrder(order: ToldOrder, world: World): ReckonedOrder {
  const facts = factsOf(order.sayings);
  const lines = [...facts.lines.values()].toSorted((a, b) => compareLines(a.lineId, b.lineId));
  const refunded = spreadRefunds(lines, facts.refunds);
  const releasedBefore = new Set([1, 2].flatMap((phase) => [...releasedAfter(order, phase, world)]));
  const reckoned = lines.map((line, index) => reckonLine(line, refunded[index]!, { facts, order, world, releasedBefore }));
  const given = facts.refunds.filter(({ status = 'succeeded' }) => status === 'succeeded').reduce((sum, { amount = 0 }) => sum + amount, 0);
  const paid = lines.filter(({ isGone }) => !isGone).reduce((sum, line) => sum + line.paid, 0);
  const isConflict = facts.currencies.length > 1;
  return {
    status: facts.status,
    void: facts.void !== false,
    currency: isConflict ? null : (facts.currencies[0] ?? 'CNY'),
    award: awardOf(reckoned, facts.void !== false),
    createdAt: facts.createdAt,
    paidAt: facts.paidAt,
    completedAt: facts.completedAt,
    lines: reckoned,
    isConflict,
    isOverRefunded: given > paid && (facts.depositPaidAt ?? facts.paidAt) !== null,
  };
}

/**
 * Lines whose hold had ended after the phases up to `phase`: what is said later takes no release
 * back.
 */
function releasedAfter(order: ToldOrder, phase: number, world: World): Set<string> {
  const facts = factsOf(order.sayings.filter((saying) => saying.phase <= phase));
  const ended = [...facts.lines.values()].filter((line) => {
    const completedAt = completionOf(line, facts);
    const isHeld = facts.heldLines.has(null) || facts.heldLines.has(line.lineId);
    return completedAt !== null && !isHeld && completedAt + HOLD_DAYS * DAY_MS < world.now;
  });
  return new Set(ended.map(({ lineId }) => lineId));
}

const completionOf = (line: LineFacts, facts: Facts) => line.completedAt ?? (facts.status === 'completed' ? facts.completedAt : null);

interface Around {
  facts: Facts;
  order: ToldOrder;
  world: World;
  releasedBefore: ReadonlySet<string>;
}

function reckonLine(line: LineFacts, refunded: number, around: Around): ReckonedLine {
  const { facts, world } = around;
  const { decision, winner } = decide(line, around);
  const completedAt = completionOf(line, facts);
  const told = { lineId: line.lineId, paid: line.paid, refunded, completedAt };
  if (decision !== 'attributed') {
    return { ...told, award: decision === 'void' ? 'void' : 'none', decision, evidence: null, promoterId: null, pool: 0, shares: [] };
  }
  const pool = part(Math.max(0, line.paid - refunded), world.ratePpm);
  const isRefunded = refunded > 0 && refunded >= line.paid;
  const state = around.releasedBefore.has(line.lineId) ? 'released' : completedAt === null ? 'estimated' : 'confirmed';
  const { kind, promoterId } = winner!;
  const shares = sharesOf(promoterId, pool, world);
  return { ...told, award: isRefunded ? 'void' : state, decision, evidence: kind, promoterId, pool, shares };
}

function decide(line: LineFacts, { facts, order, world }: Around): { decision: Decision; winner?: Winner } {
  const attributionAt = facts.depositPaidAt ?? facts.paidAt;
  if (facts.void !== false) return { decision: 'void' };
  if (facts.currencies.length > 1) return { decision: 'pending' };
  if (facts.status === 'created' || attributionAt === null) return { decision: 'pending' };
  if (order.isSplit === true) return { decision: 'void' };
  if (order.isDuplicate === true) return { decision: 'duplicate_order' };
  if (facts.parent?.kind === 'gift') return { decision: 'parent_earns' };
  if (line.isGone || line.quantity === 0) return { decision: 'void' };
  const isBarred = line.notCommissionable !== false || facts.test || facts.sample || line.productId === NEVER_EARNS;
  if (isBarred) return { decision: 'not_commissionable' };
  const winner = winnerOf(line, facts, attributionAt, order, world);
  return winner === null ? { decision: 'unattributed' } : { decision: 'attributed', winner };
}

const part = (amount: number, ppm: number) => Number((BigInt(amount) * BigInt(ppm)) / 1_000_000n);

/**
 * The agency has the pool, pays the seller, who pays whoever invited. What would be an absent one's
 * stays with its payer, above all the merchant.
 */
function sharesOf(promoterId: string, pool: number, { around }: World): string[] {
  const { agency, upline } = around.get(promoterId)!;
  const ofSeller = part(pool, SELLER_PPM);
  const ofUpline = part(ofSeller, UPLINE_PPM);
  const shares: [role: string, promoterId: string | null, amount: number][] = [
    ['agency', agency, pool - ofSeller],
    ['promoter', promoterId, upline === null ? ofSeller : ofSeller - ofUpline],
    ['upline', upline, ofUpline],
  ];
  return shares
    .filter(([, who, amount]) => who !== null && amount > 0)
    .map((share) => share.join(' '))
    .toSorted();
}

/**
 * The least advanced of the lines that earn; without one, void where one was wholly given back,
 * else the least advanced that somebody won.
 */
function awardOf(lines: readonly ReckonedLine[], isVoid: boolean): string {
  const order = ['none', 'estimated', 'confirmed', 'released'];
  const won = lines.filter(({ decision }) => decision === 'attributed');
  if (isVoid || (lines.length > 0 && lines.every(({ decision }) => decision === 'void'))) return 'void';
  const earning = won.filter(({ paid, refunded }) => paid > refunded);
  if (earning.length === 0 && won.some(({ award }) => award === 'void')) return 'void';
  const counted = (earning.length > 0 ? earning : won).map(({ award }) => order.indexOf(award));
  return counted.length === 0 ? 'none' : order[Math.min(...counted)]!;
}

/**
 * Refunds of no line are taken together and spread over what the lines have left, by largest
 * remainder, ties to the lower line.
 */
function spreadRefunds(lines: readonly LineFacts[], refunds: readonly SaidRefund[]): number[] {
  const counted = refunds.filter(({ status = 'succeeded' }) => status === 'succeeded');
  const sumOf = (lineId: string | undefined) =>
    counted.filter((one) => one.lineId === lineId).reduce((sum, { amount = 0 }) => sum + amount, 0);
  const own = lines.map(({ lineId }) => sumOf(lineId));
  const left = lines.map(({ isGone, quantity, paid }, index) => (isGone || quantity === 0 ? 0 : Math.max(0, paid - own[index]!)));
  const whole = left.reduce((sum, one) => sum + one, 0);
  const spread = Math.min(sumOf(undefined), whole);
  if (spread === 0) return own;
  const exact = left.map((one) => BigInt(one) * BigInt(spread));
  const floors = exact.map((one) => Number(one / BigInt(whole)));
  const rest = exact.map((one, index) => ({ index, over: one % BigInt(whole) })).toSorted((a, b) => Number(b.over - a.over));
  const missing = spread - floors.reduce((sum, one) => sum + one, 0);
  for (const { index } of rest.slice(0, missing)) floors[index]! += 1;
  return own.map((amount, index) => amount + floors[index]!);
}

/** Lines of digits by their number, all others behind them by their text. */
export function compareLines(a: string, b: string): number {
  const numbers = [a, b].map((id) => (/^\d+$/.test(id) ? BigInt(id) : null));
  const [x, y] = [numbers[0]!, numbers[1]!];
  if (x !== null && y !== null && x !== y) return x < y ? -1 : 1;
  if ((x === null) !== (y === null)) return x === null ? 1 : -1;
  return a < b ? -1 : 1;
}
