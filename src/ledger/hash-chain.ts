// The hash chain over the transfers: what is hashed, and how anybody can do it again. Pure.

import { createHash } from 'node:crypto';

import type { AccountKind } from '../core/posting.ts';

/** A transfer as the chain reads it: in the words of the outside, so that nothing of ours is needed to hash it again. */
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

const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);
export const HASH_LENGTH = 32;

/** What stands before the first link: 32 zero bytes. */
export const NO_LINK = Buffer.alloc(HASH_LENGTH);

/** An account by its kind and its owner: the promoter, else the merchant. */
export function accountText(kind: AccountKind, merchantId: string, promoterId: string | null): string {
  return `${kind}:${promoterId ?? merchantId}`;
}

/** The canonical text of a transfer: its sixteen fields in this order, each followed by a line feed. No field holds one itself. */
export function transferText(transfer: ChainedTransfer): string {
  return FIELDS.map((field) => `${transfer[field]}\n`).join('');
}

/** The leaf of a transfer: SHA-256 over a zero byte and the UTF-8 of its canonical text. */
export function leafOf(transfer: ChainedTransfer): Buffer {
  return createHash('sha256').update(LEAF).update(transferText(transfer)).digest();
}

/** SHA-256 over a byte of one, the left and the right. */
function nodeOf(left: Buffer, right: Buffer): Buffer {
  return createHash('sha256').update(NODE).update(left).update(right).digest();
}

/** The next level of the tree: neighbours are joined, and one that is left over stands there as it is. */
function levelAbove(level: readonly Buffer[]): Buffer[] {
  const above: Buffer[] = [];
  for (let place = 0; place < level.length; place += 2) {
    const [left, right] = [level[place]!, level[place + 1]];
    above.push(right === undefined ? left : nodeOf(left, right));
  }
  return above;
}

/** The Merkle tree hash of at least one leaf (RFC 6962, 2.1). */
export function rootOf(leaves: readonly Buffer[]): Buffer {
  let level: readonly Buffer[] = leaves;
  while (level.length > 1) level = levelAbove(level);
  return level[0]!;
}

/** What must be joined to a leaf, from the bottom to the root; `right` says on which side of what is there so far. */
export interface PathStep {
  right: boolean;
  hash: Buffer;
}

/** The paths of the leaves at these places. */
export function pathsOf(leaves: readonly Buffer[], places: readonly number[]): PathStep[][] {
  const paths: PathStep[][] = places.map(() => []);
  let level: readonly Buffer[] = leaves;
  for (let depth = 0; level.length > 1; depth++) {
    for (const [index, place] of places.entries()) {
      const here = Math.floor(place / 2 ** depth);
      const neighbour = level[here ^ 1];
      if (neighbour !== undefined) paths[index]!.push({ right: here % 2 === 0, hash: neighbour });
    }
    level = levelAbove(level);
  }
  return paths;
}

/** The root to which the path leads from the leaf. */
export function climb(leaf: Buffer, path: readonly PathStep[]): Buffer {
  return path.reduce((hash, step) => (step.right ? nodeOf(hash, step.hash) : nodeOf(step.hash, hash)), leaf);
}

/** What a link says of its transfers, and of all before it. `day` is YYYY-MM-DD in UTC. */
export interface Link {
  linkNo: bigint;
  day: string;
  transfers: number;
  root: Buffer;
  previousHash: Buffer;
  hash: Buffer;
}

/** The hash of a link: SHA-256 over number, day, count, root and previous hash (both in hex), each followed by a line feed. */
export function linkHash({ linkNo, day, transfers, root, previousHash }: Omit<Link, 'hash'>): Buffer {
  const text = [linkNo, day, transfers, root.toString('hex'), previousHash.toString('hex')].map((field) => `${field}\n`).join('');
  return createHash('sha256').update(text).digest();
}

/** Leaves that stand one after the other, apart. */
export function leavesIn(bytes: Buffer): Buffer[] {
  return Array.from({ length: bytes.length / HASH_LENGTH }, (_, place) => bytes.subarray(place * HASH_LENGTH, (place + 1) * HASH_LENGTH));
}
