// A double of WeChat Pay: a server on loopback that takes, asks and cancels transfers as WeChat
// does, fails on demand, and keeps a journal of what it really paid. It shares no code with ours.
// Beside WeChat's calls: GET /journal /bills /merchant, POST /faults /confirm /settle /top-up
// /clock /notices.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { APPID, chinese, openBooks, Refusal, type Books, type Paid, type TransferBill } from './double-books.ts';
import { openNotices, type NoticeFault, type Notices } from './double-notices.ts';
import { isKeyOfWechat, MERCHANT_SECRETS, MERCHANT_SERIAL, PUBLIC_KEY_ID } from './double-signing.ts';
import { SIGNATURE_FAULTS, signedHeaders, wrongInAuthorization, type SignatureFault } from './double-signing.ts';

const MCH_ID = '1900001109';
const BILLS = '/v3/fund-app/mch-transfer/transfer-bills';
const BODY_BYTES_MAX = 1024 * 1024;
/** Calls in one second, and the code over that. */
const RATES = { create: [100, 'FREQUENCY_LIMIT_EXCEED'], query: [100, 'FREQUENCY_LIMITED'], cancel: [20, 'RATELIMIT_EXCEEDED'] } as const;

/** Not taken. */
const NOT_TAKEN_FAULTS = [
  'drop_before',
  'error_before',
  'page_400',
  'too_often',
  'not_enough',
  'no_auth',
  'new_code',
  'odd_refusal',
] as const;
/** Taken, and not said. */
const NOT_SAID_FAULTS = ['drop', 'error', 'silent', 'paid_then_drop', 'paid_then_error', 'notice_first'] as const;
/** Not signed by WeChat, as a man in the middle would lie. */
const FORGED_FAULTS = ['forged_paid', 'forged_failed', 'forged_not_found'] as const;
/** Signed, and odd. */
const ODD_FAULTS = ['too_big', 'not_json', 'strange_state', 'other_bill', 'other_amount', 'other_openid'] as const;
export const ANSWER_FAULTS = [...NOT_TAKEN_FAULTS, ...NOT_SAID_FAULTS, ...FORGED_FAULTS, ...ODD_FAULTS, ...SIGNATURE_FAULTS] as const;
export type AnswerFault = (typeof ANSWER_FAULTS)[number];

type CallName = keyof typeof RATES;

export interface WechatPayDouble {
  url: string;
  journal: () => readonly Paid[];
  bill: (outBillNo: string) => TransferBill | undefined;
  /** The next answers to calls of that name are given so, in this order. */
  fail: (call: CallName, ...faults: AnswerFault[]) => void;
  failNotice: (...faults: NoticeFault[]) => void;
  confirm: (outBillNo: string, openid: string) => boolean;
  settle: (outBillNo: string, reason?: string) => boolean;
  topUp: (amount: number) => void;
  /** Moves the clock of the bills; signatures are of `wall`. */
  advance: (ms: number) => void;
  knowName: (openid: string, name: string) => void;
  /** Sends the notices that were not kept yet; says how many are still not. */
  deliver: () => Promise<number>;
  /** What is to be stated of the provider. */
  secrets: Readonly<Record<string, string>>;
  options: Readonly<Record<string, unknown>>;
  /** Requests that came, as method and path. */
  requests: () => readonly string[];
  close: () => Promise<void>;
}

const OPTIONS = {
  mch_id: MCH_ID,
  appid: APPID,
  merchant_serial_no: MERCHANT_SERIAL,
  transfer_scene_id: '1005',
  transfer_scene_report_infos: [
    { info_type: '岗位类型', info_content: '推广员' },
    { info_type: '报酬说明', info_content: '推广佣金' },
  ],
  transfer_remark: '推广佣金',
};

interface Options {
  port?: number;
  /** The time of signatures and of rates. */
  wall?: () => Date;
  /** Where notices go instead of the host that was said, as through the proxy that ends TLS. */
  noticesTo?: string | (() => string);
  /** Sends each notice when its bill has ended; else when `deliver` is called. */
  sendsNotices?: boolean;
}

