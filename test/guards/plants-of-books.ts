// Violations of the laws of the books and of their borders, each planted in a world whose books are
// in order.

import { sql, type Transaction } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { change, changeMerged, type Plant } from './plant.ts';
import { ago, auditOf, BUYER, KEY_ID } from './world.ts';

/**
 * Opens an account and moves one side of a transfer of the waiting order, which is not folded yet,
 * to it.
 */
function redirect(side: 'from' | 'to', kind: string, promoterId: string | null, currency = 'CNY') {
  return async (trx: Transaction<DB>): Promise<void> => {
    const found = await sql<{ account_id: bigint }>`
      select account_id from account
      where kind = ${kind} and promoter_id is not distinct from ${promoterId} and currency = ${currency}`.execute(trx);
    const account =
      found.rows[0] ??
      (await trx
        .insertInto('account')
        .values({ kind, merchant_id: 'm1', promoter_id: promoterId, currency })
        .returning('account_id')
        .executeTakeFirstOrThrow());
    await sql`
      update transfer set ${sql.ref(`${side}_account_id`)} = ${account.account_id}
      from orders where orders.order_key = transfer.order_key and order_id = 'waiting' and transfer.promoter_id = 'bob'`.execute(trx);
  };
}

/** Books 40 of m1 that are of no order, between accounts that it opens where they are not there. */
function caused(cause: string, kind: string, from: [string, string | null], to: [string, string | null]) {
  return async (trx: Transaction<DB>): Promise<void> => {
    const ids: bigint[] = [];
    for (const [account, promoterId] of [from, to]) {
      await sql`insert into account (kind, merchant_id, promoter_id, currency) values (${account}, 'm1', ${promoterId}, 'CNY')
        on conflict do nothing`.execute(trx);
      const { rows } = await sql<{ account_id: bigint }>`
        select account_id from account where kind = ${account} and merchant_id = 'm1' and promoter_id is not distinct from ${promoterId}
          and currency = 'CNY'`.execute(trx);
      ids.push(rows[0]!.account_id);
    }
    await sql`
      insert into transfer (cause, cause_id, position, kind, merchant_id, currency, promoter_id, from_account_id, to_account_id, amount, booked_at)
      values (${cause}, 'planted', 0, ${kind}, 'm1', 'CNY', ${from[1] ?? to[1]}, ${ids[0]!}, ${ids[1]!}, 40, now())`.execute(trx);
  };
}

const unaudited = (kind: string, id: string) => (trx: Transaction<DB>) =>
  sql`delete from audit_log where subject_kind = ${kind} and subject_id = ${id}`.execute(trx);

const childLink = {
  code: 'child-link',
  merchant_id: 'm1',
  promoter_id: 'a1',
  landing_url: 'https://shop.example.com/',
  scene: 'group',
  shared_from: 'alices-link',
  sharers: ['alice', 'bob'],
  made_at: ago(1),
};

/** Books the first share of the agency of the order `released` once more, this way or back. */
const again = (kind: string, revision: number, from: string, to: string) => sql`
  insert into transfer (order_key, revision, position, kind, merchant_id, currency, promoter_id, line_id, role, from_account_id,
    to_account_id, amount, booked_at)
  select order_key, ${revision}::integer, 90, ${kind}, transfer.merchant_id, transfer.currency, promoter_id, line_id, role,
    ${sql.ref(from)}, ${sql.ref(to)}, 400, booked_at
  from transfer join orders using (order_key)
  where order_id = 'released' and kind = 'accrue' and role = 'agency' and position < 90`;

