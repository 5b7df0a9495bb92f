// The routes of promotion on a server and a database of their own, and whoever calls them:
// operators, storefronts, phones.

import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Registry } from '@prometheus-io/client';
import type { Kysely } from 'kysely';

import type { KeyScope } from '../../src/platform/keys/actor.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import type { App } from '../../src/platform/http/app.ts';
import { buildRegistry } from '../../src/platform/process/metrics.ts';
import { masterKeys } from '../../src/platform/keys/secrets.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { openClickPath, type ClickPath } from '../../src/promotion/clicks/click-path.ts';
import { clickRoutes } from '../../src/promotion/clicks/click-routes.ts';
import type { MerchantMade, Nudge, OnEvidence, PromotersChanged } from '../../src/promotion/listeners.ts';
import { identitiesOf } from '../../src/promotion/buyers/identity.ts';
import { identityRoutes } from '../../src/promotion/buyers/identity-routes.ts';
import { importRoutes } from '../../src/promotion/imports.ts';
import { linkRoutes, type AcceptedInto } from '../../src/promotion/links/link-routes.ts';
import { merchantRoutes, productRoutes } from '../../src/promotion/merchants/merchant-routes.ts';
import { campaignKey, refuseSuspended } from '../../src/promotion/promoters/promoter-keys.ts';
import { promoterRoutes } from '../../src/promotion/promoters/promoter-routes.ts';
import { redirectRoutes } from '../../src/promotion/clicks/redirect.ts';
import { readClickToken, type ClickProof } from '../../src/promotion/clicks/token.ts';
import { askingForLinks, type TrackingDeps } from '../../src/pull/tracked-links.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import { testDatabase, testLog, type TestDatabase } from '../harness.ts';
import { keyedApp, newKey } from '../platform/callers.ts';
import { openProxy, type Proxy } from '../platform/proxy.ts';
import { listen } from '../platform/sockets.ts';

export const PUBLIC_URL = 'https://s.example.com';
export const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50';

/** What the routes have told of. */
interface Heard {
  evidence: { merchantId: string; identities: readonly string[] }[];
  merchants: string[];
  promoters: string[];
}

/** An answer of JSON, as far as any of ours goes: every field may be there or not. */
export interface Body {
  [field: string]: unknown;
  code: string;
  click_token: string;
  version: number;
  merged: number;
  data: Body[];
  next_cursor: string | null;
  errors: { path: string }[];
}

export interface Answer {
  status: number;
  body: Body;
  bytes: Buffer;
  headers: Record<string, string | number | string[] | undefined>;
}

interface Visit {
  status: number;
  page: string;
  headers: Answer['headers'];
  location: string | null;
  token: string | null;
  cookie: string | null;
}

export interface Shop {
  app: App;
  database: TestDatabase;
  /** The way to the database, when it is proxied. */
  proxy: Proxy | null;
  path: ClickPath;
  registry: Registry;
  heard: Heard;
  tokenKey: KeyObject;
  identityKey: KeyObject;
  dataDir: string;
  /** What platforms are asked with. */
  tracking: TrackingDeps;
  port: number;
  /** Sends JSON with the admin key, or with another. */
  call: (method: Method, url: string, body?: object, key?: string, headers?: Record<string, string>) => Promise<Answer>;
  /** Loads lines of JSON. */
  load: (kind: string, lines: (object | string)[], key?: string, contentType?: string) => Promise<{ status: number; body: Body }>;
  /** Follows a link as a phone does. */
  follow: (code: string, headers?: Record<string, string>) => Promise<Visit>;
  key: (scope: KeyScope, bound?: string | null) => Promise<string>;
  /** What a token of this shop proves. */
  read: (token: string | null) => ClickProof;
  /** The identities of a buyer, hashed. */
  hash: (buyer: Record<string, string>, merchantId?: string) => string[];
  /** The identities that a click was made with, in their order. */
  touchesOf: (clickId: string) => Promise<string[]>;
  /**
   * States a merchant with the product p1, and the promoters alice and bob, alice having invited
   * bob.
   */
  stock: (merchantId?: string) => Promise<void>;
  /** Makes a link of bob's to p1 of m1, or as wished. */
  link: (wish?: object) => Promise<string>;
  close: () => Promise<void>;
}

type Method = 'GET' | 'POST' | 'PUT';

interface ShopOptions extends Partial<Pick<TrackingDeps, 'baseUrls' | 'deadlineMs'>> {
  proxied?: boolean;
  /**
   * How many redirects a minute of one address are kept, and how many links a promoter's key may
   * make a day.
   */
  redirectsPerAddress?: number;
  linksPerDay?: number;
  reviewRequired?: boolean;
}

/** Every promoter is accepted into the campaign that is named after it. */
const acceptedInto: AcceptedInto = async (_db, promoterId, campaigns) =>
  new Set(
    campaigns.filter(({ campaignId }) => campaignId === `of ${promoterId}`).map((one) => campaignKey(one.merchantId, one.campaignId)),
  );

/**
 * With `proxied` the service reaches its database by `proxy` only; `database` always reaches it.
 * Platforms are at `baseUrls`.
 */
