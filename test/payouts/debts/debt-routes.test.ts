// Debts: which there are, how old each is, and what becomes of one that is written off.

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { trialBalance } from '../../../src/ledger/balances.ts';
import { accountCache, bookCaused, bookTransfers, type CausedTransfer } from '../../../src/ledger/booking-store.ts';
import { listDebts, sumDebts } from '../../../src/payouts/debts/debt-store.ts';
import { inTransaction } from '../../../src/platform/postgres/database.ts';
import { ago, openWorld, type World } from '../../commission/world.ts';
import { foldAll } from '../../ledger/books.ts';
import { openOrder, transferOf } from '../../ledger/shop.ts';
import { openMoney, type Money } from '../merchant-money.ts';

let world: World;
let money: Money;
const accounts = accountCache();
const everybody = { currency: null, merchantId: null, promoterId: null };

beforeAll(async () => {
  world = await openWorld();
  money = await openMoney(world.db);
});
afterAll(async () => {
  await money.close();
  await world.close();
});

/**
 * A merchant and a promoter of their own, and what moves the promoter's `available` by an amount.
 */
async function openPair() {
  const [m, bob] = [`m-${crypto.randomUUID().slice(0, 8)}`, `bob-${crypto.randomUUID().slice(0, 8)}`];
  await world.merchant(m);
  await world.promoter(bob);
  const orderKey = await openOrder(world.owner, m, `order of ${m}`);
  /** Earned and released at once, or taken back. */
  async function move(amount: number, at: string, currency = 'CNY'): Promise<void> {
    const whole = BigInt(Math.abs(amount));
    const one = { merchantId: m, promoterId: bob, currency, amount: whole };
    const transfers =
      amount > 0
        ? [transferOf(orderKey, one), transferOf(orderKey, { ...one, kind: 'release', from: 'pending', to: 'available' })]
        : [transferOf(orderKey, { ...one, kind: 'reverse', from: 'available', to: 'commission' })];
    await inTransaction(world.db, ({ trx }) => bookTransfers(trx, transfers, accounts, new Date(at)));
  }
  const debts = async (at: string, timeZone = 'Asia/Shanghai') => {
    const question = { filter: { ...everybody, promoterId: bob }, timeZone, now: new Date(at) };
    const rows = await listDebts(world.db, question, { after: null, limit: 50 });
    return rows.map(({ currency, amount, since, age_days, bucket }) => [currency, Number(amount), since.toISOString(), age_days, bucket]);
  };
  const available = async () => (await world.balance(bob, m)).find(([currency]) => currency === 'CNY')?.[2];
  return { m, bob, move, debts, available };
}

const MAY_1 = '2026-05-01T02:00:00.000Z';

test('a debt is as old as the days since its account last went below zero: 90 on 30 July, 91 on 31 July', async () => {
  const { bob, move, debts } = await openPair();
  await move(630, '2026-04-01T00:00:00Z');
  await move(-819, MAY_1);
  for (const [day, age, bucket] of [
    ['2026-05-01T15:59:59Z', 0, '0-30'],
    ['2026-05-31T02:00:00Z', 30, '0-30'],
    ['2026-06-01T02:00:00Z', 31, '31-60'],
    ['2026-06-30T02:00:00Z', 60, '31-60'],
    ['2026-07-01T02:00:00Z', 61, '61-90'],
    ['2026-07-30T02:00:00Z', 90, '61-90'],
    ['2026-07-31T02:00:00Z', 91, '91+'],
  ] as const) {
    expect(await debts(day)).toEqual([['CNY', 189, MAY_1, age, bucket]]);
  }
  // By the days of another zone the debt began on 30 April.
  expect(await debts('2026-07-30T12:00:00Z', 'America/New_York')).toEqual([['CNY', 189, MAY_1, 91, '91+']]);
  const question = { filter: { ...everybody, promoterId: bob }, timeZone: 'Asia/Shanghai', now: new Date('2026-07-30T02:00:00Z') };
  expect(await sumDebts(world.db, question)).toEqual([{ currency: 'CNY', bucket: '61-90', accounts: 1n, amount: 189n }]);
});

