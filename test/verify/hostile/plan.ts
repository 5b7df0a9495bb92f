// What a trial of the hostile market sends: orders of every teller, rendered for their doors, with
// doubles, and between them what cannot be read. Made from the seed; only the tokens of clicks are
// the service's.

import { createHash } from 'node:crypto';

import type { Random } from '../random.ts';
import { brokenBody } from './broken.ts';
import { bytesOf, messageOf, reportOf } from './canonical.ts';
import { fileOf, type HostileFile } from './files.ts';
import { lockFamily, makeOrder, parentFamily, type Place } from './history.ts';
import { fileOrderId, orderId } from './ids.ts';
import { idOf, jsonText, Literal, shuffled } from './json.ts';
import { doudianOrder, taobaoOrder, wechatOrder, type Asked, type Naming, type PlatformState } from './platforms.ts';
import { HOUR_MS, type Saying, type Teller, type ToldOrder } from './said.ts';
import { shopOrder } from './shops.ts';
import type { World } from './world.ts';

/** How a delivery must end; of a refused body there is none. */
type Ends = 'processed' | 'failed' | 'parked' | 'refused';

export interface PlannedSend {
  phase: number;
  /** Of whose order it tells; for people. */
  about: string;
  sourceId: string;
  teller: Teller;
  body: Buffer;
  ends: Ends;
  /** Stamped with a time far ahead. */
  isAhead?: true;
  /** The platform tells this state before it pushes the id of its order. */
  reaches?: PlatformState;
}

export interface PlannedFile extends HostileFile {
  phase: number;
  sourceId: string;
}

export interface Plan {
  orders: ToldOrder[];
  sends: PlannedSend[];
  files: PlannedFile[];
  /** What lists tell, of which nothing is pushed. */
  listed: PlatformState[];
}

const SHARES: readonly [teller: Teller, share: number][] = [
  ['rest', 0.26],
  ['webhook', 0.26],
  ['shopify', 0.1],
  ['woocommerce', 0.1],
  ['file', 0.1],
  ['wechat-shop', 0.08],
  ['doudian', 0.05],
  ['taobao', 0.05],
];

/** Plans a trial of about `count` orders. */
export async function makePlan(place: Place, count: number): Promise<Plan> {
  const { world, random } = place;
  const plan: Plan = { orders: [], sends: [], files: [], listed: [] };
  const names = namer(world, random);
  const naming = { world, random, names: world.platformWords, nextId: platformIds(world) };
  for (const [teller, share] of SHARES) {
    for (let n = Math.ceil(count * share); n > 0; n -= 1) {
      const told = names(teller);
      const isShop = teller === 'shopify' || teller === 'woocommerce';
      if (teller === 'wechat-shop' || teller === 'doudian' || teller === 'taobao') addPlatformOrder(plan, teller, told.sourceId, naming);
      else if (isShop) addShopOrder(plan, told, world, random);
      else addOrder(plan, await makeOrder(place, told), world, random);
    }
  }
  for (let n = Math.ceil(count / 40); n > 0; n -= 1) {
    const teller = random.pick(['rest', 'webhook'] as const);
    for (const order of await lockFamily(place, () => names(teller))) addOrder(plan, order, world, random);
    for (const order of await parentFamily(place, () => names(teller))) addOrder(plan, order, world, random);
    await addDuplicate(plan, place, names('webhook'));
  }
  addFiles(plan, world, random);
  addBroken(plan, world, random, Math.ceil(count / 4));
  return { ...plan, sends: shuffled(plan.sends, random) };
}

/** Names orders, no two of one source alike; another source may have an order of the same id. */
function namer({ sources }: World, random: Random) {
  const used = new Set<string>();
  let n = 0;
  return (teller: Teller): Pick<ToldOrder, 'sourceId' | 'orderId' | 'teller'> => {
    const isFileOfRest = teller === 'file' && random.chance(0.4);
    const sourceId = teller === 'rest' || isFileOfRest ? 'rest' : teller === 'file' ? sources.files : sources[teller];
    for (;;) {
      n += 1;
      const isShop = teller === 'shopify' || teller === 'woocommerce';
      const id = isShop
        ? String(6_000_000_000_000_000_000n + BigInt(n * 13))
        : teller === 'file'
          ? fileOrderId(n, random)
          : orderId(n - 1, random);
      // Of two signing sources one is the later one of its kind: the same id there would be the
      // same order.
      const scope = sourceId === sources.files ? sources.webhook : sourceId;
      if (!used.has(`${scope}\n${id}`) && used.add(`${scope}\n${id}`)) return { sourceId, orderId: id, teller };
    }
  };
}

