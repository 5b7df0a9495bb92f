// Messages: what was sent to an endpoint, how it went, and once more.
import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import { recordChange } from '../platform/keys/audit-log.ts';
import type { App } from '../platform/http/app.ts';
import { answerOnce } from '../platform/http/idempotency.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../platform/http/paging.ts';
import { problems } from '../platform/http/problem.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { findEndpoint } from './endpoint-store.ts';
import { findMessage, listMessages, MESSAGE_STATES, redeliverMessage } from './message-store.ts';
import { EVENT_TYPES } from './event.ts';
import { callerId } from '../platform/http/fields.ts';
import { endpointPath, noEndpoint } from './endpoint-fields.ts';

interface MessagesDeps {
  db: Kysely<DB>;
  /** There is a message to send. Called after the commit. */
  onAnnounced: () => void;
}

const state = z.enum(MESSAGE_STATES);

const message = z
  .object({
    message_id: z.uuid(),
    endpoint_id: callerId,
    event_id: z.uuid().meta({ description: 'The `webhook-id`: the same in every attempt and for every endpoint.' }),
    type: z.enum(EVENT_TYPES),
    state,
    attempts: z.int(),
    next_attempt_at: z.date().nullable(),
    last_attempt_at: z.date().nullable(),
    last_status: z.int().nullable().meta({ description: 'What the last attempt was answered; null when it was not.' }),
    last_error: z.string().nullable().meta({ description: 'Why the last attempt was not answered.' }),
    made_at: z.date(),
    finished_at: z.date().nullable(),
  })
  .meta({ id: 'WebhookMessage' });

const detail = message
  .extend({ body: z.string().meta({ description: 'What is sent, byte for byte.' }) })
  .meta({ id: 'WebhookMessageDetail' });

const redelivery = z.object({ message_id: z.uuid(), state });

const tags = ['webhooks'];
const messagePath = z.object({ message_id: z.uuid() });
const place = z.tuple([z.uuid()]);

/**
 * GET /v1/webhook-endpoints/{id}/messages, GET /v1/webhook-messages/{id}, POST
 * /v1/webhook-messages/{id}/redeliveries.
 */
export function webhookMessageRoutes(app: App, { db, onAnnounced }: MessagesDeps): void {
  app.get('/v1/webhook-endpoints/:endpoint_id/messages', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'webhookMessages.list',
      tags,
      summary: 'Messages of an endpoint, the latest first',
      description: 'What has ended is kept for 30 days.',
      params: endpointPath,
      querystring: pageQuery.extend({ state: state.optional() }),
      response: { 200: pageOf(message), ...problems('not_found') },
    },
    handler: async ({ params: { endpoint_id: endpointId }, query }) => {
      if ((await findEndpoint(db, endpointId)) === null) throw noEndpoint(endpointId);
      const before = query.cursor === undefined ? null : decodeCursor(query.cursor, place)[0];
      return toPage(
        await listMessages(db, { endpointId, state: query.state ?? null }, { limit: query.limit, before }),
        query.limit,
        (row) => row,
        (row) => [row.message_id],
      );
    },
  });

  app.get('/v1/webhook-messages/:message_id', {
    config: { scopes: ['admin'] },
    schema: {
      operationId: 'webhookMessages.get',
      tags,
      summary: 'One message, with what is sent',
      description: 'With the body byte for byte, as it is signed.',
      params: messagePath,
      response: { 200: detail, ...problems('not_found') },
    },
    handler: async ({ params }) => {
      const found = await findMessage(db, params.message_id);
      if (found === null) throw noMessage();
      return found;
    },
  });

  app.post('/v1/webhook-messages/:message_id/redeliveries', {
    config: { scopes: ['admin'], roles: ['operator'] },
    schema: {
      operationId: 'webhookMessages.redeliver',
      tags,
      summary: 'Send a message once more',
      description: 'It begins again with its first attempt, under the same webhook-id. Nothing is sent while its endpoint is not active.',
      params: messagePath,
      response: { 202: redelivery, ...problems('not_found') },
    },
    handler: async (request, reply) => {
      const { message_id: messageId } = request.params;
      await answerOnce(request, reply, db, async ({ trx, now }) => {
        const redelivered = await redeliverMessage(trx, messageId);
        if (redelivered === null) throw noMessage();
        const change = { action: 'webhook_message_redelivered', subjectKind: 'webhook_message', subjectId: messageId };
        const states = { before: { state: redelivered.before }, after: { state: 'pending' } };
        await recordChange(trx, { actor: request.actor, now, ...change, ...states });
        return { status: 202, body: { message_id: messageId, state: 'pending' } };
      });
      onAnnounced();
    },
  });
}

function noMessage(): DomainError {
  return new DomainError('not_found', 'There is no such message.');
}
