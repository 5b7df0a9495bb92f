// What people say of single payouts over HTTP: results, corrections and cancellations, and which of
// them are refused.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { startWechatPayDouble, type WechatPayDouble } from './providers/wechat-pay/double.ts';
import { openTill, type Till } from './till.ts';

let till: Till;
let double: WechatPayDouble;
let bob: string;
let names = 0;

beforeAll(async () => {
  // Nobody sends: what WeChat Pay is to be asked for stays approved.
  till = await openTill();
  double = await startWechatPayDouble();
  await till.merchant('m1');
  await till.must('PUT', '/v1/payout-providers/wechat', { kind: 'wechat-pay', secrets: double.secrets, options: double.options });
  await till.must('PUT', '/v1/payout-providers/bank', { kind: 'file', secrets: {}, options: {} });
});
afterAll(async () => {
  await till.close();
  await double.close();
});

beforeEach(async () => {
  names += 1;
  bob = `bob${names}`;
  await till.promoter(bob);
});

const ACCOUNTS: Record<string, object> = { bank: { account_no: '6222021234567890123' }, wechat: { openid: 'o-1' }, manual: {} };

/** The id of a payout of 8000 by that provider, approved or only drafted. */
async function payoutBy(provider_id = 'manual', { isApproved = true } = {}): Promise<string> {
  const payee = { kind: 'individual', name: '阿博', provider_id, account: ACCOUNTS[provider_id] };
  if (provider_id !== 'manual') await till.must('PUT', `/v1/promoters/${bob}/payee`, payee);
  await till.earn(bob, 8000);
  const batch = await till.draft({ promoter_ids: [bob] });
  if (isApproved) expect((await till.approve(batch)).status).toBe(200);
  return (await till.payouts(batch.batch_id))[0].payout_id;
}

const tell = async (id: string, ...results: object[]): Promise<string[]> => {
  const said: string[] = [];
  for (const result of results) {
    const { body } = await till.tell(id, result);
    said.push(body.outcome ?? body.code);
  }
  return said;
};

describe('a result', () => {
  const paid = { state: 'paid', reference: 'B-1' };
  const failed = { state: 'failed', reason: 'ACCOUNT_FROZEN' };
  const returned = { state: 'returned', reason: 'ACCOUNT_CLOSED' };
  test.each([
    ['paid twice is paid once', [paid, paid, { state: 'paid' }], ['settled', 'known', 'known'], [0, 0, 8000]],
    [
      'paid under another reference is a contradiction',
      [paid, { state: 'paid', reference: 'B-2' }],
      ['settled', 'payout_final'],
      [0, 0, 8000],
    ],
    ['paid cannot become failed', [paid, failed], ['settled', 'payout_final'], [0, 0, 8000]],
    ['failed twice gives back once', [failed, failed], ['settled', 'known'], [8000, 0, 0]],
    ['failed cannot become paid, or be returned', [failed, paid, returned], ['settled', 'payout_final', 'payout_final'], [8000, 0, 0]],
    ['returned twice comes back once', [paid, returned, returned], ['settled', 'settled', 'known'], [8000, 0, 0]],
    ['returned cannot become paid or failed', [returned, paid, failed], ['settled', 'payout_final', 'payout_final'], [8000, 0, 0]],
  ])('%s', async (_, results, said, [available, paying, got]) => {
    expect(await tell(await payoutBy(), ...results)).toEqual(said);
    expect(await till.balance(bob)).toMatchObject({ available, paying, paid: got });
  });

  test('of what was not approved, or of what WeChat Pay has the word, is refused', async () => {
    expect(await tell(await payoutBy('manual', { isApproved: false }), paid, failed)).toEqual(['payout_final', 'payout_final']);
    expect(await till.balance(bob)).toMatchObject({ available: 0, paying: 8000 });
    bob = `${bob}w`;
    await till.promoter(bob);
    expect(await tell(await payoutBy('wechat'), paid, failed, returned)).toEqual(['payout_final', 'payout_final', 'payout_final']);
    expect(await till.balance(bob)).toMatchObject({ available: 0, paying: 8000 });
  });
});

