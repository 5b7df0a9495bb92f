// What of a long file was read before, by its keys: sixteen bytes each, so that millions of rows
// fit into memory.
import { hash } from 'node:crypto';

const SLOTS_FIRST = 4096;

/**
 * Numbers by keys. Two keys are one only when 64 bits of their hashes are: among five million
 * never, as far as anybody can count.
 */
export class SeenKeys {
  private high = new Uint32Array(SLOTS_FIRST);
  private low = new Uint32Array(SLOTS_FIRST);
  /** One more than the number; 0 is an empty slot. */
  private numbers = new Uint32Array(SLOTS_FIRST);
  private count = 0;

  get(key: string): number | null {
    const number = this.numbers[this.slotOf(...halves(key))]!;
    return number === 0 ? null : number - 1;
  }

  /** Keeps a number from 0 to 2^32 − 2. */
  set(key: string, number: number): void {
    const [high, low] = halves(key);
    const slot = this.slotOf(high, low);
    if (this.numbers[slot] === 0) this.count++;
    [this.high[slot], this.low[slot], this.numbers[slot]] = [high, low, number + 1];
    if (this.count * 2 > this.numbers.length) this.grow();
  }

  /** How often each number stands. */
  counts(): ReadonlyMap<number, number> {
    const counts = new Map<number, number>();
    for (const number of this.numbers) if (number > 0) counts.set(number - 1, (counts.get(number - 1) ?? 0) + 1);
    return counts;
  }

  private slotOf(high: number, low: number): number {
    const mask = this.numbers.length - 1;
    let slot = low & mask;
    while (this.numbers[slot] !== 0 && (this.high[slot] !== high || this.low[slot] !== low)) slot = (slot + 1) & mask;
    return slot;
  }

  private grow(): void {
    const { high, low, numbers } = this;
    const slots = numbers.length * 2;
    [this.high, this.low, this.numbers] = [new Uint32Array(slots), new Uint32Array(slots), new Uint32Array(slots)];
    for (const [place, number] of numbers.entries()) {
      if (number === 0) continue;
      const slot = this.slotOf(high[place]!, low[place]!);
      [this.high[slot], this.low[slot], this.numbers[slot]] = [high[place]!, low[place]!, number];
    }
  }
}

function halves(key: string): [high: number, low: number] {
  const bytes = hash('sha256', key, 'buffer');
  return [bytes.readUInt32LE(0), bytes.readUInt32LE(4)];
}
