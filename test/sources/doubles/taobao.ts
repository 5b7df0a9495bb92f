// 淘宝客: its lists of orders and refunds, positions under a medium, and links under a position, which
// orders then come from.
import type { Double } from '../subject.ts';
import type { PlainRow } from './server.ts';
import { inChina, ofChina, unionDouble, type Parameters } from './union.ts';

const WINDOW_MS = 3 * 3_600_000;
const PID = 'mm_120000001_45000001';

/** The medium under which positions are made, and a position that is there. */
export const SITE_ID = '45000001';
export const ADZONE_ID = '110000001';

const refusal = (subCode: string, subMsg: string) => ({
  error_response: { code: 15, msg: 'Remote service error', sub_code: subCode, sub_msg: subMsg },
});

/** What an order says of the link that it came by. */
type ByLink = Record<string, string | number>;

interface Options {
  secret: string;
  /** The row of an order, as the platform writes it. */
  row: (orderId: string, told: object) => object;
}

export function taobaoDouble({ secret, row }: Options): Promise<Double> {
  const positions = new Map([[ADZONE_ID, '默认']]);
  // Whoever buys, buys by the link that was made last.
  let byLink: ByLink = {};

  const say: Record<string, (asked: Parameters, rows: readonly PlainRow[]) => unknown> = {
    'taobao.tbk.order.details.get': (asked, rows) => orders(asked, rows, (orderId, told) => row(orderId, { ...byLink, ...told })),
    'taobao.tbk.order.refund.get': ({ publisher_refund_order_query_option: option = '{}' }) => refunds(JSON.parse(option) as Parameters),
    'taobao.tbk.adzone.create'({ site_id, adzone_name = '' }) {
      if (site_id !== SITE_ID || adzone_name === '' || adzone_name.length > 64) return refusal('isv.invalid-parameter', '非法参数');
      const id = String(Number(ADZONE_ID) + positions.size);
      positions.set(id, adzone_name);
      return { tbk_adzone_create_response: { data: { model: `${PID}_${id}` } } };
    },
    'taobao.tbk.dg.general.link.convert'(asked) {
      const { adzone_id: id = '', relation_id: relation = '', special_id: special = '', item_id_list: item = '' } = asked;
      const name = positions.get(id);
      if (name === undefined) return refusal('isv.invalid-parameter-adzone', '传入参数错误,请检查adzone_id是否属于appkey拥有者');
      byLink = { adzone_id: Number(id), adzone_name: name, relation_id: relation, special_id: special };
      return {
        tbk_dg_general_link_convert_response: { data: { item_url_list: { item_url_list: [linkTo(item, `${id}-${relation}${special}`)] } } },
      };
    },
  };

  return unionDouble({
    path: '/router/rest',
    secret,
    isList: ({ method }) => method === 'taobao.tbk.order.details.get',
    answer: (asked, rows) => say[asked['method'] ?? '']?.(asked, rows) ?? { error_response: { code: 22, msg: 'Invalid Method' } },
    failures: {
      rate_limited: { error_response: { code: 7, msg: 'App Call Limited', sub_code: 'accesscontrol.limited-by-api-access-count' } },
      refused: { error_response: { code: 29, msg: 'Invalid App Key' } },
      token_ended: { error_response: { code: 27, msg: 'Invalid session' } },
    },
    wrongSignature: { error_response: { code: 25, msg: 'Invalid signature' } },
  });
}

/** The links of a product; `gone` is promoted no more, and only `plain` has no coupon. */
function linkTo(item: string, whose: string): object {
  if (item === 'gone') return { input_item_id: item, code: 1001, msg: '该商品无佣金' };
  const coupon = item === 'plain' ? {} : { coupon_long_url: `https://uland.taobao.com/coupon/edetail?e=${whose}` };
  const cps = { cps_long_url: `https://s.click.taobao.com/t?e=${whose}`, cps_short_url: 'https://s.click.taobao.com/GvHjOPu' };
  return { input_item_id: item, code: 0, link_info_dto: { ...coupon, ...cps, material_type: 1 } };
}

const placeOf = ({ at, orderId }: PlainRow) => `${String(at.getTime()).padStart(15, '0')}_${orderId}`;

function orders(asked: Parameters, rows: readonly PlainRow[], row: Options['row']): unknown {
  const { start_time, end_time, page_no, page_size, position_index: position } = asked;
  const [from, until, size] = [ofChina(start_time!), ofChina(end_time!), Number(page_size)];
  const isPlaced = page_no === '1' || position !== undefined;
  if (until.getTime() - from.getTime() > WINDOW_MS || size > 100 || !isPlaced) return refusal('isv.invalid-parameter', '非法参数');
  // A page goes on behind the row that the one before ended with, wherever rows have moved
  // meanwhile.
  const found = rows.filter((one) => one.at >= from && one.at < until && placeOf(one) > (position ?? ''));
  const page = found.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1)).slice(0, size);
  const told = page.map(({ orderId, at, version }) => row(orderId, { modified_time: inChina(at), terminal_type: String(version) }));
  const data = {
    results: { publisher_order_dto: told },
    has_next: found.length > size,
    position_index: page.length === 0 ? '' : placeOf(page.at(-1)!),
    page_no,
  };
  return { tbk_order_details_get_response: { data } };
}

/** Nobody has given anything back; what is asked wrongly is answered without data. */
function refunds(asked: Partial<Record<string, string | number>>): unknown {
  const { query_type: type, start_time: start, end_time: end, page_size: size } = asked;
  const isSound = type === 5 && Number(size) <= 100 && typeof start === 'string' && typeof end === 'string';
  const answer = isSound ? { data: { result: {}, has_next: false } } : { biz_error_code: 101, biz_error_desc: '开始时间不能为空' };
  return { tbk_order_refund_get_response: { result_code: 200, ...answer } };
}
