// The books of the double of WeChat Pay: bills, their states, the merchant's balance, and the
// journal of what was really paid. It knows no HTTP and no signatures.

import { openedName } from './double-signing.ts';

/** A call that was refused, as WeChat says it. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface TransferBill {
  out_bill_no: string;
  transfer_bill_no: string;
  state: string;
  transfer_amount: number;
  transfer_remark: string;
  openid: string;
  user_name: string | null;
  fail_reason: string | null;
  notify_url: string | null;
  package_info: string;
  bytes: Buffer;
  createdAt: number;
  updatedAt: number;
}

/** One payment that was really made. */
export interface Paid {
  out_bill_no: string;
  transfer_bill_no: string;
  openid: string;
  amount: number;
  user_name: string | null;
  at: string;
}

export const APPID = 'wxf636efh567hg4356';
/** The one scene that was granted, with all that it wants reported. */
const SCENE = '1005';
const INFO_TYPES = ['岗位类型', '报酬说明'];
const PERCEPTIONS = new Set<unknown>(['劳务报酬', '报销款']);
const HOUR_MS = 3_600_000;
const CONFIRM_MS = 24 * HOUR_MS;
/** Closing takes some time, in which the state stays what it was. */
const LAPSE_LAG_MS = HOUR_MS;
const CANCEL_LAG_MS = 60_000;
const QUERY_MS = 30 * 24 * HOUR_MS;
const LEAST = 10;
const MOST = 5_000_000;

/** RFC 3339 in Chinese time, as WeChat writes it. */
export const chinese = (at: number): string => `${new Date(at + 8 * HOUR_MS).toISOString().slice(0, 19)}+08:00`;

type Fields = Record<string, unknown>;
const isText = (value: unknown, most: number): value is string =>
  typeof value === 'string' && value !== '' && Array.from(value).length <= most;
const wrong = (message: string) => new Refusal(400, 'PARAM_ERROR', message);
const refused = (message: string) => new Refusal(400, 'INVALID_REQUEST', message);

