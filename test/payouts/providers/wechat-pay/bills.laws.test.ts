// Whatever goes wrong between WeChat and us, and in whatever order: no answer of ours calls a bill
// paid that was not, nor ends one otherwise that was. The double's journal says which were.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Bill, BillAnswer, ReadNotice } from '../../../../src/payouts/providers/provider.ts';
import { ask, cancel, send } from '../../../../src/payouts/providers/wechat-pay/bills.ts';
import { noticeAnswer, readNotice } from '../../../../src/payouts/providers/wechat-pay/notices.ts';
import { runs } from '../../../runs.ts';
import { ANSWER_FAULTS, type AnswerFault } from './double.ts';
import { NOTICE_FAULTS, type NoticeFault } from './double-notices.ts';
import { billOf, OPENID, stage, type Stage } from './stage.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const CALLS = { create: send, query: ask, cancel } as const;
/** One that waits for our patience is tried elsewhere, with a shorter one. */
const FAULTS = ANSWER_FAULTS.filter((fault) => fault !== 'silent');

type Step =
  | { does: 'call'; which: 0 | 1; name: keyof typeof CALLS; fault: AnswerFault | null }
  | { does: 'confirm' | 'settle' | 'fail'; which: 0 | 1 }
  | { does: 'wait'; ms: number }
  | { does: 'top_up'; amount: number }
  | { does: 'notices'; fault: NoticeFault | null };

let one: Stage;
let notices: ReadNotice[] = [];
const server = createServer((request, response) => {
  void (async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const read = readNotice({ headers: request.headers, body: Buffer.concat(chunks) }, one.access);
    notices.push(read);
    const { status, body } = noticeAnswer(read.proven);
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

const isPaid = ({ billNo, amount }: Bill): boolean => {
  const paid = one.double.journal().filter(({ out_bill_no }) => out_bill_no === billNo);
  expect(paid.length).toBeLessThanOrEqual(1);
  for (const { openid, amount: fen } of paid) expect([openid, BigInt(fen)]).toEqual([OPENID, amount]);
  return paid.length === 1;
};

const seen = new Map<string, number>();

/** What an answer may not say, at the moment at which it is said. */
function judge(bill: Bill, answer: BillAnswer, isLie: boolean): void {
  seen.set(answer.state, (seen.get(answer.state) ?? 0) + 1);
  if (answer.state === 'paid') expect(isPaid(bill)).toBe(true);
  if (['failed', 'cancelled', 'returned', 'not_found'].includes(answer.state)) expect(isPaid(bill)).toBe(false);
  if (answer.state === 'differs') expect(isLie).toBe(true);
  if (answer.state === 'action_required' && answer.payload !== null) {
    expect(answer.payload['package_info']).toBe(one.double.bill(bill.billNo)?.package_info);
  }
}

/** Does one step, and says which answers ended a bill for good. */
async function take(step: Step, bills: readonly [Bill, Bill]): Promise<{ bill: Bill; answer: BillAnswer }[]> {
  one.later(1_001);
  switch (step.does) {
    case 'call': {
      const bill = bills[step.which];
      if (step.fault !== null) one.double.fail(step.name, step.fault);
      const answer = await CALLS[step.name](bill, one.access);
      judge(bill, answer, step.fault?.startsWith('other_') === true);
      return [{ bill, answer }];
    }
    case 'confirm':
      one.double.confirm(bills[step.which].billNo, OPENID);
      return [];
    case 'settle':
    case 'fail':
      one.double.settle(bills[step.which].billNo, step.does === 'fail' ? 'ACCOUNT_FROZEN' : undefined);
      return [];
    case 'wait':
      one.later(step.ms);
      return [];
    case 'top_up':
      one.double.topUp(step.amount);
      return [];
    case 'notices':
      return deliverAll(step.fault, bills);
    default:
      return step satisfies never;
  }
}

/** Each notice is held against both bills: it is of one of them, or of none. */
async function deliverAll(fault: NoticeFault | null, bills: readonly [Bill, Bill]): Promise<{ bill: Bill; answer: BillAnswer }[]> {
  notices = [];
  if (fault !== null) one.double.failNotice(fault);
  await one.double.deliver();
  const pairs = notices.flatMap((read) => (read.proven ? bills.map((bill) => ({ bill, answer: read.answerFor(bill) })) : []));
  for (const { bill, answer } of pairs) judge(bill, answer, fault?.startsWith('other_') === true);
  return pairs;
}

const ENDS: Readonly<Record<string, string>> = {
  SUCCESS: 'paid',
  FAIL: 'failed',
  CANCELLED: 'cancelled',
  WAIT_USER_CONFIRM: 'action_required',
};

async function play(script: readonly Step[]): Promise<void> {
  const bills = [billOf(one.access), billOf(one.access, { amount: 300_000n })] as const;
  const ended: Bill[] = [];
  // What an earlier script has left to be told is not of this one.
  await one.double.deliver();
  const since = one.now().getTime();
  for (const step of script) {
    const answers = await take(step, bills);
    ended.push(...answers.filter(({ answer }) => ['failed', 'cancelled'].includes(answer.state)).map(({ bill }) => bill));
  }
  one.later(1_001);
  for (const bill of bills) {
    const answer = await ask(bill, one.access);
    judge(bill, answer, false);
    const truth = one.double.bill(bill.billNo)?.state;
    const isForgotten = one.now().getTime() - since >= 29 * DAY_MS;
    // Once all is well again one question brings the truth, as long as WeChat tells it.
    if (!isForgotten) expect(answer.state).toBe(truth === undefined ? 'not_found' : (ENDS[truth] ?? 'accepted'));
  }
  expect(ended.filter(isPaid)).toEqual([]);
  one.double.topUp(1_000_000_000);
}

const which = fc.constantFrom<0 | 1>(0, 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant('call' as const),
      which,
      name: fc.constantFrom('create', 'create', 'query', 'query', 'cancel'),
      fault: fc.option(fc.constantFrom(...FAULTS)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ does: fc.constantFrom('confirm' as const, 'settle' as const, 'settle' as const, 'fail' as const), which }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant('wait' as const), ms: fc.constantFrom(2 * MINUTE_MS, 25 * 60 * MINUTE_MS, 28 * DAY_MS) }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('top_up' as const), amount: fc.constantFrom(-1_000_000_000, 1_000_000_000) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('notices' as const), fault: fc.option(fc.constantFrom(...NOTICE_FAULTS)) }) },
);

