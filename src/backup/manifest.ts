// What a backup says of itself: which version of the tables it is of, what is in each file, and
// how to know the secrets that its rows are sealed and signed with.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { SECRET_NAMES } from '../platform/keys/own-secrets.ts';
import { ifMissing } from '../platform/embedded/embedded-binaries.ts';
import { StartFailure } from '../platform/process/start-failure.ts';

const FORMAT = 1;
const FILE = 'backup.json';
const hex = z.string().regex(/^[0-9a-f]{64}$/);
/** As PostgreSQL writes the bounds of a partition by range; they become SQL again. */
const bound = z.string().regex(/^(?:DEFAULT|FOR VALUES FROM \((?:'[^']+'|MINVALUE)\) TO \('[^']+'\))$/);

const manifest = z.strictObject({
  format: z.literal(FORMAT),
  made_at: z.iso.datetime(),
  /** The migrations that the database had run, in their order. */
  migrations: z.array(z.string()).min(1),
  tables: z.array(z.strictObject({ name: z.string(), columns: z.array(z.string()).min(1), rows: z.int(), sha256: hex })),
  partitions: z.array(z.strictObject({ name: z.string(), parent: z.string(), bound })),
  /** What each sequence gave last; no row of the backup has a later one. */
  sequences: z.array(z.strictObject({ name: z.string(), last: z.string().regex(/^\d+$/) })),
  /** Every secret that was in use, so that another one is told from it and nobody learns it. */
  secrets: z.array(z.strictObject({ name: z.enum(SECRET_NAMES), salt: hex, scrypt: hex })),
  with_keys: z.boolean(),
});

export type Manifest = z.infer<typeof manifest>;

export const manifestFile = (folder: string): string => join(folder, FILE);
export const tableFile = (folder: string, table: string): string => join(folder, `${table}.copy.gz`);

/**
 * Reads what the folder says of itself. Throws a `StartFailure` where it is no backup that this
 * version can read.
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const text = await readFile(manifestFile(folder), 'utf8').catch(ifMissing(null));
  if (text === null) throw new StartFailure(`${folder} is no backup: it has no ${FILE}.`);
  try {
    return manifest.parse(JSON.parse(text));
  } catch (cause) {
    throw new StartFailure(`${manifestFile(folder)} cannot be read: it is damaged, or was made by a later version.`, { cause });
  }
}

/** Throws a `StartFailure` that names every file which is missing or not what it was. */
export async function refuseDamaged(folder: string, { tables }: Manifest): Promise<void> {
  const damaged: string[] = [];
  for (const { name, sha256 } of tables) {
    const found = await hashOf(tableFile(folder, name)).catch(ifMissing(null));
    if (found !== sha256) damaged.push(tableFile(folder, name));
  }
  if (damaged.length > 0) throw new StartFailure(`The backup is damaged, and nothing was restored: ${damaged.join(', ')}.`);
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
