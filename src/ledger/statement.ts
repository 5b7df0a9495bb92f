// A promoter's statement of one month as a CSV table: opening balances, entries, closing balances,
// and the chain entries that prove them.

import { csvRow } from '../platform/lines/csv-row.ts';
import type { ChainedTransfer, ChainEntry, PathStep } from './hash-chain.ts';

/**
 * The columns; every record fills those that it has. Amounts are minor units, times are of UTC,
 * hashes hex.
 */
const STATEMENT_COLUMNS = [
  'record',
  'merchant_id',
  'account',
  'currency',
  'booked_at',
  'kind',
  'source_id',
  'order_id',
  'line_id',
  'role',
  'level',
  'amount',
  'balance',
  'transfer_id',
  'revision',
  'position',
  'promoter_id',
  'moved',
  'from',
  'to',
  'link',
  'path',
  'day',
  'transfers',
  'root',
  'previous_hash',
  'hash',
  'cause',
  'cause_id',
  'campaign_id',
] as const;

export type StatementColumn = (typeof STATEMENT_COLUMNS)[number];

type Cells = Partial<Record<StatementColumn, string | bigint | number | null>>;

function row(record: 'opening' | 'entry' | 'closing' | 'link', cells: Cells): string {
  return csvRow(STATEMENT_COLUMNS.map((column) => (column === 'record' ? record : (cells[column] ?? null))));
}

/** Spreadsheets take a file for UTF-8 by its byte order mark. */
export const statementHead = (): string => `\uFEFF${csvRow(STATEMENT_COLUMNS)}`;

/** One of the promoter's accounts with what lies on it. */
export interface StatementBalance {
  merchantId: string;
  account: string;
  currency: string;
  balance: bigint;
}

export function balanceRow(record: 'opening' | 'closing', { merchantId, account, currency, balance }: StatementBalance): string {
  return row(record, { merchant_id: merchantId, account, currency, balance });
}

/**
 * An entry with its transfer, and where that is chained; null while it is in no chain entry yet.
 */
interface StatementEntry extends StatementBalance {
  amount: bigint;
  transfer: ChainedTransfer;
  proof: { linkNo: bigint; path: readonly PathStep[] } | null;
}

export function entryRow({ merchantId, account, currency, amount, balance, transfer, proof }: StatementEntry): string {
  return row('entry', {
    merchant_id: merchantId,
    account,
    currency,
    amount,
    balance,
    booked_at: transfer.bookedAt,
    kind: transfer.kind,
    source_id: transfer.sourceId,
    order_id: transfer.orderId,
    line_id: transfer.lineId,
    role: transfer.role,
    level: transfer.level,
    transfer_id: transfer.transferId,
    revision: transfer.revision,
    position: transfer.position,
    promoter_id: transfer.promoterId,
    moved: transfer.amount,
    from: transfer.from,
    to: transfer.to,
    cause: transfer.cause,
    cause_id: transfer.causeId,
    campaign_id: transfer.campaignId,
    link: proof?.linkNo ?? null,
    path: proof === null ? null : pathText(proof.path),
  });
}

export function chainEntryRow({ linkNo, day, transfers, root, previousHash, hash }: ChainEntry): string {
  const hex = { root: root.toString('hex'), previous_hash: previousHash.toString('hex'), hash: hash.toString('hex') };
  return row('link', { link: linkNo, day, transfers, ...hex });
}

/** A path as text: each step with the side on which its hash stands. */
function pathText(path: readonly PathStep[]): string {
  return path.map(({ right, hash }) => `${right ? 'right' : 'left'}:${hash.toString('hex')}`).join(' ');
}

/** A path as it was written by `pathText`. */
export function readPath(text: string): PathStep[] {
  return text
    .split(' ')
    .filter((step) => step !== '')
    .map((step) => ({ right: step.startsWith('right:'), hash: Buffer.from(step.slice(step.indexOf(':') + 1), 'hex') }));
}

/** What an entry adds to an account of the promoter's, as its transfer says. */
export function movedOn(account: string, promoterId: string, transfer: Pick<ChainedTransfer, 'from' | 'to' | 'amount'>): bigint | null {
  const name = `${account}:${promoterId}`;
  if (transfer.to === name) return BigInt(transfer.amount);
  return transfer.from === name ? -BigInt(transfer.amount) : null;
}
