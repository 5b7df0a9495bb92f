// What an awarded order counts for. Pure: the fold counts by it, whoever reads what is not folded
// yet counts by it, and so does whoever counts again.

import { allocate } from '../../core/money.ts';
import type { AwardedLine, AwardedOrder, AwardedProgress, AwardedSlot, AwardedTransfer, AwardedWinner } from './awarded-order.ts';
import { NO_SUMS, SUMS, type Counted, type CountedKeys, type CountedSums } from './counted.ts';

/** Keys that a line and a winner of it give to all rows that come of them. */
type SaleKeys = Pick<CountedKeys, 'productId' | 'category' | 'scene' | 'campaignId' | 'linkCode' | 'agencyId'>;

/** Where a share stood in a decision; what is booked of it is divided by the amounts. */
interface Stand {
  revision: number;
  parts: { keys: SaleKeys; amount: bigint }[];
}

/**
 * The rows of an order: of each attributed line one for each winner, who has its part of units,
 * amounts and refunds by weight, and one for each holder of a share; of each booking one for each
 * holder. Rows with the same keys are one. An order that is not paid counts for nothing but its
 * bookings.
 */
export function countOrder(order: AwardedOrder): Counted[] {
  const rows = new RowsOfOrder(order);
  const stands = standsOf(order.lines);
  const standing = order.lines.filter((line) => line.revision === order.revision);
  const { attributionAt, currency } = order;
  if (attributionAt !== null && currency !== null) {
    const place = { basis: 'order', at: attributionAt, currency } as const;
    for (const line of standing) if (line.decision === 'attributed') countLine(line, order, rows, place);
    if (!standing.some((line) => line.decision === 'attributed')) {
      for (const line of standing) {
        if (line.decision !== 'unattributed') continue;
        rows.at({ ...place, ...NOBODY, productId: line.productId }, line.lineId).unattributed = true;
      }
    }
  }
  for (const transfer of order.transfers) countTransfer(transfer, order, rows, stands.get(slotName(transfer)) ?? []);
  return rows.counted();
}

/** What is booked of a bonus, which is of no order. */
export interface BonusTransfer {
  merchantId: string;
  promoterId: string;
  kind: AwardedTransfer['kind'];
  currency: string;
  amount: bigint;
  bookedAt: Date;
}

/** The row of a booking of a bonus. */
export function countBonus({ merchantId, promoterId, kind, currency, amount, bookedAt }: BonusTransfer): Counted {
  return {
    orderKey: null,
    lineId: null,
    basis: 'booking',
    at: bookedAt,
    merchantId,
    currency,
    ...NOBODY,
    promoterId,
    sourceId: null,
    ...NO_SUMS,
    [SUM_OF_KIND[kind]]: amount,
    winsOrder: false,
    unattributed: false,
  };
}

const NO_SALE: SaleKeys = { productId: null, category: null, scene: null, campaignId: null, linkCode: null, agencyId: null };
const NOBODY = { ...NO_SALE, promoterId: null, level: null };

const SUM_OF_KIND = {
  accrue: 'commissionEstimated',
  reverse: 'commissionReversed',
  release: 'commissionReleased',
} as const satisfies Record<AwardedTransfer['kind'], keyof CountedSums>;

const NO_PROGRESS: AwardedProgress = { isCompleted: false, isReleased: false, refunds: 0 };

type Place = Pick<CountedKeys, 'basis' | 'at' | 'currency'>;

function countLine(line: AwardedLine, { progress }: AwardedOrder, rows: RowsOfOrder, place: Place): void {
  const { isCompleted, isReleased, refunds } = progress.get(line.lineId) ?? NO_PROGRESS;
  const weights = line.winners.map(({ weight }) => weight);
  const divided = {
    units: allocate(line.quantity, weights),
    paidAmount: allocate(line.paidAmount, weights),
    refundedAmount: allocate(line.refundedAmount, weights),
    refunds: allocate(BigInt(refunds), weights),
  };
  for (const [index, winner] of line.winners.entries()) {
    const row = rows.at({ ...place, ...keysOf(line, winner), promoterId: winner.promoterId, level: null }, line.lineId);
    row.winsOrder = true;
    for (const [sum, parts] of Object.entries(divided) as [keyof typeof divided, bigint[]][]) row[sum] += parts[index]!;
  }
  const state = isReleased ? 'commissionReleased' : isCompleted ? 'commissionConfirmed' : 'commissionEstimated';
  for (const share of line.shares) {
    rows.at({ ...place, ...keysOf(line, line.winners[share.winner]), ...holderOf(share) }, line.lineId)[state] += share.amount;
  }
}

