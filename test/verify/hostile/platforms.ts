// Platforms that are asked: 微信小店 and 抖店 push only the id of an order, 淘宝客 is read by lists. The
// double tells the latest state of an order; every state is said in our words for the reckoning.

import { doudianDouble } from '../../sources/doubles/doudian.ts';
import type { PlainRow } from '../../sources/doubles/server.ts';
import { taobaoDouble } from '../../sources/doubles/taobao.ts';
import { inChina } from '../../sources/doubles/union.ts';
import { wechatDouble } from '../../sources/doubles/wechat.ts';
import type { Double } from '../../sources/subject.ts';
import type { Random } from '../random.ts';
import { jsonText, Literal } from './json.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, type SaidLine, type Saying, type ToldOrder } from './said.ts';
import { PRODUCTS, type World } from './world.ts';

type Value = Record<string, unknown>;

export const WECHAT = {
  app_id: 'wxb11529c136998cb6',
  app_secret: 'app secret',
  token: 'pamtest',
  encoding_aes_key: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
};
export const DOUDIAN = { app_key: '1234567890', app_secret: 'secret' };
export const TAOBAO = { app_key: '12345678', app_secret: 'helloworld' };
export const DOUDIAN_SHOP = '123456';

/** Kinds of sources that are asked. */
export type Asked = 'wechat-shop' | 'doudian' | 'taobao';

/** What a platform tells of one of its ids once that state is reached. */
export interface PlatformState {
  kind: Asked;
  /** Of an order, or of one part of it where the list has a row for each. */
  key: string;
  index: number;
  phase: number;
  at: number;
  text: string;
  /** Items that are listed of the order's after-sales. */
  afterSales: object[];
  saying: Saying;
}

export interface Platforms {
  /** In the words of `PULL_BASE_URLS`. */
  baseUrls: string;
  /** The platform tells this state from now on, unless it tells a later one. */
  reach(state: PlatformState): void;
  /** The after-sales of 微信小店 that are asked for by their ids. */
  afterSales: Record<string, object>;
  close(): Promise<void>;
}

/** What the roles are told that nobody has here. */
const none = () => '{}';

/** Opens the doubles. They outlive the trials, so no two may have an order of the same id. */
export async function openPlatforms(): Promise<Platforms> {
  const reached = new Map<string, PlatformState>();
  const afterSales: Record<string, object> = {};
  const stateOf = (kind: Asked, key: string) => reached.get(`${kind} ${key}`)!;
  const textOf = (kind: Asked) => (row: PlainRow) => stateOf(kind, row.orderId).text;
  const doubles: Record<Asked, Double> = {
    'wechat-shop': await wechatDouble({
      appId: WECHAT.app_id,
      appSecret: WECHAT.app_secret,
      order: textOf('wechat-shop'),
      commission: none,
      talent: none,
      afterSales,
    }),
    doudian: await doudianDouble({
      appKey: DOUDIAN.app_key,
      secret: DOUDIAN.app_secret,
      order: textOf('doudian'),
      afterSales: ({ orderId }) => stateOf('doudian', orderId).afterSales,
    }),
    taobao: await taobaoDouble({
      secret: TAOBAO.app_secret,
      row: (key, told) => ({ ...(JSON.parse(stateOf('taobao', key).text) as object), ...told }),
    }),
  };
  return {
    baseUrls: Object.entries(doubles)
      .map(([kind, { url }]) => `${kind}=${url}`)
      .join(','),
    reach(state) {
      const name = `${state.kind} ${state.key}`;
      if ((reached.get(name)?.index ?? -1) >= state.index) return;
      reached.set(name, state);
      doubles[state.kind].put(state.key, new Date(state.at));
    },
    afterSales,
    close: async () => void (await Promise.all(Object.values(doubles).map((double) => double.close()))),
  };
}

interface PlatformOrder extends ToldOrder {
  states: PlatformState[];
}

/** An order of a platform with the promoters whom the platform names, in its own words. */
export interface Naming {
  world: World;
  random: Random;
  /** What the platform calls a promoter, and who that is; null where no mapping says so. */
  names: readonly (readonly [word: string, promoterId: string | null])[];
  nextId: () => string;
}

const nameOf = (promoterId: string | null, { world }: Naming) => promoterId ?? [...world.platformNames].find(([, who]) => who === null)![0];
const seconds = (at: number) => Math.floor(at / 1000);
const JUNK = [null, '', [], {}, 0, [null], '--', 'x'.repeat(2000), { nested: [1, { two: null }] }];
const seller = ({ random, names }: Naming) => (random.chance(0.75) ? random.pick(names) : null);
const amount = (random: Random) => random.int(1, 40_000);

