// The routes of claims over a world of orders, with keys of every scope, and without a port.
import { claimRoutes } from '../../src/claims/routes.ts';
import type { Claim } from '../../src/claims/claim.ts';
import { takeUpClaims } from '../../src/claims/take-up.ts';
import { orderRoutes } from '../../src/commission/order-routes.ts';
import { knownKeys, requireKeys } from '../../src/platform/auth.ts';
import { inTransaction } from '../../src/platform/database.ts';
import { buildHttp } from '../../src/platform/http.ts';
import { makeKey, type NewKey } from '../../src/platform/keys-store.ts';
import { openShop, openWorld } from '../commission/world.ts';
import { testLog } from '../harness.ts';

interface ShownLine {
  line_id: string;
  evidence: string | null;
  promoter_id: string | null;
  shares: { role: string; promoter_id: string | null; amount: number }[];
}

/** A claim as it is answered, as far as tests look into it one by one; or a problem. */
export interface Shown {
  [field: string]: unknown;
  claim_id: string;
  state: string;
  code: string;
  before: ShownLine[] | null;
  after: ShownLine[] | null;
  data: Shown[];
  next_cursor: string | null;
}

export interface Answer {
  status: number;
  body: Shown;
  headers: Record<string, unknown>;
}

export type ClaimsService = Awaited<ReturnType<typeof openClaims>>;

export async function openClaims() {
  const world = await openWorld();
  const app = buildHttp({ logger: testLog });
  requireKeys(
    app,
    knownKeys(world.db, () => undefined),
  );
  const told: [string, string][] = [];
  const tell = async (_trx: unknown, { claimId, state }: Claim) => {
    told.push([claimId, state]);
  };
  claimRoutes(app, { db: world.db, award: world.deps, tell, nudge: () => undefined });
  orderRoutes(app, { db: world.db });

  async function keyOf(scope: NewKey['scope'], { merchantId = null, promoterId = null }: Partial<NewKey> = {}) {
    const wanted = { scope, merchantId, promoterId, label: scope };
    return (await inTransaction(world.db, ({ trx, now }) => makeKey(trx, wanted, null, now))).key;
  }
  const admin = await keyOf('admin');

  async function call(method: 'GET' | 'POST', url: string, payload?: object, { key = admin, headers = {} } = {}): Promise<Answer> {
    const request = { method, url, headers: { authorization: `Bearer ${key}`, ...headers } };
    const answer = await app.inject(payload === undefined ? request : { ...request, payload });
    return { status: answer.statusCode, body: answer.json(), headers: answer.headers };
  }
  const get = (url: string, key?: string) => call('GET', url, undefined, key === undefined ? {} : { key });
  const post = (url: string, payload: object, as: { key?: string; headers?: object } = {}) => call('POST', url, payload, as);

  return {
    world,
    told,
    keyOf,
    get,
    post,
    takeUp: () => takeUpClaims(world.db, tell, 100),
    decide: (claimId: unknown, decision: 'approve' | 'reject', reason = 'the shop has confirmed it') =>
      post(`/v1/claims/${String(claimId)}/decision`, { decision, reason }),
    async close() {
      await app.close();
      await world.close();
    },
  };
}

/** A shop of the worked example, a rival of Bob's with a link, and the keys of the two. */
export async function openMarket({ world, keyOf, post }: ClaimsService, terms: Record<string, unknown> = {}) {
  const shop = await openShop(world, terms);
  await shop.rule();
  const carol = `carol-${shop.m}`;
  await world.promoter(carol);
  const carolsCode = await world.link(shop.m, carol);
  const keys = { bob: await keyOf('promoter', { promoterId: shop.bob }), carol: await keyOf('promoter', { promoterId: carol }) };
  return {
    ...shop,
    carol,
    carolsCode,
    keys,
    claim: (orderId: string, more: object = {}, key = keys.bob) =>
      post('/v1/claims', { merchant_id: shop.m, order_id: orderId, evidence: 'she bought after my message', ...more }, { key }),
  };
}
