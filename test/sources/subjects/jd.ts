// 京东联盟.
import { jd } from '../../../src/sources/unions/jd.ts';
import type { PlainRow } from '../doubles/server.ts';
import { inChina, ofChina, unionDouble, type Parameters } from '../doubles/union.ts';
import type { Double, Subject } from '../subject.ts';
import { HOUR_MS } from '../../../src/platform/durations.ts';

const SECRETS = { app_key: 'key', app_secret: 'secret' };
const PAGE_SIZE_MAX = 500;

const BASE = {
  id: '1234567890123',
  parentId: 0,
  popId: 88001,
  orderTime: '2026-06-01 18:00:00',
  modifyTime: '2026-06-01 18:00:00',
  finishTime: '',
  skuId: 'p1',
  skuNum: 1,
  skuReturnNum: 0,
  estimateCosPrice: 99.99,
  estimateFee: 1.98,
  actualCosPrice: 0,
  actualFee: 0,
  validCode: 16,
  payMonth: 0,
  positionId: 0,
  subUnionId: 'u_42',
};

/** A row as JD sends it: the order's id is a number, whatever its length. */
function text(orderId: string, told: object): string {
  return JSON.stringify({ ...BASE, ...told }).replace('{', `{"orderId":${orderId},`);
}

const body = (orderId: string, hour: number, told: object): Buffer =>
  Buffer.from(text(orderId, { modifyTime: `2026-06-01 ${hour}:00:00`, ...told }));

function open(): Promise<Double> {
  // What the last link that was asked for carries: whoever buys, buys through it.
  let subUnionId = BASE.subUnionId;
  return unionDouble({
    path: '/routerjson',
    secret: SECRETS.app_secret,
    isList: ({ method }) => method === 'jd.union.open.order.row.query',
    answer(parameters, rows) {
      if (parameters['method'] === 'jd.union.open.order.row.query') return answer(parameters, rows, subUnionId);
      const { promotionCodeReq } = JSON.parse(parameters['360buy_param_json']!) as { promotionCodeReq: Record<string, string> };
      subUnionId = promotionCodeReq['subUnionId']!;
      return { jd_union_open_promotion_bysubunionid_get_responce: { code: '0', getResult: linkOf(promotionCodeReq) } };
    },
    failures: {
      rate_limited: { error_response: { code: '21', zh_desc: '调用频率超限' } },
      refused: { error_response: { code: '19', zh_desc: '无效的access_token' } },
      token_ended: { error_response: { code: '19', zh_desc: '无效的access_token' } },
    },
    wrongSignature: { error_response: { code: '12', zh_desc: '无效签名' } },
  });
}

/** A link to a page of JD's, or `https://evil.example` for a page that is named so. */
function linkOf({ materialId = '', subUnionId = '' }: Record<string, string>): string {
  if (!/^\w{1,80}$/.test(subUnionId)) return '{"code":2001101,"message":"subUnionId格式错误"}';
  if (!materialId.startsWith('https://item.jd.com/')) return '{"code":2001702,"message":"materialId错误，请检查"}';
  const host = materialId.endsWith('/evil.html') ? 'evil.example' : 'u.jd.com';
  return `{"code":200,"message":"success","data":{"shortURL":"https://${host}/${subUnionId}"}}`;
}

function answer(parameters: Parameters, rows: readonly PlainRow[], subUnionId: string): unknown {
  const { orderReq } = JSON.parse(parameters['360buy_param_json']!) as { orderReq: Record<string, string & number> };
  const [from, until] = [ofChina(orderReq['startTime']!), ofChina(orderReq['endTime']!)];
  const size = orderReq['pageSize']!;
  if (until.getTime() - from.getTime() > HOUR_MS || size > PAGE_SIZE_MAX) return envelope('{"code":400,"message":"查询时间不能超过1小时"}');
  // Whether the end belongs to what is asked for is not documented: without it, less is told.
  const found = rows.filter(({ at }) => at >= from && at < until);
  const first = (orderReq['pageIndex']! - 1) * size;
  const page = found
    .slice(first, first + size)
    .map(({ orderId, at, version }) => text(orderId, { modifyTime: inChina(at), skuReturnNum: 0, expressStatus: version, subUnionId }));
  return envelope(`{"code":200,"message":"success","hasMore":${found.length > first + size},"data":[${page.join(',')}]}`);
}

const envelope = (queryResult: string) => ({ jd_union_open_order_row_query_responce: { code: '0', queryResult } });

const completed = { validCode: 17, finishTime: '2026-06-08 10:00:00', actualCosPrice: 99.99, actualFee: 1.98, payMonth: 20260720 };

export const subject: Subject = {
  adapter: jd,
  secrets: SECRETS,
  push: null,
  story: (orderId) => ({
    paid: body(orderId, 18, {}),
    completed: body(orderId, 19, completed),
    partlyRefunded: body(orderId, 20, { ...completed, actualCosPrice: 69.99, actualFee: 1.38 }),
    refunded: body(orderId, 21, { ...completed, actualCosPrice: 0, actualFee: 0, skuReturnNum: 1 }),
    unknownCode: body(orderId, 18, { validCode: 99 }),
    unknownProduct: body(orderId, 18, { skuId: 100012043978 }),
  }),
  paidAmount: 9999,
  partAmount: 3000,
  shop: '88001',
  open,
};
