// The API key that somebody asks for, over HTTP or on the command line: what it may be, and that
// whom it is for is there.

import { parseArgs } from 'node:util';

import type { Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../../core/errors.ts';
import { bodyExamples } from '../http/fields.ts';
import { KEY_ROLES, SCOPES, type Actor } from './actor.ts';
import { makeKey, type KeyRow } from './keys-store.ts';
import type { DB } from '../postgres/tables.ts';

/** The id of a merchant or a promoter. */
export const partyId = z
  .string()
  .min(1)
  .max(128)
  .regex(/^\P{Cc}+$/u, 'An id has no control characters');

export const keyWish = z
  .strictObject({
    scope: z.enum(SCOPES),
    role: z.enum(KEY_ROLES).nullish().meta({ description: 'What an admin’s work is; without one the key may do everything.' }),
    person: partyId.nullish().meta({ description: 'Whose key it is; keys of one person count as one where two are asked for.' }),
    merchant_id: partyId.nullish().meta({ description: 'Binds a storefront’s or a merchant’s key to one merchant.' }),
    promoter_id: partyId.nullish().meta({ description: 'Whose key a promoter key is.' }),
    label: z.string().max(200).default(''),
  })
  .refine(({ scope, promoter_id }) => (scope === 'promoter') === (promoter_id != null), {
    path: ['promoter_id'],
    message: 'A promoter key has a promoter_id, and no other key has one',
  })
  .refine(({ scope, merchant_id }) => scope === 'storefront' || (scope === 'merchant') === (merchant_id != null), {
    path: ['merchant_id'],
    message: 'A merchant key has a merchant_id, a storefront key may have one, and no other key has one',
  })
  .refine(({ scope, role }) => scope === 'admin' || role == null, { path: ['role'], message: 'Only an admin key has a role' })
  .meta(bodyExamples({ scope: 'storefront', merchant_id: 'm1', label: 'shop backend' }));

type KeyWish = z.output<typeof keyWish>;

const OPTIONS = {
  scope: 'scope',
  role: 'role',
  person: 'person',
  merchant: 'merchant_id',
  promoter: 'promoter_id',
  label: 'label',
} as const;

/**
 * The wish of a command line: `--scope`, `--role`, `--person`, `--merchant`, `--promoter`,
 * `--label`. Throws `malformed_request`, in a sentence for its operator.
 */
export function readKeyWish(args: string[]): KeyWish {
  const given = Object.entries(valuesOf(args)).map(([option, value]) => [OPTIONS[option as keyof typeof OPTIONS], value]);
  const read = keyWish.safeParse(Object.fromEntries(given));
  if (read.success) return read.data;
  const mistakes = read.error.issues.map(({ path, message }) => `--${optionOf(path[0])}: ${message}`);
  throw new DomainError('malformed_request', mistakes.join('\n'));
}

function optionOf(field: unknown): string | undefined {
  return Object.entries(OPTIONS).find(([, name]) => name === field)?.[0];
}

function valuesOf(args: string[]): Partial<Record<keyof typeof OPTIONS, string>> {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({ args, options: { scope: text, role: text, person: text, merchant: text, promoter: text, label: text } }).values;
  } catch (error) {
    throw new DomainError('malformed_request', (error as Error).message, { cause: error });
  }
}

/** Whether there is a merchant, and a promoter, of an id: what the platform knows nothing of. */
export interface KnownParties {
  merchantExists: (trx: Transaction<DB>, merchantId: string) => Promise<boolean>;
  promoterExists: (trx: Transaction<DB>, promoterId: string) => Promise<boolean>;
}

/** Makes the key that is wished for. Throws `unknown_merchant` or `unknown_promoter`. */
export async function grantKey(
  trx: Transaction<DB>,
  parties: KnownParties,
  { scope, role, person, merchant_id, promoter_id, label }: KeyWish,
  actor: Actor | null,
  now: Date,
): Promise<{ key: string; row: KeyRow }> {
  const wanted = {
    scope,
    role: role ?? null,
    person: person ?? null,
    label,
    merchantId: merchant_id ?? null,
    promoterId: promoter_id ?? null,
  };
  await refuseUnknown(trx, parties, wanted);
  return makeKey(trx, wanted, actor, now);
}

/**
 * A key that is bound to a slip of the pen would open nothing today, and to whoever gets that id
 * tomorrow.
 */
async function refuseUnknown(
  trx: Transaction<DB>,
  { merchantExists, promoterExists }: KnownParties,
  { merchantId, promoterId }: { merchantId: string | null; promoterId: string | null },
): Promise<void> {
  if (merchantId !== null && !(await merchantExists(trx, merchantId))) {
    throw new DomainError('unknown_merchant', `There is no merchant ${merchantId}.`, {
      errors: [{ path: 'merchant_id', message: 'is not a known merchant' }],
    });
  }
  if (promoterId !== null && !(await promoterExists(trx, promoterId))) {
    throw new DomainError('unknown_promoter', `There is no promoter ${promoterId}.`, {
      errors: [{ path: 'promoter_id', message: 'is not a known promoter' }],
    });
  }
}
