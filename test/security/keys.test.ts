// Every route of the published document against every key that must not open it: refused, and
// nothing in the database is touched.

import { readFile } from 'node:fs/promises';

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ADMIN_KEY } from '../running.ts';
import { openMarket, type Answered, type Market } from './market.ts';
import { ROUTES, type Role, type Route } from './routes.ts';

interface PublishedDocument {
  paths: Record<string, Record<string, object>>;
}

/** That it names every route there is, is a test of its own. */
const document = JSON.parse(await readFile(new URL('../../openapi/openapi.json', import.meta.url), 'utf8')) as PublishedDocument;
const published = Object.entries(document.paths)
  .filter(([path]) => path.startsWith('/v1/'))
  .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));

const ROLES: readonly Role[] = ['operator', 'finance', 'risk'];

let market: Market;
/** What every table held after the last request that was to change nothing. */
let held: Record<string, string>;
/** Keys by whose they are; null is none. */
const keys: Record<string, string | null> = { nobody: null, unknown: 'fy_admin_that_was_never_made' };

beforeAll(async () => {
  market = await openMarket({ env: { RATE_REFUSED: '100000' } });
  keys['shop'] = (await market.makeKey({ scope: 'storefront', merchant_id: 'm1' })).key;
  keys['shop of m2'] = (await market.makeKey({ scope: 'storefront', merchant_id: 'm2' })).key;
  keys['merchant'] = (await market.makeKey({ scope: 'merchant', merchant_id: 'm1' })).key;
  keys['merchant of m2'] = (await market.makeKey({ scope: 'merchant', merchant_id: 'm2' })).key;
  for (const role of ROLES) keys[role] = (await market.makeKey({ scope: 'admin', role, person: `${role}’s person` })).key;
  keys['alice'] = (await market.makeKey({ scope: 'promoter', promoter_id: 'alice' })).key;
  keys['bob'] = (await market.makeKey({ scope: 'promoter', promoter_id: 'bob' })).key;
  keys['auditor'] = (await market.makeKey({ scope: 'auditor' })).key;
  const revoked = await market.makeKey({ scope: 'admin' });
  await market.ask('DELETE', `/v1/keys/${revoked.keyId}`);
  keys['revoked'] = revoked.key;
  await market.service.stopWork();
  market.ids['guard'] = (await market.ask('GET', '/v1/guards')).body.data[0].name;
  held = await sums();
});

afterAll(() => market.service.close());

/** Who is another's owner as these are of m1 and alice. */
const LIKEWISE: Record<string, string> = { shop: 'shop of m2', merchant: 'merchant of m2', alice: 'bob' };

/** Who may send a route, beside the admin who has no role. */
function openTo(name: string, route: Route): string[] {
  const isReading = name.startsWith('GET ');
  const roles = route.roles ?? (isReading ? ROLES : ['operator']);
  if (route.keyless === true) return Object.keys(keys);
  const others = route.ofItself === true ? route.open.flatMap((owner) => LIKEWISE[owner] ?? []) : [];
  return [...route.open, ...others, ...roles, ...(isReading ? ['auditor'] : [])];
}

/** The request of the table as it is sent, with the key of somebody. */
function send(name: string, route: Route, key: string | null): Promise<Answered> {
  const method = name.split(' ')[0]!;
  const url = market.fill(route.url);
  if (typeof route.body === 'string') {
    return market.ask(method, url, route.body, { key, headers: { 'content-type': route.type ?? 'application/x-ndjson' } });
  }
  const body = route.body === undefined ? undefined : market.fill(JSON.stringify(route.body));
  return market.ask(method, url, body, { key });
}

/**
 * What every table holds, as one sum for each; of a key all but its last use, and nothing of what
 * only counts refusals.
 */
async function sums(): Promise<Record<string, string>> {
  const { owner } = market.service.database;
  const { rows: tables } = await sql<{ name: string }>`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relname <> 'rate_count'
    order by relname`.execute(owner);
  const selects = tables.map(
    ({ name }) => sql`select ${sql.lit(name)} as name, count(*) || ' ' ||
      coalesce(sum(hashtextextended((to_jsonb(t) - 'last_used_at')::text, 0)), 0) as sum from ${sql.table(name)} t`,
  );
  const { rows } = await sql<{ name: string; sum: string }>`${sql.join(selects, sql` union all `)}`.execute(owner);
  return Object.fromEntries(rows.map(({ name, sum }) => [name, sum]));
}

describe('a key that must not', () => {
  test.each(published)('%s', async (name) => {
    const route = ROUTES[name];
    if (route === undefined) throw new Error(`${name} is new: say in test/security/routes.ts who may send it, and with what`);
    const wrong = Object.entries(keys).filter(([who]) => route.keyless !== true && !openTo(name, route).includes(who));
    const before = held;
    for (const [who, key] of wrong) {
      const { status, body } = await send(name, route, key);
      const expected = ['nobody', 'unknown', 'revoked'].includes(who) ? [401] : [403, 404];
      if (ROLES.some((role) => role === who)) expect([status, body.code], `${name} with the role ${who}`).toEqual([403, 'role_forbidden']);
      expect(expected, `${name} with the key of ${who} was answered ${status} ${JSON.stringify(body)}`).toContain(status);
    }
    held = await sums();
    expect(held).toEqual(before);
  });

  test('the table names no route that is gone', () => {
    expect(Object.keys(ROUTES).filter((name) => !published.includes(name))).toEqual([]);
  });
});

describe('what a list shows that names nobody', () => {
  test.each([
    ['/v1/orders', 'shop of m2'],
    ['/v1/orders', 'bob'],
    ['/v1/orders?merchant_id=m1', 'bob'],
    ['/v1/orders', 'merchant of m2'],
    ['/v1/claims', 'merchant of m2'],
    ['/v1/links?promoter_id=alice', 'merchant of m2'],
    ['/v1/deliveries', 'shop of m2'],
    ['/v1/claims', 'shop of m2'],
    ['/v1/claims', 'bob'],
    ['/v1/claims?merchant_id=m1', 'bob'],
    ['/v1/links', 'bob'],
    ['/v1/links?merchant_id=m1', 'bob'],
    ['/v1/links?promoter_id=alice', 'shop of m2'],
  ])('%s shows to %s nothing of others', async (url, who) => {
    const { status, body } = await market.ask('GET', url, undefined, { key: keys[who]! });
    expect([status, body.data]).toEqual([200, []]);
  });
});

describe('the same requests with the keys of those who may', () => {
  test.each(Object.entries(ROUTES))('%s', async (name, route) => {
    for (const who of ['admin', ...openTo(name, route)]) {
      const { status, body } = await send(name, route, who === 'admin' ? ADMIN_KEY : keys[who]!);
      // What the admin has just done cannot always be done again by others who may.
      const isLetIn = ROLES.some((role) => role === who) && ![401, 403].includes(status) && status < 500;
      const isRight = isLetIn || (route.answered === undefined ? status < 300 : status === route.answered);
      expect(isRight, `${who} was answered ${status} ${JSON.stringify(body)}`).toBe(true);
    }
  });
});