export const PLANTS_OF_BOOKS: Plant[] = [
  { law: 'shares_booked', plant: 'a fen more in the books than was decided', do: change('transfer', 'amount = amount + 1') },
  {
    law: 'shares_booked',
    plant: 'a share that was never booked',
    do: (trx) => sql`delete from transfer using orders where orders.order_key = transfer.order_key and order_id = 'waiting'`.execute(trx),
  },
  { law: 'shares_booked', plant: 'a share that was booked on another line', do: change('transfer', `line_id = '2'`) },
  {
    law: 'shares_booked',
    plant: 'a transfer that nobody decided',
    do: (trx) =>
      sql`
      insert into transfer (order_key, revision, position, kind, merchant_id, currency, promoter_id, line_id, role, from_account_id,
        to_account_id, amount, booked_at)
      select order_key, revision, 99, kind, transfer.merchant_id, transfer.currency, promoter_id, line_id, 'account', from_account_id,
        to_account_id, 1, booked_at
      from transfer join orders using (order_key) where order_id = 'waiting' and promoter_id = 'bob'`.execute(trx),
  },
  { law: 'shares_booked', plant: 'an award in another currency than its transfers', do: change('award', `currency = 'USD'`) },
  {
    law: 'void_earns_nothing',
    plant: 'a void order that goes on earning',
    do: async (trx) => {
      await changeMerged('void', ['fraud', 1, ''])(trx);
      await change('orders', 'is_void = true')(trx);
    },
  },
  {
    law: 'void_earns_nothing',
    plant: 'a line that was refunded in full and keeps its commission',
    do: async (trx) => {
      await changeMerged('refunds', [{ refundId: 'r', lineId: ['1', 1, ''], amount: [9999, 1, ''], status: null, refundedAt: null }])(trx);
      await change('decision', 'refunded_amount = 9999, base = 0, pool = 0')(trx);
    },
    also: ['shares_within_pool'],
  },
  {
    law: 'slots_covered',
    plant: 'a share of which more was taken back than there was, until later more was given',
    do: async (trx) => {
      await again('accrue', 2, 'from_account_id', 'to_account_id').execute(trx);
      await again('reverse', 1, 'to_account_id', 'from_account_id').execute(trx);
    },
  },
  {
    law: 'transfers_keyed',
    plant: 'one place that was booked twice',
    do: async (trx) => {
      await sql`alter table transfer drop constraint transfer_once`.execute(trx);
      await change('transfer', 'position = 0')(trx);
    },
  },
  { law: 'transfers_keyed', plant: 'a transfer of a revision that never was', do: change('transfer', 'revision = 9') },
  {
    law: 'transfers_keyed',
    plant: 'transfers without an award',
    do: (trx) => sql`delete from award using orders where orders.order_key = award.order_key and order_id = 'waiting'`.execute(trx),
    also: ['paid_orders_decided', 'shares_booked'],
  },
  {
    law: 'transfers_move_rightly',
    plant: 'an earning that skips the wait',
    do: redirect('to', 'available', 'bob'),
    also: ['invoices_sum_to_owed'],
  },
  { law: 'transfers_move_rightly', plant: 'an earning on somebody else’s account', do: redirect('to', 'pending', 'alice') },
  { law: 'transfers_move_rightly', plant: 'an earning that another promoter pays for', do: redirect('from', 'pending', 'alice') },
  {
    law: 'transfers_move_rightly',
    plant: 'a share of a promoter in our revenue',
    do: redirect('to', 'revenue', null),
    also: ['invoices_sum_to_owed'],
  },
  {
    law: 'transfers_move_rightly',
    plant: 'a transfer from an account that is not there',
    do: (trx) =>
      sql`
      update transfer set from_account_id = 999999 from orders
      where orders.order_key = transfer.order_key and order_id = 'waiting'`.execute(trx),
    also: ['book_sums_to_zero', 'invoices_sum_to_owed'],
  },
  {
    law: 'holds_kept',
    plant: 'a release before the end of the hold',
    do: async (trx) => {
      await sql`update transfer set booked_at = ${ago(9)} from orders
        where orders.order_key = transfer.order_key and order_id = 'released' and kind = 'release'`.execute(trx);
      await change('line_hold', `ends_at = '${ago(9).toISOString()}', released_at = '${ago(9).toISOString()}'`, 'released')(trx);
    },
  },
  {
    law: 'holds_kept',
    plant: 'a release of a line that is not released',
    do: async (trx) => {
      await change('line_hold', 'released_at = null, ends_at = null', 'released')(trx);
      await change('award', 'is_open = true', 'released')(trx);
    },
  },
  { law: 'holds_kept', plant: 'a release of an order that was never completed', do: changeMerged('completedAt', null, 'released') },
  {
    law: 'holds_kept',
    plant: 'a release beside an open refund',
    do: changeMerged(
      'refunds,1',
      { refundId: 'r2', lineId: null, amount: [1, 1, ''], status: ['open', 1, ''], refundedAt: null },
      'released',
    ),
  },
  { law: 'holds_kept', plant: 'a release of what the platform has not settled', do: changeMerged('settledAt', null, 'settled') },
  {
    law: 'balances_folded',
    plant: 'a balance with a fen too much',
    do: (trx) =>
      sql`update account_balance set balance = balance + 1 where account_id = (select min(account_id) from account_balance)`.execute(trx),
    also: ['invoices_sum_to_owed'],
  },
  {
    law: 'balances_folded',
    plant: 'a balance that is not kept',
    do: (trx) => sql`delete from account_balance`.execute(trx),
    also: ['invoices_sum_to_owed'],
  },
  {
    law: 'book_sums_to_zero',
    plant: 'money that changes its currency on the way',
    do: redirect('to', 'pending', 'bob', 'USD'),
    also: ['invoices_sum_to_owed'],
  },
  {
    law: 'invoices_sum_to_owed',
    plant: 'a share that was paid out while it waited, so that no invoice lists it',
    do: caused('payout', 'pay', ['pending', 'bob'], ['paid', 'bob']),
    also: ['caused_move_rightly', 'payouts_booked'],
  },
  {
    law: 'invoices_sum_to_owed',
    plant: 'a merchant’s payment that became our revenue',
    do: caused('merchant_payment', 'receive', ['received', null], ['revenue', null]),
    also: ['caused_move_rightly'],
  },
  {
    law: 'invoices_sum_to_owed',
    plant: 'a debt that was written off at the merchant’s cost',
    do: caused('write_off', 'write_off', ['commission', null], ['available', 'bob']),
    also: ['caused_move_rightly'],
  },
  { law: 'merchants_agree', plant: 'an award of another merchant', do: change('award', `merchant_id = 'm2'`) },
  { law: 'merchants_agree', plant: 'a transfer of another merchant', do: change('transfer', `merchant_id = 'm2'`) },
  {
    law: 'merchants_agree',
    plant: 'an account of another merchant',
    do: (trx) => sql`update account set merchant_id = 'm2' where kind = 'pending' and promoter_id = 'bob'`.execute(trx),
    also: ['invoices_sum_to_owed'],
  },
  {
    law: 'merchants_agree',
    plant: 'a rule of another merchant',
    do: (trx) => sql`update rule_version set scope = '{"merchant_id": "m2"}'`.execute(trx),
  },
  {
    law: 'merchants_agree',
    plant: 'a buyer of another merchant',
    do: (trx) => sql`update buyer_identity set merchant_id = 'm2' where identity = ${BUYER}`.execute(trx),
  },
  {
    law: 'merchants_agree',
    plant: 'a report of another merchant',
    do: (trx) => sql`with known as (update known_body set merchant_id = 'm2') update delivery set merchant_id = 'm2'`.execute(trx),
  },
  { law: 'merchants_agree', plant: 'a source of another merchant', do: (trx) => sql`update source set merchant_id = 'm2'`.execute(trx) },
  {
    law: 'links_descend',
    plant: 'a link that was shared from another merchant’s',
    do: (trx) =>
      trx
        .insertInto('link')
        .values({ ...childLink, merchant_id: 'm2' })
        .execute(),
  },
  {
    law: 'links_descend',
    plant: 'a link below its own promoter',
    do: (trx) =>
      trx
        .insertInto('link')
        .values({ ...childLink, promoter_id: 'bob' })
        .execute(),
  },
  {
    law: 'links_descend',
    plant: 'a link that forgets who shared it',
    do: (trx) =>
      trx
        .insertInto('link')
        .values({ ...childLink, sharers: ['bob'] })
        .execute(),
  },
  {
    law: 'links_descend',
    plant: 'a first link that somebody stands above',
    do: (trx) =>
      trx
        .insertInto('link')
        .values({ ...childLink, shared_from: null })
        .execute(),
  },
  {
    law: 'idempotency_keys_finished',
    plant: 'a request that hangs',
    do: (trx) =>
      trx
        .insertInto('idempotency_key')
        .values({ key_id: KEY_ID, key: 'k', fingerprint: Buffer.alloc(32), made_at: ago(1) })
        .execute(),
  },
  {
    law: 'idempotency_keys_finished',
    plant: 'a request that is done without an answer',
    do: async (trx) => {
      await sql`alter table idempotency_key drop constraint idempotency_key_finished`.execute(trx);
      await trx
        .insertInto('idempotency_key')
        .values({ key_id: KEY_ID, key: 'k', fingerprint: Buffer.alloc(32), made_at: ago(0), finished_at: ago(0) })
        .execute();
    },
  },
  { law: 'changes_audited', plant: 'a merchant that nobody stated', do: unaudited('merchant', 'm2') },
  { law: 'changes_audited', plant: 'a product that nobody stated', do: unaudited('product', 'm1/p1') },
  { law: 'changes_audited', plant: 'a promoter whom nobody stated', do: unaudited('promoter', 'bob') },
  { law: 'changes_audited', plant: 'a rule that nobody published', do: unaudited('rule', 'r2') },
  { law: 'changes_audited', plant: 'a source that nobody stated', do: unaudited('source', 'shop1') },
  { law: 'changes_audited', plant: 'a mapping that nobody stated', do: unaudited('mapping', 'shop1/pid/b') },
  { law: 'changes_audited', plant: 'a key that nobody made', do: unaudited('key', KEY_ID) },
  {
    law: 'changes_audited',
    plant: 'a payment that nobody told',
    do: (trx) =>
      sql`insert into merchant_payment (payment_id, merchant_id, reference, currency, amount, made_at, made_by)
      values (${uuidv7(Date.now())}, 'm1', 'of nobody', 'CNY', 1, now(), ${KEY_ID})`.execute(trx),
  },
  {
    law: 'changes_audited',
    plant: 'a write-off that nobody made',
    do: (trx) =>
      sql`insert into write_off (write_off_id, promoter_id, merchant_id, currency, amount, reason, made_at, made_by, made_person)
      values (${uuidv7(Date.now())}, 'bob', 'm1', 'CNY', 1, 'of nobody', now(), ${KEY_ID}, 'nobody')`.execute(trx),
  },
  {
    law: 'drafts_by_two',
    plant: 'a draft that its writer approved',
    do: async (trx) => {
      const draftId = uuidv7(Date.now());
      await sql`insert into rule_draft (draft_id, kind, change, revision, content_hash, state, made_at, changed_at, approved_at, approved_by,
          approved_person, approved_alone, acknowledged)
        values (${draftId}, 'rule', '{}', 1, sha256(''), 'approved', now(), now(), now(), ${KEY_ID}, 'ann', false, '{}')`.execute(trx);
      await sql`insert into rule_draft_edit (draft_id, revision, key_id, person, edited_at, change)
        values (${draftId}, 1, ${KEY_ID}, 'ann', now(), '{}')`.execute(trx);
      await sql`insert into audit_log (recorded_at, action, subject_kind, subject_id)
        values (now(), 'rule_draft_approved', 'rule_draft', ${draftId})`.execute(trx);
    },
  },
  {
    law: 'drafts_by_two',
    plant: 'a published draft of a version that is not there',
    do: async (trx) => {
      const draftId = uuidv7(Date.now());
      await sql`insert into rule_draft (draft_id, kind, subject_id, published_version, change, revision, content_hash, state, made_at, changed_at,
          approved_at, approved_by, approved_person, approved_alone, acknowledged, decided_at, decided_by)
        values (${draftId}, 'rule', 'r1', 99, '{}', 1, sha256(''), 'published', now(), now(), now(), ${KEY_ID}, 'ann', false, '{}', now(),
          ${KEY_ID})`.execute(trx);
      await sql`insert into audit_log (recorded_at, action, subject_kind, subject_id)
        values (now(), 'rule_draft_published', 'rule_draft', ${draftId})`.execute(trx);
    },
  },
  {
    law: 'changes_audited',
    plant: 'a draft that nobody made',
    do: (trx) =>
      sql`insert into rule_draft (draft_id, kind, change, revision, content_hash, state, made_at, changed_at)
      values (${uuidv7(Date.now())}, 'rule', '{}', 1, sha256(''), 'draft', now(), now())`.execute(trx),
  },
  {
    law: 'changes_audited',
    plant: 'a write-off that nobody rejected',
    do: async (trx) => {
      const [writeOffId, madeAt] = [uuidv7(Date.now()), ago(1)];
      await sql`insert into write_off (write_off_id, promoter_id, merchant_id, currency, amount, reason, made_at, made_by, made_person,
        rejected_at, rejected_by, rejected_person, rejection)
      values (${writeOffId}, 'bob', 'm1', 'CNY', 1, 'a debt', ${madeAt}, ${KEY_ID}, 'zhang', now(), ${KEY_ID}, 'li', 'of nobody')`.execute(
        trx,
      );
      await trx
        .insertInto('audit_log')
        .values(auditOf('write_off', writeOffId, madeAt))
        .execute();
    },
  },
  {
    law: 'changes_audited',
    plant: 'a key that nobody revoked',
    do: (trx) => sql`update api_key set revoked_at = now()`.execute(trx),
  },
];
