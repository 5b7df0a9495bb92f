// Notices over real sockets: what is kept of them, and what each says of the bill.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';

import type { Bill, ReadNotice } from '../../../../src/payouts/providers/provider.ts';
import { send } from '../../../../src/payouts/providers/wechat-pay/bills.ts';
import { noticeAnswer, readNotice } from '../../../../src/payouts/providers/wechat-pay/notices.ts';
import { startWechatPayDouble } from './double.ts';
import type { NoticeFault } from './double-notices.ts';
import { billOf, OPENID, stage, type Stage } from './stage.ts';

let one: Stage;
let notices: ReadNotice[] = [];
let isKept = true;

const server = createServer((request, response) => {
  void (async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const read = readNotice({ headers: request.headers, body: Buffer.concat(chunks) }, one.access);
    notices.push(read);
    const { status, body } = noticeAnswer(read.proven && isKept);
    response.writeHead(status).end(body);
  })();
});

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  one = await stage({ noticesTo: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
});
afterAll(async () => {
  await one.close();
  server.closeAllConnections();
  server.close();
});
beforeEach(async () => {
  isKept = true;
  await one.double.deliver();
  notices = [];
});

async function paid(): Promise<Bill> {
  const bill = billOf(one.access);
  await send(bill, one.access);
  one.double.confirm(bill.billNo, OPENID);
  one.double.settle(bill.billNo);
  return bill;
}

const noticeIdOf = (read: ReadNotice | undefined) => (read?.proven === true ? read.noticeId : null);
const saysOf = (read: ReadNotice | undefined, bill: Bill) => (read?.proven === true ? read.answerFor(bill) : read);

test('a notice says the end of its bill, under the public key and under the certificate by turns', async () => {
  const bills = [await paid(), await paid(), await paid()];
  expect(await one.double.deliver()).toBe(0);
  expect(notices.map((read) => read.proven && read.billNo)).toEqual(bills.map(({ billNo }) => billNo));
  expect(notices.map((read, at) => saysOf(read, bills[at]!))).toEqual(
    Array(3).fill(expect.objectContaining({ state: 'paid', at: expect.any(Date) as Date })),
  );
  expect(new Set(notices.map((read) => read.proven && read.noticeId)).size).toBe(3);
});

test('a notice that was not kept comes again under its own id', async () => {
  const bill = await paid();
  isKept = false;
  expect(await one.double.deliver()).toBe(1);
  isKept = true;
  expect(await one.double.deliver()).toBe(0);
  expect(notices).toHaveLength(2);
  expect(notices[0]).toMatchObject({ noticeId: noticeIdOf(notices[1]) });
  expect(saysOf(notices[1], bill)).toMatchObject({ state: 'paid' });
});

test('one of a day that has passed says so, and so does one of a payment that failed', async () => {
  const bills = [billOf(one.access), billOf(one.access)] as const;
  await send(bills[0], one.access);
  one.double.advance(25 * 3_600_000);
  await send(bills[1], one.access);
  one.double.confirm(bills[1].billNo, OPENID);
  one.double.settle(bills[1].billNo, 'ACCOUNT_FROZEN');
  await one.double.deliver();
  expect(saysOf(notices[0], bills[0])).toMatchObject({ state: 'failed', reason: 'OVERDUE_CLOSE' });
  expect(saysOf(notices[1], bills[1])).toMatchObject({ state: 'failed', reason: 'ACCOUNT_FROZEN' });
});

test.each([
  ['other_amount', 'the bill has another amount'],
  ['other_openid', 'the bill has another openid'],
  ['other_merchant', 'the bill has another merchant number'],
] as [NoticeFault, string][])('a notice with %s differs', async (fault, reason) => {
  const bill = await paid();
  one.double.failNotice(fault);
  await one.double.deliver();
  expect(saysOf(notices[0], bill)).toEqual({ state: 'differs', reason });
});

test('a notice of an unknown number is proven, and is of no bill that is held against it', async () => {
  const bill = await paid();
  one.double.failNotice('unknown_number');
  await one.double.deliver();
  expect(notices[0]).toMatchObject({ proven: true, billNo: 'NobodyKnowsThisNumber' });
  expect(saysOf(notices[0], bill)).toMatchObject({ state: 'unknown' });
});

test.each(['wrong_signature', 'no_signature', 'stale', 'unknown_key', 'probe'] as NoticeFault[])(
  'a notice with %s is refused, and the true one after it is read',
  async (fault) => {
    const bill = await paid();
    one.double.failNotice(fault);
    expect(await one.double.deliver()).toBe(1);
    expect(notices[0]).toMatchObject({ proven: false, isProbe: fault === 'probe' });
    expect(await one.double.deliver()).toBe(0);
    expect(saysOf(notices[1], bill)).toMatchObject({ state: 'paid' });
  },
);

test('notices come twice, out of their order, and before the answer to the call', async () => {
  const first = await paid();
  const second = await paid();
  one.double.failNotice('held', 'twice');
  await one.double.deliver();
  await one.double.deliver();
  expect(notices.map((read) => read.proven && read.billNo)).toEqual([second.billNo, second.billNo, first.billNo]);
  notices = [];
  const bill = billOf(one.access);
  one.double.fail('create', 'notice_first');
  const answer = await send(bill, one.access);
  expect(saysOf(notices[0], bill)).toMatchObject({ state: 'paid' });
  expect(answer.state).toBe('action_required');
});

test('a signed notice that no key of ours opens is refused, as is one of something else', async () => {
  const bill = await paid();
  const secrets = one.access.secrets;
  try {
    one.access.secrets = { ...secrets, api_v3_key: 'x'.repeat(32) };
    await one.double.deliver();
    one.access.secrets = { ...secrets, api_v3_key: ['x'.repeat(32), String(secrets['api_v3_key'])] };
    await one.double.deliver();
  } finally {
    one.access.secrets = secrets;
  }
  expect(notices[0]).toEqual({ proven: false, reason: 'no APIv3 key opens the notice', isProbe: false });
  expect(saysOf(notices[1], bill)).toMatchObject({ state: 'paid' });
  expect(readNotice({ headers: {}, body: Buffer.alloc(65_537) }, one.access)).toMatchObject({ proven: false, isProbe: false });
});

test('a double that sends by itself tells the end as soon as it has come', async () => {
  const noticesTo = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const own = await startWechatPayDouble({ wall: one.now, noticesTo, sendsNotices: true });
  const access = { ...one.access, baseUrl: own.url };
  const bill = billOf(access);
  await send(bill, access);
  own.confirm(bill.billNo, OPENID);
  own.settle(bill.billNo);
  await vi.waitUntil(() => notices.length > 0);
  expect(saysOf(notices[0], bill)).toMatchObject({ state: 'paid' });
  await own.close();
});
