// Compares what the service holds with the journal: every acknowledged write is there, once, and
// everything that should have come of it.

import type { Client } from 'pg';

import type { Finding, Journal, Told, ToldOrder } from './journal.ts';
import { reckon, type Reckoned } from './reckoning.ts';

type Find = (column: Finding['column'], text: string) => void;

/** Looks at the rows themselves, as the database's owner sees them. */
export async function checkJournal(client: Client, journal: Journal, readOrder: ReadOrder): Promise<Finding[]> {
  const findings: Finding[] = [];
  const find: Find = (column, text) => findings.push({ column, text });
  const told = journal.told.filter(({ acknowledged }) => acknowledged > 0);
  await checkDeliveries(client, told, find);
  await checkClicks(client, journal.clickIds, find);
  await checkEffects(client, told, find);
  await checkOrders(journal.orders, readOrder, find);
  await checkBooks(client, journal.orders, find);
  if (told.length + journal.clickIds.length === 0) find('refused', 'nothing at all was acknowledged, so that nothing was shown');
  return findings;
}

interface DeliveryRow {
  body_hash: string;
  source_id: string;
  delivery_ids: string[];
  state: string;
  error: string | null;
}

async function checkDeliveries(client: Client, told: readonly Told[], find: Find): Promise<void> {
  const { rows } = await client.query<DeliveryRow>(
    `select encode(body_hash, 'hex') as body_hash, source_id, array_agg(delivery_id::text) as delivery_ids, min(state) as state,
      min(coalesce(error, reason)) as error
    from delivery where body_hash = any($1::bytea[]) group by 1, 2`,
    [told.map(({ bodyHash }) => Buffer.from(bodyHash, 'hex'))],
  );
  const found = new Map(rows.map((row) => [`${row.source_id} ${row.body_hash}`, row]));
  for (const one of told) {
    const what = `a report of ${one.orderId ?? 'nothing'} from ${one.sourceId}`;
    const row = found.get(`${one.sourceId} ${one.bodyHash}`);
    if (row === undefined) {
      find('lost', `${what} was acknowledged and is not there`);
      continue;
    }
    if (row.delivery_ids.length > 1) find('doubled', `${what} stands there ${row.delivery_ids.length} times`);
    if (row.state !== one.ends) find('lost', `${what} is ${row.state} and not ${one.ends}: ${row.error}`);
    if (one.ends === 'failed' && row.error === null) find('wrong', `${what} failed without an error`);
    const strange = [...one.deliveryIds].filter((id) => !row.delivery_ids.includes(id));
    if (strange.length > 0) find('lost', `${what} was said to be kept as ${strange.join(', ')}, and is not`);
  }
}

async function checkClicks(client: Client, clickIds: readonly string[], find: Find): Promise<void> {
  const { rows } = await client.query<{ click_id: string }>('select click_id::text from click where click_id = any($1::uuid[])', [
    clickIds,
  ]);
  const found = new Set(rows.map((row) => row.click_id));
  for (const clickId of clickIds) if (!found.has(clickId)) find('lost', `the click ${clickId} was answered and is not there`);
  if (rows.length > found.size) find('doubled', `${rows.length - found.size} clicks stand there twice`);
}

/** An order was merged from as many reports as were told of it, and stands there once. */
async function checkEffects(client: Client, told: readonly Told[], find: Find): Promise<void> {
  const reports = new Map<string, Set<string>>();
  for (const { orderId, bodyHash } of told) {
    if (orderId !== null) reports.set(orderId, (reports.get(orderId) ?? new Set()).add(bodyHash));
  }
  const { rows } = await client.query<{ order_id: string; orders: number; effects: number }>(
    `select order_id, count(distinct order_key)::int as orders, count(delivery_id)::int as effects
    from orders left join order_report using (order_key) where order_id = any($1) group by 1`,
    [[...reports.keys()]],
  );
  for (const { order_id: orderId, orders, effects } of rows) {
    const expected = reports.get(orderId)!.size;
    if (orders > 1) find('doubled', `the order ${orderId} stands there ${orders} times`);
    if (effects > expected) find('doubled', `${effects} reports were merged into the order ${orderId}, of which ${expected} were told`);
  }
}

/** An order as the API answers it; null when there is none. */
export type ReadOrder = (sourceId: string, orderId: string) => Promise<ShownOrder | null>;

