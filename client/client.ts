// A client of the API: typed by its document, it sends again what was lost, throws what was
// refused, and believes only webhooks that are ours.

import openClient, { mergeHeaders } from 'openapi-fetch';
import type { Client, ClientPathsWithMethod, FetchOptions, FetchResponse, ParseAs } from 'openapi-fetch';

import type { components, paths } from './api.ts';

/**
 * Buyers follow links, and order systems push, without a key: neither is for a program that has
 * one.
 */
type Paths = Omit<paths, '/r/{code}' | '/webhooks/{source_id}'>;
type Method = 'get' | 'put' | 'post' | 'delete';
type PathOf<M extends Method> = ClientPathsWithMethod<Client<Paths>, M>;
type Operation<Path, M extends Method> = Path extends keyof Paths
  ? M extends keyof Paths[Path]
    ? NonNullable<Paths[Path][M]>
    : never
  : never;

/** What the document calls a text may be a file. */
type Sendable<Body> = [Extract<Body, string>] extends [never] ? Body : Body | Blob | Uint8Array<ArrayBuffer> | FormData;
type Given<Options> = {
  [Name in keyof Options as Name & ('params' | 'body' | 'headers' | 'signal')]: Name extends 'body'
    ? Sendable<Options[Name]>
    : Options[Name];
};
type Init<Path, M extends Method, P extends ParseAs> = Given<FetchOptions<Operation<Path, M>>> & { parseAs?: P };
/** Left out where nothing of it is required. */
type Optional<Options> = {} extends Options ? [options?: Options] : [options: Options];
type Data<Path, M extends Method, P extends ParseAs> = NonNullable<
  FetchResponse<Operation<Path, M>, { parseAs: P }, `${string}/${string}`>['data']
>;

/**
 * Asks one address of the API. Throws a FenyongError for every refusal, and when there is no
 * answer.
 */
type Call<M extends Method> = <Path extends PathOf<M>, P extends ParseAs = 'json'>(
  path: Path,
  ...options: Optional<Init<Path, M, P>>
) => Promise<{ data: Data<Path, M, P>; response: Response }>;

type ItemOf<Path> = Data<Path, 'get', 'json'> extends { data: (infer Item)[]; next_cursor: string | null } ? Item : never;
type ListPath = { [Path in PathOf<'get'>]: [ItemOf<Path>] extends [never] ? never : Path }[PathOf<'get'>];
type ListOptions<Path> = Pick<Operation<Path, 'get'>['parameters'], 'path' | 'query'> & { signal?: AbortSignal };

/** The API as one key sees it. */
export interface FenyongClient {
  GET: Call<'get'>;
  PUT: Call<'put'>;
  /**
   * Under an `Idempotency-Key` of its own where none is given in `params.header` or `headers`. A
   * text is sent as JSON lines.
   */
  POST: Call<'post'>;
  DELETE: Call<'delete'>;
  /** The items of a list, page after page, each page asked for when it is needed. */
  each: <Path extends ListPath>(path: Path, ...options: Optional<ListOptions<Path>>) => AsyncGenerator<ItemOf<Path>, void, undefined>;
}

export interface ClientOptions {
  /** Where the service is; by default FENYONG_URL of the environment. */
  url?: string | undefined;
  /** An API key; by default FENYONG_KEY of the environment. */
  key?: string | undefined;
  /** How often a request is sent at most; 5 by default. */
  attempts?: number;
  /** How long one attempt may take, its answer included, in milliseconds; 30 seconds by default. */
  attemptMs?: number;
  /** How long a call may take with all its attempts, in milliseconds; 90 seconds by default. */
  totalMs?: number;
  /** Ends every call at once, and the waiting between its attempts. */
  signal?: AbortSignal;
  fetch?: (request: Request, init: { signal: AbortSignal }) => Promise<Response>;
}

type Patience = Required<Omit<ClientOptions, 'url' | 'key' | 'signal'>>;
type Problem = components['schemas']['Problem'];

