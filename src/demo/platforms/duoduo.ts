// The union 多多进宝 as the demo plays it. It pushes nothing: it makes links that carry a promoter's
// code, and lists orders to whoever signs.

import { randomBytes } from 'node:crypto';

import { pinduoduoSign } from './signing.ts';

const DAY_SECONDS = 86_400;
/** A question is good for so long, as the union says. */
const TOLERANCE_SECONDS = 600;
const WRONG = { error_response: { error_code: 50001, error_msg: '业务参数错误' } };
const WRONG_SIGNATURE = { error_response: { error_code: 20004, error_msg: '签名sign校验失败' } };

/** The positions of the account: that of its own links, and one that a promoter was given. */
export const POSITIONS = { ownLinks: '8800_1', ofMo: '8800_2' } as const;
/** What the union calls the shop of 果园鲜果. */
export const MALL = '66310';

type Parameters = Readonly<Record<string, string>>;

export interface Duoduo {
  secrets: { client_id: string; client_secret: string };
  /** Answers a question to the gateway as the union does. */
  answer: (question: Parameters) => object;
  /**
   * Fills the union's books. One buyer came by the link of that address, which the union had made.
   */
  sell: (linkUrl: string) => void;
}

export function openDuoduo(): Duoduo {
  const secrets = { client_id: randomBytes(16).toString('hex'), client_secret: randomBytes(20).toString('hex') };
  /** What the maker of a link wrote into it, by its address. */
  const links = new Map<string, string>();
  let orders: ReturnType<typeof ordersOf> = [];

  function linkOf({ custom_parameters: written = '', goods_sign_list: goods = '' }: Parameters): object {
    const shortUrl = `https://p.pinduoduo.com/${randomBytes(5).toString('hex')}`;
    links.set(shortUrl, written);
    const link = {
      short_url: shortUrl,
      url: `https://mobile.yangkeduo.com/duo_coupon_landing.html?goods_sign=${encodeURIComponent(goods)}`,
    };
    return { goods_promotion_url_generate_response: { goods_promotion_url_list: [link] } };
  }

  /** A page of the orders that changed within a time, a day at most. */
  function listOf({ start_update_time, end_update_time, page, page_size }: Parameters): object {
    const [from, until, size] = [Number(start_update_time), Number(end_update_time), Number(page_size)];
    if (!(until - from <= DAY_SECONDS && size >= 10 && size <= 100)) return WRONG;
    const changed = orders.filter(({ order_modify_at: at }) => at >= from && at < until);
    const first = (Number(page) - 1) * size;
    return { order_list_get_response: { order_list: changed.slice(first, first + size), total_count: changed.length } };
  }

  const answers: Readonly<Partial<Record<string, (question: Parameters) => object>>> = {
    'pdd.ddk.goods.promotion.url.generate': linkOf,
    'pdd.ddk.order.list.increment.get': listOf,
  };
  return {
    secrets,
    answer: (question) => {
      const { sign, ...signed } = question;
      const age = Math.abs(Date.now() / 1000 - Number(question['timestamp']));
      const isOurs = question['client_id'] === secrets.client_id && age <= TOLERANCE_SECONDS;
      if (!isOurs || sign !== pinduoduoSign(secrets.client_secret, signed)) return WRONG_SIGNATURE;
      return answers[question['type'] ?? '']?.(question) ?? WRONG;
    },
    sell: (linkUrl) => {
      const written = links.get(linkUrl);
      if (written === undefined) throw new Error(`${linkUrl} is no link that the union has made`);
      orders = ordersOf(written, Math.floor(Date.now() / 1000));
    },
  };
}

/**
 * Two orders by the link, of which the union rejects one, and one by a position, which was received
 * and is settled. Money is in fen.
 */
function ordersOf(written: string, now: number) {
  const oranges = { goods_id: '660021934', order_amount: 5_980, promotion_amount: 1_196 };
  const byLink = { p_id: POSITIONS.ownLinks, custom_parameters: written, ...oranges };
  const row = (orderSn: string, told: object) => ({
    order_sn: orderSn,
    goods_quantity: 1,
    mall_id: MALL,
    order_create_time: now - 120,
    order_pay_time: now - 120,
    order_modify_at: now - 60,
    order_receive_time: 0,
    order_settle_time: 0,
    price_compare_status: 0,
    fail_reason: '',
    custom_parameters: '',
    ...told,
  });
  return [
    row('261122-330198425510642', { ...byLink, order_status: 1 }),
    row('261122-704411825560093', { ...byLink, order_status: 4, fail_reason: '非多多进宝商品' }),
    row('261102-118420667390215', {
      p_id: POSITIONS.ofMo,
      goods_id: '660035712',
      order_amount: 12_900,
      promotion_amount: 2_580,
      order_status: 5,
      order_create_time: now - 20 * DAY_SECONDS,
      order_pay_time: now - 20 * DAY_SECONDS,
      order_receive_time: now - 8 * DAY_SECONDS,
      order_settle_time: now - 120,
    }),
  ];
}
