// The hash chain over the transfers: what is hashed, and how anybody can do it again. Pure.

import { hash } from 'node:crypto';

import type { AccountKind } from '../core/posting.ts';

/**
 * A transfer as the chain reads it: in the words of the outside, so that nothing of ours is needed
 * to hash it again.
 */
export interface ChainedTransfer {
  transferId: string;
  bookedAt: string;
  kind: string;
  merchantId: string;
  sourceId: string;
  orderId: string;
  revision: string;
  position: string;
  lineId: string;
  role: string;
  /** Empty where the role has none, as `promoterId` is for the platform. */
  level: string;
  promoterId: string;
  currency: string;
  amount: string;
  /** `<kind>:<owner>`, see `accountText`. */
  from: string;
  to: string;
  /** `order`, or why else it was made and by what. */
  cause: string;
  causeId: string;
  /** Empty but of a boost. */
  campaignId: string;
}

const FIELDS = [
  'transferId',
  'bookedAt',
  'kind',
  'merchantId',
  'sourceId',
  'orderId',
  'revision',
  'position',
  'lineId',
  'role',
  'level',
  'promoterId',
  'currency',
  'amount',
  'from',
  'to',
] as const satisfies (keyof ChainedTransfer)[];

const NODE = 1;
const HASH_LENGTH = 32;

/** What stands before the first chain entry: 32 zero bytes. */
export const BEFORE_FIRST_ENTRY = Buffer.alloc(HASH_LENGTH);

/** An account by its kind and its owner: the promoter, else the merchant. */
export function accountText(kind: AccountKind, merchantId: string, promoterId: string | null): string {
  return `${kind}:${promoterId ?? merchantId}`;
}

/**
 * The canonical text of a transfer: its sixteen fields in this order, each followed by a line feed.
 * No field holds one itself. What is not booked by the award of an order has two more, its cause
 * and what made it: until there were other causes a transfer was hashed without them. A boost then
 * has the word `campaign` and the campaign, as two more.
 */
export function transferText(transfer: ChainedTransfer): string {
  const fields = FIELDS.map((field) => transfer[field]);
  if (transfer.cause !== 'order') fields.push(transfer.cause, transfer.causeId);
  if (transfer.campaignId !== '') fields.push('campaign', transfer.campaignId);
  return fields.map((field) => `${field}\n`).join('');
}

/**
 * SHA-256. The hash is taken as a string and written into a buffer, which is three times as quick
 * as being given one.
 */
function sha256(data: string | Buffer): Buffer {
  return Buffer.from(hash('sha256', data, 'binary'), 'latin1');
}

/** The leaf of a transfer: SHA-256 over a zero byte and the UTF-8 of its canonical text. */
export function leafOf(transfer: ChainedTransfer): Buffer {
  return sha256(`\0${transferText(transfer)}`);
}

/** A byte of one, the left and the right: what a node of the tree is hashed from. */
const pair = Buffer.alloc(1 + 2 * HASH_LENGTH, NODE);

/**
 * The next level of the tree: neighbours are joined, and one that is left over stands there as it
 * is.
 */
function levelAbove(level: Buffer): Buffer {
  const count = level.length / HASH_LENGTH;
  const above = Buffer.allocUnsafe(Math.ceil(count / 2) * HASH_LENGTH);
  for (let place = 0; place < count; place += 2) {
    const from = place * HASH_LENGTH;
    if (place + 1 === count) level.copy(above, from / 2, from);
    else {
      level.copy(pair, 1, from, from + 2 * HASH_LENGTH);
      above.write(hash('sha256', pair, 'binary'), from / 2, 'latin1');
    }
  }
  return above;
}

/**
 * What must be joined to a leaf, from the bottom to the root; `right` says on which side of what is
 * there so far.
 */
export interface PathStep {
  right: boolean;
  hash: Buffer;
}

/** The Merkle tree (RFC 6962, 2.1) over at least one leaf, built once for any number of paths. */
export interface Tree {
  root: Buffer;
  /**
   * Its levels from the third above the leaves on, one after the other: an eighth, a sixteenth … of
   * the leaves.
   */
  upper: Buffer;
  /** The path of the leaf at this place. */
  pathOf: (place: number) => PathStep[];
}

