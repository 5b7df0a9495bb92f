// Deliveries as they are shown: what came, what became of it, and the bytes themselves.
import { sql, type Kysely, type RawBuilder } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { WAITING, type WaitingThing } from '../../sources/asking-view.ts';
import type { DeliveryState } from '../delivery-store.ts';

const WAITING_MAX = 100;

interface DeliveryRow {
  delivery_id: string;
  source_id: string;
  merchant_id: string | null;
  origin: string;
  state: DeliveryState;
  reason: string | null;
  waits_for: string | null;
  attempts: number;
  next_attempt_at: Date | null;
  error: string | null;
  reports: number | null;
  signed_id: string | null;
  received_at: Date;
  finished_at: Date | null;
}

interface DeliveryFilter {
  sourceId: string | null;
  state: DeliveryState | null;
  /** Only what is of this merchant: its rest deliveries and those of its own sources. */
  merchantId: string | null;
}

const COLUMNS = sql`
  delivery_id, source_id, merchant_id, origin, state, reason, waits_for, attempts, error, reports, signed_id, received_at, finished_at,
  case when state = 'received' then next_attempt_at end as next_attempt_at`;

/** Deliveries from the latest, one more than asked for. `before` is the id to go on below. */
export async function listDeliveries(
  db: Kysely<DB>,
  filter: DeliveryFilter,
  { limit, before }: { limit: number; before: string | null },
): Promise<DeliveryRow[]> {
  const conditions = [
    ...(filter.sourceId === null ? [] : [sql<boolean>`source_id = ${filter.sourceId}`]),
    ...(filter.state === null ? [] : [sql<boolean>`state = ${filter.state}`]),
    ...(filter.merchantId === null ? [] : [ofMerchant(filter.merchantId)]),
    ...(before === null ? [] : [sql<boolean>`delivery_id < ${before}::uuid`]),
    sql<boolean>`true`,
  ];
  const { rows } = await sql<DeliveryRow>`
    select ${COLUMNS} from delivery where ${sql.join(conditions, sql` and `)} order by delivery_id desc limit ${limit + 1}`.execute(db);
  return rows;
}

/** What one delivery did, beside its row. */
export interface DeliveryDetail extends DeliveryRow {
  headers: Record<string, string>;
  body: Buffer;
  orders: { merchant_id: string; source_id: string; order_id: string }[];
  waiting: WaitingThing[];
}

/** One delivery, of whatever merchant where none is said; null when there is none. */
export async function findDelivery(db: Kysely<DB>, deliveryId: string, merchantId: string | null): Promise<DeliveryDetail | null> {
  const { rows } = await sql<Omit<DeliveryDetail, 'waiting'>>`
    select ${COLUMNS}, headers, body, coalesce((
      select jsonb_agg(
        jsonb_build_object('merchant_id', orders.merchant_id, 'source_id', orders.source_id, 'order_id', order_id) order by ordinal)
      from order_report join orders using (order_key) where order_report.delivery_id = delivery.delivery_id
    ), '[]') as orders
    from delivery where delivery_id = ${deliveryId}::uuid and ${merchantId === null ? sql<boolean>`true` : ofMerchant(merchantId)}`.execute(
    db,
  );
  if (rows[0] === undefined) return null;
  const { rows: waiting } = await sql<WaitingThing>`
    select ${WAITING} from pull_wanted where delivery_id = ${deliveryId}::uuid order by key limit ${WAITING_MAX}`.execute(db);
  return { ...rows[0], waiting };
}

function ofMerchant(merchantId: string): RawBuilder<boolean> {
  return sql`(merchant_id = ${merchantId}
    or source_id = any(array(select source_id from source where source.merchant_id = ${merchantId})))`;
}
