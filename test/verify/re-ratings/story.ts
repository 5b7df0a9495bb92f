// One trial: orders are paid by one rate, the rate is corrected for the past, and a re-rating is
// approved and executed while orders go on being told and refunded, and the service is killed in
// the middle of the preview, of the approval and again and again of the execution.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Client } from 'pg';

import { drained } from '../drain.ts';
import type { Finding } from '../journal.ts';
import type { Body, Finance } from '../payouts/finance.ts';
import type { Random } from '../random.ts';
import type { Stage } from '../stage.ts';

const PROMOTERS = 4;
const ORDERS = 600;
const TELLERS = 12;
const KILLS_OF_EXECUTION = 4;
const [PAID_LEAST, PAID_MOST] = [1000, 90_000];
const POLL_MS = 50;
const STEP_MS_MAX = 120_000;
/** In parts per million: what was paid at first, and what should have been. */
const [WRONG, RIGHT] = [100_000, 80_000];

interface ReRatingTrial {
  stage: Stage;
  client: Client;
  desk: Pick<Finance, 'ask' | 'must' | 'zhang' | 'li'>;
  random: Random;
  /** Names its merchant, and begins the ids of its orders. */
  name: string;
  /** Told of every kill. */
  onKill: () => void;
}

/** An order as it was told last. */
interface ToldOrder {
  orderId: string;
  paid: number;
  refunded: number;
}

interface PlayedReRating {
  orders: ToldOrder[];
  findings: Finding[];
}

/** Plays the trial and compares what everybody has with what was told. */
export async function playReRating(trial: ReRatingTrial): Promise<PlayedReRating> {
  const { desk, client, stage, name } = trial;
  const ruleId = await openRatedMerchant(trial);
  const links = await Promise.all(Array.from({ length: PROMOTERS }, (_, n) => openSeller(trial, n)));
  const orders = await tellOrders(trial, links, 0, ORDERS);
  await quiet(stage, client);
  await desk.must('POST', `/v1/rules/${ruleId}/versions`, { ...ruleOf(name, RIGHT), retroactive: true });
  const first = await ask(trial, 'running');
  const load = keepTelling(trial, links, orders);
  try {
    await approveKilled(trial, first);
    await executeKilled(trial, first);
  } finally {
    await load.stop();
  }
  await quiet(stage, client);
  const findings = await judgeFirst(trial, first);
  const second = await executeQuietly(trial);
  const third = await executeQuietly(trial);
  if (third.changed_orders !== 0) findings.push({ column: 'doubled', text: `a third run would change ${third.changed_orders} orders` });
  if (second.execution.failed > 0) findings.push({ column: 'lost', text: `${second.execution.failed} orders failed in the second run` });
  findings.push(...(await judgeOrders(trial, orders)));
  return { orders, findings };
}

const ruleOf = (name: string, rate: number) => ({
  name: `${rate} for ${name}`,
  scope: { merchant_id: name },
  effective_from: new Date(Date.UTC(2020)).toISOString(),
  plan: { rate_ppm: rate, split: [{ to: 'promoter', share_ppm: 1_000_000 }] },
});

async function openRatedMerchant({ desk: { must }, name }: ReRatingTrial): Promise<string> {
  await must('PUT', `/v1/merchants/${name}`, { name, currency: 'CNY', landing_hosts: ['shop.example.com'], hold_days: 0 });
  await must('PUT', `/v1/merchants/${name}/products/p1`, { title: 'Bottle', landing_url: 'https://shop.example.com/p/1' });
  return (await must('POST', '/v1/rules', { ...ruleOf(name, WRONG), retroactive: true })).rule_id;
}

async function openSeller({ desk: { must }, name }: ReRatingTrial, n: number): Promise<string> {
  const promoterId = `${name}-seller-${n}`;
  await must('PUT', `/v1/promoters/${promoterId}`, { name: promoterId, kind: 'person' });
  return (await must('POST', '/v1/links', { promoter_id: promoterId, merchant_id: name, product_id: 'p1' })).code;
}

