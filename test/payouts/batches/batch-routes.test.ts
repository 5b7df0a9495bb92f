// Batches from draft to end, with the figures of a small market: what is set aside, who is skipped,
// what a second person approves, and what is never paid twice.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { ADMIN_KEY } from '../../running.ts';
import { openTill, type Till } from '../till.ts';

let till: Till;
/** Names of their own for each test. */
let names = 0;
let a: string;
let b: string;
let c: string;

beforeAll(async () => {
  till = await openTill();
  await till.merchant('m1');
  await till.merchant('m2');
});

afterAll(() => till.close());

beforeEach(async () => {
  names += 1;
  [a, b, c] = ['a', 'b', 'c'].map((name) => `${name}${names}`) as [string, string, string];
  for (const name of [a, b, c]) await till.promoter(name);
});

const of = (...promoters: string[]) => ({ promoter_ids: promoters });

test('a draft sets the money aside, and what was paid is never drafted again', async () => {
  for (const [name, amount] of [
    [a, 5000],
    [b, 7000],
    [c, 9000],
  ] as const) {
    await till.earn(name, amount);
  }
  const batch = await till.draft(of(a, b, c));
  expect(batch).toMatchObject({ state: 'draft', currency: 'CNY', payouts: 3, gross: 21_000, withheld: 0, net: 21_000, skipped: [] });
  expect(await till.balance(a)).toMatchObject({ available: 0, paying: 5000, paid: 0 });
  expect(await till.draft(of(a, b, c))).toMatchObject({ payouts: 0, gross: 0 });
  expect((await till.approve(batch)).body).toMatchObject({ state: 'paying' });
  const payouts = await till.payouts(batch.batch_id);
  expect(payouts.map(({ state, net }) => [state, net]).toSorted(([, one], [, other]) => one - other)).toEqual([
    ['sent', 5000],
    ['sent', 7000],
    ['sent', 9000],
  ]);
  for (const { payout_id: id, promoter_id: name } of payouts) {
    const result = name === b ? { state: 'failed', reason: 'ACCOUNT_FROZEN' } : { state: 'paid', reference: `bank-${name}` };
    expect((await till.tell(id, result)).body.outcome).toBe('settled');
    expect((await till.tell(id, result)).body.outcome).toBe('known');
  }
  expect(await till.batch(batch.batch_id)).toMatchObject({ state: 'partially_paid', paid: 14_000 });
  expect(await till.balance(b)).toMatchObject({ available: 7000, paying: 0, paid: 0 });
  expect(await till.balance(c)).toMatchObject({ available: 0, paying: 0, paid: 9000 });
  expect(await till.draft(of(a, b, c))).toMatchObject({ payouts: 1, gross: 7000 });
  expect(await till.sums()).toEqual([0]);
});

test('what changed since the draft is dropped, and nothing is approved until it is looked at again', async () => {
  for (const [name, amount] of [
    [a, 5000],
    [b, 7000],
    [c, 9000],
  ] as const) {
    await till.earn(name, amount);
  }
  const batch = await till.draft(of(a, b, c));
  await till.earn(a, -189);
  const refused = await till.approve(batch);
  expect([refused.status, refused.body.code]).toEqual([409, 'batch_changed']);
  expect(await till.balance(a)).toMatchObject({ available: 4811, paying: 0 });
  const changed = await till.batch(batch.batch_id);
  expect(changed).toMatchObject({ state: 'draft', payouts: 2, gross: 16_000 });
  expect(changed.content_hash).not.toBe(batch.content_hash);
  expect((await till.approve(batch)).status).toBe(409);
  expect((await till.approve(changed)).status).toBe(200);
  expect(await till.draft(of(a, b, c))).toMatchObject({ payouts: 1, gross: 4811 });
});

