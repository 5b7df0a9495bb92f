// Payouts sent to a double of WeChat Pay that fails in every way: each is paid at most once, the
// books say what its journal says, and what is unknown stays so until it is known.

import * as fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { accountCache } from '../../../src/ledger/booking-store.ts';
import { findBillOf } from '../../../src/payouts/bills/bill-store.ts';
import { sendPayouts, type SendingDeps } from '../../../src/payouts/bills/sending.ts';
import { stopProviders } from '../../../src/payouts/providers/provider-store.ts';
import { runs } from '../../runs.ts';
import { ANSWER_FAULTS, startWechatPayDouble, type WechatPayDouble } from '../providers/wechat-pay/double.ts';
import { openTill, type Till } from '../till.ts';
import { createSecretKey } from 'node:crypto';
import { masterKeys } from '../../../src/platform/keys/secrets.ts';

const SECRETS = {
  tokenKeys: [createSecretKey(Buffer.from('t'))] as [ReturnType<typeof createSecretKey>],
  identityKey: createSecretKey(Buffer.from('i')),
  masterKeys: masterKeys(['m'.repeat(32)]),
};

let till: Till;
let double: WechatPayDouble;
let sending: SendingDeps;
const answered: string[] = [];
let names = 0;

beforeAll(async () => {
  till = await openTill({ listens: true, env: { PUBLIC_URL: 'https://pay.example.com' }, secrets: SECRETS });
  double = await startWechatPayDouble({ noticesTo: `${till.service.url}/payout-notices/wechat` });
  await till.merchant('m1');
  await till.must('PUT', '/v1/payout-providers/wechat', { kind: 'wechat-pay', secrets: double.secrets, options: double.options });
  sending = {
    db: till.db,
    keys: SECRETS.masterKeys,
    numberKey: SECRETS.identityKey,
    accounts: accountCache(),
    fetch,
    baseUrls: { 'wechat-pay': double.url },
    noticesUrl: 'https://pay.example.com/payout-notices',
    believeAfterMs: 0,
    onAnswer: ({ kind, call, outcome }) => answered.push(`${kind} ${call} ${outcome}`),
    onError: (error) => {
      throw error;
    },
  };
});

afterAll(async () => {
  await till.close();
  await double.close();
});

/** A promoter whose payout is approved; looked at by nobody yet. */
async function approved(amount: number): Promise<{ promoter: string; openid: string; payoutId: string }> {
  const promoter = `w${names++}`;
  const openid = `openid-of-${promoter}`;
  await till.promoter(promoter);
  await till.earn(promoter, amount);
  await till.must('PUT', `/v1/promoters/${promoter}/payee`, {
    kind: 'individual',
    name: '张三',
    provider_id: 'wechat',
    account: { openid },
  });
  double.knowName(openid, '张三');
  const batch = await till.draft({ promoter_ids: [promoter] });
  expect((await till.approve(batch)).status).toBe(200);
  return { promoter, openid, payoutId: (await till.payouts(batch.batch_id))[0].payout_id };
}

/** The worker looks at every payout, whenever it would have. */
async function look(): Promise<void> {
  await sql`update payout set due_at = now() where due_at is not null`.execute(till.owner);
  await sendPayouts(sending);
}

const shown = (payoutId: string) => till.must('GET', `/v1/payouts/${payoutId}`);
const billNoOf = async (payoutId: string) => (await findBillOf(till.db, payoutId))!.billNo;
const paidTo = (openid: string) => double.journal().filter((one) => one.openid === openid);

test('a payout that the payee confirms is paid once, and its end is told by a notice or by asking', async () => {
  const { promoter, openid, payoutId } = await approved(888);
  await look();
  expect(await shown(payoutId)).toMatchObject({ state: 'action_required', net: 888 });
  const mine = await till.keyOf({ scope: 'promoter', promoter_id: promoter });
  expect((await till.must('GET', `/v1/payouts/${payoutId}/action`, undefined, mine)).payload.package_info).toEqual(expect.any(String));
  expect((await till.ask('GET', `/v1/payouts/${payoutId}/action`)).status).toBe(404);
  const billNo = await billNoOf(payoutId);
  double.confirm(billNo, openid);
  double.settle(billNo);
  expect(await double.deliver()).toBe(0);
  expect(await shown(payoutId)).toMatchObject({ state: 'paid' });
  await look();
  expect(paidTo(openid)).toHaveLength(1);
  expect(await till.balance(promoter)).toMatchObject({ available: 0, paying: 0, paid: 888 });
});

