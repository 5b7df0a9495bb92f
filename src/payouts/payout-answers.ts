// How payouts look to the world.

import { z } from 'zod';

import { PAYOUT_STATES, type PayoutState } from '../core/payouts/payout.ts';
import { WITHHOLDING_SCHEMES, withholdingStep } from '../core/payouts/withholding.ts';
import { callerId } from '../platform/http/fields.ts';
import { netOf } from './payout.ts';
import type { ChangeRow, PayoutRow } from './payout-store.ts';

export const payoutAnswer = z
  .object({
    payout_id: z.uuid(),
    batch_id: z.uuid(),
    promoter_id: callerId,
    currency: z.string(),
    provider_id: callerId,
    payee_version: z.int().nullable().meta({ description: 'Null where no payee was stated, and `manual` pays.' }),
    state: z.enum(PAYOUT_STATES),
    reason: z.string().nullable().meta({ description: 'Why it is in this state, in the words of who told it.' }),
    next: z.string().nullable().meta({ description: 'What happens next; null where nothing does.' }),
    reference: z.string().nullable().meta({ description: 'What the provider or the bank calls the payment.' }),
    gross: z.bigint(),
    withheld: z.bigint().nullable().meta({ description: 'The tax, fixed at the approval.' }),
    net: z.bigint().meta({ description: 'What is sent.' }),
    scheme: z.enum(WITHHOLDING_SCHEMES).nullable(),
    tax_month: z.string().nullable(),
    items: z.array(z.object({ merchant_id: callerId, amount: z.bigint() })).meta({ description: 'Of which merchants’ money.' }),
    drafted_at: z.date(),
    approved_at: z.date().nullable(),
    paid_at: z.date().nullable(),
    returned_at: z.date().nullable(),
    action_expires_at: z.string().nullable().meta({ description: 'Until when the payee has to act; null where it has not.' }),
  })
  .meta({ id: 'Payout' });

export const payoutDetail = payoutAnswer
  .extend({
    tax_steps: z.array(withholdingStep).meta({ description: 'How the tax was reckoned.' }),
    changes: z.array(
      z.object({
        from: z.enum(PAYOUT_STATES).nullable(),
        to: z.enum(PAYOUT_STATES),
        reason: z.string().nullable(),
        key_id: z.uuid().nullable().meta({ description: 'Null for what the service did or a provider told.' }),
        at: z.date(),
      }),
    ),
  })
  .meta({ id: 'PayoutDetail' });

/** What happens next in each state, for whoever asks where the money is. */
const NEXT: Readonly<Record<PayoutState, string | null>> = {
  drafted: 'A second person approves the batch.',
  dropped: null,
  approved: 'It is sent to the provider.',
  sending: 'The provider is asked what has become of it.',
  sent: 'Its end is told by whoever pays, by a result, a notice or an answer.',
  action_required: 'The payee has to act; without that the provider ends it.',
  unknown: 'The provider is asked for this payment until it knows it; nothing is sent under another number.',
  disputed: 'Two persons say how it ended.',
  paid: null,
  failed: 'Its money is available again, and in the next draft.',
  cancelled: 'Its money is available again, and in the next draft.',
  returned: 'Its money is available again, and in the next draft.',
};

export function showPayout(row: PayoutRow): z.output<typeof payoutAnswer> {
  return {
    payout_id: row.payout_id,
    batch_id: row.batch_id,
    promoter_id: row.promoter_id,
    currency: row.currency,
    provider_id: row.provider_id,
    payee_version: row.payee_version,
    state: row.state,
    reason: row.reason,
    next: NEXT[row.state],
    reference: row.reference,
    gross: row.gross,
    withheld: row.withheld,
    net: netOf(row),
    scheme: row.scheme,
    tax_month: row.tax_month,
    items: row.items.map(({ merchant_id, amount }) => ({ merchant_id, amount: BigInt(amount) })),
    drafted_at: row.drafted_at,
    approved_at: row.approved_at,
    paid_at: row.paid_at,
    returned_at: row.returned_at,
    action_expires_at: row.action?.expires_at ?? null,
  };
}

export function showPayoutDetail(row: PayoutRow, changes: readonly ChangeRow[]): z.output<typeof payoutDetail> {
  return {
    ...showPayout(row),
    tax_steps: z.array(withholdingStep).parse(row.tax_steps ?? []),
    changes: changes.map(({ from_state: from, to_state: to, reason, key_id, changed_at: at }) => ({ from, to, reason, key_id, at })),
  };
}
