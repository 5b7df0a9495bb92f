// The door with all its routes on a server and a database of their own, a caller for them, and
// senders who sign.
import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';

import { sql } from 'kysely';

import type { MergedOrder } from '../../src/core/merged.ts';
import { deliveryRoutes } from '../../src/inbox/deliveries/delivery-routes.ts';
import { deliveryWriter } from '../../src/inbox/door/delivery-writer.ts';
import { knownMerchants } from '../../src/inbox/door/known-merchants.ts';
import { orderReportRoutes } from '../../src/inbox/door/order-report-routes.ts';
import { unpark } from '../../src/inbox/parking.ts';
import { processDeliveries } from '../../src/inbox/process.ts';
import { webhookRoutes } from '../../src/inbox/door/webhook-routes.ts';
import { requireKeys } from '../../src/platform/keys/auth.ts';
import { knownKeys } from '../../src/platform/keys/known-keys.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { dedicatedConnection } from '../../src/platform/postgres/dedicated-connection.ts';
import type { App } from '../../src/platform/http/app.ts';
import { makeKey } from '../../src/platform/keys/keys-store.ts';
import { buildRegistry } from '../../src/platform/process/metrics.ts';
import { rateCounts } from '../../src/platform/http/rate-counts.ts';
import { refusedCallers } from '../../src/platform/http/rate-limit.ts';
import { masterKeys } from '../../src/platform/keys/secrets.ts';
import { mappingRoutes } from '../../src/sources/connections/mapping-routes.ts';
import { sourcesRoutes } from '../../src/sources/connections/source-routes.ts';
import { shopify } from '../../src/sources/shopify/adapter.ts';
import { sourceCache } from '../../src/sources/connections/source-cache.ts';
import { hmacSha256 } from '../../src/sources/signing.ts';
import { standardWebhooks } from '../../src/sources/standard-webhooks/adapter.ts';
import { taobao } from '../../src/sources/unions/taobao.ts';
import { testDatabase, testLog, type TestDatabase } from '../harness.ts';
import { BOUNDS } from '../core/reading.ts';
import { buildHttp } from '../platform/furnished.ts';

export const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
export const ADAPTERS = [standardWebhooks, shopify, taobao];
/**
 * How many pushes of one address are refused within a minute before it is told that there were too
 * many.
 */
const REFUSED_MAX = 300;

interface Answer {
  status: number;
  /** A test looks into whatever was answered. */
  body: ReturnType<typeof JSON.parse>;
  headers: Record<string, string | number | string[] | undefined>;
}

export interface Door {
  app: App;
  database: TestDatabase;
  identityKey: KeyObject;
  /** How often the door has said that there is work. */
  nudges: () => number;
  call: (
    method: 'GET' | 'POST' | 'PUT',
    url: string,
    body?: unknown,
    options?: { key?: string; headers?: Record<string, string> },
  ) => Promise<Answer>;
  key: (scope: 'storefront' | 'promoter' | 'auditor', bound?: string) => Promise<string>;
  merchant: (merchantId: string) => Promise<void>;
  promoter: (promoterId: string) => Promise<void>;
  /** Pushes a body as a sender of Standard Webhooks signs it. */
  push: (sourceId: string, body: unknown, options?: { id?: string; at?: number; secret?: string }) => Promise<Answer>;
  /** Pushes raw text as Shopify signs it. */
  pushShopify: (sourceId: string, body: string, secret?: string) => Promise<Answer>;
  /** Processes until nothing is due. */
  work: () => Promise<number>;
  order: (sourceId: string, orderId: string) => Promise<OrderSeen | undefined>;
  /** Deliveries under an SQL condition, in the order in which they came. */
  deliveries: (where: string) => Promise<DeliverySeen[]>;
  latest: (sourceId: string) => Promise<DeliverySeen>;
  /** The ids of the orders that are due for the award. */
  dueOrders: () => Promise<string[]>;
  clearDue: () => Promise<unknown>;
  close: () => Promise<void>;
}

interface DeliverySeen {
  delivery_id: string;
  state: string;
  reason: string | null;
  waits_for: string | null;
  attempts: number;
  error: string | null;
  reports: number | null;
}

interface OrderSeen {
  order_key: bigint;
  merchant_id: string;
  merged: MergedOrder;
  status: string;
  is_void: boolean;
  currency: string | null;
  attribution_at: Date | null;
  parent_order_id: string | null;
}

