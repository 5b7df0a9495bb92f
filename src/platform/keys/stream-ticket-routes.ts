// Stream tickets over HTTP: a page asks for one with its key, and opens its stream with it.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import type { App } from '../http/app.ts';
import { answerOnce } from '../http/idempotency.ts';
import type { DB } from '../postgres/tables.ts';
import { KEY_ROLES } from './actor.ts';
import { makeTicket } from './stream-tickets.ts';

const ticket = z
  .object({
    ticket: z.string().optional().meta({ description: 'The ticket itself, shown this once; absent where a retry is answered.' }),
    expires_at: z.date().meta({ description: 'Until then it opens streams; those that are open go on.' }),
  })
  .meta({ id: 'StreamTicket' });

/** POST /v1/stream-tickets. */
export function streamTicketRoutes(app: App, { db }: { db: Kysely<DB> }): void {
  app.post('/v1/stream-tickets', {
    config: { scopes: ['storefront', 'promoter', 'auditor'], roles: KEY_ROLES, isForReading: true },
    schema: {
      operationId: 'streamTickets.make',
      tags: ['keys'],
      summary: 'Make a ticket that opens streams',
      description:
        'For browsers, whose `EventSource` sends no `Authorization`: `?ticket=` opens streams as the key that made it, for ten minutes, as ' +
        'often as need be, and nothing else. It ends with its key. The ticket is in this answer alone: only its hash is kept, and a retry ' +
        'under the same Idempotency-Key is answered without it.',
      response: { 201: ticket },
    },
    handler: (request, reply) =>
      answerOnce(request, reply, db, async ({ trx, now }) => {
        const made = await makeTicket(trx, request.actor, now);
        return { status: 201, body: made, stored: { expires_at: made.expires_at } };
      }),
  });
}
