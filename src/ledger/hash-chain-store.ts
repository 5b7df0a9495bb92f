// The hash chain in the database: its entries are written behind the fold's watermark, and verified
// by reading the transfers again.

import { sql, type Kysely } from 'kysely';

import type { AccountKind } from '../core/posting.ts';
import { inTransaction } from '../platform/postgres/database.ts';
import type { DB } from '../platform/postgres/tables.ts';
import {
  accountText,
  leafAt,
  leafOf,
  chainEntryHash,
  BEFORE_FIRST_ENTRY,
  treeOf,
  type ChainedTransfer,
  type ChainEntry,
} from './hash-chain.ts';

const TRANSFERS_PER_LINK_MAX = 10_000;
const LINKS_PER_READ = 100;

export interface ChainedRow {
  transfer_id: bigint;
  booked_xid: bigint;
  booked_at: Date;
  kind: string;
  merchant_id: string;
  source_id: string | null;
  order_id: string | null;
  revision: number | null;
  position: number | null;
  line_id: string | null;
  role: string | null;
  level: number | null;
  promoter_id: string | null;
  currency: string;
  amount: bigint;
  from_kind: AccountKind;
  from_merchant_id: string;
  from_promoter_id: string | null;
  to_kind: AccountKind;
  to_merchant_id: string;
  to_promoter_id: string | null;
  cause: string;
  cause_id: string | null;
  campaign_id: string | null;
}

/**
 * What `showChained` reads of a transfer. Joins are outer ones: a transfer whose order or account
 * is gone is still a transfer.
 */
export const CHAINED = sql`transfer_id, booked_xid, booked_at, transfer.kind, transfer.merchant_id, source_id, order_id, revision, position,
  line_id, role, level, transfer.promoter_id, transfer.currency, amount, cause, cause_id, campaign_id,
  source.kind as from_kind, source.merchant_id as from_merchant_id, source.promoter_id as from_promoter_id,
  target.kind as to_kind, target.merchant_id as to_merchant_id, target.promoter_id as to_promoter_id`;

export const CHAINED_JOINS = sql`left join orders on orders.order_key = transfer.order_key
  left join account source on source.account_id = from_account_id
  left join account target on target.account_id = to_account_id`;

/** A transfer in the words in which it is chained. */
export function showChained(row: ChainedRow): ChainedTransfer {
  return {
    transferId: String(row.transfer_id),
    bookedAt: row.booked_at.toISOString(),
    kind: row.kind,
    merchantId: row.merchant_id,
    sourceId: row.source_id ?? '',
    orderId: row.order_id ?? '',
    revision: String(row.revision ?? ''),
    position: String(row.position ?? ''),
    lineId: row.line_id ?? '',
    role: row.role ?? '',
    level: String(row.level ?? ''),
    promoterId: row.promoter_id ?? '',
    currency: row.currency,
    amount: String(row.amount),
    from: accountText(row.from_kind, row.from_merchant_id, row.from_promoter_id),
    to: accountText(row.to_kind, row.to_merchant_id, row.to_promoter_id),
    cause: row.cause,
    causeId: row.cause_id ?? String(row.revision ?? ''),
    campaignId: row.campaign_id ?? '',
  };
}

/**
 * What a run of the chain did: how many transfers it took, and whether there are more to take at
 * once.
 */
interface Chaining {
  chained: number;
  more: boolean;
}

/**
 * Chains the transfers that lie below the fold's watermark and in no chain entry yet, at most some
 * `limit` at a time: whole transactions, in the order of (booked_xid, transfer_id), a chain entry
 * for each run of one day. Nothing that commits late is skipped, because the watermark stays below
 * it. Holds the fold's row, so that one process chains at a time; a fold that comes meanwhile is
 * done a moment later.
 */