/** The same bytes several times, and the same content in other bytes. */
function addOrder(plan: Plan, order: ToldOrder, world: World, random: Random): void {
  plan.orders.push(order);
  for (const saying of order.sayings) {
    if (order.teller === 'file' && (saying.phase > 0 || random.chance(0.7))) continue;
    for (let twins = random.chance(0.15) ? 2 : 1; twins > 0; twins -= 1) {
      const send = sendOf(order, saying, world, random);
      for (let copies = random.chance(0.2) ? random.int(2, 3) : 1; copies > 0; copies -= 1) plan.sends.push(send);
    }
  }
}

function sendOf(order: ToldOrder, saying: Saying, world: World, random: Random): PlannedSend {
  const isPosted = saying.by === 'storefront' || order.sourceId === 'rest';
  const report = reportOf(order, saying, world.merchantId, random);
  const body = bytesOf(isPosted ? report : messageOf(random.chance(0.3) ? { ...report, merchant_id: undefined } : report, random), random);
  const place = isPosted ? { sourceId: 'rest', teller: 'rest' as const } : { sourceId: order.sourceId, teller: 'webhook' as const };
  return { phase: saying.phase, about: order.orderId, ...place, body, ends: 'processed', ...(saying.isAhead && { isAhead: true }) };
}

function addShopOrder(plan: Plan, told: Pick<ToldOrder, 'sourceId' | 'orderId' | 'teller'>, world: World, random: Random): void {
  const order = shopOrder(told, world, random);
  plan.orders.push(order);
  for (const { value, phase, unknown } of order.bodies) {
    const send: PlannedSend = {
      phase,
      about: order.orderId,
      sourceId: order.sourceId,
      teller: order.teller,
      body: Buffer.from(jsonText(value, random)),
      ends: unknown === null ? 'processed' : 'parked',
    };
    for (let copies = random.int(1, 2); copies > 0; copies -= 1) plan.sends.push(send);
  }
}

/** One order that two sources of one kind tell of: only what the earlier one tells earns. */
async function addDuplicate(plan: Plan, place: Place, told: Pick<ToldOrder, 'sourceId' | 'orderId' | 'teller'>): Promise<void> {
  const { world, random } = place;
  const first = await makeOrder(place, told);
  const again = await makeOrder(place, { ...told, sourceId: world.sources.later });
  addOrder(plan, first, world, random);
  addOrder(plan, { ...again, isDuplicate: true }, world, random);
}

/** Ids of nineteen digits, no two of one service alike. */
function platformIds({ merchantId, now }: World): () => string {
  const trial = Number(/\d+/.exec(merchantId)?.[0] ?? 0);
  let last = 3_700_000_000_000_000_000n + BigInt(trial) * 1_000_000_000_000n + (BigInt(now) % 1_000_000n) * 100_000n;
  return () => String((last += 7n));
}

/**
 * Of a platform that is asked: what is pushed names the order only, and what a list tells is pushed
 * by nobody.
 */
function addPlatformOrder(plan: Plan, teller: Asked, sourceId: string, naming: Naming): void {
  const { world, random, nextId } = naming;
  const told = { sourceId, orderId: nextId(), teller };
  const nextAt = () => world.listedFrom + plan.listed.length * 1000;
  if (teller === 'taobao') {
    let row = 0;
    const order = taobaoOrder(told, naming, () => nextAt() + (row += 1) * 1000);
    plan.listed.push(...order.states);
    plan.orders.push(order);
    return;
  }
  const order = teller === 'doudian' ? doudianOrder(told, naming) : wechatOrder(told, naming);
  if (random.chance(0.5)) {
    const linkCode = random.pick(world.links).code;
    const saying: Saying = { at: world.now - HOUR_MS, by: 'storefront', phase: 0, linkCode };
    order.sayings.push(saying);
    plan.sends.push(sendOf(order, saying, world, random));
  }
  plan.orders.push(order);
  for (const state of order.states) {
    const body = eventBody(teller, order.orderId, random);
    const send: PlannedSend = { phase: state.phase, about: order.orderId, sourceId, teller, body, ends: 'processed', reaches: state };
    for (let copies = random.int(1, 2); copies > 0; copies -= 1) plan.sends.push(send);
  }
}