export async function openDoor(): Promise<Door> {
  const database = await testDatabase();
  const { db, owner } = database;
  const identityKey = createSecretKey(randomBytes(32));
  let nudges = 0;
  const onDelivered = (): void => void nudges++;

  const app = buildHttp({ logger: testLog });
  requireKeys(
    app,
    knownKeys(db, (error) => testLog.error(error)),
  );
  const connection = dedicatedConnection({ connectionString: database.connectionString, applicationName: 'door', log: testLog });
  const writer = deliveryWriter(connection);
  const keys = masterKeys(['a secrets key of thirty-two characters']);
  const sources = sourceCache(db, keys);
  const sourcesDeps = { db, keys, cache: sources, unpark, onDelivered };
  sourcesRoutes(app, sourcesDeps);
  mappingRoutes(app, sourcesDeps);
  orderReportRoutes(app, { db, writer, merchants: knownMerchants(db), sources, onDelivered });
  const counts = rateCounts(db, (error) => testLog.error(error));
  app.addHook('onClose', () => counts.close());
  const refused = refusedCallers(counts, 'push', REFUSED_MAX);
  void app.register(async (scope) => {
    webhookRoutes(scope, { writer, sources, adapters: ADAPTERS, registry: buildRegistry(), refused, onDelivered });
  });
  deliveryRoutes(app, { db, onDelivered });
  await app.ready();

  const newKey = async (scope: 'admin' | 'storefront' | 'promoter' | 'auditor', bound?: string): Promise<string> => {
    const merchantId = scope === 'storefront' ? (bound ?? null) : null;
    const promoterId = scope === 'promoter' ? bound! : null;
    const { key } = await inTransaction(db, ({ trx, now }) => makeKey(trx, { scope, label: 'test', merchantId, promoterId }, null, now));
    return key;
  };
  const admin = await newKey('admin');

  const send = async (
    method: 'GET' | 'POST' | 'PUT',
    url: string,
    payload: string | object | undefined,
    headers: Record<string, string>,
  ) => {
    const answer = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
    const isJson = /json/.test(String(answer.headers['content-type']));
    return { status: answer.statusCode, body: isJson ? answer.json() : answer.payload, headers: answer.headers };
  };

  const deliveries = async (where: string): Promise<DeliverySeen[]> => {
    const { rows } = await sql<DeliverySeen>`select * from delivery where ${sql.raw(where)} order by received_at, delivery_id`.execute(
      owner,
    );
    return rows;
  };

  return {
    app,
    database,
    identityKey,
    nudges: () => nudges,
    call: (method, url, body, { key = admin, headers = {} } = {}) => {
      const type: Record<string, string> = typeof body === 'string' ? { 'content-type': 'application/json' } : {};
      return send(method, url, body as string | object | undefined, { authorization: `Bearer ${key}`, ...type, ...headers });
    },
    key: newKey,
    merchant: async (merchantId) => {
      await inTransaction(db, async ({ trx, now }) => {
        await trx.insertInto('merchant').values({ merchant_id: merchantId, made_at: now }).execute();
        await unpark(trx, [`merchant:${merchantId}`]);
      });
    },
    promoter: async (promoterId) => {
      await inTransaction(db, async ({ trx, now }) => {
        await trx.insertInto('promoter').values({ promoter_id: promoterId, made_at: now }).execute();
        await unpark(trx, [`promoter:${promoterId}`]);
      });
    },
    push: (sourceId, body, { id = `msg_${randomBytes(6).toString('hex')}`, at = Math.floor(Date.now() / 1000), secret = SECRET } = {}) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const signature = hmacSha256(Buffer.from(secret.slice(6), 'base64'), `${id}.${at}.${text}`).toString('base64');
      const headers = { 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': `v1,${signature}` };
      return send('POST', `/webhooks/${sourceId}`, text, { 'content-type': 'application/json', ...headers });
    },
    pushShopify: (sourceId, body, secret = 'hush') =>
      send('POST', `/webhooks/${sourceId}`, body, { 'x-shopify-hmac-sha256': hmacSha256(secret, body).toString('base64') }),
    work: () => workUntilDone({ db, adapters: ADAPTERS, identityKey, bounds: BOUNDS }),
    order: async (sourceId, orderId) => {
      const { rows } = await sql<OrderSeen>`select * from orders where source_id = ${sourceId} and order_id = ${orderId}`.execute(owner);
      return rows[0];
    },
    deliveries,
    latest: async (sourceId) => (await deliveries(`source_id = '${sourceId}'`)).at(-1)!,
    dueOrders: async () => {
      const { rows } = await sql<{ order_id: string }>`
        select order_id from award_due join orders using (order_key) order by order_id`.execute(owner);
      return rows.map((row) => row.order_id);
    },
    clearDue: () => sql`delete from award_due`.execute(owner),
    close: async () => {
      await app.close();
      await writer.close();
      await connection.close();
      await database.close();
    },
  };
}

/**
 * A door with the merchants m1 and m2, the promoters alice and bob, and sources of m1 (`sw`,
 * `shop`) and of many shops (`union`).
 */
export async function furnishedDoor(): Promise<Door> {
  const door = await openDoor();
  for (const merchantId of ['m1', 'm2']) await door.merchant(merchantId);
  for (const promoterId of ['alice', 'bob']) await door.promoter(promoterId);
  await door.call('PUT', '/v1/sources/sw', { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret: SECRET } });
  await door.call('PUT', '/v1/sources/union', { kind: 'standard-webhooks', secrets: { secret: SECRET } });
  await door.call('PUT', '/v1/sources/shop', { kind: 'shopify', merchant_id: 'm1', secrets: { secret: 'hush' } });
  return door;
}

export async function workUntilDone(deps: Parameters<typeof processDeliveries>[0]): Promise<number> {
  let all = 0;
  for (let taken = 1; taken > 0; all += taken) taken = await processDeliveries(deps);
  return all;
}

export function report(orderId: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    merchant_id: 'm1',
    order_id: orderId,
    status: 'paid',
    currency: 'CNY',
    observed_at: '2026-06-01T10:05:30Z',
    paid_at: '2026-06-01T10:05:20Z',
    lines: [{ line_id: '1', product_id: 'p1', category: 'baby', quantity: 1, paid_amount: 9999 }],
    ...fields,
  };
}

export const message = (data: unknown, timestamp = '2026-06-01T10:06:00Z') => ({ type: 'order.updated', timestamp, data });
