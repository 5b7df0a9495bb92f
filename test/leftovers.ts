// What tests start must not outlive them, however they end: also when the run is killed, or its output is a pipe that closes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Reads until whoever holds the other end of its input is gone, then ends the servers whose data are below the folder, and removes it. */
const CLEAN_UP = `
cat > /dev/null
for file in "$1"/postgres/postmaster.pid "$1"/*/postgres/postmaster.pid; do
  [ -f "$file" ] && kill -QUIT "$(head -n 1 "$file")"
done
[ -e "$1" ] && sleep 1 && rm -rf "$1"
`;

/** A folder for servers. It goes, with whatever runs in it, when `remove` is called, or else when this process ends. */
export async function temporaryFolder(name: string): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `fenyong-${name}-`));
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
