// Endpoints: stating, showing, listing and removing them, and giving them new secrets.
import { isDeepStrictEqual } from 'node:util';

import type { Kysely, Transaction } from 'kysely';
import { z } from 'zod';

import { bodyExamples, callerId, words } from '../platform/http/fields.ts';
import type { Actor } from '../platform/keys/actor.ts';
import { recordChange } from '../platform/keys/audit-log.ts';
import { inTransaction } from '../platform/postgres/database.ts';
import type { App } from '../platform/http/app.ts';
import { answerOnce } from '../platform/http/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../platform/http/paging.ts';
import { problems } from '../platform/http/problem.ts';
import type { MasterKeys } from '../platform/keys/secrets.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { Allowed, Resolve } from '../platform/net/address.ts';
import {
  changeEndpoint,
  findEndpoint,
  FORMER_SECRET_HOURS,
  listEndpoints,
  lockEndpoint,
  makeEndpoint,
  removeEndpoint,
  rotateSecret,
  type EndpointRow,
  type EndpointSetUp,
} from './endpoint-store.ts';
import { readEndpointUrl } from './endpoint-url.ts';
import { SUBSCRIPTIONS } from './event.ts';
import { endpointPath, noEndpoint } from './endpoint-fields.ts';

interface EndpointsDeps {
  db: Kysely<DB>;
  keys: MasterKeys;
  /** What may be called beside public addresses. */
  allowed: Allowed;
  resolve?: Resolve;
}

const URL_LENGTH_MAX = 2048;

const endpointBody = z
  .strictObject({
    url: words(URL_LENGTH_MAX).meta({ description: 'https only; no redirect is followed. It must be reachable from the internet.' }),
    events: z
      .array(z.enum(SUBSCRIPTIONS))
      .min(1)
      .transform((events) => [...new Set(events)].toSorted())
      .meta({ description: 'Whole families (`commission.*`) or single types (`order.paid`).' }),
    merchant_id: callerId.nullish().meta({ description: 'Only events of this merchant; without one, those of all.' }),
    description: z.string().max(500).default(''),
    active: z.boolean().default(true).meta({ description: 'While it is not, no event is kept for it, and what waits goes on waiting.' }),
  })
  .meta(bodyExamples({ url: 'https://erp.example.com/hooks/fenyong', events: ['commission.*', 'order.paid'], merchant_id: 'm1' }));

/** As rows hold it. */
const subscription: z.ZodType<string> = z.enum(SUBSCRIPTIONS);

const endpoint = z
  .object({
    endpoint_id: callerId,
    url: z.string(),
    events: z.array(subscription),
    merchant_id: callerId.nullable(),
    description: z.string(),
    active: z.boolean(),
    disabled_reason: z
      .string()
      .nullable()
      .meta({ description: '`gone`: it has answered 410, and was stopped. Stating it again revives it.' }),
    former_secret_until: z.date().nullable().meta({ description: 'Until then a replaced secret signs beside the new one.' }),
    made_at: z.date(),
    changed_at: z.date(),
  })
  .meta({ id: 'WebhookEndpoint' });

const made = endpoint.extend({
  secret: z.string().optional().meta({ description: '`whsec_…`, shown this once; absent where a retry is answered.' }),
});

const tags = ['webhooks'];
const place = z.tuple([callerId]);

const PROMISE =
  `Every event is sent as Standard Webhooks describes (standardwebhooks.com): a POST of \`{type, timestamp, data}\` with the headers
webhook-id, webhook-timestamp and webhook-signature. It is sent at least once; the webhook-id is the same in every attempt, so remember it.
Messages are sent side by side: no order is promised, so go by \`timestamp\` and \`revision\`. Anything but 2xx within 15 seconds is tried again
after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h; 410 stops the endpoint.`.replaceAll('\n', ' ');

/** PUT /v1/webhook-endpoints/{endpoint_id}. */
const stating = {
  operationId: 'webhookEndpoints.put',
  tags,
  summary: 'Make an endpoint or state it anew; its secret is shown when it is made',
  description: PROMISE,
  params: endpointPath,
  body: endpointBody,
  response: { 200: endpoint, 201: made, ...problems('conflict', 'invalid_webhook_url', 'unknown_merchant') },
};

