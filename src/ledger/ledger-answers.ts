// How the books look to the world. Amounts are integers of minor units; ids of ours are texts.

import { z } from 'zod';

import { SKIP_REASONS, type SkipReason } from '../core/payouts/payout.ts';
import { ACCOUNT_KINDS, TRANSFER_CAUSES, TRANSFER_KINDS } from '../core/posting.ts';
import { ROLES } from '../core/party.ts';
import type { Balance } from './balances.ts';
import type { AccountRow, EntryRow, TransferRow } from './entry-store.ts';

const money = (description: string) => z.bigint().meta({ description });

export const balanceAnswer = z
  .object({
    currency: z.string().meta({ description: 'ISO 4217; all amounts are in its minor units.' }),
    pending: money('Earned, and still in the after-sale wait.'),
    available: money('Released and not paid out; below zero it is owed, and nets off what comes.'),
    paying: money('On its way in a payout.'),
    withheld: money('Kept back as tax.'),
    paid: money('Paid out so far.'),
    next_payout_at: z.date().optional().meta({ description: 'When the next payout is drafted by a schedule; left out where none is.' }),
    next_payout_skip: z.enum(SKIP_REASONS).nullable().optional().meta({
      description: 'Why it would pass over the promoter if it were drafted now; null where it would not.',
    }),
  })
  .meta({
    id: 'Balance',
    examples: [{ currency: 'CNY', pending: 1884, available: 0, paying: 0, withheld: 0, paid: 0 }],
  });

/**
 * When a promoter is drafted for next in a currency, and why it would be skipped if that were now.
 */
export interface NextPayout {
  at: Date;
  skip: SkipReason | null;
}

export function showBalance(balance: Balance, next: NextPayout | undefined) {
  return next === undefined ? balance : { ...balance, next_payout_at: next.at, next_payout_skip: next.skip };
}

const account = z.enum(ACCOUNT_KINDS);

const booking = {
  transfer_id: z.string(),
  kind: z.enum(TRANSFER_KINDS).meta({
    description:
      'What moved: earned, taken back, released, drafted for a payout or given back, withheld, paid, brought back by a bank, written off, ' +
      'received from a merchant.',
  }),
  cause: z.enum(TRANSFER_CAUSES).meta({ description: 'Why: an award of an order, a payout, its return …' }),
  cause_id: z.string().meta({ description: 'What made it: the revision of the order, the payout, the payment …' }),
  merchant_id: z.string(),
  source_id: z.string().nullable().meta({ description: 'Null, as all that is of an order, for what has another cause.' }),
  order_id: z.string().nullable(),
  revision: z.int().nullable().meta({ description: 'Which award of the order booked it.' }),
  line_id: z.string().nullable(),
  role: z.enum(ROLES).nullable(),
  level: z.int().optional(),
  currency: z.string(),
  booked_at: z.date(),
};

export const entryAnswer = z
  .object({
    ...booking,
    account: account.meta({ description: 'Which account of the promoter with this merchant and in this currency.' }),
    amount: money('What came to the account; below zero what left it.'),
    balance: money('Of that account after this entry.'),
  })
  .meta({ id: 'Entry' });

const side = z.object({ account_id: z.string(), kind: account });

export const transferAnswer = z
  .object({
    ...booking,
    position: z.int(),
    promoter_id: z.string().nullable().meta({ description: 'Null: the platform.' }),
    amount: money('Always above zero.'),
    from: side,
    to: side,
  })
  .meta({ id: 'Transfer' });

export const accountAnswer = z
  .object({
    account_id: z.string(),
    kind: account,
    merchant_id: z.string(),
    promoter_id: z.string().nullable().meta({ description: 'Null: the merchant’s or the platform’s.' }),
    currency: z.string(),
    balance: money('Exact to this moment.'),
  })
  .meta({ id: 'Account' });

export const trialAnswer = z
  .object({
    currency: z.string(),
    accounts: z.array(z.object({ kind: account, balance: z.bigint() })),
    sum: money('Always 0.'),
  })
  .meta({ id: 'TrialBalance' });

function showBooking(row: EntryRow | TransferRow) {
  return {
    transfer_id: String(row.transfer_id),
    kind: row.kind,
    cause: row.cause,
    cause_id: row.cause_id ?? String(row.revision),
    merchant_id: row.merchant_id,
    source_id: row.source_id,
    order_id: row.order_id,
    revision: row.revision,
    line_id: row.line_id,
    role: row.role,
    ...(row.level === null ? {} : { level: row.level }),
    currency: row.currency,
    amount: row.amount,
    booked_at: row.booked_at,
  };
}

export function showEntry(row: EntryRow) {
  return { ...showBooking(row), account: row.account, balance: row.balance };
}

export function showTransfer(row: TransferRow) {
  return {
    ...showBooking(row),
    position: row.position,
    promoter_id: row.promoter_id,
    from: { account_id: String(row.from_account_id), kind: row.from_kind },
    to: { account_id: String(row.to_account_id), kind: row.to_kind },
  };
}

export function showAccount({ account_id, ...row }: AccountRow) {
  return { account_id: String(account_id), ...row };
}
