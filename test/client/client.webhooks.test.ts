import { expect, test } from 'vitest';

import { verifyWebhook } from '../../client/client.ts';
import { eventBody } from '../../src/outbound/event.ts';
import { makeSecret, signedHeaders } from '../../src/outbound/signature.ts';

const secret = makeSecret();
const at = new Date('2026-06-01T10:00:00Z');
const body = eventBody({ type: 'order.paid', key: 'k', merchantId: 'm1', at, data: { order_id: '1', amount: 29_900n, title: '童车' } });
const headers = signedHeaders({ id: 'e1', at, body }, [secret]);
const later = (seconds: number) => new Date(at.getTime() + seconds * 1000);
const refused = { code: 'invalid_webhook', status: 0 };

test('what the service signs is believed, as text and as bytes, by the headers of HTTP/1, HTTP/2 and fetch', async () => {
  const event = {
    id: 'e1',
    type: 'order.paid',
    timestamp: '2026-06-01T10:00:00.000Z',
    data: { order_id: '1', amount: 29_900, title: '童车' },
  };
  expect(await verifyWebhook({ body, headers, secret, now: at })).toEqual(event);
  expect(await verifyWebhook({ body: Buffer.from(body), headers: new Headers(headers), secret, now: at })).toEqual(event);
  const shouted = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
  expect(await verifyWebhook({ body, headers: { ':path': '/hooks', ...shouted, cookie: undefined }, secret, now: at })).toEqual(event);
});

test('the published example of Standard Webhooks is believed', async () => {
  const published = {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  };
  const now = new Date(1_614_265_330_000);
  const told = { body: '{"test": 2432232314}', headers: published, secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', now };
  expect(await verifyWebhook(told)).toMatchObject({ test: 2_432_232_314 });
});

test('while a secret is rotated, either side may have both of them', async () => {
  const fresh = makeSecret();
  const both = signedHeaders({ id: 'e1', at, body }, [fresh, secret]);
  for (const known of [fresh, secret, [makeSecret(), secret]]) {
    expect(await verifyWebhook({ body, headers: both, secret: known, now: at })).toMatchObject({ id: 'e1' });
  }
  expect(await verifyWebhook({ body, headers, secret: [fresh, secret], now: at })).toMatchObject({ id: 'e1' });
});

test('what was changed, signed by others or not at all is refused', async () => {
  const signature = headers['webhook-signature']!;
  const forged: [string, Partial<Parameters<typeof verifyWebhook>[0]>][] = [
    ['another body', { body: body.replace('29900', '29901') }],
    ['another secret', { secret: makeSecret() }],
    ['no secret at all', { secret: [] }],
    ['another id', { headers: { ...headers, 'webhook-id': 'e2' } }],
    ['another time', { headers: { ...headers, 'webhook-timestamp': String(at.getTime() / 1000 + 1) } }],
    ['no headers', { headers: {} }],
    ['no signature', { headers: { ...headers, 'webhook-signature': '' } }],
    ['an empty signature', { headers: { ...headers, 'webhook-signature': 'v1,' } }],
    ['half a signature', { headers: { ...headers, 'webhook-signature': signature.slice(0, 20) } }],
    ['a signature that is no base64', { headers: { ...headers, 'webhook-signature': 'v1,???' } }],
    ['another version', { headers: { ...headers, 'webhook-signature': signature.replace('v1,', 'v2,') } }],
    ['a time that is no number', { headers: { ...headers, 'webhook-timestamp': '1e9' } }],
  ];
  for (const [what, change] of forged) {
    await expect(verifyWebhook({ body, headers, secret, now: at, ...change }), what).rejects.toMatchObject(refused);
  }
});

test('a webhook is believed for five minutes, and five minutes ahead of our clock', async () => {
  for (const seconds of [300, -300]) await verifyWebhook({ body, headers, secret, now: later(seconds) });
  for (const seconds of [301, -301]) {
    await expect(verifyWebhook({ body, headers, secret, now: later(seconds) })).rejects.toMatchObject(refused);
  }
});

test('a secret that is none is a mistake of ours, and no refusal', async () => {
  for (const wrong of ['', 'whsec_', 'whsec_???']) {
    await expect(verifyWebhook({ body, headers, secret: wrong, now: at })).rejects.toBeInstanceOf(TypeError);
  }
});
