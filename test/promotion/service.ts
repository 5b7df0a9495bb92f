// The routes of promotion on a server and a database of their own, and a caller for them.

import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { knownKeys, requireKeys } from '../../src/platform/auth.ts';
import { inTransaction, openDatabase } from '../../src/platform/database.ts';
import { buildHttp, type App } from '../../src/platform/http.ts';
import { makeKey } from '../../src/platform/keys-store.ts';
import { buildRegistry } from '../../src/platform/metrics.ts';
import { openClickPath, type ClickPath } from '../../src/promotion/click-path.ts';
import { clickRoutes } from '../../src/promotion/click-routes.ts';
import { identityRoutes } from '../../src/promotion/identity-routes.ts';
import { importRoutes } from '../../src/promotion/imports.ts';
import { linkRoutes } from '../../src/promotion/link-routes.ts';
import { merchantRoutes, productRoutes } from '../../src/promotion/merchant-routes.ts';
import { promoterRoutes } from '../../src/promotion/promoter-routes.ts';
import { redirectRoutes } from '../../src/promotion/redirect.ts';
import { testDatabase, testLog, type TestDatabase } from '../harness.ts';
import { openProxy, type Proxy } from '../platform/proxy.ts';

export const PUBLIC_URL = 'https://s.example.com';
export const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50';

/** What the routes have told of. */
export interface Heard {
  evidence: { merchantId: string; identities: readonly string[] }[];
  merchants: string[];
  promoters: string[];
}

export interface Answer {
  status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- a test looks into whatever was answered
  body: any;
  headers: Record<string, string | number | string[] | undefined>;
}

export interface Service {
  app: App;
  database: TestDatabase;
  /** The way to the database, when it is proxied. */
  proxy: Proxy | null;
  path: ClickPath;
  heard: Heard;
  tokenKey: KeyObject;
  identityKey: KeyObject;
  dataDir: string;
  /** Sends JSON with the admin key, or with another. */
  call: (method: 'GET' | 'POST' | 'PUT', url: string, body?: unknown, key?: string, headers?: Record<string, string>) => Promise<Answer>;
  /** Follows a link as a phone does. */
  follow: (code: string, headers?: Record<string, string>) => Promise<Answer & { token: string | null; cookie: string | null }>;
  key: (scope: 'storefront' | 'promoter' | 'auditor', bound?: string) => Promise<string>;
  /** A merchant with a product, and promoters alice and bob, alice having invited bob. */
  shop: (merchantId?: string) => Promise<void>;
  link: (wish?: Record<string, unknown>) => Promise<string>;
  close: () => Promise<void>;
}

/** With `proxied` the service reaches its database by `proxy` only; `database` always reaches it. */
export async function startService({ proxied = false } = {}): Promise<Service> {
  const database = await testDatabase();
  const proxy = proxied ? await openProxy(database.connectionString) : null;
  const connectionString = proxy?.url ?? database.connectionString;
  const { db, close: closeDb } = openDatabase({ connectionString, poolSize: 5, applicationName: 'fenyong test', log: testLog });
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-promotion-'));
  const heard: Heard = { evidence: [], merchants: [], promoters: [] };
  const tokenKey = createSecretKey(randomBytes(32));
  const identityKey = createSecretKey(randomBytes(32));
  const told = {
    onEvidence: async (_trx: unknown, merchantId: string, identities: readonly string[]) =>
      void heard.evidence.push({ merchantId, identities }),
    merchantMade: async (_trx: unknown, merchantId: string) => void heard.merchants.push(merchantId),
    promotersChanged: async (_trx: unknown, promoterIds: readonly string[]) => void heard.promoters.push(...promoterIds),
    nudge: () => undefined,
  };
  const registry = buildRegistry();
  const path = openClickPath({
    connectionString: connectionString ?? database.connectionString,
    db,
    dataDir,
    registry,
    log: testLog,
    ...told,
  });
  const app = buildHttp({ logger: testLog });
  requireKeys(
    app,
    knownKeys(db, (error) => testLog.error(error)),
  );
  const deps = { db, publicUrl: PUBLIC_URL, tokenKeys: [tokenKey] as [KeyObject], identityKey, ...path, ...told };
  merchantRoutes(app, deps);
  productRoutes(app, deps);
  promoterRoutes(app, deps);
  linkRoutes(app, deps);
  importRoutes(app, deps);
  identityRoutes(app, deps);
  clickRoutes(app, deps);
  redirectRoutes(app, deps);
  await app.ready();

  const newKey = async (scope: 'admin' | 'storefront' | 'promoter' | 'auditor', bound?: string): Promise<string> => {
    const wanted = {
      scope,
      label: 'test',
      merchantId: scope === 'storefront' ? (bound ?? null) : null,
      promoterId: scope === 'promoter' ? bound! : null,
    };
    const { key } = await inTransaction(db, ({ trx, now }) => makeKey(trx, wanted, null, now));
    return key;
  };
  const admin = await newKey('admin');

  const call: Service['call'] = async (method, url, body, key = admin, headers = {}) => {
    const answer = await app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${key}`, ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
    });
    const isJson = /json/.test(String(answer.headers['content-type']));
    return { status: answer.statusCode, body: isJson ? answer.json() : answer.rawPayload, headers: answer.headers };
  };

  const follow: Service['follow'] = async (code, headers = {}) => {
    const answer = await app.inject({ method: 'GET', url: `/r/${code}`, headers: { 'user-agent': PHONE, ...headers } });
    const location = answer.headers.location;
    const cookie = /^fy_vid=([^;]*)/.exec(String(answer.headers['set-cookie'] ?? ''));
    return {
      status: answer.statusCode,
      body: answer.payload,
      headers: answer.headers,
      token: location === undefined ? null : new URL(location).searchParams.get('fy_click'),
      cookie: cookie?.[1] ?? null,
    };
  };

  const must = async (method: 'PUT' | 'POST', url: string, body: unknown): Promise<Answer> => {
    const answer = await call(method, url, body);
    if (answer.status >= 300) throw new Error(`${method} ${url}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  };

  return {
    app,
    database,
    proxy,
    path,
    heard,
    tokenKey,
    identityKey,
    dataDir,
    call,
    follow,
    key: newKey,
    async shop(merchantId = 'm1') {
      await must('PUT', `/v1/merchants/${merchantId}`, { name: 'Baby Care', currency: 'CNY', landing_hosts: ['shop.example.com'] });
      await must('PUT', `/v1/merchants/${merchantId}/products/p1`, {
        title: 'Bottle',
        landing_url: 'https://shop.example.com/p/1?a=1#top',
      });
      await must('PUT', '/v1/promoters/alice', { name: 'Alice', kind: 'person' });
      await must('PUT', '/v1/promoters/bob', { name: 'Bob', kind: 'person', inviter_id: 'alice' });
    },
    async link(wish = {}) {
      const answer = await must('POST', '/v1/links', { promoter_id: 'bob', merchant_id: 'm1', product_id: 'p1', ...wish });
      return answer.body.code as string;
    },
    async close() {
      await app.close();
      await path.close();
      await closeDb();
      await proxy?.refuse();
      await database.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