type Told = Pick<ToldOrder, 'sourceId' | 'orderId' | 'teller'>;

/** 微信小店: whole states, sharers corrected, also to nobody; goods of one sku are one line. */
export function wechatOrder(told: Told, naming: Naming): PlatformOrder {
  const { world, random, nextId } = naming;
  const paidAt = world.now - random.int(20 * 24, 40 * 24) * HOUR_MS;
  const skus = Array.from({ length: random.int(1, 4) }, () => ({
    id: nextId(),
    paid: amount(random),
    product: random.pick(PRODUCTS),
    gift: random.chance(0.2),
  }));
  const buyer = { openid: `wx-${nextId()}` };
  const isGift = random.chance(0.2);
  const states: PlatformState[] = [];
  const keep = (phase: number, hours: number, end: 'paid' | 'completed' | 'void') => {
    const at = paidAt + hours * HOUR_MS;
    const ofOrder = seller(naming);
    const shared = skus.flatMap(({ id }) => (random.chance(0.25) ? [{ id, by: random.pick(naming.names) }] : []));
    const lines = skus.map(({ id, paid, product }): SaidLine => {
      const own = shared.find((one) => one.id === id);
      return { lineId: id, paid, productId: product, ...(own !== undefined && { promoterId: nameOf(own.by[1], naming) }) };
    });
    const saying: Saying = {
      at,
      by: 'source',
      phase,
      ...(end !== 'void' && { status: end }),
      void: end === 'void' ? 'status 200' : false,
      currency: 'CNY',
      createdAt: paidAt - MINUTE_MS,
      paidAt,
      ...(end === 'completed' && { completedAt: at }),
      buyer,
      whole: ['lines', 'evidence'],
      lines,
      ...(ofOrder !== null && { promoterId: nameOf(ofOrder[1], naming) }),
    };
    const sharers = { ofOrder: ofOrder?.[0] ?? null, shared: shared.map(({ id, by: [word] }) => ({ id, word })) };
    const text = wechatText(told.orderId, { at, end, paidAt, skus, sharers, openid: buyer.openid, isGift }, random);
    states.push({ kind: 'wechat-shop', key: told.orderId, index: states.length, phase, at, text, afterSales: [], saying });
  };
  // One state a phase: what a platform was not asked in time nobody hears of.
  keep(0, 1, 'paid');
  if (random.chance(0.6)) {
    if (random.chance(0.4)) skus.push({ id: nextId(), paid: amount(random), product: random.pick(PRODUCTS), gift: false });
    if (skus.length > 1 && random.chance(0.4)) skus.splice(random.int(0, skus.length - 1), 1);
    keep(1, 5, 'paid');
  }
  if (random.chance(0.6)) keep(2, 72, random.pick(['completed', 'completed', 'void']));
  return { ...told, states, sayings: states.map(({ saying }) => saying) };
}

interface WechatState {
  at: number;
  end: 'paid' | 'completed' | 'void';
  paidAt: number;
  skus: { id: string; paid: number; product: string; gift: boolean }[];
  sharers: { ofOrder: string | null; shared: { id: string; word: string }[] };
  openid: string;
  isGift: boolean;
}

function wechatText(orderId: string, { at, end, paidAt, skus, sharers, openid, isGift }: WechatState, random: Random): string {
  const amounts = (fen: number) => random.pick<unknown>([fen, String(fen)]);
  const products = skus.flatMap(({ id, paid, product, gift }) => [
    { product_id: product, sku_id: id, sku_cnt: 1, sale_price: paid, real_price: amounts(paid), junk: random.pick<unknown>(JUNK) },
    ...(gift ? [{ product_id: product, sku_id: id, sku_cnt: 1, sale_price: 100, real_price: 0, is_free_gift: true }] : []),
  ]);
  const nobody = random.pick<unknown>([null, {}, { sharer_openid: '', handling_progress: 1 }, '', []]);
  const detail = {
    product_infos: products,
    pay_info: { pay_time: seconds(paidAt), payment_method: 1 },
    price_info: random.pick<unknown>([null, { order_price: skus.reduce((sum, { paid }) => sum + paid, 0) + 1000, freight: 1000 }]),
    sharer_info: sharers.ofOrder === null ? nobody : { sharer_openid: sharers.ofOrder, share_scene: 7, handling_progress: 1 },
    sku_sharer_infos: sharers.shared.map(({ id, word }) => ({ sku_id: id, sharer_openid: word, handling_progress: 1 })),
    ext_info: { confirm_receipt_time: end === 'completed' ? seconds(at) : random.pick<unknown>([0, '', null]), customer_notes: '\u202e"' },
    commission_infos: random.pick<unknown>(JUNK),
  };
  const giver = {
    is_present: true,
    present_order_id_str: `42${orderId.slice(2)}`,
    present_giver_openid: openid,
    openid: 'receiver of every gift',
  };
  return JSON.stringify({
    order_id: orderId,
    status: end === 'void' ? 200 : end === 'completed' ? 100 : 20,
    create_time: seconds(paidAt - MINUTE_MS),
    update_time: seconds(at),
    openid,
    unionid: random.pick([null, '', '0']),
    ...(isGift && giver),
    order_detail: detail,
    future: random.pick<unknown>(JUNK),
  });
}

