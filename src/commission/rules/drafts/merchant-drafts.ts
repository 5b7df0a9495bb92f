// Drafts of a merchant's terms that change what its promoters earn: its policy, the hold, the
// notice, the lock.
import { sql } from 'kysely';
import { z } from 'zod';
import { policySchema } from '../../../core/policy.ts';
import { callerId, effectiveFrom } from '../../../platform/http/fields.ts';
import { notifyChanged } from '../../../promotion/links/link-notices.ts';
import { rateLock, rateNotice, showMerchant } from '../../../promotion/merchants/merchant-body.ts';
import { changeEarningTerms, latestVersion, type MerchantTerms } from '../../../promotion/merchants/merchant-store.ts';
import type { DraftKind } from './draft-kind.ts';
import { readChange } from './rule-drafts.ts';

/** What is left out stays as it is. */
export const earningTerms = z.strictObject({
  merchant_id: callerId,
  attribution: policySchema.optional().meta({ description: 'The whole policy: what is left out in it takes its default.' }),
  hold_days: z.int().min(0).max(3650).optional(),
  rate_notice: rateNotice.optional(),
  rate_lock: rateLock.optional(),
  effective_from: effectiveFrom,
});

/** Some of a merchant's terms; the others stay as they are. */
export const merchantDrafts: DraftKind = {
  kind: 'merchant',
  read(stated) {
    const { merchant_id: merchantId, effective_from: from, ...given } = readChange(earningTerms, stated, 'merchant');
    const terms: Partial<MerchantTerms> = {
      ...(given.attribution !== undefined && { policy: given.attribution }),
      ...(given.hold_days !== undefined && { hold_days: given.hold_days }),
      ...(given.rate_notice !== undefined && { rate_notice_hours: given.rate_notice?.hours ?? null }),
      ...(given.rate_lock !== undefined && { rate_lock: given.rate_lock }),
    };
    return {
      subject: async (db) => ({ merchantId, subjectId: merchantId, version: await latestVersion(db, merchantId) }),
      refuse: async () => undefined,
      check: async () => ({ errors: [], warnings: [] }),
      async lock(trx) {
        await sql`select from merchant where merchant_id = ${merchantId} for update`.execute(trx);
      },
      async publish(trx, { actor, now, emergency }) {
        const origin = { actor, now, effectiveFrom: from == null || from < now ? null : from };
        const checks = { reviewRequired: false, isEmergency: emergency !== null };
        const { row, changed } = await changeEarningTerms(trx, { merchantId, terms }, origin, checks);
        if (changed) await notifyChanged(trx);
        return { subjectId: merchantId, version: row.version, body: showMerchant(row) };
      },
    };
  },
};
