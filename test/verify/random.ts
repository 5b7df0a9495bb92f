// Dice that fall the same way for the same seed, so that a schedule can be played again.

export interface Random {
  /** A whole number from `least` to `greatest`, both included. */
  int(least: number, greatest: number): number;
  chance(probability: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
}

const UINT32 = 2 ** 32;

/**
 * The generator mulberry32 by Tommy Ettinger: 32 bits of state, good enough to choose what to break
 * and when.
 */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / UINT32;
  }
  const int = (least: number, greatest: number) => least + Math.floor(next() * (greatest - least + 1));
  return { int, chance: (probability) => next() < probability, pick: (items) => items[int(0, items.length - 1)]! };
}