test('who owes is skipped until the debt is netted off, and then has to reach the minimum', async () => {
  await till.earn(b, 630);
  await till.earn(b, -819);
  expect(await till.draft(of(b))).toMatchObject({ payouts: 0, skipped: [{ reason: 'negative_balance', promoters: 1, amount: -189 }] });
  await till.earn(b, 315);
  expect(await till.draft({ ...of(b), minimum: 1000 })).toMatchObject({
    skipped: [{ reason: 'below_minimum', promoters: 1, amount: 126 }],
  });
  expect(await till.draft({ ...of(b), minimum: 100 })).toMatchObject({ payouts: 1, gross: 126, skipped: [] });
});

test('a debt to one merchant never eats the money of another', async () => {
  await till.earn(a, 500, { merchantId: 'm1' });
  await till.earn(a, -189, { merchantId: 'm2' });
  expect(await till.draft(of(a))).toMatchObject({ skipped: [{ reason: 'negative_balance', promoters: 1, amount: 311 }] });
  const batch = await till.draft({ ...of(a), despite_debts: true });
  expect(batch).toMatchObject({ payouts: 1, gross: 500, despite_debts: true });
  expect((await till.payouts(batch.batch_id))[0].items).toEqual([{ merchant_id: 'm1', amount: 500 }]);
  expect((await till.approve(batch)).status).toBe(200);
});

test('drafts that are made at once never take the same money', async () => {
  const promoters = Array.from({ length: 50 }, (_, index) => `crowd${index}`);
  for (const name of promoters) {
    await till.promoter(name);
    await till.earn(name, 10_000);
  }
  const batches = await Promise.all(Array.from({ length: 8 }, () => till.draft(of(...promoters))));
  expect(batches.reduce((sum, { gross }) => sum + gross, 0)).toBe(500_000);
  expect(batches.reduce((sum, { payouts }) => sum + payouts, 0)).toBe(50);
  for (const name of promoters) expect(await till.balance(name)).toMatchObject({ available: 0, paying: 10_000 });
});

describe('two persons', () => {
  test('the drafter cannot approve, by whatever key', async () => {
    await till.earn(a, 1000);
    const batch = await till.draft(of(a));
    const second = await till.keyOf({ scope: 'admin', role: 'finance', person: 'zhang' });
    for (const key of [till.zhang, second]) {
      const { status, body } = await till.approve(batch, key);
      expect([status, body.code]).toEqual([403, 'second_person_required']);
    }
    expect((await till.approve(batch, ADMIN_KEY)).status).toBe(200);
  });

  test('an approval names what was looked at, is made once, and not of nothing', async () => {
    await till.earn(a, 1000);
    const batch = await till.draft(of(a));
    expect((await till.approve({ ...batch, content_hash: '0'.repeat(64) })).body.code).toBe('batch_changed');
    expect((await till.approve(batch)).status).toBe(200);
    expect((await till.approve(batch)).body.code).toBe('batch_decided');
    expect((await till.approve(await till.draft(of(a)))).body.code).toBe('batch_empty');
  });

  test('a draft that is cancelled gives its money back, and is not approved', async () => {
    await till.earn(a, 1000);
    const batch = await till.draft(of(a));
    expect(await till.must('POST', `/v1/payout-batches/${batch.batch_id}/cancellation`, undefined, till.zhang)).toMatchObject({
      state: 'cancelled',
    });
    expect(await till.balance(a)).toMatchObject({ available: 1000, paying: 0 });
    expect((await till.approve(batch)).body.code).toBe('batch_decided');
  });
});

test('each currency is a batch of its own', async () => {
  for (const [currency, amount] of [
    ['CNY', 100_000],
    ['JPY', 1234],
    ['KWD', 1234],
  ] as const) {
    await till.earn(a, amount, { currency });
  }
  for (const [currency, amount] of [
    ['CNY', 100_000],
    ['JPY', 1234],
    ['KWD', 1234],
  ] as const) {
    expect(await till.draft({ ...of(a), currency })).toMatchObject({ currency, payouts: 1, gross: amount });
  }
});