const create = (fault: AnswerFault | null = null): Step => ({ does: 'call', which: 0, name: 'create', fault });
const query = (fault: AnswerFault | null = null): Step => ({ does: 'call', which: 0, name: 'query', fault });

/** The ways on which an end is surely reached, each with what has gone wrong for others. */
const KNOWN: Step[][] = [
  [create('paid_then_drop'), create(), query('forged_failed'), { does: 'notices', fault: 'twice' }, query()],
  [create('error'), { does: 'call', which: 0, name: 'cancel', fault: 'drop' }, { does: 'wait', ms: 2 * MINUTE_MS }, query(), create()],
  [
    create('drop'),
    query('forged_not_found'),
    { does: 'wait', ms: 25 * 60 * MINUTE_MS },
    { does: 'notices', fault: 'other_amount' },
    query(),
  ],
  [query(), create('no_auth'), query(), create('notice_first'), { does: 'notices', fault: null }, query('other_amount')],
  [create(), { does: 'confirm', which: 0 }, query(), { does: 'fail', which: 0 }, query()],
  [create('paid_then_error'), { does: 'wait', ms: 28 * DAY_MS }, { does: 'wait', ms: 28 * DAY_MS }, query(), create()],
];

test('no answer calls a bill paid that was not, and none ends otherwise a bill that was', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), play), {
    numRuns: runs(25) + KNOWN.length,
    examples: KNOWN.map((script): [Step[]] => [script]),
  });
  const never = ['paid', 'accepted', 'action_required', 'failed', 'cancelled', 'refused', 'not_found', 'differs', 'unknown'].filter(
    (state) => !seen.has(state),
  );
  expect(never).toEqual([]);
});
