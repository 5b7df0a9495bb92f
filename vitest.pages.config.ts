// Walks through the pages in a real browser, against the running service.

import { defineConfig, mergeConfig } from 'vitest/config';

import everyDay from './vitest.config.ts';

const walks = defineConfig({ test: { testTimeout: 120_000, hookTimeout: 120_000, maxWorkers: 1 } });
const config = mergeConfig(everyDay, walks);
config.test.include = ['test/pages/**/*.walk.ts'];
config.test.exclude = [];

// oxlint-disable-next-line import/no-default-export -- this is how Vitest reads its configuration
export default config;
