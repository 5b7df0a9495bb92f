// What an order of the verifier's market must earn, worked out a second time and in another way
// than the service does.

import { SELLER_PPM, UPLINE_PPM } from '../market.ts';

export type Seller = 'bob' | 'carol';

export interface Line {
  lineId: string;
  paid: number;
}

/** `lineId` null: of the whole order. */
export interface Refund {
  refundId: string;
  lineId: string | null;
  amount: number;
}

export interface Reckoned {
  lineId: string;
  paid: number;
  refunded: number;
  pool: number;
  /** `role promoter amount`, sorted, without those who get nothing. */
  shares: string[];
}

const PPM = 1_000_000n;

/**
 * Who stands around a seller. Carol has no agency: what would be the agency's stays with the
 * merchant.
 */
const AROUND: Record<Seller, { agency: string | null; upline: string }> = {
  bob: { agency: 'a1', upline: 'alice' },
  carol: { agency: null, upline: 'bob' },
};

/** The lines of an order as they must stand after its refunds, at that rate. */
export function reckon(seller: Seller, ratePpm: number, lines: readonly Line[], refunds: readonly Refund[]): Reckoned[] {
  const refunded = refundedByLine(lines, refunds);
  return lines.map(({ lineId, paid }, index) => {
    const pool = Number((BigInt(paid - refunded[index]!) * BigInt(ratePpm)) / PPM);
    return { lineId, paid, refunded: refunded[index]!, pool, shares: sharesOf(seller, pool) };
  });
}

function sharesOf(seller: Seller, pool: number): string[] {
  const { agency, upline } = AROUND[seller];
  const sellers = part(pool, SELLER_PPM);
  const uplines = part(sellers, UPLINE_PPM);
  const shares: [role: string, promoter: string | null, amount: number][] = [
    ['agency', agency, pool - sellers],
    ['promoter', seller, sellers - uplines],
    ['upline', upline, uplines],
  ];
  return shares
    .filter(([, promoter, amount]) => promoter !== null && amount > 0)
    .map((share) => share.join(' '))
    .toSorted();
}

const part = (amount: number, ppm: number) => Number((BigInt(amount) * BigInt(ppm)) / PPM);

/**
 * Refunds of the whole order are spread over what the lines have left, by largest remainder: ties
 * to the lower line.
 */
function refundedByLine(lines: readonly Line[], refunds: readonly Refund[]): number[] {
  const sum = (lineId: string | null) => refunds.filter((one) => one.lineId === lineId).reduce((total, { amount }) => total + amount, 0);
  const own = lines.map(({ lineId }) => sum(lineId));
  const left = lines.map(({ paid }, index) => BigInt(paid - own[index]!));
  const whole = left.reduce((total, one) => total + one, 0n);
  const spread = BigInt(sum(null));
  if (whole === 0n) return own;
  const floors = left.map((one) => (spread * one) / whole);
  const remainders = left.map((one) => (spread * one) % whole);
  let over = spread - floors.reduce((total, one) => total + one, 0n);
  const ranked = remainders.map((remainder, index) => ({ remainder, index })).toSorted((a, b) => Number(b.remainder - a.remainder));
  for (const { index } of ranked) {
    if (over === 0n) break;
    floors[index]! += 1n;
    over -= 1n;
  }
  return own.map((amount, index) => amount + Number(floors[index]));
}
