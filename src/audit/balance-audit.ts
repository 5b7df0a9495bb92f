// Balances added up again from the first transfer on, beside those that are kept.

import { sql, type Kysely, type Transaction } from 'kysely';

import type { DB } from '../platform/postgres/tables.ts';
import type { Difference } from './difference.ts';

const TRANSFERS_PER_RANGE = 200_000;
const ACCOUNTS_PER_PAGE = 20_000;

/**
 * Where a kept balance is not the sum of the transfers below the fold. All is read in one snapshot,
 * a range of transactions at a time; what is held meanwhile is one sum for each account.
 */
export async function auditBalances(db: Kysely<DB>, onDifference: (difference: Difference) => void): Promise<{ accounts: number }> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => {
      const sums = await addUp(trx);
      let accounts = 0;
      for (let after = 0n; ;) {
        const { rows } = await sql<AccountRow>`
          select account_id, kind, merchant_id, promoter_id, currency, balance
          from account left join account_balance using (account_id)
          where account_id > ${after} order by account_id limit ${ACCOUNTS_PER_PAGE}`.execute(trx);
        for (const row of rows) {
          const expected = sums.get(row.account_id) ?? 0n;
          const found = BigInt(row.balance ?? 0);
          if (expected !== found) onDifference(differenceOf(row, expected, found));
          sums.delete(row.account_id);
        }
        accounts += rows.length;
        if (rows.length < ACCOUNTS_PER_PAGE) break;
        after = rows.at(-1)!.account_id;
      }
      for (const [accountId, expected] of sums) {
        onDifference({ subject: `account ${accountId}`, field: 'account', expected: `one that holds ${expected}`, found: 'nothing' });
      }
      return { accounts };
    });
}

interface AccountRow {
  account_id: bigint;
  kind: string;
  merchant_id: string;
  promoter_id: string | null;
  currency: string;
  /** Numeric, as its digits. */
  balance: string | null;
}

function differenceOf({ kind, merchant_id, promoter_id, currency }: AccountRow, expected: bigint, found: bigint): Difference {
  const subject = `account ${kind} ${merchant_id}${promoter_id === null ? '' : ` ${promoter_id}`} ${currency}`;
  return { subject, field: 'balance', expected: String(expected), found: String(found) };
}

async function addUp(trx: Transaction<DB>): Promise<Map<bigint, bigint>> {
  const { below_xid: below } = await trx.selectFrom('ledger_fold').select('below_xid').executeTakeFirstOrThrow();
  const sums = new Map<bigint, bigint>();
  for (let from = 0n; from < below;) {
    const { rows: ends } = await sql<{ booked_xid: bigint }>`
      select booked_xid from transfer where booked_xid >= ${from} and booked_xid < ${below}
      order by booked_xid offset ${TRANSFERS_PER_RANGE} limit 1`.execute(trx);
    const until = ends[0] === undefined ? below : ends[0].booked_xid + 1n;
    const { rows } = await sql<{ account_id: bigint; amount: string }>`
      select account_id, sum(amount) as amount from entry where booked_xid >= ${from} and booked_xid < ${until}
      group by account_id`.execute(trx);
    for (const { account_id: accountId, amount } of rows) sums.set(accountId, (sums.get(accountId) ?? 0n) + BigInt(amount));
    from = until;
  }
  return sums;
}
