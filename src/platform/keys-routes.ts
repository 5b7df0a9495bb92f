// API keys: making, listing and revoking them.

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import { SCOPES } from './actor.ts';
import type { KnownKeys } from './auth.ts';
import { inTransaction } from './database.ts';
import type { App } from './http.ts';
import { answerOnce } from './idempotency.ts';
import { listKeys, makeKey, revokeKey } from './keys-store.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from './paging.ts';
import { problems } from './problem.ts';
import type { DB } from './tables.ts';

const id = z
  .string()
  .min(1)
  .max(128)
  .regex(/^\P{Cc}+$/u, 'An id has no control characters');

const newKey = z
  .strictObject({
    scope: z.enum(SCOPES),
    merchant_id: id.nullish().meta({ description: 'Binds a storefront key to one merchant.' }),
    promoter_id: id.nullish().meta({ description: 'Whose key a promoter key is.' }),
    label: z.string().max(200).default(''),
  })
  .refine(({ scope, promoter_id }) => (scope === 'promoter') === (promoter_id != null), {
    path: ['promoter_id'],
    message: 'A promoter key has a promoter_id, and no other key has one',
  })
  .refine(({ scope, merchant_id }) => scope === 'storefront' || merchant_id == null, {
    path: ['merchant_id'],
    message: 'Only a storefront key is bound to a merchant',
  });

const key = z
  .object({
    key_id: z.uuid(),
    scope: z.enum(SCOPES),
    merchant_id: id.nullable(),
    promoter_id: id.nullable(),
    label: z.string(),
    ending: z.string().nullable().meta({ description: 'The last four characters of the key.' }),
    made_at: z.date(),
    last_used_at: z.date().nullable().meta({ description: 'Exact to a minute.' }),
    revoked_at: z.date().nullable(),
  })
  .meta({ id: 'Key' });

const tags = ['keys'];
const place = z.tuple([z.uuid()]);

/** Whether there is a merchant, and a promoter, of an id: what the platform knows nothing of. */
export interface KnownParties {
  merchantExists: (trx: Transaction<DB>, merchantId: string) => Promise<boolean>;
  promoterExists: (trx: Transaction<DB>, promoterId: string) => Promise<boolean>;
}

/** POST, GET and DELETE under /v1/keys. */
export function keysRoutes(app: App, { db, keys, parties }: { db: Kysely<DB>; keys: KnownKeys; parties: KnownParties }): void {
  app.post('/v1/keys', {
    config: { scopes: ['admin'] },
    schema: {
      tags,
      summary: 'Make a key; it is shown this once',
      body: newKey,
      response: { 201: key.extend({ key: z.string() }), ...problems(400, 401, 403, 409, 422) },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const { scope, merchant_id, promoter_id, label } = request.body;
        const wanted = { scope, label, merchantId: merchant_id ?? null, promoterId: promoter_id ?? null };
        await refuseUnknown(trx, parties, wanted);
        const made = await makeKey(trx, wanted, request.actor, now);
        return { status: 201, body: { ...made.row, key: made.key }, stored: made.row };
      }),
  });

  app.get('/v1/keys', {
    config: { scopes: ['admin'] },
    schema: {
      tags,
      summary: 'All keys, the newest first, never the keys themselves',
      querystring: pageQuery,
      response: { 200: pageOf(key), ...problems(400, 401, 403) },
    },
    handler: async ({ query: { limit, cursor } }) => {
      const before = cursor === undefined ? null : decodeCursor(cursor, place)[0];
      return toPage(
        await listKeys(db, { limit, before }),
        limit,
        (row) => key.parse(row),
        (row) => [row.key_id],
      );
    },
  });

  app.delete('/v1/keys/:key_id', {
    config: { scopes: ['admin'] },
    schema: {
      tags,
      summary: 'Revoke a key; it stops within ten seconds everywhere',
      params: z.object({ key_id: z.uuid() }),
      response: { 204: z.undefined(), ...problems(401, 403, 404, 409) },
    },
    handler: async (request, reply) => {
      const { key_id: keyId } = request.params;
      await inTransaction(db, ({ trx, now }) => revokeKey(trx, keyId, request.actor, now));
      keys.forget(keyId);
      return reply.code(204).send();
    },
  });
}

/** A key that is bound to a slip of the pen would open nothing today, and to whoever gets that id tomorrow. */
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
