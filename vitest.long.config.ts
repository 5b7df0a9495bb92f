// What takes minutes: walks of whole processes, and the suites of drawings and attacks once more, with ten times as many of them.

import { defineConfig, mergeConfig } from 'vitest/config';

import everyDay from './vitest.config.ts';

/** They take as much as RUNS says. */
const DRAWN = [
  'test/commission/award/award.laws.test.ts',
  'test/commission/simulations/simulation.laws.test.ts',
  'test/guards/catalogue.award.test.ts',
  'test/guards/laws.test.ts',
  'test/inbox/process.test.ts',
  'test/ledger/balances.fold.test.ts',
  'test/payouts/bills/sending.test.ts',
  'test/security/floods.test.ts',
  'test/security/hostile.test.ts',
];

const long = defineConfig({ test: { env: { RUNS: process.env['RUNS'] ?? '10' }, testTimeout: 600_000, isolate: true } });
const config = mergeConfig(everyDay, long);
config.test.include = ['test/**/*.long.test.ts', ...DRAWN];
config.test.exclude = [];

// oxlint-disable-next-line import/no-default-export -- this is how Vitest reads its configuration
export default config;
