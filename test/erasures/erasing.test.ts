// A buyer is erased through the whole service: no row of the database holds its words afterwards,
// and every order and fen is what it was.
import { createSecretKey } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { auditCommand } from '../../src/audit/commands.ts';
import { erasureLogOf, reconcileLog } from '../../src/erasures/erasure-log.ts';
import { eraseAll } from '../../src/erasures/erasing.ts';
import { hmacSha256 } from '../../src/sources/signing.ts';
import { ADAPTERS } from '../../src/sources/adapters.ts';
import { SECRET } from '../inbox/door.ts';
import { ADMIN_KEY, openService, type Service } from '../running.ts';

const EMAIL = 'ann.smith@example.com';
const PHONE = '13800138000';
const OPENID = 'oQAZwsxEDCrfvTGB';
const WORDS = [EMAIL, PHONE, OPENID, '138-0013-8000'];
const identityKey = createSecretKey(Buffer.from('the tests hash buyers with this'));
const tokenKeys = [createSecretKey(Buffer.from('the tests sign clicks with this'))];
const patience = { timeout: 20_000, interval: 30 };

let service: Service;

type Body = Record<string, unknown>;

async function call(method: 'GET' | 'POST' | 'PUT', url: string, payload?: unknown, headers: Record<string, string> = {}) {
  const request = { method, url, headers: { authorization: `Bearer ${ADMIN_KEY}`, ...headers } };
  const answer = await service.app.inject(payload === undefined ? request : { ...request, payload: payload as string | object });
  return { status: answer.statusCode, body: (answer.headers['content-type']?.includes('json') ? answer.json() : answer.payload) as Body };
}

async function must(method: 'GET' | 'POST' | 'PUT', url: string, payload?: unknown, headers?: Record<string, string>): Promise<Body> {
  const { status, body } = await call(method, url, payload, headers);
  expect(status, `${method} ${url} ${JSON.stringify(body)}`).toBeLessThan(300);
  return body;
}

const order = (orderId: string, fields: object = {}) => ({
  merchant_id: 'm1',
  order_id: orderId,
  status: 'paid',
  currency: 'CNY',
  paid_at: new Date(Date.now() - 3_600_000).toISOString(),
  lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 9999 }],
  ...fields,
});

const pushShopify = (body: string) =>
  must('POST', '/webhooks/shop', body, {
    'content-type': 'application/json',
    'x-shopify-hmac-sha256': hmacSha256('hush', body).toString('base64'),
    'x-shopify-topic': 'orders/paid',
  });

const shopifyOrder = (orderId: string, more: object = {}) =>
  JSON.stringify({
    id: Number(orderId),
    email: EMAIL.toUpperCase(),
    phone: null,
    note: `Ring ${EMAIL} or 138-0013-8000 before noon.`,
    customer: { id: 207119551, email: EMAIL, phone: `+86${PHONE}` },
    billing_address: { phone: PHONE },
    financial_status: 'paid',
    currency: 'CNY',
    order_number: 7,
    created_at: '2026-06-01T10:00:00Z',
    updated_at: '2026-06-01T10:00:00Z',
    processed_at: '2026-06-01T10:00:00Z',
    line_items: [{ id: 1, product_id: 9, quantity: 1, price: '99.99', total_discount: '0.00', tax_lines: [] }],
    refunds: [],
    ...more,
  });

/**
 * How many rows of each table hold one of these words, in whatever column; bytes are looked at as
 * bytes.
 */
async function rowsWith(words: readonly string[]): Promise<Record<string, number>> {
  const { owner } = service.database;
  const { rows: tables } = await sql<{ name: string }>`
    select c.oid::regclass::text as name from pg_class c
    where relkind in ('r', 'p') and not relispartition and relnamespace = 'public'::regnamespace order by 1`.execute(owner);
  const like = words.flatMap((word) => [`%${word}%`, `%${Buffer.from(word).toString('hex')}%`]);
  const found: Record<string, number> = {};
  for (const { name } of tables) {
    const { rows } = await sql<{
      n: bigint;
    }>`select count(*) as n from ${sql.raw(name)} t where t::text ilike any (${like}::text[])`.execute(owner);
    if (rows[0]!.n > 0n) found[name] = Number(rows[0]!.n);
  }
  return found;
}

