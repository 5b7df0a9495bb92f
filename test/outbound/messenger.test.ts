import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { subnets } from '../../src/platform/net/address.ts';
import { openMessenger } from '../../src/outbound/messenger.ts';
import { takeMessages } from '../../src/outbound/message-store.ts';
import { masterKeys } from '../../src/platform/keys/secrets.ts';
import { standardWebhooks } from '../../src/sources/standard-webhooks/adapter.ts';
import { openReceiver, type Received, type Receiver } from './receiver.ts';
import { openStage, paid, type Stage } from './stage.ts';

let stage: Stage;
let receiver: Receiver;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

beforeEach(async () => {
  await sql`delete from webhook_endpoint`.execute(stage.owner);
  receiver = await openReceiver();
});

afterEach(() => receiver.close());

const believes = (secret: string, { headers, body }: Received) =>
  standardWebhooks.verify({ method: 'POST', headers, query: {}, body: Buffer.from(body), secrets: { secret }, now: new Date() }).ok;
const waitOf = async (endpointId: string) => {
  const { rows } = await sql<{ seconds: number }>`
    select extract(epoch from next_attempt_at - last_attempt_at)::float8 as seconds from webhook_message
    where endpoint_id = ${endpointId}`.execute(stage.owner);
  return rows[0]!.seconds;
};

describe('a message', () => {
  test('is signed, arrives, and is delivered once', async () => {
    const { endpointId, secret } = await stage.endpoint(receiver.url);
    await stage.announce(paid('1'));
    await stage.deliver();
    await stage.deliver();
    expect(receiver.received).toHaveLength(1);
    expect(JSON.parse(receiver.received[0]!.body)).toEqual({
      type: 'order.paid',
      timestamp: '2026-06-01T00:00:00.000Z',
      data: { order_id: '1' },
    });
    expect(believes(secret, receiver.received[0]!)).toBe(true);
    const [message] = await stage.messages(endpointId);
    expect(message).toMatchObject({ state: 'delivered', attempts: 1, last_status: 204, last_error: null });
    expect(receiver.received[0]!.headers['webhook-id']).toBe(message!['event_id']);
  });

  test('is signed by both secrets for a day after a new one was made', async () => {
    const { endpointId, secret: former } = await stage.endpoint(receiver.url);
    const { secret } = (await stage.call('POST', `/v1/webhook-endpoints/${endpointId}/secret-rotations`)).body;
    await stage.announce(paid('1'));
    await stage.deliver();
    expect([secret, former].map((one) => believes(one, receiver.received[0]!))).toEqual([true, true]);
  });

  test('that is not taken is tried again later, under the same id, until it is', async () => {
    const { endpointId } = await stage.endpoint(receiver.url);
    await stage.announce(paid('1'));
    receiver.status(500);
    await stage.deliver();
    expect(await stage.messages(endpointId)).toMatchObject([{ state: 'pending', attempts: 1, last_status: 500 }]);
    expect(await waitOf(endpointId)).toBeGreaterThanOrEqual(5);
    await stage.deliver();
    expect(receiver.received).toHaveLength(1);
    receiver.status(200);
    await stage.timePasses();
    await stage.deliver();
    expect(await stage.messages(endpointId)).toMatchObject([{ state: 'delivered', attempts: 2 }]);
    const [first, second] = receiver.received;
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
    expect(second!.body).toBe(first!.body);
  });

  test('is given up after ten attempts, and can be sent again by hand', async () => {
    const { endpointId } = await stage.endpoint(receiver.url);
    await stage.announce(paid('1'));
    receiver.status(302, { location: receiver.url });
    for (let attempt = 1; attempt <= 12; attempt++) {
      await stage.deliver();
      await stage.timePasses();
    }
    const [message] = await stage.messages(endpointId);
    expect(message).toMatchObject({ state: 'failed', attempts: 10, last_status: 302 });
    expect(receiver.received).toHaveLength(10);
    receiver.status(200);
    await stage.call('POST', `/v1/webhook-messages/${String(message!['message_id'])}/redeliveries`);
    await stage.deliver();
    expect(await stage.messages(endpointId)).toMatchObject([{ state: 'delivered', attempts: 1 }]);
  });

  test('waits as long as its receiver asks', async () => {
    const { endpointId } = await stage.endpoint(receiver.url);
    await stage.announce(paid('1'));
    receiver.status(503, { 'retry-after': '7200' });
    await stage.deliver();
    expect(await waitOf(endpointId)).toBeGreaterThanOrEqual(7200);
  });

  test('comes back when the process that had taken it died, and that process can say nothing about it any more', async () => {
    const { endpointId } = await stage.endpoint(receiver.url);
    await stage.announce(paid('1'));
    expect(await takeMessages(stage.db, endpointId, 10)).toHaveLength(1);
    await stage.deliver();
    expect(receiver.received).toHaveLength(0);
    await stage.timePasses();
    await stage.deliver();
    expect(await stage.messages(endpointId)).toMatchObject([{ state: 'delivered', attempts: 2 }]);
  });

  test('during whose attempts our process always died is given up, too', async () => {
    const { endpointId } = await stage.endpoint(receiver.url);
    await stage.announce(paid('1'));
    for (let attempt = 1; attempt <= 10; attempt++) {
      await takeMessages(stage.db, endpointId, 10);
      await stage.timePasses();
    }
    await stage.deliver();
    expect(await stage.messages(endpointId)).toMatchObject([
      { state: 'failed', last_error: 'our process ended during every one of the last attempts' },
    ]);
  });

  test('that cannot be signed says so, and waits', async () => {
    const { endpointId } = await stage.endpoint(receiver.url);
    await stage.announce(paid('1'));
    await stage.deliver({ keys: masterKeys(['another master key than it was sealed by']) });
    expect(await stage.messages(endpointId)).toMatchObject([
      { state: 'pending', attempts: 1, last_error: expect.stringMatching(/^it cannot be signed: the master key/) },
    ]);
    expect(stage.errors).toEqual([]);
  });
});