function checkRemark({ transfer_remark: remark, user_recv_perception: perception, notify_url: url }: Fields): void {
  if (!isText(remark, 32)) throw wrong('转账备注错误');
  if (perception !== undefined && !PERCEPTIONS.has(perception)) throw refused('暂不支持展示当前传入的用户收款感知');
  if (url !== undefined && !(isText(url, 256) && /^https:\/\/[^?#]+$/.test(url))) throw wrong('回调地址错误');
}

function checkScene({ transfer_scene_id: scene, transfer_scene_report_infos: infos }: Fields): void {
  if (scene !== SCENE) throw refused('你尚未获取该转账场景');
  const types = Array.isArray(infos) ? infos.map((info: Fields) => (isText(info['info_content'], 32) ? info['info_type'] : null)) : [];
  if (types.length !== INFO_TYPES.length || !INFO_TYPES.every((type) => types.includes(type))) {
    throw wrong('未传入完整且对应的转账场景报备信息');
  }
}

/** The name that a create tells, or null; refuses what the amount does not go with. */
function checkAmount({ transfer_amount: amount, user_name: sealed }: Fields, serial: string | undefined): string | null {
  if (!Number.isInteger(amount)) throw wrong('转账金额错误');
  if (Number(amount) < LEAST || Number(amount) > MOST) throw refused('超过单笔转账上下限');
  if (sealed === undefined) {
    if (Number(amount) >= 200_000) throw wrong('转账金额大于等于2000元时,收款用户姓名必填');
    return null;
  }
  const name = typeof sealed === 'string' ? openedName(sealed, serial) : null;
  if (name === null) throw wrong('敏感信息解密失败');
  if (Number(amount) < 30) throw wrong('转账金额低于0.3元时,不支持校验用户姓名');
  return name;
}

type Said = Pick<TransferBill, 'out_bill_no' | 'transfer_amount' | 'transfer_remark' | 'openid' | 'user_name' | 'notify_url'>;

/** What a create says, if all of it goes together. */
function checked(bytes: Buffer, serial: string | undefined): Said {
  let fields: Fields;
  try {
    fields = JSON.parse(bytes.toString()) as Fields;
  } catch {
    throw wrong('请求体不是合法的JSON');
  }
  const { out_bill_no: number, openid, transfer_amount, transfer_remark, notify_url } = fields;
  if (typeof number !== 'string' || !/^[0-9A-Za-z]{1,32}$/.test(number)) throw wrong('商户单号只能由数字、大小写字母组成');
  if (fields['appid'] !== APPID) throw refused('APPID不存在');
  if (!isText(openid, 64)) throw wrong('openid错误');
  const name = checkAmount(fields, serial);
  checkScene(fields);
  checkRemark(fields);
  return {
    out_bill_no: number,
    transfer_amount: transfer_amount as number,
    transfer_remark: transfer_remark as string,
    openid,
    user_name: name,
    notify_url: (notify_url as string | undefined) ?? null,
  };
}

/** `now` is the clock of the bills, in milliseconds. `onEnd` hears of every bill that has ended. */
export function openBooks({ now, onEnd }: { now: () => number; onEnd: (bill: TransferBill) => void }) {
  const bills = new Map<string, TransferBill>();
  const journal: Paid[] = [];
  const realNames = new Map<string, string>();
  let balance = 1_000_000_000;

  function become(bill: TransferBill, state: string, reason: string | null = null): void {
    const wasLocked = bill.state !== 'PROCESSING';
    Object.assign(bill, { state, fail_reason: reason, updatedAt: now() });
    if (state === 'SUCCESS') {
      const { out_bill_no, transfer_bill_no, openid, transfer_amount: amount, user_name } = bill;
      journal.push({ out_bill_no, transfer_bill_no, openid, amount, user_name, at: chinese(now()) });
    }
    if ((state === 'FAIL' || state === 'CANCELLED') && wasLocked) balance += bill.transfer_amount;
    if (['SUCCESS', 'FAIL', 'CANCELLED'].includes(state)) onEnd(bill);
  }

  /** Locks money for those that wait, oldest first; a bill never overtakes another. */
  function lock(): void {
    for (const bill of bills.values()) {
      if (bill.state !== 'PROCESSING') continue;
      if (bill.transfer_amount > balance) return;
      balance -= bill.transfer_amount;
      become(bill, 'WAIT_USER_CONFIRM');
    }
  }

  function tick(): void {
    for (const bill of bills.values()) {
      if (bill.state === 'WAIT_USER_CONFIRM' && now() - bill.createdAt >= CONFIRM_MS + LAPSE_LAG_MS) become(bill, 'FAIL', 'OVERDUE_CLOSE');
      if (bill.state === 'CANCELING' && now() - bill.updatedAt >= CANCEL_LAG_MS) become(bill, 'CANCELLED');
    }
    lock();
  }

  function billOf(outBillNo: unknown): TransferBill {
    const bill = bills.get(String(outBillNo));
    if (bill === undefined || now() - bill.createdAt >= QUERY_MS) throw new Refusal(404, 'NOT_FOUND', '记录不存在');
    return bill;
  }

  function create(bytes: Buffer, serial: string | undefined): TransferBill {
    const said = checked(bytes, serial);
    const known = bills.get(said.out_bill_no);
    if (known !== undefined) {
      if (!known.bytes.equals(bytes)) throw refused('单号已存在但信息不一致,请查单后比较确认');
      return known;
    }
    const bill: TransferBill = {
      ...said,
      transfer_bill_no: `13300078120077025092300${String(17_332_919_998 + bills.size)}`,
      state: 'PROCESSING',
      fail_reason: null,
      package_info: Buffer.from(`package of ${said.out_bill_no}`).toString('base64'),
      bytes,
      createdAt: now(),
      updatedAt: now(),
    };
    bills.set(bill.out_bill_no, bill);
    lock();
    return bill;
  }

  /** Only before the payee has confirmed; asked again while it is cancelled it is the same. */
  function cancel(outBillNo: string): TransferBill {
    const bill = billOf(outBillNo);
    if (bill.state === 'PROCESSING') balance -= bill.transfer_amount;
    if (['PROCESSING', 'WAIT_USER_CONFIRM'].includes(bill.state)) become(bill, 'CANCELING');
    if (bill.state !== 'CANCELING' && bill.state !== 'CANCELLED') throw refused('当前转账单状态不支持撤销');
    return bill;
  }

  /** The payee confirms on its page, as whom it is logged in: the money is on its way. */
  function confirm(outBillNo: string, openid: string): boolean {
    const bill = bills.get(outBillNo);
    if (bill?.state !== 'WAIT_USER_CONFIRM' || bill.openid !== openid) return false;
    become(bill, 'TRANSFERING');
    return true;
  }

  /** What is on its way arrives, unless the name is another's or a reason is given. */
  function settle(outBillNo: string, reason: string | null = null): boolean {
    const bill = bills.get(outBillNo);
    if (bill?.state !== 'TRANSFERING') return false;
    const isOther = bill.user_name !== null && bill.user_name !== (realNames.get(bill.openid) ?? bill.user_name);
    const why = reason ?? (isOther ? 'NAME_NOT_CORRECT' : null);
    become(bill, why === null ? 'SUCCESS' : 'FAIL', why);
    return true;
  }

  return {
    bills,
    journal,
    realNames,
    tick,
    create,
    billOf,
    cancel,
    confirm,
    settle,
    /** The merchant puts money in, or takes it out. */
    topUp(amount: number): void {
      balance += amount;
      lock();
    },
    balance: () => balance,
  };
}

export type Books = ReturnType<typeof openBooks>;
