// A lively market that logs everything it can, and not one secret, key, token, cookie or buyer in
// any line.

import { createHmac, randomBytes } from 'node:crypto';

import { sql } from 'kysely';
import { expect, test } from 'vitest';

import { buildLogger } from '../../src/platform/process/log.ts';
import { openReceiver, type Receiver } from '../outbound/receiver.ts';
import { until } from '../platform/sockets.ts';
import { ADMIN_KEY } from '../running.ts';
import { askInVain } from './asked-sources.ts';
import { openMarket, orderOf, SHOP_SECRET, type Market } from './market.ts';

/** What must not be told, each by what it is. */
type Secrets = Record<string, string>;

test('no line of the log at any level holds a secret', async () => {
  const lines: string[] = [];
  const log = buildLogger('trace', { write: (line) => void lines.push(line) });
  const market = await openMarket({ log, listens: true });
  const receiver = await openReceiver();
  const secrets: Secrets = {
    'the admin key': ADMIN_KEY,
    'the secret of a source': SHOP_SECRET,
    'a new secret of a source': `whsec_${randomBytes(24).toString('base64')}`,
    'a wrong key': 'fy_admin_wrong_CANARY1',
    'a wrong signature': `v1,${randomBytes(32).toString('base64')}`,
    'a buyer': 'openid-CANARY2',
    'the phone of a buyer': '+8613800CANARY3',
    'a cookie': 'CANARY4',
    'an idempotency key': 'CANARY5',
    'the end of the address of an endpoint': '/T0/CANARY6',
  };
  await live(market, secrets);
  await claim(market, secrets);
  await tellOutside(market, receiver, secrets);
  await fail(market, secrets);
  await market.service.stopWork();
  Object.assign(secrets, await askInVain(market, receiver, { lines, log }));
  await market.service.close();
  await receiver.close();

  expect(lines.length).toBeGreaterThan(3);
  expect(lines.some((line) => line.includes('a webhook was refused'))).toBe(true);
  expect(lines.some((line) => line.includes('request failed'))).toBe(true);
  expect(toldBy(lines, secrets)).toEqual([]);
  // Each of them would have been seen, in whatever line.
  for (const [what, secret] of Object.entries(secrets)) {
    expect([what, secret.length >= 7]).toEqual([what, true]);
    expect(toldBy([...lines, JSON.stringify({ err: { message: `${secret}.` } })], secrets)).toContain(what);
  }
});

/** What of the secrets stands in the lines, whole or by its beginning. */
function toldBy(lines: readonly string[], secrets: Secrets): string[] {
  const told = lines.join('');
  return Object.keys(secrets).filter((what) => told.includes(secrets[what]!.slice(0, 20)));
}

/** What every day brings, right and wrong. */
async function live({ ask, makeKey, ids, service }: Market, secrets: Secrets): Promise<void> {
  const buyer = { openid: secrets['a buyer']!, phone: secrets['the phone of a buyer']! };
  secrets['the key of a shop'] = (await makeKey({ scope: 'storefront', merchant_id: 'm1' })).key;
  secrets['a revoked key'] = await revokedKey(ask, makeKey);
  const key = secrets['the key of a shop'];
  secrets['a stream ticket'] = (await ask('POST', '/v1/stream-tickets', undefined, { key })).body.ticket;
  secrets['a wrong stream ticket'] = 'fy_ticket_CANARY7';
  for (const what of ['a stream ticket', 'a wrong stream ticket']) await ask('GET', streamOf(secrets[what]!), undefined, { key: null });
  const click = await ask('POST', '/v1/clicks', { code: ids['code'], buyer }, { key });
  secrets['a click token'] = click.body.click_token;
  const order = { ...orderOf('O-7'), buyer, click_token: secrets['a click token'] };
  await ask('POST', '/v1/identities', { merchant_id: 'm1', identities: buyer }, { key });
  await ask('POST', '/v1/orders', order, { key, headers: { 'idempotency-key': secrets['an idempotency key']! } });
  await ask('PUT', '/v1/sources/sw', {
    kind: 'standard-webhooks',
    merchant_id: 'm1',
    secrets: { secret: secrets['a new secret of a source'] },
  });
  await push(ask, 'sw', order, secrets['a new secret of a source']!);
  await push(ask, 'sw', order, SHOP_SECRET);
  await ask('POST', '/webhooks/sw', order, {
    headers: { 'webhook-id': 'm', 'webhook-timestamp': '1', 'webhook-signature': secrets['a wrong signature']! },
  });
  for (const wrong of ['a wrong key', 'a revoked key']) await ask('GET', '/v1/orders', undefined, { key: secrets[wrong]! });
  const visit = await ask('GET', `/r/${ids['code']}?q=${secrets['a cookie']}`, undefined, {
    headers: { cookie: `fy_vid=${secrets['a cookie']}` },
  });
  secrets['a token of a visit'] = new URL(String(visit.headers['location'])).searchParams.get('fy_click')!;
  await ask('POST', '/v1/orders', { ...order, lines: 'none', buyer }, { key });
  await fetch(`${service.url}/v1/orders`, { headers: { authorization: `Bearer ${secrets['a wrong key']}` } });
}