const cancel = async (id: string) => (await till.ask('POST', `/v1/payouts/${id}/cancellation`, { reason: 'By mistake.' }, till.zhang)).body;

describe('a cancellation', () => {
  test('of what people pay comes too late once it was approved, and before that it is the draft’s', async () => {
    const drafted = await payoutBy('manual', { isApproved: false });
    expect(await cancel(drafted)).toMatchObject({ status: 409, code: 'not_cancellable' });
    for (const provider of ['manual', 'bank']) {
      bob = `${bob}${provider}`;
      await till.promoter(bob);
      const id = await payoutBy(provider);
      expect(await cancel(id)).toMatchObject({ status: 409, code: 'not_cancellable' });
      expect(await till.balance(bob)).toMatchObject({ available: 0, paying: 8000 });
      await tell(id, { state: 'paid' });
      expect(await cancel(id)).toMatchObject({ status: 409, code: 'not_cancellable' });
      expect(await till.balance(bob)).toMatchObject({ available: 0, paying: 0, paid: 8000 });
    }
  });

  test('of what nobody has sent yet is done at once, and once', async () => {
    const id = await payoutBy('wechat');
    expect(await cancel(id)).toMatchObject({ state: 'cancelled', outcome: 'settled', reason: 'By mistake.' });
    expect(await cancel(id)).toMatchObject({ state: 'cancelled', outcome: 'known' });
    expect(await till.balance(bob)).toMatchObject({ available: 8000, paying: 0, paid: 0 });
    expect(double.requests()).toEqual([]);
  });
});

const correct = (id: string, state: string) =>
  till.ask('POST', `/v1/payouts/${id}/corrections`, { state, reason: 'The bank says so.' }, till.zhang);
const agree = (id: string, key = till.li) => till.ask('POST', `/v1/payouts/${id}/corrections/approval`, undefined, key);

describe('a correction', () => {
  test('of what failed and was paid pays it from what is available, without a debt where it went out once', async () => {
    const id = await payoutBy();
    await tell(id, { state: 'failed' });
    expect((await correct(id, 'paid')).body.outcome).toBe('waits');
    expect(await till.balance(bob)).toMatchObject({ available: 8000, paying: 0, paid: 0 });
    expect((await agree(id)).body).toMatchObject({ state: 'paid', outcome: 'settled' });
    expect(await till.balance(bob)).toMatchObject({ available: 0, paying: 0, paid: 8000 });
    expect(await till.draft({ promoter_ids: [bob] })).toMatchObject({ payouts: 0 });
  });

  test('is agreed to once, by another person, and by none whose other key it is', async () => {
    const id = await payoutBy();
    await tell(id, { state: 'paid' });
    await correct(id, 'failed');
    const own = await till.keyOf({ scope: 'admin', role: 'finance', person: 'zhang' });
    expect((await agree(id, own)).body.code).toBe('second_person_required');
    expect((await agree(id)).body).toMatchObject({ state: 'returned' });
    expect((await agree(id)).status).toBe(404);
    expect(await till.balance(bob)).toMatchObject({ available: 8000, paying: 0, paid: 0 });
  });

  test('of what has not ended, or has ended so, is refused', async () => {
    const id = await payoutBy();
    for (const state of ['paid', 'failed']) expect((await correct(id, state)).body.code).toBe('payout_final');
    await tell(id, { state: 'paid' });
    expect((await correct(id, 'paid')).body.code).toBe('payout_final');
    expect((await agree(id)).status).toBe(404);
  });
});

test('after all of this no law is broken, and the audit agrees', async () => {
  expect((await till.faults()).join('\n')).toBe('');
  expect(await till.sums()).toEqual([0]);
});
