// A service with two merchants and two promoters, whose clicks and orders come when a test says so.

import { sql } from 'kysely';
import type { Logger } from 'pino';

import { send, type Answered } from '../../platform/callers.ts';
import { readEvents, type EventReader } from '../../platform/streams/event-reader.ts';
import { until } from '../../platform/sockets.ts';
import { ADMIN_KEY, openService, type Service } from '../../running.ts';
import type { TestDatabase } from '../../harness.ts';

type Body = ReturnType<typeof JSON.parse>;
type KeyWish = Record<string, string>;

export interface Stage {
  service: Service;
  ask: (method: string, url: string, body?: unknown, key?: string) => Promise<Answered<Body>>;
  makeKey: (wanted: KeyWish) => Promise<{ keyId: string; key: string }>;
  /** A link of a promoter to the product of a merchant. */
  link: (promoterId: string, merchantId?: string) => Promise<string>;
  click: (code: string) => Promise<string>;
  /** Reports an order of a click, or of a promoter by its name; resolves once it is awarded. */
  order: (orderId: string, order: OrderTerms) => Promise<void>;
  /** Opens a stream as the admin, where no key is named; closed with the stage. */
  stream: (query: string, headers?: Record<string, string>) => Promise<EventReader>;
  /** Resolves when nobody reads any more. */
  closeReaders: () => Promise<void>;
  /** Another process of the same database, with a port of its own and without a worker. */
  another: (env?: Record<string, string>) => Promise<Service>;
  close: () => Promise<void>;
}

interface OrderTerms {
  merchantId?: string;
  promoterId?: string;
  clickToken?: string;
  paidAmount?: number;
  status?: string;
  refunds?: object[];
}

interface StageOptions {
  env?: Record<string, string>;
  log?: Logger;
  database?: TestDatabase;
}

/** Opens the stage; its service listens and works. */
export async function openStage({ env = {}, ...options }: StageOptions = {}): Promise<Stage> {
  const service = await openService({ works: true, listens: true, env: { SWEEP_INTERVAL_MS: '100', ...env }, ...options });
  const others: Service[] = [];
  const readers: EventReader[] = [];
  const ask: Stage['ask'] = (method, url, body, key = ADMIN_KEY) =>
    send(service.app, { method, url, body, headers: { authorization: `Bearer ${key}` } });

  async function done(method: string, url: string, body: unknown): Promise<Body> {
    const answer = await ask(method, url, body);
    if (answer.status >= 300) throw new Error(`${method} ${url}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  const stage: Stage = {
    service,
    ask,
    async makeKey(wanted) {
      const made = await done('POST', '/v1/keys', wanted);
      return { keyId: made.key_id, key: made.key };
    },
    link: async (promoterId, merchantId = 'm1') =>
      (await done('POST', '/v1/links', { promoter_id: promoterId, merchant_id: merchantId, product_id: 'p1' })).code,
    click: async (code) => (await done('POST', '/v1/clicks', { code, buyer: { openid: 'o1' } })).click_token,
    async order(orderId, { merchantId = 'm1', promoterId, clickToken, paidAmount = 10_000, status = 'paid', refunds }) {
      const line = { line_id: '1', product_id: 'p1', quantity: 1, paid_amount: paidAmount };
      const now = new Date().toISOString();
      const awarded = async (): Promise<number> => {
        const { rows } = await sql<{ revision: number }>`
          select revision from award join orders using (order_key)
          where orders.order_id = ${orderId} and orders.merchant_id = ${merchantId}`.execute(service.database.owner);
        return rows[0]?.revision ?? 0;
      };
      const before = await awarded();
      await done('POST', '/v1/orders', {
        merchant_id: merchantId,
        order_id: orderId,
        status,
        currency: 'CNY',
        observed_at: now,
        paid_at: now,
        lines: [line],
        ...(promoterId === undefined ? {} : { promoter_id: promoterId }),
        ...(clickToken === undefined ? {} : { click_token: clickToken }),
        ...(refunds === undefined ? {} : { refunds }),
      });
      await until(async () => (await awarded()) > before);
    },
    async stream(query, headers = { authorization: `Bearer ${ADMIN_KEY}` }) {
      const base = query.startsWith('http') ? '' : `${service.url}/v1/statistics/stream?`;
      const reader = await readEvents(base + query, headers);
      readers.push(reader);
      return reader;
    },
    async closeReaders() {
      for (const reader of readers) reader.close();
      await until(() => readers.every(({ isEnded }) => isEnded()));
      readers.length = 0;
    },
    async another(given = {}) {
      const { database } = service;
      const shared = { ...database, close: async () => undefined };
      const other = await openService({ works: false, listens: true, env: { ...env, ...given }, database: shared });
      others.push(other);
      return other;
    },
    async close() {
      for (const reader of readers) reader.close();
      for (const other of others) await other.close();
      await service.close();
    },
  };
  await furnish(done);
  return stage;
}

async function furnish(done: (method: string, url: string, body: unknown) => Promise<unknown>): Promise<void> {
  for (const merchant of ['m1', 'm2']) {
    const terms = { name: merchant, currency: 'CNY', landing_hosts: ['shop.example.com'] };
    await done('PUT', `/v1/merchants/${merchant}`, terms);
    await done('PUT', `/v1/merchants/${merchant}/products/p1`, {
      title: 'Bottle',
      landing_url: 'https://shop.example.com/p1',
      category: 'milk',
    });
  }
  for (const promoter of ['alice', 'bob']) await done('PUT', `/v1/promoters/${promoter}`, { name: promoter, kind: 'person' });
  const plan = { base: 'paid_amount', rate_ppm: 100_000, split: [{ to: 'promoter', share_ppm: 1_000_000 }] };
  await done('POST', '/v1/rules', { name: 'all', plan });
}
