// What is told to the world of an award: that the commission of an order stands otherwise than
// before. Pure.
import type { Event, EventType } from '../../outbound/event.ts';
import type { AwardHeader, DueOrder, NewHeader } from './standing-award.ts';
import type { LineDecision } from './decision.ts';

type State = AwardHeader['state'];

/** What each promoter gets of the order, net; null is the platform. */
type Totals = ReadonlyMap<string | null, bigint>;

const EARNING: Partial<Record<State, EventType>> = {
  estimated: 'commission.estimated',
  confirmed: 'commission.confirmed',
  released: 'commission.released',
};

/**
 * The event of an award, or none: nobody is told of a new revision by which nobody's money has
 * changed, nor its state.
 */
export function commissionEvents(
  due: DueOrder,
  { headers: [header], lines }: { headers: readonly NewHeader[]; lines: readonly LineDecision[] },
  { now, reRatingId = null }: { now: Date; reRatingId?: string | null },
): Event[] {
  if (header === undefined) return [];
  const { orderKey, merchantId, sourceId, orderId, award } = due;
  const former = award?.header.state ?? 'none';
  const [before, after] = [formerTotals(due), totalsOf(lines)];
  const type = typeOf({ former, state: header.state, changed: !sameTotals(before, after) });
  if (type === null) return [];
  const promoterIds = [...new Set([...before.keys(), ...after.keys()])];
  const totals = promoterIds.map((promoterId) => ({
    promoter_id: promoterId,
    amount: after.get(promoterId) ?? 0n,
    former_amount: before.get(promoterId) ?? 0n,
  }));
  const data = {
    merchant_id: merchantId,
    source_id: sourceId,
    order_id: orderId,
    revision: header.revision,
    award: header.state,
    former_award: former,
    currency: header.currency,
    releases_at: header.releasesAt?.toISOString() ?? null,
    totals,
    ...(reRatingId !== null && { re_rating_id: reRatingId }),
  };
  return [{ type, key: `${orderKey} ${header.revision} ${former} ${header.state}`, merchantId, at: now, data }];
}

function typeOf({ former, state, changed }: { former: State; state: State; changed: boolean }): EventType | null {
  const earning = EARNING[state];
  if (earning === undefined) return EARNING[former] === undefined ? null : 'commission.reversed';
  if (former !== state) return earning;
  return changed ? 'commission.adjusted' : null;
}

function totalsOf(lines: readonly LineDecision[]): Totals {
  return sum(lines.flatMap(({ split }) => split.shares.map(({ promoterId, amount }) => [promoterId, amount] as const)));
}

function formerTotals({ award }: DueOrder): Totals {
  const shares = award?.lines.flatMap((line) => line.shares) ?? [];
  return sum(shares.map((share) => [share.promoter_id, BigInt(share.amount)] as const));
}

function sum(amounts: readonly (readonly [promoterId: string | null, amount: bigint])[]): Totals {
  const totals = new Map<string | null, bigint>();
  for (const [promoterId, amount] of amounts) totals.set(promoterId, (totals.get(promoterId) ?? 0n) + amount);
  for (const [promoterId, amount] of totals) if (amount === 0n) totals.delete(promoterId);
  return totals;
}

function sameTotals(a: Totals, b: Totals): boolean {
  return a.size === b.size && [...a].every(([promoterId, amount]) => b.get(promoterId) === amount);
}
