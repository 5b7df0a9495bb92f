// API keys: making, listing and revoking them.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { KEY_ROLES, SCOPES } from './actor.ts';
import type { KnownKeys } from './known-keys.ts';
import { inTransaction } from '../postgres/database.ts';
import type { App } from '../http/app.ts';
import { answerOnce } from '../http/idempotency.ts';
import { listKeys, revokeKey } from './keys-store.ts';
import { grantKey, keyWish, partyId, type KnownParties } from './keys-wish.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../http/paging.ts';
import { SIGN_INS } from './sign-in-keys.ts';
import { problems } from '../http/problem.ts';
import type { DB } from '../postgres/tables.ts';

const key = z
  .object({
    key_id: z.uuid(),
    scope: z.enum(SCOPES),
    role: z.enum(KEY_ROLES).nullable(),
    person: partyId.nullable(),
    merchant_id: partyId.nullable(),
    promoter_id: partyId.nullable(),
    sign_in: z.enum(SIGN_INS).nullable().meta({ description: 'How its sessions are made, where nobody can present it.' }),
    label: z.string(),
    ending: z.string().nullable().meta({ description: 'The last four characters of the key.' }),
    made_at: z.date(),
    last_used_at: z.date().nullable().meta({ description: 'Exact to a minute.' }),
    revoked_at: z.date().nullable(),
  })
  .meta({ id: 'Key' });

const tags = ['keys'];
const place = z.tuple([z.uuid()]);

/** POST, GET and DELETE under /v1/keys. */
export function keysRoutes(app: App, { db, keys, parties }: { db: Kysely<DB>; keys: KnownKeys; parties: KnownParties }): void {
  app.post('/v1/keys', {
    config: { scopes: ['admin'], roles: [] },
    schema: {
      operationId: 'keys.make',
      tags,
      summary: 'Make a key; it is shown this once',
      description:
        'A storefront key may be bound to one merchant, a merchant’s key is bound to its merchant and a promoter’s to its promoter. ' +
        'An admin’s key may have a role, and says whose it is: where two persons are asked for, keys of one person are one. The key itself ' +
        'is in this answer alone: only its hash is kept, and a retry under the same Idempotency-Key is answered ' +
        'without it.',
      body: keyWish,
      response: {
        201: key.extend({ key: z.string().optional() }),
        ...problems('unknown_merchant', 'unknown_promoter'),
      },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const made = await grantKey(trx, parties, request.body, request.actor, now);
        return { status: 201, body: { ...made.row, key: made.key }, stored: made.row };
      }),
  });

  app.get('/v1/keys', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'keys.list',
      tags,
      summary: 'All keys, the newest first, never the keys themselves',
      description:
        'Revoked keys stay in the list, with the time of their revocation. Keys are told apart by their label and ' +
        'their last four characters.',
      querystring: pageQuery,
      response: { 200: pageOf(key) },
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
    config: { scopes: ['admin'], roles: [] },
    schema: {
      operationId: 'keys.revoke',
      tags,
      summary: 'Revoke a key; it stops within ten seconds everywhere',
      description: 'Revoking a key twice is no error. The last live admin key cannot be revoked: make another one first.',
      params: z.object({ key_id: z.uuid() }),
      response: { 204: z.undefined(), ...problems('not_found', 'conflict') },
    },
    handler: async (request, reply) => {
      const { key_id: keyId } = request.params;
      await inTransaction(db, ({ trx, now }) => revokeKey(trx, keyId, request.actor, now));
      keys.forget(keyId);
      return reply.code(204).send();
    },
  });
}
