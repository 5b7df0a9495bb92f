// Clicks that a storefront tells of, and clicks out of the spool: written with their evidence, so
// that orders of before are decided again.

import type { Kysely, Transaction } from 'kysely';

import { inTransaction } from '../../platform/postgres/database.ts';
import { groupCommit, type GroupCommit } from '../../platform/postgres/group-commit.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { insertClicks, type Click } from './click-store.ts';
import type { OnEvidence } from '../listeners.ts';

const CLICKS_PER_COMMIT_MAX = 500;
const CLICKS_WAITING_MAX = 10_000;

/**
 * Writes the clicks that are not written yet, and tells in the same transaction of the evidence
 * that they are.
 */
export async function writeClicks(trx: Transaction<DB>, clicks: readonly Click[], onEvidence: OnEvidence, now: Date): Promise<void> {
  const fresh = await insertClicks(trx, clicks);
  const byMerchant = new Map<string, Set<string>>();
  for (const { merchantId, touches } of fresh) {
    const identities = byMerchant.get(merchantId) ?? new Set();
    for (const { identity } of touches) byMerchant.set(merchantId, identities.add(identity));
  }
  for (const [merchantId, identities] of byMerchant) await onEvidence(trx, merchantId, [...identities], now);
}

/** Told clicks in groups: each is durable, with its evidence told, when its promise resolves. */
export function reportedClickWriter(db: Kysely<DB>, onEvidence: OnEvidence): GroupCommit<Click, void> {
  return groupCommit<Click, void>({
    itemsMax: CLICKS_PER_COMMIT_MAX,
    waitingMax: CLICKS_WAITING_MAX,
    commit: async (clicks) => {
      await inTransaction(db, ({ trx, now }) => writeClicks(trx, clicks, onEvidence, now));
      return clicks.map(() => undefined);
    },
  });
}
