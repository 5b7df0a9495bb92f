// The log of erasures beside the database: a database that is restored from a backup does not know
// whom it had to forget meanwhile. It names buyers by keyed hashes only.
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { inTransaction } from '../platform/postgres/database.ts';
import { ifMissing } from '../platform/embedded/embedded-binaries.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { knownErasures, readErasures, storeErasure, type KeptErasure } from './erasure-store.ts';

const FILE = 'erasures.ndjson';
const PAGE = 1000;
const NEWLINE = 0x0a;

const entry = z.object({
  erasure_id: z.uuid(),
  merchant_id: z.string(),
  made_at: z.iso.datetime(),
  identities: z.array(z.object({ type: z.string(), identity: z.guid() })),
});

type Entry = z.output<typeof entry>;

export const erasureLogOf = (dataDir: string): string => join(dataDir, FILE);

/**
 * Reads the log, and how long it is without a last line that a kill has cut off. Any other line
 * that is no entry throws: somebody would not be forgotten.
 */
async function readLog(dataDir: string): Promise<{ entries: Entry[]; length: number }> {
  const bytes = await readFile(erasureLogOf(dataDir)).catch(ifMissing(Buffer.alloc(0)));
  const length = bytes.lastIndexOf(NEWLINE) + 1;
  const lines = bytes.toString('utf8', 0, length).split('\n').slice(0, -1);
  return { length, entries: lines.map((line, index) => entryOf(line, index, dataDir)) };
}

function entryOf(line: string, index: number, dataDir: string): Entry {
  try {
    return entry.parse(JSON.parse(line));
  } catch (error) {
    throw new Error(`${erasureLogOf(dataDir)} is damaged at its entry ${index + 1}`, { cause: error });
  }
}

/**
 * Writes those of these erasures into the log that it does not have. They are on the disk when it
 * resolves.
 */
export async function appendErasures(dataDir: string, erasures: readonly KeptErasure[]): Promise<void> {
  const { entries, length } = await readLog(dataDir);
  const known = new Set(entries.map(({ erasure_id: erasureId }) => erasureId));
  const lines = erasures.filter(({ erasureId }) => !known.has(erasureId)).map((one) => `${JSON.stringify(toEntry(one))}\n`);
  if (lines.length === 0) return;
  await mkdir(dataDir, { recursive: true });
  const file = await open(erasureLogOf(dataDir), 'a', 0o600);
  try {
    await file.truncate(length);
    await file.appendFile(lines.join(''));
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Adds what the log in another folder has, as a backup's, to the log of `DATA_DIR`. */
export async function carryErasures(folder: string, dataDir: string): Promise<void> {
  const { entries } = await readLog(folder);
  const erasures = entries.map(({ erasure_id: erasureId, merchant_id: merchantId, made_at: madeAt, identities }) => {
    return { erasureId, merchantId, identities, madeBy: null, madeAt: new Date(madeAt) };
  });
  await appendErasures(dataDir, erasures);
}

function toEntry({ erasureId, merchantId, madeAt, identities }: KeptErasure): Entry {
  return { erasure_id: erasureId, merchant_id: merchantId, made_at: madeAt.toISOString(), identities };
}

/**
 * Makes the log and the database know the same erasures, and answers how many the database had
 * forgotten: those stand in it again, and are to be carried out before anybody is served.
 */
export async function reconcileLog(db: Kysely<DB>, dataDir: string): Promise<number> {
  const { entries } = await readLog(dataDir);
  const known = await knownErasures(
    db,
    entries.map((one) => one.erasure_id),
  );
  let forgotten = 0;
  for (const { erasure_id: erasureId, merchant_id: merchantId, made_at: madeAt, identities } of entries) {
    if (known.has(erasureId)) continue;
    const erasure = { erasureId, merchantId, identities, madeBy: null, madeAt: new Date(madeAt) };
    if (await inTransaction(db, ({ trx }) => storeErasure(trx, erasure))) forgotten += 1;
  }
  for (let after: string | null = null; ;) {
    const kept: KeptErasure[] = await readErasures(db, { unfinished: false, after, limit: PAGE });
    await appendErasures(dataDir, kept);
    if (kept.length < PAGE) return forgotten;
    after = kept.at(-1)!.erasureId;
  }
}
