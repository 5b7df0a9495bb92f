// What many seeds say together.

import { PLAIN, type MarketSettings } from './market.ts';
import { replay, RIVALS, type Ranking, type Replayed } from './replay.ts';

/** Markets of several kinds; the plain one is what the figures are promised of. */
export const MARKETS: Readonly<Record<string, MarketSettings>> = {
  plain: PLAIN,
  thin: { ...PLAIN, clicks: 5000 },
  rich: { ...PLAIN, clicks: 150_000 },
  wide: { ...PLAIN, products: 1500, merchants: 20, categories: 25 },
  alike: { ...PLAIN, strength: 0.15, affinity: 0.15, fit: 0.05, season: 0.1 },
  unlike: { ...PLAIN, strength: 0.8, affinity: 0.8, fit: 0.4, season: 0.5 },
};

/** A mean with its 95 % interval, by Student's law. */
interface Measured {
  mean: number;
  low: number;
  high: number;
}

/**
 * The 97.5 % quantiles of Student's law by degrees of freedom; beyond them it is nearly the last.
 */
const STUDENT = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086,
] as const;

function measured(values: readonly number[]): Measured {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const half = (STUDENT[values.length - 2] ?? STUDENT.at(-1)!) * Math.sqrt(variance / values.length);
  return { mean, low: mean - half, high: mean + half };
}

/** What is proven of the selection over these seeds. */
interface Proof {
  earnings: Record<Ranking, Measured>;
  /** By how much ours earns more, paired by seed. */
  ahead: Record<(typeof RIVALS)[number], Measured>;
  /** Expected / realised of each decile, all seeds together, and its orders. */
  calibration: { ratio: number; orders: number }[];
  coverage: Measured;
}

export function prove(settings: MarketSettings, seeds: readonly number[]): Proof {
  const replayed = seeds.map((seed) => replay(settings, seed));
  const earningsOf = (ranking: Ranking) => replayed.map(({ earnings }) => earnings[ranking]);
  const ahead = (rival: Ranking) => measured(replayed.map(({ earnings }) => earnings.ours - earnings[rival]));
  return {
    earnings: {
      ours: measured(earningsOf('ours')),
      'by rate': measured(earningsOf('by rate')),
      'by sales': measured(earningsOf('by sales')),
      'raw earnings per click': measured(earningsOf('raw earnings per click')),
    },
    ahead: { 'by rate': ahead('by rate'), 'by sales': ahead('by sales'), 'raw earnings per click': ahead('raw earnings per click') },
    calibration: Array.from({ length: 10 }, (_, index) => calibrationOf(replayed, index)),
    coverage: measured(replayed.map(({ coverage }) => coverage)),
  };
}

function calibrationOf(replayed: readonly Replayed[], index: number): { ratio: number; orders: number } {
  const total = { expected: 0, realised: 0, orders: 0 };
  for (const { deciles } of replayed) {
    const { expected, realised, orders } = deciles[index]!;
    total.expected += expected;
    total.realised += realised;
    total.orders += orders;
  }
  return { ratio: total.expected / total.realised, orders: total.orders };
}

const show = ({ mean, low, high }: Measured) => `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;

/** The proof in words. */
export function report(settings: MarketSettings, seeds: readonly number[]): string[] {
  const { earnings, ahead, calibration, coverage } = prove(settings, seeds);
  return [
    `${seeds.length} markets of ${settings.products} products, ${settings.promoters} promoters, ${settings.clicks} clicks; [95 % interval]`,
    'earnings@10, of what the best ten could have earned:',
    ...(['ours', ...RIVALS] as const).map((ranking) => `  ${ranking.padEnd(24)} ${show(earnings[ranking])}`),
    'ours is ahead, paired by seed:',
    ...RIVALS.map((rival) => `  of ${rival.padEnd(21)} ${show(ahead[rival])}`),
    'expected / realised by decile of what was expected (orders):',
    `  ${calibration.map(({ ratio, orders }) => `${ratio.toFixed(2)} (${orders})`).join('  ')}`,
    `80 % intervals hold the truth: ${show(coverage)}`,
  ];
}