/** 抖店: parts with own states; only a list tells an after-sale's amount, a storefront who shared. */
export function doudianOrder(told: Told, { world, random, nextId }: Naming): PlatformOrder {
  const paidAt = world.now - random.int(20 * 24, 40 * 24) * HOUR_MS;
  const parts = Array.from({ length: random.int(1, 3) }, () => ({
    id: nextId(),
    paid: amount(random),
    product: random.pick(PRODUCTS),
    isGone: false,
    back: 0,
  }));
  const buyer = { openid: `dy-${nextId()}` };
  const states: PlatformState[] = [];
  const keep = (phase: number, hours: number, isDone: boolean) => {
    const at = paidAt + hours * HOUR_MS;
    const isVoid = parts.every(({ isGone }) => isGone);
    const saying: Saying = {
      at,
      by: 'source',
      phase,
      ...(!isVoid && { status: isDone ? 'completed' : 'paid' }),
      void: isVoid ? 'cancelled' : false,
      currency: 'CNY',
      createdAt: paidAt,
      paidAt,
      buyer,
      whole: ['lines'],
      lines: parts.map(({ id, paid, product, isGone }) => ({
        lineId: id,
        paid,
        productId: product,
        quantity: isGone ? 0 : 1,
        ...(isDone && !isGone && { completedAt: at }),
      })),
      refunds: parts.filter(({ back }) => back > 0).map(({ id, back }) => ({ refundId: `as-${id}`, lineId: id, amount: back })),
    };
    const code = isVoid ? 4 : isDone ? 5 : 105;
    const text = jsonText(
      {
        order_id: new Literal(told.orderId),
        order_status: code,
        main_status: random.pick<unknown>([code, String(code), 0, null]),
        shop_id: Number(DOUDIAN_SHOP),
        create_time: seconds(paidAt),
        pay_time: seconds(paidAt),
        finish_time: isDone ? seconds(at) : 0,
        update_time: seconds(at),
        doudian_open_id: buyer.openid,
        sku_order_list: parts.map((part) => doudianPart(part, { code, at: isDone ? at : null }, random)),
        order_phase_list: random.pick<unknown>([[], null, '']),
        future: random.pick<unknown>(JUNK),
      },
      random,
    );
    const afterSales = parts.filter(({ back }) => back > 0).map(({ id, back }) => listedAfterSale(id, back, at));
    states.push({ kind: 'doudian', key: told.orderId, index: states.length, phase, at, text, afterSales, saying });
  };
  keep(0, 1, false);
  if (random.chance(0.4)) {
    const part = random.pick(parts);
    if (random.chance(0.5)) part.isGone = true;
    else part.back = random.int(1, part.paid);
    keep(1, 5, false);
  }
  if (random.chance(0.5) && !parts.every(({ isGone }) => isGone)) keep(2, 72, true);
  return { ...told, states, sayings: states.map(({ saying }) => saying) };
}

function doudianPart(
  { id, paid, product, isGone, back }: { id: string; paid: number; product: string; isGone: boolean; back: number },
  { code, at }: { code: number; at: number | null },
  random: Random,
): Value {
  const freight = random.pick([0, 0, 500]);
  return {
    order_id: random.pick<unknown>([id, new Literal(id)]),
    order_status: isGone ? 4 : code,
    main_status: isGone ? 4 : code,
    product_id: 0,
    product_id_str: product,
    item_num: 1,
    pay_amount: paid + freight,
    post_amount: freight,
    author_id: random.pick<unknown>([0, '', null]),
    finish_time: at === null ? 0 : seconds(at),
    after_sale_info:
      back > 0
        ? { after_sale_status: 12, after_sale_type: 1, refund_status: 3 }
        : random.pick<unknown>([null, { after_sale_status: 0 }, '', []]),
  };
}

