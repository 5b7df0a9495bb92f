// What a statement reads: balances and entries below a watermark, which nothing that commits later can change, and the links around them.

import { sql, type Kysely } from 'kysely';

import type { AccountKind } from '../core/posting.ts';
import type { DB } from '../platform/tables.ts';
import { leafOf, pathsOf, type ChainedTransfer, type PathStep } from './hash-chain.ts';
import { CHAINED, CHAINED_JOINS, readLeaves, readLinks, showChained, type ChainedRow, type KeptLink } from './hash-chain-store.ts';
import type { StatedBalance } from './statement.ts';

const LINKS_PER_PAGE = 500;

/** Whose statement, and of when: entries booked from `from` until `until`, by transactions below `belowXid`. */
export interface StatementQuestion {
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
export async function openingBalances(db: Kysely<DB>, question: StatementQuestion): Promise<(StatedBalance & { accountId: bigint })[]> {
  const { promoterId, merchantId, from, until, belowXid } = question;
  const { rows } = await sql<{ account_id: bigint; kind: AccountKind; merchant_id: string; currency: string; balance: bigint }>`
    select account_id, account.kind, account.merchant_id, account.currency,
      coalesce(sum(amount) filter (where booked_at < ${from}), 0)::bigint as balance
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
    balance: row.balance,
  }));
}

/** Where the list of entries goes on: strictly after this one. */
export interface EntryPlace {
  bookedXid: bigint;
  transferId: bigint;
  side: number;
}

export interface MonthEntry extends EntryPlace {
  accountId: bigint;
  amount: bigint;
  transfer: ChainedTransfer;
}

type EntryRow = ChainedRow & { side: number; account_id: bigint; signed: bigint };

/** The next entries of the month, the earliest first. */
export async function readEntries(db: Kysely<DB>, question: StatementQuestion, after: EntryPlace, limit: number): Promise<MonthEntry[]> {
  const { promoterId, merchantId, from, until, belowXid } = question;
  const { rows } = await sql<EntryRow>`
    select ${CHAINED}, side, side.account_id, side.signed
    from transfer ${CHAINED_JOINS},
      lateral (values (0, from_account_id, -amount), (1, to_account_id, amount)) as side (side, account_id, signed)
      join account own on own.account_id = side.account_id
    where transfer.promoter_id = ${promoterId} and own.promoter_id = ${promoterId}
      and booked_at >= ${from} and booked_at < ${until} and booked_xid < ${belowXid}
      and (${merchantId}::text is null or transfer.merchant_id = ${merchantId})
      and (booked_xid, transfer_id) >= (${after.bookedXid}, ${after.transferId})
      and (booked_xid, transfer_id, side) > (${after.bookedXid}, ${after.transferId}, ${after.side})
    order by booked_xid, transfer_id, side limit ${limit}`.execute(db);
  return rows.map((row) => ({
    bookedXid: row.booked_xid,
    transferId: row.transfer_id,
    side: row.side,
    accountId: row.account_id,
    amount: row.signed,
    transfer: showChained(row),
  }));
}

/** Where a transfer is chained. */
export interface Proof {
  linkNo: bigint;
  path: PathStep[];
}

/** The proofs of entries, in their order; null where a transfer is in no link yet, or is not the one that was chained. */
export async function proofsOf(db: Kysely<DB>, entries: readonly MonthEntry[]): Promise<(Proof | null)[]> {
  const proofs: (Proof | null)[] = entries.map(() => null);
  if (entries.length === 0) return proofs;
  const { rows } = await sql<{ place: bigint; link_no: bigint }>`
    select place, link_no from unnest(${entries.map((entry) => String(entry.bookedXid))}::bigint[]) with ordinality as asked (xid, place),
    lateral (select link_no from ledger_link where below_xid > xid order by below_xid limit 1) as link`.execute(db);
  const byLink = new Map<bigint, number[]>();
  for (const { place, link_no: linkNo } of rows) byLink.set(linkNo, [...(byLink.get(linkNo) ?? []), Number(place) - 1]);
  for (const [linkNo, indexes] of byLink) {
    const leaves = await readLeaves(db, linkNo);
    const placeOf = new Map(leaves.map((leaf, place) => [leaf.toString('hex'), place]));
    const found = indexes.flatMap((index) => {
      const place = placeOf.get(leafOf(entries[index]!.transfer).toString('hex'));
      return place === undefined ? [] : [{ index, place }];
    });
    const paths = pathsOf(
      leaves,
      found.map(({ place }) => place),
    );
    for (const [which, { index }] of found.entries()) proofs[index] = { linkNo, path: paths[which]! };
  }
  return proofs;
}

/** The links from the first to the last, both among them, in their order. */
export async function* linksBetween(db: Kysely<DB>, first: bigint, last: bigint): AsyncGenerator<KeptLink> {
  for (let after = first - 1n; after < last;) {
    const links = await readLinks(db, { after, limit: LINKS_PER_PAGE });
    for (const link of links) if (link.linkNo <= last) yield link;
    if (links.length < LINKS_PER_PAGE) return;
    after = links.at(-1)!.linkNo;
  }
}
