// Checks a statement by nothing but itself: its sums, and that its entries lie in the hash chain.
// Pure, so that it works anywhere.

import { parse } from 'csv-parse/sync';

import { climb, leafOf, chainEntryHash, type ChainedTransfer, type ChainEntry } from './hash-chain.ts';
import { movedOn, readPath, type StatementColumn } from './statement.ts';

type Row = Record<StatementColumn, string>;

export interface CheckedStatement {
  /** What is wrong, in the order of the rows; empty where the statement holds. */
  faults: string[];
  entries: number;
  /**
   * Entries that are in no chain entry yet: they are proven by a statement that is fetched later.
   */
  unchained: number;
  /** The last chain entry: compare it with what others were told. */
  last: { linkNo: string; day: string; hash: string } | null;
}

/** Checks the text of a statement. */
export function checkStatement(text: string): CheckedStatement {
  const rows = parse<Row>(text, { columns: true, bom: true });
  const entries = rows.filter((row) => row.record === 'entry');
  const links = new Map(rows.filter((row) => row.record === 'link').map((row) => [row.link, row]));
  const faults = [...faultsOfSums(rows), ...entries.flatMap((row) => faultsOfEntry(row, links)), ...faultsOfLinks([...links.values()])];
  const last = [...links.values()].at(-1);
  const lastEntry = last === undefined ? null : { linkNo: last.link, day: last.day, hash: last.hash };
  return { faults, entries: entries.length, unchained: entries.filter((row) => row.link === '').length, last: lastEntry };
}

/** Opening balance and entries give every balance, and the closing one. */
function faultsOfSums(rows: readonly Row[]): string[] {
  const faults: string[] = [];
  const balances = new Map<string, bigint>();
  const closed = new Set<string>();
  for (const row of rows) {
    const name = `${row.account} account with ${row.merchant_id} in ${row.currency}`;
    if (row.record === 'opening') balances.set(name, BigInt(row.balance));
    if (row.record === 'entry') balances.set(name, (balances.get(name) ?? 0n) + BigInt(row.amount));
    if (row.record === 'closing') closed.add(name);
    if (row.record !== 'entry' && row.record !== 'closing') continue;
    const balance = balances.get(name);
    if (balance !== BigInt(row.balance)) {
      faults.push(`${name}: ${row.record} says ${row.balance}, and the sum is ${balance ?? 'of nothing'}`);
    }
  }
  for (const name of balances.keys()) {
    if (!closed.has(name)) faults.push(`${name}: there is no closing balance, so the statement is cut off`);
  }
  return faults;
}

function faultsOfEntry(row: Row, links: ReadonlyMap<string, Row>): string[] {
  const name = `transfer ${row.transfer_id}`;
  // A spreadsheet's guard puts an apostrophe before what it would calculate: it is not part of what
  // was hashed.
  const bare = Object.fromEntries(Object.entries(row).map(([column, value]) => [column, value.replace(/^'/, '')])) as Row;
  const readings = [row, bare];
  if (!readings.some((one) => movedOn(one.account, one.promoter_id, transferOf(one)) === BigInt(row.amount))) {
    return [`${name}: ${row.amount} is not what it moves on the ${row.account} account`];
  }
  if (row.link === '') return [];
  const link = links.get(row.link);
  if (link === undefined) return [`${name}: the link ${row.link} is missing`];
  const path = readPath(row.path);
  const isProven = readings.some((one) => climb(leafOf(transferOf(one)), path).toString('hex') === link.root);
  return isProven ? [] : [`${name}: it is not in the link ${row.link}`];
}

function transferOf(row: Row): ChainedTransfer {
  return {
    transferId: row.transfer_id,
    bookedAt: row.booked_at,
    kind: row.kind,
    merchantId: row.merchant_id,
    sourceId: row.source_id,
    orderId: row.order_id,
    revision: row.revision,
    position: row.position,
    lineId: row.line_id,
    role: row.role,
    level: row.level,
    promoterId: row.promoter_id,
    currency: row.currency,
    amount: row.moved,
    from: row.from,
    to: row.to,
    // Statements of before there were other causes say none.
    cause: row.cause ?? 'order',
    causeId: row.cause_id ?? '',
    campaignId: row.campaign_id ?? '',
  };
}

/** Every link has the hash that it should, and follows the one before it. */
function faultsOfLinks(rows: readonly Row[]): string[] {
  let before: ChainEntry | null = null;
  return rows.flatMap((row) => {
    const link: ChainEntry = {
      linkNo: BigInt(row.link),
      day: row.day,
      transfers: Number(row.transfers),
      root: Buffer.from(row.root, 'hex'),
      previousHash: Buffer.from(row.previous_hash, 'hex'),
      hash: Buffer.from(row.hash, 'hex'),
    };
    const follows = before === null || (link.linkNo === before.linkNo + 1n && link.previousHash.equals(before.hash));
    before = link;
    if (!chainEntryHash(link).equals(link.hash)) return [`link ${row.link}: its hash is not that of what it says`];
    return follows ? [] : [`link ${row.link}: it does not follow the link before it`];
  });
}
