import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openStage, type Stage } from './stage.ts';

const URL = 'http://127.0.0.1:9000/hooks';
const stated = { url: URL, events: ['order.paid', 'commission.*'] };
const path = (endpointId: string, rest = '') => `/v1/webhook-endpoints/${endpointId}${rest}`;

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
  await stage.merchant('m1');
});

afterAll(() => stage.close());

const put = (endpointId: string, body: object, as?: { key?: string }) => stage.call('PUT', path(endpointId), body, as);

async function auditOf(subjectId: string) {
  const { rows } = await sql<{ action: string; key_id: string | null; before: object | null; after: object | null }>`
    select action, key_id, before, after from audit_log where subject_id = ${subjectId} order by audit_id`.execute(stage.owner);
  return rows;
}

describe('an endpoint', () => {
  test('is made with a secret of ours that is shown this once, and stated again without', async () => {
    const made = await put('a', { ...stated, merchant_id: 'm1', description: 'accounting' });
    expect(made.status).toBe(201);
    expect(made.body.secret).toMatch(/^whsec_/);
    const { secret, ...shown } = made.body;
    expect(shown).toMatchObject({
      endpoint_id: 'a',
      url: URL,
      events: ['commission.*', 'order.paid'],
      merchant_id: 'm1',
      description: 'accounting',
      active: true,
      disabled_reason: null,
      former_secret_until: null,
    });
    const again = await put('a', { ...stated, merchant_id: 'm1', description: 'accounting' });
    expect(again).toMatchObject({ status: 200, body: shown });
    expect((await stage.call('GET', path('a'))).body).toEqual(shown);
    expect((await stage.call('GET', '/v1/webhook-endpoints')).body.data).toEqual([shown]);
    expect(JSON.stringify([again, await stage.call('GET', path('a'))])).not.toContain(secret.slice(6));
  });

  test('keeps its secret sealed, and out of the audit log', async () => {
    const { secret } = (await put('sealed', stated)).body;
    const { rows } = await sql<{ secrets: Buffer }>`select secrets from webhook_endpoint where endpoint_id = 'sealed'`.execute(stage.owner);
    expect(rows[0]!.secrets.includes(Buffer.from(secret.slice(6)))).toBe(false);
    expect(JSON.stringify(await auditOf('sealed'))).not.toContain(secret.slice(6));
  });

  test('is replaced by what is stated anew; what says the same changes nothing, and every change is on record', async () => {
    await put('b', { ...stated, description: 'old' });
    await put('b', { ...stated, description: 'old', events: ['commission.*', 'order.paid', 'order.paid'] });
    await put('b', { ...stated, active: false });
    expect((await stage.call('GET', path('b'))).body).toMatchObject({ description: '', active: false });
    expect(await auditOf('b')).toMatchObject([
      { action: 'webhook_endpoint_stated', before: null, after: { description: 'old' } },
      { action: 'webhook_endpoint_stated', before: { active: true }, after: { active: false } },
    ]);
  });

  test('is removed with its messages, and its name can be used again', async () => {
    const first = await put('c', stated);
    await stage.announce({ type: 'order.paid', key: 'c', merchantId: 'm1', at: new Date(), data: {} });
    expect(await stage.messages('c')).toHaveLength(1);
    expect((await stage.call('DELETE', path('c'))).status).toBe(204);
    expect((await stage.call('DELETE', path('c'))).status).toBe(404);
    expect((await stage.call('GET', path('c'))).status).toBe(404);
    const second = await put('c', stated);
    expect(second.status).toBe(201);
    expect(second.body.secret).not.toBe(first.body.secret);
    expect(await stage.messages('c')).toEqual([]);
    expect((await auditOf('c')).map(({ action }) => action)).toEqual([
      'webhook_endpoint_stated',
      'webhook_endpoint_removed',
      'webhook_endpoint_stated',
    ]);
  });

  test('of a wrong address, event, merchant or field is refused', async () => {
    expect(await put('x', { ...stated, url: 'https://10.0.0.1/' })).toMatchObject({
      status: 422,
      body: { code: 'invalid_webhook_url', errors: [{ path: 'url' }] },
    });
    expect(await put('x', { ...stated, merchant_id: 'nobody' })).toMatchObject({ status: 422, body: { code: 'unknown_merchant' } });
    for (const wrong of [
      { ...stated, events: [] },
      { ...stated, events: ['order.payed'] },
      { ...stated, url: '' },
      { ...stated, secret: 'whsec_mine' },
    ]) {
      expect(await put('x', wrong)).toMatchObject({ status: 400, body: { code: 'malformed_request' } });
    }
    expect((await stage.call('GET', path('x'))).status).toBe(404);
  });

  test('is the operator’s alone; an auditor may read', async () => {
    for (const scope of ['storefront', 'promoter', 'auditor'] as const) {
      const key = await stage.keyOf(scope);
      expect((await put('a', stated, { key })).status).toBe(403);
      expect((await stage.call('DELETE', path('a'), undefined, { key })).status).toBe(403);
      expect((await stage.call('POST', path('a', '/secret-rotations'), undefined, { key })).status).toBe(403);
      for (const url of [path('a'), '/v1/webhook-endpoints', path('a', '/messages')]) {
        expect((await stage.call('GET', url, undefined, { key })).status).toBe(scope === 'auditor' ? 200 : 403);
      }
    }
  });

  test('stands in a list by its name, page by page', async () => {
    const first = await stage.call('GET', '/v1/webhook-endpoints?limit=1');
    expect(first.body.data).toMatchObject([{ endpoint_id: 'a' }]);
    const next = await stage.call('GET', `/v1/webhook-endpoints?limit=1&cursor=${first.body.next_cursor}`);
    expect(next.body.data).toMatchObject([{ endpoint_id: 'b' }]);
  });
});

describe('a new secret', () => {
  test('is shown once, also to who asks twice under one key, and the one before is kept for a day', async () => {
    const { secret } = (await put('r', stated)).body;
    const headers = { 'idempotency-key': 'rotate' };
    const rotated = await stage.call('POST', path('r', '/secret-rotations'), undefined, { headers });
    expect(rotated.status).toBe(201);
    expect(rotated.body.secret).toMatch(/^whsec_/);
    expect(rotated.body.secret).not.toBe(secret);
    const hours = (Date.parse(String(rotated.body['former_secret_until'])) - Date.parse(String(rotated.body['changed_at']))) / 3_600_000;
    expect(hours).toBe(24);
    const again = await stage.call('POST', path('r', '/secret-rotations'), undefined, { headers });
    expect(again).toMatchObject({ status: 201, headers: { 'idempotent-replayed': 'true' } });
    expect(again.body).not.toHaveProperty('secret');
    expect(await auditOf('r')).toMatchObject([{}, { action: 'webhook_endpoint_secret_rotated' }]);
  });

  test('is given to no endpoint that is not there', async () => {
    expect((await stage.call('POST', path('nobody', '/secret-rotations'))).status).toBe(404);
  });
});
