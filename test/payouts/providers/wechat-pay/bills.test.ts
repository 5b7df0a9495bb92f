// One bill at a time against the double, over real sockets: what each answer says, and what it does
// not.

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import type { Bill, BillAnswer } from '../../../../src/payouts/providers/provider.ts';
import { ask, cancel, send } from '../../../../src/payouts/providers/wechat-pay/bills.ts';
import { type AnswerFault } from './double.ts';
import { CERTIFICATE_SERIAL, PUBLIC_KEY_ID } from './double-signing.ts';
import { billOf, OPENID, stage, type Stage } from './stage.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let one: Stage;
beforeAll(async () => {
  one = await stage();
});
afterAll(() => one.close());

const toPay = (given: Parameters<typeof billOf>[1] = {}): Bill => billOf(one.access, given);
const sent = (bill: Bill): Promise<BillAnswer> => send(bill, one.access);
const asked = (bill: Bill): Promise<BillAnswer> => ask(bill, one.access);
const paidTo = ({ billNo }: Bill) => one.double.journal().filter(({ out_bill_no }) => out_bill_no === billNo);

function payeeConfirms({ billNo }: Bill): void {
  expect(one.double.confirm(billNo, OPENID)).toBe(true);
  expect(one.double.settle(billNo)).toBe(true);
}

test('a bill waits for its payee with what the page needs, and is paid once it was confirmed', async () => {
  const bill = toPay();
  const first = await sent(bill);
  expect(first).toMatchObject({ state: 'action_required', payload: { mch_id: '1900001109', appid: 'wxf636efh567hg4356' } });
  expect(first).toMatchObject({ expiresAt: new Date(Math.floor(one.now().getTime() / 1000) * 1000 + DAY_MS) });
  expect(await asked(bill)).toMatchObject({ state: 'action_required', payload: null });
  expect(await sent(bill)).toEqual(first);
  one.double.confirm(bill.billNo, OPENID);
  expect((await asked(bill)).state).toBe('accepted');
  one.double.settle(bill.billNo);
  expect(await asked(bill)).toEqual({
    state: 'paid',
    reference: one.double.bill(bill.billNo)!.transfer_bill_no,
    at: expect.any(Date) as Date,
  });
  expect((await sent(bill)).state).toBe('paid');
  expect(paidTo(bill)).toMatchObject([{ amount: 88_800, openid: OPENID }]);
});

test('a name goes sealed with its key, in the same bytes each time, and another’s name fails', async () => {
  one.double.knowName(OPENID, '张三');
  const bill = toPay({ amount: 200_000n });
  const other = toPay({ amount: 200_000n, payee: { promoterId: 'bob', name: '李四', account: { openid: OPENID } } });
  expect([(await sent(bill)).state, (await sent(bill)).state, (await sent(other)).state]).toEqual(Array(3).fill('action_required'));
  payeeConfirms(bill);
  payeeConfirms(other);
  expect((await asked(bill)).state).toBe('paid');
  expect(await asked(other)).toMatchObject({ state: 'failed', reason: 'NAME_NOT_CORRECT' });
});

test('a reason that nobody has seen before is kept as text', async () => {
  const bill = toPay();
  await sent(bill);
  one.double.confirm(bill.billNo, OPENID);
  one.double.settle(bill.billNo, 'SOME_NEW_REASON');
  expect(await asked(bill)).toMatchObject({ state: 'failed', reason: 'SOME_NEW_REASON' });
});

test('a merchant without money has its bill kept, and the payee asked after a top-up', async () => {
  one.double.topUp(-1_000_000_000);
  const bill = toPay();
  try {
    expect((await sent(bill)).state).toBe('accepted');
    expect((await sent(bill)).state).toBe('accepted');
  } finally {
    one.double.topUp(1_000_000_000);
  }
  expect(await sent(bill)).toMatchObject({ state: 'action_required', payload: { package_info: expect.any(String) as string } });
});