function settled(): Promise<void> {
  return vi.waitFor(async () => {
    const { rows } = await sql<{ n: bigint }>`
      select (select count(*) from delivery where state = 'received') + (select count(*) from award_due where due_at <= now()) as n`.execute(
      service.database.owner,
    );
    expect(rows[0]!.n).toBe(0n);
  }, patience);
}

async function audited(): Promise<string> {
  await settled();
  let printed = '';
  const { db, connectionString } = service.database;
  await auditCommand({ db, connectionString, adapters: ADAPTERS, tokenKeys, identityKey, levelsMax: 2 }, (text) => (printed += text));
  return printed.trim().split('\n').at(-1)!;
}

/** What must not change: orders with their evidence and money, decisions, books. */
async function standing(): Promise<unknown> {
  const { rows } = await sql`
    select (
        select json_agg(json_build_array(order_id, source_id, merged #- '{refunds}' #- '{void}', status, is_void) order by order_key) from orders
      ) as orders,
      (
        select json_agg(d order by order_key, line_id)
        from (select order_key, line_id, decision, promoter_id, explanation::jsonb - 'reason' as explanation from decision) d
      ) as decisions,
      (select json_agg(t order by order_key, revision, position) from transfer t where order_key is not null) as transfers,
      (select json_agg(json_build_array(delivery_id, encode(body_hash, 'hex'), signed_id, headers, state, reason, reports) order by delivery_id)
        from delivery) as deliveries`.execute(service.database.owner);
  return rows[0];
}

async function erase(buyer: Record<string, string>): Promise<Body> {
  const { erasure_id: erasureId } = await must('POST', '/v1/erasures', { merchant_id: 'm1', buyer });
  await vi.waitFor(async () => {
    expect((await must('GET', `/v1/erasures/${erasureId as string}`))['state']).toBe('finished');
  }, patience);
  return must('GET', `/v1/erasures/${erasureId as string}`);
}

beforeAll(async () => {
  service = await openService({ works: true, listens: false });
  await must('PUT', '/v1/merchants/m1', { name: 'Baby Care', currency: 'CNY', landing_hosts: ['shop.example.com'] });
  await must('PUT', '/v1/promoters/bob', { name: 'Bob', kind: 'person' });
  const rule = { name: 'All', scope: { merchant_id: 'm1' }, effective_from: '2026-01-01T00:00:00Z', retroactive: true };
  const plan = { rate_ppm: 100_000, split: [{ to: 'promoter', share_ppm: 1_000_000 }] };
  await must('POST', '/v1/rules', { ...rule, plan });
  await must('PUT', '/v1/sources/shop', { kind: 'shopify', merchant_id: 'm1', secrets: { secret: 'hush' } });
  await must('PUT', '/v1/sources/sw', { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret: SECRET } });
  await must('PUT', '/v1/webhook-endpoints/ears', { url: 'https://ears.example.com/hook', events: ['order.*', 'claim.*'] });
}, 60_000);
afterAll(() => service.close());

