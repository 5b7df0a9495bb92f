// Installs what is missing, before anything else runs: a fresh clone needs only Node and npm. Plain
// JavaScript without packages.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const lockfile = join(root, 'package-lock.json');
/** Written by npm when it has finished: an installation that was interrupted has none. */
const installed = join(root, 'node_modules', '.package-lock.json');
const POLL_MS = 200;
/**
 * Whoever held the lock for longer has been killed, and its number may be another process's by now.
 */
const LOCK_AGE_MS_MAX = 15 * 60_000;

/**
 * Installs when something that is needed is missing or of another version; does nothing otherwise,
 * in a few milliseconds. What is only for development may be left out of an image, so it counts
 * only when `development` is set. Throws when npm fails.
 */
export function install({ development }) {
  if (isComplete(development)) return;
  alone(() => {
    if (!isComplete(development)) runNpm(development);
  });
}

function isComplete(development) {
  if (!existsSync(installed)) return false;
  if (!existsSync(lockfile)) return true;
  const wanted = JSON.parse(readFileSync(lockfile, 'utf8')).packages;
  const there = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, dev, devOptional, optional, peer }]) => {
    // What lies there must be right; what is optional, as the binaries of other platforms are, need
    // not lie there.
    if (path in there) return there[path].version === version;
    return path === '' || optional || devOptional || peer || (dev && !development);
  });
}

function runNpm(development) {
  const command = [existsSync(lockfile) ? 'ci' : 'install', '--no-audit', '--no-fund', ...(development ? ['--include=dev'] : [])];
  process.stderr.write(`Installing what is missing (npm ${command[0]}) …\n`);
  const { status, error } = spawnSync('npm', command, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (status !== 0) {
    throw new Error(`npm ${command[0]} failed${error ? `: ${error.message}` : ''}. Run it by hand in ${root} and look at what it says.`);
  }
}

/**
 * Of several processes that start in one folder at the same time one installs or builds, and the
 * others wait for it.
 */
export function alone(work) {
  const lock = join(tmpdir(), `fenyong-install-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`);
  const ticket = `${lock}.${process.pid}`;
  writeFileSync(ticket, String(process.pid));
  try {
    while (!take(ticket, lock)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
    try {
      work();
    } finally {
      rmSync(lock, { force: true });
    }
  } finally {
    rmSync(ticket, { force: true });
  }
}

function take(ticket, lock) {
  try {
    linkSync(ticket, lock);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (!isHeld(lock)) rmSync(lock, { force: true });
  return false;
}

function isHeld(lock) {
  try {
    return Date.now() - statSync(lock).mtimeMs < LOCK_AGE_MS_MAX && process.kill(Number(readFileSync(lock, 'utf8')), 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) install({ development: true });
