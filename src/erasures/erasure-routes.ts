// POST /v1/erasures: a buyer who is to be forgotten. What was made of its orders stays; what it is
// known by goes.
import type { KeyObject } from 'node:crypto';

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import { recordChange } from '../platform/keys/audit-log.ts';
import { bodyExamples, callerId } from '../platform/http/fields.ts';
import type { App } from '../platform/http/app.ts';
import { answerOnce } from '../platform/http/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../platform/http/paging.ts';
import { problems } from '../platform/http/problem.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { uuidv7 } from '../platform/uuid.ts';
import { buyer } from '../promotion/fields.ts';
import { orNotFound } from '../promotion/not-found.ts';
import { identityOf } from '../promotion/buyers/identity.ts';
import { unknownMerchant } from '../promotion/merchants/merchant-store.ts';
import { findErasure, listErasures, storeErasure, type ErasedIdentity, type ErasureRow } from './erasure-store.ts';

interface ErasureRoutesDeps {
  db: Kysely<DB>;
  identityKey: KeyObject;
  /** There is an erasure to carry out. Called after the commit. */
  onAsked: () => void;
}

const body = z
  .strictObject({
    merchant_id: callerId,
    buyer: buyer.meta({ description: 'All that the buyer is known by: `{type: value}`, as orders name it. It is not kept.' }),
  })
  .meta(bodyExamples({ merchant_id: 'm1', buyer: { openid: 'o9', phone: '13900139000' } }));

const erasure = z
  .object({
    erasure_id: z.uuid(),
    merchant_id: z.string(),
    state: z.enum(['running', 'finished']),
    orders: z.int().meta({ description: 'Orders of the buyer; told once it is finished.' }),
    deliveries: z.int().meta({ description: 'Deliveries in whose bodies words of the buyer were replaced.' }),
    answers: z.int().meta({ description: 'The same of answers that are kept under an Idempotency-Key.' }),
    messages: z.int().meta({ description: 'The same of messages of webhooks.' }),
    claims: z.int().meta({ description: 'The same of claims.' }),
    log_entries: z.int().meta({ description: 'The same of entries of the audit log.' }),
    made_at: z.date(),
    finished_at: z.date().nullable(),
  })
  .meta({ id: 'Erasure' });

const tags = ['erasures'];
const path = z.object({ erasure_id: z.uuid() });

export function erasureRoutes(app: App, { db, identityKey, onAsked }: ErasureRoutesDeps): void {
  app.post('/v1/erasures', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'erasures.make',
      tags,
      summary: 'Forget a buyer',
      description:
        'In everything that was kept of the merchant the words of the buyer are replaced by `erased:` and a keyed hash, which is read as the ' +
        'buyer that it was: orders, awards and books stay as they are. Deliveries that come later are freed of them as soon as they are read.',
      body,
      response: { 202: z.object({ erasure_id: z.uuid() }), ...problems('unknown_merchant', 'unprocessable') },
    },
    handler: async (request, reply) => {
      const { actor } = request;
      const { merchant_id: merchantId, buyer: named } = request.body;
      const identities = identitiesNamed(identityKey, merchantId, named);
      if (identities.length === 0) {
        throw new DomainError('unprocessable', 'This buyer is nobody.', { errors: [{ path: 'buyer', message: 'must name somebody' }] });
      }
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const erasureId = uuidv7(now.getTime());
        const isKnown = await storeErasure(trx, { erasureId, merchantId, identities, madeBy: actor.keyId, madeAt: now });
        if (!isKnown) throw unknownMerchant();
        const change = { subjectKind: 'erasure', subjectId: erasureId, before: null, after: { merchant_id: merchantId, identities } };
        await recordChange(trx, { actor, now, action: 'erasure_made', ...change });
        return { status: 202, body: { erasure_id: erasureId } };
      });
      onAsked();
    },
  });

  app.get('/v1/erasures', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'erasures.list',
      tags,
      summary: 'Erasures, the latest first',
      description: 'The counts of one that is running are not final.',
      querystring: pageQuery.extend({ merchant_id: callerId.optional() }),
      response: { 200: pageOf(erasure) },
    },
    handler: async ({ query }) => {
      const { limit, cursor, merchant_id: merchantId = null } = query;
      const before = cursor === undefined ? null : decodeCursor(cursor, z.tuple([z.uuid()]))[0];
      return toPage(await listErasures(db, merchantId, { limit, before }), limit, show, (row) => [row.erasure_id]);
    },
  });

  app.get('/v1/erasures/:erasure_id', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'erasures.get',
      tags,
      summary: 'What was found of a buyer who is forgotten',
      description: 'The counts are final once its state is `finished`. By what the buyer was known is not answered.',
      params: path,
      response: { 200: erasure, ...problems('not_found') },
    },
    handler: async ({ params }) => show(orNotFound(await findErasure(db, params.erasure_id), 'erasure')),
  });
}

function show(row: ErasureRow): z.output<typeof erasure> {
  return { ...row, state: row.finished_at === null ? 'running' : 'finished' };
}

/** What a country code may stand before, as people leave it out: a mobile phone of China. */
const CHINESE_MOBILE = /^(?:00)?(?:86)?(1\d{10})$/;

/**
 * The identities of a buyer who is to be erased, each with its type: a phone with and without the
 * code of its country.
 */
function identitiesNamed(identityKey: KeyObject, merchantId: string, named: z.output<typeof buyer>): ErasedIdentity[] {
  const words = Object.entries(named).flatMap(([type, word]) => {
    if (word === null) return [];
    const mobile = type === 'phone' ? CHINESE_MOBILE.exec(word.replaceAll(/\D/g, ''))?.[1] : undefined;
    return [word, ...(mobile === undefined ? [] : [mobile, `86${mobile}`, `0086${mobile}`])].map((one) => ({ type, word: one }));
  });
  return words.flatMap(({ type, word }) => {
    const identity = identityOf(identityKey, merchantId, type, word);
    return identity === null ? [] : [{ type, identity }];
  });
}