export interface ShownOrder {
  lines: {
    line_id: string;
    paid_amount: number;
    refunded_amount: number;
    pool: number;
    shares: { role: string; promoter_id: string | null; amount: number }[];
  }[];
}

const READ_AT_ONCE = 8;

async function checkOrders(orders: readonly ToldOrder[], readOrder: ReadOrder, find: Find): Promise<void> {
  const left = [...orders];
  const reader = async () => {
    for (let order = left.pop(); order !== undefined; order = left.pop()) {
      const shown = await readOrder(order.sourceId, order.orderId);
      if (shown === null) find('lost', `the order ${order.orderId} is not there`);
      else compare(order, shown, find);
    }
  };
  await Promise.all(Array.from({ length: READ_AT_ONCE }, reader));
}

function compare({ orderId, seller, ratePpm, lines, refunds }: ToldOrder, shown: ShownOrder, find: Find): void {
  const expected = reckon(seller, ratePpm, lines, refunds);
  const found = shown.lines.map((line) => ({
    lineId: line.line_id,
    paid: line.paid_amount,
    refunded: line.refunded_amount,
    pool: line.pool,
    shares: line.shares.map((share) => `${share.role} ${share.promoter_id} ${share.amount}`).toSorted(),
  }));
  const [wanted, got] = [JSON.stringify(expected), JSON.stringify(found)];
  if (wanted !== got) find('wrong', `the order ${orderId} should be ${wanted} and is ${got}`);
}

/** What is booked for each promoter and order is what the order earns, to the fen. */
async function checkBooks(client: Client, orders: readonly ToldOrder[], find: Find): Promise<void> {
  const owed = new Map<string, number>();
  for (const { orderId, seller, ratePpm, lines, refunds } of orders) addOwed(owed, orderId, reckon(seller, ratePpm, lines, refunds));
  const ids = orders.map(({ orderId }) => orderId);
  for (const { column, text } of await compareBooks(client, ids, owed)) find(column, text);
}

/** Adds what the lines of an order owe to whom. */
export function addOwed(owed: Map<string, number>, orderId: string, lines: readonly Reckoned[]): void {
  for (const share of lines.flatMap((line) => line.shares)) {
    const [, promoter, amount] = share.split(' ');
    const name = `${orderId} ${promoter}`;
    owed.set(name, (owed.get(name) ?? 0) + Number(amount));
  }
}

/** Where what is booked for these orders is not what they owe. */
export async function compareBooks(client: Client, orderIds: readonly string[], owed: ReadonlyMap<string, number>): Promise<Finding[]> {
  const { rows } = await client.query<{ booked: string; amount: string }>(
    `select order_id || ' ' || entry.promoter_id as booked, sum(amount) as amount
    from entry join account using (account_id) join orders using (order_key)
    where account.kind in ('pending', 'available') and order_id = any($1)
    group by 1 having sum(amount) <> 0`,
    [orderIds],
  );
  const booked = new Map(rows.map((row) => [row.booked, Number(row.amount)]));
  return [...new Set([...booked.keys(), ...owed.keys()])].flatMap((name) => {
    const [is, should] = [booked.get(name) ?? 0, owed.get(name) ?? 0];
    if (is === should) return [];
    return { column: is === 2 * should ? 'doubled' : 'wrong', text: `booked for ${name} is ${is} and should be ${should}` };
  });
}

/**
 * The longest time from the commit of a report to its order, and from there to the award, in
 * milliseconds.
 */
export async function worstDelay(client: Client, told: readonly Told[]): Promise<number> {
  const { rows } = await client.query<{ ms: string | null }>(
    `with mine as (
      select delivery_id, received_at, finished_at from delivery where body_hash = any($1::bytea[]) and state = 'processed'
    ), last as (
      select order_key, max(received_at) as received_at from mine join order_report using (delivery_id) group by 1
    )
    select ceil(1000 * extract(epoch from greatest(
      (select max(finished_at - received_at) from mine),
      (select max(award.awarded_at - last.received_at) from last join award using (order_key))))) as ms`,
    [told.map(({ bodyHash }) => Buffer.from(bodyHash, 'hex'))],
  );
  return Number(rows[0]!.ms ?? 0);
}
