// Tells endpoints of events: the messages are rows of the very transaction that makes the fact, so
// that neither is without the other.
import { sql, type Transaction } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf } from '../platform/postgres/unnest.ts';
import { eventBody, eventId, familyOf, type Event } from './event.ts';

/**
 * Writes a message for every event and every endpoint that wants it; the same event is written once
 * for an endpoint, however often it is announced. While there is no endpoint the events are not
 * even described, and it costs a look at an empty index.
 */
export async function announce(trx: Transaction<DB>, describe: () => readonly Event[], now: Date): Promise<void> {
  const { rows } = await sql`select from webhook_endpoint where active limit 1`.execute(trx);
  if (rows.length === 0) return;
  const events = describe();
  if (events.length === 0) return;
  // An event is subscribed to under two names. An array of arrays would have to be of one length,
  // so they are two columns.
  const told = unnestOf(
    events,
    {
      event_id: ['uuid', eventId],
      type: ['text', ({ type }) => type],
      family: ['text', ({ type }) => familyOf(type)],
      merchant_id: ['text', ({ merchantId }) => merchantId],
      body: ['text', eventBody],
    },
    'event',
  );
  await sql`
    insert into webhook_message (message_id, endpoint_id, event_id, type, body, next_attempt_at, made_at)
    select uuidv7(), endpoint_id, event.event_id, event.type, event.body, ${now}::timestamptz, ${now}::timestamptz
    from ${told}
    join webhook_endpoint endpoint on endpoint.active and endpoint.events && array[event.type, event.family]
      and (endpoint.merchant_id is null or endpoint.merchant_id = event.merchant_id)
    for key share of endpoint
    on conflict (endpoint_id, event_id) do nothing`.execute(trx);
}
