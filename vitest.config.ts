// One PostgreSQL for the whole run, a database of its own for each test file.

import { defineConfig } from 'vitest/config';

// oxlint-disable-next-line import/no-default-export -- this is how Vitest reads its configuration
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // What takes long is run by `npm run test:long`.
    exclude: ['test/**/*.long.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    pool: 'forks',
    // Modules are read once by each of the two processes: most of them hold no state, and the tests of those that do put it back.
    isolate: false,
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
