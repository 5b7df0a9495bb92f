// A source of every kind that is asked, each with secrets of its own, and platforms that take what
// they are sent and answer nothing good.

import { sql } from 'kysely';
import type { Logger } from 'pino';
import { expect } from 'vitest';

import { masterKeys } from '../../src/platform/keys/secrets.ts';
import { startAsking } from '../../src/pull/start.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import type { Receiver } from '../outbound/receiver.ts';
import { until } from '../platform/sockets.ts';
import type { Market } from './market.ts';

/** By kind: the secrets, of which each is told by no other text, and what else has to be stated. */
const ASKED: Record<string, { secrets: Record<string, string>; options?: object }> = {
  'wechat-shop': {
    secrets: {
      app_id: 'wechat-app-id-CANARY',
      app_secret: 'wechat-app-secret-CANARY',
      token: 'wechattokenCANARY',
      encoding_aes_key: 'CANARYghijklmnopqrstuvwxyz0123456789ABCDEFG',
    },
  },
  doudian: { secrets: { app_key: 'doudian-app-key-CANARY', app_secret: 'doudian-app-secret-CANARY' }, options: { shop_id: '123456' } },
  shopify: { secrets: { secret: 'shopify-secret-CANARY', access_token: 'shpat_CANARY' }, options: { shop: 'demo.myshopify.com' } },
  woocommerce: {
    secrets: { secret: 'woocommerce-secret-CANARY', consumer_key: 'ck_CANARY', consumer_secret: 'cs_CANARY' },
    options: { url: 'https://shop.example.com' },
  },
  taobao: { secrets: { app_key: 'taobao-app-key-CANARY', app_secret: 'taobao-app-secret-CANARY' } },
  jd: { secrets: { app_key: 'jd-app-key-CANARY', app_secret: 'jd-app-secret-CANARY', access_token: 'jd-access-token-CANARY' } },
  pdd: { secrets: { client_id: 'pdd-client-id-CANARY', client_secret: 'pdd-client-secret-CANARY' } },
};

/** What platforms give before they refuse. */
const GIVEN_TOKENS: Record<string, string> = { '/cgi-bin/': 'wechat-access-token-CANARY', '/token/create': 'doudian-access-token-CANARY' };
const REFUSED = {
  errcode: 48_001,
  errmsg: 'api unauthorized',
  code: 30_001,
  msg: 'no permission',
  errors: [{ message: 'not now' }],
  error_response: { code: '12', error_code: 12, msg: 'invalid signature', error_msg: 'invalid signature' },
};

/**
 * Has every source asked twice: by platforms that give a token and no orders, and where nobody
 * listens. Tells the secrets by what they are.
 */
export async function askInVain(
  { ask, service }: Market,
  receiver: Receiver,
  { lines, log }: { lines: readonly string[]; log: Logger },
): Promise<Record<string, string>> {
  const { db, owner } = service.database;
  receiver.answer((response, { path }) => {
    const given = Object.entries(GIVEN_TOKENS).find(([start]) => path.startsWith(start))?.[1];
    const token = { access_token: given, expires_in: 7200 };
    response.end(JSON.stringify(given === undefined ? REFUSED : { ...token, code: 10_000, data: token }));
  });
  for (const [kind, { secrets, options }] of Object.entries(ASKED)) {
    const pull = { since: new Date(Date.now() - 60_000).toISOString() };
    const { status } = await ask('PUT', `/v1/sources/${kind}`, { kind, merchant_id: 'm1', secrets, options: { ...options, pull } });
    expect([kind, status]).toEqual([kind, 201]);
  }
  const asked = receiver.received.length;
  const keys = masterKeys(['the tests seal secrets with this']);
  const told = (kind: string) => lines.filter((line) => line.includes('a source gave no answer') && line.includes(`"${kind}"`)).length;
  for (const url of [new URL(receiver.url).origin, 'http://127.0.0.1:9']) {
    await sql`update pull set rests_until = null, due_at = null`.execute(owner);
    await sql`update pull_feed set due_at = now() where due_at is not null`.execute(owner);
    const before = new Map(Object.keys(ASKED).map((kind) => [kind, told(kind)]));
    const baseUrls = Object.fromEntries(Object.keys(ASKED).map((kind) => [kind, url]));
    const asking = startAsking({ db, keys, adapters: ADAPTERS, baseUrls, fetch, onDelivered: () => undefined, log });
    await until(() => Object.keys(ASKED).every((kind) => told(kind) > before.get(kind)!));
    await asking.close();
  }
  const sent = receiver.received.slice(asked).map(({ path, headers, body }) => path + JSON.stringify(headers) + body);
  for (const token of [...Object.values(GIVEN_TOKENS), 'shpat_CANARY', 'jd-access-token-CANARY', 'pdd-client-id-CANARY']) {
    expect([token, sent.some((request) => request.includes(token))]).toEqual([token, true]);
  }
  const secrets = Object.entries(ASKED).flatMap(([kind, stated]) =>
    Object.entries(stated.secrets).map(([name, secret]) => [`${name} of a source of ${kind}`, secret]),
  );
  return Object.fromEntries([...secrets, ...Object.entries(GIVEN_TOKENS).map(([path, token]) => [`the token of ${path}`, token])]);
}
