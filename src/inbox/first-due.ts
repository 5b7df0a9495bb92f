// From which id on deliveries that are due are looked for. Those of long ago are done but for a few
// that are replayed, and the worker asks many times a second: it is not to look through all months.
import { sql, type Kysely } from 'kysely';

import { inTransaction } from '../platform/postgres/database.ts';
import type { DB } from '../platform/postgres/tables.ts';

/** Where more are due it is not raised: they are taken soon, and some are enough to see. */
const DUE_READ_MAX = 10_000;

/**
 * The least id that a due delivery may have. It is read by itself, so that the planner of what asks
 * for those from there on sees the value, and leaves out the partitions before.
 */
export async function firstDue(db: Kysely<DB>): Promise<string> {
  const { rows } = await sql<{ first_id: string }>`select first_id from due_delivery`.execute(db);
  return rows[0]!.first_id;
}

/**
 * Looks through all months for deliveries that are due, and keeps from where on there are any: the
 * day before today, or earlier. Whatever makes an old one due moves it back in the same
 * transaction; what a clock that is days late has stored is found here.
 */
export async function settleFirstDue(db: Kysely<DB>): Promise<void> {
  await inTransaction(db, async ({ trx }) => {
    await sql`select from due_delivery for update`.execute(trx);
    await sql`
      update due_delivery set first_id = settled.first_id
      from (
        select case when count(*) <= ${DUE_READ_MAX}
          then least((array_agg(delivery_id order by delivery_id))[1], partition_key('delivery', date_trunc('day', now()) - interval '1 day')::uuid)
          else least((array_agg(delivery_id order by delivery_id))[1], (select first_id from due_delivery)) end as first_id
        from (select delivery_id from delivery where state = 'received' limit ${DUE_READ_MAX + 1}) as due
      ) as settled
      where due_delivery.first_id <> settled.first_id`.execute(trx);
  });
}