export async function openShop(options: ShopOptions = {}): Promise<Shop> {
  const {
    proxied = false,
    baseUrls = {},
    deadlineMs = 4000,
    redirectsPerAddress = 1_000_000,
    linksPerDay = 10_000,
    reviewRequired = false,
  } = options;
  const database = await testDatabase();
  const proxy = proxied ? await openProxy(database.connectionString) : null;
  const connectionString = proxy?.url ?? database.connectionString;
  const { db, close: closeDb } = openDatabase({ connectionString, poolSize: 5, applicationName: 'fenyong test', log: testLog });
  const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-promotion-'));
  const heard: Heard = { evidence: [], merchants: [], promoters: [] };
  const told = tellingTo(heard);
  const registry = buildRegistry();
  const path = openClickPath({ connectionString, db, dataDir, registry, log: testLog, ...told });
  const tokenKey = createSecretKey(randomBytes(32));
  const identityKey = createSecretKey(randomBytes(32));
  const keys = masterKeys(['a secrets key of thirty-two characters']);
  const tracking = { db, keys, adapters: ADAPTERS, baseUrls, fetch, onDelivered: () => undefined, deadlineMs };
  const app = keyedApp(db, { trustProxy: ['127.0.0.1'] });
  const askForLink = askingForLinks(tracking);
  const tokenKeys: [KeyObject] = [tokenKey];
  refuseSuspended(app, db);
  merchantRoutes(app, { db, reviewRequired, ...path, ...told });
  productRoutes(app, { db });
  promoterRoutes(app, { db, ...path, ...told });
  linkRoutes(app, { db, publicUrl: PUBLIC_URL, tokenKeys, linksPerDay, askForLink, acceptedInto });
  importRoutes(app, { db, reviewRequired, ...path, ...told });
  identityRoutes(app, { db, tokenKeys, identityKey, ...told });
  clickRoutes(app, { db, tokenKeys, identityKey, ...path, ...told });
  redirectRoutes(app, { publicUrl: PUBLIC_URL, tokenKeys, identityKey, redirectsPerAddress, ...path });
  const port = await listen(app);
  const callers = await callersOf(app, db, port);
  return {
    app,
    database,
    proxy,
    path,
    registry,
    heard,
    tokenKey,
    identityKey,
    dataDir,
    tracking,
    port,
    ...callers,
    ...stockingBy(callers.call),
    read: (token) => readClickToken([tokenKey], token ?? '')!,
    hash: (buyer, merchantId = 'm1') => identitiesOf(identityKey, merchantId, buyer),
    async touchesOf(clickId) {
      const rows = await database.db.selectFrom('touch').select('identity').where('click_id', '=', clickId).execute();
      return rows.map((row) => row.identity).toSorted();
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

/** A shop with two merchants in stock, and a link of bob's to a product of the first. */
export async function openStockedShop(): Promise<{ shop: Shop; code: string }> {
  const shop = await openShop();
  await shop.stock();
  await shop.stock('m2');
  return { shop, code: await shop.link() };
}

interface Listeners {
  onEvidence: OnEvidence;
  merchantMade: MerchantMade;
  promotersChanged: PromotersChanged;
  nudge: Nudge;
}

function tellingTo(heard: Heard): Listeners {
  return {
    onEvidence: async (_trx, merchantId, identities) => void heard.evidence.push({ merchantId, identities }),
    merchantMade: async (_trx, merchantId) => void heard.merchants.push(merchantId),
    promotersChanged: async (_trx, promoterIds) => void heard.promoters.push(...promoterIds),
    nudge: () => undefined,
  };
}

async function callersOf(app: App, db: Kysely<DB>, port: number): Promise<Pick<Shop, 'call' | 'load' | 'follow' | 'key'>> {
  const key: Shop['key'] = (scope, bound = null) => newKey(db, scope, scope === 'promoter' ? { promoterId: bound } : { merchantId: bound });
  const admin = await key('admin');
  return {
    key,
    async call(method, url, payload, as = admin, headers = {}) {
      const sent = { method, url, headers: { authorization: `Bearer ${as}`, ...headers } };
      const answer = await app.inject(payload === undefined ? sent : { ...sent, payload });
      const isJson = /json/.test(String(answer.headers['content-type']));
      const body = (isJson ? answer.json() : {}) as Body;
      return { status: answer.statusCode, body, bytes: answer.rawPayload, headers: answer.headers };
    },
    async load(kind, lines, as = admin, contentType = 'application/x-ndjson') {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/imports/${kind}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${as}`, 'content-type': contentType },
        body: lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
      });
      return { status: answer.status, body: (await answer.json()) as Body };
    },
    async follow(code, headers = {}) {
      const answer = await app.inject({ method: 'GET', url: `/r/${code}`, headers: { 'user-agent': PHONE, ...headers } });
      const location = answer.headers.location ?? null;
      const cookie = /^fy_vid=([^;]*)/.exec(String(answer.headers['set-cookie'] ?? ''))?.[1] ?? null;
      const token = location === null ? null : new URL(location).searchParams.get('fy_click');
      return { status: answer.statusCode, page: answer.payload, headers: answer.headers, location, token, cookie };
    },
  };
}

function stockingBy(call: Shop['call']): Pick<Shop, 'stock' | 'link'> {
  const must = async (method: Method, url: string, body: object): Promise<Body> => {
    const answer = await call(method, url, body);
    if (answer.status >= 300) throw new Error(`${method} ${url}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  return {
    async stock(merchantId = 'm1') {
      const product = { title: 'Bottle', landing_url: 'https://shop.example.com/p/1?a=1#top' };
      await must('PUT', `/v1/merchants/${merchantId}`, { name: 'Baby Care', currency: 'CNY', landing_hosts: ['shop.example.com'] });
      await must('PUT', `/v1/merchants/${merchantId}/products/p1`, product);
      await must('PUT', '/v1/promoters/alice', { name: 'Alice', kind: 'person' });
      await must('PUT', '/v1/promoters/bob', { name: 'Bob', kind: 'person', inviter_id: 'alice' });
    },
    link: async (wish = {}) => (await must('POST', '/v1/links', { promoter_id: 'bob', merchant_id: 'm1', product_id: 'p1', ...wish })).code,
  };
}
