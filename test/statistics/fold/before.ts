// A database as a version before statistics has left it: no fact has a number, and nothing is
// counted.

import { sql, type Kysely } from 'kysely';

import type { DB } from '../../../src/platform/postgres/tables.ts';

/** Takes the numbers of all facts, and all that was counted of them. */
export async function forgetNumbers(owner: Kysely<DB>): Promise<void> {
  await owner.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx);
    await sql`update award set awarded_xid = null, progress = null`.execute(trx);
    await sql`update click set recorded_xid = null`.execute(trx);
    await sql`update link set made_xid = null`.execute(trx);
    await sql`update product_version set recorded_xid = null`.execute(trx);
    await sql`update promoter_version set recorded_xid = null`.execute(trx);
    await sql`delete from late_click`.execute(trx);
    for (const table of ['counted', 'merchant_rollup', 'promoter_rollup', 'link_rollup']) {
      await sql`delete from ${sql.table(table)}`.execute(trx);
    }
    await sql`
      update statistics_fold set below_xid = oldest, history_below_xid = oldest, complete_at = now(), history_done_at = null,
        orders_up_to = default, links_up_to = default, clicks_up_to = default, bonuses_up_to = default
      from (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + xid_offset as oldest from ledger_fold) as count_of_ledger`.execute(
      trx,
    );
  });
}
