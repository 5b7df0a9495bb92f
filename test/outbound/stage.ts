// Outbound webhooks on a database and a server of their own: the routes, a messenger, and the time
// that passes between attempts.
import { Registry } from '@prometheus-io/client';
import { sql } from 'kysely';

import { subnets } from '../../src/platform/net/address.ts';
import { announce } from '../../src/outbound/announce.ts';
import { webhookEndpointRoutes } from '../../src/outbound/endpoint-routes.ts';
import type { Event } from '../../src/outbound/event.ts';
import { webhookMessageRoutes } from '../../src/outbound/message-routes.ts';
import { messageMetrics, openMessenger, type MessengerDeps } from '../../src/outbound/messenger.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { masterKeys } from '../../src/platform/keys/secrets.ts';
import { testDatabase } from '../harness.ts';
import { callersOf, keyedApp } from '../platform/callers.ts';

/** What is answered, as far as tests look into it one by one. */
interface Body extends Record<string, unknown> {
  secret: string;
  data: Record<string, unknown>[];
  next_cursor: string | null;
}

export type Stage = Awaited<ReturnType<typeof openStage>>;

export async function openStage() {
  const { db, owner, close } = await testDatabase();
  const keys = masterKeys(['the tests seal secrets with this']);
  const allowed = subnets(['127.0.0.0/8']);
  const registry = new Registry();
  const errors: unknown[] = [];
  const deps: MessengerDeps = { db, keys, allowed, metrics: messageMetrics(registry), onError: (error) => errors.push(error) };
  const announced: string[] = [];
  const app = keyedApp(db);
  webhookEndpointRoutes(app, deps);
  webhookMessageRoutes(app, { db, onAnnounced: () => announced.push('now') });

  const { call, keyOf } = await callersOf<Body>(app, db);
  let made = 0;

  return {
    db,
    owner,
    deps,
    errors,
    announced,
    registry,
    keyOf,
    call,
    /** States an endpoint of its own name, and answers with that and with its secret. */
    async endpoint(url: string, more: object = {}) {
      const endpointId = `e${++made}`;
      const answer = await call('PUT', `/v1/webhook-endpoints/${endpointId}`, { url, events: ['order.*'], ...more });
      if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
      return { endpointId, secret: answer.body.secret };
    },
    merchant: (merchantId: string) => sql`insert into merchant (merchant_id, made_at) values (${merchantId}, now())`.execute(owner),
    announce: (...events: Event[]) => inTransaction(db, ({ trx, now }) => announce(trx, () => events, now)),
    messages: async (endpointId: string) => (await call('GET', `/v1/webhook-endpoints/${endpointId}/messages`)).body.data,
    /** Sends all that is due, once. */
    async deliver(as: Partial<MessengerDeps> = {}) {
      const messenger = openMessenger({ ...deps, ...as });
      await messenger.deliver();
      await messenger.idle();
      await messenger.close();
    },
    /** Lets the wait of every message be over, the lease of one that was taken included. */
    timePasses: () => sql`update webhook_message set next_attempt_at = now() where state = 'pending'`.execute(owner),
    async close() {
      await app.close();
      await close();
    },
  };
}

/** An event about an order. */
export function paid(orderId: string, more: Partial<Event> = {}): Event {
  return { type: 'order.paid', key: orderId, merchantId: 'm1', at: new Date('2026-06-01T00:00:00Z'), data: { order_id: orderId }, ...more };
}
