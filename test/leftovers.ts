// What tests start must not outlive them, however they end: also when the run is killed, or its
// output is a pipe that closes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statfsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
/** As the kernel numbers file systems that lie in memory. */
const TMPFS = 0x01021994;
/**
 * Eight times what a run holds at once, and as much as the log of its server may take in between.
 */
const MEMORY_BYTES_MIN = 2 * 1024 ** 3;

/**
 * Where servers of tests keep their data: in memory where Linux has room for it, else with the
 * other temporary files. The server keeps its durable settings, which laws look at; it only waits
 * for no disk. What survives a loss of power is no subject of a test.
 */
function placeOfServers(): string {
  if (process.platform !== 'linux' || freemem() < 2 * MEMORY_BYTES_MIN) return tmpdir();
  try {
    const { type, bavail, bsize } = statfsSync(MEMORY);
    return type === TMPFS && bavail * bsize >= MEMORY_BYTES_MIN ? MEMORY : tmpdir();
  } catch {
    // There is no such place here.
    return tmpdir();
  }
}

/**
 * Reads until whoever holds the other end of its input is gone, then ends the servers whose data
 * are below the folder, and removes it.
 */
const CLEAN_UP = `
cat > /dev/null
for file in "$1"/postgres/postmaster.pid "$1"/*/postgres/postmaster.pid; do
  [ -f "$file" ] && kill -QUIT "$(head -n 1 "$file")"
done
[ -e "$1" ] && sleep 1 && rm -rf "$1"
`;

/**
 * A folder for servers, in `place` or else where theirs is. It goes, with whatever runs in it, when
 * `remove` is called, or else when this process ends.
 */
export async function temporaryFolder(name: string, place = placeOfServers()): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(place, `fenyong-${name}-`));
  const cleaner = spawn('sh', ['-c', CLEAN_UP, 'sh', path], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true });
      cleaner.stdin.end();
      await once(cleaner, 'exit');
    },
  };
}

/** A server that is killed when `kill` is called, or else when this process ends. */
export function mortalServer(command: string[]): { kill: () => Promise<void> } {
  const script = '"$@" & cat > /dev/null; kill -KILL $!; wait $!';
  const keeper = spawn('sh', ['-c', script, 'sh', ...command], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  return {
    async kill() {
      keeper.stdin.end();
      await once(keeper, 'exit');
    },
  };
}