/**
 * Below this level a path costs a few hashes, above it the whole tree: so that is what is kept of
 * it.
 */
const UPPER_FROM = 3;

/**
 * The tree over leaves that lie one after the other in one buffer. With its `upper` levels it is
 * not built again.
 */
export function treeOf(leaves: Buffer, upper: Buffer | null = null): Tree {
  const levels = upper === null ? levelsOf(leaves) : levelsWith(leaves, upper);
  const top = levels.length - 1;
  const counts = levels.map((_, depth) => Math.ceil(leaves.length / HASH_LENGTH / 2 ** depth));

  function hashAt(depth: number, place: number): Buffer {
    const level = levels[depth];
    if (level != null) return leafAt(level, place);
    const left = hashAt(depth - 1, place * 2);
    return place * 2 + 1 < counts[depth - 1]! ? nodeOf(left, hashAt(depth - 1, place * 2 + 1)) : left;
  }

  const pathOf = (place: number): PathStep[] => {
    const path: PathStep[] = [];
    for (let depth = 0; depth < top; depth++) {
      const here = place >>> depth;
      if ((here ^ 1) < counts[depth]!) path.push({ right: here % 2 === 0, hash: hashAt(depth, here ^ 1) });
    }
    return path;
  };
  return { root: hashAt(top, 0), upper: Buffer.concat(levels.slice(UPPER_FROM).filter((level) => level !== null)), pathOf };
}

/** All levels, from the leaves to the root. */
function levelsOf(leaves: Buffer): Buffer[] {
  const levels = [leaves];
  while (levels.at(-1)!.length > HASH_LENGTH) levels.push(levelAbove(levels.at(-1)!));
  return levels;
}

/** The leaves and the levels that were kept; null for those between them. */
function levelsWith(leaves: Buffer, upper: Buffer): (Buffer | null)[] {
  const levels: (Buffer | null)[] = [leaves];
  let from = 0;
  for (let count = leaves.length / HASH_LENGTH; count > 1;) {
    count = Math.ceil(count / 2);
    const length = levels.length < UPPER_FROM ? 0 : count * HASH_LENGTH;
    levels.push(length === 0 ? null : upper.subarray(from, from + length));
    from += length;
  }
  return levels;
}

/** A byte of one, the left and the right, hashed. */
function nodeOf(left: Buffer, right: Buffer): Buffer {
  left.copy(pair, 1);
  right.copy(pair, 1 + HASH_LENGTH);
  return sha256(pair);
}

/** The hash at a place of a level; empty beyond its end. */
export function leafAt(leaves: Buffer, place: number): Buffer {
  return leaves.subarray(place * HASH_LENGTH, (place + 1) * HASH_LENGTH);
}

/** At which place from `from` on the leaf stands; -1 when it stands at none. */
export function placeOf(leaves: Buffer, leaf: Buffer, from: number): number {
  for (let at = leaves.indexOf(leaf, from * HASH_LENGTH); at >= 0; at = leaves.indexOf(leaf, at + 1)) {
    if (at % HASH_LENGTH === 0) return at / HASH_LENGTH;
  }
  return -1;
}

/** The root to which the path leads from the leaf. */
export function climb(leaf: Buffer, path: readonly PathStep[]): Buffer {
  return path.reduce((below, step) => (step.right ? nodeOf(below, step.hash) : nodeOf(step.hash, below)), leaf);
}

/** What a chain entry says of its transfers, and of all before it. `day` is YYYY-MM-DD in UTC. */
export interface ChainEntry {
  linkNo: bigint;
  day: string;
  transfers: number;
  root: Buffer;
  previousHash: Buffer;
  hash: Buffer;
}

/**
 * The hash of a chain entry: SHA-256 over number, day, count, root and previous hash (both in hex),
 * each followed by a line feed.
 */
export function chainEntryHash({ linkNo, day, transfers, root, previousHash }: Omit<ChainEntry, 'hash'>): Buffer {
  const text = [linkNo, day, transfers, root.toString('hex'), previousHash.toString('hex')].map((field) => `${field}\n`).join('');
  return sha256(text);
}
