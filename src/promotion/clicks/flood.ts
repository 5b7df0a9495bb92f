// Floods of one address, told apart from visits in fixed memory and in nanoseconds: counts by hash,
// of the minute of the clock.

import { randomBytes } from 'node:crypto';

import { MINUTE_MS, SECOND_MS } from '../../platform/durations.ts';

const SLOTS = 65_536;
const SLOT = SLOTS - 1;
const COLON = 0x3a;
/**
 * An IPv6 network of 64 bits, which is what one customer is given, has four groups of its address.
 */
const GROUPS_OF_NETWORK = 4;
const GROUPS = 8;

interface FloodGate {
  /**
   * Counts one visit from this address, and tells whether this minute has seen more of them than
   * the limit.
   */
  isOver: (address: string | undefined, now: number) => boolean;
  /** Whether a flooding visit of this link is to be kept: at most one a second. */
  isSample: (linkCode: string, now: number) => boolean;
}

/**
 * Counts visits by their address, an IPv6 network being one. Every address has a place in each of
 * two rows, and the smaller count is its own: one that shares a place with a flood shares the other
 * one hardly ever. Which places those are nobody outside can know.
 */
export function floodGate(perMinute: number): FloodGate {
  const seed = randomBytes(4).readInt32LE();
  const counts = new Uint32Array(2 * SLOTS);
  /** By the hash of a link: the last second, of this epoch, of which a visit was kept. */
  const kept = new Uint32Array(SLOTS);
  let minute = 0;

  function isOver(address: string | undefined, now: number): boolean {
    const current = Math.floor(now / MINUTE_MS);
    if (current !== minute) {
      minute = current;
      counts.fill(0);
    }
    // Who has hung up has no address any more, and nothing to be told.
    const hash = address === undefined ? seed : hashOfAddress(address, seed);
    const one = ++counts[hash & SLOT]!;
    const other = ++counts[SLOTS + (hash >>> 16)]!;
    return one > perMinute && other > perMinute;
  }

  function isSample(linkCode: string, now: number): boolean {
    const second = Math.floor(now / SECOND_MS);
    const place = hashOfText(linkCode, 0, seed) & SLOT;
    if (kept[place] === second) return false;
    kept[place] = second;
    return true;
  }

  return { isOver, isSample };
}

/**
 * The hash of an IPv4 address, as itself or mapped into IPv6, or of the network of an IPv6 address,
 * however it is written.
 */
export function hashOfAddress(address: string, seed: number): number {
  return address.includes('.') ? hashOfText(address, address.lastIndexOf(':') + 1, seed) : hashOfNetwork(address, seed);
}

function hashOfText(text: string, from: number, seed: number): number {
  let hash = seed;
  for (let at = from; at < text.length; at++) hash = mixed(hash, text.charCodeAt(at));
  return spread(hash);
}

function hashOfNetwork(address: string, seed: number): number {
  let hash = seed;
  let groups = 0;
  let group = 0;
  for (let at = 0; at < address.length && groups < GROUPS_OF_NETWORK; at++) {
    const code = address.charCodeAt(at);
    if (code !== COLON) {
      group = group * 16 + digitOf(code);
      continue;
    }
    // Two colons stand for as many groups of zero as are missing; at the beginning no group stands
    // before them.
    if (at > 0) {
      hash = mixed(hash, group);
      groups += 1;
      group = 0;
    }
    if (address.charCodeAt(at + 1) !== COLON) continue;
    const end = Math.min(GROUPS_OF_NETWORK, GROUPS - groupsFrom(address, at + 2));
    for (; groups < end; groups++) hash = mixed(hash, 0);
    at += 1;
  }
  return spread(groups < GROUPS_OF_NETWORK ? mixed(hash, group) : hash);
}

function groupsFrom(address: string, from: number): number {
  if (from >= address.length) return 0;
  let groups = 1;
  for (let at = from; at < address.length; at++) if (address.charCodeAt(at) === COLON) groups += 1;
  return groups;
}

/** 0 to 9, a to f, A to F; what is none of them names no network anyway. */
function digitOf(code: number): number {
  return code < COLON ? code - 0x30 : (code | 0x20) - 0x57;
}

/** FNV-1a, a step at a time. */
function mixed(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193);
}

/** The last step of MurmurHash3: every bit of the hash comes to depend on all of them. */
function spread(hash: number): number {
  let bits = hash ^ (hash >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