/** A refusal, or that there was no answer that could be read. */
export class FenyongError extends Error {
  override readonly name = 'FenyongError';
  /**
   * What a program looks at: a code of the API, or `unreachable`, `unexpected_answer`,
   * `invalid_webhook`.
   */
  readonly code: string;
  /** The HTTP status; 0 where there is none. */
  readonly status: number;
  /** What is wrong, for people. */
  readonly detail: string;
  /** What is wrong where, of bad input. */
  readonly errors: readonly { path: string; message: string }[];
  /** What the operator finds the request by in the log; null where there was no answer. */
  readonly requestId: string | null;

  constructor(
    problem: Pick<Problem, 'code' | 'status' | 'detail'> & { errors?: Problem['errors'] | undefined },
    { cause, requestId = null }: { cause?: unknown; requestId?: string | null } = {},
  ) {
    super(`${problem.code}: ${problem.detail}`, { cause });
    this.code = problem.code;
    this.status = problem.status;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
    this.requestId = requestId;
  }
}

/** Opens a client; nothing is sent yet. Throws a TypeError without an address or a key. */
export function createClient({
  url,
  key,
  fetch: given,
  attempts = 5,
  attemptMs = 30_000,
  totalMs = 90_000,
  signal: ofAll,
}: ClientOptions = {}): FenyongClient {
  const baseUrl = new URL(url ?? fromEnvironment('FENYONG_URL', 'url')).href.replace(/\/+$/, '');
  const authorization = `Bearer ${key ?? fromEnvironment('FENYONG_KEY', 'key')}`;
  const patience = { attempts, attemptMs, totalMs, fetch: given ?? ((request, init) => fetch(request, init)) } satisfies Patience;
  // A redirect would make a GET of a POST, and lose it.
  const api = openClient<paths>({ baseUrl, redirect: 'manual', bodySerializer: serialized });
  const ask = api.request as unknown as LooseRequest;

  async function call(method: Method, path: string, { params = {}, body, headers, signal: ofCall, parseAs }: LooseInit = {}) {
    for (const [name, value] of Object.entries(params.path ?? {})) checkSegment(name, value);
    const repeats = method !== 'post' || path.startsWith('/v1/');
    const own: Record<string, string> = { authorization, ...(typeof body === 'string' && { 'content-type': 'application/x-ndjson' }) };
    if (body instanceof Blob && body.type !== '') own['content-type'] = body.type;
    if (method === 'post' && repeats) own['idempotency-key'] = crypto.randomUUID();
    const signals = [ofAll, ofCall].filter((one) => one instanceof AbortSignal);
    const signal = signals.length === 0 ? null : AbortSignal.any(signals);
    let answer: Response | undefined;
    const send = async (request: Request) => (answer = await sendPatiently(request, { ...patience, attempts: repeats ? attempts : 1 }));
    const init = { params, body, headers: mergeHeaders(own, headers), signal, parseAs, fetch: send };
    try {
      const { data, error, response } = await ask(method, path, init);
      if (!response.ok) throw errorOf(response, error);
      return { data, response };
    } catch (error) {
      if (error instanceof SyntaxError && answer !== undefined) throw errorOf(answer, 'no JSON');
      throw error;
    }
  }

  async function* each(path: string, { path: places, query, signal }: LooseListOptions = {}) {
    for (let cursor: string | null | undefined = query?.cursor; cursor !== null;) {
      const init = { params: { path: places, query: { ...query, cursor } }, signal };
      const { data: page } = (await call('get', path, init)) as { data: { data: unknown[]; next_cursor: string | null } };
      yield* page.data;
      cursor = page.next_cursor;
    }
  }

  const calls: Record<Uppercase<Method>, unknown> = {
    GET: call.bind(null, 'get'),
    PUT: call.bind(null, 'put'),
    POST: call.bind(null, 'post'),
    DELETE: call.bind(null, 'delete'),
  };
  return { ...calls, each } as FenyongClient;
}

