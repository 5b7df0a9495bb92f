// 抖店's open platform over a real socket: its tokens, its signature, and the list of a shop's orders.
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Double, Failure } from '../subject.ts';

interface Row {
  orderId: string;
  at: Date;
  version: number;
}

interface Said {
  method: string;
  token: string | null;
  question: Record<string, number & string>;
}

const SUCCESS = 10000;
const FAILURES = {
  rate_limited: { code: 40003, msg: '调用频率超限', sub_code: 'isp.rate-limit' },
  refused: { code: 30001, msg: 'no permission', sub_code: 'isv.auth-refused' },
  token_ended: { code: 30005, msg: 'access_token expired', sub_code: 'isv.access-token-expired' },
};
const WRONG_SIGN = { code: 40001, msg: 'sign invalid', sub_code: 'isv.signature-invalid' };

interface Options {
  appKey: string;
  secret: string;
  /** The text of an order's row, as the platform writes it. */
  order: (row: Row) => string;
}

/** A link to that page which says who shared it; an `external_info` takes forty letters, digits and `_`. */
function share({ external_info: external, pid, product_url: page }: Said['question']): object {
  return /^\w{0,40}$/.test(String(external)) && String(pid).startsWith('dy_')
    ? { code: SUCCESS, data: { share_link: `${page}&pid=${pid}&external_info=${external}` } }
    : { code: 40004, msg: '非法的参数', sub_code: 'isv.parameter-invalid:4101', sub_msg: '无效 external_info' };
}

const seconds = ({ at }: Row) => Math.floor(at.getTime() / 1000);

export async function doudianDouble({ appKey, secret, order }: Options): Promise<Double> {
  const rows = new Map<string, Row>();
  let tokens = 0;
  let next: Failure | null = null;
  let hook: ((page: number) => void) | null = null;
  let asked = 0;

  const isSigned = (query: URLSearchParams, json: string): boolean => {
    const said = `app_key${appKey}method${query.get('method')}param_json${json}timestamp${query.get('timestamp')}v2`;
    return (
      query.get('sign') ===
      createHmac('sha256', secret)
        .update(secret + said + secret)
        .digest('hex')
    );
  };

  function answer({ method, token, question }: Said): object | string {
    if (method === 'token.create') {
      tokens += 1;
      return { code: SUCCESS, data: { access_token: `token-${tokens}`, expires_in: 604_800 } };
    }
    if (token !== `token-${tokens}`) return FAILURES.token_ended;
    if (method === 'buyin.kolProductShare') return share(question);
    if (method === 'order.orderDetail') return detail(rows.get(String(question['shop_order_id'])));
    const failure = next;
    next = null;
    if (failure === 'token_ended') tokens += 1;
    if (failure === 'temporary') return 'bad gateway';
    if (failure !== null) return FAILURES[failure];
    asked += 1;
    const { update_time_start: from, update_time_end: until, page, size } = question;
    const found = [...rows.values()].filter((row) => seconds(row) >= from! && seconds(row) < until!);
    const list = found.toSorted((a, b) => a.at.getTime() - b.at.getTime()).slice(page! * size!, (page! + 1) * size!);
    return `{"code":${SUCCESS},"data":{"total":${found.length},"shop_order_list":[${list.map(order).join(',')}]}}`;
  }

  const detail = (row: Row | undefined) => `{"code":${SUCCESS},"data":{"shop_order_detail":${row === undefined ? 'null' : order(row)}}}`;

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const json = Buffer.concat(chunks).toString();
      const { searchParams: query } = new URL(request.url ?? '/', 'http://localhost');
      const said = { method: query.get('method') ?? '', token: query.get('access_token'), question: JSON.parse(json) as Said['question'] };
      const before = asked;
      const told = isSigned(query, json) ? answer(said) : WRONG_SIGN;
      response.writeHead(told === 'bad gateway' ? 502 : 200, { 'content-type': 'application/json' });
      response.end(typeof told === 'string' ? told : JSON.stringify(told));
      if (asked > before) hook?.(asked);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    put: (orderId, at) => void rows.set(orderId, { orderId, at, version: (rows.get(orderId)?.version ?? 0) + 1 }),
    failNext: (kind) => {
      next = kind;
    },
    afterPage: (told) => {
      hook = told;
    },
    asked: () => asked,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