const listedAfterSale = (partId: string, back: number, at: number) => ({
  aftersale_info: {
    aftersale_id: `as-${partId}`,
    aftersale_type: 1,
    aftersale_status: 12,
    refund_status: 3,
    refund_amount: back + 300,
    refund_post_amount: 300,
    related_id: partId,
    update_time: seconds(at),
  },
  order_info: { related_order_info: [{ sku_order_id: partId, aftersale_pay_amount: back }] },
});

/** 淘宝客: a row for each part of a purchase, with a promoter, a completion and an end of its own. */
export function taobaoOrder(told: Told, naming: Naming, nextAt: () => number): PlatformOrder {
  const { world, random, nextId } = naming;
  const paidAt = world.now - random.int(20 * 24, 40 * 24) * HOUR_MS;
  const states = Array.from({ length: random.int(1, 3) }, () => nextId()).flatMap((tradeId): PlatformState[] => {
    const trade = {
      tradeId,
      paid: amount(random),
      product: random.pick(PRODUCTS),
      by: random.pick(naming.names),
      code: random.chance(0.2) ? random.pick(world.links).code : null,
    };
    const ways = random.pick([['paid'], ['paid', 'settled'], ['paid', 'settled'], ['paid', 'closed']] as const);
    return ways.map((way, index) => {
      const phase = index;
      const at = nextAt() + phase * 15 * MINUTE_MS;
      const earnedAt = paidAt + 3 * DAY_MS;
      const isClosed = way === 'closed';
      const line: SaidLine = {
        lineId: tradeId,
        paid: isClosed ? 0 : trade.paid,
        productId: trade.product,
        quantity: 1,
        ...(trade.code === null ? { promoterId: nameOf(trade.by[1], naming) } : { linkCode: trade.code }),
        ...(way === 'settled' && { completedAt: earnedAt }),
      };
      const saying: Saying = {
        at,
        by: 'source',
        phase,
        ...(!isClosed && { status: 'paid' }),
        currency: 'CNY',
        createdAt: paidAt,
        paidAt,
        lines: [line],
      };
      const text = JSON.stringify(taobaoRow(told.orderId, { ...trade, way, paidAt, earnedAt }, random));
      return { kind: 'taobao', key: `${told.orderId}#${tradeId}`, index, phase, at, text, afterSales: [], saying };
    });
  });
  return { ...told, states, sayings: states.map(({ saying }) => saying) };
}

interface Trade {
  tradeId: string;
  paid: number;
  product: string;
  by: readonly [word: string, promoterId: string | null];
  code: string | null;
  way: 'paid' | 'settled' | 'closed';
  paidAt: number;
  earnedAt: number;
}

function taobaoRow(orderId: string, { tradeId, paid, product, by, code, way, paidAt, earnedAt }: Trade, random: Random): Value {
  const yuan = `${Math.floor(paid / 100)}.${String(paid % 100).padStart(2, '0')}`;
  const isSettled = way === 'settled';
  const nothing = () => random.pick<unknown>(['--', '', null, 0, '-']);
  return {
    trade_parent_id: orderId,
    trade_id: tradeId,
    item_id: product,
    item_num: 1,
    alipay_total_price: random.pick([yuan, `${yuan}00`]),
    pay_price: isSettled ? yuan : '0.00',
    pub_share_pre_fee: '1.00',
    pub_share_fee: isSettled ? '1.00' : '0.00',
    tk_status: random.pick<unknown>([{ paid: 12, settled: 3, closed: 13 }[way], String({ paid: 12, settled: 3, closed: 13 }[way])]),
    relation_id: Number(by[0]),
    special_id: nothing(),
    adzone_id: 110_000_001,
    adzone_name: code === null ? random.pick<unknown>(['推广位名', '', null]) : `fy_${code}`,
    seller_nick: 'demo shop',
    tk_deposit_time: nothing(),
    tb_deposit_time: nothing(),
    tk_create_time: inChina(new Date(paidAt)),
    tb_paid_time: inChina(new Date(paidAt)),
    tk_paid_time: nothing(),
    tk_earning_time: isSettled ? inChina(new Date(earnedAt)) : nothing(),
  };
}