test('a debt that grows keeps its age, one that was paid back in between begins anew, folded or not', async () => {
  const { move, debts } = await openPair();
  await move(-100, '2026-05-01T00:00:00.000Z');
  await move(-50, '2026-05-20T00:00:00.000Z');
  expect(await debts('2026-06-01T00:00:00Z')).toEqual([['CNY', 150, '2026-05-01T00:00:00.000Z', 31, '31-60']]);
  await foldAll(world.db);
  expect(await debts('2026-06-01T00:00:00Z')).toEqual([['CNY', 150, '2026-05-01T00:00:00.000Z', 31, '31-60']]);
  await move(150, '2026-06-02T00:00:00.000Z');
  expect(await debts('2026-06-03T00:00:00Z')).toEqual([]);
  await move(-1, '2026-06-10T00:00:00.000Z');
  await move(-1, '2026-06-11T00:00:00.000Z');
  expect(await debts('2026-06-12T00:00:00Z')).toEqual([['CNY', 2, '2026-06-10T00:00:00.000Z', 2, '0-30']]);
});

test('what is owed in one currency or of one merchant is no debt of another, and money on its way pays none', async () => {
  const { m, bob, move, debts } = await openPair();
  await move(1000, '2026-05-01T00:00:00.000Z');
  await move(-70, '2026-05-01T00:00:00.000Z', 'USD');
  expect(await debts('2026-05-03T00:00:00Z')).toEqual([['USD', 70, '2026-05-01T00:00:00.000Z', 2, '0-30']]);
  const one = { cause: 'payout', causeId: m, position: 0, merchantId: m, promoterId: bob, currency: 'CNY' } as const;
  const reserve: CausedTransfer = { ...one, kind: 'reserve', from: 'available', to: 'paying', amount: 1000n };
  await inTransaction(world.db, ({ trx }) => bookCaused(trx, [reserve], accounts, new Date('2026-05-02T00:00:00Z')));
  await move(-300, '2026-05-03T00:00:00.000Z');
  expect((await debts('2026-05-03T00:00:00Z')).map(([currency, amount]) => [currency, amount])).toEqual([
    ['USD', 70],
    ['CNY', 300],
  ]);
});

test('over HTTP debts are listed page by page, the oldest first, with the sums of all', async () => {
  const { bob, move } = await openPair();
  await move(-5, ago(2), 'JPY');
  await move(-7, ago(100), 'CNY');
  await move(-9, ago(45), 'USD');
  const rows = await money.all(`/v1/debts?promoter_id=${bob}`, 1);
  expect(rows.map(({ currency, amount, age_days, bucket }) => [currency, amount, age_days, bucket])).toEqual([
    ['CNY', 7, 100, '91+'],
    ['USD', 9, 45, '31-60'],
    ['JPY', 5, 2, '0-30'],
  ]);
  const { sums } = (await money.get(`/v1/debts?promoter_id=${bob}&limit=1`)).body;
  expect(sums).toEqual([
    { currency: 'CNY', bucket: '91+', accounts: 1, amount: 7 },
    { currency: 'JPY', bucket: '0-30', accounts: 1, amount: 5 },
    { currency: 'USD', bucket: '31-60', accounts: 1, amount: 9 },
  ]);
  expect((await money.get(`/v1/debts?promoter_id=${bob}&currency=JPY`)).body.data).toHaveLength(1);
  expect((await money.get(`/v1/debts?promoter_id=${bob}&merchant_id=nobody`)).body.data).toEqual([]);
});

