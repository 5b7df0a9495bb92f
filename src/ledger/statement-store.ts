// What a statement reads: balances and entries below a watermark, which nothing that commits later
// can change, and the chain entries around them.

import { sql, type Kysely } from 'kysely';

import type { AccountKind } from '../core/posting.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { leafOf, placeOf, treeOf, type ChainedTransfer, type PathStep, type Tree } from './hash-chain.ts';
import {
  CHAINED,
  CHAINED_JOINS,
  chainEntryOf,
  readChainEntries,
  showChained,
  type ChainedRow,
  type KeptChainEntry,
  type ProvingChainEntry,
} from './hash-chain-store.ts';
import type { StatementBalance } from './statement.ts';

const LINKS_PER_PAGE = 500;
const TRANSFERS_PER_PAGE = 1000;

/**
 * Whose statement, and of when: entries booked from `from` until `until`, by transactions below
 * `belowXid`.
 */
export interface StatementQuery {
  promoterId: string;
  merchantId: string | null;
  from: Date;
  until: Date;
  belowXid: bigint;
}

/** Below which transaction all has been committed or undone by now. */
export async function settledXid(db: Kysely<DB>): Promise<bigint> {
  const { rows } = await sql<{ xid: bigint }>`
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + xid_offset as xid from ledger_fold`.execute(db);
  return rows[0]!.xid;
}

/** What the promoter's accounts held when the month began, those that have moved by its end. */
export async function openingBalances(db: Kysely<DB>, question: StatementQuery): Promise<(StatementBalance & { accountId: bigint })[]> {
  const { promoterId, merchantId, from, until, belowXid } = question;
  const { rows } = await sql<{ account_id: bigint; kind: AccountKind; merchant_id: string; currency: string; balance: string }>`
    select account_id, account.kind, account.merchant_id, account.currency,
      coalesce(sum(amount) filter (where booked_at < ${from}), 0) as balance
    from entry join account using (account_id)
    where entry.promoter_id = ${promoterId} and account.promoter_id = ${promoterId} and booked_at < ${until} and booked_xid < ${belowXid}
      and (${merchantId}::text is null or account.merchant_id = ${merchantId})
    group by account_id, account.kind, account.merchant_id, account.currency
    order by account.merchant_id, account.currency, account.kind`.execute(db);
  return rows.map((row) => ({
    accountId: row.account_id,
    merchantId: row.merchant_id,
    account: row.kind,
    currency: row.currency,
    balance: BigInt(row.balance),
  }));
}

/** Where the list of transfers goes on: strictly after this one. */
interface MonthCursor {
  bookedXid: bigint;
  transferId: bigint;
}

/**
 * A transfer of the month with its entries: what left an account of the promoter's, and what came
 * to one.
 */
interface MonthTransfer extends MonthCursor {
  transfer: ChainedTransfer;
  entries: { accountId: bigint; amount: bigint }[];
}

type MonthRow = ChainedRow & { from_account_id: bigint; to_account_id: bigint };

/**
 * The next transfers of the month, the earliest first. The transfers of the page are found by their
 * index first, and only those are joined: otherwise every page would sort all that are left.
 */
async function readMonth(db: Kysely<DB>, question: StatementQuery, after: MonthCursor, limit: number): Promise<MonthTransfer[]> {
  const { promoterId, merchantId, from, until, belowXid } = question;
  const ofMerchant = merchantId === null ? sql`true` : sql`merchant_id = ${merchantId}`;
  const { rows } = await sql<MonthRow>`
    with page as materialized (
      select * from transfer
      where promoter_id = ${promoterId} and (booked_xid, transfer_id) > (${after.bookedXid}, ${after.transferId})
        and booked_xid < ${belowXid} and booked_at >= ${from} and booked_at < ${until} and ${ofMerchant}
      order by booked_xid, transfer_id limit ${limit}
    )
    select ${CHAINED}, from_account_id, to_account_id from page as transfer ${CHAINED_JOINS}
    order by booked_xid, transfer_id`.execute(db);
  return rows.map((row) => ({
    bookedXid: row.booked_xid,
    transferId: row.transfer_id,
    transfer: showChained(row),
    entries: [
      ...(row.from_promoter_id === promoterId ? [{ accountId: row.from_account_id, amount: -row.amount }] : []),
      ...(row.to_promoter_id === promoterId ? [{ accountId: row.to_account_id, amount: row.amount }] : []),
    ],
  }));
}

/** The pages of the month. While one is written the next is being read already. */
export async function* monthPages(db: Kysely<DB>, question: StatementQuery): AsyncGenerator<MonthTransfer[]> {
  let next = readMonth(db, question, { bookedXid: -1n, transferId: -1n }, TRANSFERS_PER_PAGE);
  for (;;) {
    const page = await next;
    const last = page.at(-1);
    const isLast = last === undefined || page.length < TRANSFERS_PER_PAGE;
    if (!isLast) {
      next = readMonth(db, question, last, TRANSFERS_PER_PAGE);
      // It is thrown where it is awaited; a reader who has gone meanwhile awaits nothing any more.
      next.catch(() => undefined);
    }
    yield page;
    if (isLast) return;
  }
}

/** Where a transfer is chained. */
interface Proof {
  linkNo: bigint;
  path: PathStep[];
}

/**
 * A chain entry with its tree, and at which place in it the search for the next transfer begins.
 */
interface OpenLink extends ProvingChainEntry {
  tree: Tree;
  next: number;
}

/**
 * Proves transfers that come in the order of the chain. One chain entry is held at a time, with its
 * tree, whatever number of its transfers are asked for. Null where a transfer is in no chain entry
 * yet, or is not the one that was chained.
 */
export function prover(db: Kysely<DB>): (transfer: MonthTransfer) => Promise<Proof | null> | Proof | null {
  let open: OpenLink | null = null;
  /** From this transaction on nothing was chained when it was last looked for. */
  let unchained: bigint | null = null;

  async function openNext(transfer: MonthTransfer): Promise<Proof | null> {
    const link = await chainEntryOf(db, transfer.bookedXid);
    if (link === null) {
      unchained = transfer.bookedXid;
      return null;
    }
    open = { ...link, tree: treeOf(link.leaves, link.upper), next: 0 };
    return proofIn(open, transfer);
  }

  return (transfer) => {
    if (open !== null && transfer.bookedXid < open.belowXid) return proofIn(open, transfer);
    return unchained === null ? openNext(transfer) : null;
  };
}

function proofIn(link: OpenLink, { transfer }: MonthTransfer): Proof | null {
  const place = placeOf(link.leaves, leafOf(transfer), link.next);
  if (place < 0) return null;
  link.next = place + 1;
  return { linkNo: link.linkNo, path: link.tree.pathOf(place) };
}

/** The chain entries from the first to the last, both among them, in their order. */
export async function* chainEntriesBetween(db: Kysely<DB>, first: bigint, last: bigint): AsyncGenerator<KeptChainEntry> {
  for (let after = first - 1n; after < last;) {
    const links = await readChainEntries(db, { after, limit: LINKS_PER_PAGE });
    for (const link of links) if (link.linkNo <= last) yield link;
    if (links.length < LINKS_PER_PAGE) return;
    after = links.at(-1)!.linkNo;
  }
}