interface Asked {
  method: string;
  target: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

/** The body of what tests of another process ask of the double itself. */
interface Said {
  call?: CallName | 'notice';
  faults?: string[];
  out_bill_no?: string;
  openid?: string;
  reason?: string;
  amount?: number;
  advance_ms?: number;
}

interface Answer {
  status: number;
  body: object;
}

export async function startWechatPayDouble({
  port = 0,
  wall = () => new Date(),
  noticesTo,
  sendsNotices = false,
}: Options = {}): Promise<WechatPayDouble> {
  let skipped = 0;
  const now = (): number => wall().getTime() + skipped;
  const notices = openNotices({ wall, noticesTo: noticesTo ?? null, mchId: MCH_ID });
  const onEnd = (bill: TransferBill): void => {
    notices.push(bill);
    if (sendsNotices) setImmediate(() => void notices.deliver());
  };
  const books = openBooks({ now, onEnd });
  const faults: Record<CallName, AnswerFault[]> = { create: [], query: [], cancel: [] };
  const calls: Record<CallName, number[]> = { create: [], query: [], cancel: [] };
  const requests: string[] = [];

  function advance(ms: number): void {
    skipped += ms;
    books.tick();
  }

  /** WeChat's answer to a call; throws `Refusal`. */
  function answerTo(name: CallName, asked: Asked): Answer {
    const { method, target, headers, body } = asked;
    const wrong = wrongInAuthorization(headers.authorization, { method, target, body, mchId: MCH_ID, at: wall() });
    if (wrong !== null) throw new Refusal(401, 'SIGN_ERROR', wrong);
    if (headers.accept !== 'application/json' || headers['user-agent'] === undefined) throw new Refusal(400, 'PARAM_ERROR', '请求头错误');
    const [most, code] = RATES[name];
    const since = wall().getTime() - 1000;
    calls[name] = calls[name].filter((at) => at > since);
    if (calls[name].length >= most) throw new Refusal(429, code, '频率超限,请降低频率后原单重试');
    calls[name].push(wall().getTime());
    const number = target.split('/')[6] ?? '';
    if (name === 'create') {
      if (headers['content-type'] !== 'application/json') throw new Refusal(400, 'PARAM_ERROR', '请求头错误');
      return { status: 200, body: createdView(books.create(body, headers['wechatpay-serial'] as string | undefined)) };
    }
    if (name === 'query') return { status: 200, body: queryView(books.billOf(number)) };
    if (body.length > 0 && body.toString() !== '{}') throw new Refusal(400, 'PARAM_ERROR', '请求体错误');
    const { out_bill_no, transfer_bill_no, state, updatedAt } = books.cancel(number);
    return { status: 200, body: { out_bill_no, transfer_bill_no, state, update_time: chinese(updatedAt) } };
  }

  function pay(asked: Asked): void {
    const bill = books.bills.get(numberIn(asked));
    if (bill !== undefined && books.confirm(bill.out_bill_no, bill.openid)) books.settle(bill.out_bill_no);
  }

  async function serve(name: CallName, asked: Asked, response: ServerResponse): Promise<void> {
    const fault = faults[name].shift() ?? null;
    books.tick();
    if (fault === 'drop_before') return void response.destroy();
    if (fault === 'page_400') return void response.writeHead(400, { 'content-type': 'text/html' }).end(PAGE_400);
    const answer = NOT_TAKEN[fault ?? ''] ?? answered(() => answerTo(name, asked));
    if (fault === 'paid_then_drop' || fault === 'paid_then_error' || fault === 'notice_first') pay(asked);
    if (fault === 'notice_first') await notices.deliver();
    if (fault === 'drop' || fault === 'paid_then_drop') return void response.destroy();
    if (fault === 'silent') return;
    const { status, body } = fault === 'error' || fault === 'paid_then_error' ? NOT_TAKEN['error_before']! : answer;
    const [signed, sent, sentStatus] = bodiesOf(fault, { status, body });
    const wanted = asked.headers['wechatpay-serial'] as string | undefined;
    const signing = {
      at: wall(),
      serial: wanted !== undefined && isKeyOfWechat(wanted) ? wanted : PUBLIC_KEY_ID,
      fault: SIGNATURE_FAULTS.includes(fault as SignatureFault) ? (fault as SignatureFault) : null,
    };
    response.writeHead(sentStatus, { 'content-type': 'application/json; charset=utf-8', ...signedHeaders(signed, signing) }).end(sent);
  }

  const server = createServer((request, response) => {
    void (async () => {
      const asked = await askedBy(request);
      const name = callOf(asked);
      if (name !== null) {
        requests.push(`${asked.method} ${asked.target}`);
        await serve(name, asked, response);
        return;
      }
      const told = await control(asked, { books, notices, faults, advance });
      response.writeHead(told === null ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(told));
    })();
  });
  // A connection that is kept open is not closed just when it is used again.
  server.keepAliveTimeout = 0;
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    journal: () => books.journal,
    bill: (outBillNo) => books.bills.get(outBillNo),
    fail: (call, ...kinds) => void faults[call].push(...kinds),
    failNotice: (...kinds) => notices.fail(...kinds),
    confirm: (outBillNo, openid) => books.confirm(outBillNo, openid),
    settle: (outBillNo, reason) => books.settle(outBillNo, reason ?? null),
    topUp: (amount) => books.topUp(amount),
    advance,
    knowName: (openid, name) => void books.realNames.set(openid, name),
    deliver: () => notices.deliver(),
    secrets: MERCHANT_SECRETS,
    options: OPTIONS,
    requests: () => requests,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Inside {
  books: Books;
  notices: Notices;
  faults: Record<CallName, AnswerFault[]>;
  advance: (ms: number) => void;
}

/** What tests of another process do. */
async function control(asked: Asked, { books, notices, faults, advance }: Inside): Promise<object | null> {
  const said = (asked.body.length === 0 ? {} : JSON.parse(asked.body.toString())) as Said;
  const number = said.out_bill_no ?? '';
  switch (`${asked.method} ${asked.target}`) {
    case 'GET /journal':
      return books.journal;
    case 'GET /bills':
      return [...books.bills.values()].map((bill) => ({ ...bill, bytes: undefined }));
    case 'GET /merchant':
      return { secrets: MERCHANT_SECRETS, options: OPTIONS };
    case 'POST /faults':
      if (said.call === 'notice') notices.fail(...((said.faults ?? []) as NoticeFault[]));
      else faults[said.call ?? 'create'].push(...((said.faults ?? []) as AnswerFault[]));
      return {};
    case 'POST /confirm':
      return { done: books.confirm(number, said.openid ?? '') };
    case 'POST /settle':
      return { done: books.settle(number, said.reason ?? null) };
    case 'POST /top-up':
      books.topUp(said.amount ?? 0);
      return { balance: books.balance() };
    case 'POST /clock':
      advance(said.advance_ms ?? 0);
      return {};
    case 'POST /notices':
      return { waiting: await notices.deliver() };
    default:
      return null;
  }
}

const PAGE_400 =
  '<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body bgcolor="white">\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>';

/** Answers to a call that was not taken, or is said not to have been. */
const NOT_TAKEN: Readonly<Record<string, Answer>> = {
  error_before: { status: 500, body: { code: 'SYSTEM_ERROR', message: '系统异常,请使用相同参数稍后重新调用' } },
  too_often: { status: 429, body: { code: 'FREQUENCY_LIMIT_EXCEED', message: '频率超限,请降低频率后原单重试' } },
  not_enough: { status: 403, body: { code: 'NOT_ENOUGH', message: '资金不足,请充值后原单重试' } },
  no_auth: { status: 403, body: { code: 'NO_AUTH', message: '商户号未开通商家转账权限' } },
  odd_refusal: { status: 500, body: { code: 'PARAM_ERROR', message: '参数错误' } },
  new_code: { status: 400, body: { code: 'SOME_NEW_CODE', message: '新的错误码' } },
};

/** What is signed, what is sent, and with which status: the same but for those that lie. */
function bodiesOf(fault: AnswerFault | null, { status, body }: Answer): [Buffer, Buffer, number] {
  const truth = Buffer.from(JSON.stringify(body));
  const signed = (text: string): [Buffer, Buffer, number] => [Buffer.from(text), Buffer.from(text), status];
  const forged = (lie: object, as = 200): [Buffer, Buffer, number] => [truth, Buffer.from(JSON.stringify(lie)), as];
  const odd = (lie: object): [Buffer, Buffer, number] =>
    status === 200 ? signed(JSON.stringify({ ...body, ...lie })) : signed(truth.toString());
  const amount = (body as { transfer_amount?: number }).transfer_amount;
  switch (fault) {
    case 'forged_paid':
      return forged({ ...body, state: 'SUCCESS' });
    case 'forged_failed':
      return forged({ ...body, state: 'FAIL', fail_reason: 'ACCOUNT_FROZEN' });
    case 'forged_not_found':
      return forged({ code: 'NOT_FOUND', message: '记录不存在' }, 404);
    case 'too_big':
      return odd({ padding: 'x'.repeat(BODY_BYTES_MAX) });
    case 'not_json':
      return signed('<html>not here</html>');
    case 'strange_state':
      return odd({ state: 'WAITING_FOR_SOMETHING_NEW' });
    case 'other_bill':
      return odd({ out_bill_no: 'AnotherBill0000000000000000000000', state: 'SUCCESS' });
    case 'other_amount':
      return amount === undefined ? signed(truth.toString()) : odd({ transfer_amount: amount + 1, state: 'SUCCESS' });
    case 'other_openid':
      return amount === undefined ? signed(truth.toString()) : odd({ openid: 'o-SomebodyElse', state: 'SUCCESS' });
    default:
      return [truth, truth, status];
  }
}

function createdView(bill: TransferBill): object {
  const { out_bill_no, transfer_bill_no, state, fail_reason, package_info, createdAt } = bill;
  return {
    out_bill_no,
    transfer_bill_no,
    create_time: chinese(createdAt),
    state,
    ...(state === 'WAIT_USER_CONFIRM' ? { package_info } : {}),
    ...(fail_reason === null ? {} : { fail_reason }),
  };
}

function queryView(bill: TransferBill): object {
  const { out_bill_no, transfer_bill_no, state, transfer_amount, transfer_remark, fail_reason, openid, createdAt, updatedAt } = bill;
  return {
    mch_id: MCH_ID,
    out_bill_no,
    transfer_bill_no,
    appid: APPID,
    state,
    transfer_amount,
    transfer_remark,
    ...(fail_reason === null ? {} : { fail_reason }),
    openid,
    create_time: chinese(createdAt),
    update_time: chinese(updatedAt),
  };
}

function answered(answer: () => Answer): Answer {
  try {
    return answer();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { status: error.status, body: { code: error.code, message: error.message } };
  }
}

async function askedBy(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return { method: request.method!, target: request.url!, headers: request.headers, body: Buffer.concat(chunks) };
}

/** The number that a call is about: in its path, or in its body. */
function numberIn({ target, body }: Asked): string {
  const inPath = target.split('/')[6];
  return inPath ?? /"out_bill_no":"(\w+)"/.exec(body.toString())?.[1] ?? '';
}

function callOf({ method, target }: Asked): CallName | null {
  if (method === 'POST' && target === BILLS) return 'create';
  if (!target.startsWith(`${BILLS}/out-bill-no/`)) return null;
  if (method === 'GET') return 'query';
  return method === 'POST' && target.endsWith('/cancel') ? 'cancel' : null;
}
