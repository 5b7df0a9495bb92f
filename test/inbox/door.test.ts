// The one door: what is answered 2xx is stored for good, once, and nothing else is.
import { hash } from 'node:crypto';

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { DAY_MS } from '../../src/platform/durations.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { hmacSha256 } from '../../src/sources/signing.ts';
import { insertDelivery } from '../guards/deliveries.ts';
import { message, openDoor, report, SECRET, type Door } from './door.ts';

let door: Door;

beforeAll(async () => {
  door = await openDoor();
  await door.merchant('m1');
  await door.merchant('m2');
  await door.call('PUT', '/v1/sources/sw', { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret: SECRET } });
  await door.call('PUT', '/v1/sources/other', { kind: 'shopify', merchant_id: 'm2', secrets: { secret: 'hush' } });
});

afterAll(() => door.close());

async function countDeliveries(sourceId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from delivery where source_id = ${sourceId}`.execute(
    door.database.owner,
  );
  return rows[0]!.count;
}

describe('POST /v1/orders', () => {
  test('is answered 202 with the delivery that keeps its very bytes', async () => {
    const text = `{ "merchant_id":"m1",  "order_id":3705115058471208928, "status":"paid" }`;
    const answer = await door.call('POST', '/v1/orders', text);
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ source_id: 'rest', order_id: '3705115058471208928' });
    const kept = await door.call('GET', `/v1/deliveries/${answer.body.delivery_id}`);
    expect(kept.body).toMatchObject({ state: 'received', origin: 'rest', merchant_id: 'm1', body: text, body_base64: null });
  });

  test('tells the worker after each commit', async () => {
    const before = door.nudges();
    await door.call('POST', '/v1/orders', report('nudge'));
    expect(door.nudges()).toBe(before + 1);
  });

  test('takes the same bytes as the same delivery, for ever', async () => {
    const body = JSON.stringify(report('twice'));
    const before = await countDeliveries('rest');
    const answers = await Promise.all(Array.from({ length: 20 }, () => door.call('POST', '/v1/orders', body)));
    answers.push(await door.call('POST', '/v1/orders', body));
    expect(new Set(answers.map((answer) => answer.body.delivery_id)).size).toBe(1);
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    expect(await countDeliveries('rest')).toBe(before + 1);
  });

  test('takes bytes of thirteen months ago as the delivery of then, even where that is gone', async () => {
    const [kept, gone] = [report('old'), report('old and gone')].map((body) => JSON.stringify(body));
    const ids = [uuidv7(Date.now() - 395 * DAY_MS), uuidv7(Date.now() - 395 * DAY_MS)];
    await door.database.db.transaction().execute(async (trx) => {
      for (const [place, body] of [kept!, gone!].entries()) {
        const [bytes, at] = [Buffer.from(body), new Date(Date.now() - 395 * DAY_MS)];
        const told = { source_id: 'rest', merchant_id: 'm1', origin: 'rest', body: bytes, body_hash: hash('sha256', bytes, 'buffer') };
        const done = { state: 'processed', reports: 0, finished_at: at, next_attempt_at: at, received_at: at };
        await insertDelivery(trx, { delivery_id: ids[place]!, headers: '{}', ...told, ...done });
      }
    });
    await sql`delete from delivery where delivery_id = ${ids[1]!}`.execute(door.database.owner);
    const before = await countDeliveries('rest');
    for (const [place, body] of [kept!, gone!].entries()) {
      const answer = await door.call('POST', '/v1/orders', body);
      expect([answer.status, answer.body.delivery_id]).toEqual([202, ids[place]]);
    }
    expect(await countDeliveries('rest')).toBe(before);
    expect((await door.call('GET', `/v1/deliveries/${ids[0]}`)).status).toBe(200);
    expect((await door.call('GET', `/v1/deliveries/${ids[1]}`)).status).toBe(404);
  });

  test('keeps the same bytes of two merchants apart', async () => {
    const [one, two] = await Promise.all(
      ['m1', 'm2'].map((merchant_id) => door.call('POST', '/v1/orders', report('apart', { merchant_id }))),
    );
    expect(one!.body.delivery_id).not.toBe(two!.body.delivery_id);
  });

  test('under an Idempotency-Key answers a retry as the first time', async () => {
    const headers = { 'idempotency-key': 'k1' };
    const first = await door.call('POST', '/v1/orders', report('keyed'), { headers });
    const again = await door.call('POST', '/v1/orders', report('keyed'), { headers });
    expect(first.status).toBe(202);
    expect(again.body).toEqual(first.body);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect((await door.call('POST', '/v1/orders', report('other'), { headers })).body.code).toBe('idempotency_key_reused');
  });

  test('refuses a merchant that there is not, and a source that is not the merchant’s', async () => {
    expect((await door.call('POST', '/v1/orders', report('x', { merchant_id: 'nobody' }))).body).toMatchObject({
      status: 422,
      code: 'unknown_merchant',
    });
    for (const source_id of ['nothing', 'other']) {
      expect((await door.call('POST', '/v1/orders', report('x', { source_id }))).body).toMatchObject({
        status: 422,
        code: 'unknown_source',
      });
    }
    expect((await door.call('POST', '/v1/orders', report('x', { source_id: 'rest' }))).body.source_id).toBe('rest');
    expect((await door.call('POST', '/v1/orders', report('x', { source_id: 'sw' }))).body.source_id).toBe('sw');
  });

  test('says where a report is wrong', async () => {
    const line = { line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 5 };
    const wrong: [unknown, string][] = [
      [report('x', { lines: [{ ...line, paid_amount: -5 }] }), 'lines.0.paid_amount'],
      [report('x', { lines: [{ ...line, paid_amount: 1.5 }] }), 'lines.0.paid_amount'],
      [report('x', { lines: [line, line] }), 'lines.1.line_id'],
      [report('x', { lines: [{ ...line, line_id: 1 }, line] }), 'lines.1.line_id'],
      [report('x', { typo: 1 }), 'typo'],
      [{ merchant_id: 'm1' }, 'order_id'],
    ];
    for (const [body, path] of wrong) {
      const answer = await door.call('POST', '/v1/orders', body);
      expect(answer.body).toMatchObject({ status: 400, code: 'malformed_request' });
      expect(answer.body.errors.map((fault: { path: string }) => fault.path)).toContain(path);
    }
    expect((await door.call('POST', '/v1/orders', '{"merchant_id":')).status).toBe(400);
  });

  test('is refused to other scopes, to other merchants’ keys and to nobody', async () => {
    const own = await door.key('storefront', 'm1');
    expect((await door.call('POST', '/v1/orders', report('own'), { key: own })).status).toBe(202);
    expect((await door.call('POST', '/v1/orders', report('own', { merchant_id: 'm2' }), { key: own })).status).toBe(403);
    expect((await door.call('POST', '/v1/orders', report('own'), { key: await door.key('auditor') })).status).toBe(403);
    expect((await door.call('POST', '/v1/orders', report('own'), { key: 'nonsense' })).status).toBe(401);
  });
});

describe('POST /webhooks/{source_id}', () => {
  test('a signed push is answered as its platform expects once it is stored', async () => {
    const answer = await door.push('sw', message(report('w1')), { id: 'msg_w1' });
    expect(answer).toMatchObject({ status: 200, body: { received: true } });
    const list = await door.call('GET', '/v1/deliveries?source_id=sw&limit=1');
    expect(list.body.data[0]).toMatchObject({ source_id: 'sw', origin: 'push', signed_id: 'msg_w1', state: 'received', merchant_id: null });
  });

  test('a forged, a stale and an unsigned push are 401, and nothing of them is kept', async () => {
    const before = await countDeliveries('sw');
    const body = message(report('forged'));
    const now = Math.floor(Date.now() / 1000);
    expect((await door.push('sw', body, { secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD' })).body).toMatchObject({
      status: 401,
      code: 'invalid_signature',
    });
    expect((await door.push('sw', body, { at: now - 301 })).status).toBe(401);
    expect((await door.push('sw', body, { at: now + 302 })).status).toBe(401);
    expect((await door.app.inject({ method: 'POST', url: '/webhooks/sw', payload: body })).statusCode).toBe(401);
    expect((await door.app.inject({ method: 'GET', url: '/webhooks/sw' })).statusCode).toBe(401);
    expect(await countDeliveries('sw')).toBe(before);
  });

  test('a push to a source that there is not is 404', async () => {
    expect((await door.push('nothing', message({}))).status).toBe(404);
    expect((await door.push('rest', message({}))).status).toBe(404);
  });

  test('doubled pushes, one after the other and all at once, are one delivery', async () => {
    const before = await countDeliveries('sw');
    const body = message(report('doubled'));
    for (let i = 0; i < 3; i++) expect((await door.push('sw', body, { id: 'msg_d' })).status).toBe(200);
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => door.push('sw', body, { id: `msg_d${i}` })));
    expect(answers.every((answer) => answer.status === 200)).toBe(true);
    expect(await countDeliveries('sw')).toBe(before + 1);
  });

  test('a signed id that comes again with other bytes is another delivery', async () => {
    const before = await countDeliveries('sw');
    await door.push('sw', message(report('same-id', { status: 'created' })), { id: 'msg_same' });
    await door.push('sw', message(report('same-id', { status: 'paid' })), { id: 'msg_same' });
    expect(await countDeliveries('sw')).toBe(before + 2);
  });

  test('whatever its content type says, a signed push is heard', async () => {
    for (const contentType of ['text/html', 'application/x-www-form-urlencoded', 'garbage', '']) {
      const payload = JSON.stringify({ id: 1, title: `sent as ${contentType}` });
      const headers = { 'content-type': contentType, 'x-shopify-hmac-sha256': hmacSha256('hush', payload).toString('base64') };
      expect((await door.app.inject({ method: 'POST', url: '/webhooks/other', payload, headers })).statusCode).toBe(200);
    }
  });

  test('bytes that are not UTF-8 are shown in base64', async () => {
    const body = Buffer.from([0x7b, 0xff, 0xfe, 0x7d]);
    const headers = { 'x-shopify-hmac-sha256': hmacSha256('hush', body).toString('base64') };
    expect((await door.app.inject({ method: 'POST', url: '/webhooks/other', payload: body, headers })).statusCode).toBe(200);
    const list = await door.call('GET', '/v1/deliveries?source_id=other&limit=1');
    const shown = await door.call('GET', `/v1/deliveries/${list.body.data[0].delivery_id}`);
    expect(shown.body).toMatchObject({ body: null, body_base64: body.toString('base64') });
  });

  test('more than a mebibyte is 413', async () => {
    expect((await door.push('sw', { type: 'x', data: 'a'.repeat(1024 * 1024) })).status).toBe(413);
  });

  test('a secret that was rotated counts at once, the old one beside it as long as it stands', async () => {
    const other = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';
    const state = (secret: unknown) =>
      door.call('PUT', '/v1/sources/sw', { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret } });
    await state([other, SECRET]);
    expect((await door.push('sw', message(report('r1')), { secret: other })).status).toBe(200);
    expect((await door.push('sw', message(report('r2')))).status).toBe(200);
    await state(other);
    expect((await door.push('sw', message(report('r3')))).status).toBe(401);
    await state(SECRET);
  });
});

describe('GET /v1/deliveries', () => {
  test('a storefront bound to a merchant sees that merchant’s deliveries only', async () => {
    const key = await door.key('storefront', 'm2');
    const seen: { merchant_id: string | null; source_id: string }[] = [];
    let cursor = '';
    do {
      const page = await door.call('GET', `/v1/deliveries?limit=2${cursor}`, undefined, { key });
      seen.push(...page.body.data);
      cursor = page.body.next_cursor === null ? '' : `&cursor=${page.body.next_cursor}`;
    } while (cursor !== '');
    expect(seen.length).toBeGreaterThan(3);
    expect(seen.every((row) => row.merchant_id === 'm2' || row.source_id === 'other')).toBe(true);
    const foreign = await door.call('GET', '/v1/deliveries?source_id=sw&limit=1');
    expect((await door.call('GET', `/v1/deliveries/${foreign.body.data[0].delivery_id}`, undefined, { key })).status).toBe(404);
    expect((await door.call('GET', '/v1/deliveries?merchant_id=m1', undefined, { key })).status).toBe(403);
  });

  test('there is no delivery of an unknown id', async () => {
    expect((await door.call('GET', '/v1/deliveries/01890000-0000-7000-8000-000000000000')).status).toBe(404);
    expect((await door.call('GET', '/v1/deliveries/not-an-id')).status).toBe(400);
    expect((await door.call('POST', '/v1/deliveries/01890000-0000-7000-8000-000000000000/replays')).status).toBe(404);
  });
});

test('while the database is away nothing is answered 2xx, and afterwards all is as before', async () => {
  const away = await openDoor();
  await away.merchant('m1');
  await away.call('PUT', '/v1/sources/sw', { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret: SECRET } });
  await away.push('sw', message(report('warm')));
  await away.call('POST', '/v1/orders', report('warm'));
  const name = new URL(away.database.connectionString).pathname.slice(1);
  await sql`alter database ${sql.id(name)} with allow_connections false`.execute(door.database.owner);
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`.execute(door.database.owner);
  const [order, webhook] = await Promise.all([away.call('POST', '/v1/orders', report('lost')), away.push('sw', message(report('lost')))]);
  expect(order).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect(webhook).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect(webhook.headers['retry-after']).toBeDefined();
  await sql`alter database ${sql.id(name)} with allow_connections true`.execute(door.database.owner);
  await expect.poll(async () => (await away.push('sw', message(report('lost')))).status, { timeout: 10_000 }).toBe(200);
  await away.close();
});
