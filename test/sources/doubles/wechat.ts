// 微信小店: its access tokens, the lists of orders and commission orders that changed, one of them by its id, links of 推客, and lock days.
import type { Double, Failure } from '../subject.ts';
import { other, plainRow, serve, type Answered, type Asked, type PlainRow, type Told } from './server.ts';

const FAILURES: Record<Failure, Answered> = {
  rate_limited: { status: 200, body: { errcode: 45009, errmsg: 'reach max api daily quota limit' } },
  refused: { status: 200, body: { errcode: 48001, errmsg: 'api unauthorized' } },
  temporary: { status: 502, body: 'bad gateway' },
  token_ended: { status: 200, body: { errcode: 42001, errmsg: 'access_token expired' } },
};
const WEEK_SECONDS = 7 * 86_400;

/** The shop that the institution works for, and the 推客 that is bound to it. */
export const SHOP_APPID = 'wx2b255582a7b4bfd0';
export const SHARER = 'wx00000000000sharer';

interface Options {
  appId: string;
  appSecret: string;
  /** The texts of an order and of a commission order, as the platform writes them. */
  order: (row: PlainRow) => string;
  commission: (row: PlainRow, skuId: string, sharer: string) => string;
}

type Question = Record<string, unknown>;

interface ListQuestion {
  update_time_range: { start_time: number; end_time: number };
  page_size: number;
  next_key: string;
}

const SKU_ID = '1526589';
const LISTS: Record<string, (page: PlainRow[]) => object> = {
  '/channels/ec/order/list/get': (page) => ({ order_id_list: page.map(({ orderId }) => orderId) }),
  '/channels/ec/league/headsupplier/order/list/get': (page) => ({
    list: page.map(({ orderId }) => ({ order_id: orderId, sku_id: SKU_ID })),
  }),
};
const PAGE_SIZES_MAX: Record<string, number> = {
  '/channels/ec/order/list/get': 100,
  '/channels/ec/league/headsupplier/order/list/get': 30,
};

export function wechatDouble({ appId, appSecret, order, commission }: Options): Promise<Double> {
  // Only the token that was given last is good; asking again gives the same one until it ends.
  let tokens = 1;
  const stableToken = ({ appid, secret }: Question): object =>
    appid === appId && secret === appSecret
      ? { access_token: `token-${tokens}`, expires_in: 7200 }
      : { errcode: 40125, errmsg: 'invalid appsecret' };

  function answer({ url: { pathname: path, searchParams }, body }: Asked, rows: readonly PlainRow[]): Told {
    const question = JSON.parse(body.toString()) as Question;
    if (path === '/cgi-bin/stable_token') return other(stableToken(question));
    if (searchParams.get('access_token') !== `token-${tokens}`) return { answered: FAILURES.token_ended, isPage: false };
    const found = rows.find(({ orderId }) => orderId === question['order_id']);
    switch (path) {
      case '/channels/ec/order/get':
        return other(detail('order', found === undefined ? null : order(found)));
      case '/channels/ec/league/headsupplier/order/get':
        return other(detail('commssion_order', found === undefined ? null : commission(found, SKU_ID, SHARER)));
      case '/channels/ec/aftersale/getaftersalelist':
        return other({ errcode: 0, after_sale_order_id_list: [], has_more: false });
      case '/channels/ec/promoter/get_product_promotion_link_info':
        return { ...other(share(question, body.toString())), mayFail: true };
      case '/channels/ec/league/headsupplier/lockcustomertime/getlocktime':
        return { ...other(lockDays(question)), mayFail: true };
      default:
        return LISTS[path] === undefined
          ? other({ errcode: 40066, errmsg: 'invalid url' })
          : { answered: { status: 200, body: list(path, question as unknown as ListQuestion, rows) }, isPage: true };
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

const placeOf = ({ at, orderId }: PlainRow) => `${String(at.getTime()).padStart(15, '0')}-${orderId}`;
const seconds = ({ at }: PlainRow) => Math.floor(at.getTime() / 1000);

/** A page goes on behind the last row of the one before, by its update time and id. */
function list(path: string, { update_time_range, page_size: size, next_key: key }: ListQuestion, rows: readonly PlainRow[]): object {
  const { start_time: from, end_time: until } = update_time_range;
  if (until - from > WEEK_SECONDS || size > PAGE_SIZES_MAX[path]!) return { errcode: 10024000, errmsg: 'invalid range' };
  const listed = rows.filter((row) => seconds(row) >= from && seconds(row) <= until).map((row) => ({ row, place: placeOf(row) }));
  const found = listed.filter(({ place }) => place > key).toSorted((a, b) => (a.place < b.place ? -1 : 1));
  const page = found.slice(0, size);
  const told = LISTS[path]!(page.map(({ row }) => row));
  return { errcode: 0, ...told, next_key: page.at(-1)?.place ?? '', has_more: found.length > size };
}

const detail = (name: string, text: string | null): object | string =>
  text === null ? { errcode: 10024006, errmsg: 'not found' } : `{"errcode":0,"errmsg":"ok","${name}":${text}}`;

/** A link of a 推客 that is bound, to a product that is a bare number in the question, whatever its length; 404 is on no shelf. */
function share({ sharer_appid: sharer, shop_appid: shop }: Question, json: string): object {
  const [, product] = /"product_id":(\d+)/.exec(json) ?? [];
  if (product === undefined || shop !== SHOP_APPID) return { errcode: 10071003, errmsg: '参数错误' };
  if (sharer !== SHARER) return { errcode: 10071029, errmsg: '推客和机构未绑定' };
  if (product === '404') return { errcode: 10071053, errmsg: '商品不在架' };
  const link = `https://store.weixin.qq.com/shop/a/${sharer}-${product}`;
  return { errcode: '0', errmsg: 'ok', short_link: '#小程序://demo', http_short_link: link };
}

function lockDays({ shop_appid: shop }: Question): object {
  if (shop !== SHOP_APPID) return { errcode: 10024003, errmsg: '不合法的appid' };
  const ofShop = { shopsetting_product_click_lock_day: 7, shopsetting_product_order_lock_day: 30, shopsetting_content_click_lock_day: 0 };
  const byDefault = {
    default_product_click_lock_day: 5,
    default_product_order_lock_day: 20,
    default_content_click_lock_day: 10,
    default_content_order_lock_day: 35,
  };
  return { errcode: 0, errmsg: 'success', ...ofShop, ...byDefault };
}
