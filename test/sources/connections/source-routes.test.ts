// Sources and mappings as the operator states them.
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { mappingsAsOf } from '../../../src/sources/connections/mapping-store.ts';
import { message, openDoor, report, SECRET, type Door } from '../../inbox/door.ts';

let door: Door;

beforeAll(async () => {
  door = await openDoor();
  for (const merchantId of ['m1', 'm2']) await door.merchant(merchantId);
  for (const promoterId of ['alice', 'bob']) await door.promoter(promoterId);
});

afterAll(() => door.close());

const put = (sourceId: string, body: unknown) => door.call('PUT', `/v1/sources/${sourceId}`, body);
const ours = { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret: SECRET } };

async function auditOf(subjectId: string) {
  const { rows } = await sql<{ action: string; before: unknown; after: unknown }>`
    select action, before, after from audit_log where subject_id = ${subjectId} order by audit_id`.execute(door.database.owner);
  return rows;
}

describe('a source', () => {
  test('is made once, stated again, and shown without its secrets', async () => {
    const made = await put('s1', ours);
    expect(made).toMatchObject({ status: 201, body: { source_id: 's1', kind: 'standard-webhooks', secrets_set: ['secret'], options: {} } });
    expect((await put('s1', ours)).status).toBe(200);
    const shown = await door.call('GET', '/v1/sources/s1');
    const nothing = { count: 0, failing: 0, since: null, error: null, failing_since: null, sample: [] };
    expect(shown.body).toEqual({ ...made.body, feeds: [], waiting: nothing, resting: null });
    expect(JSON.stringify(shown.body)).not.toContain(SECRET);
    expect((await door.call('GET', '/v1/sources?merchant_id=m1')).body.data).toEqual([made.body]);
    expect((await door.call('GET', '/v1/sources/nothing')).status).toBe(404);
  });

  test('keeps its secrets sealed: neither the table nor the audit log holds them', async () => {
    const { rows } = await sql<{ secrets: Buffer }>`select secrets from source where source_id = 's1'`.execute(door.database.owner);
    expect(rows[0]!.secrets.includes(Buffer.from(SECRET.slice(6)))).toBe(false);
    const audit = await auditOf('s1');
    expect(audit).toHaveLength(1);
    expect(JSON.stringify(audit)).not.toContain(SECRET.slice(6));
    expect(audit[0]).toMatchObject({ action: 'source_stated', before: null, after: { secrets_changed: ['secret'] } });
  });

  test('keeps the secrets that are left out', async () => {
    expect((await put('s1', { kind: 'standard-webhooks', merchant_id: 'm1' })).body.secrets_set).toEqual(['secret']);
    expect((await door.push('s1', message(report('kept')))).status).toBe(200);
  });

  test('that has deliveries keeps its kind and its merchant', async () => {
    for (const other of [
      { ...ours, merchant_id: 'm2' },
      { ...ours, merchant_id: null },
      { kind: 'shopify', merchant_id: 'm1', secrets: { secret: 'hush' } },
    ]) {
      expect((await put('s1', other)).body).toMatchObject({ status: 409, code: 'conflict' });
    }
    await put('s2', ours);
    expect((await put('s2', { kind: 'shopify', merchant_id: 'm2', secrets: { secret: 'hush' } })).body).toMatchObject({
      kind: 'shopify',
      merchant_id: 'm2',
      options: { completed_on: 'fulfilled' },
    });
  });

  test('of a reserved name, an unknown kind, an unknown merchant or with wrong secrets is refused', async () => {
    expect((await put('rest', ours)).body).toMatchObject({ status: 422, code: 'reserved_source' });
    expect((await put('s3', { ...ours, kind: 'telepathy' })).status).toBe(400);
    expect((await put('s3', { ...ours, merchant_id: 'nobody' })).body).toMatchObject({ status: 422, code: 'unknown_merchant' });
    expect((await put('s3', { ...ours, secrets: {} })).body.errors[0].path).toBe('secrets.secret');
    expect((await put('s3', { ...ours, secrets: { secret: 'whsec_' } })).body).toMatchObject({
      status: 400,
      errors: [{ path: 'secrets.secret' }],
    });
    expect((await put('s3', { ...ours, options: { typo: 1 } })).body.errors[0].path).toBe('options.typo');
    expect((await door.call('GET', '/v1/sources/s3')).status).toBe(404);
  });

  test.each([
    ['standard-webhooks', { secrets: { secret: 'whsec_AA==' } }, 'secrets.secret'],
    ['standard-webhooks', { secrets: { secret: ` ` } }, 'secrets.secret'],
    ['standard-webhooks', { secrets: { secret: `whpk_${Buffer.alloc(32).toString('base64')}` } }, 'secrets.secret'],
    ['shopify', { secrets: { secret: ' ' } }, 'secrets.secret'],
    ['shopify', { secrets: { secret: ['hush', '\t'] } }, 'secrets.secret.1'],
    ['shopify', { secrets: { secret: 'hush' }, options: { shop: 'not a shop' } }, 'options.shop'],
    ['shopify', { secrets: { secret: 'hush' }, options: { statuses: { odd: 'gone' } } }, 'options.statuses.odd'],
  ])('of %s with %j is refused with the path of its fault', async (kind, stated, path) => {
    const answer = await put('s4', { kind, merchant_id: 'm1', ...stated });
    expect(answer.body).toMatchObject({ status: 400, code: 'malformed_request' });
    expect(answer.body.errors.map((fault: { path: string }) => fault.path)).toContain(path);
    expect((await door.call('GET', '/v1/sources/s4')).status).toBe(404);
  });

  test('that gives a status a meaning lets go on what has waited for it', async () => {
    const shop = { kind: 'shopify', merchant_id: 'm1', secrets: { secret: 'hush' } };
    await put('s5', shop);
    const line = { id: 2, product_id: 'p1', quantity: 1, price: '10.00' };
    const order = { id: 5, currency: 'CNY', financial_status: 'future', updated_at: '2026-06-01T10:00:00Z', line_items: [line] };
    await door.pushShopify('s5', JSON.stringify(order));
    await door.work();
    expect(await door.latest('s5')).toMatchObject({ state: 'parked', reason: 'unknown_code', waits_for: 'code:financial_status future' });
    expect((await put('s5', { ...shop, options: { statuses: { future: 'paid' } } })).status).toBe(200);
    await door.work();
    expect((await door.latest('s5')).state).toBe('processed');
    expect(await door.order('s5', '5')).toMatchObject({ status: 'paid' });
  });

  test('is the operator’s alone', async () => {
    const key = await door.key('storefront', 'm1');
    expect((await door.call('PUT', '/v1/sources/s1', ours, { key })).status).toBe(403);
    expect((await door.call('GET', '/v1/sources/s1', undefined, { key })).status).toBe(403);
    expect((await door.call('GET', '/v1/sources/s1', undefined, { key: await door.key('auditor') })).status).toBe(200);
  });
});

