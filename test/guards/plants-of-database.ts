// Violations of the laws of what the database itself is to refuse, each planted in a world whose
// books are in order.

import { sql } from 'kysely';

import { uuidv7 } from '../../src/platform/uuid.ts';
import { change, changeMerged, type Plant } from './plant.ts';

const part = (lineId: string) => ({ lineId, paidAmount: [0, 1, ''] });

export const PLANTS_OF_DATABASE: Plant[] = [
  {
    law: 'hash_chain_intact',
    plant: 'a link whose hash is of something else',
    do: (trx) =>
      sql`insert into ledger_link (link_no, day, below_xid, transfers, leaves, root, previous_hash, hash, chained_at)
        select 1, current_date, 1, 1, other, other, decode(repeat('00', 32), 'hex'), other, now()
        from sha256('other'::bytea) as other`.execute(trx),
  },
  {
    law: 'deliveries_once',
    plant: 'a report that was kept twice',
    do: (trx) =>
      sql`
        insert into delivery (delivery_id, source_id, merchant_id, origin, body, body_hash, headers, received_at, state, next_attempt_at,
          reports, finished_at)
        select ${uuidv7(Date.now())}::uuid, source_id, merchant_id, origin, body, body_hash, headers, now(), state, now(), 0, now()
        from delivery limit 1`.execute(trx),
  },
  {
    law: 'deliveries_once',
    plant: 'a report whose doubles would not be known',
    do: async (trx) => {
      await sql`alter table known_body disable trigger user`.execute(trx);
      await sql`delete from known_body where delivery_id = (select delivery_id from delivery limit 1)`.execute(trx);
      await sql`alter table known_body enable trigger user`.execute(trx);
    },
  },
  {
    law: 'parts_once',
    plant: 'a refund that counts twice',
    do: (trx) => {
      const refund = { refundId: 'r', lineId: null, amount: [0, 1, ''], status: null, refundedAt: null };
      return changeMerged('refunds', [refund, refund])(trx);
    },
  },
  {
    law: 'parts_once',
    plant: 'a line that counts twice',
    do: async (trx) => {
      await sql`delete from award using orders where orders.order_key = award.order_key and order_id = 'nobodys'`.execute(trx);
      await sql`insert into award_due select order_key, now() from orders where order_id = 'nobodys'`.execute(trx);
      await changeMerged('lines', [part('9'), part('9')], 'nobodys')(trx);
      await change('orders', 'line_count = 2', 'nobodys')(trx);
    },
  },
  {
    law: 'append_only_kept',
    plant: 'a ledger that may be changed',
    do: (trx) => sql`alter table transfer disable trigger user`.execute(trx),
  },
  {
    law: 'append_only_kept',
    plant: 'decisions that the application may delete',
    do: (trx) => sql`grant delete on decision to fenyong_app`.execute(trx),
  },
  { law: 'commits_durable', plant: 'commits that a crash would lose', do: (trx) => sql`set local synchronous_commit = off`.execute(trx) },
];
