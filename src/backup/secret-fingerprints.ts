// The secrets of the service beside a backup: by default only what tells the right ones from
// others, so that who steals the backup opens nothing of it; all of them where that is asked for.
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { fileOf, folderOf, makeKept, readKept, SECRET_NAMES, type SecretName } from '../platform/keys/own-secrets.ts';
import { StartFailure } from '../platform/process/start-failure.ts';
import type { Manifest } from './manifest.ts';

/** Of each secret its values, the newest first; none where it lies in the database itself. */
export type Secrets = Readonly<Record<SecretName, readonly string[]>>;

const SALT_BYTES = 32;
const FINGERPRINT_BYTES = 32;
const derive = promisify<string, Buffer, number, Buffer>(scrypt);

/** The secrets that the environment gives, then those that `DATA_DIR/keys` keeps. */
export async function secretsAt(dataDir: string, given: Secrets): Promise<Secrets> {
  const values = SECRET_NAMES.map(async (name) => [name, [...new Set([...given[name], ...(await readKept(dataDir, name))])]] as const);
  return Object.fromEntries(await Promise.all(values)) as Record<SecretName, string[]>;
}

/** One fingerprint of every value: of a secret that somebody has chosen it is slow to guess. */
export async function fingerprintsOf(secrets: Secrets): Promise<Manifest['secrets']> {
  const values = SECRET_NAMES.flatMap((name) => secrets[name].map((value) => ({ name, value })));
  return Promise.all(
    values.map(async ({ name, value }) => {
      const salt = randomBytes(SALT_BYTES);
      const fingerprint = await derive(value, salt, FINGERPRINT_BYTES);
      return { name, salt: salt.toString('hex'), scrypt: fingerprint.toString('hex') };
    }),
  );
}

/** The names of the secrets of which a value that was in use is not among these. */
async function missingSecrets(fingerprints: Manifest['secrets'], secrets: Secrets): Promise<SecretName[]> {
  const missing = new Set<SecretName>();
  for (const { name, salt, scrypt: wanted } of fingerprints) {
    const found = await Promise.all(secrets[name].map((value) => derive(value, Buffer.from(salt, 'hex'), FINGERPRINT_BYTES)));
    if (!found.some((one) => timingSafeEqual(one, Buffer.from(wanted, 'hex')))) missing.add(name);
  }
  return [...missing];
}

/** Writes the secrets as `DATA_DIR/keys` has them, into a folder that has none of them yet. */
export async function keepKeys(folder: string, secrets: Secrets): Promise<void> {
  for (const name of SECRET_NAMES) if (secrets[name].length > 0) await makeKept(folder, name, secrets[name].join(','));
}

/**
 * The secrets that the rows of a backup need: those that are here, else those that lie in the
 * backup, which are then kept in `DATA_DIR/keys`. Throws a `StartFailure` where they are in neither
 * place, or where others are in theirs: nothing that is sealed would open.
 */
export async function settleSecrets(folder: string, { secrets: fingerprints }: Manifest, dataDir: string, given: Secrets): Promise<void> {
  const missing = await missingSecrets(fingerprints, await secretsAt(dataDir, given));
  if (missing.length === 0) return;
  const carried = await secretsAt(folder, { TOKEN_SECRET: [], SECRETS_KEY: [], IDENTITY_KEY: [] });
  const nowhere = await missingSecrets(fingerprints, carried);
  const needed = missing.filter((name) => nowhere.includes(name));
  if (needed.length > 0) {
    throw new StartFailure(
      `${needed.join(', ')}: the rows of this backup need other values than are set or lie in ${folderOf(dataDir)}. Put back that folder ` +
        'as it was when the backup was made, or set what it held; nothing was restored.',
    );
  }
  for (const name of missing) {
    const kept = await makeKept(dataDir, name, carried[name].join(','));
    if (!carried[name].every((value) => kept.includes(value))) {
      throw new StartFailure(`${fileOf(dataDir, name)} holds another secret than the backup: move it away; nothing was restored.`);
    }
  }
}