describe('an endpoint', () => {
  test('that answers 410 is stopped, and tells why until it is stated again', async () => {
    const { endpointId } = await stage.endpoint(receiver.url);
    receiver.status(410);
    await stage.announce(paid('1'));
    await stage.deliver();
    const path = `/v1/webhook-endpoints/${endpointId}`;
    expect((await stage.call('GET', path)).body).toMatchObject({ active: false, disabled_reason: 'gone' });
    await stage.announce(paid('2'));
    expect(await stage.messages(endpointId)).toMatchObject([{ state: 'failed', last_status: 410 }]);
    const audit = await stage.owner.selectFrom('audit_log').selectAll().where('subject_id', '=', endpointId).orderBy('audit_id').execute();
    expect(audit.at(-1)).toMatchObject({ action: 'webhook_endpoint_stopped', key_id: null, after: { disabled_reason: 'gone' } });
    const revived = await stage.call('PUT', path, { url: receiver.url, events: ['order.*'] });
    expect(revived.body).toMatchObject({ active: true, disabled_reason: null });
  });

  test('that is stopped keeps what waits for when it goes on', async () => {
    const { endpointId } = await stage.endpoint(receiver.url);
    await stage.announce(paid('1'));
    const stated = { url: receiver.url, events: ['order.*'] };
    await stage.call('PUT', `/v1/webhook-endpoints/${endpointId}`, { ...stated, active: false });
    await stage.deliver();
    expect(receiver.received).toHaveLength(0);
    await stage.call('PUT', `/v1/webhook-endpoints/${endpointId}`, stated);
    await stage.deliver();
    expect(receiver.received).toHaveLength(1);
  });

  test('that has moved to an address that we do not call gets nothing', async () => {
    const { endpointId } = await stage.endpoint(receiver.url);
    await stage.announce(paid('1'));
    await stage.deliver({ allowed: subnets([]) });
    expect(receiver.connections()).toBe(0);
    expect(await stage.messages(endpointId)).toMatchObject([
      { state: 'pending', last_status: null, last_error: 'the url is at an address that we do not call' },
    ]);
  });

  test('that does not answer keeps no other waiting', async () => {
    const dead = await openReceiver();
    dead.answer(() => undefined);
    await stage.endpoint(dead.url);
    await stage.endpoint(receiver.url);
    const messenger = openMessenger(stage.deps);
    await stage.announce(paid('1'));
    await messenger.deliver();
    await until(() => receiver.received.length === 1 && dead.received.length === 1);
    await stage.announce(paid('2'));
    await messenger.deliver();
    await until(() => receiver.received.length === 2);
    expect(dead.received).toHaveLength(1);
    await dead.close();
    await messenger.close();
  });

  test('gets a long backlog whole, and each message once, from two processes at the same time', async () => {
    const { endpointId } = await stage.endpoint(receiver.url);
    await stage.announce(...Array.from({ length: 60 }, (_, index) => paid(String(index))));
    await Promise.all([stage.deliver(), stage.deliver()]);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(60);
    expect(receiver.received).toHaveLength(60);
    expect((await stage.call('GET', `/v1/webhook-endpoints/${endpointId}/messages?state=pending`)).body.data).toEqual([]);
  });
});

test('what ended 30 days ago is forgotten, and what waits is not', async () => {
  const { endpointId } = await stage.endpoint(receiver.url);
  await stage.announce(paid('old'), paid('new'));
  await stage.deliver();
  await stage.announce(paid('waiting'));
  await sql`update webhook_message set finished_at = now() - interval '31 days'
    where message_id = (select min(message_id::text)::uuid from webhook_message where state <> 'pending')`.execute(stage.owner);
  receiver.status(500);
  await stage.deliver();
  expect((await stage.messages(endpointId)).map(({ state }) => state)).toEqual(['pending', 'delivered']);
});

test('Prometheus is told how many wait, since when, and how attempts went', async () => {
  await stage.endpoint(receiver.url);
  await stage.announce(paid('1'), paid('2'));
  await sql`update webhook_message set made_at = now() - interval '1 hour', next_attempt_at = now() + interval '1 hour'`.execute(
    stage.owner,
  );
  await stage.deliver();
  const text = await stage.registry.metrics();
  expect(text).toContain('fenyong_webhook_messages_pending 2');
  expect(text).toMatch(/fenyong_webhook_messages_oldest_seconds 36\d\d/);
  expect(text).toMatch(/fenyong_webhook_attempts_total\{outcome="delivered"\} [1-9]/);
  expect(text).toMatch(/fenyong_webhook_attempts_total\{outcome="put_off"\} [1-9]/);
  expect(text).toMatch(/fenyong_webhook_attempts_total\{outcome="failed"\} [1-9]/);
});

/** Waits until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((done) => setTimeout(done, 5));
}
