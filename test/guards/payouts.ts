// Money out in the world of the guards: what is released there is drafted, approved by two persons,
// and one payout each is paid, failed and still with its provider. Done by the code itself.

import { createSecretKey } from 'node:crypto';

import type { Kysely } from 'kysely';

import type { WithholdingScheme } from '../../src/core/payouts/withholding.ts';
import { accountCache } from '../../src/ledger/booking-store.ts';
import { approveBatch } from '../../src/payouts/batches/approving.ts';
import { findBatch } from '../../src/payouts/batches/batch-store.ts';
import { draftBatch, type DraftDeps } from '../../src/payouts/batches/drafting.ts';
import { insertBill } from '../../src/payouts/bills/bill-store.ts';
import { payoutToSettle, settle } from '../../src/payouts/settling.ts';
import type { Actor } from '../../src/platform/keys/actor.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import { masterKeys } from '../../src/platform/keys/secrets.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { ago, auditOf, KEY_ID } from './world.ts';

const BATCH_ID = uuidv7(Date.now());
const APPROVER_ID = uuidv7(Date.now());

const depsOf = (scheme: WithholdingScheme): DraftDeps => ({
  taxes: { scheme, gap: 'restart', timeZone: 'Asia/Shanghai' },
  keys: masterKeys(['m'.repeat(32)]),
  numberKey: createSecretKey(Buffer.from('numbers')),
  payeeChangeWaitHours: 48,
  merchantsOwing: async () => new Set(),
});

const actor = (keyId: string, person: string): Actor => ({ keyId, scope: 'admin', role: null, person, merchantId: null, promoterId: null });

/** Pays the world; the promoters of its payouts, in the order paid, failed, sent. */
export async function payWorld(db: Kysely<DB>, scheme: WithholdingScheme): Promise<void> {
  const deps = depsOf(scheme);
  const at = ago(90);
  await db
    .insertInto('api_key')
    .values({ key_id: APPROVER_ID, hash: Buffer.alloc(32, 7), scope: 'admin', label: 'approves', person: 'li', made_at: at })
    .execute();
  await db
    .insertInto('audit_log')
    .values(auditOf('key', APPROVER_ID, at))
    .execute();
  const batch = { batchId: BATCH_ID, keyId: KEY_ID, person: 'zhang', schedule: null, currency: 'CNY', minimum: 0n };
  await inTransaction(db, ({ trx, now }) =>
    draftBatch(trx, deps, { ...batch, providerId: null, promoterIds: null, requested: false, despiteDebts: false }, now),
  );
  await inTransaction(db, async ({ trx, now }) => {
    const { content_hash: contentHash } = (await findBatch(trx, BATCH_ID))!;
    await approveBatch(trx, deps, { batchId: BATCH_ID, contentHash, actor: actor(APPROVER_ID, 'li'), now });
    await trx
      .insertInto('audit_log')
      .values(auditOf('payout_batch', BATCH_ID, now))
      .execute();
  });
  const payouts = await db.selectFrom('payout').select('payout_id').orderBy('payout_id').execute();
  const [paid, failed, sent] = payouts.map(({ payout_id: payoutId }) => payoutId);
  if (paid === undefined || failed === undefined || sent === undefined) throw new Error('the world has three promoters to pay');
  await inTransaction(db, async ({ trx, now }) => {
    const settling = { trx, accounts: accountCache(), now };
    await settle(settling, await payoutToSettle(trx, paid), { state: 'paid', reference: 'b1' });
    await settle(settling, await payoutToSettle(trx, failed), { state: 'failed', reason: 'ACCOUNT_FROZEN' });
    const payout = await payoutToSettle(trx, sent);
    const request = { body: Buffer.from('the bytes of a bill'), headers: {} };
    const bill = { payoutId: sent, providerId: 'manual', promoterId: payout.promoterId, sequence: 1, billNo: 'B1', currency: 'CNY' };
    await insertBill(trx, { ...bill, amount: payout.gross - payout.withheld!, request }, now);
  });
}