test('who was suspended since the draft is dropped', async () => {
  await till.earn(a, 1000);
  const batch = await till.draft(of(a));
  await till.promoter(a, { status: 'suspended' });
  expect((await till.approve(batch)).body.code).toBe('batch_changed');
  expect(await till.draft(of(a))).toMatchObject({ payouts: 0, skipped: [{ reason: 'suspended', promoters: 1, amount: 1000 }] });
});

async function sent(name: string, amount: number) {
  await till.earn(name, amount);
  const batch = await till.draft(of(name));
  await till.approve(batch);
  return { batch, payout: (await till.payouts(batch.batch_id))[0] };
}

describe('after the end', () => {
  test('what a bank sends back is available again, and its batch stays paid', async () => {
    const { batch, payout } = await sent(a, 8000);
    await till.tell(payout.payout_id, { state: 'paid', reference: 'x' });
    expect((await till.tell(payout.payout_id, { state: 'failed' })).body.code).toBe('payout_final');
    expect((await till.tell(payout.payout_id, { state: 'returned', reason: 'account closed' })).body.state).toBe('returned');
    expect(await till.balance(a)).toMatchObject({ available: 8000, paying: 0, paid: 0 });
    expect(await till.batch(batch.batch_id)).toMatchObject({ state: 'paid', paid: 0, returned: 8000 });
  });

  test('told to have failed and was paid: a correction by two persons pays it after all, and makes a debt where it went out again', async () => {
    const { payout } = await sent(a, 8000);
    await till.tell(payout.payout_id, { state: 'failed', reason: 'told wrongly' });
    const again = await till.draft(of(a));
    await till.approve(again);
    await till.tell((await till.payouts(again.batch_id))[0].payout_id, { state: 'paid' });
    const url = `/v1/payouts/${payout.payout_id}/corrections`;
    expect((await till.must('POST', url, { state: 'paid', reason: 'on the statement' }, till.zhang)).outcome).toBe('waits');
    expect((await till.ask('POST', `${url}/approval`, undefined, till.zhang)).body.code).toBe('second_person_required');
    expect((await till.must('POST', `${url}/approval`, undefined, till.li)).state).toBe('paid');
    expect(await till.balance(a)).toMatchObject({ available: -8000, paying: 0, paid: 16_000 });
    expect(await till.sums()).toEqual(expect.arrayContaining([0]));
  });

  test('told to be paid and was not: a correction brings it back', async () => {
    const { payout } = await sent(a, 8000);
    await till.tell(payout.payout_id, { state: 'paid' });
    const url = `/v1/payouts/${payout.payout_id}/corrections`;
    await till.must('POST', url, { state: 'failed', reason: 'the bank says it never left' }, till.zhang);
    expect((await till.must('POST', `${url}/approval`, undefined, till.li)).state).toBe('returned');
    expect(await till.balance(a)).toMatchObject({ available: 8000, paid: 0 });
  });

  test('a promoter sees its own payouts and no other’s, with how each came to what it is', async () => {
    const { payout } = await sent(a, 8000);
    const [mine, other] = await Promise.all([a, b].map((name) => till.keyOf({ scope: 'promoter', promoter_id: name })));
    const shown = await till.must('GET', `/v1/payouts/${payout.payout_id}`, undefined, mine);
    expect(shown.changes.map(({ from, to }: { from: string | null; to: string }) => [from, to])).toEqual([
      [null, 'drafted'],
      ['drafted', 'sent'],
    ]);
    expect((await till.ask('GET', `/v1/payouts/${payout.payout_id}`, undefined, other)).status).toBe(403);
    expect((await till.must('GET', `/v1/promoters/${a}/payouts`, undefined, mine)).data).toHaveLength(1);
    expect((await till.ask('GET', `/v1/promoters/${a}/payouts`, undefined, other)).status).toBe(403);
  });
});

test('after all of this no law is broken, and the audit agrees', async () => {
  expect((await till.faults()).join('\n')).toBe('');
});