export async function chainTransfers(db: Kysely<DB>, limit = TRANSFERS_PER_LINK_MAX): Promise<Chaining> {
  return inTransaction(db, async ({ trx, now }) => {
    const held = await sql<{ below_xid: bigint }>`select below_xid from ledger_fold for update skip locked`.execute(trx);
    const [fold] = held.rows;
    if (fold === undefined) return { chained: 0, more: false };
    const last = (await readChainEntries(trx, { after: 0n, limit: 1, latest: true }))[0] ?? null;
    const from = last?.belowXid ?? 0n;
    const below = await endOfBatch(trx, { from, fold: fold.below_xid, limit });
    const rows = await readRange(trx, from, below);
    let before: Pick<ChainEntry, 'linkNo' | 'hash'> = last ?? { linkNo: 0n, hash: BEFORE_FIRST_ENTRY };
    for (const run of runsOfDays(rows)) {
      const entry = chainEntryAfter(before, run);
      await insertChainEntry(trx, entry, now);
      before = entry;
    }
    return { chained: rows.length, more: rows.length >= limit };
  });
}

/** Up to where the batch goes, so that no transaction is torn apart. */
async function endOfBatch(db: Kysely<DB>, { from, fold, limit }: { from: bigint; fold: bigint; limit: number }): Promise<bigint> {
  const { rows } = await sql<{ last: bigint | null }>`
    select max(booked_xid) as last from (
      select booked_xid from transfer where booked_xid >= ${from} and booked_xid < ${fold} order by booked_xid limit ${limit}
    ) as batch`.execute(db);
  return (rows[0]!.last ?? -1n) + 1n;
}

async function readRange(db: Kysely<DB>, from: bigint, below: bigint): Promise<ChainedRow[]> {
  const { rows } = await sql<ChainedRow>`
    select ${CHAINED} from transfer ${CHAINED_JOINS}
    where booked_xid >= ${from} and booked_xid < ${below} order by booked_xid, transfer_id`.execute(db);
  return rows;
}

const dayOf = (row: ChainedRow): string => row.booked_at.toISOString().slice(0, 10);

/**
 * Transactions one after the other that are of one day; a transaction is of the day of its first
 * transfer.
 */
function runsOfDays(rows: readonly ChainedRow[]): ChainedRow[][] {
  const runs: ChainedRow[][] = [];
  for (const row of rows) {
    const run = runs.at(-1);
    if (run !== undefined && (run.at(-1)!.booked_xid === row.booked_xid || dayOf(run[0]!) === dayOf(row))) run.push(row);
    else runs.push([row]);
  }
  return runs;
}

interface NewChainEntry extends ChainEntry {
  belowXid: bigint;
  leaves: Buffer;
  upper: Buffer;
}

function chainEntryAfter(before: Pick<ChainEntry, 'linkNo' | 'hash'>, rows: readonly ChainedRow[]): NewChainEntry {
  const leaves = Buffer.concat(rows.map((row) => leafOf(showChained(row))));
  const { root, upper } = treeOf(leaves);
  const said = {
    linkNo: before.linkNo + 1n,
    day: dayOf(rows[0]!),
    transfers: rows.length,
    root,
    previousHash: before.hash,
  };
  return { ...said, hash: chainEntryHash(said), leaves, upper, belowXid: rows.at(-1)!.booked_xid + 1n };
}

async function insertChainEntry(db: Kysely<DB>, entry: NewChainEntry, now: Date): Promise<void> {
  await db
    .insertInto('ledger_link')
    .values({
      link_no: entry.linkNo,
      day: entry.day,
      below_xid: entry.belowXid,
      transfers: entry.transfers,
      leaves: entry.leaves,
      upper: entry.upper,
      root: entry.root,
      previous_hash: entry.previousHash,
      hash: entry.hash,
      chained_at: now,
    })
    .execute();
}

/**
 * A chain entry as it is kept, without its leaves. Its transfers are those from the chain entry
 * before it up to `belowXid`.
 */
export interface KeptChainEntry extends ChainEntry {
  belowXid: bigint;
}

/** Chain entries in their order, after one of them; the `latest` ones, newest first. */
export async function readChainEntries(
  db: Kysely<DB>,
  { after, limit, latest = false }: { after: bigint; limit: number; latest?: boolean },
): Promise<KeptChainEntry[]> {
  const rows = await db
    .selectFrom('ledger_link')
    .select(['link_no', 'day', 'below_xid', 'transfers', 'root', 'previous_hash', 'hash'])
    .where('link_no', '>', after)
    .orderBy('link_no', latest ? 'desc' : 'asc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    linkNo: row.link_no,
    // A day is read as its text: it has no time zone.
    day: String(row.day),
    belowXid: row.below_xid,
    transfers: row.transfers,
    root: row.root,
    previousHash: row.previous_hash,
    hash: row.hash,
  }));
}

