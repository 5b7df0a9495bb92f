// 抖店's open platform: its tokens, its signature, a shop's orders and after-sales, the lists of the
// alliance, and links there.
import { createHmac } from 'node:crypto';

import type { Double, Failure } from '../subject.ts';
import { ofChina } from './union.ts';
import { other, plainRow, serve, type Answered, type Asked, type PlainRow, type Told } from './server.ts';

type Question = Record<string, number & string>;

const SUCCESS = 10000;
const FAILURES: Record<Failure, Answered> = {
  rate_limited: { status: 200, body: { code: 40003, msg: '调用频率超限', sub_code: 'isp.rate-limit' } },
  refused: { status: 200, body: { code: 30001, msg: 'no permission', sub_code: 'isv.auth-refused' } },
  temporary: { status: 502, body: 'bad gateway' },
  token_ended: { status: 200, body: { code: 30005, msg: 'access_token expired', sub_code: 'isv.access-token-expired' } },
};
/** What is asked about an order that is not of the shop. */
const NO_SUCH_ORDER = { code: 50002, msg: '业务处理失败', sub_code: 'isv.business-failed:100009', sub_msg: '订单不存在，请仔细检查后重试' };
const WRONG_PARAMETER = { code: 40004, msg: '非法的参数', sub_code: 'isv.parameter-invalid:257', sub_msg: '参数校验失败' };
const WRONG_SIGN = { code: 40001, msg: 'sign invalid', sub_code: 'isv.signature-invalid' };

interface Options {
  appKey: string;
  secret: string;
  /** The text of an order's row, as the platform writes it. */
  order: (row: PlainRow) => string;
  /** The items of `afterSale.List` about an order. */
  afterSales?: (row: PlainRow) => object[];
  /** The row of an order as that list of the alliance has it; null: it is not in it. */
  alliance?: (row: PlainRow, method: string) => object | null;
  /** Hears every question but those for tokens. */
  onAsked?: (method: string, question: Record<string, unknown>) => void;
}

/** How many rows each list of the alliance gives at most, and how long a time it takes. */
const ALLIANCE_SIZES: Readonly<Record<string, number>> = {
  'buyin.queryShopAllianceOrder': 20,
  'buyin.kolOrderAds': 20,
  'buyin.instituteOrderAds': 20,
  'buyin.instituteOrderColonel': 100,
  'buyin.colonelMultiSettlementOrders': 100,
};
const ALLIANCE_MS_MAX = 90 * 86_400_000;

export function doudianDouble({ appKey, secret, order, afterSales, alliance, onAsked }: Options): Promise<Double> {
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
    onAsked?.(method ?? '', question);
    const size = ALLIANCE_SIZES[method ?? ''];
    if (size !== undefined) {
      const found = rows.flatMap((row) => ({ row, told: alliance?.(row, method!) ?? null })).filter(({ told }) => told !== null);
      return { answered: { status: 200, body: allianceList(question, found, size) }, isPage: true };
    }
    if (method === 'buyin.kolProductShare') return other(share(question));
    if (method === 'order.orderDetail') {
      const row = rows.find(({ orderId }) => orderId === String(question['shop_order_id']));
      return other(row === undefined ? NO_SUCH_ORDER : `{"code":${SUCCESS},"data":{"shop_order_detail":${order(row)}}}`);
    }
    if (method === 'afterSale.List') {
      const row = rows.find(({ orderId }) => orderId === String(question['order_id']));
      const items = row === undefined ? [] : (afterSales?.(row) ?? []);
      const [from, until] = [question['page']! * question['size']!, (question['page']! + 1) * question['size']!];
      return other({ code: SUCCESS, data: { items: items.slice(from, until), has_more: items.length > until, total: items.length } });
    }
    if (method !== 'order.searchList') return other({ code: 70000, msg: 'API不存在或API已下线', sub_code: 'isp.api-service-off' });
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

/**
 * A link to that page which says who shared it; an `external_info` takes forty letters, digits and
 * `_`.
 */
function share({ external_info: external, pid, product_url: page }: Question): object {
  return /^\w{0,40}$/.test(String(external)) && String(pid).startsWith('dy_')
    ? { code: SUCCESS, data: { share_link: `${page}&pid=${pid}&external_info=${external}` } }
    : { code: 40004, msg: '非法的参数', sub_code: 'isv.parameter-invalid:4101', sub_msg: '无效 external_info' };
}

/**
 * A page behind the cursor, by update time; the cursor goes on even behind the last row, and
 * nothing says that it was the last. What is asked for by numbers of orders is all of theirs.
 */
function allianceList(question: Question, found: { row: PlainRow; told: object | null }[], sizeMax: number): object {
  const {
    size,
    cursor,
    start_time: start,
    end_time: end,
    order_ids: ids,
    time_type: type,
  } = question as Record<string, unknown> as {
    size: number;
    cursor: string;
    start_time: string;
    end_time: string;
    order_ids?: string;
    time_type: string;
  };
  const isTimed = ids === undefined;
  const [from, until] = [isTimed ? ofChina(start) : new Date(0), isTimed ? ofChina(end) : new Date()];
  const isSound = size <= sizeMax && type === 'update' && (!isTimed || until.getTime() - from.getTime() <= ALLIANCE_MS_MAX);
  if (!isSound) return WRONG_PARAMETER;
  const asked = found
    .filter(({ row }) => (isTimed ? row.at >= from && row.at < until : ids.split(',').includes(row.orderId.split('#')[0]!)))
    .toSorted((a, b) => a.row.at.getTime() - b.row.at.getTime());
  const first = Number(cursor);
  const orders = asked.slice(first, first + size).map(({ told }) => told);
  return { code: SUCCESS, data: { orders, cursor: String(first + orders.length) } };
}

const seconds = ({ at }: PlainRow) => Math.floor(at.getTime() / 1000);

function list(question: Question, rows: readonly PlainRow[], order: Options['order']): string {
  const { update_time_start: from, update_time_end: until, page, size } = question;
  const found = rows.filter((row) => seconds(row) >= from! && seconds(row) < until!);
  const ordered = found.toSorted((a, b) => a.at.getTime() - b.at.getTime());
  const texts = ordered.slice(page! * size!, (page! + 1) * size!).map(order);
  return `{"code":${SUCCESS},"data":{"total":${found.length},"shop_order_list":[${texts.join(',')}]}}`;
}
