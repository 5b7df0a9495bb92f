// Before identities are merged or parted: which orders would move, and that nothing has.
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { identityPreviewRoutes } from '../../../src/commission/orders/identity-preview-routes.ts';
import { markDueByIdentities } from '../../../src/commission/award/due-store.ts';
import { PREVIEWED_MAX } from '../../../src/commission/orders/preview.ts';
import type { App } from '../../../src/platform/http/app.ts';
import { identityRoutes } from '../../../src/promotion/buyers/identity-routes.ts';
import { keyedApp, newKey } from '../../platform/callers.ts';
import { ago, openShop, openWorld, SIMPLE_PLAN, type World } from '../world.ts';

let world: World;
let shop: Awaited<ReturnType<typeof openShop>>;
let app: App;
let admin: string;

beforeAll(async () => {
  world = await openWorld();
  app = keyedApp(world.db);
  const { db, tokenKeys, identityKey } = world.deps;
  identityRoutes(app, {
    db,
    tokenKeys: [tokenKeys[0]!],
    identityKey,
    onEvidence: (trx, _merchantId, identities, now) => markDueByIdentities(trx, identities, now),
    nudge: () => undefined,
  });
  identityPreviewRoutes(app, world.deps);
  admin = await newKey(world.db, 'admin');
});
beforeEach(async () => {
  shop = await openShop(world);
  await shop.rule(SIMPLE_PLAN);
});
afterAll(async () => {
  await app.close();
  await world.close();
});

interface Body {
  code: string;
  statement_id: string;
  orders: { order_id: string; lines: object[] }[];
  complete: boolean;
}

async function post(url: string, payload?: object, key = admin) {
  const request = { method: 'POST' as const, url: `/v1/identities${url}`, headers: { authorization: `Bearer ${key}` } };
  const answer = await app.inject(payload === undefined ? request : { ...request, payload });
  return { status: answer.statusCode, body: answer.json<Body>() };
}

const buyers = (identities: Record<string, string>, more: object = {}) => ({ merchant_id: shop.m, identities, ...more });
const decisionOf = async (orderId: string) => (await shop.line(orderId)).decision;

/** Everything that an award or a statement writes. */
async function written(): Promise<unknown[]> {
  const tables = [
    'award',
    'decision',
    'transfer',
    'account',
    'award_due',
    'buyer_identity',
    'identity_statement',
    'identity_reversal',
    'touch',
  ];
  const counts = tables.map(
    (table) => sql`select ${table}::text as name, count(*), md5(string_agg(one::text, ',' order by one::text)) as sum
    from ${sql.table(table)} as one`,
  );
  return (await sql`${sql.join(counts, sql` union all `)}`.execute(world.owner)).rows;
}

/** A click of the visitor, and an order of a customer whom nothing ties to it. */
async function clickAndOrder(orderId: string) {
  await world.click(shop.code, { at: ago(2), buyer: { visitor: 'v' } });
  await shop.order(orderId, { buyer: { customer_id: 'c' } });
}

test('a merge tells beforehand which orders it would give to whom, and changes nothing', async () => {
  await clickAndOrder('1');
  await shop.order('2', { buyer: { customer_id: 'another' } });
  const before = await written();
  const { status, body } = await post('/previews', buyers({ visitor: 'v', customer_id: 'c' }));
  const share = { role: 'promoter', promoter_id: shop.bob, amount: 999 };
  expect([status, body]).toEqual([
    200,
    {
      complete: true,
      orders: [
        {
          source_id: 'rest',
          order_id: '1',
          currency: 'CNY',
          lines: [
            {
              line_id: '1',
              before: { decision: 'unattributed', evidence: null, promoter_id: null, shares: [] },
              after: { decision: 'attributed', evidence: 'click', promoter_id: shop.bob, shares: [share] },
            },
          ],
        },
      ],
    },
  ]);
  expect(await written()).toEqual(before);
});

test('what was told beforehand is what comes of the merge, and of taking it back', async () => {
  await clickAndOrder('1');
  const merge = buyers({ visitor: 'v', customer_id: 'c' });
  const [promised] = (await post('/previews', merge)).body.orders;
  const { statement_id: id } = (await post('', merge)).body;
  await world.award();
  expect(await shop.line('1')).toMatchObject({ decision: 'attributed', promoter_id: shop.bob });
  expect((await post('/previews', merge)).body.orders).toEqual([]);

  const [threatened] = (await post(`/${id}/reversal/previews`)).body.orders;
  expect(threatened!.lines).toEqual(
    (promised!.lines as { before: object; after: object }[]).map((line) => ({ ...line, before: line.after, after: line.before })),
  );
  expect(await shop.line('1')).toMatchObject({ decision: 'attributed' });
  await post(`/${id}/reversal`);
  await world.award();
  expect(await decisionOf('1')).toBe('unattributed');
  expect((await shop.transfers('1')).map(({ kind, amount }) => [kind, amount])).toEqual([
    ['accrue', 999],
    ['reverse', -999],
  ]);
  expect(await post(`/${id}/reversal/previews`)).toMatchObject({ status: 409, body: { code: 'conflict' } });
});