test('a day without confirmation ends by WeChat’s word and not by the clock', async () => {
  const bill = toPay();
  await sent(bill);
  one.double.advance(DAY_MS + HOUR_MS / 2);
  expect((await asked(bill)).state).toBe('action_required');
  one.double.advance(HOUR_MS / 2);
  expect(await asked(bill)).toMatchObject({ state: 'failed', reason: 'OVERDUE_CLOSE' });
  expect((await sent(bill)).state).toBe('failed');
  expect(one.double.confirm(bill.billNo, OPENID)).toBe(false);
});

test('a cancellation is taken at once and ends when it is asked for', async () => {
  const bill = toPay();
  await sent(bill);
  expect((await cancel(bill, one.access)).state).toBe('accepted');
  expect((await asked(bill)).state).toBe('accepted');
  one.double.advance(HOUR_MS);
  expect((await cancel(bill, one.access)).state).toBe('accepted');
  expect((await asked(bill)).state).toBe('cancelled');
  const paid = toPay();
  await sent(paid);
  payeeConfirms(paid);
  expect((await cancel(paid, one.access)).state).toBe('refused');
  expect((await cancel(toPay(), one.access)).state).toBe('unknown');
});

test('a signed refusal is of this call, and a signed not-found is of the bill', async () => {
  const bill = toPay();
  expect(await asked(bill)).toEqual({ state: 'not_found' });
  one.double.fail('create', 'no_auth');
  expect(await sent(bill)).toMatchObject({ state: 'refused', reason: expect.stringContaining('NO_AUTH') as string });
  expect(await asked(bill)).toEqual({ state: 'not_found' });
  expect((await sent(toPay({ amount: 9n }))).state).toBe('refused');
});

/** What is answered to a create that was not taken, or of which that is not known. */
const DOUBTS: AnswerFault[] = [
  'drop_before',
  'error_before',
  'page_400',
  'too_often',
  'not_enough',
  'new_code',
  'odd_refusal',
  'drop',
  'error',
  'other_bill',
];

test.each([
  ...DOUBTS,
  'wrong_signature',
  'no_signature',
  'stale',
  'probe',
  'unknown_key',
  'too_big',
  'not_json',
  'strange_state',
] as AnswerFault[])('a create that is answered by %s is unknown, and the same bytes bring its state', async (fault) => {
  const bill = toPay();
  one.double.fail('create', fault);
  expect((await sent(bill)).state).toBe('unknown');
  one.double.fail('query', fault);
  expect((await asked(bill)).state).toBe('unknown');
  expect((await sent(bill)).state).toBe('action_required');
  expect((await asked(bill)).state).toBe('action_required');
});

test.each(['paid_then_drop', 'paid_then_error'] as AnswerFault[])('a bill that is paid before %s is paid once', async (fault) => {
  const bill = toPay();
  one.double.fail('create', fault);
  expect((await sent(bill)).state).toBe('unknown');
  expect((await asked(bill)).state).toBe('paid');
  expect((await sent(bill)).state).toBe('paid');
  expect(paidTo(bill)).toHaveLength(1);
});

test.each(['forged_paid', 'forged_failed', 'forged_not_found'] as AnswerFault[])(
  'nothing is believed of an answer that was %s',
  async (fault) => {
    const bill = toPay();
    await sent(bill);
    for (const call of ['create', 'query', 'cancel'] as const) one.double.fail(call, fault);
    expect([(await sent(bill)).state, (await asked(bill)).state, (await cancel(bill, one.access)).state]).toEqual([
      'unknown',
      'unknown',
      'unknown',
    ]);
  },
);

test('a bill of another amount or payee differs, however final its state', async () => {
  const bill = toPay();
  await sent(bill);
  one.double.fail('query', 'other_amount', 'other_openid');
  expect(await asked(bill)).toEqual({ state: 'differs', reason: 'the bill has another amount' });
  expect(await asked(bill)).toEqual({ state: 'differs', reason: 'the bill has another openid' });
});