describe('of a buyer of many orders', () => {
  let finished: Body;
  let before: unknown;
  beforeAll(async () => {
    const link = (await must('POST', '/v1/links', { promoter_id: 'bob', merchant_id: 'm1', landing_url: 'https://shop.example.com/a' }))[
      'code'
    ];
    await must('POST', '/v1/orders', order('1', { buyer: { openid: OPENID, phone: '+86 138-0013-8000' }, link_code: link }), {
      'idempotency-key': '"one"',
    });
    await must('POST', '/v1/orders', order('2', { buyer: { openid: OPENID, email: EMAIL, visitor: 'v'.repeat(45) } }));
    const refund = { refund_id: 'r1', line_id: '1', amount: 1000, reason: `asked by ${EMAIL}, ring 138-0013-8000` };
    await must('POST', '/v1/orders', order('2', { refunds: [refund] }));
    await must('POST', '/v1/orders', order('3', { buyer: { openid: 'o-of-another-buyer' } }));
    await must('POST', '/v1/orders', order('4', { buyer: { openid: OPENID }, void: { reason: `sent back by ${EMAIL}` } }));
    await settled();
    await pushShopify(shopifyOrder('450789469'));
    await pushShopify(shopifyOrder('450789470', { line_items: 'none', updated_at: '2026-06-01T11:00:00Z' }));
    await pushShopify(JSON.stringify({ id: 207119551, email: EMAIL, phone: `+86${PHONE}`, state: 'enabled' }));
    const claim = { promoter_id: 'bob', merchant_id: 'm1', order_id: '3', evidence: `She is ${EMAIL}, I rang 13800138000.` };
    await must('POST', '/v1/claims', claim, { 'idempotency-key': '"claim"' });
    await settled();
    before = await standing();
    expect(await rowsWith(WORDS)).toMatchObject({ delivery: 7, claim: 1, idempotency_key: 1, orders: 2, decision: expect.any(Number) });
    expect(await audited()).toBe('all agrees');
    finished = await erase({ openid: OPENID, email: EMAIL, phone: PHONE });
  }, 60_000);

  test('no row holds its words any more, and those of another buyer stand', async () => {
    expect(await rowsWith(WORDS)).toEqual({});
    expect(await rowsWith(['o-of-another-buyer'])).toEqual({ delivery: 1 });
  });

  test('orders, decisions, books, and what the deliveries are known by are what they were, and the audit agrees', async () => {
    expect(await standing()).toEqual(before);
    expect(await audited()).toBe('all agrees');
  });

  test('it is told what was found', () => {
    expect(finished).toMatchObject({ merchant_id: 'm1', orders: 4, deliveries: 7, claims: 1, answers: 1 });
  });

  test('the same bytes once more are the same delivery, and a replay gives the same order', async () => {
    await pushShopify(shopifyOrder('450789469'));
    const list = await must('POST', '/v1/deliveries/replays', { state: 'processed' });
    expect(list['replayed']).toBeGreaterThan(4);
    await settled();
    expect(await standing()).toEqual(before);
    expect(await audited()).toBe('all agrees');
  });

  test('what comes later of the buyer is freed of its words as soon as it is read', async () => {
    await pushShopify(shopifyOrder('450789469', { updated_at: '2026-06-02T10:00:00Z' }));
    await pushShopify(shopifyOrder('450789471'));
    await pushShopify(shopifyOrder('450789472', { line_items: 'none' }));
    await must('POST', '/v1/orders', order('2', { refunds: [{ refund_id: 'r2', line_id: '1', amount: 10, reason: `again ${EMAIL}` }] }));
    await settled();
    expect(await rowsWith(WORDS)).toEqual({});
    expect(await audited()).toBe('all agrees');
    const { rows } = await sql<{ n: bigint }>`
      select count(distinct identity) as n from order_identity join orders using (order_key) where source_id = 'shop'`.execute(
      service.database.owner,
    );
    expect(rows[0]!.n).toBe(3n);
  });

  test('one who is nobody, or of nobody’s merchant, is refused', async () => {
    expect(await call('POST', '/v1/erasures', { merchant_id: 'm1', buyer: { email: '', phone: '138****0000' } })).toMatchObject({
      status: 422,
    });
    expect(await call('POST', '/v1/erasures', { merchant_id: 'nobody', buyer: { email: EMAIL } })).toMatchObject({
      status: 422,
      body: { code: 'unknown_merchant' },
    });
  });

  test('erasures are listed, and another key than an admin’s makes none', async () => {
    expect((await must('GET', '/v1/erasures?merchant_id=m1'))['data']).toHaveLength(1);
    const { key } = await must('POST', '/v1/keys', { scope: 'storefront', label: 's', merchant_id: 'm1' });
    const headers = { authorization: `Bearer ${String(key)}` };
    expect((await call('POST', '/v1/erasures', { merchant_id: 'm1', buyer: { email: EMAIL } }, headers)).status).toBe(403);
  });
});

