// The distributions that estimates are made of.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { betaBelow, betaQuantile, drawsOf, gammaBelow, gammaDraw, gammaQuantile, logGamma } from '../../src/selection/distributions.ts';

/** The area under a curve, by Simpson's rule. */
function area(from: number, to: number, curve: (x: number) => number, strips = 20_000): number {
  const width = (to - from) / strips;
  let sum = curve(from) + curve(to);
  for (let index = 1; index < strips; index += 1) sum += (index % 2 === 0 ? 2 : 4) * curve(from + index * width);
  return (sum * width) / 3;
}

test('the Gamma function is the factorial, and the root of pi at one half', () => {
  let factorial = 1;
  for (let n = 1; n < 20; n += 1) {
    expect(logGamma(n)).toBeCloseTo(Math.log(factorial), 10);
    factorial *= n;
  }
  expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 12);
  expect(logGamma(0.1)).toBeCloseTo(2.252712651734206, 10);
});

describe('a part below a value', () => {
  const shape = fc.double({ min: 3, max: 400, noNaN: true });
  const part = fc.double({ min: 0.02, max: 0.98, noNaN: true });

  test('is the area under the density', () => {
    fc.assert(
      fc.property(shape, shape, part, (a, b, x) => {
        const front = logGamma(a + b) - logGamma(a) - logGamma(b);
        const density = (y: number) => (y <= 0 || y >= 1 ? 0 : Math.exp(front + (a - 1) * Math.log(y) + (b - 1) * Math.log1p(-y)));
        expect(betaBelow(x, a, b)).toBeCloseTo(area(0, x, density), 6);
      }),
      { numRuns: 50 },
    );
    fc.assert(
      fc.property(shape, part, (a, x) => {
        const density = (y: number) => (y <= 0 ? 0 : Math.exp((a - 1) * Math.log(y) - y - logGamma(a)));
        expect(gammaBelow(2 * x * a, a)).toBeCloseTo(area(0, 2 * x * a, density), 6);
      }),
      { numRuns: 50 },
    );
  });

  test('is known where it can be written down', () => {
    expect(betaBelow(0.3, 1, 1)).toBeCloseTo(0.3, 12);
    expect(betaBelow(0.3, 2, 1)).toBeCloseTo(0.09, 12);
    expect(betaBelow(0.3, 1, 5)).toBeCloseTo(1 - 0.7 ** 5, 12);
    expect(gammaBelow(1.7, 1)).toBeCloseTo(1 - Math.exp(-1.7), 12);
    expect(gammaBelow(1.7, 2)).toBeCloseTo(1 - 2.7 * Math.exp(-1.7), 12);
  });

  test('is that of its quantile', () => {
    const wide = fc.double({ min: 0.5, max: 20_000, noNaN: true });
    fc.assert(
      fc.property(wide, wide, part, (a, b, p) => {
        expect(betaBelow(betaQuantile(p, a, b), a, b)).toBeCloseTo(p, 6);
        expect(gammaBelow(gammaQuantile(p, a), a)).toBeCloseTo(p, 6);
      }),
    );
  });
});

test('quantiles are those of SciPy 1.17', () => {
  const ofBeta = [
    [0.1, 2, 98, 0.005384635115891214],
    [0.9, 2, 98, 0.03872111896922208],
    [0.1, 3, 22, 0.04682279755036809],
    [0.9, 0.4, 7, 0.15498164147333368],
    [0.1, 900, 40_000, 0.021080428865966092],
    [0.9, 900, 40_000, 0.022939361062201218],
  ] as const;
  for (const [part, a, b, known] of ofBeta) expect(betaQuantile(part, a, b) / known).toBeCloseTo(1, 9);
  const ofGamma = [
    [0.1, 0.4, 0.0023488772409990064],
    [0.9, 0.4, 1.1298428254726487],
    [0.1, 3, 1.1020653282493214],
    [0.9, 3, 5.322320337834211],
    [0.1, 5000, 4909.59744092241],
    [0.9, 5000, 5090.830806915189],
  ] as const;
  for (const [part, shape, known] of ofGamma) expect(gammaQuantile(part, shape) / known).toBeCloseTo(1, 9);
});

test('draws are the same for the same words, and as a Gamma has them', () => {
  const first = drawsOf('bob 2026-06-01');
  const again = drawsOf('bob 2026-06-01');
  expect(Array.from({ length: 5 }, first)).toEqual(Array.from({ length: 5 }, again));
  expect(drawsOf('bob 2026-06-02')()).not.toBe(drawsOf('bob 2026-06-01')());
  for (const shape of [0.3, 1, 4.5, 80]) {
    const draw = drawsOf(`shape ${shape}`);
    const values = Array.from({ length: 20_000 }, () => gammaDraw(shape, draw));
    for (const part of [0.1, 0.5, 0.9]) {
      const quantile = gammaQuantile(part, shape);
      const below = values.filter((value) => value < quantile).length / values.length;
      expect(Math.abs(below - part), `${part} of ${shape}`).toBeLessThan(0.012);
    }
  }
});
