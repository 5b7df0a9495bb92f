// All invoices of a merchant are what it owes and has paid, whatever has happened and in whatever
// zones its days began.

import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { applyPostings, differences, type Booked, type Target } from '../../../src/core/posting.ts';
import { allGuards } from '../../../src/guards/catalogue.ts';
import { askGuard } from '../../../src/guards/check.ts';
import { accountCache, bookCaused, bookTransfers, type CausedTransfer } from '../../../src/ledger/booking-store.ts';
import { foldBalances } from '../../../src/ledger/balances.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { openWorld, type World } from '../../commission/world.ts';
import { openOrder } from '../../ledger/shop.ts';
import { runs } from '../../runs.ts';
import { openMoney, type Money, type Total } from '../merchant-money.ts';

let world: World;
let money: Money;
const accounts = accountCache();

beforeAll(async () => {
  world = await openWorld();
  money = await openMoney(world.db);
  for (const promoter of ['alice', 'bob']) await world.promoter(promoter);
});
afterAll(async () => {
  await money.close();
  await world.close();
});

const FROM = Date.UTC(2027, 0, 1);
const ZONES = ['Asia/Shanghai', 'UTC', 'America/New_York', 'Pacific/Kiritimati'];

/** Hours around three ends of months, so that boundaries are met. */
const moment = fc
  .tuple(fc.constantFrom(Date.UTC(2027, 1, 1), Date.UTC(2027, 2, 1), Date.UTC(2027, 3, 1)), fc.integer({ min: -30, max: 30 }))
  .map(([end, hours]) => end + hours * 3_600_000);
const currency = fc.constantFrom('CNY', 'JPY');
const share = fc.bigInt({ min: 0n, max: 1000n });
const amount = fc.bigInt({ min: 1n, max: 1000n });

/**
 * An award of an order: what bob, alice and the platform have by it, and whether it is released.
 */
const award = fc.record({
  what: fc.constant('award' as const),
  order: fc.nat(2),
  bob: share,
  alice: share,
  ours: share,
  released: fc.boolean(),
});
const move = fc.record({
  what: fc.constant('move' as const),
  of: fc.constantFrom('reserve', 'pay', 'bring_back', 'write_off', 'receive', 'bonus', 'bonus_back'),
  currency,
  amount,
});
const fold = fc.record({ what: fc.constant('fold' as const) });
const step = fc.tuple(fc.oneof({ weight: 4, arbitrary: award }, { weight: 3, arbitrary: move }, { weight: 1, arbitrary: fold }), moment);
const history = fc.record({
  zones: fc.array(fc.tuple(fc.constantFrom(...ZONES), moment), { minLength: 1, maxLength: 3 }),
  orders: fc.tuple(currency, currency, currency),
  steps: fc.array(step, { minLength: 1, maxLength: 14 }),
});

const MOVES: Record<string, Pick<CausedTransfer, 'cause' | 'kind' | 'from' | 'to'>> = {
  reserve: { cause: 'payout', kind: 'reserve', from: 'available', to: 'paying' },
  pay: { cause: 'payout', kind: 'pay', from: 'paying', to: 'paid' },
  bring_back: { cause: 'return', kind: 'bring_back', from: 'paid', to: 'available' },
  write_off: { cause: 'write_off', kind: 'write_off', from: 'revenue', to: 'available' },
  receive: { cause: 'merchant_payment', kind: 'receive', from: 'received', to: 'commission' },
  bonus: { cause: 'bonus', kind: 'accrue', from: 'commission', to: 'available' },
  bonus_back: { cause: 'bonus', kind: 'reverse', from: 'available', to: 'commission' },
};

function targetsOf({ bob, alice, ours }: { bob: bigint; alice: bigint; ours: bigint }): Target[] {
  return [
    { lineId: '1', role: 'promoter', level: null, promoterId: 'bob', amount: bob },
    { lineId: '1', role: 'upline', level: 1, promoterId: 'alice', amount: alice },
    { lineId: '1', role: 'platform', level: null, promoterId: null, amount: ours },
  ];
}

