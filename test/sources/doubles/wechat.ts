// 微信小店: its access tokens, for each role the lists of what changed and one thing of them by its id,
// links of 推客, who pays each of them, and lock days. Answers have the shapes that its documentation
// and its public SDKs record.
import type { Double, Failure } from '../subject.ts';
import { other, plainRow, serve, type Answered, type Asked, type PlainRow, type Told } from './server.ts';

const FAILURES: Record<Failure, Answered> = {
  rate_limited: { status: 200, body: { errcode: 45009, errmsg: 'reach max api daily quota limit' } },
  refused: { status: 200, body: { errcode: 48001, errmsg: 'api unauthorized' } },
  temporary: { status: 502, body: 'bad gateway' },
  token_ended: { status: 200, body: { errcode: 42001, errmsg: 'access_token expired' } },
};
const DAY_SECONDS = 86_400;
const WEEK_SECONDS = 7 * DAY_SECONDS;

/** The shop that the institution works for. */
export const SHOP_APPID = 'wx2b255582a7b4bfd0';
/**
 * A 推客 that is bound to the institution, which pays it (`commission_type` 1), and one that WeChat
 * pays (0).
 */
export const SHARER = 'wx00000000000sharer';
export const SHARER_OF_WECHAT = 'wx000000000000paid0';

interface Options {
  appId: string;
  appSecret: string;
  /**
   * The texts of an order, of a commission order and of a talent's, as the platform writes them.
   */
  order: (row: PlainRow) => string;
  commission: (row: PlainRow, skuId: string, sharer: string) => string;
  talent: (row: PlainRow, skuId: string) => string;
  /** After-sales by their ids. */
  afterSales?: Readonly<Record<string, object>>;
  giftAfterSales?: Readonly<Record<string, object>>;
  /** The orders of gifts, by the ids of their sheets. */
  gifts?: Readonly<Record<string, readonly string[]>>;
  /** Calls that are answered as those of another role are. */
  withoutRight?: readonly string[];
}

type Question = Record<string, unknown>;

const SKU_ID = '1526589';

interface ListCall {
  /** The seconds that the question asks for, both ends included. */
  range: (question: Question) => readonly [number, number];
  longestSeconds: number;
  pageSizeMax: number | null;
  told: (page: PlainRow[]) => object;
}

const updateRange = ({ update_time_range: range }: Question) => {
  const { start_time, end_time } = range as { start_time: number; end_time: number };
  return [start_time, end_time] as const;
};

const LISTS: Readonly<Record<string, ListCall>> = {
  '/channels/ec/order/list/get': {
    range: updateRange,
    longestSeconds: WEEK_SECONDS,
    pageSizeMax: 100,
    told: (page) => ({ order_id_list: page.map(({ orderId }) => orderId) }),
  },
  '/channels/ec/league/headsupplier/order/list/get': {
    range: updateRange,
    longestSeconds: WEEK_SECONDS,
    pageSizeMax: 30,
    told: (page) => ({ list: page.map(({ orderId }) => ({ order_id: orderId, sku_id: SKU_ID })) }),
  },
  '/channels/ec/talent/get_order_list': {
    range: (asked) => [Number(asked['update_time_gt']) + 1, Number(asked['update_time_lt']) - 1],
    longestSeconds: WEEK_SECONDS,
    pageSizeMax: 10,
    told: (page) => ({ order_list: page.map(({ orderId }) => ({ order_id: orderId, sku_id: SKU_ID, special_id: '' })) }),
  },
};

