// What is new since the guards last looked, so that they need not read all of the books every time.

import { sql, type Kysely } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';
import { uuidv7 } from '../platform/uuid.ts';
import { MINUTE_MS } from '../platform/durations.ts';

/** From so many on it is cheaper to read everything. */
const ORDERS_MAX = 100_000;
/**
 * A transaction writes the time of its beginning and shows its rows at its end, so what began a
 * while ago is looked at once more.
 */
const OVERLAP_MS = MINUTE_MS;
/**
 * A report is stored when it comes and is finished later; one that waited for longer is read by the
 * next full run.
 */
const FINISHED_WITHIN_MS = 10 * MINUTE_MS;

export interface Changes {
  /** Orders that were told of, or awarded, anew. */
  orderKeys: string[];
  /** A delivery id that lies before those that came. */
  firstDelivery: string;
}

export interface Look {
  /** From when on the next look has to begin. */
  seenUpTo: Date;
  /** Null when everything is to be read: nobody has looked yet, or too much is new. */
  changes: Changes | null;
}

/** Looks for what has changed since then, by the database's clock. */
export async function lookForChanges(db: Kysely<DB>, since: Date | null): Promise<Look> {
  const { rows } = await sql<{ now: Date; order_keys: string[] | null }>`
    select now() as now, case when ${since}::timestamptz is not null then array(
      select order_key::text from (
        select order_key from orders where changed_at >= ${since} union select order_key from award where awarded_at >= ${since}
      ) as changed order by changed.order_key limit ${ORDERS_MAX + 1}
    ) end as order_keys`.execute(db);
  const { now, order_keys: orderKeys } = rows[0]!;
  const seenUpTo = new Date(now.getTime() - OVERLAP_MS);
  if (since === null || orderKeys === null || orderKeys.length > ORDERS_MAX) return { seenUpTo, changes: null };
  const firstDelivery = uuidv7(Math.max(since.getTime() - FINISHED_WITHIN_MS, 0), new Uint8Array(10));
  return { seenUpTo, changes: { orderKeys, firstDelivery } };
}
