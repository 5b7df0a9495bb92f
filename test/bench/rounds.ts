// Alternating rounds and their medians: a machine's mood falls on both of a pair alike.

interface Pair {
  ours: number[];
  twin: number[];
}

/** Measures both by turns, each `rounds` times after one round that is thrown away. */
export async function alternate(rounds: number, ours: () => Promise<number>, twin: () => Promise<number>): Promise<Pair> {
  const pair: Pair = { ours: [], twin: [] };
  for (let round = 0; round <= rounds; round++) {
    const twinFigure = await twin();
    const ourFigure = await ours();
    if (round === 0) continue;
    pair.twin.push(twinFigure);
    pair.ours.push(ourFigure);
  }
  return pair;
}

export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The part of the figures that lies below the percentile, as its upper end. */
export function percentile(figures: readonly number[], percent: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))]!;
}

/** The median of the ratios of each round: what both of a round share falls out. */
export function ratioOf({ ours, twin }: Pair): number {
  return median(ours.map((figure, round) => figure / twin[round]!));
}