/** The leaves of one chain entry, one after the other, and what was kept of the tree over them. */
async function readTree(db: Kysely<DB>, linkNo: bigint): Promise<{ leaves: Buffer; upper: Buffer | null }> {
  return db.selectFrom('ledger_link').select(['leaves', 'upper']).where('link_no', '=', linkNo).executeTakeFirstOrThrow();
}

/** A chain entry with what is needed to prove its transfers. */
export interface ProvingChainEntry {
  linkNo: bigint;
  belowXid: bigint;
  leaves: Buffer;
  upper: Buffer | null;
}

/** The chain entry in which a transfer of this transaction is chained; null while it is in none. */
export async function chainEntryOf(db: Kysely<DB>, xid: bigint): Promise<ProvingChainEntry | null> {
  const { rows } = await sql<ProvingChainEntry>`
    select link_no as "linkNo", below_xid as "belowXid", leaves, upper from ledger_link where below_xid > ${xid}
    order by below_xid limit 1`.execute(db);
  return rows[0] ?? null;
}

/**
 * How a verification ended: how far it came, the last chain entry that agreed, and the first that
 * does not, with the reason.
 */
export interface ChainCheck {
  links: number;
  transfers: number;
  last: ChainEntry | null;
  broken: { linkNo: bigint; day: string; reason: string } | null;
}

/**
 * Computes the chain again from the transfers as they stand, entry by entry, and stops at the first
 * that does not agree. From the chain entry `after` on, which is then believed; 0 is the beginning.
 * What it reads never changes, so that it needs no snapshot.
 */
export async function verifyChain(db: Kysely<DB>, { after = 0n }: { after?: bigint } = {}): Promise<ChainCheck> {
  let last = after === 0n ? null : ((await readChainEntries(db, { after: after - 1n, limit: 1 }))[0] ?? null);
  const verified: ChainCheck = { links: 0, transfers: 0, last, broken: null };
  for (;;) {
    const entries = await readChainEntries(db, { after: last?.linkNo ?? 0n, limit: LINKS_PER_READ });
    for (const entry of entries) {
      const reason = await faultOf(db, last, entry);
      if (reason !== null) return { ...verified, broken: { linkNo: entry.linkNo, day: entry.day, reason } };
      last = entry;
      verified.links += 1;
      verified.transfers += entry.transfers;
      verified.last = last;
    }
    if (entries.length < LINKS_PER_READ) return verified;
  }
}

async function faultOf(db: Kysely<DB>, before: KeptChainEntry | null, entry: KeptChainEntry): Promise<string | null> {
  if (entry.linkNo !== (before?.linkNo ?? 0n) + 1n) return `it follows the link ${before?.linkNo ?? 0n}`;
  if (!entry.previousHash.equals(before?.hash ?? BEFORE_FIRST_ENTRY)) return 'its previous hash is not the hash of the link before it';
  if (!entry.hash.equals(chainEntryHash(entry))) return 'its hash is not that of what it says';
  const rows = await readRange(db, before?.belowXid ?? 0n, entry.belowXid);
  const { leaves: chained, upper } = await readTree(db, entry.linkNo);
  const strange = rows.findIndex((row, place) => !leafAt(chained, place).equals(leafOf(showChained(row))));
  if (strange !== -1) return `the transfer ${rows[strange]!.transfer_id} at place ${strange + 1} is not the one that was chained there`;
  if (rows.length !== entry.transfers) return `it has chained ${entry.transfers} transfers, and ${rows.length} are there`;
  const tree = treeOf(chained);
  if (!entry.root.equals(tree.root)) return 'its root is not that of its leaves';
  if (upper !== null && !upper.equals(tree.upper)) return 'its tree is not that of its leaves';
  return null;
}
