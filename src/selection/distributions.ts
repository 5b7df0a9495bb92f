// The distributions that estimates are made of: Beta and Gamma, their quantiles, and draws that can
// be repeated. Pure.

/** The coefficients of Lanczos for g = 7, n = 9, as in Numerical Recipes and Boost. */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;
const G = 7;

/** ln Γ(x) of x > 0, to about fourteen digits. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  let sum: number = LANCZOS[0];
  for (const [index, coefficient] of LANCZOS.entries()) if (index > 0) sum += coefficient / (x - 1 + index);
  const base = x - 1 + G + 0.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(base) - base + Math.log(sum);
}

const ENOUGH = 1e-14;
const ROUNDS_MAX = 10_000;

/** The part of a Beta(a, b) that lies below x: the continued fraction of Lentz, DLMF 8.17.22. */
export function betaBelow(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaBelow(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  let [c, d] = [1, 1 / notZero(1 - ((a + b) * x) / (a + 1))];
  let fraction = d;
  for (let m = 1; m < ROUNDS_MAX; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / notZero(1 + even * d);
    c = notZero(1 + even / c);
    fraction *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / notZero(1 + odd * d);
    c = notZero(1 + odd / c);
    fraction *= c * d;
    if (Math.abs(c * d - 1) < ENOUGH) break;
  }
  return front * fraction;
}

const notZero = (value: number) => (Math.abs(value) < 1e-300 ? 1e-300 : value);

/** The part of a Gamma of this shape and of scale 1 that lies below x: DLMF 8.7.1 and 8.9.2. */
export function gammaBelow(x: number, shape: number): number {
  if (x <= 0) return 0;
  const front = Math.exp(shape * Math.log(x) - x - logGamma(shape));
  if (x < shape + 1) {
    let [term, sum] = [1 / shape, 1 / shape];
    for (let n = 1; n < ROUNDS_MAX && term > sum * ENOUGH; n += 1) {
      term *= x / (shape + n);
      sum += term;
    }
    return front * sum;
  }
  let b = x + 1 - shape;
  let [c, d] = [1e300, 1 / b];
  let fraction = d;
  for (let n = 1; n < ROUNDS_MAX; n += 1) {
    const a = -n * (n - shape);
    b += 2;
    d = 1 / notZero(a * d + b);
    c = notZero(b + a / c);
    fraction *= c * d;
    if (Math.abs(c * d - 1) < ENOUGH) break;
  }
  return 1 - front * fraction;
}

/** Halvings after which a double has no more digits. */
const HALVINGS = 60;

function between(low: number, high: number, isBelow: (x: number) => boolean): number {
  let [from, to] = [low, high];
  for (let round = 0; round < HALVINGS; round += 1) {
    const middle = (from + to) / 2;
    if (isBelow(middle)) from = middle;
    else to = middle;
  }
  return (from + to) / 2;
}

/** Below which value the part `p` of a Beta(a, b) lies. */
export function betaQuantile(p: number, a: number, b: number): number {
  return between(0, 1, (x) => betaBelow(x, a, b) < p);
}

/** Below which value the part `p` of a Gamma of this shape and of scale 1 lies. */
export function gammaQuantile(p: number, shape: number): number {
  let high = shape + 4 * Math.sqrt(shape) + 4;
  while (gammaBelow(high, shape) < p) high *= 2;
  return between(0, high, (x) => gammaBelow(x, shape) < p);
}

/** Numbers evenly in [0, 1), the same for the same words: xmur3 feeds mulberry32. */
export function drawsOf(words: string): () => number {
  let state = 1779033703 ^ words.length;
  for (let index = 0; index < words.length; index += 1) {
    state = Math.imul(state ^ words.charCodeAt(index), 3432918353);
    state = (state << 13) | (state >>> 19);
  }
  state = Math.imul(state ^ (state >>> 16), 2246822507);
  state = Math.imul(state ^ (state >>> 13), 3266489909);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function normalDraw(draw: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
}

/** A draw of a Gamma of this shape and of scale 1, by Marsaglia and Tsang. */
export function gammaDraw(shape: number, draw: () => number): number {
  // A shape below one is drawn one higher and brought back by a power.
  if (shape < 1) return gammaDraw(shape + 1, draw) * (1 - draw()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normalDraw(draw);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - draw()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