/** Claims whose words name the buyer: made, refused, decided. */
async function claim({ ask, makeKey, ids }: Market, secrets: Secrets): Promise<void> {
  const key = (secrets['the key of a promoter'] = (await makeKey({ scope: 'promoter', promoter_id: 'alice' })).key);
  const words = { merchant_id: 'm1', evidence: `I sold it to ${secrets['the phone of a buyer']}, ${secrets['a buyer']}` };
  for (const orderId of ['O-9', 'O-9', 'O-1', '']) await ask('POST', '/v1/claims', { ...words, order_id: orderId }, { key });
  const decision = { decision: 'approve', reason: `${secrets['the phone of a buyer']} says so` };
  for (const status of [200, 409]) expect((await ask('POST', `/v1/claims/${ids['claim_id']}/decision`, decision)).status).toBe(status);
}

/** Messages to an endpoint that does not want them, signed by a secret and then by two. */
async function tellOutside({ ask, ids }: Market, receiver: Receiver, secrets: Secrets): Promise<void> {
  receiver.status(500);
  const { body: made } = await ask('PUT', '/v1/webhook-endpoints/e2', {
    url: receiver.url + secrets['the end of the address of an endpoint'],
    events: ['order.*', 'claim.*'],
  });
  secrets['the secret of an endpoint'] = made.secret;
  const key = secrets['the key of a promoter']!;
  await ask('POST', '/v1/claims', { merchant_id: 'm1', order_id: 'O-10', evidence: secrets['a buyer'] }, { key });
  await until(() => receiver.received.length > 0);
  secrets['the signature of a message'] = String(receiver.received[0]!.headers['webhook-signature']);
  const { body: rotated } = await ask('POST', '/v1/webhook-endpoints/e2/secret-rotations');
  secrets['a new secret of an endpoint'] = rotated.secret;
  const { body: messages } = await ask('GET', '/v1/webhook-endpoints/e2/messages');
  for (const messageId of [ids['message_id'], messages.data[0].message_id]) {
    expect((await ask('POST', `/v1/webhook-messages/${messageId}/redeliveries`)).status).toBe(202);
  }
  await until(() => receiver.received.length > 1);
  expect(receiver.received.every(({ path }) => path.endsWith(secrets['the end of the address of an endpoint']!))).toBe(true);
  secrets['two signatures of a message'] = String(receiver.received.at(-1)!.headers['webhook-signature']);
}

/**
 * What goes wrong on our side: rows that the database refuses, and quotes while it does so, and a
 * table that is gone.
 */
async function fail({ ask, service }: Market, secrets: Secrets): Promise<void> {
  const { owner } = service.database;
  const buyer = { openid: secrets['a buyer']!, phone: secrets['the phone of a buyer']! };
  const key = secrets['the key of a shop']!;
  await sql`alter table idempotency_key add constraint never check (false) not valid`.execute(owner);
  await sql`alter table api_key add constraint never check (false) not valid`.execute(owner);
  const headers = { 'idempotency-key': `${secrets['an idempotency key']}-2` };
  const order = { ...orderOf('O-8'), buyer, click_token: secrets['a click token'] };
  expect((await ask('POST', '/v1/orders', order, { key, headers })).status).toBe(500);
  expect((await ask('POST', '/v1/keys', { scope: 'auditor' })).status).toBe(500);
  await sql`alter table webhook_message add constraint never check (false) not valid`.execute(owner);
  const claimed = { promoter_id: 'alice', merchant_id: 'm1', order_id: 'O-11', evidence: secrets['the phone of a buyer'] };
  expect((await ask('POST', '/v1/claims', claimed)).status).toBe(500);
  await sql`alter table buyer_identity rename to gone`.execute(owner);
  expect((await ask('POST', '/v1/identities', { merchant_id: 'm1', identities: buyer }, { key })).status).toBe(500);
  await ask('POST', '/v1/clicks', { code: 'none', buyer }, { key });
}

/** A stream that is refused with a ticket that is right, and for a ticket that is wrong. */
const streamOf = (ticket: string): string => `/v1/statistics/stream?compare=year&ticket=${ticket}`;

async function revokedKey(ask: Market['ask'], makeKey: Market['makeKey']): Promise<string> {
  const { key, keyId } = await makeKey({ scope: 'admin' });
  await ask('DELETE', `/v1/keys/${keyId}`);
  return key;
}

/** Pushes as a sender of Standard Webhooks signs. */
async function push(ask: Market['ask'], sourceId: string, data: object, secret: string): Promise<void> {
  const at = String(Math.floor(Date.now() / 1000));
  const text = JSON.stringify({ type: 'order.paid', timestamp: new Date().toISOString(), data });
  const signature = createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
    .update(`m.${at}.${text}`)
    .digest('base64');
  const headers = { 'webhook-id': 'm', 'webhook-timestamp': at, 'webhook-signature': `v1,${signature}` };
  await ask('POST', `/webhooks/${sourceId}`, text, { key: null, headers });
}
