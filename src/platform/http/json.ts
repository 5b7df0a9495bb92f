// JSON in and out: strict on the way in (nothing ambiguous, nothing that cannot be stored, no digit
// lost), exact on the way out.

import { isUtf8 } from 'node:buffer';

import { parse as parseLossless, stringify as stringifyLossless } from 'lossless-json';
import { parse as parseSecurely } from 'secure-json-parse';

import { DomainError } from '../../core/errors.ts';

/**
 * Deeper bodies are refused: nothing that we read is nested more than a few levels, and whoever
 * walks a body may recurse.
 */
const DEPTH_MAX = 64;

/** An integer of fewer digits is below 2^53, so that a double holds it exactly. */
const LONG_NUMBER_DIGITS = 16;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const BYTE_ORDER_MARK = 0xfeff;

/**
 * Parses a JSON text from outside. Integers that a double cannot hold arrive as strings of their
 * exact digits. Throws `malformed_request` for what is not UTF-8, not JSON, nested deeper than 64
 * levels, for a key said twice in one object, for keys that reach a prototype, for numbers beyond a
 * double, and for zero bytes and lone surrogates, which PostgreSQL cannot store.
 */
export function parseJson(bytes: Buffer): unknown {
  const text = decode(bytes);
  const marks = survey(bytes);
  if (marks.depth > DEPTH_MAX) throw malformed(`The JSON is nested deeper than ${DEPTH_MAX} levels.`);
  let value: unknown;
  try {
    value = parseSecurely(text);
  } catch (error) {
    throw malformed(`The body is not acceptable JSON: ${error instanceof Error ? error.message : 'unreadable'}.`);
  }
  if (countMembers(value, marks.escapes) !== marks.members) throw malformed('An object in the JSON says one key twice.');
  return marks.longNumber ? parseLossless(text, null, exactNumber) : value;
}

/**
 * The JSON text of a value. A bigint becomes an integer with all its digits, a Date its ISO form.
 */
export function stringifyJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // JSON.stringify refuses a bigint; looking for one beforehand would cost every answer more than
    // failing costs the few that have one.
    if (error instanceof TypeError && error.message.includes('BigInt')) return stringifyLossless(value) ?? 'null';
    throw error;
  }
}

function decode(bytes: Buffer): string {
  if (bytes.length === 0) throw malformed('The body is empty; JSON was announced.');
  if (!isUtf8(bytes)) throw malformed('The body is not UTF-8.');
  const text = bytes.toString('utf8');
  return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
}

interface Marks {
  depth: number;
  members: number;
  escapes: boolean;
  longNumber: boolean;
}

/**
 * Reads the bytes once, before anything is built of them: how deep, how many object members, any \u
 * escape, any number of 16 digits.
 */
function survey(bytes: Buffer): Marks {
  const marks: Marks = { depth: 0, members: 0, escapes: false, longNumber: false };
  let depth = 0;
  let digits = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte >= 0x30 && byte <= 0x39) {
      if (++digits === LONG_NUMBER_DIGITS) marks.longNumber = true;
      continue;
    }
    digits = 0;
    if (byte === QUOTE) at = endOfString(bytes, at + 1, marks);
    else if (byte === COLON) marks.members++;
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > marks.depth) marks.depth = depth;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return marks;
}

function endOfString(bytes: Buffer, from: number, marks: Marks): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH && bytes[++at] === 0x75) marks.escapes = true;
  }
  return bytes.length;
}

/**
 * How many members all objects in the value have: fewer than the text has means that a key was said
 * twice. Checks each leaf on the way.
 */
function countMembers(value: unknown, escapes: boolean): number {
  if (typeof value === 'string') {
    if (escapes) checkText(value);
    return 0;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw malformed('A number in the JSON is too large.');
  if (typeof value !== 'object' || value === null) return 0;
  const isArray = Array.isArray(value);
  const items: unknown[] = isArray ? value : Object.values(value);
  let members = isArray ? 0 : items.length;
  for (const item of items) members += countMembers(item, escapes);
  if (escapes && !isArray) for (const key of Object.keys(value)) checkText(key);
  return members;
}

function checkText(text: string): void {
  if (text.includes('\0')) throw malformed('A string in the JSON holds a zero byte.');
  if (/\p{Cs}/u.test(text)) throw malformed('A string in the JSON holds half of a surrogate pair.');
}

function exactNumber(digits: string): number | string {
  const value = Number(digits);
  return Number.isSafeInteger(value) || !/^-?\d+$/.test(digits) ? value : digits;
}

function malformed(message: string): DomainError {
  return new DomainError('malformed_request', message);
}
