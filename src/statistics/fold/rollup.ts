// What counted rows add up to by time. Pure.

import { MINUTE_MS } from '../../platform/durations.ts';
import { NO_SUMS, SUMS, type Basis, type Counted, type CountedSums } from '../counting/counted.ts';

/** Quarters of an hour in UTC, in which the midnights of all time zones lie, and days of UTC. */
const GRAINS_MINUTES = [15, 1440] as const;

interface RollupSums extends CountedSums {
  orders: bigint;
  ordersUnattributed: bigint;
}

/** A row of a roll-up, or what it changes by. */
export interface Rollup extends RollupSums {
  grainMinutes: number;
  at: Date;
  merchantId: string;
  currency: string;
  basis: Basis;
  /** Null in what is summed by merchant alone, and for what nobody has won. */
  promoterId: string | null;
}

const ROLLUP_SUMS = ['orders', 'ordersUnattributed', ...SUMS] as const;

/** Differences by merchant, and by merchant and promoter. */
export interface RollupChanges {
  merchants: Rollup[];
  promoters: Rollup[];
}

/**
 * By how much the roll-ups differ when the rows `before` are taken out and those `after` are put
 * in; what does not differ is left out. Both must hold all rows of each order that they hold any
 * of: an order counts once for a merchant, and once for each promoter who won of it.
 */
export function rollupChanges(before: readonly Counted[], after: readonly Counted[]): RollupChanges {
  const [merchants, promoters] = [new Map<string, Rollup>(), new Map<string, Rollup>()];
  for (const [rows, sign] of [
    [before, -1n],
    [after, 1n],
  ] as const) {
    add(merchants, rows, { sign, promoterOf: () => null });
    add(promoters, rows, { sign, promoterOf: (row) => row.promoterId });
  }
  const changed = (rollups: Map<string, Rollup>) => [...rollups.values()].filter((rollup) => ROLLUP_SUMS.some((sum) => rollup[sum] !== 0n));
  return { merchants: changed(merchants), promoters: changed(promoters) };
}

function add(
  rollups: Map<string, Rollup>,
  rows: readonly Counted[],
  { sign, promoterOf }: { sign: bigint; promoterOf: (row: Counted) => string | null },
): void {
  const seen = new Set<string>();
  for (const row of rows) {
    const promoterId = promoterOf(row);
    const isFirst = (what: string) => {
      const name = JSON.stringify([what, String(row.orderKey), row.at.getTime(), row.currency, promoterId]);
      return !seen.has(name) && seen.add(name) !== undefined;
    };
    const sums = {
      orders: row.winsOrder && isFirst('won') ? 1n : 0n,
      ordersUnattributed: row.unattributed && isFirst('unattributed') ? 1n : 0n,
      ...sumsOf(row),
    };
    for (const grainMinutes of GRAINS_MINUTES) {
      const rollup = rollupAt(rollups, row, { grainMinutes, promoterId });
      for (const sum of ROLLUP_SUMS) rollup[sum] += sign * sums[sum];
    }
  }
}

function sumsOf(row: Counted): CountedSums {
  const sums = { ...NO_SUMS };
  for (const sum of SUMS) sums[sum] = row[sum];
  return sums;
}

function rollupAt(
  rollups: Map<string, Rollup>,
  { at, merchantId, currency, basis }: Counted,
  { grainMinutes, promoterId }: Pick<Rollup, 'grainMinutes' | 'promoterId'>,
): Rollup {
  const grain = grainMinutes * MINUTE_MS;
  const begins = Math.floor(at.getTime() / grain) * grain;
  const name = JSON.stringify([grainMinutes, begins, merchantId, currency, basis, promoterId]);
  let rollup = rollups.get(name);
  if (rollup === undefined) {
    const keys = { grainMinutes, at: new Date(begins), merchantId, currency, basis, promoterId };
    rollups.set(name, (rollup = { ...keys, orders: 0n, ordersUnattributed: 0n, ...NO_SUMS }));
  }
  return rollup;
}
