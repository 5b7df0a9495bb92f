// What a planted violation is, and the usual ways to plant one.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';

export interface Plant {
  law: string;
  plant: string;
  do: (trx: Transaction<DB>) => Promise<unknown>;
  /** The other laws that this cannot but break too. */
  also?: string[];
}

/** Changes the standing rows of one order: its own, its award's or its decisions'. */
export function change(table: 'orders' | 'award' | 'decision' | 'line_hold' | 'transfer', assignment: string, orderId = 'waiting') {
  return (trx: Transaction<DB>): Promise<unknown> =>
    sql`update ${sql.table(table)} as changed set ${sql.raw(assignment)} from orders as named
      where named.order_key = changed.order_key and named.order_id = ${orderId}`.execute(trx);
}

/** Says something else in the merged state of an order. */
export function changeMerged(path: string, value: unknown, orderId = 'waiting') {
  return change('orders', `merged = jsonb_set(changed.merged, '{${path}}', '${JSON.stringify(value)}')`, orderId);
}

/** Says something else in what the decision of an order pinned. */
export function changePin(path: string, value: unknown, orderId = 'waiting') {
  return change('decision', `pinned = jsonb_set(pinned, '{${path}}', '${JSON.stringify(value)}')`, orderId);
}

/**
 * Runs the work as one who can break every law: no triggers, no foreign keys. What it does is never
 * committed.
 */
export async function tampering(owner: Kysely<DB>, work: (trx: Transaction<DB>) => Promise<void>): Promise<void> {
  const undo = new Error('undo');
  try {
    await owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await work(trx);
      throw undo;
    });
  } catch (error) {
    if (error !== undo) throw error;
  }
}