test('an order that has other evidence stays where it is when a merge is taken back', async () => {
  await clickAndOrder('1');
  await shop.tell('1', { link_code: shop.code });
  const { statement_id: id } = (await post('', buyers({ visitor: 'v', customer_id: 'c' }))).body;
  await world.award();
  expect((await post(`/${id}/reversal/previews`)).body.orders.flatMap(({ lines }) => lines)).toEqual([]);
  await post(`/${id}/reversal`);
  await world.award();
  expect(await shop.line('1')).toMatchObject({ decision: 'attributed', evidence: 'link_code', promoter_id: shop.bob });
});

test('an order that won by the click of a token told with the statement is decided without it again', async () => {
  const token = await world.click(shop.code, { at: ago(2) });
  await shop.order('1', { buyer: { customer_id: 'c' } });
  const { statement_id: id } = (await post('', buyers({ customer_id: 'c' }, { click_token: token }))).body;
  await world.award();
  expect(await shop.line('1')).toMatchObject({ decision: 'attributed', evidence: 'click' });
  expect((await post(`/${id}/reversal/previews`)).body.orders).toMatchObject([{ order_id: '1' }]);
  await post(`/${id}/reversal`);
  await world.award();
  expect(await decisionOf('1')).toBe('unattributed');
});

test('the orders that a moved order locked move with it', async () => {
  await world.click(shop.code, { at: ago(40), buyer: { visitor: 'v' } });
  await shop.order('1', { buyer: { customer_id: 'c' }, paid_at: ago(30) });
  await shop.order('2', { buyer: { customer_id: 'c' }, paid_at: ago(5) });
  const merge = buyers({ visitor: 'v', customer_id: 'c' });
  const promised = (await post('/previews', merge)).body.orders;
  expect(promised).toMatchObject([
    { order_id: '2', lines: [{ after: { promoter_id: shop.bob, evidence: 'lock' } }] },
    { order_id: '1', lines: [{ after: { promoter_id: shop.bob, evidence: 'click' } }] },
  ]);
  const { statement_id: id } = (await post('', merge)).body;
  await world.award();
  expect((await post(`/${id}/reversal/previews`)).body.orders.map((order) => order.order_id)).toEqual(['2', '1']);
  await post(`/${id}/reversal`);
  await world.award();
  expect([await decisionOf('1'), await decisionOf('2')]).toEqual(['unattributed', 'unattributed']);
});

test('what was released stays with whom it was released to', async () => {
  await clickAndOrder('1');
  const { statement_id: id } = (await post('', buyers({ visitor: 'v', customer_id: 'c' }))).body;
  await shop.tell('1', { status: 'completed', completed_at: ago(0.5) });
  await world.awardAt(ago(-10));
  expect(await shop.shown('1')).toMatchObject({ award: 'released' });
  expect((await post(`/${id}/reversal/previews`)).body).toEqual({ orders: [], complete: true });
  await post(`/${id}/reversal`);
  await world.award();
  expect(await shop.line('1')).toMatchObject({ decision: 'attributed', promoter_id: shop.bob });
});

test('orders that wait for their award anyway are not the doing of the change', async () => {
  await world.click(shop.code, { at: ago(2), buyer: { visitor: 'v' } });
  await world.report({ fields: shop.fields('1', { buyer: { visitor: 'v' } }) });
  expect((await post('/previews', buyers({ visitor: 'v', customer_id: 'c' }))).body).toEqual({ orders: [], complete: true });
  await world.award();
  expect(await decisionOf('1')).toBe('attributed');
});

test('of a buyer with very many orders the latest are looked at, and that is said', async () => {
  await world.click(shop.code, { at: ago(2), buyer: { visitor: 'v' } });
  const orderIds = Array.from({ length: PREVIEWED_MAX + 1 }, (_, index) => String(index));
  for (const orderId of orderIds) await world.report({ fields: shop.fields(orderId, { buyer: { customer_id: 'c' } }) });
  await world.award();
  const { body } = await post('/previews', buyers({ visitor: 'v', customer_id: 'c' }));
  expect(body.complete).toBe(false);
  expect(body.orders.map((order) => order.order_id)).toEqual(orderIds.slice(1).toReversed());
});

test('a storefront may ask of its own buyers, and only an operator about taking back', async () => {
  const key = await newKey(world.db, 'storefront', { merchantId: shop.m });
  expect((await post('/previews', { identities: { openid: 'o' } }, key)).status).toBe(200);
  expect((await post('/previews', { merchant_id: 'another', identities: { openid: 'o' } }, key)).status).toBe(403);
  expect((await post('/previews', { identities: { openid: 'o' } })).status).toBe(400);
  expect((await post('/1/reversal/previews', undefined, key)).status).toBe(403);
  expect((await post('/999999/reversal/previews')).status).toBe(404);
});