/** The message that something has become of an order, before it is sealed. */
function eventBody(teller: Asked, orderId: string, random: Random): Buffer {
  const mark = `${random.int(0, 2 ** 31)}${random.int(0, 2 ** 31)}`;
  const id = random.pick<unknown>([orderId, new Literal(orderId)]);
  if (teller === 'doudian') {
    const data = jsonText({ p_id: id, shop_id: random.pick<unknown>([123_456, '123456']), order_status: 2 }, random);
    return Buffer.from(jsonText([{ tag: random.pick(['100', '101', '103']), msg_id: mark, data }], random));
  }
  const event = {
    ToUserName: 'gh_1',
    CreateTime: 1_780_308_000,
    MsgType: 'event',
    Event: 'channels_ec_order_pay',
    MsgId: mark,
    order_info: { order_id: id },
  };
  return Buffer.from(jsonText(event, random));
}

const SAYINGS_OF_A_FILE = 25;

/** What is told in files: every saying once at least, many of them again in the next file. */
function addFiles(plan: Plan, { sources }: World, random: Random): void {
  for (const sourceId of ['rest', sources.files]) {
    const told = plan.orders.filter((order) => order.teller === 'file' && order.sourceId === sourceId);
    for (const phase of [0, 1]) {
      const sayings = shuffled(
        told.flatMap((order) => order.sayings.filter((saying) => saying.phase === phase).map((saying) => ({ order, saying }))),
        random,
      );
      for (let from = 0; from < sayings.length; from += SAYINGS_OF_A_FILE) {
        const again = sayings.filter(() => random.chance(0.1));
        const ofFile = [...new Set([...sayings.slice(from, from + SAYINGS_OF_A_FILE), ...again])];
        plan.files.push({ ...fileOf(ofFile, random), phase, sourceId });
      }
    }
  }
}

/** Reports that cannot be read, of orders that there are and of others. */
function addBroken(plan: Plan, world: World, random: Random, count: number): void {
  const ours = plan.orders.filter(({ teller }) => teller === 'rest' || teller === 'webhook');
  for (let n = 0; n < count; n += 1) {
    const order = random.pick(ours);
    const isRest = order.sourceId === 'rest';
    const id = idOf(order.orderId, random);
    const report = {
      merchant_id: world.merchantId,
      order_id: id instanceof Literal && random.chance(0.5) ? id : order.orderId,
      observed_at: new Date(world.now - 60_000).toISOString(),
      void: { reason: `never to be believed ${n}` },
    };
    const wrap = (text: string) => (isRest ? text : `{"type":"order.changed","mark":${n},"data":${text}}`);
    const place = isRest ? { sourceId: 'rest', teller: 'rest' as const } : { sourceId: order.sourceId, teller: 'webhook' as const };
    const body = brokenBody(report, random, wrap);
    plan.sends.push({ phase: 0, about: `broken ${order.orderId}`, ...place, body, ends: isRest ? 'refused' : 'failed' });
  }
  addStrangers(plan, world, random);
}

/**
 * What tells of merchants that are not ours: of one nobody knows, or one for whom the source does
 * not speak.
 */
function addStrangers(plan: Plan, { sources }: World, random: Random): void {
  const report = { merchant_id: 'nobody knows it', order_id: 'x', status: 'paid' };
  const text = (value: object) => Buffer.from(jsonText(value, random));
  plan.sends.push({ phase: 0, about: 'a stranger', sourceId: 'rest', teller: 'rest', body: text(report), ends: 'refused' });
  const message = { type: 'order.paid', data: report };
  plan.sends.push({ phase: 0, about: 'a stranger', sourceId: sources.webhook, teller: 'webhook', body: text(message), ends: 'failed' });
  const carts = { id: 1, line_items: [], token: 'cart', note: null };
  plan.sends.push({ phase: 0, about: 'a cart', sourceId: sources.shopify, teller: 'shopify', body: text(carts), ends: 'processed' });
}

/** A hash of all that is sent, by which two plans are compared. */
export function hashOf({ sends, files }: Plan): string {
  const hash = createHash('sha256');
  for (const { body } of sends) hash.update(body);
  for (const { bytes } of files) hash.update(bytes);
  return hash.digest('hex');
}