/** What the types above allow, as it is handled. */
interface LooseInit {
  params?: { path?: Record<string, unknown> | undefined; query?: Record<string, unknown>; header?: Record<string, unknown> };
  body?: unknown;
  headers?: Parameters<typeof mergeHeaders>[0];
  signal?: AbortSignal | null | undefined;
  parseAs?: ParseAs;
}

type LooseRequest = (method: Method, path: string, init: object) => Promise<{ data?: unknown; error?: unknown; response: Response }>;

interface LooseListOptions {
  path?: Record<string, unknown>;
  query?: Record<string, unknown> & { cursor?: string };
  signal?: AbortSignal;
}

function fromEnvironment(variable: string, option: string): string {
  // In a browser there is none.
  const { process } = globalThis as { process?: { env: Record<string, string | undefined> } };
  const value = process?.env[variable];
  if (value === undefined || value === '') throw new TypeError(`There is no ${option}: give one, or set ${variable}.`);
  return value;
}

/** An id of these would be read as a step in the path, and something else be asked for. */
function checkSegment(name: string, value: unknown): void {
  if (['', '.', '..'].includes(String(value))) throw new TypeError(`${name} is ${JSON.stringify(value)}, which no address can hold.`);
}

function serialized(body: unknown): unknown {
  const isRaw = typeof body === 'string' || body instanceof Blob || body instanceof Uint8Array || body instanceof FormData;
  return isRaw ? body : JSON.stringify(body);
}

/** Sends a request until it is answered for good, or patience ends. */
async function sendPatiently(request: Request, { attempts, attemptMs, totalMs, fetch }: Patience): Promise<Response> {
  const deadline = Date.now() + totalMs;
  let isLost = false;
  for (let attempt = 1; ; attempt += 1) {
    const timeout = AbortSignal.timeout(Math.max(Math.min(attemptMs, deadline - Date.now()), 1));
    const outcome = await sendOnce(request.clone(), AbortSignal.any([request.signal, timeout]), fetch);
    request.signal.throwIfAborted();
    const status = outcome instanceof Response ? outcome.status : null;
    // What an attempt has deleted whose answer was lost is not there any more.
    if (request.method === 'DELETE' && isLost && status === 404) return new Response(null, { status: 204 });
    isLost ||= status === null || status >= 500;
    const waitMs = waitAfter(outcome, attempt);
    if (waitMs === null || attempt >= attempts || Date.now() + waitMs >= deadline) {
      if (outcome instanceof Response) return outcome;
      throw new FenyongError(
        { code: 'unreachable', status: 0, detail: `${request.method} ${request.url} was not answered.` },
        { cause: outcome.cause },
      );
    }
    await pause(waitMs, request.signal);
  }
}

/** The answer once all of it is here, or why there is none. */
async function sendOnce(request: Request, signal: AbortSignal, fetch: Patience['fetch']): Promise<Response | { cause: unknown }> {
  try {
    const response = await fetch(request, { signal });
    const bytes = await response.arrayBuffer();
    return response.status === 0 ? response : new Response(bytes.byteLength === 0 ? null : bytes, response);
  } catch (cause) {
    return { cause };
  }
}

const FIRST_WAIT_MS = 250;
const WAIT_MS_MAX = 8000;

/**
 * How long to wait before the next attempt, in milliseconds; null where the answer would be the
 * same.
 */
function waitAfter(outcome: Response | { cause: unknown }, attempt: number): number | null {
  const spread = Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1), WAIT_MS_MAX) * (0.5 + Math.random() / 2);
  if (!(outcome instanceof Response)) return spread;
  const { status, headers } = outcome;
  const asked = retryAfterMs(headers.get('retry-after'));
  // The API says when to try again wherever that is of use: a limit of a day passes too late.
  const isOurs = headers.get('content-type')?.startsWith('application/problem+json') === true;
  const passes = status === 408 || status >= 500 || (status === 429 && !isOurs) || ((status === 429 || status === 409) && asked !== null);
  if (!passes) return null;
  return (asked ?? 0) + spread;
}