test('a write-off wants a second person, takes the debt from revenue, and a later earning is whole', async () => {
  const { m, bob, move, available } = await openPair();
  await move(-189, MAY_1);
  const wish = { promoter_id: bob, merchant_id: m, currency: 'CNY', amount: 189, reason: 'He has left.' };
  const second = await money.keyOf('admin');
  const made = await money.post('/v1/debts/write-offs', wish);
  expect(made).toMatchObject({ status: 201, body: { ...wish, state: 'waiting', approved_at: null, approved_by: null } });
  const url = `/v1/debts/write-offs/${String(made.body['write_off_id'])}`;
  expect(await available()).toBe(-189);
  expect((await money.post(`${url}/approval`)).body.code).toBe('second_person_required');
  expect(await available()).toBe(-189);
  const approved = await money.post(`${url}/approval`, undefined, { key: second });
  expect(approved).toMatchObject({ status: 200, body: { ...wish, state: 'approved', approved_alone: false } });
  expect((await money.get(url)).body).toEqual(approved.body);
  expect(await available()).toBe(0);
  await move(500, '2026-08-01T00:00:00Z');
  expect(await available()).toBe(500);
  expect((await money.post(`${url}/approval`, undefined, { key: second })).status).toBe(409);
  expect((await money.get(`/v1/merchants/${m}/balance`)).body.data).toEqual([{ currency: 'CNY', owed: 311, pending: 0, paid: 0 }]);
  expect((await trialBalance(world.db)).filter(({ sum }) => sum !== 0n)).toEqual([]);
  const { rows } = await inTransaction(world.db, async ({ trx }) => ({
    rows: await trx.selectFrom('audit_log').select('action').where('subject_kind', '=', 'write_off').orderBy('audit_id').execute(),
  }));
  expect(rows.map(({ action }) => action)).toEqual(['write_off_made', 'write_off_approved']);
  const of = `promoter_id=${bob}&merchant_id=${m}`;
  expect(await money.all(`/v1/debts/write-offs?${of}&state=approved`, 1)).toEqual([approved.body]);
  expect(await money.all(`/v1/debts/write-offs?${of}&state=waiting`, 1)).toEqual([]);
});

test('a write-off that waits is refused by another person or withdrawn by who wanted it, and books nothing', async () => {
  const { m, bob, move, available } = await openPair();
  await move(-189, MAY_1);
  const wish = { promoter_id: bob, merchant_id: m, currency: 'CNY', amount: 100, reason: 'He has left.' };
  const second = await money.keyOf('admin');
  const urls: string[] = [];
  for (const key of [undefined, second]) {
    const made = await money.post('/v1/debts/write-offs', wish);
    const url = `/v1/debts/write-offs/${String(made.body['write_off_id'])}`;
    const rejected = await money.post(`${url}/rejection`, { reason: 'He shares again.' }, key === undefined ? {} : { key });
    const ended = { state: 'rejected', rejection: 'He shares again.', approved_at: null, approved_by: null, approved_alone: null };
    expect(rejected).toMatchObject({ status: 200, body: { ...wish, ...ended } });
    expect((await money.get(url)).body).toEqual(rejected.body);
    expect((await money.post(`${url}/approval`, undefined, { key: second })).body.code).toBe('conflict');
    expect((await money.post(`${url}/rejection`, { reason: 'Once more.' })).body.code).toBe('conflict');
    urls.push(url);
  }
  expect(await available()).toBe(-189);
  const of = `promoter_id=${bob}&merchant_id=${m}`;
  expect(await money.all(`/v1/debts/write-offs?${of}&state=rejected`, 1)).toHaveLength(2);
  expect(await money.all(`/v1/debts/write-offs?${of}&state=waiting`, 1)).toEqual([]);
  const { rows } = await sql<{ action: string }>`
    select action from audit_log where subject_kind = 'write_off' and subject_id = any(${urls.map((url) => url.split('/').at(-1))})
      and action <> 'write_off_made' order by audit_id`.execute(world.owner);
  expect(rows.map(({ action }) => action)).toEqual(['write_off_withdrawn', 'write_off_rejected']);
  await expect(sql`update write_off set approved_at = now() where rejected_at is not null`.execute(world.owner)).rejects.toThrow();
});

