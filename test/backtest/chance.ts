// Chance for the generated market: seeded, so that a market can be made again, and of its own, so
// that it shares nothing with what it is to judge.

/** Draws of one stream: the same for the same words. */
export interface Chance {
  /** Evenly in [0, 1). */
  even: () => number;
  /** Evenly among integers from 0 below `end`. */
  below: (end: number) => number;
  /** Of mean 0 and deviation 1. */
  normal: () => number;
  /** By Student's law: the fewer degrees of freedom, the heavier the tails. */
  student: (freedom: number) => number;
  /** Of this median; `spread` is the deviation of its logarithm. */
  logNormal: (median: number, spread: number) => number;
  /** At least 1: the smaller `tail`, the heavier. */
  pareto: (tail: number) => number;
  /** How many failures before the first success. */
  failures: (probability: number) => number;
}

/** 2654435761 is the golden ratio of 32 bits; the rounds are those of MurmurHash3. */
function hash(text: string): number {
  let mixed = 0x9747b28c;
  for (let index = 0; index < text.length; index += 1) mixed = Math.imul(mixed ^ text.charCodeAt(index), 2654435761);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The stream of these words, by sfc32 of Chris Doty-Humphrey. */
export function chanceOf(...words: readonly (string | number)[]): Chance {
  const text = words.join('\n');
  let [a, b, c, counter] = [hash(`a${text}`), hash(`b${text}`), hash(`c${text}`), 1];
  const even = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < 12; round += 1) even();
  const normal = () => Math.sqrt(-2 * Math.log(1 - even())) * Math.cos(2 * Math.PI * even());
  const student = (freedom: number) => {
    let squares = 0;
    for (let degree = 0; degree < freedom; degree += 1) squares += normal() ** 2;
    return normal() / Math.sqrt(squares / freedom);
  };
  return {
    even,
    below: (end) => Math.floor(even() * end),
    normal,
    student,
    logNormal: (median, spread) => median * Math.exp(spread * normal()),
    pareto: (tail) => (1 - even()) ** (-1 / tail),
    failures: (probability) => Math.floor(Math.log(1 - even()) / Math.log(1 - probability)),
  };
}