describe('a mapping', () => {
  test('counts for all earlier time when it is the first, and from its time on when it is a later one', async () => {
    expect((await state('pid/mm_1', { promoter_id: 'alice' })).body).toMatchObject({
      version: 1,
      effective_from: null,
      promoter_id: 'alice',
    });
    expect(await meant('mm_1', '2001-01-01T00:00:00Z')).toBe('alice');
    const second = await state('pid/mm_1', { promoter_id: 'bob', effective_from: '2026-07-01T00:00:00Z' });
    expect(second).toMatchObject({ status: 200, body: { version: 2, effective_from: '2026-07-01T00:00:00.000Z' } });
    expect(await meant('mm_1', '2026-06-30T23:59:59Z')).toBe('alice');
    expect(await meant('mm_1', '2026-07-01T00:00:00Z')).toBe('bob');
    expect(await meant('mm_2', '2026-07-01T00:00:00Z')).toBeNull();
  });

  test('that says the same again writes no version', async () => {
    await state('pid/mm_3', { promoter_id: 'alice' });
    expect((await state('pid/mm_3', { promoter_id: 'alice' })).body.version).toBe(1);
    await state('pid/mm_3', { link_code: null, promoter_id: 'bob' });
    const shown = await door.call('GET', '/v1/sources/s1/mappings/pid/mm_3');
    expect(shown.body).toMatchObject({ version: 2, promoter_id: 'bob', versions: [{ version: 2 }, { version: 1 }] });
    expect(await auditOf('s1/pid/mm_3')).toMatchObject([
      { action: 'mapping_stated', before: null, after: { version: 1 } },
      { before: { promoter_id: 'alice' }, after: { promoter_id: 'bob' } },
    ]);
  });

  test('that was stated now counts now, whoever states it at the same moment', async () => {
    await state('pid/mm_4', { promoter_id: 'alice' });
    await Promise.all(Array.from({ length: 8 }, (_, i) => state('pid/mm_4', { promoter_id: i % 2 === 0 ? 'bob' : 'alice' })));
    await state('pid/mm_4', { promoter_id: 'bob' });
    expect(await meant('mm_4', new Date(Date.now() + 1000).toISOString())).toBe('bob');
  });

  test('names exactly one target, of the right sort, that exists', async () => {
    expect((await state('pid/x', {})).status).toBe(400);
    expect((await state('pid/x', { promoter_id: 'alice', link_code: 'AbCd' })).status).toBe(400);
    expect((await state('pid/x', { merchant_id: 'm1' })).body.errors[0].path).toBe('promoter_id');
    expect((await state('shop/x', { promoter_id: 'alice' })).body.errors[0].path).toBe('merchant_id');
    expect((await state('pid/x', { promoter_id: 'nobody' })).body).toMatchObject({ status: 422, code: 'unknown_promoter' });
    expect((await state('pid/x', { link_code: 'nowhere' })).body).toMatchObject({ status: 422, code: 'unknown_link' });
    expect((await state('shop/x', { merchant_id: 'nobody' })).body).toMatchObject({ status: 422, code: 'unknown_merchant' });
    expect((await state('shop/x', { merchant_id: 'm2' })).body).toMatchObject({ status: 422, code: 'unprocessable' });
    expect((await door.call('PUT', '/v1/sources/nothing/mappings/pid/x', { promoter_id: 'alice' })).status).toBe(404);
    expect((await door.call('GET', '/v1/sources/s1/mappings/pid/x')).status).toBe(404);
  });

  test('may have any word for its value', async () => {
    const value = '推广位/1 ?&#';
    expect((await state(`pid/${encodeURIComponent(value)}`, { promoter_id: 'alice' })).body.value).toBe(value);
    expect(await meant(value, '2026-07-01T00:00:00Z')).toBe('alice');
  });

  test('can be loaded by the thousand; a bad line is refused alone', async () => {
    await put('bulk', ours);
    const lines = Array.from({ length: 1200 }, (_, i) =>
      JSON.stringify({ type: 'pid', value: `v${i}`, promoter_id: i === 700 ? 'nobody' : 'alice' }),
    );
    lines.splice(3, 0, '{"type":', '', JSON.stringify({ type: 'pid', value: 'two', promoter_id: 'alice', merchant_id: 'm1' }));
    const load = () =>
      door.call('POST', '/v1/sources/bulk/mappings', lines.join('\n'), { headers: { 'content-type': 'application/x-ndjson' } });
    const loaded = await load();
    expect(loaded).toMatchObject({ status: 200, body: { accepted: 1199, refused: 3 } });
    expect(loaded.body.errors).toMatchObject([
      { line: 4, code: 'malformed_request' },
      { line: 6, code: 'malformed_request' },
      { line: 704, code: 'unknown_promoter' },
    ]);
    expect((await load()).body).toMatchObject({ accepted: 1199, refused: 3 });
    const { rows } = await sql`select max(version) as last, count(*)::int as count from mapping_version where source_id = 'bulk'`.execute(
      door.database.owner,
    );
    expect(rows).toEqual([{ last: 1, count: 1199 }]);
    const page = await door.call('GET', '/v1/sources/bulk/mappings?limit=200');
    expect(page.body.data).toHaveLength(200);
    const next = await door.call('GET', `/v1/sources/bulk/mappings?limit=200&cursor=${page.body.next_cursor}`);
    expect(next.body.data[0].value > page.body.data[199].value).toBe(true);
  });

  test('loaded in bulk lets go on what waited for it', async () => {
    await put('union', { kind: 'standard-webhooks', secrets: { secret: SECRET } });
    await door.push('union', message(report('waiting', { merchant_id: 'shop-1' })));
    await door.work();
    expect(await door.order('union', 'waiting')).toBeUndefined();
    const line = JSON.stringify({ type: 'shop', value: 'shop-1', merchant_id: 'm2' });
    await door.call('POST', '/v1/sources/union/mappings', line, { headers: { 'content-type': 'application/x-ndjson' } });
    await door.work();
    expect(await door.order('union', 'waiting')).toMatchObject({ merchant_id: 'm2' });
  });
});

function state(word: string, body: unknown) {
  return door.call('PUT', `/v1/sources/s1/mappings/${word}`, body);
}

async function meant(value: string, at: string): Promise<string | null> {
  const [target] = await mappingsAsOf(door.database.db, [{ sourceId: 's1', type: 'pid', value, at: new Date(at) }]);
  return target?.promoter_id ?? null;
}
