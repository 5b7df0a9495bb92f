// 抖店's open platform: its tokens, its signature, the list of a shop's orders, one order, and links of the alliance.
import { createHmac } from 'node:crypto';

import type { Double, Failure } from '../subject.ts';
import { other, plainRow, serve, type Answered, type Asked, type PlainRow, type Told } from './server.ts';

type Question = Record<string, number & string>;

const SUCCESS = 10000;
const FAILURES: Record<Failure, Answered> = {
  rate_limited: { status: 200, body: { code: 40003, msg: '调用频率超限', sub_code: 'isp.rate-limit' } },
  refused: { status: 200, body: { code: 30001, msg: 'no permission', sub_code: 'isv.auth-refused' } },
  temporary: { status: 502, body: 'bad gateway' },
  token_ended: { status: 200, body: { code: 30005, msg: 'access_token expired', sub_code: 'isv.access-token-expired' } },
};
const WRONG_SIGN = { code: 40001, msg: 'sign invalid', sub_code: 'isv.signature-invalid' };

interface Options {
  appKey: string;
  secret: string;
  /** The text of an order's row, as the platform writes it. */
  order: (row: PlainRow) => string;
}

export function doudianDouble({ appKey, secret, order }: Options): Promise<Double> {
  // Only the token that was given last is good.
  let tokens = 0;

  function answer({ url: { searchParams: query }, body }: Asked, rows: readonly PlainRow[]): Told {
    const json = body.toString();
    const [method, token] = [query.get('method'), query.get('access_token')];
    if (query.get('sign') !== signOf(query, json, { appKey, secret })) return other(WRONG_SIGN);
    if (method === 'token.create') {
      tokens += 1;
      return other({ code: SUCCESS, data: { access_token: `token-${tokens}`, expires_in: 604_800 } });
    }
    if (token !== `token-${tokens}`) return { answered: FAILURES.token_ended, isPage: false };
    const question = JSON.parse(json) as Question;
    if (method === 'buyin.kolProductShare') return other(share(question));
    if (method === 'order.orderDetail') {
      const row = rows.find(({ orderId }) => orderId === String(question['shop_order_id']));
      return other(`{"code":${SUCCESS},"data":{"shop_order_detail":${row === undefined ? 'null' : order(row)}}}`);
    }
    return { answered: { status: 200, body: list(question, rows, order) }, isPage: true };
  }

  return serve<PlainRow>({
    answer,
    fail(kind) {
      if (kind === 'token_ended') tokens += 1;
      return FAILURES[kind];
    },
    row: plainRow,
  });
}

function signOf(query: URLSearchParams, json: string, { appKey, secret }: Omit<Options, 'order'>): string {
  const said = `app_key${appKey}method${query.get('method')}param_json${json}timestamp${query.get('timestamp')}v2`;
  return createHmac('sha256', secret)
    .update(secret + said + secret)
    .digest('hex');
}

/** A link to that page which says who shared it; an `external_info` takes forty letters, digits and `_`. */
function share({ external_info: external, pid, product_url: page }: Question): object {
  return /^\w{0,40}$/.test(String(external)) && String(pid).startsWith('dy_')
    ? { code: SUCCESS, data: { share_link: `${page}&pid=${pid}&external_info=${external}` } }
    : { code: 40004, msg: '非法的参数', sub_code: 'isv.parameter-invalid:4101', sub_msg: '无效 external_info' };
}

const seconds = ({ at }: PlainRow) => Math.floor(at.getTime() / 1000);

function list(question: Question, rows: readonly PlainRow[], order: Options['order']): string {
  const { update_time_start: from, update_time_end: until, page, size } = question;
  const found = rows.filter((row) => seconds(row) >= from! && seconds(row) < until!);
  const ordered = found.toSorted((a, b) => a.at.getTime() - b.at.getTime());
  const texts = ordered.slice(page! * size!, (page! + 1) * size!).map(order);
  return `{"code":${SUCCESS},"data":{"total":${found.length},"shop_order_list":[${texts.join(',')}]}}`;
}
