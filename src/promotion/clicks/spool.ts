// The spool: clicks that came while the database was away, in files of lines, durable before their
// redirects answer. Any process may replay any file at any time: a file is taken by renaming it,
// and a writer whose file was taken writes its batch again.

import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { DomainError } from '../../core/errors.ts';
import type { Click } from './click-store.ts';

/**
 * The name says when the file was begun, in milliseconds since 1970: that is when its oldest click
 * came.
 */
const BEGUN_AT = /^clicks-(\d+)-/;
const OPEN = '.open';
/** The ending that earlier versions gave it, whose files may still lie there. */
const TAKEN = '.claimed';
const DAMAGED = '.damaged';
const FILE_BYTES_MAX = 64 * 1024 * 1024;
const SPOOL_BYTES_MAX = 4 * 1024 * 1024 * 1024;
const LINES_PER_WRITE = 1000;
/**
 * A replay takes a file every few seconds, so that a second attempt is seldom needed, and more
 * than that never.
 */
const ATTEMPTS_MAX = 5;

export interface Spool {
  /**
   * Resolves when the clicks would survive a power cut. Rejects, with nothing acknowledged, when
   * the disk refuses or the spool is full.
   */
  append(clicks: Click[]): Promise<void>;
  /** Closes the file that is being written; the spool can still be appended to. */
  close(): Promise<void>;
}

interface Replayed {
  clicks: number;
  /** Last lines that a crash cut off before they were acknowledged. */
  torn: number;
  /**
   * Lines in the middle of a file that cannot be read; their file is kept with the ending
   * `.damaged`.
   */
  damaged: number;
}

interface OpenFile {
  path: string;
  handle: FileHandle;
  inode: bigint;
  bytes: number;
}

/**
 * A spool in `dir`, which is made when the first click comes. Batches must not be appended side by
 * side.
 */
export function openSpool({ dir, bytesMax = SPOOL_BYTES_MAX }: { dir: string; bytesMax?: number }): Spool {
  let file: OpenFile | null = null;

  async function append(clicks: Click[]): Promise<void> {
    const bytes = Buffer.from(clicks.map((click) => `${JSON.stringify(click)}\n`).join(''));
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) if (await written(bytes)) return;
    throw new DomainError('unavailable', 'The spool is being replayed as fast as it is written.');
  }

  async function written(bytes: Buffer): Promise<boolean> {
    file ??= await makeFile(dir, bytesMax);
    try {
      await file.handle.appendFile(bytes);
      await file.handle.datasync();
      file.bytes += bytes.length;
      // Who takes a file renames it first and reads it then: when the name still stands here, all
      // that was written will be read.
      if (await isStanding(file)) {
        if (file.bytes >= FILE_BYTES_MAX) await close();
        return true;
      }
    } catch (error) {
      // What a failed write has left behind must not run into the next line.
      await close();
      throw error;
    }
    await close();
    return false;
  }

  async function close(): Promise<void> {
    const closing = file;
    file = null;
    await closing?.handle.close();
  }

  return { append, close };
}

async function makeFile(dir: string, bytesMax: number): Promise<OpenFile> {
  await mkdir(dir, { recursive: true });
  if ((await spoolDepth(dir)).bytes >= bytesMax) throw new DomainError('unavailable', 'The spool of clicks is full.');
  const path = join(dir, `clicks-${Date.now()}-${randomUUID()}${OPEN}`);
  const handle = await open(path, 'ax', 0o600);
  await syncDir(dir);
  return { path, handle, inode: (await handle.stat({ bigint: true })).ino, bytes: 0 };
}

async function isStanding({ path, inode }: OpenFile): Promise<boolean> {
  const found = await unlessGone(stat(path, { bigint: true }));
  return found !== null && found.ino === inode;
}

/**
 * The name of a new file is durable only with its folder; Windows has no way to say that, and needs
 * none.
 */
