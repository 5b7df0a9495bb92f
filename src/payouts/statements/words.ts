// Which words a readable statement has; they stand in one file for each language.

import type { Role } from '../../core/party.ts';
import type { PayoutState, SkipReason } from '../../core/payouts/payout.ts';
import type { TransferKind } from '../../core/posting.ts';
import type { OwnAccount } from './month.ts';

/** The columns of the table; every record fills those that it has. */
export const COLUMNS = [
  'record',
  'time',
  'what',
  'merchant',
  'currency',
  'order',
  'line',
  'role',
  'payout',
  'pending',
  'available',
  'paying',
  'withheld',
  'paid',
  'gross',
  'tax',
  'net',
  'reference',
  'reason',
] as const;
export type Column = (typeof COLUMNS)[number];

const RECORDS = ['opening', 'entry', 'payout', 'sum', 'closing'] as const;
export type RecordKind = (typeof RECORDS)[number];

export interface StatementWords {
  /** As HTML and HTTP name it. */
  language: string;
  title: string;
  promoter: string;
  month: string;
  nothing: string;
  /** Between the figures of one merchant, what all of them come to. */
  owed: string;
  explained: string;
  allMerchants: string;
  headings: Record<'opening' | 'entries' | 'payouts' | 'sums' | 'closing', string>;
  columns: Record<Column, string>;
  records: Record<RecordKind, string>;
  kinds: Record<TransferKind, string>;
  bonus: string;
  reRating: string;
  accounts: Record<OwnAccount, string>;
  roles: Record<Role, string>;
  level: (level: string) => string;
  states: Record<PayoutState, string>;
  reasons: Record<SkipReason, string>;
}
