// Databases that a test opens as the service does, each its own pool, closed after the test.

import { afterEach } from 'vitest';

import { openDatabase, type Database, type DatabaseOptions } from '../../src/platform/postgres/database.ts';
import { testLog, type TestDatabase } from '../harness.ts';

/** What opens them on the database of the test file, where nothing else is said. */
export function openingOn(ground: () => TestDatabase): (options?: Partial<DatabaseOptions>) => Database {
  let opened: Database[] = [];
  afterEach(async () => {
    await Promise.all(opened.map(({ close }) => close()));
    opened = [];
  });
  return (options = {}) => {
    const defaults = { connectionString: ground().connectionString, poolSize: 2, applicationName: 'fenyong test', log: testLog };
    const database = openDatabase({ ...defaults, ...options });
    opened.push(database);
    return database;
  };
}
