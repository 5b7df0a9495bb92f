import { expect, test } from 'vitest';

import { makeSecret, signedHeaders } from '../../src/outbound/signature.ts';
import { standardWebhooks } from '../../src/sources/standard-webhooks/adapter.ts';

test('a message is signed as the published example of Standard Webhooks is', () => {
  const signed = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', at: new Date(1_614_265_330_000), body: '{"test": 2432232314}' };
  expect(signedHeaders(signed, ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'])).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('a message that is signed by two secrets is believed by a receiver who has either, and by nobody else', () => {
  const [fresh, former, other] = [makeSecret(), makeSecret(), makeSecret()] as const;
  const now = new Date();
  const body = '{"type":"order.paid"}';
  const headers = signedHeaders({ id: 'e1', at: now, body }, [fresh, former]);
  const believes = (secret: string) =>
    standardWebhooks.verify({ method: 'POST', headers, query: {}, body: Buffer.from(body), secrets: { secret }, now });
  expect(believes(fresh).ok).toBe(true);
  expect(believes(former).ok).toBe(true);
  expect(believes(other)).toEqual({ ok: false, reason: 'wrong_signature' });
});

test('a secret is 32 bytes of chance', () => {
  const secret = makeSecret();
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(makeSecret()).not.toBe(secret);
});
