// What 抖店 and the unions say of parts of orders, from their lists at doubles of them to the
// commission of each part.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { ADMIN_KEY, openService, type Service } from '../running.ts';
import { doudianDouble } from '../sources/doubles/doudian.ts';
import type { PlainRow } from '../sources/doubles/server.ts';
import { taobaoDouble } from '../sources/doubles/taobao.ts';
import { inChina, unionDouble } from '../sources/doubles/union.ts';
import type { Double } from '../sources/subject.ts';
import { afterSale, orderText, subject as doudianSubject } from '../sources/subjects/doudian.ts';
import { subject as taobaoSubject } from '../sources/subjects/taobao.ts';
import { HOUR_MS } from '../../src/platform/durations.ts';

const ANSWER_WITHIN_MS = 20_000;
const [APP_KEY, APP_SECRET] = ['1234567890', 'secret'];
const ago = (hours: number) => new Date(Date.now() - hours * HOUR_MS);
const seconds = (at: Date) => Math.floor(at.getTime() / 1000);

let service: Service;
let [shop, union, jingdong]: Double[] = [];
/** What 抖店 says of each order beside its id, and of its after-sales. */
const told = new Map<string, object>();
const afterSales = new Map<string, object[]>();

/** The rows of one purchase, by their own numbers. */
const TRADES: Record<string, object> = {
  '900001': { relation_id: 7001, tk_status: 3, pay_price: '100.00', pub_share_fee: '10.00', tk_earning_time: inChina(ago(1)) },
  '900002': { relation_id: 7002, tk_status: 12 },
};

const tradeRow = (tradeId: string, given: object) => ({
  ...(JSON.parse(taobaoSubject.story('9').paid.toString()) as object),
  ...given,
  trade_parent_id: '900000',
  trade_id: tradeId,
  alipay_total_price: '100.00',
  pub_share_pre_fee: '10.00',
  tb_paid_time: inChina(ago(48)),
  tk_paid_time: inChina(ago(48)),
  tk_create_time: inChina(ago(48)),
  ...TRADES[tradeId],
});

const jdRow = ({ orderId, at }: PlainRow) => ({
  id: `${orderId}1`,
  orderId,
  popId: 0,
  orderTime: inChina(ago(48)),
  modifyTime: inChina(at),
  finishTime: inChina(ago(24)),
  skuId: 'p1',
  skuNum: 1,
  skuReturnNum: 0,
  skuFrozenNum: 1,
  estimateCosPrice: 100,
  estimateFee: 5,
  actualCosPrice: 100,
  actualFee: 5,
  validCode: 17,
  unionRole: 1,
  payMonth: '0',
  positionId: 7001,
  subUnionId: '',
});

beforeAll(async () => {
  shop = await doudianDouble({
    appKey: APP_KEY,
    secret: APP_SECRET,
    order: ({ orderId, at }) => orderText(orderId, { pay_time: seconds(ago(48)), update_time: seconds(at), ...told.get(orderId) }),
    afterSales: ({ orderId }) => afterSales.get(orderId) ?? [],
  });
  union = await taobaoDouble({ secret: String(taobaoSubject.secrets['app_secret']), row: tradeRow });
  jingdong = await unionDouble({
    path: '/routerjson',
    secret: 'secret',
    isList: () => true,
    answer: (_parameters, rows) => {
      const queryResult = JSON.stringify({ code: 200, message: 'success', hasMore: false, data: rows.map(jdRow) });
      return { jd_union_open_order_row_query_responce: { code: '0', queryResult } };
    },
    failures: { rate_limited: {}, refused: {}, token_ended: {} },
    wrongSignature: {},
  });
  const PULL_BASE_URLS = `doudian=${shop.url},taobao=${union.url},jd=${jingdong.url}`;
  service = await openService({ works: true, listens: false, env: { PULL_BASE_URLS } });
  const merchant = { currency: 'CNY', landing_hosts: ['shop.example.com'], hold_days: 0 };
  for (const id of ['m1', 'm2', 'm3']) await must('PUT', `/v1/merchants/${id}`, { name: id, ...merchant });
  for (const id of ['ann', 'bob']) await must('PUT', `/v1/promoters/${id}`, { name: id, kind: 'person' });
  const split = [{ to: 'promoter', share_ppm: 1_000_000 }];
  const since = { effective_from: ago(24 * 30).toISOString(), retroactive: true };
  for (const [id, base] of [
    ['m1', 'paid_amount'],
    ['m2', 'platform_commission'],
    ['m3', 'paid_amount'],
  ]) {
    await must('POST', '/v1/rules', { name: id, scope: { merchant_id: id }, plan: { base, rate_ppm: 100_000, split }, ...since });
  }
});
afterAll(async () => {
  await service.close();
  for (const double of [shop, union, jingdong]) await double!.close();
});