/** Seconds or a date, as milliseconds from now; null for neither. */
function retryAfterMs(text: string | null): number | null {
  if (text === null || text.trim() === '') return null;
  const ms = /^\s*\d+\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(ms, 0);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}

function errorOf(response: Response, body: unknown): FenyongError {
  const { status, headers } = response;
  const requestId = headers.get('x-request-id');
  const { code, detail, errors } = (body ?? {}) as Partial<Problem>;
  if (typeof code === 'string' && typeof detail === 'string') return new FenyongError({ code, status, detail, errors }, { requestId });
  const place = headers.get('location');
  const said = place === null ? (typeof body === 'string' ? body.slice(0, 200) : 'nothing') : `to go to ${place}`;
  return new FenyongError(
    { code: 'unexpected_answer', status, detail: `Something that is not the API answered ${status}: ${said}` },
    { requestId },
  );
}

/** An event, as `data` of its type tells it. `id` is the same however often it is sent. */
export interface WebhookEvent {
  id: string;
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

export interface ReceivedWebhook {
  /** The bytes as they came, or their text: not what was parsed of them. */
  body: string | Uint8Array;
  headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /**
   * The secret of the endpoint, `whsec_…`; several while it is being rotated, or of several
   * endpoints.
   */
  secret: string | readonly string[];
  now?: Date;
}

const TOLERANCE_SECONDS = 300;

/**
 * The event of a webhook that we signed within five minutes of now. Throws a FenyongError
 * `invalid_webhook` for any other.
 */
export async function verifyWebhook({ body, headers, secret, now = new Date() }: ReceivedWebhook): Promise<WebhookEvent> {
  const [id, timestamp, signature] = [
    fieldOf(headers, 'webhook-id'),
    fieldOf(headers, 'webhook-timestamp'),
    fieldOf(headers, 'webhook-signature'),
  ];
  if (id === '' || !/^\d{1,12}$/.test(timestamp)) throw invalidWebhook('It has no webhook-id and webhook-timestamp.');
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) {
    throw invalidWebhook('It was signed too long ago, or in the future.');
  }
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const head = new TextEncoder().encode(`${id}.${timestamp}.`);
  const signed = new Uint8Array(head.length + bytes.length);
  signed.set(head);
  signed.set(bytes, head.length);
  const signatures = signature.split(' ').flatMap((part) => (part.startsWith('v1,') ? (bytesOf(part.slice(3)) ?? []) : []));
  const secrets = typeof secret === 'string' ? [secret] : secret;
  const found = await Promise.all(secrets.map((one) => isSignedBy(one, signed, signatures)));
  if (!found.includes(true)) throw invalidWebhook('None of its signatures is by any of the secrets.');
  return { ...(JSON.parse(new TextDecoder().decode(bytes)) as Omit<WebhookEvent, 'id'>), id };
}

function fieldOf(headers: ReceivedWebhook['headers'], name: string): string {
  if (headers instanceof Headers) return headers.get(name) ?? '';
  return String(Object.entries(headers).find(([given]) => given.toLowerCase() === name)?.[1] ?? '');
}

async function isSignedBy(secret: string, signed: Uint8Array<ArrayBuffer>, signatures: Uint8Array<ArrayBuffer>[]): Promise<boolean> {
  const bytes = bytesOf(secret.replace(/^whsec_/, ''));
  if (bytes === null || bytes.length === 0) throw new TypeError('A secret is whsec_ and base64.');
  const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  // It compares in constant time.
  const found = await Promise.all(signatures.map((signature) => crypto.subtle.verify('HMAC', key, signature, signed)));
  return found.includes(true);
}

/** The bytes of a text in base64; null where it is none. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function invalidWebhook(detail: string): FenyongError {
  return new FenyongError({ code: 'invalid_webhook', status: 0, detail });
}
