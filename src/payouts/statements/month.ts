// A month of a promoter's money, piece by piece as it is read: what there was, every entry, what
// became of the payouts, the sums by merchant, and what is left. Pieces are bounded, months are
// not.

import type { Kysely } from 'kysely';

import { assert } from '../../core/errors.ts';
import type { AccountKind, TransferKind } from '../../core/posting.ts';
import type { ChainedTransfer } from '../../ledger/hash-chain.ts';
import { monthPages, openingBalances, type StatementQuery } from '../../ledger/statement-store.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { movedPayouts, type MovedPayout } from './moved-payout-store.ts';

export const OWN_ACCOUNTS = ['pending', 'available', 'paying', 'withheld', 'paid'] as const satisfies readonly AccountKind[];
export type OwnAccount = (typeof OWN_ACCOUNTS)[number];

/** Minor units by account. */
export type Amounts = Record<OwnAccount, bigint>;

/**
 * What a promoter has with one merchant in one currency, or with all of them where that is null.
 */
export interface MerchantAmounts {
  merchantId: string | null;
  currency: string;
  amounts: Amounts;
}

/** One transfer as it changes the promoter's accounts; those that it leaves alone are 0. */
export interface MonthEntry extends MerchantAmounts {
  merchantId: string;
  transfer: ChainedTransfer;
}

/** What the entries of one kind come to. */
interface MerchantSum extends MerchantAmounts {
  kind: TransferKind;
}

/** With one merchant in one currency, from the beginning of the month to its end. */
export interface MerchantMonth {
  merchantId: string | null;
  currency: string;
  opening: Amounts;
  /** By the kind of entry, in the order in which they came first. */
  sums: MerchantSum[];
  closing: Amounts;
}

export type MonthPiece =
  | { piece: 'opening'; balances: MerchantAmounts[] }
  | { piece: 'entries'; entries: MonthEntry[] }
  | { piece: 'payouts'; payouts: MovedPayout[] }
  | { piece: 'end'; months: MerchantMonth[] };

const noAmounts = (): Amounts => ({ pending: 0n, available: 0n, paying: 0n, withheld: 0n, paid: 0n });

/** What the promoter is still to be paid: in the wait, available or on its way. */
export function owedOf({ pending, available, paying }: Amounts): bigint {
  return pending + available + paying;
}

/** Opening, entries and payouts in pages, and the end with the sums of what was told before. */
export async function* monthPieces(db: Kysely<DB>, question: StatementQuery): AsyncGenerator<MonthPiece> {
  const months = new Map<string, MerchantMonth>();
  const accounts = new Map<bigint, { account: OwnAccount; month: MerchantMonth }>();
  for (const { accountId, merchantId, account, currency, balance } of await openingBalances(db, question)) {
    const key = `${merchantId}\n${currency}`;
    const month = months.get(key) ?? { merchantId, currency, opening: noAmounts(), sums: [], closing: noAmounts() };
    months.set(key, month);
    const own = ownAccount(account);
    accounts.set(accountId, { account: own, month });
    month.opening[own] = balance;
    month.closing[own] = balance;
  }
  const own = [...months.values()];
  yield { piece: 'opening', balances: own.map(({ merchantId, currency, opening }) => ({ merchantId, currency, amounts: { ...opening } })) };
  for await (const page of monthPages(db, question)) {
    yield {
      piece: 'entries',
      entries: page.map(({ transfer, entries }) => {
        const amounts = noAmounts();
        const { month } = accounts.get(entries[0]!.accountId)!;
        for (const { accountId, amount } of entries) amounts[accounts.get(accountId)!.account] += amount;
        add(month, transfer.kind as TransferKind, amounts);
        return { merchantId: transfer.merchantId, currency: transfer.currency, amounts, transfer };
      }),
    };
  }
  for await (const payouts of movedPayouts(db, question)) yield { piece: 'payouts', payouts };
  yield { piece: 'end', months: [...own, ...totalsOf(own)] };
}

function ownAccount(kind: string): OwnAccount {
  const own = OWN_ACCOUNTS.find((account) => account === kind);
  assert(own !== undefined, `${kind} is an account of a promoter`);
  return own;
}

function add(month: MerchantMonth, kind: TransferKind, amounts: Amounts): void {
  let sum = month.sums.find((one) => one.kind === kind);
  if (sum === undefined) {
    sum = { kind, merchantId: month.merchantId, currency: month.currency, amounts: noAmounts() };
    month.sums.push(sum);
  }
  addTo(sum.amounts, amounts);
  addTo(month.closing, amounts);
}

function addTo(sum: Amounts, amounts: Amounts): void {
  for (const account of OWN_ACCOUNTS) sum[account] += amounts[account];
}

/** All merchants together, for each currency that there are several of. */
function totalsOf(months: readonly MerchantMonth[]): MerchantMonth[] {
  const currencies = [...new Set(months.map(({ currency }) => currency))].toSorted();
  return currencies.flatMap((currency) => {
    const parts = months.filter((month) => month.currency === currency);
    if (parts.length < 2) return [];
    const total: MerchantMonth = { merchantId: null, currency, opening: noAmounts(), sums: [], closing: noAmounts() };
    for (const { opening, sums } of parts) {
      addTo(total.opening, opening);
      addTo(total.closing, opening);
      for (const { kind, amounts } of sums) add(total, kind, amounts);
    }
    return [total];
  });
}