/** Everything under /v1/webhook-endpoints but the messages. */
export function webhookEndpointRoutes(app: App, deps: EndpointsDeps): void {
  const { db, keys } = deps;
  app.put('/v1/webhook-endpoints/:endpoint_id', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: stating,
    handler: async (request, reply) => {
      const { endpoint_id: endpointId } = request.params;
      const { merchant_id: merchantId = null, ...body } = request.body;
      // Names are asked for before there is a transaction to keep open.
      const url = await readEndpointUrl(body.url, deps.allowed, deps.resolve);
      const stated = { ...body, url, merchant_id: merchantId };
      const { row, secret } = await inTransaction(db, ({ trx, now }) =>
        putEndpoint(trx, keys, { endpointId, stated, actor: request.actor, now }),
      );
      if (secret === null) return row;
      return reply.code(201).send({ ...row, secret });
    },
  });

  app.post('/v1/webhook-endpoints/:endpoint_id/secret-rotations', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'webhookEndpoints.rotateSecret',
      tags,
      summary: 'Give an endpoint a new secret; it is shown this once',
      description: `For ${FORMER_SECRET_HOURS} hours messages carry two signatures, by the new secret and by the one before.`,
      params: endpointPath,
      response: { 201: made, ...problems('not_found') },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const { endpoint_id: endpointId } = request.params;
        const before = await lockEndpoint(trx, endpointId);
        if (before === null) throw noEndpoint(endpointId);
        const { row, secret } = await rotateSecret(trx, keys, endpointId, now);
        await noteChange(trx, 'secret_rotated', { endpointId, actor: request.actor, now, before, after: row });
        return { status: 201, body: { ...row, secret }, stored: row };
      }),
  });

  app.delete('/v1/webhook-endpoints/:endpoint_id', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'webhookEndpoints.remove',
      tags,
      summary: 'Remove an endpoint, with all its messages',
      description: 'What was not sent yet is not sent any more.',
      params: endpointPath,
      response: { 204: z.undefined(), ...problems('not_found') },
    },
    handler: async (request, reply) => {
      const { endpoint_id: endpointId } = request.params;
      await inTransaction(db, async ({ trx, now }) => {
        const before = await lockEndpoint(trx, endpointId);
        if (before === null) throw noEndpoint(endpointId);
        await removeEndpoint(trx, endpointId);
        await noteChange(trx, 'removed', { endpointId, actor: request.actor, now, before, after: null });
      });
      return reply.code(204).send();
    },
  });

  readingRoutes(app, db);
}

function readingRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/webhook-endpoints/:endpoint_id', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'webhookEndpoints.get',
      tags,
      summary: 'One endpoint',
      description: 'Its secret is not shown again: give it a new one where it was lost.',
      params: endpointPath,
      response: { 200: endpoint, ...problems('not_found') },
    },
    handler: async ({ params: { endpoint_id: endpointId } }) => {
      const found = await findEndpoint(db, endpointId);
      if (found === null) throw noEndpoint(endpointId);
      return found;
    },
  });

  app.get('/v1/webhook-endpoints', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'webhookEndpoints.list',
      tags,
      summary: 'Endpoints, by id',
      description: 'Those that are stopped are among them.',
      querystring: pageQuery,
      response: { 200: pageOf(endpoint) },
    },
    handler: async ({ query: { limit, cursor } }) => {
      const after = cursor === undefined ? '' : decodeCursor(cursor, place)[0];
      return toPage(
        await listEndpoints(db, { limit, after }),
        limit,
        (row) => row,
        (row) => [row.endpoint_id],
      );
    },
  });
}

interface EndpointPut {
  endpointId: string;
  stated: EndpointSetUp;
  actor: Actor;
  now: Date;
}

/** The endpoint as it stands then; with its secret where it was made. */
async function putEndpoint(
  trx: Transaction<DB>,
  keys: MasterKeys,
  { endpointId, stated, actor, now }: EndpointPut,
): Promise<{ row: EndpointRow; secret: string | null }> {
  const before = await lockEndpoint(trx, endpointId);
  if (before === null) {
    const { row, secret } = await makeEndpoint(trx, keys, { endpointId, now, ...stated });
    await noteChange(trx, 'stated', { endpointId, actor, now, before, after: row });
    return { row, secret };
  }
  const names = Object.keys(stated) as (keyof EndpointSetUp)[];
  if (before.disabled_reason === null && names.every((name) => isDeepStrictEqual(before[name], stated[name]))) {
    return { row: before, secret: null };
  }
  const row = await changeEndpoint(trx, { endpointId, now, ...stated });
  await noteChange(trx, 'stated', { endpointId, actor, now, before, after: row });
  return { row, secret: null };
}

interface EndpointChange {
  endpointId: string;
  actor: Actor;
  now: Date;
  before: EndpointRow | null;
  after: EndpointRow | null;
}

async function noteChange(trx: Transaction<DB>, what: string, { endpointId, ...change }: EndpointChange): Promise<void> {
  await recordChange(trx, { action: `webhook_endpoint_${what}`, subjectKind: 'webhook_endpoint', subjectId: endpointId, ...change });
}
