// Where WeChat Pay is called: its first address, and the standby where that cannot be reached; the
// same number and bytes, and no second sending of what went unanswered.

import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { ProviderAccess } from '../../../../src/payouts/providers/provider.ts';
import { ask, cancel, send } from '../../../../src/payouts/providers/wechat-pay/bills.ts';
import { billOf, OPENID, stage, type Stage } from './stage.ts';

const [FIRST, STANDBY] = ['https://api.mch.weixin.qq.com', 'https://api2.mch.weixin.qq.com'];

let one: Stage;
/** An address where nobody listens. */
let nowhere: string;

beforeAll(async () => {
  one = await stage();
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  nowhere = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.close();
  await once(server, 'close');
});
afterAll(() => one.close());

/** WeChat's own addresses, led to where the test says; which of them were called. */
function addressed(targets: { first: string; standby: string }): { access: ProviderAccess; called: string[] } {
  const called: string[] = [];
  const access: ProviderAccess = {
    ...one.access,
    baseUrl: null,
    fetch: (url, init) => {
      const { origin, pathname } = new URL(url);
      called.push(origin);
      return fetch((origin === STANDBY ? targets.standby : targets.first) + pathname, init);
    },
  };
  return { access, called };
}

test('where the first address cannot be reached, every call goes to the standby, and is paid once', async () => {
  const { access, called } = addressed({ first: nowhere, standby: one.double.url });
  const bill = billOf(access);
  expect((await send(bill, access)).state).toBe('action_required');
  expect((await ask(bill, access)).state).toBe('action_required');
  expect(called).toEqual([FIRST, STANDBY, FIRST, STANDBY]);
  // The first address can be reached again.
  expect((await send(bill, one.access)).state).toBe('action_required');
  one.double.confirm(bill.billNo, OPENID);
  one.double.settle(bill.billNo);
  expect((await ask(bill, access)).state).toBe('paid');
  expect(one.double.journal().filter(({ out_bill_no }) => out_bill_no === bill.billNo)).toHaveLength(1);
});

test('a question that goes unanswered is asked at the standby; what may change something is not sent there', async () => {
  const { access, called } = addressed({ first: one.double.url, standby: one.double.url });
  const bill = billOf(access);
  one.double.fail('create', 'drop');
  expect((await send(bill, access)).state).toBe('unknown');
  one.double.fail('query', 'drop_before');
  expect((await ask(bill, access)).state).toBe('action_required');
  one.double.fail('cancel', 'drop');
  expect((await cancel(bill, access)).state).toBe('unknown');
  expect(called).toEqual([FIRST, FIRST, STANDBY, FIRST]);
});

test('an answer that is not proven is not asked for elsewhere', async () => {
  const { access, called } = addressed({ first: one.double.url, standby: one.double.url });
  const bill = billOf(access);
  await send(bill, access);
  for (const fault of ['wrong_signature', 'page_400', 'forged_paid'] as const) {
    one.double.fail('query', fault);
    expect((await ask(bill, access)).state).toBe('unknown');
  }
  expect(called).toEqual([FIRST, FIRST, FIRST, FIRST]);
});

test('where neither address is reached nothing is known', async () => {
  const { access, called } = addressed({ first: nowhere, standby: nowhere });
  expect(await send(billOf(access), access)).toMatchObject({
    state: 'unknown',
    reason: expect.stringContaining('not connected') as string,
  });
  expect(called).toEqual([FIRST, STANDBY]);
});

test('an address that is set instead is called alone', async () => {
  const { access, called } = addressed({ first: nowhere, standby: nowhere });
  expect((await ask(billOf(access), { ...access, baseUrl: nowhere })).state).toBe('unknown');
  expect(called).toEqual([new URL(nowhere).origin]);
});
