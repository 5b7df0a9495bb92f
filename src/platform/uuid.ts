// UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, then 74 random ones, so that new rows
// lie beside each other in an index.

import { randomFillSync } from 'node:crypto';

const RANDOM_BYTES = 10;
/** Random bytes are drawn in bulk: one call of the system's generator for 400 ids. */
const POOL_BYTES = RANDOM_BYTES * 400;
const TIME_MS_MAX = 2 ** 48 - 1;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/**
 * The text of a new id for the moment `nowMs` (whole milliseconds since 1970). Ten random bytes may
 * be given, for an id that can be made again; otherwise they come from the system's generator. Ids
 * of one millisecond have no order among themselves.
 */
export function uuidv7(nowMs: number, random?: Uint8Array): string {
  if (!Number.isInteger(nowMs) || nowMs < 0 || nowMs > TIME_MS_MAX) throw new RangeError(`not a time of a UUID: ${nowMs}`);
  if (random !== undefined && random.length < RANDOM_BYTES) throw new RangeError(`a UUID takes ${RANDOM_BYTES} random bytes`);
  const bytes = random ?? pool;
  const from = random === undefined ? draw() : 0;
  const time = nowMs.toString(16).padStart(12, '0');
  const version = HEX[0x70 | (bytes[from]! & 0x0f)]! + hex(bytes, from + 1);
  const variant = HEX[0x80 | (bytes[from + 2]! & 0x3f)]! + hex(bytes, from + 3);
  const node = hex(bytes, from + 4) + hex(bytes, from + 5) + hex(bytes, from + 6);
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}-${variant}-${node}${hex(bytes, from + 7)}${hex(bytes, from + 8)}${hex(bytes, from + 9)}`;
}

function hex(bytes: Uint8Array, position: number): string {
  return HEX[bytes[position]!]!;
}

/** What no id of this moment or a later one is less than. */
export function firstUuid(ms: number): string {
  const time = Math.max(0, ms).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}

/**
 * The moment inside a version 7 id, in milliseconds since 1970. Throws a RangeError for anything
 * else.
 */
export function uuidTime(id: string): number {
  if (!UUID_V7.test(id)) throw new RangeError('not a UUID of version 7');
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** Where ten fresh bytes begin in the pool. No byte is used twice. */
function draw(): number {
  if (used + RANDOM_BYTES > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const from = used;
  used += RANDOM_BYTES;
  return from;
}
