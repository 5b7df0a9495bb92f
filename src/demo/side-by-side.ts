// The order systems beside each other: how many reports of each were kept, what its orders were
// earned by, and what that comes to.

import type { Delivery, Line, Order } from './readings.ts';

/** One order system. */
export interface SystemSum {
  source_id: string;
  /**
   * How many reports were kept, by the way they came, and with what became of them where they were
   * not processed: `push parked`.
   */
  deliveries: Record<string, number>;
  orders: number;
  /** How many orders each kind of evidence has won; `nobody` are those that nobody earned. */
  evidence: Record<string, number>;
  /** What all parties get of its orders, in fen. */
  commission: number;
}

/** What is counted of the books. */
interface Counted {
  orders: readonly (Pick<Order, 'source_id'> & { lines: readonly Pick<Line, 'evidence' | 'shares'>[] })[];
  deliveries: readonly Pick<Delivery, 'source_id' | 'origin' | 'state'>[];
}

/** Adds up what was read, for each of the systems. */
export function sumsOf({ orders, deliveries }: Counted, sourceIds: readonly string[]): SystemSum[] {
  return sourceIds.map((source_id) => {
    const own = orders.filter((order) => order.source_id === source_id);
    const kept = deliveries.filter((delivery) => delivery.source_id === source_id);
    const shares = own.flatMap(({ lines }) => lines).flatMap((line) => line.shares);
    return {
      source_id,
      deliveries: countsOf(kept.map(({ origin, state }) => (state === 'processed' ? origin : `${origin} ${state}`))),
      orders: own.length,
      evidence: countsOf(own.flatMap(({ lines }) => [...new Set(lines.map((line) => line.evidence ?? 'nobody'))])),
      commission: shares.reduce((sum, { amount }) => sum + amount, 0),
    };
  });
}

/** How often each word is there, the words in their order. */
function countsOf(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words.toSorted()) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
