// The folder of the embedded PostgreSQL: made whole or not at all, with a random password that only
// its owner can read.

import { randomBytes } from 'node:crypto';
import { chown, lchown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';

import { z } from 'zod';

import { ifMissing, launch, type Account, type Binaries, type Runner } from './embedded-binaries.ts';
import { StartFailure } from '../process/start-failure.ts';
import { MINUTE_MS } from '../durations.ts';
import { syncFolder } from '../sync-folder.ts';

const PASSWORD_BYTES = 24;
/**
 * What a killed start left behind is swept away when it is this old; anything younger may be in the
 * making.
 */
const LEFT_OVER_AGE_MS = 10 * MINUTE_MS;
const UNFINISHED = 'postgres.new-';

/**
 * How to reach the server of a cluster. The port is kept, so that other processes find the server
 * again after a crash.
 */
type Access = z.infer<typeof access>;

const access = z.object({ password: z.string(), port: z.int().nullable() });

export async function readAccess(cluster: string): Promise<Access> {
  return access.parse(JSON.parse(await readFile(accessFile(cluster), 'utf8')));
}

/** Replaced by a rename, so that a reader never sees half of it. */
export async function writeAccess(cluster: string, kept: Access, { owner }: Runner): Promise<void> {
  const fresh = `${accessFile(cluster)}.${randomBytes(4).toString('hex')}`;
  await writeFile(fresh, JSON.stringify(kept), { mode: 0o600 });
  if (owner !== undefined) await chown(fresh, owner.uid, owner.gid);
  await rename(fresh, accessFile(cluster));
}

/** True when the folder holds a cluster. */
export async function isInitialised(cluster: string): Promise<boolean> {
  return (await stat(accessFile(cluster)).catch(ifMissing(undefined))) !== undefined;
}

/** Whose the files of the cluster are; undefined while there is none. */
export async function ownerOf(cluster: string): Promise<Account | undefined> {
  return stat(cluster).catch(ifMissing(undefined));
}

/**
 * Makes the cluster beside its place and moves it there when it is complete, so that a start that
 * was killed leaves none that is half made, and of two starters at once one wins and the other
 * one's work is thrown away.
 */
export async function initialise(cluster: string, binaries: Binaries, runner: Runner): Promise<void> {
  const dataDir = dirname(cluster);
  await sweepLeftOvers(dataDir);
  const work = await mkdtemp(join(dataDir, UNFINISHED));
  try {
    const fresh = join(work, basename(cluster));
    const passwordFile = join(work, 'password');
    const password = randomBytes(PASSWORD_BYTES).toString('base64url');
    await mkdir(fresh, { mode: 0o700 });
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (runner.owner !== undefined) await giveTo(work, runner.owner);
    await runInitdb(binaries, runner, fresh, passwordFile);
    await writeAccess(fresh, { password, port: null }, runner);
    await rename(fresh, cluster).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    await syncFolder(dataDir);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * Changes the owner of files that another account made, as after a move or a start under another
 * user. Only root can, and needs to.
 */
export async function adoptFiles(cluster: string, { owner }: Runner): Promise<void> {
  if (owner !== undefined && (await stat(cluster)).uid !== owner.uid) await giveTo(cluster, owner);
}

async function giveTo(folder: string, { uid, gid }: Account): Promise<void> {
  await chown(folder, uid, gid);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) await lchown(join(entry.parentPath, entry.name), uid, gid);
}

async function runInitdb(binaries: Binaries, runner: Runner, cluster: string, passwordFile: string): Promise<void> {
  const identity = ['--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  const args = ['-D', cluster, ...identity, '--encoding=UTF8', '--locale=C', '--no-instructions'];
  const child = launch(runner, binaries.initdb, args, ['ignore', 'ignore', 'pipe']);
  const [complaint] = await Promise.all([text(child.stderr!), once(child, 'close')]);
  if (child.exitCode !== 0) {
    throw new StartFailure(
      `PostgreSQL could not make its folder ${cluster} as ${runner.name}; set DATABASE_URL to use another one.\n${complaint.trim()}`,
    );
  }
}

async function sweepLeftOvers(dataDir: string): Promise<void> {
  const names = (await readdir(dataDir)).filter((name) => name.startsWith(UNFINISHED));
  for (const path of names.map((name) => join(dataDir, name))) {
    const age = Date.now() - ((await stat(path).catch(ifMissing(undefined)))?.mtimeMs ?? Date.now());
    if (age > LEFT_OVER_AGE_MS) await rm(path, { recursive: true, force: true });
  }
}

function accessFile(cluster: string): string {
  return join(cluster, 'fenyong.json');
}