async function must(method: 'GET' | 'POST' | 'PUT', url: string, payload?: object): Promise<Record<string, unknown>> {
  const request = { method, url, headers: { authorization: `Bearer ${ADMIN_KEY}` } };
  const answer = await service.app.inject(payload === undefined ? request : { ...request, payload });
  if (answer.statusCode >= 300) throw new Error(`${method} ${url}: ${answer.statusCode} ${answer.body}`);
  return { ...answer.json<Record<string, unknown>>(), answered: answer.statusCode };
}

interface SeenLine {
  line_id: string;
  decision: string;
  promoter_id: string | null;
  pool: number;
  award: string;
}

/** Waits for the order to have such lines, in the order of their ids. */
async function seen(url: string, lines: readonly Partial<SeenLine>[]): Promise<void> {
  for (const end = Date.now() + ANSWER_WITHIN_MS; ; await sleep(20)) {
    const answer = await service.app.inject({ url, headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    const found = answer.statusCode === 200 ? answer.json<{ lines: SeenLine[] }>().lines : [];
    const fits =
      found.length === lines.length &&
      lines.every((line, index) => Object.entries(line).every(([name, value]) => found[index]![name as keyof SeenLine] === value));
    if (fits) return;
    if (Date.now() > end) expect(found, answer.body).toMatchObject(lines);
  }
}

/** Makes it the turn of a source, and of each of its lists. */
async function ask(sourceId: string): Promise<void> {
  await sql`update pull_feed set due_at = now() where source_id = ${sourceId} and due_at is not null`.execute(service.database.owner);
  await sql`update pull set rests_until = null, due_at = null where source_id = ${sourceId}`.execute(service.database.owner);
}

async function push(sourceId: string, messages: object[]): Promise<void> {
  const payload = Buffer.from(JSON.stringify(messages));
  const sign = createHash('md5').update(APP_KEY).update(payload).update(APP_SECRET).digest('hex');
  const headers = { 'event-sign': sign, 'app-id': APP_KEY, 'content-type': 'application/json' };
  expect((await service.app.inject({ method: 'POST', url: `/webhooks/${sourceId}`, headers, payload })).statusCode).toBe(200);
}

const pull = () => ({ every_seconds: 10, since: ago(2).toISOString() });
const COMPLETED = { order_status: 5, main_status: 5, finish_time: seconds(ago(24)) };
const byAnn = (orderId: string) => must('POST', '/v1/orders', { merchant_id: 'm1', source_id: 'dd', order_id: orderId, link_code: link });
let link = '';

/** What is wanted, and whether the platform has refused it. */
async function wanted(): Promise<[string, boolean][]> {
  const { rows } = await sql<{ key: string; error: string | null }>`select key, error from pull_wanted`.execute(service.database.owner);
  return rows.map(({ key, error }) => [key, /isv\.business-failed/.test(error ?? '')]);
}

test('a push that names an order of another shop is put off by itself, and the list is read on', async () => {
  await must('PUT', '/v1/sources/dd', {
    kind: 'doudian',
    merchant_id: 'm1',
    secrets: doudianSubject.secrets,
    options: { shop_id: '123456', pull: pull() },
  });
  await must('PUT', '/v1/merchants/m1/products/p1', { title: 'Bottle', landing_url: 'https://shop.example.com/p1' });
  link = (await must('POST', '/v1/links', { promoter_id: 'ann', merchant_id: 'm1', product_id: 'p1' }))['code'] as string;
  await push('dd', [{ tag: '101', msg_id: 'M', data: '{"p_id":404,"pay_time":1661500000}' }]);
  shop!.put('800001', ago(0.1));
  await ask('dd');
  await seen('/v1/orders/dd/800001', [{ decision: 'unattributed' }]);
  await expect.poll(wanted, { timeout: 30_000 }).toEqual([['order/404', true]]);
});

test('a refund of which the push is lost is asked for, and holds its part until its amount is told', async () => {
  told.set('800002', { ...COMPLETED, part: { after_sale_info: { after_sale_status: 12, after_sale_type: 1, refund_status: 3 } } });
  afterSales.set('800002', [afterSale(3200, { refund_post_amount: 200 })]);
  await byAnn('800002');
  shop!.put('800002', ago(0.1));
  await ask('dd');
  await seen('/v1/orders/dd/800002', [{ promoter_id: 'ann', pool: 699, award: 'released' }]);
});

test('a part with an after-sale under way is not released, and is once the buyer has cancelled it', async () => {
  told.set('800003', { ...COMPLETED, part: { after_sale_info: { after_sale_status: 6, after_sale_type: 0, refund_status: 1 } } });
  afterSales.set('800003', [afterSale(9999, { aftersale_status: 6, refund_status: 1, aftersale_id: '7003' })]);
  await byAnn('800003');
  shop!.put('800003', ago(0.1));
  await ask('dd');
  await seen('/v1/orders/dd/800003', [{ promoter_id: 'ann', pool: 999, award: 'confirmed' }]);
  told.set('800003', { ...COMPLETED, part: { after_sale_info: { after_sale_status: 28, after_sale_type: 0, refund_status: 1 } } });
  afterSales.set('800003', [
    afterSale(9999, { aftersale_status: 28, refund_status: 1, aftersale_id: '7003', update_time: seconds(ago(0)) }),
  ]);
  shop!.put('800003', ago(0.01));
  await push('dd', [{ tag: '207', msg_id: 'M3', data: '{"p_id":800003,"s_id":1,"aftersale_id":7003}' }]);
  await seen('/v1/orders/dd/800003', [{ promoter_id: 'ann', pool: 999, award: 'released' }]);
});

test('a part that was refunded before it was shipped earns nothing, whatever push was lost', async () => {
  await byAnn('800004');
  shop!.put('800004', ago(0.1));
  await ask('dd');
  await seen('/v1/orders/dd/800004', [{ promoter_id: 'ann', pool: 999, award: 'estimated' }]);
  told.set('800004', {
    part: { order_status: 4, main_status: 21, after_sale_info: { after_sale_status: 51, after_sale_type: 2, refund_status: 3 } },
  });
  shop!.put('800004', ago(0.01));
  await ask('dd');
  await seen('/v1/orders/dd/800004', [{ pool: 0 }]);
});

test('each part of a purchase at taobao has its own channel and is released by its own settlement', async () => {
  await must('PUT', '/v1/sources/tb', { kind: 'taobao', merchant_id: 'm2', secrets: taobaoSubject.secrets, options: { pull: pull() } });
  await must('PUT', '/v1/sources/tb/mappings/relation_id/7001', { promoter_id: 'ann' });
  await must('PUT', '/v1/sources/tb/mappings/relation_id/7002', { promoter_id: 'bob' });
  for (const id of Object.keys(TRADES)) union!.put(id, ago(0.1));
  await ask('tb');
  await seen('/v1/orders/tb/900000', [
    { line_id: '900001', promoter_id: 'ann', pool: 100, award: 'released' },
    { line_id: '900002', promoter_id: 'bob', pool: 100, award: 'estimated' },
  ]);
});

test('an order of JD’s own shop waits for the name of that shop, and goods in after-sale hold it', async () => {
  const secrets = { app_key: 'key', app_secret: 'secret' };
  await must('PUT', '/v1/sources/jd', { kind: 'jd', secrets, options: { pull: pull() } });
  await must('PUT', '/v1/sources/jd/mappings/position_id/7001', { promoter_id: 'ann' });
  jingdong!.put('700001', ago(0.1));
  await ask('jd');
  const parked = async () => (await must('GET', '/v1/deliveries?source_id=jd&state=parked'))['data'] as { waits_for: string }[];
  for (const end = Date.now() + ANSWER_WITHIN_MS; (await parked()).length === 0 && Date.now() < end;) await sleep(20);
  expect(await parked()).toMatchObject([{ waits_for: 'mapping:jd/shop/self' }]);
  expect(await must('PUT', '/v1/sources/jd/mappings/shop/self', { merchant_id: 'm3' })).toMatchObject({ answered: 201 });
  await seen('/v1/orders/jd/700001', [{ promoter_id: 'ann', pool: 1000, award: 'confirmed' }]);
});