async function syncDir(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes everything in the spool through `write`, which must bear to be given a click twice, and
 * deletes a file only after its last click was written. When `write` throws, the file stays for the
 * next replay.
 */
export async function replaySpool({ dir, write }: { dir: string; write: (clicks: Click[]) => Promise<void> }): Promise<Replayed> {
  const total: Replayed = { clicks: 0, torn: 0, damaged: 0 };
  for (const name of (await unlessGone(readdir(dir))) ?? []) {
    const taken = await takeFile(dir, name);
    if (taken === null) continue;
    const { clicks, torn, damaged } = await replayFile(taken, write);
    total.clicks += clicks;
    total.torn += torn;
    total.damaged += damaged;
    await unlessGone(damaged === 0 ? unlink(taken) : rename(taken, taken.slice(0, -TAKEN.length) + DAMAGED));
  }
  return total;
}

async function takeFile(dir: string, name: string): Promise<string | null> {
  const path = join(dir, name);
  if (name.endsWith(TAKEN)) return path;
  if (!name.endsWith(OPEN)) return null;
  const taken = path.slice(0, -OPEN.length) + TAKEN;
  return (await unlessGone(rename(path, taken).then(() => true))) === null ? null : taken;
}

async function replayFile(path: string, write: (clicks: Click[]) => Promise<void>): Promise<Replayed> {
  const counts: Replayed = { clicks: 0, torn: 0, damaged: 0 };
  const handle = await unlessGone(open(path, 'r'));
  if (handle === null) return counts;
  let batch: Click[] = [];
  try {
    for await (const { text, ended } of linesOf(handle)) {
      const click = parsed(text);
      if (click === undefined) counts[ended ? 'damaged' : 'torn']++;
      else batch.push(click);
      if (batch.length < LINES_PER_WRITE) continue;
      await write(batch);
      counts.clicks += batch.length;
      batch = [];
    }
  } finally {
    await handle.close();
  }
  if (batch.length > 0) await write(batch);
  counts.clicks += batch.length;
  return counts;
}

/** The lines of a file; the last one has not ended when its newline is missing. */
async function* linesOf(handle: FileHandle): AsyncGenerator<{ text: string; ended: boolean }> {
  let rest = '';
  for await (const chunk of handle.createReadStream({ encoding: 'utf8', autoClose: false }) as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const text of lines) yield { text, ended: true };
  }
  if (rest !== '') yield { text: rest, ended: false };
}

/**
 * Undefined for a line that is no JSON: a power cut leaves half lines, and zeros where the file had
 * grown already.
 */
function parsed(text: string): Click | undefined {
  try {
    return JSON.parse(text) as Click;
  } catch {
    return undefined;
  }
}

export interface SpoolDepth {
  /** Files that a replay would take. */
  waiting: number;
  /** Files that are kept because of a line that cannot be read. */
  damaged: number;
  bytes: number;
  /** When the oldest click came that waits, in milliseconds since 1970; null when none does. */
  oldestAt: number | null;
}

/** How much lies in the spool, of all processes that share the folder, and since when. */
export async function spoolDepth(dir: string): Promise<SpoolDepth> {
  const depth: SpoolDepth = { waiting: 0, damaged: 0, bytes: 0, oldestAt: null };
  for (const name of (await unlessGone(readdir(dir))) ?? []) {
    const found = await unlessGone(stat(join(dir, name)));
    if (found === null) continue;
    depth.bytes += found.size;
    if (name.endsWith(DAMAGED)) {
      depth.damaged += 1;
      continue;
    }
    depth.waiting += 1;
    // Under another name it is at least as old as what was last written to it.
    const begunAt = Number(BEGUN_AT.exec(name)?.[1] ?? found.mtimeMs);
    depth.oldestAt = Math.min(depth.oldestAt ?? begunAt, begunAt);
  }
  return depth;
}

/** Null when the file is not there (any more): another process was first. */
async function unlessGone<Result>(work: Promise<Result>): Promise<Result | null> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
