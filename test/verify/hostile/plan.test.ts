// The generator of the hostile market and its reckoning, apart from any service.
import { expect, test } from 'vitest';

import { seeded } from '../random.ts';
import { hashOf, makePlan } from './plan.ts';
import { reckonOrder } from './reckon.ts';
import type { Saying, ToldOrder } from './said.ts';
import type { World } from './world.ts';

const NOW = Date.UTC(2026, 10, 30);

function makeWorld(): World {
  const owners = ['dave', 'erin', 'sleeper'];
  return {
    merchantId: 'm',
    url: () => 'http://nobody',
    sources: {
      webhook: 'hooks',
      later: 'hooks-again',
      shopify: 'shopify',
      woocommerce: 'woo',
      files: 'files',
      'wechat-shop': 'wechat',
      doudian: 'doudian',
      taobao: 'taobao',
    },
    platformWords: [
      ['2000000001', 'dave'],
      ['2000000009', null],
    ],
    links: owners.flatMap((promoterId) =>
      [null, 'p1'].map((productId) => ({ code: `${promoterId}-${productId}`, promoterId, productId, isContent: false })),
    ),
    coupons: new Map([['DAVE', 'dave']]),
    platformNames: new Map([
      ['dave', 'dave'],
      ['nobody', null],
    ]),
    around: new Map([
      ['dave', { agency: 'a1', upline: 'alice' }],
      ['erin', { agency: null, upline: null }],
    ]),
    clicks: [],
    ratePpm: 100_000,
    now: NOW,
    listedFrom: NOW - 7_200_000,
  };
}

async function play(seed: number) {
  const [world, random] = [makeWorld(), seeded(seed)];
  const tellClick = ({ at, buyer }: { at: number; buyer: Record<string, string> | null }) => {
    const click = { token: `token ${world.clicks.length}`, code: random.pick(world.links).code, at, buyer };
    world.clicks.push(click);
    return Promise.resolve(click);
  };
  return { world, plan: await makePlan({ world, random, tellClick }, 60) };
}

test('the same seed plans the same market, byte for byte, and another seed another one', async () => {
  const [one, same, other] = [await play(42), await play(42), await play(43)];
  expect(hashOf(one.plan)).toBe(hashOf(same.plan));
  expect(one.plan.orders.map((order) => reckonOrder(order, one.world))).toEqual(
    same.plan.orders.map((order) => reckonOrder(order, same.world)),
  );
  expect(hashOf(one.plan)).not.toBe(hashOf(other.plan));
});

test('every kind of decision, evidence and door is there', async () => {
  const plays = await Promise.all([1, 2, 3, 4, 5, 6].map(play));
  const lines = plays.flatMap(({ plan, world }) => plan.orders.flatMap((order) => reckonOrder(order, world).lines));
  const kinds = (of: (line: (typeof lines)[number]) => string) => [...new Set<string>(lines.map(of))].toSorted();
  expect(kinds(({ decision }) => decision)).toEqual([
    'attributed',
    'duplicate_order',
    'not_commissionable',
    'parent_earns',
    'pending',
    'unattributed',
    'void',
  ]);
  expect(kinds(({ evidence }) => evidence ?? '')).toEqual(['', 'click', 'click_token', 'coupon_code', 'link_code', 'lock', 'platform']);
  expect(kinds(({ award }) => award)).toEqual(['confirmed', 'estimated', 'none', 'released', 'void']);
  const sends = plays.flatMap(({ plan }) => plan.sends);
  expect([...new Set(sends.map(({ teller }) => teller))].toSorted()).toEqual([
    'doudian',
    'rest',
    'shopify',
    'webhook',
    'wechat-shop',
    'woocommerce',
  ]);
  expect([...new Set(sends.map(({ ends }) => ends))].toSorted()).toEqual(['failed', 'parked', 'processed', 'refused']);
});

test('what is to be read is JSON, whatever its writer made of it', async () => {
  const { plan } = await play(7);
  const unread = plan.sends.filter(({ ends, body }) => ends === 'processed' && !parseable(body));
  expect(unread.map(({ body }) => body.toString())).toEqual([]);
});

const parseable = (body: Buffer): boolean => {
  try {
    return typeof JSON.parse(body.toString()) === 'object';
  } catch {
    return false;
  }
};

const order = (...sayings: Partial<Saying>[]): ToldOrder => ({
  sourceId: 'hooks',
  orderId: 'o',
  teller: 'webhook',
  sayings: sayings.map((saying, index) => ({ at: NOW - 1000 + index, by: 'source', phase: 0, ...saying })),
});

test('the worked figures: 99.99 at ten percent, and after a refund of 30.00', () => {
  const paid: Partial<Saying> = { status: 'paid', paidAt: NOW - 5000, lines: [{ lineId: '1', paid: 9999 }], promoterId: 'dave' };
  expect(reckonOrder(order(paid), makeWorld()).lines[0]).toMatchObject({
    pool: 999,
    shares: ['agency a1 300', 'promoter dave 630', 'upline alice 69'],
  });
  const refund: Partial<Saying> = { refunds: [{ refundId: 'r', lineId: '1', amount: 3000 }] };
  expect(reckonOrder(order(refund, paid), makeWorld()).lines[0]).toMatchObject({
    shares: ['agency a1 210', 'promoter dave 441', 'upline alice 48'],
  });
});

test('a line that names evidence of its own takes none of that kind from its order, and a later whole report takes it away', () => {
  const sayings: Partial<Saying>[] = [
    {
      status: 'paid',
      paidAt: NOW - 5000,
      linkCode: 'dave-null',
      lines: [
        { lineId: '1', paid: 100 },
        { lineId: '2', paid: 100, linkCode: 'no such code' },
      ],
    },
    { whole: ['lines'], lines: [{ lineId: '2' }] },
  ];
  const decisions = (count: number) => reckonOrder(order(...sayings.slice(0, count)), makeWorld()).lines.map(({ decision }) => decision);
  expect(decisions(1)).toEqual(['attributed', 'unattributed']);
  expect(decisions(2)).toEqual(['void', 'unattributed']);
});
