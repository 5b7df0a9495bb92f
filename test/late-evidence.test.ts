// Evidence that comes after the order: whatever tells it, through the routes and the worker of the
// whole service, the order is decided again.

import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { ADMIN_KEY, openService, type Service } from './running.ts';
import { HOUR_MS } from '../src/platform/durations.ts';

const SECRET = Buffer.from('the order system signs with this').toString('base64');
const PATIENCE_MS = 20_000;

let service: Service;
let link: string;

beforeAll(async () => {
  service = await openService({ works: true, listens: false });
  await must('PUT', '/v1/merchants/m1', { name: 'Baby Care', currency: 'CNY', landing_hosts: ['shop.example.com'] });
  await must('PUT', '/v1/merchants/m1/products/p1', { title: 'Bottle', landing_url: 'https://shop.example.com/p1' });
  await must('PUT', '/v1/promoters/bob', { name: 'Bob', kind: 'person' });
  await must('PUT', '/v1/sources/shop', { kind: 'standard-webhooks', merchant_id: 'm1', secrets: { secret: `whsec_${SECRET}` } });
  const plan = { rate_ppm: 100_000, split: [{ to: 'promoter', share_ppm: 1_000_000 }] };
  const since = { effective_from: ago(24 * 30), retroactive: true };
  await must('POST', '/v1/rules', { name: 'Ten percent', scope: { merchant_id: 'm1' }, plan, ...since });
  link = (await must('POST', '/v1/links', { promoter_id: 'bob', merchant_id: 'm1', product_id: 'p1' }))['code'] as string;
});
afterAll(() => service.close());

const ago = (hours: number) => new Date(Date.now() - hours * HOUR_MS).toISOString();

async function must(method: 'GET' | 'POST' | 'PUT', url: string, payload?: object): Promise<Record<string, unknown>> {
  const request = { method, url, headers: { authorization: `Bearer ${ADMIN_KEY}` } };
  const answer = await service.app.inject(payload === undefined ? request : { ...request, payload });
  if (answer.statusCode >= 300) throw new Error(`${method} ${url}: ${answer.statusCode} ${answer.body}`);
  return answer.json();
}

const reportOf = (orderId: string, fields: object) => ({
  merchant_id: 'm1',
  order_id: orderId,
  status: 'paid',
  currency: 'CNY',
  paid_at: ago(1),
  lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: 9999 }],
  ...fields,
});

/** Waits for the order to be decided so, and answers who has it. */
async function decided(orderId: string, decision: string, sourceId = 'rest'): Promise<unknown> {
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(20)) {
    const url = `/v1/orders/${sourceId}/${orderId}`;
    const answer = await service.app.inject({ url, headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    const line = answer.statusCode === 200 ? answer.json().lines[0] : undefined;
    if (line?.decision === decision) return line.promoter_id;
    if (Date.now() > end) throw new Error(`order ${orderId} is not ${decision}: ${answer.body}`);
  }
}

/** An order that nothing ties to anybody yet. */
async function unattributed(orderId: string, fields: object): Promise<void> {
  await must('POST', '/v1/orders', reportOf(orderId, fields));
  await decided(orderId, 'unattributed');
}

test('a click that is told late', async () => {
  await unattributed('click', { buyer: { openid: 'late' } });
  await must('POST', '/v1/clicks', { code: link, buyer: { openid: 'late' }, occurred_at: ago(2) });
  expect(await decided('click', 'attributed')).toBe('bob');
});

test('a merge of identities, and its reversal', async () => {
  await must('POST', '/v1/clicks', { code: link, buyer: { visitor: 'v1' }, occurred_at: ago(2) });
  await unattributed('merge', { buyer: { openid: 'o1' } });
  const { statement_id: id } = await must('POST', '/v1/identities', { merchant_id: 'm1', identities: { visitor: 'v1', openid: 'o1' } });
  expect(await decided('merge', 'attributed')).toBe('bob');
  await must('POST', `/v1/identities/${String(id)}/reversal`);
  expect(await decided('merge', 'unattributed')).toBeNull();
});

test('a click token that is told with an identity', async () => {
  const { click_token: token } = await must('POST', '/v1/clicks', { code: link, occurred_at: ago(2) });
  await unattributed('token', { buyer: { openid: 'o2' } });
  await must('POST', '/v1/identities', { merchant_id: 'm1', identities: { openid: 'o2' }, click_token: token });
  expect(await decided('token', 'attributed')).toBe('bob');
});

test('a mapping of what the order system calls its promoter', async () => {
  const data = reportOf('mapping', { promoter_id: 'kol-1' });
  const text = JSON.stringify({ type: 'order', timestamp: ago(1), data });
  const at = String(Math.floor(Date.now() / 1000));
  const signature = createHmac('sha256', Buffer.from(SECRET, 'base64')).update(`msg_1.${at}.${text}`).digest('base64');
  const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': at, 'webhook-signature': `v1,${signature}` };
  const pushed = await service.app.inject({
    method: 'POST',
    url: '/webhooks/shop',
    headers: { ...headers, 'content-type': 'application/json' },
    payload: text,
  });
  expect(pushed.statusCode).toBe(200);
  await decided('mapping', 'unattributed', 'shop');
  await must('PUT', '/v1/sources/shop/mappings/promoter/kol-1', { promoter_id: 'bob' });
  expect(await decided('mapping', 'attributed', 'shop')).toBe('bob');
});

test('a promoter who is reinstated as of before the order', async () => {
  await must('PUT', '/v1/promoters/sue', { name: 'Sue', kind: 'person', status: 'suspended' });
  await unattributed('reinstated', { promoter_id: 'sue' });
  await must('PUT', '/v1/promoters/sue', { name: 'Sue', kind: 'person', status: 'active', effective_from: ago(24) });
  expect(await decided('reinstated', 'attributed')).toBe('sue');
});

test('a promoter whom nobody knew', async () => {
  await unattributed('stranger', { promoter_id: 'newcomer' });
  await must('PUT', '/v1/promoters/newcomer', { name: 'New', kind: 'person' });
  expect(await decided('stranger', 'attributed')).toBe('newcomer');
});

test('a coupon code that is given to somebody', async () => {
  await unattributed('coupon', { coupon_codes: ['welcome'] });
  await must('PUT', '/v1/promoters/bob', { name: 'Bob', kind: 'person', coupon_codes: [{ merchant_id: 'm1', code: 'WELCOME' }] });
  expect(await decided('coupon', 'attributed')).toBe('bob');
});