test('a time-out after the provider has accepted is unknown, asked about under the same number, and paid once', async () => {
  const { promoter, openid, payoutId } = await approved(1000);
  double.fail('create', 'drop');
  answered.length = 0;
  await look();
  expect((await shown(payoutId)).state).toBe('unknown');
  expect(answered).toContain('wechat-pay send unknown');
  const first = (await findBillOf(till.db, payoutId))!;
  await look();
  expect((await shown(payoutId)).state).toBe('action_required');
  expect(answered).toContain('wechat-pay ask action_required');
  const second = (await findBillOf(till.db, payoutId))!;
  expect([second.billNo, second.request.body]).toEqual([first.billNo, first.request.body]);
  double.confirm(first.billNo, openid);
  double.settle(first.billNo);
  await look();
  await double.deliver();
  expect((await shown(payoutId)).state).toBe('paid');
  expect(paidTo(openid)).toHaveLength(1);
  expect(await till.balance(promoter)).toMatchObject({ paid: 1000, paying: 0 });
});

test('a refusal ends a payout only beside a proven "not found"; the next one has a number of its own', async () => {
  const { promoter, openid, payoutId } = await approved(1000);
  double.fail('create', 'no_auth');
  await look();
  expect((await shown(payoutId)).state).toBe('unknown');
  await look();
  expect(await shown(payoutId)).toMatchObject({ state: 'failed' });
  expect(await till.balance(promoter)).toMatchObject({ available: 1000, paying: 0 });
  const failed = await billNoOf(payoutId);
  const batch = await till.draft({ promoter_ids: [promoter] });
  await till.approve(batch);
  await look();
  const [again] = await till.payouts(batch.batch_id);
  const billNo = await billNoOf(again.payout_id);
  expect(billNo).not.toBe(failed);
  double.confirm(billNo, openid);
  double.settle(billNo);
  await look();
  expect(paidTo(openid)).toHaveLength(1);
});

test('a confirmation that lapses fails the payout by the provider’s own word, and its money is available again', async () => {
  const { promoter, payoutId } = await approved(1000);
  await look();
  double.advance(24 * 3_600_000 + 1);
  await look();
  double.advance(3_600_000);
  await look();
  await look();
  expect(await shown(payoutId)).toMatchObject({ state: 'failed', reason: expect.stringContaining('OVERDUE') });
  expect(await till.balance(promoter)).toMatchObject({ available: 1000, paying: 0 });
});

test('a payout that waits for its payee can be cancelled, and ends by the provider’s own word', async () => {
  const { promoter, payoutId } = await approved(1000);
  await look();
  expect((await till.must('POST', `/v1/payouts/${payoutId}/cancellation`, { reason: 'by mistake' }, till.zhang)).outcome).toBe('waits');
  await look();
  double.advance(60_000);
  await look();
  expect((await shown(payoutId)).state).toBe('cancelled');
  expect(await till.balance(promoter)).toMatchObject({ available: 1000, paying: 0 });
});

test('what the provider has paid to another amount or person is disputed, until two persons have agreed', async () => {
  const { promoter, payoutId } = await approved(1000);
  await look();
  double.fail('query', 'other_amount');
  await look();
  expect((await shown(payoutId)).state).toBe('disputed');
  expect(await till.balance(promoter)).toMatchObject({ paying: 1000 });
  const url = `/v1/payouts/${payoutId}/results`;
  expect((await till.must('POST', url, { state: 'failed', reason: 'their support says so' }, till.zhang)).outcome).toBe('waits');
  expect((await till.ask('POST', `${url}/confirmation`, undefined, till.zhang)).body.code).toBe('second_person_required');
  expect((await till.must('POST', `${url}/confirmation`, undefined, till.li)).state).toBe('failed');
  expect(await till.balance(promoter)).toMatchObject({ available: 1000, paying: 0 });
});

