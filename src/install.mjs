// Installs what is missing, before anything else runs: a fresh clone needs only Node and npm. Plain JavaScript without packages.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The packages that the lockfile names for every platform and that this folder does not have in that version. */
function missing() {
  const lock = JSON.parse(readFileSync(`${root}/package-lock.json`, 'utf8'));
  const kept = `${root}/node_modules/.package-lock.json`;
  // An image is built without development packages and ships no lockfile of what it has: it is complete by construction.
  if (!existsSync(kept)) return existsSync(`${root}/node_modules/fastify`) ? [] : ['everything'];
  const installed = JSON.parse(readFileSync(kept, 'utf8')).packages;
  const isWanted = ([path, entry]) => path !== '' && !entry.optional && !entry.peer && !(entry.dev && isProduction(installed));
  return Object.entries(lock.packages)
    .filter(isWanted)
    .filter(([path, entry]) => installed[path]?.version !== entry.version)
    .map(([path]) => path);
}

/** Installed with `npm ci --omit=dev`: then nothing of it is for development. */
function isProduction(installed) {
  return process.env['NODE_ENV'] === 'production' && !('node_modules/vitest' in installed);
}

/** Installs when something is missing; throws with what to do when npm fails. */
export function install() {
  if (missing().length === 0) return;
  process.stderr.write('Installing what is missing (npm ci) …\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status, error } = spawnSync(npm, ['ci', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error(`npm ci failed${error ? `: ${error.message}` : ''}. Run it by hand in ${root} and look at what it says.`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) install();
