// What the service needs of its machine, with a sentence for each thing that may be missing: a
// port, and a folder that it may write.

import { access, constants, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';

import type { Config } from '../process/config.ts';
import type { App } from './app.ts';
import { StartFailure } from '../process/start-failure.ts';

/** Begins to listen. Throws a `StartFailure` where the port or the address is not to be had. */
export async function listenOn(app: App, { host, port }: Pick<Config, 'host' | 'port'>): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const sentence = SENTENCES[(cause as NodeJS.ErrnoException).code ?? ''];
    if (sentence === undefined) throw cause;
    throw new StartFailure(sentence(host, port), { cause });
  }
}

const SENTENCES: Record<string, (host: string, port: number) => string> = {
  EADDRINUSE: (host, port) => `Port ${port} of ${host} is taken by another program: end that one, or set PORT to another.`,
  EACCES: (host, port) => `This account may not listen on port ${port} of ${host}: set PORT to one above 1023.`,
  EADDRNOTAVAIL: (host) => `${host} is no address of this machine: set HOST to one of its own, or to 0.0.0.0 for all.`,
  ENOTFOUND: (host) => `${host} is no name of this machine: set HOST to one of its addresses, or to 0.0.0.0 for all.`,
};

/** Makes the folder where it is missing. Throws a `StartFailure` where it may not be written. */
export async function assertWritable(dataDir: string): Promise<void> {
  const folder = resolve(dataDir);
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new StartFailure(`DATA_DIR ${folder} cannot be written (${code}): let the account of the service own it, or name another.`, {
      cause,
    });
  }
}