async function forgetSending(payoutId: string): Promise<void> {
  await till.owner.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx);
    await sql`delete from payout_bill where payout_id = ${payoutId}`.execute(trx);
    await sql`delete from payout_change where payout_id = ${payoutId} and position > 1`.execute(trx);
    await sql`update payout set state = 'approved', due_at = now(), action = null where payout_id = ${payoutId}`.execute(trx);
  });
}

describe('after a restore', () => {
  test('nothing is approved or sent until an operator has compared and said so', async () => {
    const { payoutId } = await approved(1000);
    await stopProviders(till.db, new Date());
    await look();
    expect((await shown(payoutId)).state).toBe('approved');
    const { promoter } = { promoter: `w${names++}` };
    await till.promoter(promoter);
    await till.earn(promoter, 500);
    const batch = await till.draft({ promoter_ids: [promoter] });
    expect((await till.approve(batch)).body.code).toBe('provider_stopped');
    for (const provider of ['wechat', 'manual']) {
      await till.must('POST', `/v1/payout-providers/${provider}/resumption`, undefined, till.zhang);
    }
    await look();
    expect((await shown(payoutId)).state).toBe('action_required');
    expect((await till.approve(batch)).status).toBe(200);
  });

  test('the number that the provider knows is made again, and its payment is taken as ours', async () => {
    const { promoter, openid, payoutId } = await approved(1000);
    await look();
    const billNo = await billNoOf(payoutId);
    double.confirm(billNo, openid);
    double.settle(billNo);
    // Yesterday’s database: it knows neither the bill nor that the payout was sent.
    await forgetSending(payoutId);
    await look();
    await look();
    expect(await billNoOf(payoutId)).toBe(billNo);
    expect((await shown(payoutId)).state).toBe('paid');
    expect(paidTo(openid)).toHaveLength(1);
    expect(await till.balance(promoter)).toMatchObject({ paid: 1000, paying: 0 });
  });
});

test('a notice that nobody has signed is refused, and changes nothing', async () => {
  const answer = await till.service.app.inject({
    method: 'POST',
    url: '/payout-notices/wechat',
    payload: '{"id":"x"}',
    headers: { 'content-type': 'application/json' },
  });
  expect(answer.statusCode).toBe(401);
  const metrics = await till.must('GET', '/metrics');
  expect(metrics).toMatch(/fenyong_payout_notices_total\{kind="wechat-pay",outcome="refused"\} 1\n/);
  expect(metrics).toMatch(/fenyong_payout_notices_total\{kind="wechat-pay",outcome="applied"\} \d+\n/);
});

test('whatever fails, each payout is paid at most once, and the books say what the journal says', async () => {
  const calls = fc.array(fc.tuple(fc.constantFrom('create' as const, 'query' as const), fc.constantFrom(...ANSWER_FAULTS)), {
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(calls, fc.boolean(), async (faults, isConfirmed) => {
      const { promoter, openid, payoutId } = await approved(1000);
      for (const [call, fault] of faults) double.fail(call, fault);
      for (let round = 0; round < 10; round++) {
        await look();
        const bill = await findBillOf(till.db, payoutId);
        if (isConfirmed && bill !== null && double.confirm(bill.billNo, openid)) double.settle(bill.billNo);
        await double.deliver();
      }
      const { state } = await shown(payoutId);
      const paid = paidTo(openid);
      const balance = await till.balance(promoter);
      expect(paid.length).toBeLessThanOrEqual(1);
      if (state === 'paid') expect(paid).toHaveLength(1);
      if (['failed', 'cancelled'].includes(state)) expect(paid).toHaveLength(0);
      const sum = Object.entries(balance)
        .filter(([kind]) => kind !== 'currency')
        .reduce((total, [, amount]) => total + Number(amount), 0);
      expect([sum, balance.paid]).toEqual([1000, state === 'paid' ? 1000 : 0]);
    }),
    { numRuns: runs(2) },
  );
}, 600_000);

test('after all of this no law is broken, and the audit agrees', async () => {
  expect((await till.faults()).join('\n')).toBe('');
});
