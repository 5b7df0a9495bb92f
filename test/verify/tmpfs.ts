// A disk that is small enough to be filled, where this machine lets us mount one.

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const SIZE = '320m';

/** Null when a small disk can be mounted below the folder, else why not. */
export function smallDisksWork(folder: string): string | null {
  if (process.platform !== 'linux') return 'small disks are mounted on Linux only';
  const probe = join(folder, 'probe');
  mkdirSync(probe, { recursive: true });
  const { status, stderr } = mount(probe);
  if (status !== 0) return `no small disk may be mounted here (${stderr.trim() || 'no mount command'})`;
  unmount(probe);
  return null;
}

/** Mounts it and gives what takes it away again. */
export function mountSmallDisk(folder: string): () => void {
  const { status, stderr } = mount(folder);
  if (status !== 0) throw new Error(`the small disk was not mounted: ${stderr}`);
  return () => unmount(folder);
}

function mount(folder: string): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'verify', folder], { encoding: 'utf8' });
  return { status, stderr: stderr ?? '' };
}

/** Lazily: whatever still has a file open there keeps its disk until it ends. */
function unmount(folder: string): void {
  const { status, stderr } = spawnSync('umount', ['--lazy', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the small disk was not taken away: ${stderr}`);
}
