// A varied market: two shops and currencies, a chain and an agency, several winners, refunds,
// cancellations, releases, orders that nobody has won, and set-up that changes meanwhile.

import { foldStatistics } from '../../../src/statistics/fold/fold.ts';
import { ago, openWorld, SIMPLE_PLAN, WORKED_PLAN, type World } from '../../commission/world.ts';

/** A die that falls the same way in every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

/** How long the market is open, in days until now. */
export const DAYS = 24;

export async function openMarket() {
  const world = await openWorld();
  await world.merchant('m1', { model: 'linear' });
  await world.merchant('m2', { currency: 'USD' });
  await world.product('m1', 'p1', { category: 'baby' });
  await world.product('m1', 'p2', { category: 'toys' });
  await world.product('m2', 'q1');
  await world.promoter('agency', { kind: 'agency' });
  await world.promoter('alice');
  await world.promoter('bob', { inviter_id: 'alice', agency_id: 'agency' });
  await world.promoter('carol', { inviter_id: 'bob' });
  await world.rule({ scope: { merchant_id: 'm1' }, plan: WORKED_PLAN });
  await world.rule({ scope: { merchant_id: 'm2' }, plan: SIMPLE_PLAN });
  const links = await Promise.all([
    world.link('m1', 'bob', { code: 'bobs', product_id: 'p1' }),
    world.link('m1', 'carol', { code: 'carols', product_id: 'p2', scene: 'live', made_at: new Date(ago(20)) }),
    world.link('m1', 'alice', { code: 'alices', scene: 'moments', campaign_id: 'spring', made_at: new Date(ago(9)) }),
    world.link('m2', 'bob', { code: 'abroad', product_id: 'q1', made_at: new Date(ago(3)) }),
  ]);
  return { ...world, links, roll: dice(7) };
}

export type Market = Awaited<ReturnType<typeof openMarket>>;

/** A moment of the market, now and then one that begins a quarter of an hour. */
function moment({ roll }: Market): string {
  const at = Date.parse(ago((roll(DAYS * 1000) + 1) / 1000));
  return new Date(roll(5) === 0 ? Math.floor(at / 900_000) * 900_000 : at).toISOString();
}

/** Visits and orders, of which some change again. `name` keeps the orders of two turns apart. */
export async function trade(market: Market, name: string, orders: number): Promise<void> {
  const { roll } = market;
  for (let visit = 0; visit < orders * 3; visit++) {
    const buyer = roll(4) === 0 ? {} : { openid: `buyer ${roll(12)}` };
    await market.click(market.links[roll(4)]!, { at: moment(market), buyer, bot: roll(6) === 0 });
  }
  for (let order = 0; order < orders; order++) await sell(market, `${name}-${order}`);
  await market.award();
}

async function sell(market: Market, orderId: string): Promise<void> {
  const { roll } = market;
  const merchant = roll(4) === 0 ? 'm2' : 'm1';
  const product = () => (merchant === 'm2' ? 'q1' : ['p1', 'p2', null][roll(3)]);
  const lines = Array.from({ length: 1 + roll(2) }, (_, at) => ({
    line_id: String(at + 1),
    product_id: product(),
    quantity: 1 + roll(3),
    paid_amount: 1000 + roll(9000),
  }));
  const code = merchant === 'm2' ? 'abroad' : ['bobs', 'carols', 'alices'][roll(3)];
  // By a link, by the clicks of a buyer, or by nothing.
  const evidence = [{ link_code: code }, { buyer: { openid: `buyer ${roll(12)}` } }, {}][roll(5) === 0 ? 2 : roll(2)];
  const fields = { merchant_id: merchant, order_id: orderId };
  const currency = merchant === 'm2' ? 'USD' : 'CNY';
  await market.report({ fields: { ...fields, status: 'paid', currency, paid_at: moment(market), lines, ...evidence } });
  if (roll(3) === 0) await market.award();
  await change(market, fields, { refundMax: lines[0]!.paid_amount });
}

/** What becomes of an order. */
async function change(market: Market, fields: { merchant_id: string; order_id: string }, { refundMax }: { refundMax: number }) {
  const { roll } = market;
  const tell = (more: object) => market.report({ fields: { ...fields, ...more } });
  if (roll(3) === 0) await tell({ status: 'completed', completed_at: ago(roll(2) === 0 ? 0 : 9) });
  if (roll(4) === 0) await tell({ refunds: [{ refund_id: 'r', line_id: roll(2) === 0 ? '1' : null, amount: 1 + roll(refundMax) }] });
  if (roll(9) === 0) await tell({ void: { reason: 'cancelled' } });
}

/** Orders of before become others: completed, given back, won by somebody else. */
export async function haveSecondThoughts(market: Market, name: string, orders: number): Promise<void> {
  for (let order = 0; order < orders; order += 2) {
    const row = await market.db
      .selectFrom('orders')
      .select('merchant_id')
      .where('order_id', '=', `${name}-${order}`)
      .executeTakeFirstOrThrow();
    const fields = { merchant_id: row.merchant_id, order_id: `${name}-${order}` };
    if (row.merchant_id === 'm1' && market.roll(2) === 0) await market.report({ fields: { ...fields, link_code: 'carols' } });
    await change(market, fields, { refundMax: 1000 });
  }
  await market.award();
  await market.awardAt(new Date().toISOString());
}

/** Set-up changes: what came before it stays what it was. */
export async function reorganise(market: Market): Promise<void> {
  await market.product('m1', 'p1', { category: 'infant', from: ago(10) });
  await market.promoter('carol', { inviter_id: 'bob', agency_id: 'agency', from: ago(10) });
}

/** Folds all that is committed. */
export async function foldAll({ db }: Pick<World, 'db'>): Promise<void> {
  for (let more = true; more;) ({ more } = (await foldStatistics(db)) ?? { more: true });
}
