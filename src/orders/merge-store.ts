// Merging what reports say into orders, set-wise.
import { sql, type Kysely, type Transaction } from 'kysely';

import { merge } from '../core/merge.ts';
import { NOTHING_TOLD, type MergedOrder } from '../core/merged.ts';
import { isTooLarge, type OrderBounds } from '../core/order-bounds.ts';
import { viewOrder } from '../core/order.ts';
import { groupedBy } from '../platform/grouped-by.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf, type Columns } from '../platform/postgres/unnest.ts';
import { lockOrders, NAME_COLUMNS, orderName, unnestOrders, type OrderId, type OrderRow } from './order-store.ts';

// An order that is not found can be made by somebody else only once, since orders are never
// deleted.
const ROUNDS_MAX = 3;

/** What the `ordinal`th report of a delivery says of an order. */
export interface OrderReport extends OrderId {
  merged: MergedOrder;
  deliveryId: string;
  ordinal: number;
}

/** An order that was merged into. `formerParentId` is the parent it has left, where it has. */
interface TouchedOrder extends OrderId {
  orderKey: bigint;
  changed: boolean;
  parentOrderId: string | null;
  formerParentId: string | null;
}

/** What a touched order was before, and is now; before it was made, nothing. */
export interface MergedInto extends TouchedOrder {
  before: MergedOrder | null;
  merged: MergedOrder;
}

/**
 * What became of reports: the orders they were merged into, and those that would make their order
 * larger than orders may be.
 */
interface Merging {
  touched: MergedInto[];
  refused: OrderReport[];
}

/**
 * Merges reports into their orders, making those that are not there yet, and notes which delivery
 * had which effect. Several reports of one order are joined first. The number of queries does
 * not depend on how many reports there are.
 */
export async function mergeIntoOrders(
  trx: Transaction<DB>,
  reports: readonly OrderReport[],
  now: Date,
  bounds: OrderBounds,
): Promise<Merging> {
  const asked = groupedBy(reports, orderName);
  const before = await lockOrders(
    trx,
    [...asked.values()].map((own) => own[0]!),
  );
  const told = new Map<string, Wanted>();
  const refused: OrderReport[] = [];
  for (const [name, own] of asked) {
    const joined = joinWithin(own, before.get(name)?.merged ?? NOTHING_TOLD, bounds);
    refused.push(...joined.refused);
    if (joined.merged !== null) told.set(name, { ...own[0]!, merged: joined.merged, after: joined.after, firstDeliveryId: firstOf(own) });
  }
  const touched: MergedInto[] = [];
  let wanted = [...told.values()];
  for (let round = 0; wanted.length > 0; round++) {
    if (round === ROUNDS_MAX) throw new Error(`broken law: ${wanted.length} orders can neither be found nor made`);
    const standing = round === 0 ? before : await lockOrders(trx, wanted);
    const known = wanted.filter((one) => standing.has(orderName(one)));
    touched.push(...(await updateOrders(trx, known, standing, now, round === 0)));
    const fresh = wanted.filter((one) => !standing.has(orderName(one)));
    const made = await insertOrders(trx, fresh, now);
    touched.push(...made);
    // What somebody else made in between is there to be locked now.
    const done = new Set(made.map(orderName));
    wanted = fresh.filter((one) => !done.has(orderName(one)));
  }
  const keys = new Map(touched.map((order) => [orderName(order), order.orderKey]));
  const outside = new Set(refused);
  await noteEffects(
    trx,
    reports.filter((report) => !outside.has(report)),
    keys,
  );
  await noteIdentities(trx, told, keys);
  return { touched, refused };
}

/**
 * The orders whose award depends on the touched ones: these themselves, their parents and children,
 * and the orders of the same id that other sources of the merchant report.
 */
export async function relativesOf(db: Kysely<DB>, touched: readonly TouchedOrder[]): Promise<bigint[]> {
  if (touched.length === 0) return [];
  const parents = touched.flatMap((order) =>
    [order.parentOrderId, order.formerParentId].filter((id) => id !== null).map((orderId) => ({ ...order, orderId })),
  );
  const { rows } = await sql<{ order_key: bigint }>`
    with touched as (select * from ${unnestOrders(touched)})
    select orders.order_key from touched join orders using (merchant_id, order_id)
    union
    select child.order_key from touched join orders child
      on child.merchant_id = touched.merchant_id and child.source_id = touched.source_id and child.parent_order_id = touched.order_id
    union
    select parent.order_key from ${unnestOrders(parents)} join orders parent using (merchant_id, order_id, source_id)`.execute(db);
  return rows.map((row) => row.order_key);
}