test('of an approval and a rejection that come at once one is done', async () => {
  const { m, bob, move, available } = await openPair();
  await move(-189, MAY_1);
  const second = await money.keyOf('admin');
  const { body } = await money.post('/v1/debts/write-offs', {
    promoter_id: bob,
    merchant_id: m,
    currency: 'CNY',
    amount: 189,
    reason: 'He has left.',
  });
  const url = `/v1/debts/write-offs/${String(body['write_off_id'])}`;
  const answers = await Promise.all([
    money.post(`${url}/approval`, undefined, { key: second }),
    money.post(`${url}/rejection`, { reason: 'He shares again.' }, { key: second }),
  ]);
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
  const { state } = (await money.get(url)).body;
  expect(await available()).toBe(state === 'approved' ? 0 : -189);
});

test('never more is written off than is owed by then, however many approve at once', async () => {
  const { m, bob, move, available } = await openPair();
  await move(-189, MAY_1);
  const second = await money.keyOf('admin');
  const wish = (amount: number) => ({ promoter_id: bob, merchant_id: m, currency: 'CNY', amount, reason: 'He has left.' });
  const make = async (amount: number) => String((await money.post('/v1/debts/write-offs', wish(amount))).body['write_off_id']);
  const approve = (id: string) => money.post(`/v1/debts/write-offs/${id}/approval`, undefined, { key: second });
  expect((await approve(await make(190))).body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('owes 189 CNY') });
  const halves = await Promise.all([make(100), make(100), make(100)]);
  const answers = await Promise.all(halves.map(approve));
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409, 409]);
  expect(await available()).toBe(-89);
  await move(50, '2026-08-01T00:00:00Z');
  expect((await approve(await make(89))).status).toBe(409);
  expect((await approve(await make(39))).status).toBe(200);
  expect(await available()).toBe(0);
});

test('an endpoint of all merchants hears of a write-off, one of the merchant does not', async () => {
  const { m, bob, move } = await openPair();
  await move(-10, MAY_1);
  const now = new Date();
  for (const [endpoint_id, merchant_id] of [
    ['of-all', null],
    ['of-one', m],
  ] as const) {
    const endpoint = { endpoint_id, merchant_id, url: 'https://erp.example.com/', events: ['debt.*'], active: true, description: '' };
    await world.owner
      .insertInto('webhook_endpoint')
      .values({ ...endpoint, secrets: Buffer.alloc(1), made_at: now, changed_at: now })
      .execute();
  }
  const wish = { promoter_id: bob, merchant_id: m, currency: 'CNY', amount: 4, reason: 'He has left.' };
  const { body } = await money.post('/v1/debts/write-offs', wish);
  await money.post(`/v1/debts/write-offs/${String(body['write_off_id'])}/approval`, undefined, { key: await money.keyOf('admin') });
  const told = await world.owner.selectFrom('webhook_message').select(['endpoint_id', 'type', 'body']).execute();
  expect(told.map(({ endpoint_id, type }) => [endpoint_id, type])).toEqual([['of-all', 'debt.written_off']]);
  expect(JSON.parse(told[0]!.body)).toMatchObject({ type: 'debt.written_off', data: { ...wish, write_off_id: body['write_off_id'] } });
});

test.each([
  [{ promoter_id: 'nobody' }, 422, 'unknown_promoter'],
  [{ merchant_id: 'nobody' }, 422, 'unknown_merchant'],
  [{ amount: 0 }, 400, 'malformed_request'],
  [{ currency: 'RMB' }, 400, 'malformed_request'],
  [{ reason: '' }, 400, 'malformed_request'],
])('a write-off with %j is refused', async (wrong, status, code) => {
  const { m, bob } = await openPair();
  const wish = { promoter_id: bob, merchant_id: m, currency: 'CNY', amount: 1, reason: 'He has left.', ...wrong };
  expect(await money.post('/v1/debts/write-offs', wish)).toMatchObject({ status, body: { code } });
});

test('what is no write-off is not found', async () => {
  const url = `/v1/debts/write-offs/${crypto.randomUUID()}`;
  expect((await money.get(url)).status).toBe(404);
  expect((await money.post(`${url}/approval`)).status).toBe(404);
  expect((await money.post(`${url}/rejection`, { reason: 'No.' })).status).toBe(404);
});