/** Lets a history happen to a merchant of its own. */
async function happen(m: string, { zones, orders, steps }: typeof history extends fc.Arbitrary<infer H> ? H : never): Promise<void> {
  for (const [time_zone, from] of zones.toSorted((a, b) => a[1] - b[1])) {
    await world.merchant(m, { time_zone, from: new Date(from).toISOString() });
  }
  const keys = await Promise.all(orders.map((_, at) => openOrder(world.owner, m, `${m}-${at}`)));
  const standing = orders.map(() => ({ booked: [] as Booked[], released: false, revision: 0 }));
  for (const [position, [one, at]] of steps.toSorted((a, b) => a[1] - b[1]).entries()) {
    if (one.what === 'fold') await foldBalances(world.db);
    else if (one.what === 'move') {
      const promoterId = one.of === 'receive' ? null : 'bob';
      const causeId = promoterId === null ? m : `p${m}/bob/2027-01`;
      const transfer = { ...MOVES[one.of]!, causeId, position, merchantId: m, promoterId, currency: one.currency, amount: one.amount };
      await inTransaction(world.db, ({ trx }) => bookCaused(trx, [transfer], accounts, new Date(at)));
    } else {
      const order = standing[one.order]!;
      order.released ||= one.released;
      const postings = differences({ booked: order.booked, target: targetsOf(one), isReleased: () => order.released });
      order.booked = applyPostings(order.booked, postings);
      order.revision += 1;
      const place = { orderKey: keys[one.order]!, merchantId: m, currency: orders[one.order]!, revision: order.revision };
      const transfers = postings.map((posting, nth) => ({ ...posting, ...place, position: nth }));
      await inTransaction(world.db, ({ trx }) => bookTransfers(trx, transfers, accounts, new Date(at)));
    }
  }
}

const sumOf = (totals: readonly Total[], of: string) =>
  totals.filter((total) => total.currency === of).reduce((sum, total) => sum + total.amount, 0);

test('over random histories all invoices sum to owed and paid, each is the sum of its orders and bonuses, and the guard agrees', async () => {
  const law = allGuards({ levelsMax: 2, spooled: () => 0 }).find(({ name }) => name === 'invoices_sum_to_owed')!;
  await fc.assert(
    fc.asyncProperty(history, async (given) => {
      const m = `m-${crypto.randomUUID().slice(0, 8)}`;
      await happen(m, given);
      const months = await money.all(`/v1/merchants/${m}/invoices`, 2);
      const balances = (await money.get(`/v1/merchants/${m}/balance`)).body.data;
      for (const of of ['CNY', 'JPY']) {
        const found = balances.find((balance) => balance.currency === of) ?? { owed: 0, paid: 0 };
        expect(
          sumOf(
            months.flatMap(({ totals }) => totals),
            of,
          ),
        ).toBe(found.owed + found.paid);
      }
      for (const { month, totals } of months) {
        const url = `/v1/merchants/${m}/invoices/${month}`;
        const rows = await money.all(url, 1);
        const { body } = await money.get(url);
        expect(body.totals).toEqual(totals);
        for (const { currency: of, released, reversed, revenue, bonuses, amount: whole } of totals) {
          expect(released + reversed + revenue + bonuses).toBe(whole);
          expect(sumOf([...rows, ...(body.bonuses as unknown as Total[])], of)).toBe(whole);
        }
        for (const row of rows) expect(row.transfers.reduce((sum, transfer) => sum + transfer.amount, 0)).toBe(row.amount);
      }
      expect((await askGuard(world.db, law)).violations).toBe(0);
    }),
    { numRuns: runs(25) },
  );
}, 120_000);

test('every moment of a merchant lies in one month of its invoices, and the list has that month', async () => {
  const m = 'all-zones';
  await world.merchant(m, { time_zone: 'Asia/Shanghai' });
  await world.merchant(m, { time_zone: 'America/New_York', from: '2027-02-01T02:00:00Z' });
  const causeId = 'p/bob/2027-01';
  const hours = Array.from({ length: 96 }, (_, hour) => FROM + 29 * 86_400_000 + hour * 3_600_000);
  for (const [position, at] of hours.entries()) {
    const transfer = { ...MOVES['bonus']!, causeId, position, merchantId: m, promoterId: 'bob', currency: 'CNY', amount: 1n };
    await inTransaction(world.db, ({ trx }) => bookCaused(trx, [transfer], accounts, new Date(at)));
  }
  const months = await money.all(`/v1/merchants/${m}/invoices`, 50);
  // From 30 January 00:00 UTC on: 40 hours until it is February in Shanghai, 10 more until the
  // change; by the new zone it is January again, for 3 hours.
  expect(months.map(({ month, totals }) => [month, totals[0]!.amount])).toEqual([
    ['2027-02', 10 + 43],
    ['2027-01', 40 + 3],
  ]);
  for (const { month, totals } of months) expect((await money.get(`/v1/merchants/${m}/invoices/${month}`)).body.totals).toEqual(totals);
});