/** Tells of new orders, half of them complete and so released at once. */
async function tellOrders(trial: ReRatingTrial, links: readonly string[], from: number, count: number): Promise<ToldOrder[]> {
  const { desk, name, random } = trial;
  const orders = Array.from({ length: count }, (_, n) => ({
    orderId: `${name}-${from + n}`,
    paid: random.int(PAID_LEAST, PAID_MOST),
    refunded: 0,
    link: random.pick(links),
    isComplete: random.chance(0.5),
  }));
  const waiting = [...orders];
  const at = new Date().toISOString();
  const tell = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { orderId, paid, link, isComplete } = next;
      await desk.must('POST', '/v1/orders', {
        merchant_id: name,
        order_id: orderId,
        currency: 'CNY',
        link_code: link,
        paid_at: at,
        ...(isComplete ? { status: 'completed', completed_at: at } : { status: 'paid' }),
        lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: paid }],
      });
    }
  };
  await Promise.all(Array.from({ length: TELLERS }, tell));
  return orders.map(({ orderId, paid, refunded }) => ({ orderId, paid, refunded }));
}

/** Goes on telling of refunds of known orders and of new orders, until it is stopped. */
function keepTelling(trial: ReRatingTrial, links: readonly string[], orders: ToldOrder[]): { stop: () => Promise<void> } {
  const { desk, name, random } = trial;
  const stopping = new AbortController();
  const work = async () => {
    for (let n = 0; !stopping.signal.aborted; n += 1) {
      const order = random.pick(orders);
      const amount = random.int(1, 900);
      if (order.refunded === 0) {
        await desk.must('POST', '/v1/orders', {
          merchant_id: name,
          order_id: order.orderId,
          refunds: [{ refund_id: `r-${order.orderId}`, line_id: '1', amount }],
        });
        order.refunded = amount;
      }
      if (n % 4 === 0) orders.push(...(await tellOrders(trial, links, orders.length, 1)));
      await sleep(random.int(5, 40));
    }
  };
  const running = work();
  // Whoever stops it hears of what went wrong.
  running.catch(() => undefined);
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

async function quiet(stage: Stage, client: Client): Promise<void> {
  const left = await drained(stage, client);
  if (left !== null) throw new Error(left);
}

/** Asks for the run, kills whoever previews it where that is wanted, and waits for the preview. */
async function ask(trial: ReRatingTrial, killedWhile: 'running' | null): Promise<Body> {
  const { desk, name, random } = trial;
  const period = { from: '2026-01-01T00:00:00Z', to: '2099-01-01T00:00:00Z', currency: 'CNY' };
  const asked = { merchant_id: name, ...period, reason: 'the rate was wrong', lowers: true };
  const { re_rating_id: id } = await desk.must('POST', '/v1/re-ratings', asked, desk.zhang);
  if (killedWhile !== null) {
    await sleep(random.int(0, 150));
    await killWorkers(trial);
  }
  return until(trial, id, (one) => one.state !== 'running');
}

async function until(trial: ReRatingTrial, id: string, isThere: (one: Body) => boolean): Promise<Body> {
  const deadline = Date.now() + STEP_MS_MAX;
  for (;;) {
    const one = await trial.desk.must('GET', `/v1/re-ratings/${id}`);
    if (isThere(one)) return one;
    if (Date.now() > deadline) throw new Error(`the re-rating is ${one.state} for two minutes: ${JSON.stringify(one.execution)}`);
    await hasten(trial);
    await sleep(POLL_MS);
  }
}

/** The lease of a worker that was killed runs out at once; one that lives renews its own. */
async function hasten({ client }: ReRatingTrial): Promise<void> {
  await client.query(
    `update re_rating set leased_until = now() where state in ('running', 'approved') and leased_until < now() + interval '15 seconds'`,
  );
}

async function killWorkers(trial: ReRatingTrial): Promise<void> {
  const { fleet } = trial.stage;
  await fleet.killWorkers();
  trial.onKill();
  await trial.client.query(`update re_rating set leased_until = null where state in ('running', 'approved')`);
  await fleet.restore();
}

/** Approves while what answers is killed. */
async function approveKilled(trial: ReRatingTrial, { re_rating_id: id, content_hash }: Body): Promise<void> {
  const { desk, stage, random, onKill } = trial;
  const approving = desk.must('POST', `/v1/re-ratings/${id}/approval`, { content_hash }, desk.li);
  // It may end before it is waited for.
  approving.catch(() => undefined);
  await sleep(random.int(0, 30));
  await stage.fleet.killApi();
  onKill();
  await stage.fleet.restore();
  await approving;
}

const BOOKED = `select count(*)::int as count from re_rating_order where re_rating_id = $1 and state <> 'waiting'`;

/** Kills the workers whenever they have booked some more, and lets them come to the end. */
async function executeKilled(trial: ReRatingTrial, { re_rating_id: id }: Body): Promise<void> {
  const { client, random } = trial;
  const booked = async () => (await client.query<{ count: number }>(BOOKED, [id])).rows[0]!.count;
  for (let kill = 0; kill < KILLS_OF_EXECUTION; kill += 1) {
    const before = await booked();
    const deadline = Date.now() + STEP_MS_MAX / 4;
    while ((await booked()) === before && Date.now() < deadline) {
      await hasten(trial);
      await sleep(1);
    }
    await sleep(random.int(0, 25));
    await killWorkers(trial);
  }
  await until(trial, id, (one) => one.state === 'executed');
}

async function executeQuietly(trial: ReRatingTrial): Promise<Body> {
  const { desk } = trial;
  const { re_rating_id: id, content_hash } = await ask(trial, null);
  await desk.must('POST', `/v1/re-ratings/${id}/approval`, { content_hash }, desk.li);
  return until(trial, id, (one) => one.state === 'executed');
}

/** Of a run every order is booked once, or left out. */
async function judgeFirst(trial: ReRatingTrial, { re_rating_id: id, changed_orders: changed }: Body): Promise<Finding[]> {
  const { desk, client } = trial;
  const { execution } = await desk.must('GET', `/v1/re-ratings/${id}`);
  const findings: Finding[] = [];
  const { waiting, booked, changed_meanwhile: left, failed } = execution;
  if (waiting + failed > 0 || booked + left !== changed) {
    findings.push({ column: 'lost', text: `of ${changed} orders these became of the run: ${JSON.stringify(execution)}` });
  }
  const { rows } = await client.query<{ order_key: string; revisions: number }>(
    `select order_key, count(distinct revision)::int as revisions from transfer where cause = 're_rating' and cause_id = $1
    group by order_key having count(distinct revision) > 1`,
    [id],
  );
  for (const row of rows) findings.push({ column: 'doubled', text: `the order ${row.order_key} was booked ${row.revisions} times` });
  return findings;
}

/** In the end every order is paid by the right rate, of what is left of it. */
async function judgeOrders({ client, name }: ReRatingTrial, orders: readonly ToldOrder[]): Promise<Finding[]> {
  const { rows } = await client.query<{ order_id: string; booked: string }>(
    `select order_id, coalesce(sum(case kind when 'accrue' then amount when 'reverse' then -amount else 0 end), 0) as booked
    from orders left join transfer using (order_key) where orders.merchant_id = $1 group by order_id`,
    [name],
  );
  const booked = new Map(rows.map((row) => [row.order_id, Number(row.booked)]));
  return orders.flatMap(({ orderId, paid, refunded }): Finding[] => {
    const should = Math.floor(((paid - refunded) * RIGHT) / 1_000_000);
    const is = booked.get(orderId);
    if (is === undefined) return [{ column: 'lost', text: `the order ${orderId} is not there` }];
    return is === should ? [] : [{ column: 'wrong', text: `of the order ${orderId} ${should} should be booked, and ${is} is` }];
  });
}
