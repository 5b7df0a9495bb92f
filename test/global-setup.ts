// One PostgreSQL for the whole run, and in it a migrated template of which every test file gets a
// copy; and the desk, as it is served.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { Client } from 'pg';
import type { TestProject } from 'vitest/node';

import { startEmbedded } from '../src/platform/embedded/embedded.ts';
import { buildLogger } from '../src/platform/process/log.ts';
import { migrate, migrateQueue } from '../src/platform/postgres/migrate.ts';
import { temporaryFolder } from './leftovers.ts';

const BUILD = fileURLToPath(new URL('../src/console/build.mjs', import.meta.url));
const TEMPLATE = 'template_fenyong';

declare module 'vitest' {
  interface ProvidedContext {
    /**
     * The superuser's address of the server that all tests share, with the template as its
     * database.
     */
    templateUrl: string;
  }
}

/** Runs before all tests. What it gives back runs after them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  execFileSync(process.execPath, [BUILD], { stdio: 'inherit' });
  const folder = await temporaryFolder('test');
  const embedded = await startEmbedded({ dataDir: folder.path, log: buildLogger('warn') });
  const teardown = async (): Promise<void> => {
    await embedded.stop();
    await folder.remove();
  };
  try {
    project.provide('templateUrl', await makeTemplate(embedded.connectionString));
  } catch (error) {
    await teardown();
    throw error;
  }
  return teardown;
}

async function makeTemplate(serverUrl: string): Promise<string> {
  const client = new Client(serverUrl);
  await client.connect();
  await client.query(`create database ${TEMPLATE}`);
  await client.end();
  const url = new URL(serverUrl);
  url.pathname = TEMPLATE;
  await migrate(url.href);
  await migrateQueue(url.href);
  return url.href;
}