/**
 * A booking counts under the keys of the last decision until then in which its share stood, for
 * ever. What was taken back counts for the order too, under those of the last decision of all.
 */
function countTransfer(transfer: AwardedTransfer, order: AwardedOrder, rows: RowsOfOrder, stands: readonly Stand[]): void {
  const { lineId, kind, currency, amount, bookedAt, revision } = transfer;
  const count = (place: Place, stand: Stand | undefined) => {
    const parts = stand?.parts ?? [{ keys: productOf(transfer, order), amount: 1n }];
    const divided = allocate(
      amount,
      parts.map((part) => part.amount),
    );
    for (const [index, { keys }] of parts.entries()) {
      rows.at({ ...place, ...keys, ...holderOf(transfer) }, lineId)[SUM_OF_KIND[kind]] += divided[index]!;
    }
  };
  count(
    { basis: 'booking', at: bookedAt, currency },
    stands.findLast((stand) => stand.revision <= revision),
  );
  if (kind === 'reverse' && order.attributionAt !== null) count({ basis: 'order', at: order.attributionAt, currency }, stands.at(-1));
}

/** Of a share that stood in no decision the product is all that is known. */
function productOf({ lineId }: AwardedTransfer, { lines }: AwardedOrder): SaleKeys {
  const { productId = null, category = null } = lines.findLast((line) => line.lineId === lineId) ?? {};
  return { ...NO_SALE, productId, category };
}

function standsOf(lines: readonly AwardedLine[]): Map<string, Stand[]> {
  const stands = new Map<string, Stand[]>();
  for (const line of lines) {
    for (const share of line.shares) {
      const name = slotName(share);
      const known = stands.get(name) ?? [];
      stands.set(name, known);
      let last = known.at(-1);
      if (last?.revision !== line.revision) known.push((last = { revision: line.revision, parts: [] }));
      last.parts.push({ keys: keysOf(line, line.winners[share.winner]), amount: share.amount });
    }
  }
  return stands;
}

function keysOf({ productId, category }: AwardedLine, winner: AwardedWinner | undefined): SaleKeys {
  if (winner === undefined) return { ...NO_SALE, productId, category };
  const { scene, campaignId, linkCode, agencyId } = winner;
  return { productId, category, scene, campaignId, linkCode, agencyId };
}

const holderOf = ({ promoterId, role, level }: AwardedSlot) => ({ promoterId, level: role === 'upline' ? level : null });

// Ids hold no control characters, so that a line feed keeps them apart.
const slotName = ({ lineId, role, level, promoterId, campaignId }: AwardedSlot): string =>
  `${lineId}\n${role}\n${level ?? ''}\n${promoterId}\n${campaignId ?? ''}`;

/** The rows of one order by their keys. */
class RowsOfOrder {
  private readonly rows = new Map<string, Counted>();
  private readonly order: AwardedOrder;

  constructor(order: AwardedOrder) {
    this.order = order;
  }

  /** The row of these keys, which is zero when it is asked for first. */
  at(keys: Omit<CountedKeys, 'merchantId' | 'sourceId'>, lineId: string): Counted {
    const { basis, at, currency, promoterId, productId, category, scene, campaignId, linkCode, agencyId, level } = keys;
    const values = [lineId, basis, at.getTime(), currency, promoterId, productId, category, scene, campaignId, linkCode, agencyId, level];
    const name = JSON.stringify(values);
    let row = this.rows.get(name);
    if (row === undefined) {
      const { orderKey, merchantId, sourceId } = this.order;
      row = { orderKey, lineId, merchantId, sourceId, ...keys, ...NO_SUMS, winsOrder: false, unattributed: false };
      this.rows.set(name, row);
    }
    return row;
  }

  /** All rows that count for something. */
  counted(): Counted[] {
    return [...this.rows.values()].filter((row) => row.winsOrder || row.unattributed || SUMS.some((sum) => row[sum] !== 0n));
  }
}
