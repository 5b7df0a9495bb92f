// The public API as the desk calls it: by the types of its document, with the cookie of the
// session, which no script can read.

import openClient from 'openapi-fetch';

import type { components, operations, paths } from '../../../client/api.ts';
import { ROOT } from './place.ts';
import { say } from './say.tsx';

export type Schemas = components['schemas'];
/** What GET /v1/me says: who is signed in, and the operations that he may do. */
export type Me = Schemas['Me'];
export type Operation = keyof operations;
type Problem = Omit<Schemas['Problem'], 'type'>;

const SAFE = new Set(['GET', 'HEAD']);
const ATTEMPTS = 3;
const FIRST_WAIT_MS = 300;

/** What the API refused, or what kept us from asking. */
export class Refusal extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

let csrf: string | null = null;
let onSignedOut: () => Promise<void> = () => Promise.resolve();

/** What the requests of a session that change something must show. */
export function showCsrf(token: string | null): void {
  csrf = token;
}

/** `listener` is called when a session is over; it ends when somebody has signed in again. */
export function whenSignedOut(listener: () => Promise<void>): void {
  onSignedOut = listener;
}

/** The API, typed. Its calls are taken by `answered`. */
export const api = openClient<paths>({ baseUrl: ROOT.href.replace(/\/$/, ''), cache: 'no-store', fetch: send });

/** The answer of a call of `api`. Throws a `Refusal`. */
export async function answered<Data>(call: Promise<{ data?: Data; error?: unknown; response: Response }>): Promise<Data> {
  const { data, error, response } = await unbroken(call);
  if (!response.ok) throw new Refusal(problemOf(response, error));
  return data as Data;
}

/** Signs in: a session of the key, which is sent this once and kept nowhere. Throws a `Refusal`. */
export async function signIn(key: string): Promise<void> {
  await answered(api.POST('/v1/sessions', { headers: { authorization: `Bearer ${key}` } }));
}

async function unbroken<Answer>(call: Promise<Answer>): Promise<Answer> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    if (error instanceof SyntaxError) throw new Refusal(localProblem('unreadable', say('unreadable'), error.message));
    throw new Refusal(localProblem('unreachable', say('unreachable'), error instanceof Error ? error.message : String(error)));
  }
}

function localProblem(code: string, title: string, detail: string): Problem {
  return { code, title, detail, status: 0 };
}

function problemOf({ status, statusText }: Response, body: unknown): Problem {
  if (typeof body === 'object' && body !== null && 'code' in body) return body as Problem;
  return { code: 'unreadable', title: `HTTP ${status}`, detail: statusText === '' ? say('unreadable') : statusText, status };
}

/**
 * Sends a request. A session that is over is asked for anew first, whereupon what only reads is
 * sent again; what changes something is not, for somebody else may have signed in.
 */
async function send(request: Request): Promise<Response> {
  const isSigningIn = request.headers.has('authorization');
  const own = new Request(request);
  if (!SAFE.has(own.method)) {
    if (own.method === 'POST' && !own.headers.has('idempotency-key')) own.headers.set('idempotency-key', newIdempotencyKey());
    if (csrf !== null && !isSigningIn) own.headers.set('x-csrf-token', csrf);
  }
  const response = await sendPatiently(own);
  if (response.status !== 401 || isSigningIn) return response;
  const back = onSignedOut();
  if (!SAFE.has(own.method)) return response;
  await back;
  return sendPatiently(own);
}

/** What is lost on the way is sent again: under one Idempotency-Key it is done once. */
async function sendPatiently(request: Request): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await fetch(request.clone());
    } catch (error) {
      if (attempt === ATTEMPTS || request.signal.aborted) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, FIRST_WAIT_MS * attempt));
  }
}

/** `crypto.randomUUID` is not there where a page comes without TLS. */
function newIdempotencyKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