export function wechatDouble(options: Options): Promise<Double> {
  const { appId, appSecret, order, commission, talent, afterSales = {}, giftAfterSales = {}, gifts = {}, withoutRight = [] } = options;
  // Only the token that was given last is good; asking again gives the same one until it ends.
  let tokens = 1;
  const stableToken = ({ appid, secret }: Question): object =>
    appid === appId && secret === appSecret
      ? { access_token: `token-${tokens}`, expires_in: 7200 }
      : { errcode: 40125, errmsg: 'invalid appsecret' };

  /** One thing by its id; null: it is no such thing. */
  function detail(path: string, question: Question, rows: readonly PlainRow[]): object | string | null {
    const row = rows.find(({ orderId }) => orderId === question['order_id']);
    const afterSaleId = String(question['after_sale_order_id']);
    switch (path) {
      case '/channels/ec/order/get':
        return row === undefined ? missing(100002, 'order not exist') : named('order', order(row));
      case '/channels/ec/league/headsupplier/order/get':
        return row === undefined
          ? missing(10024006, '不存在该佣金单')
          : named('commssion_order', commission(row, String(question['sku_id']), SHARER));
      case '/channels/ec/talent/get_order_detail':
        return row === undefined
          ? missing(10024006, '不存在该佣金单')
          : `{"errcode":"0","errmsg":"ok",${talent(row, String(question['sku_id'])).slice(1)}`;
      case '/channels/ec/aftersale/getaftersaleorder':
        return afterSaleOf(afterSales[afterSaleId]);
      case '/channels/ec/aftersale/getpresentaftersaleorder':
        return afterSaleOf(giftAfterSales[afterSaleId]);
      case '/channels/ec/order/presentsuborder/get': {
        const orderIds = gifts[String(question['present_order_id'])];
        return orderIds === undefined ? missing(40097, 'invalid args') : { errcode: 0, errmsg: 'ok', order_ids: orderIds };
      }
      case '/channels/ec/promoter/get_bind_sharer_list':
        return boundSharers(question);
      default:
        return null;
    }
  }

  function answer({ url: { pathname: path, searchParams }, body }: Asked, rows: readonly PlainRow[]): Told {
    const question = JSON.parse(body.toString()) as Question;
    if (path === '/cgi-bin/stable_token') return other(stableToken(question));
    if (searchParams.get('access_token') !== `token-${tokens}`) return { answered: FAILURES.token_ended, isPage: false };
    if (withoutRight.includes(path)) return other(missing(48001, 'api unauthorized'));
    const list = LISTS[path];
    if (list !== undefined) return { answered: { status: 200, body: pageOf(list, question, rows) }, isPage: true };
    switch (path) {
      case '/channels/ec/aftersale/getaftersalelist':
        return other(afterSaleIds(question, 'update', Object.keys(afterSales)));
      case '/channels/ec/aftersale/getpresentaftersalelist':
        return other(afterSaleIds(question, 'create', Object.keys(giftAfterSales)));
      case '/channels/ec/promoter/get_product_promotion_link_info':
        return { ...other(share(question, body.toString())), mayFail: true };
      case '/channels/ec/league/headsupplier/lockcustomertime/getlocktime':
        return { ...other(lockDays(question)), mayFail: true };
      default:
        return other(detail(path, question, rows) ?? missing(40066, 'invalid url'));
    }
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

const missing = (errcode: number, errmsg: string): object => ({ errcode, errmsg });
const named = (name: string, text: string): string => `{"errcode":0,"errmsg":"ok","${name}":${text}}`;
const afterSaleOf = (row: object | undefined): object =>
  row === undefined ? missing(10021050, '售后单不存在') : { errcode: 0, after_sale_order: row };

const placeOf = ({ at, orderId }: PlainRow) => `${String(at.getTime()).padStart(15, '0')}-${orderId}`;
const seconds = ({ at }: PlainRow) => Math.floor(at.getTime() / 1000);

/** A page goes on behind the last row of the one before, by its update time and id. */
function pageOf({ range, longestSeconds, pageSizeMax, told }: ListCall, question: Question, rows: readonly PlainRow[]): object {
  const [from, until] = range(question);
  const size = Number(question['page_size']);
  if (!(until - from <= longestSeconds) || (pageSizeMax !== null && !(size <= pageSizeMax))) return missing(10024000, '参数错误');
  const listed = rows.filter((row) => seconds(row) >= from && seconds(row) <= until).map((row) => ({ row, place: placeOf(row) }));
  const key = typeof question['next_key'] === 'string' ? question['next_key'] : '';
  const found = listed.filter(({ place }) => place > key).toSorted((a, b) => (a.place < b.place ? -1 : 1));
  const page = found.slice(0, size);
  return { errcode: 0, ...told(page.map(({ row }) => row)), next_key: page.at(-1)?.place ?? '', has_more: found.length > size };
}

/** All after-sales on one page, whatever their time: what is tried of them is their meaning. */
function afterSaleIds(question: Question, by: 'update' | 'create', ids: string[]): object {
  const span = Number(question[`end_${by}_time`]) - Number(question[`begin_${by}_time`]);
  if (!(span <= DAY_SECONDS)) return missing(10020004, '非法的时间区间，不得大于 24 小时');
  return { errcode: 0, errmsg: 'ok', after_sale_order_id_list: ids, has_more: false, next_key: '' };
}

function boundSharers({ sharer_appid: appid, page_size: size }: Question): object {
  if (!(Number(size) <= 20)) return missing(10024000, '参数错误');
  const types: Record<string, number> = { [SHARER]: 1, [SHARER_OF_WECHAT]: 0 };
  const list = Object.entries(types)
    .filter(([each]) => !appid || each === appid)
    .map(([each, type]) => ({ sharer_appid: each, bind_time: 1_624_082_155, commission_ratio: 100_000, commission_type: type }));
  return { errcode: '0', errmsg: 'ok', sharer_info_list: list, next_key: '' };
}

/**
 * A link of a 推客 that is bound, to a product that is a bare number in the question, whatever its
 * length; 404 is on no ruleCache.
 */
function share({ sharer_appid: sharer, shop_appid: shop }: Question, json: string): object {
  const [, product] = /"product_id":(\d+)/.exec(json) ?? [];
  if (product === undefined || shop !== SHOP_APPID) return missing(10071003, '参数错误');
  if (sharer !== SHARER) return missing(10071029, '推客和机构未绑定');
  if (product === '404') return missing(10071053, '商品不在架');
  const link = `https://store.weixin.qq.com/shop/a/${sharer}-${product}`;
  return { errcode: '0', errmsg: 'ok', short_link: '#小程序://demo', http_short_link: link };
}

function lockDays({ shop_appid: shop }: Question): object {
  if (shop !== SHOP_APPID) return missing(10024003, '不合法的appid');
  const ofShop = { shopsetting_product_click_lock_day: 7, shopsetting_product_order_lock_day: 30, shopsetting_content_click_lock_day: 0 };
  const byDefault = {
    default_product_click_lock_day: 5,
    default_product_order_lock_day: 20,
    default_content_click_lock_day: 10,
    default_content_order_lock_day: 35,
  };
  return { errcode: 0, errmsg: 'success', ...ofShop, ...byDefault };
}