/**
 * What is to be merged into an order, and what the order is then, as long as nobody else has made
 * or changed it meanwhile.
 */
interface Wanted extends OrderId {
  merged: MergedOrder;
  after: MergedOrder;
  firstDeliveryId: string;
}

/** The least id of their deliveries: of texts of ids the lesser one is that of the lesser id. */
const firstOf = (own: readonly OrderReport[]): string => own.map((report) => report.deliveryId).reduce((a, b) => (a < b ? a : b));

/**
 * Joins the reports of one order, in their order, as far as the order stays within its bounds;
 * `merged` is null where none of them fits, and `after` what the order is with them.
 */
function joinWithin(own: readonly OrderReport[], standing: MergedOrder, bounds: OrderBounds) {
  let merged: MergedOrder | null = null;
  let after = standing;
  const refused: OrderReport[] = [];
  for (const report of own) {
    const next = merge(after, report.merged);
    if (isTooLarge(next, bounds) && (!isTooLarge(after, bounds) || partsOf(next) > partsOf(after))) refused.push(report);
    else {
      merged = merged === null ? report.merged : merge(merged, report.merged);
      after = next;
    }
  }
  return { merged, after, refused };
}

const partsOf = ({ lines, refunds, disputes }: MergedOrder) => lines.length + refunds.length + (disputes ?? []).length;

async function updateOrders(
  trx: Transaction<DB>,
  wanted: readonly Wanted[],
  standing: ReadonlyMap<string, OrderRow>,
  now: Date,
  asJoined: boolean,
): Promise<MergedInto[]> {
  const orders = wanted.map((one) => {
    const before = standing.get(orderName(one))!;
    const merged = asJoined ? one.after : merge(before.merged, one.merged);
    // Merging with nothing puts the stored state in our order of keys, so that equal states are
    // equal texts.
    const changed = JSON.stringify(merged) !== JSON.stringify(merge(before.merged, NOTHING_TOLD));
    return { ...one, before, merged, changed, columns: columnsOf(merged) };
  });
  const changed = orders.filter((order) => order.changed);
  if (changed.length > 0) {
    await sql`
      update orders set merged = told.merged, status = told.status, is_void = told.is_void, currency = told.currency, line_count = told.line_count,
        currency_conflict = told.currency_conflict, attribution_at = told.attribution_at, parent_order_id = told.parent_order_id,
        parent_kind = told.parent_kind, changed_at = ${now}
      from ${unnestOf(changed, { order_key: ['bigint', (order: (typeof changed)[number]) => order.before.orderKey], ...STATE_COLUMNS }, 'told')}
      where orders.order_key = told.order_key`.execute(trx);
  }
  await lowerFirstDeliveries(trx, orders);
  return orders.map(({ before, merged, changed, columns, merchantId, sourceId, orderId }) => {
    const parentOrderId = columns.parent?.orderId ?? null;
    const formerParentId = before.parentOrderId === parentOrderId ? null : before.parentOrderId;
    const orderKey = before.orderKey;
    return { orderKey, merchantId, sourceId, orderId, changed, parentOrderId, formerParentId, before: before.merged, merged };
  });
}

/** Keeps the least id where a delivery comes in that was received before all of its order. */
async function lowerFirstDeliveries(trx: Transaction<DB>, orders: readonly { before: OrderRow; firstDeliveryId: string }[]): Promise<void> {
  const lowered = orders.filter(({ before: { firstDeliveryId: first }, firstDeliveryId }) => first !== null && firstDeliveryId < first);
  if (lowered.length === 0) return;
  await sql`
    update orders set first_delivery_id = told.first_delivery_id
    from ${unnestOf(
      lowered,
      { order_key: ['bigint', ({ before }) => before.orderKey], first_delivery_id: ['uuid', (order) => order.firstDeliveryId] },
      'told',
    )}
    where orders.order_key = told.order_key`.execute(trx);
}