describe('an erasure', () => {
  test('that is begun again counts nothing twice', async () => {
    const { db, owner } = service.database;
    const counts = sql`select deliveries, answers, messages, claims, log_entries from erasure order by erasure_id limit 1`;
    const { rows: before } = await counts.execute(owner);
    await sql`update erasure set finished_at = null`.execute(owner);
    const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-erasures-'));
    await eraseAll({ db, adapters: ADAPTERS, identityKey, dataDir });
    await rm(dataDir, { recursive: true });
    expect((await counts.execute(owner)).rows).toEqual(before);
  });

  test('ends when the files that were kept before it are read and gone', async () => {
    const { owner } = service.database;
    const fileId = '01900000-0000-7000-8000-00000000f11e';
    await sql`insert into reconciliation (reconciliation_id, source_id, origin, merchant_id, state, made_at)
      values (${fileId}, 'rest', 'upload', 'm1', 'reading', now())`.execute(owner);
    await sql`insert into upload_part (reconciliation_id, part_no, bytes) values (${fileId}, 0, ${Buffer.from(EMAIL)})`.execute(owner);
    const { erasure_id: erasureId } = await must('POST', '/v1/erasures', { merchant_id: 'm1', buyer: { email: 'bea@example.com' } });
    const stateOf = async () => (await must('GET', `/v1/erasures/${erasureId as string}`))['state'];
    const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-erasures-'));
    await eraseAll({ db: service.database.db, adapters: ADAPTERS, identityKey, dataDir });
    await rm(dataDir, { recursive: true });
    expect(await stateOf()).toBe('running');
    await sql`delete from upload_part`.execute(owner);
    await sql`delete from reconciliation`.execute(owner);
    await vi.waitFor(async () => expect(await stateOf()).toBe('finished'), patience);
  });
});

describe('a proof', () => {
  test('is changed by nothing but a redaction', async () => {
    const { db } = service.database;
    for (const column of [
      'body = body',
      'body_hash = body_hash',
      'content_hashes = content_hashes',
      'redacted_at = now()',
      `headers = '{}'`,
    ]) {
      await expect(sql.raw(`update delivery set ${column}`).execute(db), column).rejects.toThrow(/permission denied/);
    }
    for (const statement of [`update audit_log set redacted_at = now()`, `update erased_identity set type = 'x'`, 'delete from erasure']) {
      await expect(sql.raw(statement).execute(db), statement).rejects.toThrow(/permission denied|never changed/);
    }
    await expect(sql`update claim set redacted_at = now(), evidence = 'mine'`.execute(db)).rejects.toThrow(/in its words only/);
    await expect(sql`update delivery set body = ''`.execute(service.database.owner)).rejects.toThrow(/never changed/);
  });
});

describe('a database that is restored', () => {
  test('learns from the log whom it had to forget, once, and forgets them before anybody is served', async () => {
    const { db, owner } = service.database;
    const dataDir = await mkdtemp(join(tmpdir(), 'fenyong-erasures-'));
    try {
      expect(await reconcileLog(db, dataDir)).toBe(0);
      const log = await readFile(erasureLogOf(dataDir), 'utf8');
      expect(log.trim().split('\n')).toHaveLength(2);
      for (const word of WORDS) expect(log).not.toContain(word);

      await service.stopWork();
      await owner.transaction().execute(async (trx) => {
        await sql`set local session_replication_role = replica`.execute(trx);
        await sql`delete from erased_identity`.execute(trx);
        await sql`delete from erasure`.execute(trx);
        await sql`update delivery set body = ${Buffer.from(shopifyOrder('450789469'))}, content_hashes = null, redacted_at = null
          where body_hash = sha256(${Buffer.from(shopifyOrder('450789469'))})`.execute(trx);
      });
      expect(await rowsWith(WORDS)).toEqual({ delivery: 1 });

      // A kill while the log is written leaves a line that is cut off.
      await writeFile(erasureLogOf(dataDir), `${log}{"erasure_id":"01`);
      expect(await reconcileLog(db, dataDir)).toBe(2);
      await eraseAll({ db, adapters: ADAPTERS, identityKey, dataDir });
      expect(await rowsWith(WORDS)).toEqual({});
      expect(await reconcileLog(db, dataDir)).toBe(0);
      expect(await audited()).toBe('all agrees');
      await writeFile(erasureLogOf(dataDir), `no entry\n${log}`);
      await expect(reconcileLog(db, dataDir)).rejects.toThrow(/damaged at its entry 1/);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
