import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openReceiver, type Receiver } from './receiver.ts';
import { openStage, paid, type Stage } from './stage.ts';

let stage: Stage;
let receiver: Receiver;

beforeAll(async () => {
  stage = await openStage();
  receiver = await openReceiver();
});

afterAll(async () => {
  await stage.close();
  await receiver.close();
});

const list = (endpointId: string, query = '') => stage.call('GET', `/v1/webhook-endpoints/${endpointId}/messages${query}`);
const redeliver = (messageId: unknown, as?: { key?: string }) =>
  stage.call('POST', `/v1/webhook-messages/${String(messageId)}/redeliveries`, undefined, as);

describe('messages', () => {
  test('are listed from the latest, page by page and by their state', async () => {
    const { endpointId } = await stage.endpoint(receiver.url);
    await stage.announce(paid('1'));
    await stage.deliver();
    await stage.announce(paid('2'));
    const all = (await list(endpointId)).body.data;
    expect(all).toMatchObject([
      { type: 'order.paid', state: 'pending', attempts: 0, last_status: null, finished_at: null },
      { type: 'order.paid', state: 'delivered', attempts: 1, last_status: 204, next_attempt_at: null },
    ]);
    expect((await list(endpointId, '?state=delivered')).body.data).toEqual([all[1]]);
    expect((await list(endpointId, '?state=failed')).body.data).toEqual([]);
    const first = await list(endpointId, '?limit=1');
    expect(first.body.data).toEqual([all[0]]);
    const second = await list(endpointId, `?limit=1&cursor=${first.body.next_cursor}`);
    expect(second.body).toEqual({ data: [all[1]], next_cursor: null });
  });

  test('of nobody are not there', async () => {
    expect((await list('nobody')).status).toBe(404);
    expect((await list('nobody', '?state=lost')).status).toBe(400);
    expect((await stage.call('GET', `/v1/webhook-messages/${crypto.randomUUID()}`)).status).toBe(404);
    expect((await redeliver(crypto.randomUUID())).status).toBe(404);
  });
});

describe('a message that is sent once more', () => {
  test('arrives again under the same id and with the same bytes, and is on record', async () => {
    const { endpointId } = await stage.endpoint(receiver.url);
    await stage.announce(paid('again'));
    await stage.deliver();
    const [message] = await stage.messages(endpointId);
    const before = receiver.received.length;
    expect(await redeliver(message!['message_id'])).toMatchObject({
      status: 202,
      body: { message_id: message!['message_id'], state: 'pending' },
    });
    expect(stage.announced).toContain('now');
    expect(await stage.messages(endpointId)).toMatchObject([{ state: 'pending', attempts: 0 }]);
    await stage.deliver();
    expect(await stage.messages(endpointId)).toMatchObject([{ state: 'delivered', attempts: 1 }]);
    const [first, second] = [receiver.received[before - 1]!, receiver.received[before]!];
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id']);
    expect(second.body).toBe(first.body);
    const audit = await stage.owner
      .selectFrom('audit_log')
      .select(['action', 'before', 'after'])
      .orderBy('audit_id', 'desc')
      .limit(1)
      .execute();
    expect(audit).toEqual([{ action: 'webhook_message_redelivered', before: { state: 'delivered' }, after: { state: 'pending' } }]);
  });

  test('is the operator’s to send', async () => {
    const { endpointId } = await stage.endpoint(receiver.url);
    await stage.announce(paid('mine'));
    const [message] = await stage.messages(endpointId);
    for (const scope of ['storefront', 'auditor'] as const) {
      expect((await redeliver(message!['message_id'], { key: await stage.keyOf(scope) })).status).toBe(403);
    }
  });
});
