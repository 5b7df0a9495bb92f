// The secrets that the service itself lives by. The operator gives them, or they are made once into
// a folder of the machine, apart from the database: who steals a dump then holds neither what
// sealed its secrets nor what hashed its buyers.

import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import type { Kysely } from 'kysely';

import { ifMissing } from '../embedded/embedded-binaries.ts';
import { StartFailure } from '../process/start-failure.ts';
import type { DB } from '../postgres/tables.ts';
import { syncFolder } from '../sync-folder.ts';

export const SECRET_NAMES = ['TOKEN_SECRET', 'SECRETS_KEY', 'IDENTITY_KEY'] as const;
export type SecretName = (typeof SECRET_NAMES)[number];

const SECRET_BYTES = 32;
const SECRET = /^[\x21-\x2b\x2d-\x7e]{16,}$/;

/**
 * Of each secret its values, the newest first: that one signs, seals and hashes, all are believed.
 */
type OwnSecrets = Record<SecretName, [string, ...string[]]>;

interface SecretPlaces {
  db: Kysely<DB>;
  dataDir: string;
  /** What the operator gave; none where he left it to us. */
  given: Readonly<Record<SecretName, readonly string[]>>;
  /**
   * Whether what is nowhere may be made: not by one process of many, of which each would make
   * another.
   */
  mayMake: boolean;
}

interface FoundSecrets {
  secrets: OwnSecrets;
  /** Those that lie in the database, where earlier versions kept them. */
  inDatabase: SecretName[];
}

/**
 * The secrets as given, then as kept in `DATA_DIR/keys`, then as an earlier version kept them in
 * the database. What is in none of these places is made into the folder, once for all processes of
 * it. Throws a `StartFailure` that names what is missing where it may not be made, or was made
 * before: another one in its place would open and know nothing of what is there.
 */
export async function findOwnSecrets({ db, dataDir, given, mayMake }: SecretPlaces): Promise<FoundSecrets> {
  const [stored, marked] = [await readStored(db), await readMarks(db)];
  const values = new Map<SecretName, string[]>();
  for (const name of SECRET_NAMES) {
    const kept = await readKept(dataDir, name);
    const earlier = stored.get(name);
    values.set(name, [...new Set([...given[name], ...kept, ...(earlier === undefined ? [] : [earlier])])]);
    if (kept.length > 0 && !marked.has(name)) await mark(db, name);
  }
  const missing = SECRET_NAMES.filter((name) => values.get(name)!.length === 0);
  refuseMissing(missing, { marked, mayMake, folder: folderOf(dataDir) });
  for (const name of missing) {
    values.set(name, await makeKept(dataDir, name, randomBytes(SECRET_BYTES).toString('base64url')));
    await mark(db, name);
  }
  return { secrets: Object.fromEntries(values) as OwnSecrets, inDatabase: SECRET_NAMES.filter((name) => stored.has(name)) };
}

function refuseMissing(missing: readonly SecretName[], { marked, mayMake, folder }: Refusing): void {
  const gone = missing.filter((name) => marked.has(name));
  if (gone.length > 0) {
    throw new StartFailure(
      `${gone.join(', ')} of this database ${gone.length === 1 ? 'was' : 'were'} made by the service, and ${folder} does not hold ` +
        `${gone.length === 1 ? 'it' : 'them'}: put that folder back, or set what it held. Anything else would not open what is stored.`,
    );
  }
  if (missing.length === 0 || mayMake) return;
  throw new StartFailure(
    `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} neither set nor in ${folder}. Set each to a value of its own, the same in ` +
      'every process (openssl rand -hex 32 makes one), and keep it: the data cannot be read without.',
  );
}

interface Refusing {
  marked: ReadonlySet<string>;
  mayMake: boolean;
  folder: string;
}

/**
 * Moves the secrets that an earlier version keeps in the database to the folder, and gives their
 * names. Each is safe on the disk before it leaves the database, so that it may be killed anywhere
 * and run again. `db` is of the owner: the application may delete no secret. Throws a
 * `StartFailure` where the folder holds another secret that cannot stand beside this one.
 */
export async function moveOwnSecrets(db: Kysely<DB>, dataDir: string): Promise<SecretName[]> {
  const moved: SecretName[] = [];
  for (const [name, secret] of await readStored(db)) {
    const kept = await readKept(dataDir, name);
    if (!kept.includes(secret)) await keepBeside(dataDir, name, kept, secret);
    await mark(db, name);
    await db.deleteFrom('setting').where('name', '=', name).where('value', '=', secret).execute();
    moved.push(name);
  }
  return moved;
}

async function keepBeside(dataDir: string, name: SecretName, kept: readonly string[], secret: string): Promise<void> {
  if (kept.length === 0 && (await makeKept(dataDir, name, secret)).includes(secret)) return;
  throw new StartFailure(
    `${fileOf(dataDir, name)} holds another secret than the database. Write the one of the database behind it, after a comma ` +
      '(select value from setting), and run this again.',
  );
}

/** Where the secrets lie that nobody gave. */
export function folderOf(dataDir: string): string {
  return join(resolve(dataDir), 'keys');
}

/** Where that secret lies. */
export function fileOf(dataDir: string, name: SecretName): string {
  return join(folderOf(dataDir), name);
}

async function readStored(db: Kysely<DB>): Promise<Map<SecretName, string>> {
  const rows = await db.selectFrom('setting').select(['name', 'value']).where('name', 'in', SECRET_NAMES).execute();
  return new Map(rows.map(({ name, value }) => [name as SecretName, value]));
}

async function readMarks(db: Kysely<DB>): Promise<Set<string>> {
  return new Set((await db.selectFrom('kept_secret').select('name').execute()).map(({ name }) => name));
}

async function mark(db: Kysely<DB>, name: SecretName): Promise<void> {
  await db
    .insertInto('kept_secret')
    .values({ name, marked_at: new Date() })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
}

/**
 * The secrets of a file, separated by commas as in the environment; none where there is no file.
 */
export async function readKept(dataDir: string, name: SecretName): Promise<string[]> {
  const file = fileOf(dataDir, name);
  const text = await readFile(file, 'utf8')
    .catch(ifMissing(null))
    .catch((cause: NodeJS.ErrnoException) => {
      throw new StartFailure(`${file} cannot be read (${cause.code}): let the account of the service own it.`, { cause });
    });
  if (text === null) return [];
  const secrets = text.trim().split(',');
  if (secrets.every((secret) => SECRET.test(secret))) return secrets;
  throw new StartFailure(`${file} holds no secret of at least 16 printable ASCII characters: put back what it held.`);
}

/**
 * Makes the file, whole and on the disk or not at all, and gives what it holds: where another
 * process was faster, that one's.
 */
export async function makeKept(dataDir: string, name: SecretName, secret: string): Promise<string[]> {
  const folder = folderOf(dataDir);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const fresh = join(folder, `.${name}-${randomBytes(4).toString('hex')}`);
    await writeDurably(fresh, `${secret}\n`);
    try {
      await link(fresh, fileOf(dataDir, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await unlink(fresh);
    }
    await syncFolder(folder);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new StartFailure(`${folder} cannot be written (${code}): let the account of the service own DATA_DIR, or set ${name}.`, {
      cause,
    });
  }
  return readKept(dataDir, name);
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
