// The redirect's own cookie: who this browser is, and which click of which merchant it began with.

import { createHash, randomFillSync } from 'node:crypto';

import { uuidTime } from '../../platform/uuid.ts';
import { readUuid, writeUuid } from '../uuid-bytes.ts';

/** The identity type of the cookie; its value is the whole cookie. */
export const VISITOR = 'visitor';
export const VISITOR_COOKIE = 'fy_vid';

/**
 * 12 random bytes, 4 of the merchant's tag, a dot, 16 of the first click's id: base64url cuts
 * exactly between them.
 */
const VISITOR_VALUE = /^[\w-]{21}[AQgw]\.[\w-]{21}[AQgw]$/;
const UUID_V7 = /^.{14}7.{4}[89ab]/;
const VISITOR_LENGTH = 45;
const TAG_FROM = 16;
const TAG_UNTIL = 22;
const CLICK_FROM = 23;
const ASSIGNMENT = `${VISITOR_COOKIE}=`;

const RANDOM_BYTES = 12;
const pool = Buffer.alloc(RANDOM_BYTES * 256);
let used = pool.length;
const idBytes = Buffer.alloc(16);

/** The click that a browser began with. */
interface FirstClick {
  clickId: string;
  /** Epoch milliseconds. */
  clickedAt: number;
}

/**
 * What in a visitor's value tells of which merchant the first click was, so that no merchant is
 * told of the clicks of another.
 */
export function visitorTag(merchantId: string): string {
  return createHash('sha256').update(merchantId).digest().subarray(0, 4).toString('base64url');
}

/** A new visitor's value. */
export function makeVisitor(tag: string, firstClickId: string): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  writeUuid(idBytes, firstClickId, 0);
  const random = pool.toString('base64url', used, used + RANDOM_BYTES);
  used += RANDOM_BYTES;
  return `${random}${tag}.${idBytes.toString('base64url')}`;
}

/**
 * The first click in a visitor's value when it was one of this merchant (by its tag); null
 * otherwise and for what we have not made. A browser's first click is written without a touch,
 * because most browsers come once; whoever is told the value adds that touch.
 */
export function firstClickOf(value: string, tag: string): FirstClick | null {
  if (!VISITOR_VALUE.test(value) || value.slice(TAG_FROM, TAG_UNTIL) !== tag) return null;
  const clickId = readUuid(Buffer.from(value.slice(CLICK_FROM), 'base64url'), 0);
  return UUID_V7.test(clickId) ? { clickId, clickedAt: uuidTime(clickId) } : null;
}

/** The visitor's value in a Cookie header, or null when there is none of the form that we make. */
export function visitorIn(cookies: string | undefined): string | null {
  if (cookies === undefined) return null;
  for (let at = cookies.indexOf(ASSIGNMENT); at >= 0; at = cookies.indexOf(ASSIGNMENT, at + 1)) {
    if (at > 0 && cookies[at - 1] !== ' ' && cookies[at - 1] !== ';') continue;
    const from = at + ASSIGNMENT.length;
    const value = cookies.slice(from, from + VISITOR_LENGTH);
    const next = cookies[from + VISITOR_LENGTH];
    if ((next === undefined || next === ';' || next === ' ') && VISITOR_VALUE.test(value)) return value;
  }
  return null;
}