/** Makes the orders that nobody else makes at this moment, and answers with those. */
async function insertOrders(trx: Transaction<DB>, wanted: readonly Wanted[], now: Date): Promise<MergedInto[]> {
  if (wanted.length === 0) return [];
  const orders = wanted
    .toSorted((a, b) => (orderName(a) < orderName(b) ? -1 : 1))
    .map((one) => ({ ...one, columns: columnsOf(one.merged) }));
  const { rows } = await sql<{
    order_key: bigint;
    merchant_id: string;
    source_id: string;
    order_id: string;
    parent_order_id: string | null;
  }>`
    insert into orders (merchant_id, source_id, order_id, merged, status, is_void, currency, currency_conflict, attribution_at,
      parent_order_id, parent_kind, line_count, first_delivery_id, made_at, changed_at)
    select told.*, ${now}::timestamptz, ${now}::timestamptz
    from ${unnestOf(orders, { ...NAME_COLUMNS, ...STATE_COLUMNS, first_delivery_id: ['uuid', (order) => order.firstDeliveryId] }, 'told')}
    on conflict (merchant_id, order_id, source_id) do nothing
    returning order_key, merchant_id, source_id, order_id, parent_order_id`.execute(trx);
  const merged = new Map(orders.map((order) => [orderName(order), order.merged]));
  return rows.map((row) => {
    const name = { merchantId: row.merchant_id, sourceId: row.source_id, orderId: row.order_id };
    const parents = { parentOrderId: row.parent_order_id, formerParentId: null };
    return { orderKey: row.order_key, ...name, changed: true, ...parents, before: null, merged: merged.get(orderName(name))! };
  });
}

/** The columns that are read off the merged state, so that SQL can ask for them. */
export function columnsOf(merged: MergedOrder) {
  const { status, void: voided, currency, currencyConflict, attributionAt, parent } = viewOrder(merged);
  return { status, isVoid: voided !== null, currency, currencyConflict, attributionAt, parent };
}

/** An order's state as columns, in the order in which they are inserted. */
const STATE_COLUMNS: Columns<{ merged: MergedOrder; columns: ReturnType<typeof columnsOf> }> = {
  merged: ['jsonb', ({ merged }) => merged],
  status: ['text', ({ columns }) => columns.status],
  is_void: ['boolean', ({ columns }) => columns.isVoid],
  currency: ['text', ({ columns }) => columns.currency],
  currency_conflict: ['boolean', ({ columns }) => columns.currencyConflict],
  attribution_at: ['timestamptz', ({ columns: { attributionAt } }) => (attributionAt === null ? null : new Date(attributionAt))],
  parent_order_id: ['text', ({ columns }) => columns.parent?.orderId ?? null],
  parent_kind: ['text', ({ columns }) => columns.parent?.kind ?? null],
  line_count: ['int', ({ merged }) => merged.lines.length],
};

/** A replay finds its effect noted already. */
async function noteEffects(trx: Transaction<DB>, reports: readonly OrderReport[], keys: ReadonlyMap<string, bigint>): Promise<void> {
  if (reports.length === 0) return;
  await sql`
    insert into order_report (order_key, delivery_id, ordinal)
    select order_key, delivery_id, ordinal from ${unnestOf(
      reports,
      {
        order_key: ['bigint', (report) => keys.get(orderName(report))!],
        delivery_id: ['uuid', (report) => report.deliveryId],
        ordinal: ['smallint', (report) => report.ordinal],
      },
      'told',
    )}
    on conflict (delivery_id, ordinal) do nothing`.execute(trx);
}

async function noteIdentities(trx: Transaction<DB>, told: ReadonlyMap<string, Wanted>, keys: ReadonlyMap<string, bigint>): Promise<void> {
  const rows = [...told].flatMap(([name, { merged }]) => merged.identities.map(([identity]) => ({ identity, orderKey: keys.get(name)! })));
  if (rows.length === 0) return;
  await sql`
    insert into order_identity (identity, order_key)
    select identity, order_key
    from ${unnestOf(rows, { identity: ['uuid', (row) => row.identity], order_key: ['bigint', (row) => row.orderKey] }, 'told')}
    on conflict (identity, order_key) do nothing`.execute(trx);
}
