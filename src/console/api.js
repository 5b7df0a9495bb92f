// The public API as the console calls it: with the key that the user typed, which is kept until the
// tab is closed and sent to nobody else.

import { parseExactly } from './amounts.js';
import { say } from './words.js';

/**
 * @typedef {{path: string, message: string}} Fault
 * @typedef {{title: string, detail: string, code: string, status?: number, errors?: Fault[],
 *   request_id?: string}} Problem
 * @typedef {Record<string, string | number | null | undefined>} Query
 */

const KEY_PLACE = 'fenyong.key';
/**
 * The page stands at /console, and the API beside it, also where both stand below a path of a
 * proxy.
 */
const ROOT = new URL('../', import.meta.url);

/** What a header can carry; no key has other characters. */
export const KEY_CHARACTERS = /^[\x21-\x7e]+$/;

/** The event that says that the key is not accepted any more; its detail is the problem. */
export const UNAUTHORIZED = 'unauthorized';

/** What the API refused, or what kept us from asking. */
export class Refusal extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.title);
    this.problem = problem;
  }
}

export function readKey() {
  return sessionStorage.getItem(KEY_PLACE);
}

/** @param {string | null} key null forgets it */
export function keepKey(key) {
  if (key === null) sessionStorage.removeItem(KEY_PLACE);
  else sessionStorage.setItem(KEY_PLACE, key);
}

/**
 * A path of these parts, each escaped, with the fields of the query that say something.
 * @param {readonly string[]} parts
 * @param {Query} [query]
 */
export function addressOf(parts, query = {}) {
  const fields = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const search = fields.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&');
  return parts.map(encodeURIComponent).join('/') + (search === '' ? '' : `?${search}`);
}

/**
 * Asks the API. Throws a `Refusal`.
 * @param {readonly string[]} parts of the path, after /v1
 * @param {Query} [query]
 */
export function get(parts, query) {
  return send('GET', addressOf(['v1', ...parts], query), {});
}

/**
 * Tells the API to do something, once for each idempotency key. Throws a `Refusal`.
 * @param {readonly string[]} parts of the path, after /v1
 * @param {string} idempotencyKey
 */
export function post(parts, idempotencyKey) {
  return send('POST', addressOf(['v1', ...parts]), { 'idempotency-key': idempotencyKey });
}

/**
 * A key that nobody used before. `crypto.randomUUID` is not there where a page comes without TLS.
 */
export function newIdempotencyKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * @param {string} method
 * @param {string} address
 * @param {Record<string, string>} headers
 */
async function send(method, address, headers) {
  const authorization = `Bearer ${readKey() ?? ''}`;
  const { response, text } = await exchange(new URL(address, ROOT), { method, headers: { ...headers, authorization }, cache: 'no-store' });
  const body = readBody(text);
  if (response.ok && body !== undefined) return body;
  const problem = problemOf(response, body);
  if (response.status === 401) window.dispatchEvent(new CustomEvent(UNAUTHORIZED, { detail: problem }));
  throw new Refusal(problem);
}

/** @param {URL} url @param {RequestInit} request */
async function exchange(url, request) {
  try {
    const response = await fetch(url, request);
    return { response, text: await response.text() };
  } catch (error) {
    throw new Refusal({ title: say('unreachable'), detail: error instanceof Error ? error.message : String(error), code: 'unreachable' });
  }
}

/** @param {string} text */
function readBody(text) {
  try {
    return parseExactly(text);
  } catch {
    // A proxy before us answered with a page of its own; its status is told instead.
    return undefined;
  }
}

/** @param {Response} response @param {unknown} body @returns {Problem} */
function problemOf({ status, statusText }, body) {
  if (typeof body === 'object' && body !== null && 'code' in body) return /** @type {Problem} */ (body);
  return { title: `HTTP ${status}`, detail: statusText || say('unreadable'), code: 'unreadable', status };
}
