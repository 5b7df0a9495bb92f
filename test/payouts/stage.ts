// A shop whose promoters are paid out: money that is earned, drafted, approved and paid at moments
// that a test names.

import { createSecretKey } from 'node:crypto';

import { sql } from 'kysely';

import type { Told } from '../../src/payouts/settling.ts';
import { payoutToSettle, settle } from '../../src/payouts/settling.ts';
import { draftBatch, type DraftDeps } from '../../src/payouts/batches/drafting.ts';
import type { BatchWish } from '../../src/payouts/batches/batch-store.ts';
import { masterKeys } from '../../src/platform/keys/secrets.ts';
import { accountCache, bookTransfers, type NewTransfer } from '../../src/ledger/booking-store.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { testDatabase } from '../harness.ts';
import { settle as untilFoldable } from '../ledger/books.ts';
import { openOrder, openShop, transferOf } from '../ledger/shop.ts';

export type PayoutStage = Awaited<ReturnType<typeof openPayoutStage>>;

/** The shop of the books with nothing booked; taxes as `scheme` says, months of Shanghai. */
export async function openPayoutStage(scheme: DraftDeps['taxes']['scheme'] = 'none') {
  const database = await testDatabase();
  const { db, owner } = database;
  const orders = await openShop(owner);
  const accounts = accountCache();
  const deps: DraftDeps = {
    taxes: { scheme, gap: 'restart', timeZone: 'Asia/Shanghai' },
    keys: masterKeys(['m'.repeat(32)]),
    numberKey: createSecretKey(Buffer.from('numbers')),
    payeeChangeWaitHours: 48,
    merchantsOwing: async () => new Set(),
  };
  const orderKeys = new Map(Object.entries(orders).map(([merchantId, orderKey]) => [`${merchantId}\n`, orderKey]));

  async function keyOf(merchantId: string, orderId: string): Promise<bigint> {
    const name = `${merchantId}\n${orderId}`;
    const orderKey = orderKeys.get(name) ?? (await openOrder(owner, merchantId, orderId));
    orderKeys.set(name, orderKey);
    return orderKey;
  }

  /** Books transfers of an order at once; an order is opened when it is first named. */
  async function book(at: string, orderId: string, ...moves: Partial<NewTransfer>[]): Promise<void> {
    const transfers: NewTransfer[] = [];
    for (const move of moves) transfers.push(transferOf(await keyOf(move.merchantId ?? 'm1', orderId), move));
    await db.transaction().execute((trx) => bookTransfers(trx, transfers, accountCache(), new Date(at)));
    // A statement reads below the oldest transaction of the cluster, other databases' among them.
    await untilFoldable(db);
  }

  /** Earned and released at once. */
  const earn = (at: string, orderId: string, amount: bigint, more: Partial<NewTransfer> = {}): Promise<void> =>
    book(at, orderId, { amount, ...more }, { kind: 'release', from: 'pending', to: 'available', amount, ...more });

  /** Taken back of what is available. */
  const takeBack = (at: string, orderId: string, amount: bigint, more: Partial<NewTransfer> = {}): Promise<void> =>
    book(at, orderId, { kind: 'reverse', from: 'available', to: 'commission', amount, ...more });

  async function draft(at: string, wish: Partial<BatchWish> = {}): Promise<string> {
    const now = new Date(at);
    const batchId = uuidv7(now.getTime());
    const whole = { currency: 'CNY', minimum: 0n, providerId: null, promoterIds: null, requested: false, despiteDebts: false, ...wish };
    await inTransaction(db, ({ trx }) =>
      draftBatch(trx, deps, { ...whole, batchId, keyId: null, person: 'somebody', schedule: null }, now),
    );
    await untilFoldable(db);
    return batchId;
  }

  /** Has every payout of a batch approved and sent by hand, its tax as the draft expects it. */
  async function approve(at: string, batchId: string): Promise<void> {
    await sql`
      with approved as (
        update payout set state = 'sent', withheld = expected_withheld, approved_no = nextval('payout_moment'), approved_at = ${at}::timestamptz,
          scheme = case when currency = 'CNY' then ${scheme} else 'none' end,
          tax_month = to_char(${at}::timestamptz at time zone 'Asia/Shanghai', 'YYYY-MM'), taxpayer = 'promoter:' || promoter_id,
          changed_at = ${at}::timestamptz
        where batch_id = ${batchId} and state = 'drafted' returning *
      ), income as (
        insert into payout_income (payout_id, from_no) select payout_id, approved_no from approved
      )
      insert into payout_change (payout_id, position, from_state, to_state, changed_at)
      select payout_id, 1, 'drafted', 'sent', ${at}::timestamptz from approved`.execute(owner);
  }

  async function payoutOf(batchId: string, promoterId = 'bob'): Promise<string> {
    const { rows } = await sql<{ payout_id: string }>`
      select payout_id from payout where batch_id = ${batchId} and promoter_id = ${promoterId}`.execute(db);
    return rows[0]!.payout_id;
  }

  async function tell(at: string, payoutId: string, told: Told): Promise<void> {
    await inTransaction(db, async ({ trx }) => settle({ trx, accounts, now: new Date(at) }, await payoutToSettle(trx, payoutId), told));
    await untilFoldable(db);
  }

  /**
   * Drafts, approves and pays all that is available in the currency at once; answers with the
   * batch.
   */
  async function pay(at: string, { reference = null, ...wish }: Partial<BatchWish> & { reference?: string | null } = {}): Promise<string> {
    const batchId = await draft(at, wish);
    await approve(at, batchId);
    const { rows } = await sql<{ payout_id: string }>`select payout_id from payout where batch_id = ${batchId}`.execute(db);
    for (const { payout_id: payoutId } of rows) await tell(at, payoutId, { state: 'paid', reference });
    return batchId;
  }

  return { db, owner, deps, book, earn, takeBack, draft, approve, payoutOf, tell, pay, close: () => database.close() };
}
