// What the buyer paid for goods, where a shop's export tells sums only: without freight and tax, as
// the shop's pushes are read.

/**
 * A part of an amount, rounded half up: what of `amount` belongs to `part` of `whole`. Of nothing
 * it is nothing.
 */
export function partOfSum(amount: bigint, part: bigint, whole: bigint): bigint {
  return whole <= 0n ? 0n : (amount * part * 2n + whole) / (whole * 2n);
}

export const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
export const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);
