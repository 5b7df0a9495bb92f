// How an order system is asked: what an adapter is given for it, how it says that it got no answer,
// and the one way of asking for JSON.
import { parseJson } from '../platform/http/json.ts';
import { secretsNamed, type SourceSecrets } from './signing.ts';
import { HOUR_MS } from '../platform/durations.ts';

const ANSWER_TIMEOUT_MS = 20_000;
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;
const RETRY_AFTER_MS = 10_000;
const RETRY_AFTER_MS_MAX = HOUR_MS;
/** No key, a shop that has not paid its platform, no right. */
const NOT_ALLOWED = new Set([401, 402, 403]);
/** Too slow, locked, too early: words about the moment and not about the question. */
const ASK_LATER = new Set([408, 423, 425]);

/**
 * The part of `fetch` that adapters use. It is given to them, so that the server decides what may
 * be reached.
 */
export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** What an adapter asks with. */
export interface Asking {
  /**
   * Where the platform is, without a slash at its end: what the adapter's `baseUrl` says, or what
   * this server was told instead.
   */
  baseUrl: string;
  secrets: SourceSecrets;
  /** As the adapter's `options` parsed them. */
  options: Record<string, unknown>;
  fetch: Fetch;
  /** The time of the database. */
  now: Date;
  /**
   * The access token of that name, kept sealed between processes; `obtain` is called when there is
   * none or it has expired, and is given what was kept last (a refresh token may be part of it). A
   * value is any text; say that it expires a little before it does. `ended` is the one that the
   * platform has ended before its time: another is obtained, unless somebody has done so already.
   */
  token(name: string, obtain: (previous: string | null) => Promise<Token>, ended?: string): Promise<string>;
}

/**
 * The secret of that name to ask with, which is the first one while several are valid; empty when
 * there is none.
 */
export function secretOf({ secrets }: Asking, name: string): string {
  return secretsNamed(secrets, name)[0] ?? '';
}

export interface Token {
  value: string;
  expiresAt: Date;
}

/**
 * Why there is no answer, and so what else may be asked.
 * - `item_refused`: the platform does not tell this one thing (it knows none, or it is another
 *   shop's, or deleted, or the question itself is refused); everything else may be asked. An error
 *   code that nobody knows is of this kind.
 * - `temporary`: it may be answered later.
 * - `rate_limited`: asked too often; ask this source nothing for `retryAfterMs`.
 * - `refused`: the keys or rights of the source are not good, which only an operator can change.
 * - `stale_cursor`: the window must be read from its start again.
 */
export type NoAnswer = 'item_refused' | 'temporary' | 'rate_limited' | 'refused' | 'stale_cursor';

/**
 * The one error that an adapter throws when asking fails. Its message is shown to operators, so it
 * must not hold a secret.
 */
export class AskingFailed extends Error {
  readonly kind: NoAnswer;
  /** How long not to ask, where the platform says so. */
  readonly retryAfterMs: number | null;

  constructor(kind: NoAnswer, message: string, { retryAfterMs = null, cause }: { retryAfterMs?: number | null; cause?: unknown } = {}) {
    super(message, { cause });
    this.name = 'AskingFailed';
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }
}

/** An answer of JSON: 64-bit integers in it are strings of their digits. */
export interface JsonAnswer {
  status: number;
  headers: Headers;
  value: unknown;
}

/**
 * Asks once and reads the JSON of a 2xx answer. Throws `AskingFailed`: 429 is `rate_limited` (with
 * its Retry-After), 401, 402 and 403 are `refused`, the rest of 4xx is `item_refused` (404 is a
 * thing that is not there), everything else that is no answer (a broken connection, 20 seconds of
 * silence, 5xx, no JSON, too much of it) is `temporary`. The query of the URL may hold a token, so
 * only host and path stand in messages. `answers` are statuses that answer the question, too.
 */
export async function askJson(
  fetch: Fetch,
  url: string | URL,
  init: RequestInit = {},
  answers: readonly number[] = [],
): Promise<JsonAnswer> {
  const { host, pathname } = new URL(url);
  const what = `${init.method ?? 'GET'} ${host}${pathname}`;
  let response: Response;
  let body: Buffer;
  try {
    response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS), ...init });
    body = await readAll(response, what);
  } catch (error) {
    if (error instanceof AskingFailed) throw error;
    throw new AskingFailed('temporary', `${what} was not answered: ${reasonOf(error)}`, { cause: error });
  }
  const { status, headers } = response;
  if (status === 429) throw new AskingFailed('rate_limited', `${what} was answered 429`, { retryAfterMs: retryAfterMs(headers) });
  const isAnswer = (status >= 200 && status <= 299) || answers.includes(status);
  if (!isAnswer && NOT_ALLOWED.has(status)) {
    throw new AskingFailed('refused', `${what} was answered ${status}: check the secrets of the source`);
  }
  if (!isAnswer) {
    const isOfItem = status >= 400 && status <= 499 && !ASK_LATER.has(status);
    throw new AskingFailed(isOfItem ? 'item_refused' : 'temporary', `${what} was answered ${status}`);
  }
  try {
    return { status, headers, value: parseJson(body) };
  } catch (error) {
    throw new AskingFailed('temporary', `${what} was answered with something that is not JSON`, { cause: error });
  }
}

async function readAll(response: Response, what: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new AskingFailed('temporary', `${what} was answered with more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A Retry-After in seconds or as a date; ten seconds where there is none that can be read. */
function retryAfterMs(headers: Headers): number {
  const text = headers.get('retry-after') ?? '';
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX) : RETRY_AFTER_MS;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
