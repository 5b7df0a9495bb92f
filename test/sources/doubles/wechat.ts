// 微信小店 over a real socket: its access tokens, the list of orders that changed, and one order by its id.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Double, Failure } from '../subject.ts';

interface Row {
  orderId: string;
  at: Date;
  version: number;
}

const FAILURES = {
  rate_limited: { errcode: 45009, errmsg: 'reach max api daily quota limit' },
  refused: { errcode: 48001, errmsg: 'api unauthorized' },
  token_ended: { errcode: 42001, errmsg: 'access_token expired' },
};
const WEEK_SECONDS = 7 * 86_400;

interface ListQuestion {
  update_time_range: { start_time: number; end_time: number };
  page_size: number;
  next_key: string;
}

const placeOf = ({ at, orderId }: Row) => `${String(at.getTime()).padStart(15, '0')}-${orderId}`;
const seconds = ({ at }: Row) => Math.floor(at.getTime() / 1000);

/** `order` writes the row of an order as the platform does. */
export async function wechatDouble(appId: string, appSecret: string, order: (row: Row) => string): Promise<Double> {
  const rows = new Map<string, Row>();
  let tokens = 1;
  let next: Failure | null = null;
  let hook: ((page: number) => void) | null = null;
  let asked = 0;

  function answer(path: string, token: string | null, question: Record<string, unknown>): object | string {
    if (path === '/cgi-bin/stable_token') {
      const isOurs = question['appid'] === appId && question['secret'] === appSecret;
      return isOurs ? { access_token: `token-${tokens}`, expires_in: 7200 } : { errcode: 40125, errmsg: 'invalid appsecret' };
    }
    if (token !== `token-${tokens}`) return FAILURES.token_ended;
    if (path === '/channels/ec/order/get') return detail(rows.get(String(question['order_id'])));
    if (path === '/channels/ec/aftersale/getaftersalelist') return { errcode: 0, after_sale_order_id_list: [], has_more: false };
    if (path !== '/channels/ec/order/list/get') return { errcode: 40066, errmsg: 'invalid url' };
    const failure = next;
    next = null;
    if (failure === 'token_ended') tokens += 1;
    if (failure === 'temporary') return 'bad gateway';
    if (failure !== null) return FAILURES[failure];
    return list(question as unknown as ListQuestion);
  }

  /** A page goes on behind the last row of the one before, by its update time and id. */
  function list({ update_time_range: { start_time, end_time }, page_size: size, next_key: key }: ListQuestion): object {
    if (end_time - start_time > WEEK_SECONDS || size > 100) return { errcode: 10020051, errmsg: 'invalid range' };
    asked += 1;
    const found = [...rows.values()].filter((row) => seconds(row) >= start_time && seconds(row) <= end_time && placeOf(row) > key);
    const page = found.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1)).slice(0, size);
    const last = page.at(-1);
    return {
      errcode: 0,
      order_id_list: page.map((row) => row.orderId),
      next_key: last === undefined ? '' : placeOf(last),
      has_more: found.length > size,
    };
  }

  const detail = (row: Row | undefined): object | string =>
    row === undefined ? { errcode: 10020052, errmsg: 'order not found' } : `{"errcode":0,"errmsg":"ok","order":${order(row)}}`;

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
      const before = asked;
      const told = answer(
        pathname,
        searchParams.get('access_token'),
        JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>,
      );
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