test('a number that is there with other content is unknown, and differs when it is asked for', async () => {
  const first = toPay();
  await sent(first);
  const again = toPay({ billNo: first.billNo, amount: 5_000n });
  expect((await sent(again)).state).toBe('unknown');
  expect((await asked(again)).state).toBe('differs');
});

test('a bill is not looked for under another merchant number than the one that has frozen it', async () => {
  const bill = toPay();
  await sent(bill);
  const before = one.double.requests().length;
  const access = { ...one.access, options: { ...one.access.options, mch_id: '1900000001' } };
  for (const answer of [send(bill, access), ask(bill, access), cancel(bill, access)]) {
    expect(await answer).toMatchObject({ state: 'unknown', reason: expect.stringContaining('1900001109') as string });
  }
  expect(one.double.requests()).toHaveLength(before);
});

test('not found proves nothing of a bill that WeChat may have forgotten', async () => {
  const own = await stage();
  const bill = billOf(own.access);
  await send(bill, own.access);
  own.double.confirm(bill.billNo, OPENID);
  own.double.settle(bill.billNo);
  own.later(29 * DAY_MS);
  expect((await ask(bill, own.access)).state).toBe('paid');
  own.later(DAY_MS);
  expect(await ask(bill, own.access)).toMatchObject({ state: 'unknown', reason: expect.stringContaining('30 days') as string });
  const never = billOf(own.access);
  own.later(28 * DAY_MS);
  expect((await ask(never, own.access)).state).toBe('not_found');
  await own.close();
});

test('answers under the public key and under a certificate are believed in one run, others not', async () => {
  const bill = toPay();
  one.double.fail('create', 'certificate');
  expect((await sent(bill)).state).toBe('action_required');
  expect((await asked(bill)).state).toBe('action_required');
  const { [CERTIFICATE_SERIAL]: _, ...publicKeyOnly } = one.double.secrets;
  one.double.fail('query', 'certificate');
  expect((await ask(bill, { ...one.access, secrets: publicKeyOnly })).state).toBe('unknown');
  const { [PUBLIC_KEY_ID]: __, ...certificateOnly } = one.double.secrets;
  expect((await ask(bill, { ...one.access, secrets: certificateOnly })).state).toBe('action_required');
});

test('the hundred and first create of a second is not taken and not refused', async () => {
  const own = await stage();
  const bills = Array.from({ length: 101 }, () => billOf(own.access));
  const answers = await Promise.all(bills.map((bill) => send(bill, own.access)));
  const late = bills[answers.findIndex(({ state }) => state === 'unknown')]!;
  expect(answers.filter(({ state }) => state === 'action_required')).toHaveLength(100);
  own.later(1001);
  expect((await ask(late, own.access)).state).toBe('not_found');
  expect((await send(late, own.access)).state).toBe('action_required');
  const cancelled = await Promise.all(bills.slice(0, 21).map((bill) => cancel(bill, own.access)));
  expect(cancelled.filter(({ state }) => state === 'unknown')).toHaveLength(1);
  await own.close();
});

test('a call that is not answered ends, and so do keys that cannot be read', async () => {
  const bill = toPay();
  const timeouts = vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
    expect(ms).toBeLessThanOrEqual(10_000);
    const ending = new AbortController();
    setTimeout(() => ending.abort(new Error('it took too long')), 50).unref();
    return ending.signal;
  });
  try {
    one.double.fail('create', 'silent');
    expect(await sent(bill)).toMatchObject({ state: 'unknown', reason: expect.stringContaining('too long') as string });
  } finally {
    timeouts.mockRestore();
  }
  expect((await asked(bill)).state).toBe('action_required');
  const broken = { ...one.access, secrets: { ...one.double.secrets, merchant_private_key: 'no key' } };
  expect((await send(bill, broken)).state).toBe('unknown');
  const elsewhere = { ...one.access, secrets: { ...one.double.secrets, [PUBLIC_KEY_ID]: 'no key' } };
  expect((await ask(bill, elsewhere)).state).toBe('unknown');
});
