// The routes of commission over a world, with keys of every scope, and without a port.
import { orderRoutes } from '../../src/commission/order-routes.ts';
import { ruleRoutes } from '../../src/commission/rule-routes.ts';
import { knownKeys, requireKeys } from '../../src/platform/auth.ts';
import { inTransaction } from '../../src/platform/database.ts';
import { buildHttp } from '../../src/platform/http.ts';
import { makeKey, type NewKey } from '../../src/platform/keys-store.ts';
import type { World } from './world.ts';

/** A rule or an order, as far as tests look into it one by one. */
interface Item {
  [field: string]: unknown;
  rule_id: string;
  order_id: string;
  reason: string;
}

/** An answer, with its body read: an item, a page of them, or a problem. */
export interface Answer {
  status: number;
  body: Item & {
    code: string;
    errors: { path: string; message: string }[];
    effective_from: string;
    data: Item[];
    losers: Item[];
    next_cursor: string | null;
  };
  headers: Record<string, unknown>;
}

export async function openService(world: World) {
  const app = buildHttp();
  requireKeys(
    app,
    knownKeys(world.db, () => undefined),
  );
  const nudged: string[] = [];
  ruleRoutes(app, { db: world.db, levelsMax: world.deps.levelsMax, nudge: (kind) => nudged.push(kind) });
  orderRoutes(app, { db: world.db });

  /** A new key of that scope, and what it is bound to. */
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

  return {
    nudged,
    keyOf,
    close: () => app.close(),
    get: (url: string, key?: string) => call('GET', url, undefined, key === undefined ? {} : { key }),
    post: (url: string, payload: object, as: { key?: string; headers?: object } = {}) => call('POST', url, payload, as),
  };
}
