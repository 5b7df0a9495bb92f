// A server on which every route wants a key, and those who call it: a key for any scope, made
// behind the routes' back.

import type { Kysely } from 'kysely';

import { SCOPES, type KeyScope } from '../../src/platform/keys/actor.ts';
import { requireKeys } from '../../src/platform/keys/auth.ts';
import { knownKeys } from '../../src/platform/keys/known-keys.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import type { HttpOptions } from '../../src/platform/http/http.ts';
import type { App } from '../../src/platform/http/app.ts';
import { makeKey } from '../../src/platform/keys/keys-store.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { testLog } from '../harness.ts';
import { buildHttp } from './furnished.ts';

/** Whose a key is; a promoter's is bob's where nothing is said. */
interface Bound {
  merchantId?: string | null;
  promoterId?: string | null;
}

/** An answer with its body read. */
export interface Answered<Body> {
  status: number;
  body: Body;
  headers: Record<string, string | number | string[] | undefined>;
}

/**
 * Sends one request without a port. A body that is a string goes as it is, any other as JSON; an
 * answer that is no JSON is read as text.
 */
export async function send<Body>(
  app: App,
  { method, url, body, headers }: { method: string; url: string; body?: unknown; headers: Record<string, string> },
): Promise<Answered<Body>> {
  const answer = await app.inject({
    method: method as 'GET',
    url,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const isJson = /json/.test(String(answer.headers['content-type']));
  return { status: answer.statusCode, body: (isJson ? answer.json() : answer.body) as Body, headers: answer.headers };
}

/** The server, to which its test adds the routes. */
export function keyedApp(db: Kysely<DB>, options: HttpOptions = {}): App {
  const app = buildHttp({ logger: testLog, ...options });
  requireKeys(
    app,
    knownKeys(db, (error) => testLog.error(error)),
  );
  return app;
}

export async function newKey(db: Kysely<DB>, scope: KeyScope, bound: Bound = {}): Promise<string> {
  const { merchantId = scope === 'merchant' ? 'm1' : null, promoterId = scope === 'promoter' ? 'bob' : null } = bound;
  return (await inTransaction(db, ({ trx, now }) => makeKey(trx, { scope, merchantId, promoterId, label: scope }, null, now))).key;
}

/** A key of every scope. */
export async function keyOfEvery(db: Kysely<DB>): Promise<Record<string, string>> {
  const keys: Record<string, string> = {};
  for (const scope of SCOPES) keys[scope] = await newKey(db, scope);
  return keys;
}

/**
 * Calls the server without a port, with a key of the operator unless another is named. The body is
 * null where there is none.
 */
export async function callersOf<Body>(app: App, db: Kysely<DB>) {
  const admin = await newKey(db, 'admin');
  async function call(
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    url: string,
    payload?: object,
    { key = admin, headers = {} }: { key?: string; headers?: object } = {},
  ): Promise<Answered<Body>> {
    const request = { method, url, headers: { authorization: `Bearer ${key}`, ...headers } };
    const answer = await app.inject(payload === undefined ? request : { ...request, payload });
    return { status: answer.statusCode, body: (answer.body === '' ? null : answer.json()) as Body, headers: answer.headers };
  }
  return {
    keyOf: (scope: KeyScope, bound: Bound = {}) => newKey(db, scope, bound),
    call,
    get: (url: string, key?: string) => call('GET', url, undefined, key === undefined ? {} : { key }),
    post: (url: string, payload?: object, as: { key?: string; headers?: object } = {}) => call('POST', url, payload, as),
  };
}
